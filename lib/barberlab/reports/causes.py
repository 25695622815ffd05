"""Why is revenue not what it was a year ago? The change in parts that add up to it, as a table."""

import numpy as np
import pandas as pd

from barberlab import errors
from barberlab.models import drivers
from barberlab.models.futures import Futures
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.reports import prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock


def driver_table(found: Futures | NotAvailable, currency: str) -> Block:
    """The last quarter's change on the same weeks of last year, in parts that add up to it."""
    if isinstance(found, NotAvailable):
        return found
    try:
        parts = drivers.drivers(found.history)
    except errors.NotAvailable as error:
        return NotAvailable.of(error)
    form = prose.Money(currency)
    frame = pd.DataFrame(_driver_rows(parts, form), columns=["part", "change", "range"])
    columns = [
        tables.Column("part", "What changed"),
        tables.Column("change", "On last year", right=True),
        tables.Column("range", "8 in 10", right=True),
    ]
    total = parts.now - parts.before
    title = f"{_signed(total, form)} on the same {parts.weeks} weeks of last year, {prose.change(total / parts.before)}"
    subtitle = (
        f"From {form(parts.before)} to {form(parts.now)}. The same weeks of both years, so the season is the same."
    )
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle)


def _signed(money: float, form: prose.Format) -> str:
    return f"+{form(money)}" if money > 0 else form(money)


def _driver_rows(parts: drivers.Drivers, form: prose.Format) -> list[tuple[str, str, str]]:
    counted = [("Shops that opened", parts.new), ("Shops that closed", parts.closed), ("Weeks shut", parts.shut)]
    estimated = [("Holidays that moved", parts.calendar), ("Shops open in both years, else", parts.trend)]
    rows = [(name, form.table(money), "counted") for name, money in counted]
    for name, draws in estimated:
        low, middle, high = np.quantile(draws, [tails(EIGHT_IN_TEN)[0], 0.5, tails(EIGHT_IN_TEN)[1]])
        if low < high:
            rows.append((name, prose.estimate(middle, low, high, form).value, prose.span(low, high, form, "prose")))
        else:
            rows.append((name, form.table(middle), "counted" if middle else "none moved"))
    return rows
