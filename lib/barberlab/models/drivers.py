"""Why is revenue not what it was a year ago? The change taken apart into parts that add up to it.

Compared are the same weeks of both years (52 weeks apart), so the season is the same on both sides. Openings, closings
and single weeks shut are counted, shop by shop. Of what shops took in weeks in which they traded in both years, the
part that moved holidays explain is estimated; the rest is how the shops themselves have moved: trend.

The holidays' effect b is that of r_t = m_t + b x_t + noise, with r_t the log ratio of the network's revenue to that of
52 weeks before, x_t the difference of holidays and m_t a level that drifts slowly; in steps from week to week m_t all
but cancels. Steps that follow each other share a week's noise: generalised least squares with the size and correlation
of what b leaves over (Cochrane & Orcutt 1949, JASA 44), and a t because these are estimates (Gelman et al. 2013,
Bayesian Data Analysis, sections 14.2 and 14.7).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from barberlab.errors import NotAvailable
from barberlab.models.panel import Panel

YEAR, QUARTER = 52, 13
# A public holiday in the week moves its revenue by about a tenth, up or down.
_HOLIDAY_SD = 0.10
_LEAST_STEPS = 26
_ROUNDS = 4
_QUIETEST = 1e-4  # log: no network's weeks repeat last year's to a hundredth of a per cent
_SHARED = -0.49  # steps of pure noise have a correlation of -1/2, at which their covariance is singular


@dataclass(frozen=True)
class Drivers:
    """Money of one window: `before` and `now` all revenue a year ago and now; the parts add up to now - before.

    new, closed and shut are counted. calendar and trend are (S,) draws whose sum is the same in each draw.
    """

    weeks: int
    before: float
    now: float
    new: float
    closed: float
    shut: float
    calendar: np.ndarray
    trend: np.ndarray


def drivers(panel: Panel, weeks: int = QUARTER, draws: int = 400) -> Drivers:
    """The parts of the change of one network's last `weeks` weeks against the same weeks a year before.

    Raises NotAvailable where the panel is shorter than a year and the window.
    """
    if len(panel.weeks) < YEAR + weeks:
        raise NotAvailable("change on last year", f"{YEAR + weeks} weeks of history, there are {len(panel.weeks)}")
    taken = np.where(panel.observed, panel.revenue, np.nan)
    now, then = taken[:, -weeks:], taken[:, -weeks - YEAR : -YEAR]
    is_new = ~panel.observed[:, : len(panel.weeks) - YEAR].any(axis=1)
    is_closed = np.isnan(now).all(axis=1) & ~is_new
    stays = ~(is_new | is_closed)
    paired = np.isfinite(now) & np.isfinite(then) & stays[:, None]
    shut = _sum(now, stays[:, None] & ~paired) - _sum(then, stays[:, None] & ~paired)
    calendar = _calendar(panel, np.where(paired, then, 0.0), weeks, draws)
    both = _sum(now, paired) - _sum(then, paired)
    return Drivers(
        weeks, np.nansum(then), np.nansum(now), _sum(now, is_new[:, None]), -_sum(then, is_closed[:, None]), shut,
        calendar, both - calendar,
    )  # fmt: skip


def _sum(money: np.ndarray, where: np.ndarray) -> float:
    return float(np.nansum(np.where(where, money, 0.0)))


def _calendar(panel: Panel, then: np.ndarray, weeks: int, draws: int) -> np.ndarray:
    """(S,) what moved holidays, the first known column, did to `then` (L, weeks); zero where none is known."""
    if not panel.known_names:
        return np.zeros(draws)
    known = panel.known[:, : len(panel.weeks), 0].mean(axis=0)
    moved = known[YEAR:] - known[:-YEAR]
    mean, scale, freedom = _effect(_log_ratio(panel), moved)
    # Equally likely slices: the same in every run.
    effect = student.ppf((np.arange(draws) + 0.5) / draws, freedom, mean, scale)
    return (np.expm1(effect[:, None] * moved[-weeks:]) * then.sum(axis=0)).sum(axis=1)


def _log_ratio(panel: Panel) -> np.ndarray:
    """(T - 52,) log of what the shops that traded in both took, over what they took a year before."""
    taken = np.where(panel.observed, panel.revenue, np.nan)
    now, then = taken[:, YEAR:], taken[:, :-YEAR]
    both = np.isfinite(now) & np.isfinite(then)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.where(both, now, 0).sum(axis=0) / np.where(both, then, 0).sum(axis=0))


def _effect(ratio: np.ndarray, moved: np.ndarray) -> tuple[float, float, int]:
    """Mean, scale and degrees of freedom of the effect of one holiday on the log of a week's revenue."""
    steps, moves = np.diff(ratio), np.diff(moved)
    steps = steps - np.nanmedian(steps) if np.isfinite(steps).any() else steps
    at = np.flatnonzero(np.isfinite(steps))
    if len(at) < _LEAST_STEPS:
        return 0.0, _HOLIDAY_SD, _LEAST_STEPS
    following = np.abs(at[:, None] - at) == 1
    mean = 0.0
    for _ in range(_ROUNDS):
        left = _without_outliers(steps - mean * moves)
        variance = max(np.nansum(left**2) / (len(at) - 2), _QUIETEST**2)
        covariance = variance * (np.eye(len(at)) + _following(left) * following)
        weighed = np.linalg.solve(covariance, moves[at])
        precision = _HOLIDAY_SD**-2 + weighed @ moves[at]
        mean = float(weighed @ steps[at] / precision)
    return mean, float(precision**-0.5), len(at) - 2


def _without_outliers(left: np.ndarray) -> np.ndarray:
    """Steps (T,) cut at three sds, as the median of their sizes tells these."""
    sd = 1.4826 * np.nanmedian(np.abs(left))
    return np.clip(left, -3 * sd, 3 * sd)


def _following(left: np.ndarray) -> float:
    """The correlation of steps (T,) with the step before, NaN where unknown: between that of noise and none."""
    both = np.isfinite(left[1:]) & np.isfinite(left[:-1])
    product, size = (left[1:] * left[:-1])[both].sum(), (left[1:] ** 2 + left[:-1] ** 2)[both].sum() / 2
    return float(np.clip(product / size if size > 0 else 0.0, _SHARED, 0.0))
