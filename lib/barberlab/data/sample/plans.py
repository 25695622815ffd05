"""When next? A client's rhythm, told on the shop's own clock, and the day near it that suits best."""

import numpy as np

from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.clients import Clients
from barberlab.data.sample.world import World, working

SKIPPED = 0.04  # of intervals are doubled: holidays, illness, a cut elsewhere
_NEARBY = np.arange(-3, 4)
_CLOSE = np.exp(-np.abs(_NEARBY) / 1.5)
_FAVOURITE_DAY, _FAVOURITE_BARBER = 8.0, 4.0  # how much more a day with it weighs
_BIG = 1e6


class Plans:
    """Draws wanted days. `who` are clients by number; a client's shop and favourite barber (or -1) change over time."""

    def __init__(self, world: World, clients: Clients, rng: np.random.Generator):
        self.world, self.clients, self.rng = world, clients, rng
        self._on_floor = working(world.staff)
        clock = np.pad(world.seasons.season.cumsum(axis=1), ((0, 0), (1, 0)))
        self._clock = clock + _BIG * np.arange(world.shops.count)[:, None]
        self._flat = self._clock.ravel()
        self._next_open = _next_open(world.attract > 0)

    def interval(self, who: np.ndarray, shop: np.ndarray, day: int) -> np.ndarray:
        """Days of the shop's clock until each wants to come again: gamma about the own mean, more at dearer prices."""
        c = self.clients
        rhythm = c.gap[who] * self.rng.standard_gamma(c.k[who]) / c.k[who]
        dear = self.world.dearness[shop, c.service[who], day] ** -self.world.shops.visit_elasticity[shop]
        return rhythm * dear * np.where(self.rng.random(len(who)) < SKIPPED, 2, 1)

    def after(self, shop: np.ndarray, day: int, interval: np.ndarray) -> np.ndarray:
        """The day on which the shops' clocks have run on by `interval` since `day`; NEVER beyond the diary."""
        target = np.searchsorted(self._flat, self._clock[shop, day] + interval) - shop * self._clock.shape[1]
        return np.where(target < self.world.axis.days, np.maximum(target, day + 1), NEVER)

    def suitable(
        self, who: np.ndarray, shop: np.ndarray, favourite: np.ndarray, target: np.ndarray, earliest: int
    ) -> np.ndarray:
        """A day within three of `target`, by the day's pull, the favourite weekday and barber, and closeness.

        Where nobody works on any of them the next open day, NEVER if the shop will not open again.
        """
        days = self.world.axis.days
        near = np.clip(np.minimum(target, days - 1)[:, None] + _NEARBY, 0, days - 1)
        weight = self.world.attract[shop[:, None], near] * _CLOSE
        weight *= np.where(self.world.axis.weekday[near] == self.clients.weekday[who][:, None], _FAVOURITE_DAY, 1.0)
        weight *= np.where(self._on_floor[favourite[:, None], near], _FAVOURITE_BARBER, 1.0)
        weight[near < earliest] = 0
        reach = weight.cumsum(axis=1)
        pick = (self.rng.random(len(who))[:, None] * reach[:, -1:] >= reach).sum(axis=1)
        chosen = near[np.arange(len(who)), np.minimum(pick, len(_NEARBY) - 1)]
        fallback = self._next_open[shop, np.clip(target, earliest, days - 1)]
        return np.where(target >= NEVER, NEVER, np.where(reach[:, -1] > 0, chosen, fallback))

    def lead(self, who: np.ndarray) -> np.ndarray:
        """Days between asking and the wanted day; 0 for who walks in."""
        days = np.rint(self.clients.lead[who] * self.rng.standard_exponential(len(who))).astype(int)
        return np.where(self.clients.walk_in[who], 0, days)


def _next_open(open_days: np.ndarray) -> np.ndarray:
    """(shop, day) the first open day from each day on, NEVER if there is none."""
    day = np.where(open_days, np.arange(open_days.shape[1]), NEVER)
    return np.minimum.accumulate(day[:, ::-1], axis=1)[:, ::-1]
