"""What does each number mean? Every metric of the house, once: an Ibis expression over the daily rollup, and words.

A metric is a sum, or a ratio of two sums over the rows where both sides are known. So it is the same number at every
grain, a network's is exactly made of its shops', and no page can define it a second time. Sources of the definitions
are in `data/README.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import ibis

from barberlab.data.contract import described
from barberlab.errors import BadInput
from barberlab.scope import ROLES

READERS = tuple(role for role in ROLES if role != "operator")
GRAINS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y", "total": None}
BY = {
    "network": (),
    "region": ("region_id",),
    "shop": ("location_id",),
    "barber": ("staff_id",),
    "chair": ("location_id", "staff_id"),  # a barber at one of their shops
}


@dataclass(frozen=True)
class Metric:
    """One metric.

    `unit`: money and money_per_hour (minor units), count, rate (so many out of so many), share (of time; may pass 1).
    `top` over `bottom` are measures of the rollup; without `bottom` it is the sum of `top`. `needs` are the tables that
    bring it, `else_needs` what is missing when they are there and the number still is not.
    `null_rule` says when it is unknown. `grains` are those it can be told at; `ahead` metrics also look beyond `as_of`,
    at what is booked.
    """

    name: str
    label: str
    unit: str
    about: str
    null_rule: str
    needs: tuple[str, ...]
    top: Callable[[ibis.Table], ibis.Value]
    bottom: Callable[[ibis.Table], ibis.Value] | None = None
    else_needs: str = "rows in the period asked for"
    roles: tuple[str, ...] = READERS
    by: tuple[str, ...] = tuple(BY)
    grains: tuple[str, ...] = tuple(GRAINS)
    ahead: bool = False

    def columns(self, rows: ibis.Table) -> dict[str, ibis.Value]:
        """The metric over `rows` of the rollup: value, numerator, denominator (null for a plain sum)."""
        top = self.top(rows)
        if self.bottom is None:
            unknown = rows.count(where=top.isnull()) > 0
            value = ibis.ifelse(unknown, ibis.null("int64"), top.sum())
            return {"value": value, "numerator": top.sum(), "denominator": ibis.null("int64")}
        bottom = self.bottom(rows)
        known = top.notnull() & bottom.notnull()
        over, under = top.sum(where=known), bottom.sum(where=known)
        ratio = over.cast("float64") / under.nullif(0).cast("float64")
        return {"value": ratio, "numerator": over, "denominator": under}

    def missing(self, has: Callable[[str], bool]) -> str:
        """What a network would have to bring for this metric, in the words of a page."""
        absent = [described(table) for table in self.needs if not has(table)]
        return absent[0] if absent else self.else_needs


def _sum(measure: str) -> Callable[[ibis.Table], ibis.Value]:
    return lambda rows: rows[measure]


def _visits_that_came_or_not(rows: ibis.Table) -> ibis.Value:
    return rows.completed + rows.no_shows


def _per_hour(rows: ibis.Table) -> ibis.Value:
    return rows.available_min / 60


_VISITS, _MONEY, _SHIFTS = ("appointments",), ("payments",), ("appointments", "shifts")
_DURATIONS = "durations and buffers (appointments.duration_min, services.buffer_min)"
_CLOSED = "a complete base month and then as many days of history"

_ALL = (
    Metric(
        *("net_service_revenue", "Service revenue", "money"),
        "Gross less discount and refund over service payments that were completed, refunded or partly refunded; "
        "without tax and tips; dated by the local day of the service, else of the payment; gift cards when redeemed.",
        "unknown for a shop without any payment rows",
        _MONEY,
        _sum("net_service_cents"),
        else_needs="service amounts in the payments of every shop",
    ),
    Metric(
        *("net_retail_revenue", "Retail revenue", "money"),
        "Gross less discount and refund over retail payments, without tax and tips.",
        "unknown for a shop without any payment rows",
        _MONEY,
        _sum("net_retail_cents"),
        else_needs="retail amounts in the payments of every shop",
    ),
    Metric(
        *("visits", "Visits", "count"),
        "Appointments completed, walk-ins included, by local day of their start.",
        "unknown where the source counts no visits",
        _VISITS,
        _sum("completed"),
    ),
    Metric(
        *("bookings", "Bookings", "count"),
        "Appointments of any status, by local day of their start.",
        "unknown where the source counts no bookings",
        _VISITS,
        _sum("bookings"),
        ahead=True,
    ),
    Metric(
        *("new_clients", "New clients", "count"),
        "Clients whose first completed visit this is, and who were not on file before the data begin.",
        "unknown in the first 180 days of history, when nobody can be told apart from an old client",
        _VISITS,
        _sum("new_clients"),
        else_needs="180 days of history before the period",
    ),
    Metric(
        *("average_ticket", "Average ticket", "money"),
        "Service revenue per completed visit.",
        "unknown where either revenue or visits are",
        ("payments", "appointments"),
        _sum("net_service_cents"),
        _sum("completed"),
    ),
    Metric(
        *("utilisation", "Chair time used", "share"),
        "Minutes booked (completed, no-show and still to come, with buffers) over minutes that barbers were available "
        "by their shifts, less time off and closures.",
        "unknown for a shop without shifts, and on days with a visit of unknown length",
        _SHIFTS,
        _sum("booked_min"),
        _sum("available_min"),
        else_needs=_DURATIONS,
        ahead=True,
    ),
    Metric(
        *("revenue_per_available_hour", "Revenue per available hour", "money_per_hour"),
        "Service revenue over the hours that barbers were available by their shifts.",
        "unknown for a shop without shifts or payments",
        ("payments", "shifts"),
        _sum("net_service_cents"),
        _per_hour,
    ),
    Metric(
        *("no_show_rate", "No-shows", "rate"),
        "No-shows over completed visits and no-shows.",
        "unknown where the source does not tell them apart",
        _VISITS,
        _sum("no_shows"),
        _visits_that_came_or_not,
    ),
    Metric(
        *("cancellation_rate", "Cancellations", "rate"),
        "Cancelled appointments over all appointments of the period.",
        "unknown where the source does not keep cancellations",
        _VISITS,
        _sum("cancellations"),
        _sum("bookings"),
    ),
    Metric(
        *("rebook_rate", "Rebooked", "rate"),
        "Completed visits of known clients with another booking made before the visit or within 24 hours after it.",
        "unknown without booking times, and for visits less than 24 hours old",
        _VISITS,
        _sum("rebooked"),
        _sum("rebook_base"),
        else_needs="booking times (appointments.booked_at) of known clients",
    ),
    Metric(
        *("prebook_rate", "Pre-booked", "rate"),
        "Completed visits of known clients whose next booking already stood before the visit began.",
        "unknown without booking times, and for visits less than 24 hours old",
        _VISITS,
        _sum("prebooked"),
        _sum("rebook_base"),
        else_needs="booking times (appointments.booked_at) of known clients",
    ),
    Metric(
        *("retention_42", "Back within 42 days", "rate"),
        "Clients with a completed visit in a month who complete another within 42 days of their last one in it.",
        "unknown until 42 days after the month's end",
        _VISITS,
        _sum("retained_42"),
        _sum("base_42"),
        else_needs=_CLOSED,
        grains=("month", "quarter", "year", "total"),
    ),
    Metric(
        *("retention_90", "Back within 90 days", "rate"),
        "Clients with a completed visit in a month who complete another within 90 days of their last one in it.",
        "unknown until 90 days after the month's end",
        _VISITS,
        _sum("retained_90"),
        _sum("base_90"),
        else_needs=_CLOSED,
        grains=("month", "quarter", "year", "total"),
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metric(name: str) -> Metric:
    """The metric called `name`; raises BadInput that lists what there is."""
    if name not in METRICS:
        raise BadInput(f"there is no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]


def expression(rows: ibis.Table, keys: list[str], wanted: list[Metric]) -> ibis.Table:
    """One row per combination of `keys`, and the columns <metric>.value, .numerator and .denominator of each metric."""
    columns = {f"{m.name}.{part}": column for m in wanted for part, column in m.columns(rows).items()}
    return rows.aggregate(by=keys, **columns)


def over_time(rows: ibis.Table, by: str, grain: str, since: date | None, until: date | None):
    """(rows of the rollup in [since, until) with a `period` column, the columns to group by)."""
    if by not in BY or grain not in GRAINS:
        raise BadInput(f"by={by!r}, grain={grain!r}: by is one of {', '.join(BY)}; grain one of {', '.join(GRAINS)}")
    if since is not None:
        rows = rows.filter(rows.local_date >= ibis.literal(since))
    if until is not None:
        rows = rows.filter(rows.local_date < ibis.literal(until))
    if GRAINS[grain] is None:
        return rows, list(BY[by])
    return rows.mutate(period=rows.local_date.truncate(GRAINS[grain])), [*BY[by], "period"]
