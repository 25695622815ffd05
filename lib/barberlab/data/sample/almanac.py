"""What does the calendar do to demand? Sharp weeks, pay-days, public holidays and their eves, by country."""

from dataclasses import dataclass

import holidays
import numpy as np
import pandas as pd
from dateutil.easter import easter

from barberlab.data.sample.axis import Axis

# Days on which American shops stay shut; elsewhere they shut on every public holiday.
_US_CLOSURES = ("New Year's Day", "Memorial Day", "Independence Day", "Labor Day", "Thanksgiving", "Christmas Day")
WEEKDAYS = np.array([0.75, 0.90, 0.95, 1.10, 1.35, 1.50, 0.80])  # how Monday to Sunday attract
_PAYDAY, _EVE, _EVE_DAYS = 1.20, 1.25, 3
_EARLY_END = 14 * 60  # on the last days before Christmas and New Year

# Log effects of sharp weeks, by the days from December 25 on (negative: before it).
_CHRISTMAS = ((-14, -8, 0.16), (-7, -1, 0.30), (0, 7, -0.15), (8, 26, -0.12))
_EASTER_WEEK = 0.10
_BACK_TO_SCHOOL = {"US": ((8, 10), (8, 31), 0.14), "CA": ((8, 20), (9, 6), 0.14)}
_BACK_TO_SCHOOL_EUROPE = ((8, 1), (8, 20), 0.11)


@dataclass(frozen=True)
class Almanac:
    """Arrays over (day) for one country.

    `yearly` is the log of how much faster clients' clocks run: the year's curve and its sharp weeks. `attract` is how a
    day weighs against its neighbours: weekday, `payday` and `eve` of a closed holiday. `closed` marks the holidays on
    which shops are shut, `ends` the minute at which they end early (1440: they do not). `rows` lists holidays and the
    weeks before school: date, name, kind, is_closure, country.
    """

    yearly: np.ndarray
    attract: np.ndarray
    payday: np.ndarray
    eve: np.ndarray
    closed: np.ndarray
    ends: np.ndarray
    rows: pd.DataFrame


def almanac(axis: Axis, country: str) -> Almanac:
    """The rules of one country's calendar over history and open diary."""
    rows = _calendar(axis, country)
    closed = np.isin(axis.dates, rows.loc[rows["is_closure"], "date"].to_numpy().astype("datetime64[D]"))
    payday = np.where(np.isin(axis.day_of_month, (1, 2, 15, 16)), _PAYDAY, 1.0)
    eve = np.where(_before(closed, _EVE_DAYS), _EVE, 1.0)
    attract = WEEKDAYS[axis.weekday] * payday * eve
    return Almanac(_yearly(axis, country), attract, payday, eve, closed, _ends(axis), rows)


def _yearly(axis: Axis, country: str) -> np.ndarray:
    angle = 2 * np.pi * (axis.dates - axis.dates.astype("datetime64[Y]")).astype(int) / 365.25
    log = 0.03 * np.cos(angle - 2 * np.pi * 0.42) + 0.025 * np.cos(2 * angle)
    for low, high, effect in _CHRISTMAS:
        log += effect * _from_christmas(axis, low, high)
    return log + _EASTER_WEEK * _easter_week(axis) + _back_to_school(country)[2] * _in_break(axis, country)


def _from_christmas(axis: Axis, low: int, high: int) -> np.ndarray:
    years = range(_years(axis)[0] - 1, _years(axis)[-1] + 1)
    christmas = np.array([np.datetime64(f"{year}-12-25") for year in years])
    since = (axis.dates[None] - christmas[:, None]).astype(int)
    return ((since >= low) & (since <= high)).any(axis=0)


def _easter_week(axis: Axis) -> np.ndarray:
    sundays = np.array([np.datetime64(easter(year)) for year in _years(axis)])
    before = (sundays[:, None] - axis.dates[None]).astype(int)
    return ((before >= 1) & (before <= 7)).any(axis=0)


def _back_to_school(country: str) -> tuple[tuple[int, int], tuple[int, int], float]:
    return _BACK_TO_SCHOOL.get(country, _BACK_TO_SCHOOL_EUROPE)


def _in_break(axis: Axis, country: str) -> np.ndarray:
    (m0, d0), (m1, d1), _ = _back_to_school(country)
    at = 100 * axis.month + axis.day_of_month
    return (at >= 100 * m0 + d0) & (at <= 100 * m1 + d1)


def _before(closed: np.ndarray, days: int) -> np.ndarray:
    """The open days of the last `days` before a closed one."""
    padded = np.pad(closed, (0, days))
    return np.any([padded[i : i + len(closed)] for i in range(1, days + 1)], axis=0) & ~closed


def _ends(axis: Axis) -> np.ndarray:
    return np.where((axis.month == 12) & np.isin(axis.day_of_month, (24, 31)), _EARLY_END, 1440)


def _years(axis: Axis) -> range:
    return range(axis.dates[0].astype(object).year, axis.dates[-1].astype(object).year + 1)


def _calendar(axis: Axis, country: str) -> pd.DataFrame:
    public = holidays.country_holidays(country, years=_years(axis), language="en_US")
    rows = [(day, name, "public_holiday", _closes(country, name)) for day, name in sorted(public.items())]
    breaks = axis.dates[_in_break(axis, country)].astype(object)
    rows += [(day, "Back to school", "school_break", False) for day in breaks]
    frame = pd.DataFrame(rows, columns=["date", "name", "kind", "is_closure"])
    frame["date"] = frame["date"].astype("datetime64[us]")
    inside = frame["date"].between(pd.Timestamp(axis.dates[0]), pd.Timestamp(axis.dates[-1]))
    return frame[inside].assign(country=country)


def _closes(country: str, name: str) -> bool:
    return country != "US" or any(name.startswith(day) for day in _US_CLOSURES)
