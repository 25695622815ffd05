"""How is a number said? Every form of money, rate, range, chance, date and count that a page may print.

Rounding happens here and nowhere before. Missing values are "n/a", never a zero. Minus is U+2212. Money comes in the
currency's minor unit, a rate or a chance as a share from 0 to 1, a change as a relative one (0.041 is +4.1%).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from barberlab.errors import BadInput

MINUS, NBSP, MISSING = "−", "\u00a0", "n/a"

# ISO 4217: what has a symbol that an English page can put in front, and what is not counted in hundredths.
SYMBOLS = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "MXN", "SGD", "HKD"), "$"),
    **{"EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "ILS": "₪"},
    **{"NGN": "₦", "PHP": "₱", "TRY": "₺", "UAH": "₴", "VND": "₫"},
}
MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

LIKELY = (
    (0.95, "almost certainly"),
    (0.90, "very likely"),
    (0.75, "likely"),
    (0.60, "more likely than not"),
    (0.40, "could go either way"),
)
COULD_BE_CHANCE = 0.9  # a difference with less is said to be possibly chance and drawn grey
FEWEST_FOR_RATE, MANY_FOR_RATE = 30, 1000


def missing(value: object) -> bool:
    """Whether a cell holds no value: None, NaN, NaT, NA, or an infinity that a division left."""
    return value is None or bool(pd.isna(value)) or (isinstance(value, float) and math.isinf(value))


def minor_digits(currency: str) -> int:
    """Decimals of the currency's minor unit (ISO 4217): 2 for USD, 0 for JPY, 3 for KWD."""
    return MINOR_DIGITS.get(currency, 2)


