"""How alike are two weeks of a shop? Covariances over weeks: level, slope, seasons, pay-days, calendar, drift, echo.

Each term is a fixed matrix over the weeks of history and horizon times a variance; sums of terms are Gaussian
processes. Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, chapters 2 and 4; the damped
slope after Gardner & McKenzie (1985), Management Science 31(10).
"""

from dataclasses import dataclass

import numpy as np

YEAR = 365.2425 / 7  # weeks
MONTH = YEAR / 12
HARMONICS = 4  # of the year; the weight of harmonic k falls as k to the power -2
SHARPNESS = 0.06  # of the week of the year, in radians of half a year: the neighbouring week shares about an eighth
SLOPE_LASTS = 0.5  # years: a trend seen so far fades into the future with this time constant
VAGUE_LEVEL = 900.0  # a location's level has 30 times the sd of its weeks


@dataclass(frozen=True)
class Terms:
    """The terms over n weeks, each (n, n): fixed parts of every covariance. `origin` of the n weeks are history.

    apart (n, n) is the distance in weeks, `share` for the echo phi ** apart.
    """

    origin: int
    one: np.ndarray
    slope: np.ndarray
    season: np.ndarray
    week: np.ndarray
    pay: np.ndarray
    drift: np.ndarray
    apart: np.ndarray
    eye: np.ndarray

    def reversed(self) -> "Terms":
        """The same with time running backwards, so that every history that begins late is a leading block."""
        parts = {name: part for name, part in vars(self).items() if name != "origin"}
        backwards = {name: np.ascontiguousarray(part[::-1, ::-1]) for name, part in parts.items()}
        return Terms(origin=self.origin, **backwards)


def terms(first_week: np.datetime64, origin: int, horizon: int) -> Terms:
    """All terms over `origin` weeks of history and `horizon` weeks to come, the first of which begins on first_week."""
    n = origin + horizon
    week = np.arange(n)
    apart = np.abs(week[:, None] - week[None]).astype(float)
    slope = slope_of(week - origin)
    pay = _pay_days(first_week, n)
    return Terms(
        origin=origin,
        one=np.ones((n, n)),
        slope=np.outer(slope, slope),
        season=_season(apart),
        week=np.exp(-2 * np.sin(np.pi * apart / YEAR) ** 2 / SHARPNESS**2),
        pay=pay @ pay.T,
        drift=np.minimum(week[:, None], week[None]) + 1.0,
        apart=apart,
        eye=np.eye(n),
    )


def slope_of(ahead: np.ndarray) -> np.ndarray:
    """Years since the origin, `ahead` in weeks; a trend seen in the past runs on ever more slowly in the future."""
    years = ahead / YEAR
    return np.where(years < 0, years, SLOPE_LASTS * -np.expm1(-np.maximum(years, 0) / SLOPE_LASTS))


def echo(phi: float, apart: np.ndarray) -> np.ndarray:
    """Correlation of a first-order autoregression, phi ** apart."""
    return phi**apart


def _season(apart: np.ndarray) -> np.ndarray:
    k = np.arange(1, HARMONICS + 1)
    weight = k**-2.0 / (k**-2.0).sum()
    return np.einsum("k,kij->ij", weight, np.cos(2 * np.pi * k[:, None, None] * apart / YEAR))


def _pay_days(first_week: np.datetime64, n: int) -> np.ndarray:
    """(n, 5) where the week stands in its month, by two harmonics, and the rhythm of pay every second week.

    Weeks are placed by their Thursday, as ISO 8601 does.
    """
    thursday = first_week.astype("datetime64[D]") + 7 * np.arange(n) + 3
    month = thursday.astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(float)
    angle = 2 * np.pi * (thursday - month.astype("datetime64[D]")).astype(float) / length
    fortnight = np.where((thursday.astype(int) // 7) % 2 == 0, 1.0, -1.0)
    columns = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle), fortnight], axis=1)
    return columns * np.sqrt([0.3, 0.3, 0.15, 0.15, 0.25])
