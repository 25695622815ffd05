"""Did earlier forecasts keep their word? The record that stands beside a forecast, as tables and one sentence."""

from typing import Any

import pandas as pd

from barberlab.models import revenue, scorecard
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.outlook import Outlook
from barberlab.models.population import Population
from barberlab.models.scorecard import Record
from barberlab.reports import prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock

MOST_FORECASTS = 8  # rows; the run's own tables hold the rest
KEPT_ACCURACY = 0.05  # "within 5 %" is said of totals only where every error was


def judged(found: Outlook | NotAvailable, population: Population, weeks: pd.DataFrame, totals: pd.DataFrame) -> Record:
    """Published forecasts and, of moments before the first of them, up to three made again, with what came.

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
    return TableBlock(in_a_sentence(sums), tables.table(shown, columns), subtitle=subtitle, note=_how(record))


def _day(day: pd.Timestamp) -> str:
    return f"{day.day} {prose.short_month(day)} {day.year}"


def _latest(count: int) -> str:
    return f"The latest {MOST_FORECASTS} of {count}. " if count > MOST_FORECASTS else ""


def _inside(sums: pd.DataFrame) -> str:
    return f"{_spelled(int(sums['held80'].sum()))} of {prose.spelled(len(sums))} lay in their 8 in 10."


def _spelled(n: int) -> str:
    return "None" if n == 0 else prose.spelled(n).capitalize()


def in_a_sentence(sums: pd.DataFrame) -> str:
    """The record of all shops' totals, `scorecard.totals`, in a sentence.

    "Within 5%" is said only where each forecast was that near.
    """
    error, plain = sums["error"].abs(), prose.Rate(1)(sums["naive_error"].abs().mean())
    if (error <= KEPT_ACCURACY).all():
        every = "The one forecast" if len(sums) == 1 else f"All {prose.spelled(len(sums))} forecasts"
        return f"{every} of the total came within 5%; “as last year” was off by {plain}"
    often = prose.plural(len(sums), "forecast")
    return f"{often} of the total missed by {prose.Rate(1)(error.mean())} on average; “as last year” by {plain}"


def _how(record: Record) -> str:
    """Which forecasts these are."""
    made = record.made
    told, again = (int((made == kind).sum()) for kind in (scorecard.PUBLISHED, scorecard.REMADE))
    parts = []
    if told:
        parts.append(f"{prose.plural(told, 'forecast')} as published.")
    if again:
        parts.append(f"{prose.plural(again, 'forecast')} made again by today's code from what was known on that day.")
    return " ".join([*parts, "Errors are of weeks with trade: no forecast here foresees that a shop will be shut."])


def ranges_kept(record: Record, horizon: int) -> Block:
    """Of the weeks foreseen for shops, how many lay in their ranges, by third of the horizon."""
    if record.weeks.empty:
        return _no_record(horizon)
    frame = scorecard.by_third(record, horizon)
    share = prose.Rate(0)
    columns = [
        tables.Column("third", "Horizon", lambda words: words.capitalize(), right=False),
        tables.Column("n", "Weeks judged", prose.count, secondary=True),
        tables.Column("held80", "In 8 in 10", share),
        tables.Column("held95", "In 19 in 20", share),
        tables.Column("error", "Error", prose.Rate(1)),
        tables.Column("naive_error", "“As last year”", prose.Rate(1)),
    ]
    held = float(frame["held80"] @ frame["n"] / frame["n"].sum())
    title = f"{share(held)} of shops' weeks lay in ranges that promised {share(EIGHT_IN_TEN)}"
    subtitle = "Error: money foreseen in the wrong week and shop, over all that was taken."
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle)


def past_errors(record: Record) -> pd.DataFrame:
    """location_id, error, naive_error of each shop's weeks, to stand beside its forecast."""
    return scorecard.by_shop(record)[["location_id", "error", "naive_error"]]


def _no_record(horizon: int) -> NotAvailable:
    return NotAvailable("Track record", f"{horizon} weeks of trade after half a year of history")
