"""How is this shop doing? One page per shop, rendered from the tables that a run kept: no kernel, no second reading.

The tables: `shops` and `chairs` (comparisons of METRICS over the period), `network` (the same of the whole), `months`
and `back` (the main measure and retention by shop and month), `movers`, `locations`, `staff`, `quality`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from barberlab import files
from barberlab.models import rates
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.params import Methodology
from barberlab.periods import Period
from barberlab.reports import compared, figures, marks, measures, pages, performance, prose, tables, trust
from barberlab.reports.blocks import Block, Foot, Headline, Paragraph, TableBlock
from barberlab.reports.measures import form, is_counted, label, main_measure, row

MOST_PANELS = 9
BESIDE = ("average_ticket", "utilisation", "revenue_per_available_hour", "no_show_rate", "rebook_rate", "prebook_rate")


def page(
    kept: Mapping[str, pd.DataFrame],
    shop: str,
    span: Period,
    facts: Mapping[str, Any],
    as_of: datetime,
    targets: Methodology,
) -> str:
    """The whole HTML page of one shop."""
    own = {name: _of(frame, shop) for name, frame in kept.items()}
    name = measures.names(kept["locations"])[shop]
    front = [_opening(own, name, span), trust.status(facts, as_of, kept["quality"].set_index("gate"))]
    body, contents = pages.compose(front, _sections(own, kept, name, span, targets))
    said = (f"Period: {span.name}", f"Data to {prose.day(as_of if span.partial else span.last)}")
    network = facts.get("name") or facts["network"]
    home = ("../report.html", "All shops")
    return pages.page(
        f"{name}, {span.name}", body, contents=contents, network=network, facts=said, home=home, foot=Foot(said)
    )


def _of(frame: pd.DataFrame, shop: str) -> pd.DataFrame:
    """One shop's rows, the frame's own words kept; what is not by shop stays whole."""
    return frame[frame["location_id"] == shop].reset_index(drop=True) if "location_id" in frame else frame


def _opening(own: Mapping[str, pd.DataFrame], name: str, span: Period) -> Headline:
    """The shop's answer: its main measure, and what its year says of it."""
    whole = own["shops"]
    measure = main_measure(whole)
    value = _value(whole, measure)
    if not value:
        return Headline(f"{name} had no visits in {span.name}", eyebrow=f"Shop report · {span.name}")
    said = form(measure, whole.attrs["currency"])(value) + ("" if measure == "net_service_revenue" else " visits")
    lede = f"Counted from {performance.counted_from(whole, whole)}, {measures.day_range(span.start, span.last)}."
    return Headline(f"{name}: {said}, {_on_year(own['movers'])}", lede, eyebrow=f"Shop report · {span.name}")


def _value(whole: pd.DataFrame, measure: str) -> float:
    """What the shop did in the period; 0 for one that was not open in it or in the periods it is compared with."""
    value = None if whole.empty else row(whole, measure)["value"]
    return 0.0 if prose.missing(value) else float(value)


def _on_year(movers: pd.DataFrame) -> str:
    if movers.attrs["needs"] or movers.empty or movers["p_rise"].isna().all():
        return "a year before is not known"
    judged, rose = compared.verdict(movers)
    if judged == "chance":
        return "not clearly different from a year ago"
    return f"{'up' if rose else 'down'} {prose.change(movers['change'].iloc[0])[1:]} on last year"


def _sections(own, kept, name: str, span: Period, targets: Methodology) -> list[pages.Section]:
    whole = own["shops"]
    measure = main_measure(whole)
    if not _value(whole, measure):
        return [pages.Section("Months so far", (measures.course(own["months"], span, name),))]
    figures_now = performance.key_figures(whole, whole, {measure: own["movers"]}, targets)
    return [
        pages.Section("In numbers", (figures_now,)),
        pages.Section("Months so far", (measures.course(own["months"], span, name),)),
        pages.Section("Beside the network", (beside(whole, kept["network"]),)),
        pages.Section("Who comes back", (measures.course(own["back"], span, name),)),
        pages.Section("Barbers", (compared.barber_table(own["chairs"], kept["staff"]),)),
        pages.Section("How this was made", (Paragraph(_MADE),)),
    ]


