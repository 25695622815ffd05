"""Which shops stand where on the executive page? Segments, movers, leads, and those that need somebody first."""

import numpy as np
import pandas as pd

from barberlab import errors
from barberlab.models.benchmark_ranks import UNCERTAIN
from barberlab.reports import executive, marks, measures, prose, segments, tables
from barberlab.reports.benchmark import MONTHS
from barberlab.reports.benchmark_segments import tag
from barberlab.reports.blocks import Block, Card, Paragraph, TableBlock
from barberlab.reports.compared import course, is_real
from barberlab.reports.executive import GAP, currency, names, told
from barberlab.reports.executive_cards import card, link
from barberlab.reports.left import Everything
from barberlab.reports.measures import LOWER_IS_BETTER, form, label

MOST_STRONG, MOST_MOVERS, MOST_SHOPS = 3, 6, 10
_LEADS = "Top performers"
_SHOP_COLUMNS = ("utilisation", "no_show_rate")


def strong(found: Everything) -> Card:
    """The shops whose real lead is worth most."""
    return card(_LEADS, lambda: _strong(found), span=3, order=6)


def _strong(found: Everything) -> Block:
    lead = executive.strengths(found).head(MOST_STRONG)
    if lead.empty:
        return Card((Paragraph("No shop’s lead in money is real."),), title=_LEADS)
    money = prose.Money(currency(found))
    said = [prose.estimate(row.mid, row.low80, row.high80, money, "table") for row in lead.itertuples()]
    frame = lead.assign(
        shop=[link(found, unit) for unit in lead["unit"]],
        lead=[marks.under(f"+{one.value}", one.eight_in_ten.removeprefix("8 in 10: ")) for one in said],
    )
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("lead", "A year", unit="8 in 10", right=True),
    ]
    subtitle = "What the largest real lead of each comes to"
    return TableBlock(_LEADS, tables.table(frame, columns), subtitle=subtitle)


def segment_bar(found: Everything) -> Card:
    """All shops by segment, the uncertain last."""
    return card("Segments", lambda: _segment_bar(found), span=4, order=4)


def placed(found: Everything) -> pd.DataFrame:
    """Every shop's segment with its chances; raises NotAvailable with the reason where nothing can be placed."""
    frame = found.table("benchmark", "placed")
    if frame.attrs["needs"] or frame.empty:
        raise errors.NotAvailable("Segments", frame.attrs["needs"] or "shops to compare")
    return frame


def _segment_bar(found: Everything) -> Block:
    frame = placed(found)
    counts = frame["segment"].value_counts()
    unsure = int(counts.get(UNCERTAIN, 0))
    given = frame[frame["segment"] != UNCERTAIN]
    sure = (
        "" if given.empty else f" Those placed are right with {prose.chance(float(given['chance'].mean()))} on average."
    )
    return segments.segment_bar(
        counts,
        slug="segments",
        title=f"{prose.spelled(unsure).capitalize()} of {len(frame)} shops cannot be placed yet"
        if unsure
        else f"All {len(frame)} shops can be placed",
        subtitle=f"Shops by segment: {frame.attrs['by']}. A shop is placed only where that is likely enough.{sure}",
        note=told(lambda: _changed(found), ""),
    )


def _changed(found: Everything) -> str:
    past = found.table("benchmark", "segments").sort_values("period")
    months = sorted(past["period"].unique())
    if len(months) < 2:
        return ""
    now, then = (past[past["period"] == month].set_index("unit")["segment"] for month in (months[-1], months[-2]))
    both = [unit for unit in now.index if unit in then.index and now[unit] != then[unit]]
    since = f"Since {prose.month(months[-2])}"
    if not both:
        return f"{since} no shop changed segment."
    said = [f"{names(found)[unit]} from {then[unit]} to {now[unit]}" for unit in both[:2]]
    more = f" and {len(both) - 2} more" if len(both) > 2 else ""
    return f"{since}: {prose.listed(said)}{more}."


def movers(found: Everything) -> Card:
    """Which shops moved on last year, and whether it is real."""
    return card("Who moved", lambda: _movers(found), span=5, order=5)


def _movers(found: Everything) -> Block:
    frame = found.table("performance", "movers")
    if frame.attrs["needs"]:
        raise errors.NotAvailable("Who moved, and is it real", frame.attrs["needs"])
    known = frame.dropna(subset=["p_rise"])
    known = known.assign(real=is_real(known), sure=np.maximum(known["p_rise"], 1 - known["p_rise"]))
    known = known.assign(size=known["change"].abs()).sort_values(["real", "size"], ascending=False).head(MOST_MOVERS)
    known = known.sort_values("change", ascending=False)
    known["shop"] = [link(found, unit) for unit in known["location_id"]]
    known["course"] = [_course(found, unit) for unit in known["location_id"]]
    known["moved"] = [_moved(row) for row in known.itertuples()]
    known["chance"] = [_is_real_said(row.sure, row.real) for row in known.itertuples()]
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("course", "13 months", secondary=True),
        tables.Column("moved", "On last year", unit="8 in 10", right=True),
        tables.Column("chance", "Real?", right=True),
    ]
    measure = label(found.table("performance", "months").attrs["metric"])
    subtitle = f"{measure}, {found.table('performance', 'growth').attrs['name']} against the same weeks a year before"
    return TableBlock("Who moved, and is it real", tables.table(known, columns), subtitle=subtitle)


