"""Who works where and when: barbers who join, leave and work in two shops, their hours, time off and closed days."""

from dataclasses import dataclass

import numpy as np

from barberlab.data.sample.axis import NEVER, Axis
from barberlab.data.sample.seasons import Seasons
from barberlab.data.sample.shops import Shops
from barberlab.data.sample.spec import Spec

ABSENT, AVAILABLE, TIME_OFF, CLOSED = range(4)
KINDS = ("absent", "available", "time_off", "closed")
_LENGTHS = (420, 450, 480, 510)  # minutes of a shift
_RUSH_EXTRA = 90  # minutes more before Christmas
_PULL = np.array([0.8, 1.0, 1.0, 1.1, 1.6, 1.5, 0.7])  # weekdays by how gladly barbers take them


@dataclass(frozen=True)
class Staff:
    """Arrays over (barber), and their diary over (barber, day).

    `joined` and `left` are days (`left` is NEVER for who stays); `second` is the other shop of a barber who works in
    two, or -1. `appeal` is the log weight with which clients who ask for nobody come to a barber, `pace` the log of the
    time the barber takes, `loyalty` the log effect on own clients' hazard of leaving (negative is good), `tips` scales
    tips, `stars` is the mean rating. The diary: shop (or -1), start and end (minutes after midnight), kind (see KINDS).
    """

    home: np.ndarray
    second: np.ndarray
    joined: np.ndarray
    left: np.ndarray
    appeal: np.ndarray
    pace: np.ndarray
    loyalty: np.ndarray
    tips: np.ndarray
    stars: np.ndarray
    shop: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray

    @property
    def count(self) -> int:
        """How many barbers ever worked in the network."""
        return len(self.home)

    def free_minutes(self, shops: int) -> np.ndarray:
        """(shop, day) minutes that barbers are on the floor."""
        barber, day = np.nonzero(self.kind == AVAILABLE)
        total = np.zeros((shops, self.kind.shape[1]), dtype=int)
        np.add.at(total, (self.shop[barber, day], day), (self.end - self.start)[barber, day])
        return total


def draw_staff(spec: Spec, axis: Axis, shops: Shops, seasons: Seasons, rng: np.random.Generator) -> Staff:
    """The barbers of every shop, chair by chair: one leaves, the chair stays empty for some weeks, another joins."""
    home, joined, left = _chairs(spec, axis, shops, rng)
    count = len(home)
    second = _second_shops(spec, shops, home, joined, left)
    where = _week(shops, home, second, rng)
    return Staff(
        home=home,
        second=second,
        joined=joined,
        left=left,
        appeal=rng.normal(0, 0.35, count),
        pace=rng.normal(0, 0.07, count),
        loyalty=rng.normal(0, 0.20, count),
        tips=np.exp(rng.normal(0, 0.15, count)),
        stars=rng.normal(4.5, 0.12, count),
        **_diary(axis, shops, seasons, (joined, left), where, rng),
    )


def _chairs(spec: Spec, axis: Axis, shops: Shops, rng: np.random.Generator) -> np.ndarray:
    """(3, barber) home, joined, left."""
    rows = []
    for shop in range(shops.count):
        last = min(int(shops.closed[shop]), axis.past)
        for chair in range(shops.team[shop]):
            # An old shop's chairs were taken long ago; a new one opens with two barbers and fills the others in turn.
            wait = 100 * max(chair - 1, 0) if shops.opened[shop] >= 0 else int(rng.integers(0, 600))
            day = int(shops.opened[shop]) + wait
            while day < last:
                # Whoever is there on day 0 has been there for a while: tenures are counted from then on.
                leaves = max(day, 0) + int(rng.exponential(365 * spec.tenure_years)) + 60
                stays = leaves >= last
                rows.append((shop, day, shops.closed[shop] if stays else leaves))
                day = leaves + int(rng.integers(14, 46))
    return np.array(rows).T