_MADE = (
    "Counts are exact. A rate carries its 8 in 10: how far the shop's own habit may lie from what so few visits show. "
    "A change is called real when we are at least 90% sure of its direction and it is larger than 3%. Definitions and "
    "data checks are in the performance report."
)


def beside(whole: pd.DataFrame, network: pd.DataFrame) -> Block:
    """The shop's ratios beside the network's, rates with their 8 in 10."""
    have = [metric for metric in BESIDE if not whole.attrs["needs"][metric]]
    if not have:
        return Paragraph("The network's data hold no ratio to compare.")
    rows = [
        {"metric": label(metric), **_pair(metric, row(whole, metric), row(network, metric), whole)} for metric in have
    ]
    columns = [
        tables.Column("metric", "Measure"),
        tables.Column("own", "This shop", str),
        tables.Column("range", "8 in 10", str, missing="counted, no range"),
        tables.Column("all", "Network", str),
    ]
    return TableBlock("This shop and all shops together", tables.table(pd.DataFrame(rows), columns))


def _pair(metric: str, line: pd.Series, all_shops: pd.Series, whole: pd.DataFrame) -> dict[str, str | None]:
    printed = form(metric, whole.attrs["currency"])
    if not is_counted(metric):
        return {"own": printed.table(line["value"]), "range": None, "all": printed.table(all_shops["value"])}
    n = line["denominator"]
    own, network = prose.rate(line["numerator"], n), prose.rate(all_shops["numerator"], all_shops["denominator"])
    if own == prose.MISSING:
        return {"own": own, "range": None, "all": network}
    low, high = (float(end) for end in rates.interval(float(line["numerator"]), float(n), EIGHT_IN_TEN))
    said = prose.estimate(float(line["value"]), low, high, prose.Rate(), "table")
    return {"own": said.value, "range": said.eight_in_ten.removeprefix("8 in 10: "), "all": network}


def side_by_side(months: pd.DataFrame, locations: pd.DataFrame, span: Period) -> Block:
    """The last 24 months of up to nine shops on one scale, the largest ones where there are more."""
    if months.attrs["needs"]:
        return measures.course(months, span)
    recent = months[(months["period"] > measures.months_back(span, 24)) & months["value"].notna()]
    if recent.empty:
        return measures.course(months[months["value"].notna()], span)
    size = recent.groupby("location_id")["value"].sum().astype(float)
    shown = size.nlargest(MOST_PANELS).index
    names = measures.names(locations)
    frame = recent[recent["location_id"].isin(shown)].assign(
        shop=lambda rows: rows["location_id"].map(names), value=lambda rows: rows["value"].astype(float)
    )
    largest = f"The {len(shown)} largest of {len(size)} shops. " if len(size) > len(shown) else ""
    what = months.attrs["label"]
    return figures.small_multiples(
        frame.sort_values(["shop", "period"]),
        *("shop", "period", "value"),
        slug="side-by-side",
        title=f"{what}, shop by shop",
        subtitle=f"{what} by month on one scale, by name. {largest}The number is {prose.month(frame['period'].max())}.",
        form=form(months.attrs["metric"], months.attrs["currency"]),
    )


def contents(locations: pd.DataFrame, shops: pd.DataFrame, movers: pd.DataFrame) -> TableBlock:
    """Every shop with a link to its page, its main measure and what its year says."""
    measure = main_measure(shops)
    values = shops[shops["metric"] == measure].set_index("location_id")["value"]
    moves = compared.moves(movers)
    frame = pd.DataFrame(
        {
            "shop": [marks.link(name, href(shop)) for shop, name in measures.names(locations).items()],
            "name": list(measures.names(locations).values()),
            "value": locations["location_id"].map(values),
            "on_year": locations["location_id"].map(moves),
            "status": locations["status"],
        }
    ).sort_values("name")
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("status", "Status", secondary=True),
        tables.Column(
            "value", label(measure), form(measure, shops.attrs["currency"]).table, missing="no visit in the period"
        ),
        tables.Column(
            "on_year",
            "On last year",
            right=True,
            missing="not open a year ago, just opening then, or too little history",
        ),
    ]
    return TableBlock(
        "Every shop has its page", tables.table(frame, columns), subtitle="▲ ▼ very likely moved; ● could be chance."
    )


def href(shop: str) -> str:
    """Where a shop's page lies, seen from the report's own."""
    return f"shop/{files.safe_name(shop)}.html"
