"""How is this barber doing? One page per barber and shop, for the barber and whoever runs the shop: figures, no pay.

Rendered from the tables that a run of the shop report kept; see `shop`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from barberlab import files
from barberlab.models import rates
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.periods import Period
from barberlab.reports import measures, pages, prose, tables, trust
from barberlab.reports.blocks import Foot, Headline, KeyFigure, KeyFigures, Paragraph, TableBlock
from barberlab.reports.measures import form, is_counted, label, row

_KEY = ("net_service_revenue", "visits", "average_ticket", "rebook_rate")
_MADE = (
    "Counts are exact. A rate carries its 8 in 10: how far one's own habit may lie from what so few visits show. The "
    "page holds what was done, and nobody's pay."
)


def page(
    kept: Mapping[str, pd.DataFrame], shop: str, barber: str, span: Period, facts: Mapping[str, Any], as_of: datetime
) -> str:
    """The whole HTML page of what one barber did in one shop. kept: chairs, locations, staff, quality."""
    chairs = kept["chairs"]
    own = chairs[(chairs["location_id"] == shop) & (chairs["staff_id"] == barber)]
    name, place = _name(kept["staff"], barber), measures.names(kept["locations"])[shop]
    eyebrow = f"{place} · {span.name}"
    front = [_opening(own, name, span, eyebrow), trust.status(facts, as_of, kept["quality"].set_index("gate"))]
    sections = [
        pages.Section("In numbers", (_key(own),)),
        pages.Section("Then and now", (_then_and_now(own),)),
        pages.Section("How this was made", (Paragraph(_MADE),)),
    ]
    body, contents = pages.compose(front, sections)
    said = (f"Period: {span.name}", f"Data to {prose.day(as_of if span.partial else span.last)}")
    network = facts.get("name") or facts["network"]
    home = ("../../../", "All pages")
    title = f"{name}, {span.name}"
    return pages.page(title, body, contents=contents, network=network, facts=said, home=home, foot=Foot(said))


def worked(chairs: pd.DataFrame) -> list[tuple[str, str]]:
    """(shop, barber) of everybody who had a visit in the period."""
    had = chairs[(chairs["metric"] == "visits") & (chairs["value"] > 0)].dropna(subset=["staff_id"])
    return list(zip(had["location_id"], had["staff_id"], strict=True))


def href(shop: str, barber: str) -> str:
    """Where the page lies, seen from the report's own."""
    return f"barber/{files.safe_name(shop)}/{files.safe_name(barber)}.html"


def _name(staff: pd.DataFrame, barber: str) -> str:
    found = staff.loc[staff["staff_id"] == barber, "display_name"].dropna()
    return str(found.iloc[0]) if len(found) else "Barber"


def _opening(own: pd.DataFrame, name: str, span: Period, eyebrow: str) -> Headline:
    visits = prose.count(row(own, "visits")["value"])
    days = measures.day_range(span.start, span.last)
    return Headline(f"{name}: {visits} visits in {span.name}", f"Counted from {days}.", eyebrow=eyebrow)


def _known(own: pd.DataFrame) -> list[str]:
    needs = own.attrs["needs"]
    return [metric for metric in own["metric"] if not needs[metric]]


def _key(own: pd.DataFrame) -> KeyFigures:
    shown = [metric for metric in _KEY if metric in _known(own)]
    return KeyFigures(tuple(KeyFigure(label(metric), *_value(own, metric)) for metric in shown))


def _value(own: pd.DataFrame, metric: str) -> tuple[str, str]:
    line = row(own, metric)
    if not is_counted(metric):
        return form(metric, own.attrs["currency"])(line["value"]), "counted"
    value = prose.rate(line["numerator"], line["denominator"])
    return value, "" if value == prose.MISSING else f"8 in 10: {_range(line)}"


def _range(line: pd.Series) -> str:
    ends = rates.interval(float(line["numerator"]), float(line["denominator"]), EIGHT_IN_TEN)
    return prose.span(*map(float, ends), prose.Rate())


def _then_and_now(own: pd.DataFrame) -> TableBlock:
    rows = [{"metric": label(metric), **_three(own, metric)} for metric in _known(own)]
    columns = [
        tables.Column("metric", "Measure"),
        tables.Column("now", "This period", str),
        tables.Column("before", "The weeks before", str, secondary=True),
        tables.Column("year", "A year before", str),
    ]
    return TableBlock("The same weekdays before and a year before", tables.table(pd.DataFrame(rows), columns))


def _three(own: pd.DataFrame, metric: str) -> dict[str, str]:
    line, said = row(own, metric), form(metric, own.attrs["currency"])
    found = {}
    for name, prefix in (("now", ""), ("before", "before_"), ("year", "year_")):
        counted = prose.rate(line[f"{prefix}numerator"], line[f"{prefix}denominator"])
        found[name] = counted if is_counted(metric) else said.table(line[f"{prefix}value"])
    return found
