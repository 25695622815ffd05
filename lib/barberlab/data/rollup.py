"""What happened each day, at each shop, with each barber? The additive measures from which every metric is made.

`from_visits(tables, clock)` is one Ibis expression over the contract's tables: one row per (location_id, staff_id,
local_date), staff_id null where no barber is known. A measure is null where the shop's source cannot know it, and zero
where it could and nothing happened; so sums never turn "unknown" into "nothing".

Written in the subset of Ibis that DuckDB, Polars, PostgreSQL and Spark agree on: count(where=), sum(where=), group_by,
equality joins, epoch_seconds and date.delta(unit="day").
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
GRACE_DAYS = 7  # a shop's first days may pass without a payment


@dataclass(frozen=True)
class Clock:
    """What may be said at `as_of`: the moment itself (UTC), its local date, and the first local date of the data."""

    as_of: datetime
    today: date
    history_start: date

    def too_late(self, days: int) -> date:
        """The first day whose month has not yet had `days` to return after its end."""
        return (self.today - timedelta(days=days - 1)).replace(day=1)


def from_visits(tables: dict[str, ibis.Table], clock: Clock) -> ibis.Table:
    """The rollup of the entry level "visit": KEYS and MEASURES, amounts in minor units, times in minutes.

    `tables`: appointments, services, clients, payments and shifts, the first and the last two with `local_date`.
    """
    return daily(tables | {"appointments": followed(tables["appointments"])}, clock)


def followed(visits: ibis.Table) -> ibis.Table:
    """Each appointment with what came after it, for its client: the only windows of the house.

    next_booked [UTC]: when the earliest-made of the client's later bookings was made; next_standing: the same of those
    that were not cancelled before this visit. Of completed visits of known clients also nth [0 = first ever] and
    next_date [local date of the next completed visit].
    """
    later = ibis.window(group_by="client_id", order_by=["start", "appointment_id"], rows=(1, None))
    kept = ibis.ifelse(visits.status == "cancelled", ibis.null(visits.booked_at.type()), visits.booked_at)
    rows = visits.mutate(next_booked=visits.booked_at.min().over(later), next_kept=kept.min().over(later))
    stood = _cancelled_later(visits)
    rows = rows.left_join(stood, rows.appointment_id == stood.of_visit)
    rows = rows.mutate(next_standing=ibis.least(rows.next_kept, rows.stood_from)).drop(
        "next_kept", "stood_from", "of_visit"
    )
    done = visits.filter((visits.status == "completed") & visits.client_id.notnull())
    order = ibis.window(group_by="client_id", order_by=["start", "appointment_id"])
    done = done.select(
        visit_id=done.appointment_id,
        nth=ibis.row_number().over(order),
        next_date=done.local_date.lead().over(order),
    )
    return rows.left_join(done, rows.appointment_id == done.visit_id).drop("visit_id")


def _cancelled_later(visits: ibis.Table) -> ibis.Table:
    """Of each visit, the earliest-made of the client's later bookings that was cancelled, but not before the visit."""
    lost = visits.filter(visits.status == "cancelled").select(
        who=_.client_id, lost_start=_.start, lost_booked=_.booked_at, lost_at=_.cancelled_at
    )
    pairs = visits.inner_join(lost, visits.client_id == lost.who)
    pairs = pairs.filter((pairs.lost_start > pairs.start) & (pairs.lost_at.isnull() | (pairs.lost_at >= pairs.start)))
    return pairs.group_by(of_visit=pairs.appointment_id).aggregate(stood_from=pairs.lost_booked.min())


def daily(tables: dict[str, ibis.Table], clock: Clock) -> ibis.Table:
    """The rollup from tables whose appointments are `followed`; no windows here, so that every engine can check it."""
    parts = [
        (_visits(tables, clock), VISIT_MEASURES),
        (_takings(tables["payments"]), PAYMENT_MEASURES),
        (_floor_time(tables["shifts"]), SHIFT_MEASURES),
    ]
    known = [part.group_by("location_id").aggregate(first=part.local_date.min()) for part, _m in parts]
    rows = ibis.union(*(_widened(part, measures) for part, measures in parts))
    rows = rows.group_by(KEYS).aggregate(**{m: rows[m].sum() for m in MEASURES}, unclear=rows.unclear.sum())
    for shops, (_part, measures) in zip(known, parts, strict=True):
        rows = _zero_where_known(rows, shops, measures, always=measures is VISIT_MEASURES)
    told_from = ibis.literal(clock.history_start + timedelta(days=NEW_CLIENT_HISTORY))
    return rows.mutate(
        booked_min=ibis.ifelse(_.unclear > 0, ibis.null("int64"), _.booked_min),
        new_clients=ibis.ifelse(_.local_date >= told_from, _.new_clients, ibis.null("int64")),
    ).drop("unclear")


def _widened(part: ibis.Table, measures: tuple[str, ...]) -> ibis.Table:
    blank = {m: ibis.null("int64") for m in MEASURES if m not in measures}
    unclear = {} if "unclear" in part.columns else {"unclear": ibis.null("int64")}
    return part.mutate(**blank, **unclear).select(*KEYS, *MEASURES, "unclear")


