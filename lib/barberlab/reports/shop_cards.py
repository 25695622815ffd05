"""What stands on a shop's board below its key figures? A card each, of what `shop_board.own` leaves of the reports."""

from functools import partial

import pandas as pd

from barberlab import errors
from barberlab.data.metrics import METRICS
from barberlab.models import scorecard
from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.models.futures import NETWORK
from barberlab.models.insight import MARGINS
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.reports import board_clients, executive, executive_cards, marks, prose, tables
from barberlab.reports.benchmark import MONTHS
from barberlab.reports.benchmark_segments import tag
from barberlab.reports.blocks import Block, Card, Decision, Decisions, Paragraph, TableBlock
from barberlab.reports.executive import currency, told
from barberlab.reports.executive_cards import card
from barberlab.reports.left import Everything
from barberlab.reports.measures import LOWER_IS_BETTER, form, label

BESIDE = "Beside the network"
_WORTH, _PLACED = "What would bring most", "Segment"
REPORTS = {
    "performance": "The month’s figures",
    "revenue": "What is ahead",
    "benchmark": "Place in network",
    "retention": "Clients at risk",
    "shop": "Who came back",
}


def cards(found: Everything, shop: str, name: str, clients_list: str) -> list[Card]:
    """All cards of one shop. clients_list: where the list of its clients lies, seen from the page of all shops."""
    return [
        fan(found, shop, name),
        worth(found, shop),
        beside(found),
        clients(found, shop, clients_list),
        segment(found, shop),
        sources(found),
        unknown(found),
    ]


# What comes


def total_ahead(found: Everything, shop: str) -> pd.Series:
    """The shop's total over the forecast's horizon; raises NotAvailable where it has none."""
    totals = found.table("revenue", "forecast_totals")
    mine = totals[totals["location_id"] == shop]
    if mine.empty:
        raise errors.NotAvailable("Forecast", "a shop that trades, and history long enough to forecast")
    return mine.iloc[0]


def fan(found: Everything, shop: str, name: str) -> Card:
    """The shop's known months and those ahead, with how earlier forecasts of it fared."""
    if told(lambda: total_ahead(found, shop), None) is None:
        return card("Revenue ahead", lambda: total_ahead(found, shop), span=8, order=2)
    return executive_cards.fan(found, whose=name, note=told(lambda: record(found), ""))


def record(found: Everything) -> str:
    """How earlier forecasts of this shop fared: its totals, and how often its weeks lay in their 8 in 10."""
    weeks, totals = found.table("revenue", "past_weeks"), found.table("revenue", "past_totals")
    said = executive_cards.record_said(found, scorecard.Record(weeks, totals.assign(location_id=NETWORK)))
    if weeks.empty:
        return said
    held = scorecard.by_shop(scorecard.Record(weeks, totals)).iloc[0]
    share, promised = prose.Rate(0)(float(held["held80"])), prose.Rate(0)(EIGHT_IN_TEN)
    return f"{said} {share} of {prose.count(held['n'])} weeks foreseen lay in ranges that promised {promised}."


# What to do


def worth(found: Everything, shop: str) -> Card:
    """The shop's largest real shortfall as something to decide; where it has none, its largest real lead."""
    note = "Were nothing else different: what sets a shop apart goes along with it and need not be its cause."
    return card(_WORTH, lambda: _worth(found, shop), span=4, order=1, note=note)


def _worth(found: Everything, shop: str) -> Block:
    short, lead, money = executive.shortfalls(found), executive.strengths(found), prose.Money(currency(found))
    items = [_decision(found, line, money, f"Bring {_low(line)} to the network’s", "+") for _, line in short.iterrows()]
    items += [_decision(found, line, money, f"Keep {_low(line)} ahead", "") for _, line in lead.iterrows()]
    if not items:
        return Card((Paragraph("No gap in money is real, so there is none to close and none to keep."),), title=_WORTH)
    return Card((Decisions(tuple(items)),), title=_WORTH, subtitle="Its largest real gaps to the network, in money")


