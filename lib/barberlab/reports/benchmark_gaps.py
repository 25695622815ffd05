"""Which gaps between shops, and between barbers, are real? What are they worth, and what goes along with them?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable as Lacking
from barberlab.models import benchmark_kpis, insight, practices
from barberlab.models.benchmark_kpis import Ranked
from barberlab.reports import figures, marks, prose, tables
from barberlab.reports.benchmark import DRAWS, GROWTH, MONTHS, NEW_CLIENTS, Judged, recent
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock, slug
from barberlab.reports.measures import LOWER_IS_BETTER, form, label

MOST_PRICED = 20  # lines of the table of money
CALLED = {GROWTH: "Growth on last year", NEW_CLIENTS: "New clients in 100 available hours"}


def gap_figure(found: Judged, metric: str, names: Mapping[str, str], what: str = "shop") -> Block:
    """Every shop's gap to the network in one KPI, in colour only where it is real (a caterpillar)."""
    called = CALLED.get(metric) or label(metric)
    if metric in found.needs:
        return NotAvailable(called, found.needs[metric])
    ranked = found.ranked[metric]
    table = insight.gaps(ranked).reset_index()
    table[what] = table["unit"].map(names)
    real, band = int(table["real"].sum()), insight.MARGINS[ranked.unit]
    points = ranked.unit == "rate"
    margin = prose.points(band).lstrip("+") if points else prose.Rate()(band)
    finding = f"{prose.spelled(real)} of {prose.plural(len(table), what)} truly {_differ(real)}"
    return figures.ranges(
        table,
        *(what, "mid", "low80", "high80", "low95", "high95", "real"),
        slug=slug(f"{what}-{metric}"),
        title=f"{called}: {finding if real else f'no {what} truly differs'}",
        subtitle=(
            f"{called} against the network’s {_network(ranked, found.currency)}, "
            f"{'in points' if points else 'relative'}; {_over(metric)}. Dot: the middle. Thick: 8 in 10. Thin: 19 in "
            f"20. Grey band: within {margin}, no practical difference."
        ),
        band=band,
        better="lower" if metric in LOWER_IS_BETTER else "higher",
        form=prose.Points() if points else prose.Change(),
        note=f"In colour where we are at least 90% sure that the gap is larger than the band. {_against(metric, what)}",
    )


def _network(ranked: Ranked, currency: str) -> str:
    usual = float(np.median(ranked.network))
    if ranked.metric == GROWTH:
        return prose.Change()(usual)
    return prose.Number(1).table(usual) if ranked.metric == NEW_CLIENTS else form(ranked.metric, currency)(usual)


def _over(metric: str) -> str:
    last = f"the last {MONTHS} months known"
    return "the last 13 weeks against the same weeks a year before" if metric == GROWTH else last


def _against(metric: str, what: str) -> str:
    if metric == GROWTH:
        return (
            f"How far a {what} swings by chance is read off its own past quarters; a new {what} is compared from its "
            "third year on."
        )
    return (
        f"Each {what} is compared with what the network’s own months would have made of its exposure, and drawn to the "
        "network as far as chance may have moved it."
    )


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def worth(found: Judged, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What each real gap in hours, tickets and missed visits comes to in a year: unit, metric, ranges, chances.

    In minor units; what falls short is negative. Kept with the run.
    """
    ticket = found.ranked.get("average_ticket")
    each = {"revenue_per_available_hour": 1.0, "average_ticket": 1.0}
    if ticket is not None:
        each["no_show_rate"] = -float(np.median(ticket.network))
    rows = []
    for metric in (name for name in each if name in found.ranked):
        ranked = found.ranked[metric]
        real = insight.gaps(ranked)
        money = insight.worth(ranked, _yearly(frames[metric]), each[metric])
        both = money.join(real[["real", "p_above", "p_below"]])
        rows.append(both[both["real"]].reset_index().assign(metric=metric))
    empty = pd.DataFrame(columns=["unit", "mid", "low80", "high80", "low95", "high95", "p_above", "p_below", "metric"])
    table = pd.concat(rows, ignore_index=True) if rows else empty
    table.attrs = {"currency": found.currency}
    return table


def worth_table(found: Judged, table: pd.DataFrame, names: Mapping[str, str]) -> Block:
    """What `worth` gave, the largest first."""
    if table.dropna(subset=["mid"]).empty:
        return Paragraph("No gap in money is real, so there is none to put a price on.")
    return _priced(table, names, prose.Money(found.currency))


def _yearly(frame: pd.DataFrame) -> dict[str, float]:
    """Each shop's exposure of the last twelve known months, made a year of where there were fewer."""
    year = recent(frame, 12)
    grouped = year[year["denominator"] > 0].groupby("location_id")
    per_month = grouped["denominator"].sum().astype(float) / grouped["period"].nunique()
    return (12 * per_month).to_dict()


def _priced(table: pd.DataFrame, names: Mapping[str, str], money: prose.Money) -> Block:
    all_of_them = len(table)
    table = table.assign(size=table["mid"].abs()).sort_values("size", ascending=False).head(MOST_PRICED)
    said = [prose.estimate(row.mid, row.low80, row.high80, money) for row in table.itertuples()]
    table = table.assign(
        shop=table["unit"].map(names),
        metric=table["metric"].map(label),
        worth=[one.value for one in said],
        range=[one.eight_in_ten.removeprefix("8 in 10: ") for one in said],
        sure=[prose.chance(min(max(row.p_above, row.p_below), 1.0)) for row in table.itertuples()],
    )
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("metric", "Gap in"),
        tables.Column("worth", "A year", str),
        tables.Column("range", "8 in 10", str),
        tables.Column("sure", "Chance it is real", str, secondary=True),
    ]
    which = f"The {MOST_PRICED} largest of {prose.count(all_of_them)}. " if all_of_them > MOST_PRICED else ""
    subtitle = which + (
        "The shop’s own gap to the network over a year of its hours, visits or bookings, were nothing else different. "
        "The lines of one shop overlap and must not be added: an hour’s revenue holds its tickets and missed visits."
    )
    return TableBlock("What the real gaps come to in a year", tables.table(table, columns), subtitle=subtitle)


