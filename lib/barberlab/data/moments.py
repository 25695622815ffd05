"""When is "as of"? A date means that local day has ended; an instant means itself. Stored and compared in UTC."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from barberlab.errors import BadInput


def moment(said: str | date | datetime, zone: str) -> datetime:
    """The instant (UTC) that `said` means: a date is the end of that day in `zone`, a naive time is its clock."""
    try:
        value = datetime.fromisoformat(said) if isinstance(said, str) else said
    except ValueError:
        raise BadInput(
            f"as_of {said!r} is neither a date such as 2025-06-30 nor an instant such as 2025-06-30T18:00Z"
        ) from None
    is_date = len(said) == len("2025-06-30") if isinstance(said, str) else not isinstance(said, datetime)
    if is_date:
        day = date(value.year, value.month, value.day) + timedelta(days=1)
        value = datetime.combine(day, time(), ZoneInfo(zone))
    elif value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(zone))
    return value.astimezone(UTC)


def last_day(as_of: datetime, zone: str) -> date:
    """The last local day that `as_of` knows something of: midnight belongs to the day before it."""
    return (as_of.astimezone(ZoneInfo(zone)) - timedelta(microseconds=1)).date()