def money(cents: float | None, currency: str, style: str = "key") -> str:
    """An amount of minor units. "key": three digits ($1.42M, $48.2k); "table": in full, cents only under $100;
    "prose": in full under $100,000, then as key."""
    if style not in ("key", "table", "prose"):
        raise BadInput(f"money style {style!r} is unknown; styles are key, table, prose")
    if missing(cents):
        return MISSING
    amount = _exact(cents).scaleb(-minor_digits(currency))
    short = style == "key" or (style == "prose" and abs(amount) >= 100_000)
    return _signed_money(amount, currency, _compact(amount, currency) if short else _in_full(amount, currency))


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _half_up(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _signed_money(amount: Decimal, currency: str, text: str) -> str:
    symbol = SYMBOLS.get(currency, f"{currency}{NBSP}")
    sign = MINUS if amount < 0 and text.strip("0,.") else ""
    return f"{sign}{symbol}{text}"


def _in_full(amount: Decimal, currency: str) -> str:
    digits = minor_digits(currency) if 0 < abs(amount) < 100 else 0
    return f"{_half_up(abs(amount), digits):,}"


def _compact(amount: Decimal, currency: str) -> str:
    if abs(amount) < 100:
        return _in_full(amount, currency)
    three = Context(prec=3, rounding=ROUND_HALF_UP).create_decimal(abs(amount))
    power, letter = next((p, unit) for p, unit in ((9, "B"), (6, "M"), (3, "k"), (0, "")) if three >= 10**p)
    scaled = three.scaleb(-power)
    return f"{_half_up(scaled, 2 - min(scaled.adjusted(), 2)):,}{letter}"


def rate(hits: float | None, n: float | None) -> str:
    """hits of n as a per cent: one decimal from 1,000, none under it, and "n/a" under 30."""
    if missing(hits) or missing(n) or n < FEWEST_FOR_RATE:
        return MISSING
    return _percent(hits / n, 1 if n >= MANY_FOR_RATE else 0)


def _percent(share: float, digits: int) -> str:
    return f"{_signless_zero(_exact(share).scaleb(2), digits)}%"


def _signless_zero(value: Decimal, digits: int, plus: str = "") -> str:
    """`value` at `digits` with a true minus; zero carries no sign, whatever it was rounded from."""
    rounded = _half_up(value, digits)
    sign = "" if rounded == 0 else MINUS if rounded < 0 else plus
    return f"{sign}{abs(rounded):,}"


def change(ratio: float | None) -> str:
    """A relative change, 0.041 as +4.1%; no decimal from 100%, none and no sign for what rounds to nothing."""
    if missing(ratio):
        return MISSING
    text = _signless_zero(_exact(ratio).scaleb(2), 0 if abs(ratio) >= 1 else 1, plus="+")
    return "0%" if text == "0.0" else f"{text}%"


def points(diff: float | None) -> str:
    """The difference of two rates, 0.009 as +0.9 pts."""
    return MISSING if missing(diff) else f"{_signless_zero(_exact(diff).scaleb(2), 1, plus='+')} pts"


def count(value: float | None) -> str:
    """A whole number with thousands: 30,149."""
    return MISSING if missing(value) else _signless_zero(_exact(value), 0)


def chance(p: float) -> str:
    """A probability in whole per cent; never 0% or 100%."""
    _check_probability(p)
    return "under 1%" if p < 0.01 else "over 99%" if p > 0.99 else _percent(p, 0)


class Likely(NamedTuple):
    """Words and the number they go with; `opposite` when they are about the thing not being so."""

    words: str
    printed: str
    opposite: bool


def likely(p: float) -> Likely:
    """The house's words for a probability. Under 0.4 they are said of the opposite, and so is the number."""
    _check_probability(p)
    opposite = p < LIKELY[-1][0]
    said = 1 - p if opposite else p
    # 1 - 0.05 is 0.95 and not a hair less: the words of a bound belong to both sides of the table.
    words = next(words for least, words in LIKELY if said >= least - 1e-9)
    return Likely(words, chance(said), opposite)


def _check_probability(p: float) -> None:
    if missing(p) or not 0 <= p <= 1:
        raise BadInput(f"{p!r} is no probability: it must lie between 0 and 1")


# Formats: how one measure is printed everywhere on a page, as key figure, in a table, on an axis, as a range.


@dataclass(frozen=True)
class Format:
    """A measure's way of being printed; called with a value it gives the short form."""

    def __call__(self, value: float | None) -> str:
        """The form of labels and key figures."""
        return self.table(value)

    def table(self, value: float | None) -> str:
        """The form of a table's cell."""
        return count(value)

    def at(self, value: float, step: float, size: float | None = None) -> str:
        """`value` to the precision `step`; `size` is the largest value of the same row, which chooses the unit."""
        return _signless_zero(_stepped(value, step), 0)

    def joined(self, low: str, high: str, word: str) -> str:
        """Two printed ends as one range."""
        return f"{low}{word}{high}"

    def ticks(self, values: Sequence[float]) -> list[str]:
        """Labels of an axis, all at one precision."""
        size = max(map(abs, values), default=0)
        return [self.at(value, _tick_step(values), size) for value in values]


def _tick_step(values: Sequence[float]) -> float:
    """The precision at which the ticks of an axis are told apart and none is rounded: 0.01 for 0.45, 0.6 and 1."""
    gap = float(min((b - a for a, b in pairwise(values)), default=1)) or 1.0
    power = math.floor(math.log10(gap) + 1e-9)
    finer = (10.0**k for k in (power, power - 1, power - 2))
    return next((step for step in finer if all(_whole(value / step) for value in values)), 10.0 ** (power - 2))


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


@dataclass(frozen=True)
class Money(Format):
    """Minor units of `currency`."""

    currency: str

    def __call__(self, value: float | None) -> str:
        return money(value, self.currency)

    def table(self, value: float | None) -> str:
        return money(value, self.currency, "table")

    def at(self, value: float, step: float, size: float | None = None) -> str:
        million, rounded = 1_000_000, self._units(abs(float(_stepped(value, step))))
        if self._units(max(abs(value), size or 0)) < million:
            return self._scaled(value, step, (0, ""))
        # Beside millions, what is none itself is said in thousands: $990k to $1.03M, and not $0.99M.
        small = (3, "k") if self._units(step) >= 1000 else (0, "")
        return self._scaled(value, step, (6, "M") if rounded >= million else small)

    def ticks(self, values: Sequence[float]) -> list[str]:
        largest = self._units(max(map(abs, values), default=0))
        unit = (6, "M") if largest >= 1_000_000 else (3, "k") if largest >= 10_000 else (0, "")
        return [self._scaled(value, _tick_step(values), unit) for value in values]

    def _units(self, cents: float) -> Decimal:
        return _exact(cents).scaleb(-minor_digits(self.currency))

    def _scaled(self, cents: float, step: float, unit: tuple[int, str]) -> str:
        shift, letter = unit
        amount = _stepped(cents, step).scaleb(-minor_digits(self.currency))
        if not amount:
            return _signed_money(amount, self.currency, "0")
        digits = max(0, shift - self._units(step).adjusted())
        # Cents are shown only where the step is that fine, and then all of them: $47.10, not $47.1.
        digits = minor_digits(self.currency) if digits and not shift else digits
        return _signed_money(amount, self.currency, f"{_half_up(abs(amount).scaleb(-shift), digits):,}{letter}")


@dataclass(frozen=True)
class Count(Format):
    """A number of things."""


@dataclass(frozen=True)
class Number(Format):
    """A plain number with fixed decimals."""

    digits: int = 1

    def table(self, value: float | None) -> str:
        return MISSING if missing(value) else _signless_zero(_exact(value), self.digits)

    def at(self, value: float, step: float, size: float | None = None) -> str:
        return _signless_zero(_stepped(value, step), _digits(step))


@dataclass(frozen=True)
class Rate(Format):
    """A share from 0 to 1, printed in per cent."""

    digits: int = 0

    def table(self, value: float | None) -> str:
        return MISSING if missing(value) else _percent(value, self.digits)

    def at(self, value: float, step: float, size: float | None = None) -> str:
        return f"{_signless_zero(_stepped(value, step).scaleb(2), _digits(step * 100))}%"

    def joined(self, low: str, high: str, word: str) -> str:
        return f"{low if word == ' to ' else low.removesuffix('%')}{word}{high}"


@dataclass(frozen=True)
class Change(Format):
    """A relative change or gap, signed, in per cent."""

    def table(self, value: float | None) -> str:
        return change(value)

    def at(self, value: float, step: float, size: float | None = None) -> str:
        return f"{_signless_zero(_stepped(value, step).scaleb(2), _digits(step * 100), plus='+')}%"

    def joined(self, low: str, high: str, word: str) -> str:
        return f"{low.removesuffix('%')} to {high}"


@dataclass(frozen=True)
class Points(Format):
    """The difference of two rates, signed, in percentage points."""

    def table(self, value: float | None) -> str:
        return points(value)

    def at(self, value: float, step: float, size: float | None = None) -> str:
        return f"{_signless_zero(_stepped(value, step).scaleb(2), _digits(step * 100), plus='+')} pts"

    def joined(self, low: str, high: str, word: str) -> str:
        return f"{low.removesuffix(' pts')} to {high}"


def _stepped(value: float, step: float) -> Decimal:
    size = _exact(step)
    return (_exact(value) / size).quantize(Decimal(1), ROUND_HALF_UP) * size


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))