def _zero_where_known(rows: ibis.Table, shops: ibis.Table, measures: tuple[str, ...], always: bool) -> ibis.Table:
    """Nothing happened, at a shop whose source would have said so: from a week before its first such row on.

    Days with visits before a source began to keep payments or shifts are unknown, not zero. Visits (`always`) are the
    source's first concern, so a shop that has any is known all through.
    """
    shops = shops.select(known_location=_.location_id, known_from=_.first)
    joined = rows.left_join(shops, rows.location_id == shops.known_location)
    told = joined.known_location.notnull()
    if not always:
        late_enough = joined.local_date.delta(joined.known_from, unit="day") >= -GRACE_DAYS
        told &= late_enough | (joined.completed.fill_null(0) == 0)
    filled = {m: ibis.ifelse(told, joined[m].fill_null(0), joined[m]) for m in measures}
    return joined.mutate(**filled).drop("known_location", "known_from")


def _visits(tables: dict[str, ibis.Table], clock: Clock) -> ibis.Table:
    rows = _with_minutes(tables["appointments"], tables["services"])
    rows = _with_rebooking(rows, clock)
    rows = _with_return(rows, tables["clients"], clock)
    return rows.group_by(KEYS).aggregate(
        bookings=rows.count(),
        completed=rows.count(where=rows.status == "completed"),
        no_shows=rows.count(where=rows.status == "no_show"),
        cancellations=rows.count(where=rows.status == "cancelled"),
        booked_min=rows.minutes.sum(where=rows.occupies),
        unclear=rows.count(where=rows.occupies & rows.minutes.isnull()),
        new_clients=rows.count(where=rows.is_new),
        rebook_base=rows.count(where=rows.may_rebook),
        rebooked=rows.count(where=rows.may_rebook & rows.rebooked),
        prebooked=rows.count(where=rows.may_rebook & rows.prebooked),
        base_42=rows.count(where=rows.in_base_42),
        retained_42=rows.count(where=rows.in_base_42 & (rows.gap_days <= 42)),
        base_90=rows.count(where=rows.in_base_90),
        retained_90=rows.count(where=rows.in_base_90 & (rows.gap_days <= 90)),
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


def _with_rebooking(visits: ibis.Table, clock: Clock) -> ibis.Table:
    """For each completed visit: had the client another booking by 24 hours after it, or already before it?"""
    minutes = visits.duration_min.fill_null(0) + REBOOK_HOURS * 60
    rows = visits.mutate(until=visits.start.epoch_seconds() + minutes * 60)
    told = (rows.status == "completed") & rows.client_id.notnull() & rows.booked_at.notnull()
    return rows.mutate(
        may_rebook=told & (rows.until <= int(clock.as_of.timestamp())),
        rebooked=rows.next_booked.epoch_seconds() <= rows.until,
        prebooked=rows.next_standing < rows.start,
    )


def _with_return(visits: ibis.Table, clients: ibis.Table, clock: Clock) -> ibis.Table:
    """For each completed visit of a known client: is it their first ever, and when did they come back?

    Retention counts a client once per month, at the shop and barber of their last visit in it; a return to any shop
    counts. Only months whose every visit has had its full time to return count, else those who stay away come first.
    """
    old = clients.filter(clients.first_seen_on < ibis.literal(clock.history_start)).select(old_id=_.client_id)
    rows = visits.left_join(old, visits.client_id == old.old_id)
    same_month = rows.next_date.truncate("M") == rows.local_date.truncate("M")
    last_of_month = rows.nth.notnull() & ~same_month.fill_null(False)
    bases = {f"in_base_{d}": last_of_month & (rows.local_date < ibis.literal(clock.too_late(d))) for d in (42, 90)}
    gap = rows.next_date.delta(rows.local_date, unit="day")
    return rows.mutate(is_new=(rows.nth == 0) & rows.old_id.isnull(), gap_days=gap, **bases)


def _takings(payments: ibis.Table) -> ibis.Table:
    """Money by the day of the service it paid for: no tax, no tips, gift cards when redeemed, refunds taken off."""
    counted = payments.filter(payments.status.isin(["completed", "partially_refunded", "refunded"]))
    net = counted.gross_cents - counted.discount_cents - counted.refund_cents
    counted = counted.mutate(net=net)
    return counted.group_by(KEYS).aggregate(
        net_service_cents=counted.net.sum(where=counted.kind == "service").fill_null(0),
        net_retail_cents=counted.net.sum(where=counted.kind == "retail").fill_null(0),
        tips_cents=counted.tip_cents.sum(),
    )


def _floor_time(shifts: ibis.Table) -> ibis.Table:
    """Minutes on the floor: available shifts less the barber's time off and closures inside them."""
    on = shifts.filter(shifts.kind == "available").select(*KEYS, "start", "end")
    off = shifts.filter(shifts.kind != "available").select(who=_.staff_id, off_start=_.start, off_end=_.end)
    both = on.inner_join(off, on.staff_id == off.who).filter((_.start < _.off_end) & (_.off_start < _.end))
    shared = _minutes(ibis.greatest(both.start, both.off_start), ibis.least(both.end, both.off_end))
    lost = both.mutate(minutes=-shared).select(*KEYS, "minutes")
    worked = on.mutate(minutes=_minutes(on.start, on.end)).select(*KEYS, "minutes")
    rows = ibis.union(worked, lost)
    return rows.group_by(KEYS).aggregate(available_min=rows.minutes.sum())


def _minutes(start: ibis.Value, end: ibis.Value) -> ibis.Value:
    return ((end.epoch_seconds() - start.epoch_seconds()) / 60).cast("int64")


def from_days(days: ibis.Table) -> ibis.Table:
    """The same rollup from the entry level `location_day`: what its source did not measure stays unknown."""
    given = {m: days[m].cast("int64") for m in MEASURES if m in days.columns}
    blank = {m: ibis.null("int64") for m in MEASURES if m not in days.columns}
    rows = days.mutate(staff_id=ibis.null("string"), **given, **blank)
    return rows.select(*KEYS, *MEASURES)
