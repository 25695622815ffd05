"""What happened each day, at each shop, with each barber? The additive measures from which every metric is made.

`daily(tables, clock)` is one Ibis expression over the contract's tables: one row per (location_id, staff_id,
local_date), staff_id null where no barber is known. A measure is null where the shop's source cannot know it, and zero
where it could and nothing happened; so sums never turn "unknown" into "nothing".

Written in the subset of Ibis that DuckDB, Polars, PostgreSQL and Spark agree on: count(where=), sum(where=), group_by,
joins, windows and date.delta(unit="day").
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import ibis
from ibis import _

KEYS = ("location_id", "staff_id", "local_date")
VISIT_MEASURES = (
    *("bookings", "completed", "no_shows", "cancellations", "booked_min", "new_clients", "rebook_base", "rebooked"),
    *("prebooked", "base_42", "retained_42", "base_90", "retained_90"),
)
PAYMENT_MEASURES = ("net_service_cents", "net_retail_cents", "tips_cents")
SHIFT_MEASURES = ("available_min",)
MEASURES = VISIT_MEASURES + PAYMENT_MEASURES + SHIFT_MEASURES
NEW_CLIENT_HISTORY = 180  # days before a client never seen may be called new
REBOOK_HOURS = 24


@dataclass(frozen=True)
class Clock:
    """What may be said at `as_of`: the moment itself (UTC), its local date, and the first local date of the data."""

    as_of: datetime
    today: date
    history_start: date

    def last_closed_base(self, days: int) -> date:
        """First day that is too late for retention within `days`: the whole base month must have had its chance."""
        month = (self.today - timedelta(days=days) + timedelta(days=1)).replace(day=1)
        return month


def daily(tables: dict[str, ibis.Table], clock: Clock) -> ibis.Table:
    """The rollup: KEYS and MEASURES, from `appointments`, `services`, `clients`, `payments` and `shifts`.

    The first, fourth and fifth carry `local_date`. Amounts are minor units, times are minutes.
    """
    parts = [
        (_visits(tables, clock), VISIT_MEASURES),
        (_takings(tables["payments"]), PAYMENT_MEASURES),
        (_floor_time(tables["shifts"]), SHIFT_MEASURES),
    ]
    known = [part.select("location_id").distinct() for part, _m in parts]
    rows = ibis.union(*(_widened(part, measures) for part, measures in parts))
    rows = rows.group_by(KEYS).aggregate(**{m: rows[m].sum() for m in MEASURES}, unclear=rows.unclear.sum())
    for shops, (_part, measures) in zip(known, parts, strict=True):
        rows = _zero_where_known(rows, shops, measures)
    told_from = ibis.literal(clock.history_start + timedelta(days=NEW_CLIENT_HISTORY))
    return rows.mutate(
        booked_min=ibis.ifelse(_.unclear > 0, ibis.null("int64"), _.booked_min),
        new_clients=ibis.ifelse(_.local_date >= told_from, _.new_clients, ibis.null("int64")),
    ).drop("unclear")


def _widened(part: ibis.Table, measures: tuple[str, ...]) -> ibis.Table:
    blank = {m: ibis.null("int64") for m in MEASURES if m not in measures}
    unclear = {} if "unclear" in part.columns else {"unclear": ibis.null("int64")}
    return part.mutate(**blank, **unclear).select(*KEYS, *MEASURES, "unclear")


def _zero_where_known(rows: ibis.Table, shops: ibis.Table, measures: tuple[str, ...]) -> ibis.Table:
    """Nothing happened, at a shop whose source would have said so."""
    shops = shops.select(known_location=_.location_id)
    joined = rows.left_join(shops, rows.location_id == shops.known_location)
    filled = {m: ibis.ifelse(_.known_location.notnull(), _[m].fill_null(0), _[m]) for m in measures}
    return joined.mutate(**filled).drop("known_location")


def _visits(tables: dict[str, ibis.Table], clock: Clock) -> ibis.Table:
    rows = _with_minutes(tables["appointments"], tables["services"])
    rows = _with_next_booking(rows, clock)
    base = rows.group_by(KEYS).aggregate(
        bookings=rows.count().cast("int64"),
        completed=rows.count(where=rows.status == "completed"),
        no_shows=rows.count(where=rows.status == "no_show"),
        cancellations=rows.count(where=rows.status == "cancelled"),
        booked_min=rows.minutes.sum(where=rows.occupies),
        unclear=rows.count(where=rows.occupies & rows.minutes.isnull()),
        rebook_base=rows.count(where=rows.may_rebook),
        rebooked=rows.count(where=rows.may_rebook & rows.rebooked),
        prebooked=rows.count(where=rows.may_rebook & rows.prebooked),
    )
    returns = _returns(tables["appointments"], tables["clients"], clock)
    joined = base.left_join(
        returns,
        [
            base.location_id == returns.location_id,
            base.staff_id.fill_null("") == returns.staff_id.fill_null(""),
            base.local_date == returns.local_date,
        ],
    )
    return joined.select(
        *(base[name] for name in base.columns),
        **{m: returns[m] for m in VISIT_MEASURES if m not in base.columns},
    )


def _with_minutes(visits: ibis.Table, services: ibis.Table) -> ibis.Table:
    """Minutes of chair time, with the service's buffer; null where either is unknown."""
    menu = services.select(menu_id=_.service_id, buffer_min=_.buffer_min)
    joined = visits.left_join(menu, visits.service_id == menu.menu_id)
    buffer = ibis.ifelse(joined.service_id.isnull(), ibis.literal(0, "int64"), joined.buffer_min)
    return joined.mutate(
        minutes=joined.duration_min + buffer,
        occupies=joined.status.isin(["completed", "no_show", "booked"]),
    ).drop("menu_id", "buffer_min")


