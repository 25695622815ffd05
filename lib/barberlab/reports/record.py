"""Did earlier forecasts keep their word? The record that stands beside a forecast, as tables and one sentence."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from barberlab.models import revenue, scorecard
from barberlab.models.futures import Futures
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.population import Population
from barberlab.models.scorecard import Record
from barberlab.reports import marks, promises, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock

MOST_FORECASTS = 8  # rows; the run's own tables hold the rest
MOST_SHOPS = 40
KEPT_ACCURACY = 0.05  # "within 5 %" is said of totals only where every error was


def judged(found: Futures | NotAvailable, population: Population, weeks: pd.DataFrame, totals: pd.DataFrame) -> Record:
    """Published forecasts and, of moments before the first of them, up to eight made again, with what came.

    weeks, totals: what earlier runs kept, `runs.earlier("forecast_weeks")` and `runs.earlier("forecast_totals")`.
    """
    if isinstance(found, NotAvailable):
        return scorecard.empty()
    horizon, panel = len(found.weeks), found.history
    told = scorecard.published(weeks, totals, panel)
    first = told.made.index.min()
    origins = [
        origin
        for origin in scorecard.last_origins(len(panel.weeks), horizon, revenue.LEAST_WEEKS)
        if prose.missing(first) or pd.Timestamp(panel.weeks[origin]) <= first
    ]
    again = scorecard.remade(panel, horizon, population, origins)
    return scorecard.judged(scorecard.joined([again, told]), panel)


def result(record: Record, horizon: int) -> dict[str, Any]:
    """The mean absolute error of past totals of all shops as `runs.keep_result` takes it, with n and baseline."""
    sums = scorecard.totals(record)
    common = {"name": f"past_error_of_{horizon}_weeks", "unit": "share"}
    if sums.empty:
        return common | {"value": None, "note": f"needs {_no_record(horizon).needs}"}
    error, plain = (float(sums[name].abs().mean()) for name in ("error", "naive_error"))
    return common | {"value": error, "note": f"n = {len(sums)}; as last year {plain:.4f}; {_how(record)}"}


def track_record(record: Record, horizon: int, currency: str) -> Block:
    """How earlier forecasts of all shops' total fared, beside SeasonalNaive's; a box where none is old enough."""
    sums = scorecard.totals(record)
    if sums.empty:
        return _no_record(horizon)
    form = prose.Money(currency)
    columns = [
        tables.Column("made_on", "Known to", _day, right=False),
        tables.Column("kind", "", secondary=True),
        tables.Column("foreseen", "Foreseen", right=True),
        tables.Column("range", "8 in 10", right=True, secondary=True),
        tables.Column("shut", "For weeks shut", form, secondary=True),
        tables.Column("came", "Came", right=True),
        tables.Column("error", "Error", prose.change),
        tables.Column("naive_error", "“As last year”", prose.change),
    ]
    shown = sums.tail(MOST_FORECASTS)
    ends = list(zip(shown["mid"], shown["low80"], shown["high80"], strict=True))
    foreseen = [prose.estimate(*three, form).value for three in ends]
    steps = [(prose.precision(low, high), high) for _, low, high in ends]
    came = [form.at(actual, *step) for actual, step in zip(shown["actual"], steps, strict=True)]
    ranges = [prose.span(low, high, form) for _, low, high in ends]
    shown = shown.assign(foreseen=foreseen, range=ranges, came=came)
    subtitle = f"Revenue of all shops in the {horizon} weeks after. {_latest(len(sums))}{_inside(sums)}"
    return TableBlock(in_a_sentence(sums, horizon), tables.table(shown, columns), subtitle=subtitle, note=_how(record))


def _day(day: pd.Timestamp) -> str:
    return f"{day.day} {prose.short_month(day)} {day.year}"


def _latest(count: int) -> str:
    return f"The latest {MOST_FORECASTS} of {count}. " if count > MOST_FORECASTS else ""


def _inside(sums: pd.DataFrame) -> str:
    return f"{_spelled(int(sums['held80'].sum()))} of {prose.spelled(len(sums))} lay in their 8 in 10."


def _spelled(n: int) -> str:
    return "None" if n == 0 else prose.spelled(n).capitalize()


def in_a_sentence(sums: pd.DataFrame, horizon: int) -> str:
    """The record of all shops' totals, `scorecard.totals`, in a sentence.

    "Within 5%" is said only where each forecast was that near.
    """
    error, plain = sums["error"].abs(), prose.Rate(1)(sums["naive_error"].abs().mean())
    if (error <= KEPT_ACCURACY).all():
        every = "The one forecast" if len(sums) == 1 else f"All {prose.spelled(len(sums))} forecasts"
        return f"{every} of the {horizon}-week total came within 5%; “as last year” was off by {plain}"
    often = prose.plural(len(sums), "forecast")
    missed = f"{often} of the {horizon}-week total missed by {prose.Rate(1)(error.mean())} on average"
    return f"{missed}; “as last year” by {plain}"


def _how(record: Record) -> str:
    """Which forecasts these are."""
    made = record.made
    told, again = (int((made == kind).sum()) for kind in (scorecard.PUBLISHED, scorecard.REMADE))
    parts = []
    if told:
        parts.append(f"{prose.plural(told, 'forecast')} as published.")
    if again:
        parts.append(f"{prose.plural(again, 'forecast')} made again by today's code from what was known on that day.")
    parts += ["Their weeks overlap."] if len(made) > 1 else []
    return " ".join([*parts, "Errors are of weeks with trade: no forecast here foresees that a shop will be shut."])


def ranges_kept(record: Record, horizon: int) -> Block:
    """Of the weeks foreseen for shops, how many lay in their ranges, near and far ahead."""
    if record.weeks.empty:
        return _no_record(horizon)
    frame = scorecard.by_horizon(record, horizon)
    frame["label"] = [_weeks(first, last) for first, last in zip(frame["first"], frame["last"], strict=True)]
    held = float(frame["held80"] @ frame["n"] / frame["n"].sum())
    return promises.coverage(
        frame,
        title=f"{prose.Rate(0)(held)} of shops' weeks lay in ranges that promised {prose.Rate(0)(EIGHT_IN_TEN)}",
        subtitle=(
            "How often a shop's week lay in its range, by how far ahead it was. Dashed: as promised. Lines: 8 in 10 "
            "for that share; weeks of one shop in one forecast count by how differently they fared."
        ),
        note="Error: money foreseen in the wrong week and shop, over all that was taken.",
        slug="ranges-kept",
        what="How often ranges held, by weeks ahead",
    )


def _weeks(first: int, last: int) -> str:
    return f"week {first}" if first == last else f"weeks {first}–{last}"


def past_errors(record: Record) -> pd.DataFrame:
    """location_id, error, naive_error of each shop's weeks, to stand beside its forecast."""
    return scorecard.by_shop(record)[["location_id", "error", "naive_error"]]


