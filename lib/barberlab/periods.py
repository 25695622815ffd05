"""Which days does a page speak of, and with which is it fair to compare them?

A period is half-open, [start, end), of local days. It is compared with the days exactly 52 weeks before and with the
nearest earlier days that leave whole weeks between: the same number of days and the same weekdays each time, so that no
growth is made of one Saturday more.
"""

import re
from calendar import month_name
from dataclasses import dataclass
from datetime import date, timedelta

from barberlab.errors import BadInput

YEAR = timedelta(weeks=52)
SETTLING = timedelta(weeks=52)  # a shop's first year says how it fills up, not how it does
USUAL = 0.8  # of its usual open days a shop must have worked, to be compared
_FORMS = "2025-06, 2025-Q2, 2025, 2025-W23 or 2025-06-01..2025-06-15"


@dataclass(frozen=True)
class Period:
    """Days from `start` until before `end`, as far as they are known: `whole_end` is where the period itself ends."""

    start: date
    end: date
    whole_end: date
    name: str

    @property
    def days(self) -> int:
        """How many days of it are known."""
        return (self.end - self.start).days

    @property
    def partial(self) -> bool:
        """Whether the period is not over."""
        return self.end < self.whole_end

    @property
    def last(self) -> date:
        """The last day in it."""
        return self.end - timedelta(days=1)

    def shifted(self, by: timedelta) -> "Period":
        """The same number of days, earlier; whole weeks keep the weekdays."""
        start, end = self.start - by, self.end - by
        return Period(start, end, end, f"{start} to {end - timedelta(days=1)}")

    @property
    def before(self) -> "Period":
        """The nearest earlier days with the same weekdays: 35 days back for a month, 7 for a week."""
        return self.shifted(self._whole_weeks)

    @property
    def year_before(self) -> "Period":
        """The same weekdays 52 weeks earlier; 53 where the period itself is longer than that."""
        return self.shifted(max(YEAR, self._whole_weeks))

    @property
    def _whole_weeks(self) -> timedelta:
        return timedelta(weeks=-(-self.days // 7))


def period(said: str, today: date) -> Period:
    """The period that `said` names, known until `today`; without a name the last month that is over.

    Raises BadInput for a name that is none, and for a period that begins after `today`.
    """
    start, end, name = _named(said.strip()) if said.strip() else _last_month(today)
    if start > today:
        raise BadInput(f"period {said!r} begins after the data end, {today}")
    return Period(start, min(end, today + timedelta(days=1)), end, name)


def _named(said: str) -> tuple[date, date, str]:
    try:
        if found := re.fullmatch(r"(\d{4})-(\d\d)", said):
            return _month(int(found[1]), int(found[2]))
        if found := re.fullmatch(r"(\d{4})-Q([1-4])", said):
            return _quarter(int(found[1]), int(found[2]))
        if found := re.fullmatch(r"\d{4}", said):
            return date(int(said), 1, 1), date(int(said) + 1, 1, 1), said
        if found := re.fullmatch(r"(\d{4})-W(\d\d)", said):
            monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
            return monday, monday + timedelta(days=7), f"week {int(found[2])} of {found[1]}"
        if found := re.fullmatch(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", said):
            first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2])
            if first <= last:
                return first, last + timedelta(days=1), f"{first} to {last}"
    except ValueError:
        pass
    raise BadInput(f"period {said!r} is none; write {_FORMS}")


def _month(year: int, month: int) -> tuple[date, date, str]:
    start = date(year, month, 1)
    return start, _next_month(start), f"{month_name[month]} {year}"


def _quarter(year: int, quarter: int) -> tuple[date, date, str]:
    start = date(year, 3 * quarter - 2, 1)
    return start, _next_month(date(year, 3 * quarter, 1)), f"Q{quarter} {year}"


def _next_month(start: date) -> date:
    return (start + timedelta(days=31)).replace(day=1)


def _last_month(today: date) -> tuple[date, date, str]:
    """The month of `today` if that is its last day, else the one before."""
    tomorrow = today + timedelta(days=1)
    first = (tomorrow.replace(day=1) - timedelta(days=1)).replace(day=1)
    return _month(first.year, first.month)
