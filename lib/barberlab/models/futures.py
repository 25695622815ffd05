"""What will a network's shops take in the next half year? One network's forecast, as pages and programs need it.

Weeks as they were counted go in; joint draws come out, by week and by month. Every total is a sum of the same draws.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable
from barberlab.models import months, revenue
from barberlab.models.intervals import described
from barberlab.models.panel import WEEK, Panel
from barberlab.models.population import Population

SHUT_WEEKS = 8  # without trade for so long, a shop is taken for closed until it trades again
FORECAST = "Revenue forecast"
NETWORK = ""  # the location of rows that speak of all shops together


@dataclass(frozen=True)
class Futures:
    """Draws of one network: paths (L, H, S) of weekly revenue in the panel's money; `weeks` (H,) Mondays ahead.

    history: all its shops, also those that have closed; panel: the shops that are foreseen. borrowed (L,) says what
    each forecast owes to the network. left_out: shops that are not foreseen, with the reason.
    """

    history: Panel
    panel: Panel
    weeks: np.ndarray
    paths: np.ndarray
    borrowed: np.ndarray
    left_out: Mapping[str, str]

    @property
    def location(self) -> np.ndarray:
        """(L,) the shops that are foreseen."""
        return self.panel.location

    @property
    def last_known(self) -> date:
        """The last day that was counted: a Sunday."""
        return (self.panel.weeks[-1] + WEEK - np.timedelta64(1, "D")).astype(object)

    def by_week(self) -> pd.DataFrame:
        """location_id ("" for all shops), period, mid and the ends of 50, 80 and 95 %."""
        return _described(self.paths, self.location, pd.DatetimeIndex(self.weeks))

    def monthly(self, daily: pd.DataFrame) -> tuple[pd.DatetimeIndex, np.ndarray]:
        """Whole months ahead with draws (L, M, S); of a month that has begun, what was counted is part of each draw.

        daily: location_id, period (a day), value. A last month that the horizon does not cover is left out.
        """
        counted = daily.assign(period=pd.to_datetime(daily["period"]), value=daily["value"].astype(float).fillna(0.0))
        shares = months.weekday_shares(counted.groupby("period")["value"].sum())
        parts, starts = months.split(self.weeks, shares), months.months_of(self.weeks)
        draws = np.einsum("lhs,hm->lms", self.paths, parts.astype(np.float32))
        begun = counted["period"].between(starts[0], pd.Timestamp(self.last_known))
        before = counted[begun].groupby("location_id")["value"].sum().reindex(self.location, fill_value=0.0)
        draws[:, 0] += before.to_numpy(np.float32)[:, None]
        whole = starts + pd.offsets.MonthEnd(0) < pd.Timestamp(self.weeks[-1] + WEEK)
        return starts[whole], draws[:, whole]

    def by_month(self, daily: pd.DataFrame) -> pd.DataFrame:
        """As `by_week`, by whole month."""
        starts, draws = self.monthly(daily)
        return _described(draws, self.location, starts)

    def totals(self) -> pd.DataFrame:
        """One row per shop and one for all: the whole horizon's total, the same weeks a year before, P(more than then).

        `before` and `p_more` are NaN for a shop that did not trade in each of those weeks. All shops together are held
        against all that the network took then, by shops that have closed since as well.
        """
        sums = _with_all(self.paths.sum(axis=1, dtype=float))
        before = self._year_before()
        frame = pd.DataFrame({"location_id": [NETWORK, *self.location]} | described(sums))
        frame["before"] = before
        frame["p_more"] = np.where(np.isfinite(before), (sums > before[:, None]).mean(axis=1), np.nan)
        frame["borrowed"] = ["", *self.borrowed]
        return frame

    def _year_before(self) -> np.ndarray:
        start, horizon = len(self.panel.weeks) - 52, len(self.weeks)
        then = self.panel.revenue[:, max(start, 0) : start + horizon]
        if start < 0 or horizon > 52:
            return np.full(len(self.location) + 1, np.nan)
        return np.array([np.nansum(self.history.revenue[:, start : start + horizon]), *then.sum(axis=1)])


def panel_of(
    weekly: pd.DataFrame,
    network: str,
    since: date,
    today: date,
    holidays: Callable[[np.ndarray], np.ndarray] | None = None,
    horizon: int = 0,
    opening: Collection[str] = (),
) -> Panel:
    """The panel of a network's weekly revenue in the whole weeks from `since` to `today`, both of them days with data.

    It begins with the first of them that has revenue, and ends with the last, whether anybody traded in it or not.

    weekly: location_id, period (a Monday), value. A week without revenue is one without trade. holidays: gives the
    public holidays in each of the weeks (T + horizon,) it is handed; None where none are known. opening: shops that
    opened of late, which are part of it even without a whole week of revenue.
    Raises NotAvailable where there is no whole week with revenue.
    """
    table = weekly.assign(period=pd.to_datetime(weekly["period"]), value=weekly["value"].astype(float))
    last = table["period"] + pd.Timedelta(days=6) <= pd.Timestamp(today)
    table = table[(table["value"] > 0) & last & (table["period"] >= pd.Timestamp(since))]
    if table.empty:
        raise NotAvailable(FORECAST, "whole weeks with revenue")
    grid = table.pivot(index="location_id", columns="period", values="value").sort_index()
    weeks = pd.date_range(grid.columns.min(), pd.Timestamp(today) - pd.Timedelta(days=6), freq="7D")
    grid = grid.reindex(index=sorted({*grid.index, *opening}), columns=weeks)
    known, names = np.zeros((len(grid), len(weeks), 0)), ()
    if holidays is not None:
        through = pd.date_range(weeks[0], periods=len(weeks) + horizon, freq="7D").to_numpy("datetime64[D]")
        known, names = np.broadcast_to(holidays(through)[:, None], (len(grid), len(through), 1)), ("public holidays",)
    return Panel(
        weeks.to_numpy("datetime64[D]"),
        np.full(len(grid), network),
        grid.index.to_numpy(str),
        grid.to_numpy(float),
        known,
        names,
    )


def foresee(
    panel: Panel,
    horizon: int,
    population: Population,
    draws: int = 400,
    seed: int = 0,
    opening: Collection[str] = (),
) -> Futures:
    """The forecast of one network's shops that are open: those with trade of late, and those that are just `opening`.

    Raises NotAvailable where none is, and where they traded in less than half a year of weeks.
    """
    silent = ~panel.observed[:, -SHUT_WEEKS:].any(axis=1) & ~np.isin(panel.location, list(opening))
    why = f"no trade in the last {SHUT_WEEKS} weeks"
    if silent.all():
        raise NotAvailable(FORECAST, f"a shop with trade in the last {SHUT_WEEKS} weeks")
    open_ = panel.take(np.flatnonzero(~silent))
    traded = int(open_.observed.any(axis=0).sum())
    if traded < revenue.LEAST_WEEKS:
        raise NotAvailable(FORECAST, f"{revenue.LEAST_WEEKS} weeks of trade, there are {traded}")
    [found] = revenue.forecast(open_, horizon, population=population, draws=draws, seed=seed)
    weeks = panel.weeks[-1] + WEEK * np.arange(1, horizon + 1)
    left_out = dict.fromkeys(panel.location[silent].tolist(), why)
    return Futures(panel, open_, weeks, found.paths, revenue.borrowed(open_), left_out)


def _described(draws: np.ndarray, location: np.ndarray, periods: pd.DatetimeIndex) -> pd.DataFrame:
    everything = _with_all(draws)
    index = pd.MultiIndex.from_product([[NETWORK, *location], periods], names=["location_id", "period"])
    flat = everything.reshape(-1, draws.shape[-1])
    return pd.DataFrame(described(flat), index=index).reset_index()


def _with_all(draws: np.ndarray) -> np.ndarray:
    """The sum over shops put before the shops."""
    return np.concatenate([draws.sum(axis=0, keepdims=True, dtype=float), draws])
