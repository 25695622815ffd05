"""How do the seasons turn at each shop? The country's almanac, at the shop's own strength, with weather and shocks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from barberlab.data.sample.almanac import almanac
from barberlab.data.sample.axis import Axis
from barberlab.data.sample.shops import Shops
from barberlab.data.sample.spec import Spec


@dataclass(frozen=True)
class Seasons:
    """Arrays over (shop, day).

    `season` is how fast the clock of a shop's clients runs (mean 1 over the first year): the almanac's year at the
    shop's own strength, whose log is `yearly`, and small shocks. `attract` is how one day near the wanted one weighs
    against another: weekday, `payday`, `eve` of a holiday, `weather`. `shut` marks days closed out of turn, `ends` the
    minute at which a shop ends early (1440: it does not). `calendar` lists the countries' holidays and breaks.
    """

    season: np.ndarray
    yearly: np.ndarray
    attract: np.ndarray
    payday: np.ndarray
    eve: np.ndarray
    weather: np.ndarray
    shut: np.ndarray
    ends: np.ndarray
    calendar: pd.DataFrame


def draw_seasons(spec: Spec, axis: Axis, shops: Shops, rng: np.random.Generator) -> Seasons:
    """The seasons of every shop over history and open diary."""
    books = [almanac(axis, place.country) for place in spec.places]
    each = {
        part: np.array([getattr(book, part) for book in books])[shops.place]
        for part in ("yearly", "attract", "payday", "eve", "closed", "ends")
    }
    yearly = each["yearly"] * shops.season[:, None]
    season = np.exp(yearly + _shocks(axis, shops.count, rng))
    weather = np.exp(rng.normal(0, 0.08, season.shape))
    return Seasons(
        season=season / season[:, :365].mean(axis=1, keepdims=True),
        yearly=yearly,
        attract=each["attract"] * weather,
        payday=each["payday"],
        eve=each["eve"],
        weather=weather,
        shut=each["closed"] | _refit(axis, shops),
        ends=each["ends"],
        calendar=pd.concat([book.rows for book in books]).drop_duplicates(ignore_index=True),
    )


def _shocks(axis: Axis, shops: int, rng: np.random.Generator) -> np.ndarray:
    """(shop, day) weekly log shocks that fade: half of one is left after a week; a part is the whole network's."""
    weeks = axis.days // 7 + 1
    fresh = 0.025 * rng.standard_normal((shops, weeks)) + 0.015 * rng.standard_normal(weeks)
    for week in range(1, weeks):
        fresh[:, week] += 0.5 * fresh[:, week - 1]
    return np.repeat(fresh, 7, axis=1)[:, : axis.days]


def _refit(axis: Axis, shops: Shops) -> np.ndarray:
    day = np.arange(axis.days)
    return (day >= shops.refit[:, None]) & (day < shops.refit[:, None] + shops.REFIT_DAYS)