def _course(found: Everything, unit: str) -> marks.Mark | str:
    months = told(lambda: found.table("performance", "months"), None)
    return "" if months is None else course(months[months["location_id"] == unit])


def _moved(line: object) -> marks.Mark:
    """The change with an arrow where it is real, over its 8 in 10."""
    amount, rose = prose.change(line.change), line.change > 0
    said = marks.verdict(amount, "good" if rose else "bad", rose) if line.real else f"● {amount}"
    return marks.under(said, prose.span(line.low80, line.high80, prose.Change()))


def _is_real_said(sure: float, real: bool) -> str:
    return f"{prose.chance(float(sure))} real" if real else f"{prose.chance(float(sure))}, wait"


def attention(found: Everything) -> Card:
    """Shops by how much they need somebody: real shortfalls first, then those that cannot be placed, then the rest."""
    return card("Shops that need you first", lambda: _attention(found), span=12, order=7)


def by_need(found: Everything) -> pd.DataFrame:
    """Shops in the order of need: those really below by chance x size, then by the chance of being below."""
    gaps = executive.first_gaps(found)
    short = gaps["p_below"].astype(float) * gaps["mid"].abs() * (gaps["mid"] < 0)
    ordered = gaps.assign(really=gaps["real"] & (gaps["mid"] < 0), short=short)
    return ordered.sort_values(["really", "short", "mid"], ascending=[False, False, True]).reset_index(drop=True)


def _attention(found: Everything) -> Block:
    frame = by_need(found)
    count, frame = len(frame), frame.head(MOST_SHOPS)
    ends = max(float(frame[["low95", "high95"]].abs().to_numpy().max()), 0.01)
    frame["shop"] = [link(found, unit) for unit in frame["unit"]]
    given = told(lambda: placed(found).set_index("unit"), pd.DataFrame())
    frame["segment"] = [_segment_tag(given, unit) for unit in frame["unit"]]
    frame["course"] = [_course(found, unit) for unit in frame["unit"]]
    frame["gap"] = [_gap(row) for row in frame.itertuples()]
    frame["track"] = [_track(row, ends) for row in frame.itertuples()]
    measure, own = _shop_figures(found)
    frame = frame.merge(own, how="left", left_on="unit", right_index=True)
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("segment", "Segment, chance it is right"),
        tables.Column(measure, label(measure), form(measure, currency(found)).table, secondary=True),
        tables.Column("course", "13 months", secondary=True),
        tables.Column("gap", "Gap to network", unit="8 in 10", right=True),
        tables.Column("track", "8 in 10, 19 in 20", secondary=True),
        *(tables.Column(name, label(name), prose.Rate(), secondary=True) for name in _SHOP_COLUMNS if name in own),
    ]
    which = f" The first {MOST_SHOPS} of {count}." if count > MOST_SHOPS else ""
    span = found.table("performance", "growth").attrs["name"] if "performance" in found.runs else ""
    subtitle = (
        f"By need, not by rank: real shortfalls first.{which} Figures of {span}; the gap is {label(GAP).lower()} "
        f"over {MONTHS} months, grey where it could be none."
    )
    return TableBlock("Shops that need you first", tables.table(frame, columns), subtitle=subtitle)


def _segment_tag(given: pd.DataFrame, unit: str) -> marks.Mark:
    if unit not in given.index:
        return marks.tag("not placed", "na")
    own = given.loc[unit]
    return tag(own["segment"], own["leaning"], float(own["chance"]))


def _gap(line: object) -> marks.Mark:
    said = prose.estimate(line.mid, line.low80, line.high80, prose.Change(), "table")
    return marks.under(said.value, said.eight_in_ten.removeprefix("8 in 10: "))


def _track(line: object, ends: float) -> marks.Mark:
    said = f"{prose.change(line.mid)}, 8 in 10: {prose.span(line.low80, line.high80, prose.Change(), 'prose')}"
    return marks.range_track(
        line.mid, (line.low80, line.high80), (line.low95, line.high95), (-ends, ends), said, 0.0,
        "lower" if GAP in LOWER_IS_BETTER else "higher",
    )  # fmt: skip


def _shop_figures(found: Everything) -> tuple[str, pd.DataFrame]:
    """The main measure, and each shop's figures of the period by its id."""
    own = told(lambda: found.table("performance", "shops"), None)
    if own is None:
        return "net_service_revenue", pd.DataFrame(columns=["net_service_revenue"])
    wide = own.pivot(index="location_id", columns="metric", values="value")
    measure = measures.main_measure(own)
    return measure, wide[[measure, *(name for name in _SHOP_COLUMNS if not own.attrs["needs"].get(name, "not asked"))]]
