"""What stands on the executive page below its key figures? A card each, from what the reports' runs left.

A card whose run is missing holds the dashed box that says which report would bring it; the others stand.
"""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from barberlab import errors
from barberlab.data.metrics import METRICS
from barberlab.models import scorecard
from barberlab.models.intervals import described
from barberlab.reports import benchmark_pool, board_clients, executive, fans, marks, prose, shop, tables
from barberlab.reports import record as word_kept
from barberlab.reports.blocks import Block, Card, Decision, Decisions, NotAvailable, Paragraph, TableBlock
from barberlab.reports.executive import currency, names, told
from barberlab.reports.left import Everything
from barberlab.reports.measures import form, label

MONTHS_SHOWN = 24
MOST_DECISIONS = 3
_LEFT = "Where money is left"


def card(name: str, make: Callable[[], Block], **place: object) -> Card:
    """What `make` gives on a card; where something it reads is not available, the box that says so, under `name`."""
    try:
        made = make()
    except errors.NotAvailable as error:
        made = Card((NotAvailable(error.what, error.needs),), title=name)
        place.pop("note", None)
    return replace(made if isinstance(made, Card) else Card((made,)), **place)


def link(found: Everything, shop_id: str) -> marks.Mark | str:
    """The shop's name, leading to its page where the shop report has published one."""
    name = names(found)[shop_id]
    run = found.runs.get("shop")
    known = run is not None and "locations" in run.tables and shop_id in set(run.tables["locations"]["location_id"])
    return marks.link(name, f"../{run.run_id}/{shop.href(shop_id)}") if known else name


# What comes


def fan(found: Everything, whose: str = "all shops", note: str | None = None) -> Card:
    """Known months and those ahead, with how earlier forecasts fared, by default those of the total."""
    said = told(lambda: record(found), "") if note is None else note
    return card("Revenue ahead", lambda: _fan(found, whose), span=8, order=2, note=said)


def _fan(found: Everything, whose: str) -> Block:
    known, ahead = known_months(found), months_ahead(found)
    ahead = ahead[ahead["period"] > known["period"].max()]
    if known.empty or ahead.empty:
        raise errors.NotAvailable("Revenue ahead", "whole months of history, and whole months ahead of them")
    money, last = prose.Money(currency(found)), ahead.iloc[-1]
    said = prose.span(last["low80"], last["high80"], money, "prose")
    draws = found.drawn("revenue", "revenue_monthly")["revenue"]
    return fans.fan(
        pd.concat([known.tail(MONTHS_SHOWN), ahead], ignore_index=True),
        title=f"Revenue will likely be {said} in {prose.month(last['period'])}",
        subtitle=(
            f"Service revenue by month, {whose}, {currency(found)}. Median and ranges of "
            f"{prose.count(draws.sizes['chain'] * draws.sizes['draw'])} simulated futures."
        ),
        form=money,
        slug="revenue-ahead",
        what=f"Service revenue by month, {whose}",
    )


def known_months(found: Everything) -> pd.DataFrame:
    """Months of which every day was counted: period, value, all shops; raises NotAvailable where there is no money."""
    months = found.table("performance", "months")
    if months.attrs["metric"] != "net_service_revenue":
        raise errors.NotAvailable("Revenue ahead", METRICS["net_service_revenue"].else_needs)
    sums = months.assign(value=months["value"].astype(float)).groupby("period", as_index=False)["value"].sum()
    day = pd.Timestamp(executive.last_known(found, "performance"))
    whole = sums["period"] >= pd.Timestamp(months.attrs["history_start"])
    return sums[whole & (sums["period"] + pd.offsets.MonthEnd(0) <= day)].reset_index(drop=True)


def months_ahead(found: Everything) -> pd.DataFrame:
    """All shops' months ahead, out of the joint draws: period, mid and the ends of 50, 80 and 95 %."""
    drawn = found.drawn("revenue", "revenue_monthly")["revenue"].astype(float)
    sums = drawn.sum("location").stack(future=("chain", "draw"))
    ahead = described(sums.transpose("month", "future").to_numpy())
    return pd.DataFrame({"period": pd.to_datetime(drawn["month"].to_numpy().astype(str))} | ahead)


def record(found: Everything) -> str:
    """How earlier forecasts of the total fared, beside the one that costs nothing."""
    past = scorecard.Record(found.table("revenue", "past_weeks"), found.table("revenue", "past_totals"))
    return record_said(found, past)


def record_said(found: Everything, past: scorecard.Record) -> str:
    """The same of a record's totals of all shops, in a sentence; they are of as many weeks as are foreseen now."""
    sums = scorecard.totals(past)
    if sums.empty:
        return "No earlier forecast is old enough to be judged."
    horizon = found.table("revenue", "forecast_weeks")["period"].nunique()
    return f"{word_kept.in_a_sentence(sums, horizon)}."