def _low(line: pd.Series) -> str:
    what = label(line["metric"])
    return f"{what[:1].lower()}{what[1:]}"


def _decision(found: Everything, line: pd.Series, money: prose.Money, what: str, sign: str) -> Decision:
    said = prose.estimate(line["mid"], line["low80"], line["high80"], money, "prose")
    return Decision(
        where="Shortfall" if sign else "Lead",
        what=what,
        why=executive_cards.gap_said(found, line["unit"], line["metric"]),
        effect=f"{sign}{said.value} a year" if sign else f"worth {said.value} a year",
        eight_in_ten=said.eight_in_ten.removeprefix("8 in 10: "),
        chance=float(line["chance"]),
        words=f"{prose.chance(min(float(line['chance']), 1.0))} chance that the gap is real",
    )


# Where it stands


def beside(found: Everything) -> Card:
    """Each figure that shops are compared by: the shop's own, its gap to all shops together, and whether it is real."""
    return card(BESIDE, lambda: _beside(found), span=8, order=4)


def _beside(found: Everything) -> Block:
    gaps = found.table("benchmark", "gaps")
    if gaps.empty:
        raise errors.NotAvailable(BESIDE, f"{MONTHS} months of trade to compare")
    # One scale for all that is told in points, and one for all that is told in per cent.
    kinds = gaps["metric"].map(lambda metric: METRICS[metric].unit == "rate")
    ends = gaps[["low95", "high95"]].abs().max(axis=1).groupby(kinds).transform("max").clip(lower=0.01)
    rows = [_gap(found, row, end) for row, end in zip(gaps.itertuples(), ends, strict=True)]
    columns = [
        tables.Column("measure", "Measure"),
        tables.Column("own", "This shop", right=True),
        tables.Column("gap", "Gap to all shops", unit="8 in 10", right=True),
        tables.Column("track", "8 in 10, 19 in 20", secondary=True),
        tables.Column("real", "Real?", right=True),
    ]
    real = int(gaps["real"].sum())
    count = prose.plural(len(gaps), "figure")
    title = f"{prose.spelled(real).capitalize()} of {count} truly {'differs' if real == 1 else 'differ'}"
    title = title if real else f"None of {count} truly differs from the network"
    relative, points = prose.Rate(0)(MARGINS["money"]), prose.points(MARGINS["rate"]).removeprefix("+")
    subtitle = (
        f"Over {MONTHS} months, drawn towards the network as far as chance may have moved it. Real: the chance that "
        f"the gap is larger than {relative}, of rates {points}."
    )
    return TableBlock(title, tables.table(pd.DataFrame(rows), columns), subtitle=subtitle)


def _gap(found: Everything, row: object, end: float) -> dict[str, object]:
    printed = prose.Points() if METRICS[row.metric].unit == "rate" else prose.Change()
    said = prose.estimate(row.mid, row.low80, row.high80, printed, "table")
    spoken = f"{said.value}, {said.eight_in_ten}"
    side = "lower" if row.metric in LOWER_IS_BETTER else "higher"
    sure = prose.chance(min(max(float(row.p_above), float(row.p_below)), 1.0))
    return {
        "measure": label(row.metric),
        "own": form(row.metric, currency(found)).table(float(row.value)),
        "gap": marks.under(said.value, said.eight_in_ten.removeprefix("8 in 10: ")),
        "track": marks.range_track(
            row.mid, (row.low80, row.high80), (row.low95, row.high95), (-end, end), spoken, 0.0, side
        ),
        "real": f"{sure} real" if row.real else f"{sure}, wait",
    }


def placed(found: Everything, shop: str) -> pd.Series:
    """The shop's segment with the chances of all five; raises NotAvailable with the reason where it has none."""
    frame = found.table("benchmark", "placed")
    own = frame[frame["unit"] == shop]
    if frame.attrs["needs"] or own.empty:
        raise errors.NotAvailable(_PLACED, frame.attrs["needs"] or f"{MONTHS} months of trade to compare")
    return own.iloc[0]


def segment_tag(found: Everything, shop: str) -> marks.Mark:
    """Its segment with the chance that it is right."""
    own = placed(found, shop)
    return tag(own["segment"], own["leaning"], float(own["chance"]))


