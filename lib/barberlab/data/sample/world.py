"""The stage before any client enters: days, shops, prices, seasons and barbers, and how many clients they can bear."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from barberlab.data.sample.axis import Axis
from barberlab.data.sample.seasons import Seasons, draw_seasons
from barberlab.data.sample.shops import Shops, draw_prices, draw_shops
from barberlab.data.sample.spec import ADDON, SERVICES, Spec, stream
from barberlab.data.sample.staff import AVAILABLE, Staff, draw_staff

ADDON_SHARE = 0.12  # of visits
_LOST = 0.14  # of wanted visits find no room, are cancelled or come later than wanted


@dataclass(frozen=True)
class World:
    """Everything that is fixed before the story of the clients is told."""

    spec: Spec
    axis: Axis
    shops: Shops
    prices: np.ndarray  # (shop, service, day) whole units
    seasons: Seasons
    staff: Staff

    @cached_property
    def attract(self) -> np.ndarray:
        """(shop, day) weight of a day against those around it; 0 where nobody works."""
        staffed = self.staff.free_minutes(self.shops.count) > 0
        return self.seasons.attract * staffed

    @cached_property
    def dearness(self) -> np.ndarray:
        """(shop, service, day) price relative to the first of the history."""
        return self.prices / self.prices[:, :, :1]

    @cached_property
    def wanted_per_day(self) -> np.ndarray:
        """(shop) visits on an average day that would fill `fill` of the barbers' time."""
        minutes = np.array([(s.duration_min + s.buffer_min) * s.share for s in SERVICES]).sum()
        minutes += ADDON_SHARE * SERVICES[ADDON].duration_min
        free = self.staff.free_minutes(self.shops.count)[:, : self.axis.past]
        return self.shops.fill / (1 - _LOST) * free.sum(axis=1) / self.trading.sum(axis=1) / minutes

    @cached_property
    def trading(self) -> np.ndarray:
        """(shop, day of the history) whether the shop exists."""
        day = np.arange(self.axis.past)
        return (day >= self.shops.opened[:, None]) & (day < self.shops.closed[:, None])


def draw_world(spec: Spec, name: str, seed: int, axis: Axis, shops: int) -> World:
    """The stage of one network; each part has random numbers of its own."""
    the_shops = draw_shops(spec, axis, shops, stream(name, seed, "shops"))
    prices = draw_prices(spec, axis, the_shops, stream(name, seed, "prices"))
    seasons = draw_seasons(spec, axis, the_shops, stream(name, seed, "seasons"))
    staff = draw_staff(spec, axis, the_shops, seasons, stream(name, seed, "staff"))
    return World(spec, axis, the_shops, prices, seasons, staff)


def working(staff: Staff) -> np.ndarray:
    """(barber + 1, day) whether a barber is on the floor; the last row, "anybody", always is."""
    return np.vstack([staff.kind == AVAILABLE, np.ones((1, staff.kind.shape[1]), dtype=bool)])