# What to do


def decisions(found: Everything) -> Card:
    """The real shortfalls that are worth most, as something to decide."""
    note = "Were nothing else different: what sets a shop apart goes along with it and need not be its cause."
    return card(_LEFT, lambda: _decisions(found), span=4, order=1, note=note)


def _decisions(found: Everything) -> Block:
    short = executive.shortfalls(found)
    if short.empty:
        return Card((Paragraph("No shortfall in money is real, so there is none to close."),), title=_LEFT)
    money = prose.Money(currency(found))
    items = tuple(_decision(found, line, money) for _, line in short.head(MOST_DECISIONS).iterrows())
    more = len(short) - len(items)
    rest = f"; {prose.plural(more, 'more shop')} in the benchmark report" if more else ""
    title = f"{prose.spelled(len(short)).capitalize()} shortfall{'s are' if len(short) > 1 else ' is'} worth closing"
    return Card((Decisions(items),), title=title, subtitle=f"Ranked by chance × effect. Real gaps only{rest}.")


def _decision(found: Everything, line: pd.Series, money: prose.Money) -> Decision:
    said = prose.estimate(line["mid"], line["low80"], line["high80"], money, "prose")
    what = label(line["metric"])
    return Decision(
        where=link(found, line["unit"]),
        what=f"Bring {what[:1].lower()}{what[1:]} to the network’s",
        why=gap_said(found, line["unit"], line["metric"]),
        effect=f"+{said.value} a year",
        eight_in_ten=said.eight_in_ten.removeprefix("8 in 10: "),
        chance=float(line["chance"]),
        words=f"{prose.chance(min(float(line['chance']), 1.0))} chance that the gap is real",
    )


def gap_said(found: Everything, unit: str, metric: str) -> str:
    """A shop's figure and its gap to the network, in words."""
    gaps = found.table("benchmark", "gaps")
    own = gaps[(gaps["unit"] == unit) & (gaps["metric"] == metric)].iloc[0]
    printed = (prose.Points() if METRICS[metric].unit == "rate" else prose.Change())(float(own["mid"]))
    return f"{form(metric, currency(found))(float(own['value']))}, {printed} against the network"


# Who may not come back


def clients(found: Everything) -> Card:
    """How many clients will likely be lost, what that is worth, whom to ask, and the shops that really lose more."""
    note = told(lambda: _losing_more(found), "")
    return card(
        board_clients.NAME, lambda: board_clients.risk_table(found, currency(found)), span=4, order=3, note=note
    )


def _losing_more(found: Everything) -> marks.Mark:
    """The shops that very likely lose more clients than the network, and the way to the report."""
    groups = found.table(board_clients.REPORT, "churn_by_shop")
    worse = groups[groups["real"] & (groups["gap"] > 0)].sort_values("gap", ascending=False)
    who = [names(found)[unit] for unit in worse["location_id"].head(2)]
    said = f"{prose.listed(who)} very likely {'loses' if len(who) == 1 else 'lose'} more than the network."
    if not who:
        said = "No shop clearly loses more than the others."
    return marks.together(said, _report_link(found, board_clients.REPORT, "Whom to ask"))


def _report_link(found: Everything, report: str, words: str) -> marks.Mark:
    return marks.link(words, f"../{found.run(report).run_id}/report.html")


# Against others, and what is not known


def position(found: Everything) -> Card:
    """Where the network stands in the anonymous pool; suppressed circles in their place."""
    return card(benchmark_pool.NAME, lambda: _position(found), span=4, order=8)


def _position(found: Everything) -> Block:
    frame = found.table("benchmark", "position")
    if frame.attrs["needs"] or frame.empty:
        raise errors.NotAvailable("Position", frame.attrs["needs"] or "figures that the release tells")
    rows = [_standing(row) for row in frame.itertuples()]
    rows += [{"what": where, "better": marks.tag("Suppressed for privacy", "na")} for where in frame.attrs["dark"]]
    columns = [
        tables.Column("what", "Measure"),
        tables.Column("better", "Better than so many shops", unit="8 in 10", right=True),
    ]
    simulated = "Simulated networks, no market. " if frame.attrs["simulated"] else ""
    subtitle = (
        f"{simulated}Release of {prose.month(pd.Timestamp(frame.attrs['month'] + '-01'))}. {frame.attrs['where']}"
    )
    return TableBlock(benchmark_pool.NAME, tables.table(pd.DataFrame(rows), columns), subtitle=subtitle)


