"""What is left of log revenue when shops' levels and weeks in common are taken away? A robust first look.

Two-way fits by medians over locations, as median polish does. Source: Tukey (1977), Exploratory Data Analysis,
chapter 11.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from barberlab.models.panel import Panel
from barberlab.models.revenue_likelihood import Histories

_SWEEPS = 20
_LEAST_WEEKS = 14  # a residual history shorter than that says nothing of a season or a drift
_RAMP_WEEKS, _LONG_ENOUGH = 26, 52  # an opening is left out of a history that is long enough without it
_FAR = 6.0  # robust sds, from which a week is an accident: doors shut for three days, a payment booked twice
_LONG_GAP = 3  # weeks; a history before such a gap is left out
_LEAST_SHOPS = 3  # of a network whose mean path is looked at
_ROUNDS = 2


@dataclass(frozen=True)
class Residuals:
    """Log revenue taken apart.

    log (L, T) NaN where closed; level (L,); common (T,) of all networks; own (N, T) each network's path around it,
    count (N, T) locations that traded, `networks` (N,) ids, left (L, T) what is left over.
    """

    log: np.ndarray
    level: np.ndarray
    common: np.ndarray
    networks: np.ndarray
    own: np.ndarray
    count: np.ndarray
    left: np.ndarray


def log_revenue(panel: Panel) -> np.ndarray:
    """(L, T) log revenue, NaN where there was no trade."""
    return np.log(np.where(panel.observed, panel.revenue, np.nan))


@dataclass(frozen=True)
class Scale:
    """Mean and sd (K,) of known columns over a history, frozen there for the horizon."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """Over all locations of the panel. A column that never varied tells nothing: it becomes 0."""
        past = panel.known[:, : len(panel.weeks)]
        if not panel.known_names:
            return cls(np.zeros(0), np.ones(0))
        sd = past.std(axis=(0, 1))
        return cls(past.mean(axis=(0, 1)), np.where(sd > 0, sd, np.inf))

    def known(self, panel: Panel) -> np.ndarray:
        """(L, T + H, K) the panel's known columns around the mean, in sds."""
        return (panel.known - self.mean) / self.sd


def scaled_known(panel: Panel, together: bool) -> np.ndarray:
    """(L, T + H, K) known columns on one scale, `together` for all networks or for each its own."""
    if together or not panel.known_names:
        return Scale.of(panel).known(panel)
    return np.concatenate([Scale.of(one).known(one) for one in map(panel.of, panel.networks)])


def residuals(panel: Panel) -> Residuals:
    """Levels, common weeks and networks' weeks by two-way fits; what is left over is the locations' own."""
    log = log_revenue(panel)
    networks = panel.networks
    level, common = two_way(log)
    at = [panel.network == network for network in networks]
    own = np.stack([_network_path(log[rows] - level[rows, None] - common) for rows in at])
    count = np.stack([np.isfinite(log[rows]).sum(axis=0) for rows in at])
    path = own[np.searchsorted(networks, panel.network)]
    left = log - common - path
    return Residuals(log, level, common - common.mean(), networks, own, count, left)


def _network_path(left: np.ndarray) -> np.ndarray:
    path = two_way(left)[1] if len(left) >= _LEAST_SHOPS else np.zeros(left.shape[1])
    return path - path.mean()


def two_way(log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(level (L,), week (T,)) such that level + week fits `log` robustly. Weeks that nobody traded are 0."""
    seen = np.isfinite(log)
    many, weight = seen.any(axis=0), np.maximum(seen.sum(axis=1), 1)
    level, week = np.zeros(len(log)), np.zeros(log.shape[1])
    for _ in range(_SWEEPS):
        level = np.where(seen, log - week, 0.0).sum(axis=1) / weight
        left = log - level[:, None]
        week[many] = _middle(left[:, many])
    return level, week


def _middle(left: np.ndarray) -> np.ndarray:
    """(T,) the mean of what lies within half a log point of the median."""
    median = np.nanmedian(left, axis=0)
    return median + np.nanmean(np.clip(left - median, -0.5, 0.5), axis=0)


def histories(found: Residuals, known: np.ndarray, most: int, rng: np.random.Generator) -> list[Histories]:
    """At most `most` locations' own residuals in reversed time, grouped by known columns; without accidents.

    known (L, T, K). Locations are taken in a random order; one with less than 14 usable weeks is passed over.
    """
    rows = [(row, *_usable(found.left[row])) for row in rng.permutation(len(found.left))]
    rows = [(row, start, left) for row, start, left in rows if len(left) - start >= _LEAST_WEEKS][:most]
    groups: dict[bytes, list] = {}
    for row, start, left in rows:
        groups.setdefault(known[row].tobytes(), []).append((row, start, left))
    return [_group(members, known[members[0][0]]) for members in groups.values()]


def _group(members: list, known: np.ndarray) -> Histories:
    residual = np.zeros((len(members), len(known)))
    length = np.array([len(known) - start for _, start, _ in members])
    for i, (_, start, left) in enumerate(members):
        residual[i, : length[i]] = (left[start:] - left[start:].mean())[::-1]
    return Histories(residual, length, np.ascontiguousarray(known[::-1]))


def _usable(left: np.ndarray) -> tuple[int, np.ndarray]:
    """(start, residual without gaps from there on): short gaps and accidents are bridged, long gaps cut off."""
    seen = np.isfinite(left)
    if not seen.any():
        return len(left), left
    start = _after_long_gap(seen)
    if start > 0 and len(left) - start >= _LONG_ENOUGH + _RAMP_WEEKS:
        start += _RAMP_WEEKS
    at = np.flatnonzero(seen[start:]) + start
    for _ in range(_ROUNDS):
        if len(at) < _LEAST_WEEKS:
            return len(left), left
        away = left[at] - _running_median(left[at])
        spread = 1.4826 * np.median(np.abs(away))
        at = at[np.abs(away) <= _FAR * max(spread, 1e-3)]
    bridged = np.interp(np.arange(len(left)), at, left[at])
    return start, bridged


def _after_long_gap(seen: np.ndarray) -> int:
    at = np.flatnonzero(np.append(seen, True))
    gaps = np.flatnonzero(np.diff(at) > _LONG_GAP)
    if len(gaps) == 0:
        return int(at[0])
    return int(at[gaps[-1] + 1])


def _running_median(values: np.ndarray, width: int = 13) -> np.ndarray:
    half = width // 2
    padded = np.pad(values, half, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
