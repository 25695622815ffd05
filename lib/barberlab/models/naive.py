"""What would somebody say who knows last year's takings and no statistics? The forecast that every model must beat.

SeasonalNaive (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., sections 5.2 and 5.5): a week is
as the same week of the last year in which the shop traded, normal with the variance of the shop's own changes from
year to year, once for every year between. A shop without a quarter of such changes is forecast by its last week, with
the variance of its steps from week to week, once for every week ahead (the naive method of the same sections).

The book gives each week's interval. Here they come from joint draws with those variances and with the correlations that
the changes had, between shops and from week to week, because totals of independent weeks would be far too sure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from barberlab.errors import NotAvailable
from barberlab.models.panel import Panel
from barberlab.models.paths import NetworkPaths

SEASON = 52  # weeks: the lag that keeps the week's place in the year to a day or two
FEWEST_CHANGES = 13  # a quarter of the year before a shop's changes from year to year say how large they are
FEWEST_STEPS = 3


@dataclass(frozen=True)
class _Changes:
    """Changes of each shop over one lag: values (L, R) with 0 where unknown, sd (L,) about zero, known (L,) counts."""

    values: np.ndarray
    sd: np.ndarray
    known: np.ndarray

    def of(self, shops: np.ndarray) -> Self:
        """The changes of some shops, (L,) bool."""
        return type(self)(self.values[shops], self.sd[shops], self.known[shops])

    def shaped(self) -> np.ndarray:
        """(L, R) weights whose product with R standard normals has variance 1 and the changes' own correlations."""
        norm = np.sqrt((self.values**2).sum(axis=1, keepdims=True))
        even = np.full_like(self.values, 1 / np.sqrt(self.values.shape[1]))
        return np.where(norm > 0, self.values / np.where(norm > 0, norm, 1.0), even)


def forecast(panel: Panel, horizon: int, seed: int, draws: int) -> Iterator[NetworkPaths]:
    """SeasonalNaive's joint draws of every shop that has traded, network by network; never negative.

    The same seed gives the same numbers however the networks are spread over processes. Raises NotAvailable where no
    shop of the panel has three steps from week to week: the size of chance cannot be told then.
    """
    rng = np.random.default_rng(seed)
    weeks = panel.revenue.shape[1]
    yearly = _mirrored(rng, (max(weeks - SEASON, 1),), draws)
    stepwise = _mirrored(rng, (max(weeks - 1, 1), horizon), draws)
    usual = _usual_step(panel.revenue)
    for network in panel.networks:
        own = panel.of(network)
        own = own.take(np.flatnonzero(own.history > 0))
        if len(own.location):
            yield NetworkPaths(str(network), own.location, _paths(own.revenue, horizon, yearly, stepwise, usual))


def _mirrored(rng: np.random.Generator, shape: tuple[int, ...], draws: int) -> np.ndarray:
    """(*shape, draws) standard normals, each with its negative, so that the median is the point forecast."""
    half = rng.standard_normal((*shape, (draws + 1) // 2))
    return np.concatenate([half, -half], axis=-1)[..., :draws]


def _paths(revenue: np.ndarray, horizon: int, yearly, stepwise, usual: float) -> np.ndarray:
    changes = _changes(revenue, SEASON)
    seasonal = changes.known >= FEWEST_CHANGES
    paths = np.empty((len(revenue), horizon, yearly.shape[1]))
    paths[seasonal] = _seasonal(revenue[seasonal], horizon, yearly, changes.of(seasonal))
    paths[~seasonal] = _random_walk(revenue[~seasonal], stepwise, usual)
    return np.maximum(paths, 0.0)


def _changes(revenue: np.ndarray, lag: int) -> _Changes:
    steps = revenue[:, lag:] - revenue[:, :-lag] if revenue.shape[1] > lag else np.full((len(revenue), 1), np.nan)
    known = np.isfinite(steps)
    values = np.where(known, steps, 0.0)
    count = known.sum(axis=1)
    return _Changes(values, np.sqrt((values**2).sum(axis=1) / np.maximum(count, 1)), count)


def _seasonal(revenue: np.ndarray, horizon: int, normals: np.ndarray, changes: _Changes) -> np.ndarray:
    """(L, H, S): last year's week, and a change that runs through the years' changes as they followed each other."""
    point, years = _same_week(revenue, horizon)
    weights = changes.shaped()
    size = weights.shape[1]
    paths = np.empty((len(revenue), horizon, normals.shape[1]))
    for week in range(horizon):
        moved = np.roll(weights, -(week % size), axis=1) @ normals
        paths[:, week] = point[:, week, None] + (changes.sd * np.sqrt(years[:, week]))[:, None] * moved
    return paths


def _same_week(revenue: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """(point, years) each (L, H): the week's latest namesake with trade and how many years lie between.

    A week in which the shop was shut in every year is as its last known one, a year's change away.
    """
    weeks = revenue.shape[1]
    point = np.repeat(_last_known(revenue)[:, None], horizon, axis=1)
    years = np.ones((len(revenue), horizon))
    for back in range((weeks + horizon) // SEASON, 0, -1):
        then = np.arange(weeks, weeks + horizon) - back * SEASON
        there = (then >= 0) & (then < weeks)
        value = revenue[:, np.where(there, then, 0)]
        use = there & np.isfinite(value)
        point, years = np.where(use, value, point), np.where(use, back, years)
    return point, years


def _random_walk(revenue: np.ndarray, normals: np.ndarray, usual: float) -> np.ndarray:
    """(L, H, S): the last week's takings, and steps that add up."""
    steps, last = _changes(revenue, 1), _last_known(revenue)
    own = steps.known >= FEWEST_STEPS
    sd = np.where(own, steps.sd, usual * last)
    weights = steps.shaped()
    moves = np.tensordot(weights, normals[: weights.shape[1]], axes=1)
    return last[:, None, None] + sd[:, None, None] * np.cumsum(moves, axis=1)


def _last_known(revenue: np.ndarray) -> np.ndarray:
    place = revenue.shape[1] - 1 - np.argmax(np.isfinite(revenue)[:, ::-1], axis=1)
    return revenue[np.arange(len(revenue)), place]


def _usual_step(revenue: np.ndarray) -> float:
    """The middle shop's step from week to week, as a share of its mean takings: for shops that have none yet."""
    steps = _changes(revenue, 1)
    own = steps.known >= FEWEST_STEPS
    if not own.any():
        raise NotAvailable("SeasonalNaive", f"a location with {FEWEST_STEPS + 1} weeks in a row")
    return float(np.median(steps.sd[own] / np.nanmean(revenue[own], axis=1)))
