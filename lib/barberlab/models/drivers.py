"""Why is revenue not what it was a year ago? The change taken apart into parts that add up to it.

Compared are the same weeks of both years, 52 weeks apart. Openings, closings and single weeks shut are counted, shop by
shop. What shops took in weeks in which they traded in both years changed by so much in its logarithm; the model's
components say how much of that is season, calendar and the trend that all shops share, and what they leave is each
shop's own. A change in logarithm is turned into money by the logarithmic mean of both weeks, the one weight with which
parts add up whatever their order: Ang (2004), Energy Policy 32, eqs. (5) and (6).
"""

from dataclasses import dataclass

import numpy as np

from barberlab.errors import NotAvailable
from barberlab.models.panel import Panel
from barberlab.models.population import Population
from barberlab.models.revenue_components import Components, components

YEAR, QUARTER = 52, 13
_OF_PARTS = {"season": ("season",), "calendar": ("calendar", "pay_days"), "trend": ("trend",)}


@dataclass(frozen=True)
class Drivers:
    """Money of one window: `before` and `now` all revenue a year ago and now; the parts add up to now - before.

    new, closed and shut are counted. season, calendar (holidays and pay-days that moved), trend (of all shops together)
    and own (what single shops did otherwise, and passing weeks) are (S,) draws whose sum is the same in each draw.
    """

    weeks: int
    before: float
    now: float
    new: float
    closed: float
    shut: float
    season: np.ndarray
    calendar: np.ndarray
    trend: np.ndarray
    own: np.ndarray


def drivers(panel: Panel, population: Population, weeks: int = QUARTER, draws: int = 400, seed: int = 0) -> Drivers:
    """The parts of the change of one network's last `weeks` weeks against the same weeks a year before.

    Raises NotAvailable where the panel is shorter than a year and the window.
    """
    if len(panel.weeks) < YEAR + weeks:
        raise NotAvailable("change on last year", f"{YEAR + weeks} weeks of history, there are {len(panel.weeks)}")
    taken = np.where(panel.observed, panel.revenue, np.nan)
    now, then = taken[:, -weeks:], taken[:, -weeks - YEAR : -YEAR]
    is_new = ~panel.observed[:, : len(panel.weeks) - YEAR].any(axis=1)
    is_closed = np.isnan(now).all(axis=1) & ~is_new
    stays = ~(is_new | is_closed)[:, None]
    paired = np.isfinite(now) & np.isfinite(then) & stays
    counted = {
        "new": _sum(now, is_new[:, None]),
        "closed": -_sum(then, is_closed[:, None]),
        "shut": _sum(now, stays & ~paired) - _sum(then, stays & ~paired),
    }
    moved = _moved(components(panel, 1, population, draws, seed), now, then, paired)
    own = _sum(now, paired) - _sum(then, paired) - sum(moved.values())
    return Drivers(weeks, float(np.nansum(then)), float(np.nansum(now)), **counted, **moved, own=own)


def _sum(money: np.ndarray, where: np.ndarray) -> float:
    return float(np.nansum(np.where(where, money, 0.0)))


def _moved(found: Components, now: np.ndarray, then: np.ndarray, paired: np.ndarray) -> dict[str, np.ndarray]:
    """(S,) money of each of the network's parts, over the weeks in which shops traded in both years."""
    worth = np.where(paired, _logarithmic_mean(np.where(paired, now, 1.0), np.where(paired, then, 1.0)), 0.0).sum(
        axis=0
    )
    last, weeks = found.draws.shape[1] - 1, len(worth)  # one week ahead belongs to the path and not to the window
    change = found.draws[:, last - weeks : last] - found.draws[:, last - weeks - YEAR : last - YEAR]
    money = dict(zip(found.names, np.einsum("cws,w->cs", change, worth), strict=True))
    return {part: sum(money[name] for name in names) for part, names in _OF_PARTS.items()}


def _logarithmic_mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a - b) / (ln a - ln b), between both; their common value where they are alike."""
    ratio = np.log(a / b)
    alike = np.abs(ratio) < 1e-8
    return b * np.where(alike, 1.0, np.expm1(ratio) / np.where(alike, 1.0, ratio))
