"""When does a cron line fire? Five fields and a time zone in, instants in UTC out, whatever the clocks are set to.

    minute hour day-of-month month day-of-week        30 6 * * mon-fri        0 7 1,15 * *        */15 8-20 * * *

Where both days are restricted, either is enough, as cron has it. A time of day that does not exist because clocks go
forward fires at the first minute that does; one that exists twice because they go back fires once, the first time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from barberlab.errors import BadInput

FIELDS = {"minute": (0, 59), "hour": (0, 23), "day of month": (1, 31), "month": (1, 12), "day of week": (0, 7)}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS, 1)},
    "day of week": {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
}
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# Between two 29 Februaries lie at most eight years; a day that does not come in that time never does.
_LONGEST = 8 * 366 + 2


@dataclass(frozen=True)
class Cron:
    """A line that was read: the times of day it names, in order, and the days it names. `zone` is whose clock."""

    said: str
    zone: ZoneInfo
    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def last(self, now: datetime) -> datetime:
        """The latest instant at or before `now` at which it fired."""
        # A day more: where clocks go back over midnight, today's last minutes come after tomorrow's first.
        for day in self._days(self._today(now) + _DAY, -_DAY):
            fired = [at for at in self._instants(day) if at <= now]
            if fired:
                return fired[-1]
        raise self._never()

    def next(self, now: datetime) -> datetime:
        """The first instant after `now` at which it fires."""
        return next(self.after(now))

    def after(self, since: datetime) -> Iterator[datetime]:
        """Every instant after `since`, in order, without an end."""
        latest = since
        for day in self._days(self._today(since) - _DAY, _DAY):
            for at in self._instants(day):
                if at > latest:
                    latest = at
                    yield at

    def _today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def _days(self, day: date, step: timedelta) -> Iterator[date]:
        """Days it names, from `day` on; raises BadInput where none comes for eight years."""
        idle = 0
        while idle < _LONGEST:
            idle += 1
            if self._names(day):
                idle = 0
                yield day
            day += step
        raise self._never()

    def _names(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either else of_month and of_week)

    def _instants(self, day: date) -> list[datetime]:
        return sorted({self._instant(datetime.combine(day, at)) for at in self.times})

    def _instant(self, wall: datetime) -> datetime:
        """The clock's first moment to show `wall`, or the first minute after the gap that `wall` falls into."""
        while True:
            at = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if at.astimezone(self.zone).replace(tzinfo=None) == wall:
                return at
            wall += _MINUTE

    def _never(self) -> BadInput:
        return BadInput(f"cron line {self.said!r} names a day that never comes")


def parse(said: str, zone: str) -> Cron:
    """Read a line of five fields; raises BadInput naming the field, what was found and what is allowed."""
    parts = said.lower().split()
    if len(parts) != len(FIELDS):
        raise BadInput(f"cron line {said!r} has {len(parts)} fields, needs 5: {', '.join(FIELDS)}")
    minutes, hours, days, months, weekdays = (_field(*pair) for pair in zip(parts, FIELDS, strict=True))
    times = tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes))
    either = not (parts[2].startswith("*") or parts[4].startswith("*"))
    weekdays = frozenset(day % 7 for day in weekdays)
    cron = Cron(said, ZoneInfo(zone), times, days, months, weekdays, either)
    next(cron._days(date(2000, 1, 1), _DAY))
    return cron


def _field(said: str, name: str) -> frozenset[int]:
    return frozenset(number for part in said.split(",") for number in _part(part, name))


def _part(said: str, name: str) -> range:
    """`*`, `5`, `1-5`, `*/15` or `8-20/2` as the numbers it stands for."""
    span, slash, step = said.partition("/")
    low, dash, high = span.partition("-")
    first, last = FIELDS[name] if span == "*" else (_number(low, name), _number(high if dash else low, name))
    if slash and (not _whole(step) or int(step) == 0 or not (dash or span == "*")):
        raise BadInput(f"{name} {said!r}: a step is a whole number behind * or a range, such as */15")
    if first > last:
        raise BadInput(f"{name} {said!r}: the range runs backwards")
    return range(first, last + 1, int(step) if slash else 1)


def _number(said: str, name: str) -> int:
    low, high = FIELDS[name]
    number = _NAMES.get(name, {}).get(said, int(said) if _whole(said) else -1)
    if not low <= number <= high:
        raise BadInput(f"{name} {said!r} must be {low} to {high}")
    return number


def _whole(said: str) -> bool:
    return said.isascii() and said.isdigit() and len(said) < 4
