"""What is true of each shop: where it stands, when it opens and closes, its hours, its level, its prices over time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from barberlab.data.sample.axis import NEVER, Axis
from barberlab.data.sample.spec import SERVICES, Spec

_WEEKDAY_HOURS = ((9, 19), (9, 18), (10, 20))
_SATURDAY_HOURS = ((8, 17), (9, 17))
_SUNDAY_HOURS = (10, 17)
_CLOSES = (0.25, 0.9)  # of the history: the earliest and the latest end of a shop that closes
_SMALLEST_WITH_CHANGES = (4, 12)  # shops and months from which some shops open, close and are refurbished


@dataclass(frozen=True)
class Shops:
    """Arrays over (shop). Days count from the first day of the history; `closed` is NEVER for a shop that stays.

    `fill` is the share of barber time that demand would fill; `growth`, `no_show` and `leave` are the shop's own
    deviations (log points a year, logit, log hazard); `season` scales the yearly season; the elasticities are those of
    established clients' visit rates and of sign-ups in the shop's prices relative to its first; `refit` is the first
    day of a closure for refurbishment of `REFIT_DAYS` days, or NEVER.
    """

    place: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    refit: np.ndarray
    team: np.ndarray  # barbers of its own; there is one chair more
    day_off: np.ndarray
    opens: np.ndarray  # (shop, weekday) minutes after midnight
    shuts: np.ndarray
    pay: tuple[str, ...]
    fill: np.ndarray
    growth: np.ndarray
    season: np.ndarray
    no_show: np.ndarray
    leave: np.ndarray
    price: np.ndarray
    visit_elasticity: np.ndarray
    signup_elasticity: np.ndarray

    REFIT_DAYS = 12

    @cached_property
    def count(self) -> int:
        """How many shops there are."""
        return len(self.place)


def draw_shops(spec: Spec, axis: Axis, count: int, rng: np.random.Generator) -> Shops:
    """`count` shops; from four shops and a year on, some of them open, close for good or are refurbished on the way."""
    opened, closed, refit = _lives(axis, count, rng)
    opens, shuts = _hours(spec, count, rng)
    elasticity = np.minimum(spec.elasticity + rng.normal(0, 0.12, count), -0.05) * (spec.elasticity < 0)
    return Shops(
        place=np.arange(count) * len(spec.places) // count,
        opened=opened,
        closed=closed,
        refit=refit,
        team=rng.integers(spec.team[0], spec.team[1] + 1, count),
        day_off=np.array([spec.days_off[i % len(spec.days_off)] for i in range(count)]),
        opens=opens,
        shuts=shuts,
        pay=tuple(spec.pay[i % len(spec.pay)] for i in range(count)),
        fill=np.clip(spec.fill * np.exp(rng.normal(0, 0.08, count)), 0.6, 0.86),
        growth=rng.normal(0, 0.04, count),
        season=spec.season * np.exp(rng.normal(0, 0.2, count)),
        no_show=rng.normal(0, 0.25, count),
        leave=rng.normal(0, 0.15, count),
        price=np.exp(rng.normal(0, 0.06, count)),
        visit_elasticity=elasticity,
        signup_elasticity=1.3 * elasticity,
    )


def _lives(axis: Axis, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    opened = -rng.integers(700, 4000, count)
    closed, refit = np.full(count, NEVER), np.full(count, NEVER)
    if count >= _SMALLEST_WITH_CHANGES[0] and axis.past >= 28 * _SMALLEST_WITH_CHANGES[1]:
        late = np.arange(count - count // 4, count)
        opened[late] = (axis.past * np.linspace(0.2, 0.6, len(late))).astype(int) + rng.integers(0, 40, len(late))
        # At any time: with one day for all, a step of every network would come in one and the same week.
        closed[1] = int(axis.past * (_CLOSES[0] + (_CLOSES[1] - _CLOSES[0]) * rng.integers(0, 60) / 60))
        refit[2] = int(axis.past * 0.5) + rng.integers(0, 60)
    return opened, closed, refit


def _hours(spec: Spec, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    plain = np.array(_WEEKDAY_HOURS)[rng.integers(0, len(_WEEKDAY_HOURS), count)]
    saturday = np.array(_SATURDAY_HOURS)[rng.integers(0, len(_SATURDAY_HOURS), count)]
    hours = np.repeat(plain[:, None, :], 7, axis=1)
    hours[:, 5], hours[:, 6] = saturday, _SUNDAY_HOURS
    return 60 * hours[..., 0], 60 * hours[..., 1]


def draw_prices(spec: Spec, axis: Axis, shops: Shops, rng: np.random.Generator) -> np.ndarray:
    """(shop, service, day) the price list over time, in whole units; it changes on firsts of a month."""
    level = np.ones((shops.count, axis.days))
    firsts = np.flatnonzero((axis.day_of_month == 1) & (np.arange(axis.days) < axis.past))
    times = max(1, round(spec.rises * axis.past / 365.25))
    for shop in range(shops.count):
        wanted = axis.past * (np.arange(times) + rng.uniform(0.25, 0.9, times)) / times
        for day in np.unique(firsts[np.searchsorted(firsts, wanted, side="right") - 1]):
            level[shop, day:] *= 1 + rng.uniform(*spec.rise)
    units = np.array([s.price for s in SERVICES])
    return np.rint(spec.haircut * shops.price[:, None, None] * units[None, :, None] * level[:, None, :]).astype(int)