def _second_shops(spec: Spec, shops: Shops, home: np.ndarray, joined: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The first of each shop's barbers who stays to the end works also in the next shop of the same place."""
    second = np.full(len(home), -1)
    for shop in range(shops.count):
        near = [s for s in range(shops.count) if s != shop and shops.place[s] == shops.place[shop]]
        steady = np.flatnonzero((home == shop) & (left == NEVER) & (joined < 0))
        if near and len(steady) and (second >= 0).sum() < spec.shared:
            second[steady[0]] = min(near, key=lambda s, shop=shop: (s - shop) % shops.count)
    return second


def _week(shops: Shops, home: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(barber, weekday) the shop where a barber usually works that day, or -1."""
    pull = np.log(_PULL) + rng.gumbel(0, 0.8, (len(home), 7))
    pull[np.arange(7) == shops.day_off[home][:, None]] = -np.inf
    order = np.argsort(-pull, axis=1)
    days = np.where(rng.random(len(home)) < 0.65, 5, 4)
    week = np.full((len(home), 7), -1)
    for barber in range(len(home)):
        week[barber, order[barber, : days[barber]]] = home[barber]
        if second[barber] >= 0:
            open_there = [d for d in order[barber, : days[barber]] if d != shops.day_off[second[barber]]]
            week[barber, open_there[-2:]] = second[barber]
    return week


def _diary(
    axis: Axis, shops: Shops, seasons: Seasons, spell: tuple, week: np.ndarray, rng: np.random.Generator
) -> dict:
    joined, left = spell
    day = np.arange(axis.days)
    shop = np.where((day >= joined[:, None]) & (day < left[:, None]), week[:, axis.weekday], -1)
    trading = _trading(shops, shop, day)
    shop = np.where(trading, shop, -1)
    start, end = _shifts(axis, shops, seasons, shop, rng)
    kind = np.where(shop < 0, ABSENT, AVAILABLE)
    kind[(shop >= 0) & _time_off(axis, len(week), rng)] = TIME_OFF
    kind[(shop >= 0) & seasons.shut[shop, day]] = CLOSED
    return {"shop": shop, "start": start, "end": end, "kind": kind}


def _trading(shops: Shops, shop: np.ndarray, day: np.ndarray) -> np.ndarray:
    return (shop >= 0) & (day >= shops.opened[shop]) & (day < shops.closed[shop])


def _shifts(axis: Axis, shops: Shops, seasons: Seasons, shop: np.ndarray, rng: np.random.Generator) -> tuple:
    """(barber, day) start and end: early or late by weekday, each with a lean; longer before Christmas."""
    count = len(shop)
    length = np.array(_LENGTHS)[rng.integers(0, len(_LENGTHS), count)][:, None] + _RUSH_EXTRA * _rush(axis)
    late = rng.random((count, 7))[:, axis.weekday] < rng.choice([0.25, 0.5, 0.8], count)[:, None]
    opens, shuts = shops.opens[shop, axis.weekday], shops.shuts[shop, axis.weekday]
    start = np.where(late, np.maximum(opens, shuts - length), opens)
    end = np.minimum(np.minimum(start + length, shuts), seasons.ends[shop, np.arange(axis.days)])
    return np.minimum(start, end - 120), end


def _rush(axis: Axis) -> np.ndarray:
    """(day) the two weeks before Christmas, when everybody works."""
    return (axis.month == 12) & (axis.day_of_month >= 10) & (axis.day_of_month <= 24)


def _time_off(axis: Axis, count: int, rng: np.random.Generator) -> np.ndarray:
    """(barber, day) a summer holiday of one or two weeks, another week, and three single days a year."""
    off = np.zeros((count, axis.days + 400), dtype=bool)
    day_of_year = int((axis.first - axis.first.astype("datetime64[Y]")).astype(int))
    for barber in range(count):
        for new_year in range(-day_of_year, axis.days, 365):
            blocks = [(rng.integers(155, 235), rng.integers(7, 15)), (rng.choice([40, 95, 290]), 7)]
            for begin, length in blocks + [(rng.integers(0, 365), 1) for _ in range(3)]:
                first = max(new_year + int(begin), 0)
                off[barber, first : max(new_year + int(begin + length), 0)] = True
    return off[:, : axis.days] & ~_rush(axis)