def placed_said(found: Everything, shop: str) -> str:
    """The same in a sentence."""
    own = placed(found, shop)
    sure = prose.chance(float(own["chance"]))
    if own["segment"] == UNCERTAIN:
        return f"Its segment is not certain: {own['leaning'].lower()} is likeliest, with {sure}."
    return f"It stands among the network’s segments as {own['segment'].lower()} ({sure} sure)."


def segment(found: Everything, shop: str) -> Card:
    """The chances of the five segments."""
    return card(_PLACED, lambda: _segment(found, shop), span=4, order=5)


def _segment(found: Everything, shop: str) -> Block:
    own = placed(found, shop)
    rows = [
        {"segment": marks.segment(name, k), "chance": marks.pips(float(own[name]), prose.chance(float(own[name])))}
        for k, name in enumerate(SEGMENTS, start=1)
    ]
    columns = [tables.Column("segment", "Segment"), tables.Column("chance", "Chance")]
    sure = own["segment"] != UNCERTAIN
    title = (
        f"{own['segment']}, {prose.chance(float(own['chance']))} sure" if sure else "No segment is likely enough yet"
    )
    by = found.table("benchmark", "placed").attrs["by"]
    subtitle = f"By {by}. A shop is placed only where that is likely enough."
    note = told(lambda: _changed(found), "")
    return TableBlock(title, tables.table(pd.DataFrame(rows), columns), subtitle=subtitle, note=note)


def _changed(found: Everything) -> str:
    past = found.table("benchmark", "segments").sort_values("period")
    if len(past) < 2:
        return ""
    then, now = past["segment"].iloc[-2], past["segment"].iloc[-1]
    since = prose.month(past["period"].iloc[-2])
    return f"As in {since}." if then == now else f"In {since}: {then}."


# Its clients


def clients(found: Everything, shop: str, clients_list: str) -> Card:
    """Whom it may lose, beside what all shops may, and the way to the list for those who may see it."""
    note = told(lambda: _on_clients(found, shop, clients_list), "")
    make = partial(board_clients.risk_table, found, currency(found), shop)
    return card(board_clients.NAME, make, span=4, order=3, note=note)


def _on_clients(found: Everything, shop: str, clients_list: str) -> marks.Mark:
    mine, whole = board_clients.at_risk(found, shop), board_clients.at_risk(found)
    share = prose.Rate(0)
    printed = prose.estimate(mine["churn"], mine["low80"], mine["high80"], prose.Rate(), "prose")
    said = f"{printed.value} of its clients ({printed.eight_in_ten}); of all shops’ {share(float(whole['churn']))}."
    if not int(mine["to_ask"]):
        return marks.together(said)
    return marks.together(said, marks.link("Listed one by one", f"../{clients_list}"), "for who runs the shop.")


# Whether to trust it


def sources(found: Everything) -> Card:
    """How old each part of the page is, and which data checks fail."""
    return card("How old, how sound", lambda: _sources(found), span=4, order=8)


def _sources(found: Everything) -> Block:
    newest = found.as_of
    rows = [
        {
            "part": words,
            "to": executive_cards.until(found, report),
            "state": marks.tag("current", "good")
            if found.runs[report].as_of == newest
            else marks.tag("older data", "stale"),
        }
        for report, words in REPORTS.items()
        if report in found.runs
    ]
    columns = [tables.Column("part", "Of this page"), tables.Column("to", "Data to"), tables.Column("state", "")]
    frame = tables.table(pd.DataFrame(rows), columns)
    return TableBlock("How old, how sound", frame, subtitle=executive_cards.checks(found))


def unknown(found: Everything) -> Card:
    """What this page cannot tell, why, and what would change that."""
    return executive_cards.unknown(found, executive_cards.missing_figures(found), missing_reports(found), span=4)


def missing_reports(found: Everything) -> list[Block]:
    """What each report that has not run would bring."""
    return [executive_cards.lacks(words, report) for report, words in REPORTS.items() if report not in found.runs]