def _standing(line: object) -> dict[str, object]:
    if prose.missing(line.better):
        return {"what": line.label, "better": marks.tag(f"needs {line.needs}", "na")}
    better = benchmark_pool.part(line.better, (line.least, line.most))
    return {"what": line.label, "better": marks.under(better, f"{line.low80:.0f}–{line.high80:.0f}%")}


def unknown(found: Everything, *further: list[Block], span: int = 12) -> Card:
    """What this page cannot tell, why, and what would change that; `further` in place of what is the network's own."""
    told_of = further or (missing_figures(found), _missing_reports(found), _not_told(found))
    boxes = [box for boxes in told_of for box in boxes]
    subtitle = "Why, and what would change that" if boxes else "And no page can"
    return Card((*boxes, Paragraph(_NEVER)), span=span, title="What we cannot tell you", subtitle=subtitle, order=10)


_NEVER = (
    "Why a shop stands where it does is no figure’s to say: what goes along with a gap need not be its cause. No "
    "forecast here foresees a closure, a barber’s notice or a price that nobody has set yet."
)


def missing_figures(found: Everything) -> list[Block]:
    """The figures that the data lack, with what would bring each."""
    needs = told(lambda: found.table("performance", "network").attrs["needs"], {})
    lacking = {}
    for metric, lacks in needs.items():
        if lacks:
            lacking.setdefault(lacks, []).append(label(metric))
    return [NotAvailable(", ".join(figures), lacks) for lacks, figures in lacking.items()]


def _missing_reports(found: Everything) -> list[Block]:
    asked = ((board_clients.REPORT, "Retention and value at risk"), ("shop", "Each shop’s own page"))
    return [lacks(name, report) for report, name in asked if report not in found.runs]


def lacks(name: str, report: str) -> Block:
    """The box of what a report that has not run would bring."""
    return NotAvailable(name, f"a published {report} report")


def _not_told(found: Everything) -> list[Block]:
    """What the reports themselves could not say, with their own reasons."""
    boxes = [told(lambda: _effect_of_asking(found), None), told(lambda: _not_compared(found), None)]
    return [*filter(None, boxes), *told(lambda: _suppressed(found), [])]


def _effect_of_asking(found: Everything) -> Block | None:
    needs = found.table(board_clients.REPORT, "uplift").attrs["needs"]
    return NotAvailable("Whether asking clients back helps", needs) if needs else None


def _not_compared(found: Everything) -> Block | None:
    """Open shops that no gap is told of."""
    places = found.table("performance", "locations")
    is_open = places["status"].eq("open") if "status" in places else True
    left_out = places[is_open & ~places["location_id"].isin(executive.first_gaps(found)["unit"])]
    if left_out.empty:
        return None
    who = prose.listed([names(found)[unit] for unit in left_out["location_id"].head(3)])
    more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return NotAvailable(f"Where {who}{more} stand" + ("s" if len(left_out) == 1 else ""), "months of trade to compare")


def _suppressed(found: Everything) -> list[Block]:
    circles = found.table("benchmark", "position").attrs.get("dark", ())
    why = "more networks of that kind in the pool: so few would tell of each of them"
    return [NotAvailable(f"Position among {circle.lower()}", why) for circle in circles]


def sources(found: Everything) -> Card:
    """How old each report is, and which data checks fail."""
    return card("How old, how sound", lambda: _sources(found), span=4, order=9)


def _sources(found: Everything) -> Block:
    newest = found.as_of
    rows = [
        {
            "report": _report_link(found, name, f"{name.capitalize()} report"),
            "to": until(found, name),
            "state": marks.tag("current", "good") if run.as_of == newest else marks.tag("older data", "stale"),
        }
        for name, run in sorted(found.runs.items())
    ]
    columns = [tables.Column("report", "Made of"), tables.Column("to", "Data to"), tables.Column("state", "")]
    return TableBlock("How old, how sound", tables.table(pd.DataFrame(rows), columns), subtitle=checks(found))


def until(found: Everything, report: str) -> str:
    """The last day in the data behind a report."""
    day = executive.last_known(found, report)
    return f"{day.day} {prose.short_month(day)} {day.year}"


def checks(found: Everything) -> str:
    """The data checks that do not hold, or that all do."""
    quality = told(lambda: found.table("performance", "quality"), None)
    if quality is None:
        return "Data checks: needs a published performance report"
    failed = list(quality.loc[quality["passed"].eq(False).fillna(False), "words"])
    if not failed:
        return "Every data check that could be made holds"
    return f"Does not hold: {'; '.join(failed[:2])}" + (f" and {len(failed) - 2} more" if len(failed) > 2 else "")
