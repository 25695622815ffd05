"""What do weeks make in months? A week that two months share is split by how its weekdays usually sell."""

import numpy as np
import pandas as pd

_DAY = np.timedelta64(1, "D")


def weekday_shares(daily: pd.Series) -> np.ndarray:
    """(7,) share of a week's revenue on each weekday, Monday first, over the last 52 weeks of `daily`.

    daily: revenue by local date. A weekday that never trades has no share; without any revenue all are alike.
    """
    year = daily[daily.index > daily.index.max() - pd.Timedelta(weeks=52)].astype(float)
    sums = year.groupby(year.index.day_of_week).sum().reindex(range(7), fill_value=0.0).clip(lower=0).to_numpy()
    return sums / sums.sum() if sums.sum() > 0 else np.full(7, 1 / 7)


def months_of(weeks: np.ndarray) -> pd.DatetimeIndex:
    """The first days of all months that days of `weeks` (H,) Mondays lie in."""
    days = pd.DatetimeIndex(_days(weeks).ravel())
    return pd.DatetimeIndex(days.to_period("M").unique().to_timestamp())


def split(weeks: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(H, M) the part of each week that falls into each of `months_of(weeks)`; every row adds up to 1."""
    days = pd.DatetimeIndex(_days(weeks).ravel()).to_period("M")
    place = days.unique().get_indexer(days).reshape(len(weeks), 7)
    parts = np.zeros((len(weeks), place.max() + 1))
    np.add.at(parts, (np.arange(len(weeks))[:, None], place), shares[None, :])
    return parts


def _days(weeks: np.ndarray) -> np.ndarray:
    return weeks.astype("datetime64[D]")[:, None] + np.arange(7) * _DAY
