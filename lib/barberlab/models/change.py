"""Did this shop really change against last year, or does it always swing like this?

A shop's change is x = log(takings now / takings 52 weeks before). How much x swings by chance is read off its own past:
the same change over earlier blocks of the same length, from each block to the one after next, because a lasting trend
moves those alike while a swing that lasts a month does not. With d_k = x_k - x_(k+2) over K pairs,
sigma^2 = sum d_k^2 / 2K (von Neumann's mean square difference, at lag two; Annals of Mathematical Statistics 12(4),
1941). A shop with few blocks borrows from the network: s^2 = (d0 * pooled + K * own) / (d0 + K), and (x - change) / s
is t with d0 + K degrees of freedom (the moderated t of Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1); d0 is fixed).
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from barberlab.errors import NotAvailable
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails
from barberlab.periods import SETTLING, USUAL, YEAR, Period

BORROWED = 4.0  # d0: the network's swing counts as much as four of the shop's own pairs
FEWEST_PAIRS = 6  # over all shops together; with fewer there is no telling how much is chance


def blocks(daily: pd.DataFrame, span: Period, most: int = 13) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(now, before, shops) for `changes`: sums over blocks as long as `span`, the newest one `span` itself.

    daily: location_id, period [local day], value. A block is NaN for a shop that was not there all through it and the
    year before, still in its first year then, or shut for part of either; other days without a row count as zero.
    """
    shops = sorted(daily["location_id"].unique())
    days = (pd.Timestamp(span.end) - daily["period"]).dt.days.to_numpy() - 1
    place = pd.Index(shops).get_indexer(daily["location_id"])
    depth = most * span.days + YEAR.days
    series = np.zeros((len(shops), depth + 1))
    known = (days >= 0) & (days < depth)
    np.add.at(series, (place[known], days[known]), daily["value"].to_numpy(float)[known])
    oldest = np.zeros(len(shops), int)
    np.maximum.at(oldest, place[days >= 0], days[days >= 0])
    starts = np.arange(most) * span.days
    total = np.pad(series.cumsum(axis=1), ((0, 0), (1, 0)))
    now, before = (total[:, starts + lag + span.days] - total[:, starts + lag] for lag in (0, YEAR.days))
    reach = starts + YEAR.days + span.days - 1
    from_the_start = oldest >= oldest.max(initial=0) - 7
    there = oldest[:, None] >= np.where(from_the_start[:, None], reach, reach + SETTLING.days)
    there &= _open_as_usual(series, oldest, starts, span.days)
    return np.where(there, now, np.nan), np.where(there, before, np.nan), shops


def _open_as_usual(series: np.ndarray, oldest: np.ndarray, starts: np.ndarray, days: int) -> np.ndarray:
    """(shop, block): whether the shop worked at least 80 % of its usual days in the block and in the year before."""
    opened = series > 0
    usual = opened.sum(axis=1) / np.minimum(oldest + 1, series.shape[1])
    count = np.pad(opened.cumsum(axis=1), ((0, 0), (1, 0)))
    worked = [count[:, starts + lag + days] - count[:, starts + lag] for lag in (0, YEAR.days)]
    return np.minimum(*worked) >= USUAL * usual[:, None] * days


def changes(now: np.ndarray, before: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Each shop's change with its range and the chance that it is a rise.

    now, before: takings (shop, block), the newest block first, `before` 52 weeks earlier; NaN or 0 where the shop was
    not there. Returns, per shop, change, low80, high80, low95, high95 (relative: 0.041 is +4.1 %) and p_rise; NaN for a
    shop without takings in both years. Raises NotAvailable with fewer than six pairs of blocks in the whole network.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log(np.asarray(now, float) / np.asarray(before, float))
    x[~np.isfinite(x)] = np.nan
    scale, freedom = _swing(x[:, 2:] - x[:, :-2])
    frame = pd.DataFrame({"change": np.expm1(x[:, 0])}, index=pd.Index(names, name="location_id"))
    for inside in (EIGHT_IN_TEN, NINETEEN_IN_TWENTY):
        for side, q in zip(("low", "high"), tails(inside), strict=True):
            frame[f"{side}{inside * 100:.0f}"] = np.expm1(x[:, 0] + student.ppf(q, freedom) * scale)
    return frame.assign(p_rise=student.cdf(x[:, 0] / scale, freedom))


def _swing(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s, degrees of freedom) of each shop from its steps between blocks two apart (shop, pair)."""
    known = np.isfinite(steps)
    pairs = known.sum(axis=1)
    if pairs.sum() < FEWEST_PAIRS:
        raise NotAvailable(
            "Change against last year", "two years of history, and some months more to tell chance apart"
        )
    half_squares = np.where(known, steps, 0.0) ** 2 / 2
    pooled = half_squares.sum() / pairs.sum()
    variance = (BORROWED * pooled + half_squares.sum(axis=1)) / (BORROWED + pairs)
    return np.sqrt(variance), BORROWED + pairs
