"""Why is revenue not what it was a year ago? The change taken apart into parts that add up to it.

Compared are the same weeks of both years (52 weeks apart), so the season is the same on both sides. Openings, closings
and single weeks shut are counted, shop by shop. Of what shops took in weeks in which they traded in both years, the
part that moved holidays explain is estimated; the rest is how the shops themselves have moved: trend.

The holidays' effect b is that of r_t = m_t + b x_t + noise, with r_t the log ratio of the network's revenue to that of
52 weeks before, x_t the difference of holidays and m_t a level that drifts slowly; in steps from week to week m_t all
but cancels, and b has a normal posterior in closed form (Gelman et al. 2013, Bayesian Data Analysis, section 14.2).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from barberlab.errors import NotAvailable
from barberlab.models.panel import Panel

YEAR, QUARTER = 52, 13
# A public holiday in the week moves its revenue by about a tenth, up or down.
_HOLIDAY_SD = 0.10
_LEAST_STEPS = 26


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
    """(S,) what moved holidays did to the revenue `then` (L, weeks); zero where no calendar is known."""
    if not panel.known_names:
        return np.zeros(draws)
    known = panel.known[:, : len(panel.weeks), 0].mean(axis=0)
    moved = known[YEAR:] - known[:-YEAR]
    mean, sd = _effect(_log_ratio(panel), moved)
    # Equally likely slices of the normal: the same in every run.
    effect = norm.ppf((np.arange(draws) + 0.5) / draws, mean, sd)
    return (np.expm1(effect[:, None] * moved[-weeks:]) * then.sum(axis=0)).sum(axis=1)


def _log_ratio(panel: Panel) -> np.ndarray:
    """(T - 52,) log of what the shops that traded in both took, over what they took a year before."""
    taken = np.where(panel.observed, panel.revenue, np.nan)
    now, then = taken[:, YEAR:], taken[:, :-YEAR]
    both = np.isfinite(now) & np.isfinite(then)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.where(both, now, 0).sum(axis=0) / np.where(both, then, 0).sum(axis=0))


def _effect(ratio: np.ndarray, moved: np.ndarray) -> tuple[float, float]:
    """Mean and sd of the effect of one holiday on the log of a week's revenue."""
    steps, moves = np.diff(ratio), np.diff(moved)
    usable = np.isfinite(steps)
    steps, moves = steps[usable], moves[usable]
    quiet = steps[moves == 0]
    if len(quiet) < _LEAST_STEPS:
        return 0.0, _HOLIDAY_SD
    noise = 1.4826 * np.median(np.abs(quiet - np.median(quiet)))
    precision = _HOLIDAY_SD**-2 + (moves**2).sum() / noise**2
    return float((moves * steps).sum() / noise**2 / precision), float(precision**-0.5)