def barber_figure(chairs: pd.DataFrame, staff: pd.DataFrame, shops: Mapping[str, str]) -> Block:
    """Every barber's gap to the network in one KPI, drawn first to the own shop, then to the network.

    chairs: a metric by barber and shop (`by="chair"`), by month.
    """
    frame = chairs.dropna(subset=["staff_id"])
    if frame.empty and not chairs.attrs["needs"]:
        return NotAvailable("Barbers", "staff_id in table 6, appointments")
    shown = dict(zip(staff["staff_id"], staff["display_name"], strict=True))
    unit = frame["staff_id"] + "|" + frame["location_id"]
    frame = frame.assign(unit=unit)
    frame.attrs = chairs.attrs
    called = {
        unit: f"{shown.get(who, who[:9])}, {shops[where]}"
        for unit, who, where in zip(frame["unit"], frame["staff_id"], frame["location_id"], strict=True)
    }
    try:
        ranked = benchmark_kpis.ranked(recent(frame), "unit", "location_id", DRAWS)
    except Lacking as lacking:
        return NotAvailable(f"Barbers by {label(chairs.attrs['metric']).lower()}", lacking.needs)
    metric = chairs.attrs["metric"]
    return gap_figure(Judged({metric: ranked}, {}, chairs.attrs["currency"]), metric, called, "barber")


def practice_table(found: Judged, habits: pd.DataFrame, metric: str = "revenue_per_available_hour") -> Block:
    """What goes along with a KPI's gaps, as association; said to be found only where luck would hardly show as much."""
    if metric not in found.ranked:
        return NotAvailable("What better shops do", found.needs.get(metric, "shops to compare"))
    try:
        table = insight.associations(found.ranked[metric], habits)
    except Lacking as lacking:
        return NotAvailable("What better shops do", lacking.needs)
    table = table.assign(
        practice=[practices.LABELS[name] for name in table.index],
        by=[_typical(name, sd) for name, sd in table["sd"].items()],
        slope=[_associated(row) for row in table.itertuples()],
        said=[
            marks.tag("goes along with it", "known") if row.found else "could be chance" for row in table.itertuples()
        ],
    )
    told = int(table["found"].sum())
    columns = [
        tables.Column("practice", "Practice"),
        tables.Column("by", "A usual difference", str, secondary=True),
        tables.Column("slope", "Goes along with", str, unit="8 in 10"),
        tables.Column("said", "So?"),
    ]
    title = (
        f"{prose.spelled(told).capitalize()} of {len(table)} practices {'goes' if told == 1 else 'go'} along with "
        f"{label(metric).lower()}"
        if told
        else f"No practice stands out by more than luck among {table['units'].iloc[0]} shops"
    )
    return TableBlock(
        title,
        tables.table(table, columns),
        subtitle=f"In {label(metric).lower()}, per usual difference. {_ASSOCIATION}",
    )


_ASSOCIATION = (
    "Associated with, never causes: whatever else sets these shops apart goes along too. A practice is marked only "
    "where shops dealt at random would show one as strong in at most 5 of 100 networks."
)


def _associated(row: object) -> str:
    said = prose.estimate(row.slope, row.low80, row.high80, prose.Change(), "table")
    return f"{said.value} ({said.eight_in_ten.removeprefix('8 in 10: ')})"


def _typical(practice: str, sd: float) -> str:
    """One sd of a practice over the shops, in its own unit."""
    if practice in ("addon_share", "prebook_rate"):
        return prose.points(sd).lstrip("+")
    if practice == "price_level":
        return prose.Rate()(sd)
    unit = {"open_hours": "hours", "lead_days": "days", "tenure_years": "years"}[practice]
    return f"{prose.Number(1).table(sd)} {unit}"