def precision(low: float, high: float) -> float:
    """The step an 80 % range and its middle are rounded to: the power of ten at or under a tenth of its width."""
    width = abs(high - low)
    return 10.0 ** math.floor(math.log10(width / 10) + 1e-9) if width > 0 else 0.0


def span(low: float | None, high: float | None, form: Format, style: str = "table") -> str:
    """A range at its own precision: "$8.24M–$9.05M" in tables; "$500 to $2,400" in prose or with a negative end."""
    if missing(low) or missing(high):
        return MISSING
    step = precision(low, high)
    if step == 0:
        return form.table(low)
    word = " to " if style == "prose" or min(low, high) < 0 else "–"
    size = max(abs(low), abs(high))
    return form.joined(form.at(low, step, size), form.at(high, step, size), word)


class Estimate(NamedTuple):
    """An estimate and its 80 % range, at one precision."""

    value: str
    eight_in_ten: str


def estimate(mid: float, low: float, high: float, form: Format, style: str = "prose") -> Estimate:
    """The middle rounded like its range: 1,413 of 312 to 2,512 is $1,400 and "8 in 10: $300 to $2,500"."""
    step = precision(low, high)
    value = form.at(mid, step, max(abs(low), abs(high))) if step else form.table(mid)
    return Estimate(value, f"8 in 10: {span(low, high, form, style)}")


# Words of time and number.


def day(when: date) -> str:
    """Mon 30 Jun 2025."""
    return f"{DAYS[when.weekday()]} {when.day} {short_month(when)} {when.year}"


def clock(when: datetime | time) -> str:
    """16:30."""
    return f"{when.hour:02d}:{when.minute:02d}"


def moment(when: datetime, zone: str) -> str:
    """Mon 30 Jun 2025, 06:10 in the shop's zone; an instant without a zone is refused."""
    if when.tzinfo is None:
        raise BadInput(f"the instant {when} has no time zone; hand it over in UTC")
    local = when.astimezone(ZoneInfo(zone))
    return f"{day(local)}, {clock(local)}"


def month(when: date) -> str:
    """June 2025."""
    return f"{MONTHS[when.month - 1]} {when.year}"


def short_month(when: date) -> str:
    """Jun."""
    return MONTHS[when.month - 1][:3]


def period(start: date, grain: str) -> str:
    """The name of a period by its first day: 30 Jun 2025, week of 30 Jun 2025, June 2025, Q2 2025, 2025."""
    names = {
        "day": lambda: day(start),
        "week": lambda: f"week of {start.day} {short_month(start)} {start.year}",
        "month": lambda: month(start),
        "quarter": lambda: f"Q{(start.month + 2) // 3} {start.year}",
        "year": lambda: str(start.year),
    }
    if grain not in names:
        raise BadInput(f"grain {grain!r} has no name; grains are {', '.join(names)}")
    return names[grain]()


def partial(name: str, done: int, total: int, unit: str = "days") -> str:
    """A period that is not over: June, 18 of 30 days."""
    return f"{name}, {done} of {total} {unit}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """1 shop, 33 shops, 2 entries."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def spelled(n: int) -> str:
    """Small numbers as words: six; 33. Capitalise it at the start of a sentence."""
    return SPELLED[n] if 0 <= n < len(SPELLED) else count(n)


def listed(names: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
