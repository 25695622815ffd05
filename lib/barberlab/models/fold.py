"""One origin of a back-test: what was forecast there, and how it fared against the weeks that followed.

What is published speaks of every week, because nobody knew when a shop would shut. What is scored are the weeks in
which the shop traded, in the forecast and in the outcome alike: a shop that is shut says nothing about its trade. A
network's total is that of the shops which still traded at the origin.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from barberlab.models import scores
from barberlab.models.panel import Panel
from barberlab.models.paths import NetworkPaths

LEVELS = ("location", "network", "all")
ALL = "all"
STILL_TRADING = 13  # weeks: a shop without trade for a quarter counts as shut, in its network's total, until it reopens


@dataclass(frozen=True)
class Series:
    """Forecast and outcome of n series of one level over H weeks.

    published (n, H + 1, 9): quantiles of every week and, last, of their total. Scored: actual (n, H), NaN where there
    was no trade; weeks (n, H, 9); spans: name -> (actual (n,), quantiles (n, 9), weeks with trade (n,)) of sums of
    weeks; scale (n,) of MASE.
    """

    ids: tuple[str, ...]
    published: np.ndarray
    actual: np.ndarray
    weeks: np.ndarray
    spans: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    scale: np.ndarray

    def scores(self) -> dict[str, dict[str, float]]:
        """All scores of the weeks and of each span's totals; MASE of a total is per week."""
        told = {"weeks": scores.scores(self.actual, self.weeks, self.scale)}
        for name, (actual, quantiles, count) in self.spans.items():
            told[name] = scores.scores(actual[:, None], quantiles[:, None], self.scale * count)
        return told


@dataclass(frozen=True)
class Fold:
    """What a forecaster said at one origin, level by level, and of which networks it said something."""

    levels: dict[str, Series]
    networks: tuple[str, ...]

    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """Level -> weeks, totals and each third's totals -> scores."""
        return {level: series.scores() for level, series in self.levels.items()}


def seen(panel: Panel, origin: int, horizon: int) -> Panel:
    """The panel as a forecaster sees it at week `origin`: without what came later, and without shops yet to trade."""
    cut = panel.until(origin, horizon)
    return cut.take(np.flatnonzero(cut.history > 0))


def judge(told: Iterable[NetworkPaths], panel: Panel, origin: int, horizon: int) -> Fold:
    """Hold forecasts made at week `origin` against the `horizon` weeks that followed in `panel`.

    The paths are read once, one network after another, so that all of them need not be held. Raises ValueError for a
    location that the panel does not hold or a forecast of another length: a forecaster's fault, not the data's.
    """
    parts: dict[str, list[Series]] = {level: [] for level in LEVELS}
    networks, whole = [], _Sum()
    for one in told:
        own = _rows(panel, one, horizon)
        actual, history = own.revenue[:, origin : origin + horizon], own.revenue[:, :origin]
        trading = np.isfinite(history[:, -STILL_TRADING:]).any(axis=1)
        network = _Sum().add(one.paths[trading], actual[trading], history[trading])
        parts["location"].append(_series(tuple(one.location.tolist()), one.paths, one.paths, actual, history))
        parts["network"].append(network.series(one.network))
        whole.join(network)
        networks.append(one.network)
    parts[ALL].append(whole.series(ALL)) if networks else None
    return Fold({level: _joined(series) for level, series in parts.items() if series}, tuple(networks))


def _rows(panel: Panel, told: NetworkPaths, horizon: int) -> Panel:
    own = panel.of(told.network)
    rows = np.searchsorted(own.location, told.location)
    if not np.array_equal(own.location[np.minimum(rows, len(own.location) - 1)], told.location):
        raise ValueError(f"network {told.network!r}: a forecast is of a location that the panel does not hold")
    if told.paths.shape[:2] != (len(rows), horizon):
        raise ValueError(
            f"network {told.network!r}: paths of shape {told.paths.shape}, expected {len(rows)}, {horizon}"
        )
    return own.take(rows)


class _Sum:
    """Shops added up: draws of all weeks, draws of the weeks with trade, and what came."""

    def __init__(self):
        self.published = self.traded = self.actual = self.history = None

    def add(self, paths: np.ndarray, actual: np.ndarray, history: np.ndarray) -> "_Sum":
        """Shops of one network."""
        there = np.isfinite(actual)
        self.published = paths.sum(axis=0)
        self.traded = np.where(there[:, :, None], paths, 0.0).sum(axis=0) if not there.all() else self.published
        self.actual, self.history = _added(actual), _added(history)
        return self

    def join(self, other: "_Sum") -> None:
        """A network's sums to those of all."""
        if self.published is None:
            self.published, self.traded = other.published.copy(), other.traded.copy()
            self.actual, self.history = other.actual, other.history
            return
        self.published += other.published
        self.traded += other.traded
        self.actual = _added(np.stack([self.actual, other.actual]))
        self.history = _added(np.stack([self.history, other.history]))

    def series(self, name: str) -> Series:
        """As the one series that it is."""
        return _series((name,), self.published[None], self.traded[None], self.actual[None], self.history[None])


def _added(values: np.ndarray) -> np.ndarray:
    """The sum of rows, NaN in weeks in which none traded."""
    return np.where(np.isfinite(values).any(axis=0), np.nansum(values, axis=0), np.nan)


def _series(ids: tuple[str, ...], published, traded, actual: np.ndarray, history: np.ndarray) -> Series:
    """published, traded (n, H, S) draws; actual (n, H); history (n, T)."""
    each = scores.quantiles(published)
    total = scores.quantiles(published.sum(axis=1))
    return Series(
        ids,
        np.concatenate([each, total[:, None]], axis=1),
        actual,
        each if traded is published else scores.quantiles(traded),
        dict(_spans(traded, actual)),
        scores.naive_error(history),
    )


def _spans(draws: np.ndarray, actual: np.ndarray) -> Iterator[tuple[str, tuple]]:
    """The whole horizon, and each third of it where there are three weeks."""
    horizon = actual.shape[1]
    weeks = {"totals": np.arange(horizon)}
    if horizon >= 3:
        names = ("first_third", "second_third", "last_third")
        weeks |= dict(zip(names, np.array_split(np.arange(horizon), 3), strict=True))
    for name, span in weeks.items():
        there = np.isfinite(actual[:, span])
        sums = np.einsum("nhs,nh->ns", draws[:, span], there.astype(float))
        count = there.sum(axis=1)
        came = np.where(count > 0, np.nansum(actual[:, span], axis=1), np.nan)
        yield name, (came, scores.quantiles(sums), count)


def _joined(series: list[Series]) -> Series:
    spans = {
        name: tuple(map(np.concatenate, zip(*(s.spans[name] for s in series), strict=True))) for name in series[0].spans
    }
    arrays = {
        name: np.concatenate([getattr(s, name) for s in series]) for name in ("published", "actual", "weeks", "scale")
    }
    return Series(ids=tuple(name for s in series for name in s.ids), spans=spans, **arrays)
