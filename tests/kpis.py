"""Metrics by shop and month as `lab.metric` gives them, made by hand or simulated with known truth."""

import numpy as np
import pandas as pd

TARGETS = {"utilisation": 0.85, "retention_42": 0.70, "average_ticket": 7500}


def _framed(frame: pd.DataFrame, **attrs) -> pd.DataFrame:
    frame = frame.reset_index(drop=True).assign(value=lambda rows: rows["numerator"] / rows["denominator"])
    frame.attrs = {"currency": "USD", "needs": None} | attrs
    return frame


def rate(shops: dict[str, list[tuple[int, int]]]) -> pd.DataFrame:
    """shop -> (hits, n) of each month from January 2025."""
    rows = [
        {
            "location_id": shop,
            "period": pd.Timestamp(2025, 1, 1) + pd.DateOffset(months=k),
            "numerator": hits,
            "denominator": n,
        }
        for shop, months in shops.items()
        for k, (hits, n) in enumerate(months)
    ]
    return _framed(pd.DataFrame(rows), metric="returning", label="Returning", unit="rate")


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """Money over hours: location_id, period, numerator [minor units], denominator [hours]."""
    return _framed(frame, metric="revenue_per_available_hour", label="Per hour", unit="money_per_hour")


def simulated(rng: np.random.Generator, gap: np.ndarray, months: int = 6, noise: float = 0.05) -> pd.DataFrame:
    """Revenue per hour of len(gap) shops whose true gaps to each other are `gap` (logs).

    A season that all share, hours that differ severalfold, and months that swing for no reason: by `noise` in a shop of
    600 hours, which is what the sample networks' shops show.
    """
    shops = len(gap)
    season = np.cumsum(rng.normal(0, 0.1, months))
    hours = np.exp(rng.normal(6.5, 0.4, (shops, 1))) * np.exp(rng.normal(0, 0.05, (shops, months)))
    swing = rng.normal(0, 1, (shops, months)) * noise * np.sqrt(600 / hours)
    money = hours * 4500 * np.exp(gap[:, None] + season + swing)
    when = np.tile(pd.date_range("2025-01-01", periods=months, freq="MS"), shops)
    names = np.repeat([f"s{k:02d}" for k in range(shops)], months)
    return hourly(
        pd.DataFrame({"location_id": names, "period": when, "numerator": money.ravel(), "denominator": hours.ravel()})
    )
