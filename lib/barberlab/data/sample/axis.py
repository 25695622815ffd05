"""Which days are simulated, and what is a local minute of one of them in UTC?"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

AHEAD = 84  # days of open diary after the last one: bookings beyond them cannot be made
NEVER = 1 << 20  # a day that does not come


@dataclass(frozen=True)
class Axis:
    """Days 0 to past - 1 are the history, past to past + AHEAD - 1 the open diary. Day numbers count from `first`."""

    first: np.datetime64
    past: int

    @classmethod
    def until(cls, last: date, months: int) -> "Axis":
        """The history of `months` months that ends with the day `last`."""
        end = pd.Timestamp(last) + pd.Timedelta(days=1)
        first = (end - pd.DateOffset(months=months)).to_datetime64().astype("datetime64[D]")
        return cls(first, int((end.to_datetime64().astype("datetime64[D]") - first).astype(int)))

    @property
    def days(self) -> int:
        """History and diary together."""
        return self.past + AHEAD

    @cached_property
    def dates(self) -> np.ndarray:
        """(day) the date of each day."""
        return self.first + np.arange(self.days)

    @cached_property
    def weekday(self) -> np.ndarray:
        """(day) Monday = 0."""
        return (self.dates.astype(int) + 3) % 7  # 1970-01-01 was a Thursday

    @cached_property
    def day_of_month(self) -> np.ndarray:
        """(day) 1 to 31."""
        return (self.dates - self.dates.astype("datetime64[M]")).astype(int) + 1

    @cached_property
    def month(self) -> np.ndarray:
        """(day) 1 to 12."""
        return self.dates.astype("datetime64[M]").astype(int) % 12 + 1

    def dated(self, day: np.ndarray) -> np.ndarray:
        """Dates of day numbers (also before 0), as datetime64[us]; NEVER becomes a missing date."""
        day = np.asarray(day)
        dates = (self.first + day.astype("timedelta64[D]")).astype("datetime64[us]")
        return np.where(day < NEVER, dates, np.datetime64("NaT", "us"))

    def utc(self, zones: list[str], zone: np.ndarray, day: np.ndarray, minute: np.ndarray) -> np.ndarray:
        """Instants of local minutes, as naive datetime64[us] in UTC.

        zones: names; zone, day, minute: (row) index of the zone, day number and minute after local midnight, which must
        lie at or after 05:00: clocks change earlier in the night, so a day has one offset from then on.
        """
        local = (self.first + np.asarray(day)).astype("datetime64[us]") + np.asarray(minute).astype("timedelta64[m]")
        return local - self._offsets(tuple(zones))[zone, day].astype("timedelta64[m]")

    def _offsets(self, zones: tuple[str, ...]) -> np.ndarray:
        """(zone, day) minutes that local noon is ahead of UTC."""
        noon = pd.DatetimeIndex(self.dates.astype("datetime64[us]")) + pd.Timedelta(hours=12)
        ahead = [noon - noon.tz_localize(zone).tz_convert("UTC").tz_localize(None) for zone in zones]
        return np.array([delta.total_seconds() // 60 for delta in ahead], dtype=int)
