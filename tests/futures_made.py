"""Futures made by hand, for tests of pages and records that need no model."""

from pathlib import Path

import numpy as np
import pandas as pd

from barberlab.models.futures import Futures
from barberlab.models.panel import WEEK, Panel
from barberlab.models.population import Population

SHIPPED = Path(__file__).resolve().parents[1] / "params" / "populations" / "revenue.json"
FIRST = np.datetime64("2022-01-03")


def population() -> Population:
    """The one that is shipped."""
    return Population.read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)


def panel(shops: int = 3, weeks: int = 130, first: np.datetime64 = FIRST, seed: int = 1) -> Panel:
    """Shops s0, s1, ... with levels, a wave over the year and noise, in cents."""
    rng = np.random.default_rng(seed)
    wave = 0.1 * np.cos(2 * np.pi * np.arange(weeks) / 52.18)
    log = 12 + np.arange(shops)[:, None] / 5 + wave + 0.05 * rng.standard_normal((shops, weeks))
    ids = np.sort(np.array([f"s{i}" for i in range(shops)]))
    known = np.zeros((shops, weeks, 0))
    return Panel(first + WEEK * np.arange(weeks), np.array(["n"] * shops), ids, np.exp(log), known, ())


def made(history: Panel, horizon: int = 13, draws: int = 60, seed: int = 2, **options) -> Futures:
    """A forecast of every shop around its level of the last quarter, a tenth up or down."""
    rng = np.random.default_rng(seed)
    level = np.nanmean(history.revenue[:, -13:], axis=1)[:, None, None]
    paths = level * np.exp(0.1 * rng.standard_normal((len(history.location), horizon, draws)))
    weeks = history.weeks[-1] + WEEK * np.arange(1, horizon + 1)
    borrowed = np.full(len(history.location), "", dtype="<U120")
    return Futures(history, history, weeks, paths.astype(np.float32), borrowed, **{"left_out": {}} | options)


def daily(history: Panel) -> pd.DataFrame:
    """The panel's weeks by day as `lab.metric` gives them, each day a seventh."""
    days = history.weeks[:, None] + np.arange(7)
    value = np.repeat(history.revenue / 7, 7, axis=1)
    frame = pd.DataFrame(value, history.location, pd.DatetimeIndex(days.ravel()))
    frame = frame.rename_axis(index="location_id", columns="period").stack().rename("value").reset_index()
    frame.attrs["history_start"] = pd.Timestamp(history.weeks[0]).date()
    return frame
