"""Why is revenue not what it was a year ago? The change in parts that add up to it, as a table."""

import numpy as np
import pandas as pd

from barberlab import errors
from barberlab.models import drivers
from barberlab.models.futures import Futures
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails
from barberlab.models.population import Population
from barberlab.reports import marks, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock

_COUNTED = {"new": "Shops that opened", "closed": "Shops that closed", "shut": "Weeks shut, then and now"}
_ESTIMATED = {
    "trend": "Trend of all shops together",
    "calendar": "Holidays and pay-days that moved",
    "season": "Season, a day apart",
    "own": "Single shops, and passing weeks",
}
_EMPTY = marks.together()


def driver_table(found: Futures | NotAvailable, population: Population, currency: str) -> Block:
    """The last quarter's change on the same weeks of last year, in parts that add up to it."""
    if isinstance(found, NotAvailable):
        return found
    try:
        parts = drivers.drivers(found.history, population)
    except errors.NotAvailable as error:
        return NotAvailable.of(error)
    form, total = prose.Money(currency), parts.now - parts.before
    rows = [*_counted(parts, form), *_estimated(parts, form), ("Altogether", form.table(total), "counted", _EMPTY)]
    columns = [
        tables.Column("part", "What changed"),
        tables.Column("change", "On last year", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("track", "", secondary=True),
    ]
    frame = pd.DataFrame(rows, columns=[column.key for column in columns])
    title = f"{_signed(total, form)} on the same {parts.weeks} weeks of last year, {prose.change(total / parts.before)}"
    subtitle = f"From {form(parts.before)} to {form(parts.now)}. The same weeks of both years."
    note = (
        "What is not counted is estimated by the forecast's own parts. They add up to the rest in each of its draws, "
        "and are shown by their means, as finely as their ranges allow. A grey bar could be chance."
    )
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle, note=note)


def _signed(money: float, form: prose.Format) -> str:
    return f"+{form(money)}" if money > 0 else form(money)


def _counted(parts: drivers.Drivers, form: prose.Format) -> list[tuple]:
    told = ((name, getattr(parts, key)) for key, name in _COUNTED.items())
    return [(name, form.table(money), "counted" if money else "none", _EMPTY) for name, money in told]


def _estimated(parts: drivers.Drivers, form: prose.Format) -> list[tuple]:
    levels = [*tails(NINETEEN_IN_TWENTY), *tails(EIGHT_IN_TEN)]
    ends = {key: np.quantile(getattr(parts, key), levels) for key in _ESTIMATED}
    reach = max(np.abs(list(ends.values())).max(), 1.0)
    rows = []
    for key, (low95, high95, low, high) in ends.items():
        mean = float(getattr(parts, key).mean())
        said = prose.estimate(mean, low, high, form)
        label = f"{_ESTIMATED[key]}: {said.value}, {said.eight_in_ten}"
        track = marks.range_track(mean, (low, high), (low95, high95), (-reach, reach), label)
        rows.append((_ESTIMATED[key], said.value, prose.span(low, high, form, "prose"), track))
    return rows