def shops_record(record: Record, shops: Mapping[str, str], horizon: int) -> Block:
    """How earlier forecasts of each shop fared: its totals over whole horizons, and its weeks; SeasonalNaive beside.

    A shop is said to have come within 5 % only where each of its totals did.
    """
    if record.weeks.empty:
        return _no_record(horizon)
    frame = scorecard.by_shop(record)
    near = frame["total_worst"] <= KEPT_ACCURACY
    order = frame.assign(near=near).sort_values(["near", "total_error", "error"], ascending=[False, True, True])
    shown = order.head(MOST_SHOPS).reset_index(drop=True)
    tag = marks.tag("within 5%", "good")
    names = [
        marks.together(shops[shop], tag) if kept else shops[shop]
        for shop, kept in zip(shown["location_id"], shown["near"], strict=True)
    ]
    share, rate = prose.Rate(1), prose.Rate(0)
    none = "none has passed"
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("totals", "Totals", prose.count),
        tables.Column("total_error", "Totals off by", share, missing=none),
        tables.Column("total_naive_error", "“As last year”", share, missing=none),
        tables.Column("error", "Weeks off by", rate, secondary=True),
        tables.Column("naive_error", "“As last year”", rate, secondary=True),
        tables.Column("held80", "In 8 in 10", rate, secondary=True),
        tables.Column("held95", "In 19 in 20", rate, secondary=True),
    ]
    which = f"The {MOST_SHOPS} nearest of {len(frame)}. " if len(frame) > MOST_SHOPS else ""
    subtitle = (
        f"{which}Totals of {horizon} weeks, in weeks of trade; then single weeks, and how many lay in their ranges."
    )
    return TableBlock(_nearest(order), tables.table(shown.assign(shop=names), columns), subtitle=subtitle)


def _nearest(order: pd.DataFrame) -> str:
    """How many shops' totals all came within 5 %, with the number behind it and the baseline."""
    told = order[order["totals"] > 0]
    near = told[told["near"]]
    if told.empty:
        return "No shop's total can be judged yet"
    if near.empty:
        return "No shop's total came within 5% every time"
    one = len(near) == 1
    plain = prose.Rate(1)(near["total_naive_error"].mean())
    least = int(near["totals"].min())
    often = f"in each of {'its ' if one else 'at least ' if near['totals'].nunique() > 1 else ''}{prose.spelled(least)}"
    whose = f"{_spelled(len(near))} of {prose.plural(len(told), 'shop')} came within 5% {often}"
    return f"{whose} forecast{'s' if least > 1 else ''}; “as last year” was off by {plain} there"


def _no_record(horizon: int) -> NotAvailable:
    return NotAvailable("Track record", f"{horizon} weeks of trade after half a year of history")