def _with_next_booking(visits: ibis.Table, clock: Clock) -> ibis.Table:
    """For each completed visit: had the client another booking by 24 hours after it, or already before it?"""
    later = ibis.window(group_by="client_id", order_by=["start", "appointment_id"], rows=(1, None))
    end = visits.start + ibis.interval(minutes=1) * visits.duration_min.fill_null(0)
    rows = visits.mutate(next_booked=visits.booked_at.min().over(later), until=end + ibis.interval(hours=REBOOK_HOURS))
    told = (rows.status == "completed") & rows.client_id.notnull() & rows.booked_at.notnull()
    return rows.mutate(
        may_rebook=told & (rows.until <= ibis.literal(clock.as_of)),
        rebooked=(rows.next_booked <= rows.until).fill_null(False),
        prebooked=(rows.next_booked < rows.start).fill_null(False),
    )


def _returns(visits: ibis.Table, clients: ibis.Table, clock: Clock) -> ibis.Table:
    """New clients, and who came back within 42 and 90 days of their last visit of a month.

    Counted once per client and month, at the shop and barber of that visit; a return to any shop counts. Only months
    whose every visit has had its full time to return are counted, else those who stay away would be counted first.
    """
    done = visits.filter((visits.status == "completed") & visits.client_id.notnull())
    order = ibis.window(group_by="client_id", order_by=["start", "appointment_id"])
    done = done.mutate(visit=ibis.row_number().over(order), next_date=done.local_date.lead().over(order))
    old = clients.filter(clients.first_seen_on < ibis.literal(clock.history_start)).select(old_id=_.client_id)
    done = done.left_join(old, done.client_id == old.old_id)
    last = done.next_date.isnull() | (done.next_date.truncate("M") > done.local_date.truncate("M"))
    gap = done.next_date.delta(done.local_date, unit="day")
    measures = {"new_clients": done.count(where=(done.visit == 0) & done.old_id.isnull())}
    for days in (42, 90):
        base = last & (done.local_date < ibis.literal(clock.last_closed_base(days)))
        measures[f"base_{days}"] = done.count(where=base)
        measures[f"retained_{days}"] = done.count(where=base & (gap <= days).fill_null(False))
    return done.group_by(KEYS).aggregate(**measures)


def _takings(payments: ibis.Table) -> ibis.Table:
    """Money by the day of the service it paid for: without tax and tips, gift cards when redeemed, refunds taken off."""
    counted = payments.filter(payments.status.isin(["completed", "partially_refunded", "refunded"]))
    net = counted.gross_cents - counted.discount_cents - counted.refund_cents
    counted = counted.mutate(net=net)
    return counted.group_by(KEYS).aggregate(
        net_service_cents=counted.net.sum(where=counted.kind == "service").fill_null(0).cast("int64"),
        net_retail_cents=counted.net.sum(where=counted.kind == "retail").fill_null(0).cast("int64"),
        tips_cents=counted.tip_cents.sum().cast("int64"),
    )


def _floor_time(shifts: ibis.Table) -> ibis.Table:
    """Minutes on the floor: available shifts less the barber's time off and closures inside them."""
    on = shifts.filter(shifts.kind == "available").select(*KEYS, "start", "end")
    off = shifts.filter(shifts.kind != "available").select(who=_.staff_id, off_start=_.start, off_end=_.end)
    both = on.inner_join(off, [on.staff_id == off.who, on.start < off.off_end, off.off_start < on.end])
    lost = both.mutate(
        minutes=-ibis.least(both.end, both.off_end).delta(ibis.greatest(both.start, both.off_start), unit="minute")
    ).select(*KEYS, "minutes")
    worked = on.mutate(minutes=on.end.delta(on.start, unit="minute")).select(*KEYS, "minutes")
    rows = ibis.union(worked, lost)
    return rows.group_by(KEYS).aggregate(available_min=rows.minutes.sum().cast("int64"))


def from_days(days: ibis.Table) -> ibis.Table:
    """The same rollup from the entry level `location_day`: what its source did not measure stays unknown."""
    given = {m: days[m].cast("int64") for m in MEASURES if m in days.columns}
    blank = {m: ibis.null("int64") for m in MEASURES if m not in days.columns}
    rows = days.mutate(staff_id=ibis.null("string"), **given, **blank)
    return rows.select(*KEYS, *MEASURES)
