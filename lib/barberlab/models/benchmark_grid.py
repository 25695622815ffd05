"""The same two levels for any likelihood and for a heavy-tailed population: theta on a grid, integrals as sums.

    theta_i = mu + a_group(i) + w_i,   a ~ N(0, tau_b^2),   w / tau_w ~ N(0, 1) or Student's t

Each unit's likelihood is a row of a table over cells of theta; a population is the mass it lays on each cell, so that a
marginal likelihood is a product of matrices, and a spread much narrower than a cell does no harm. Heavy tails are those
of O'Hagan (1979), JRSS B 41(3): an outlier is shrunk less, and shrinks the others less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import ndtr

from barberlab.models import benchmark_normal
from barberlab.models.benchmark_evidence import Evidence, normal
from barberlab.models.benchmark_hyper import LEAST_LOG, MOST_LOG, Grid, LogPrior, zoomed

FINE = 3.0  # cells per width of the narrowest likelihood that stands there
FAR = 6.0  # widths beyond which a likelihood needs no fine cells
AROUND = 8.0  # sds of mu that are searched
_POINTS = (15, 11, 21)  # of mu, tau_w and tau_b: a long tail to nothing needs many, tau_w is dear
_CHUNK = 200  # centres at a time, so that (unit, centre) stays small


@dataclass(frozen=True, eq=False)
class Table:
    """Likelihoods over cells: `edges` (cell + 1), `rows` (unit, cell), each row with a maximum of 1.

    `peaks` are the logs of what the rows were divided by.
    """

    edges: np.ndarray
    rows: np.ndarray
    peaks: np.ndarray


@dataclass(frozen=True, eq=False)
class Tabled:
    """The grid's posterior: over mu and log tau_w, with groups also log tau_b. `tails` is inf for a normal shape."""

    evidence: Evidence
    group: np.ndarray
    table: Table
    centres: np.ndarray  # edges of the cells of a group's mean; empty without groups
    tails: float
    grid: Grid

    def hyper(self) -> dict[str, tuple[float, float]]:
        """Mean and sd of mu and each tau."""
        points, weight = self.grid.nodes()
        values = [points[:, 0], *np.exp(points[:, 1:].T)]
        return {name: _moments(v, weight) for name, v in zip(("mu", "tau_w", "tau_b"), values, strict=False)}

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """(draw, unit) joint draws of theta, float32, spread evenly within a cell."""
        rng = np.random.default_rng(seed)
        points, weight = self.grid.nodes()
        order = np.lexsort(points.T[[0, 1]])  # by tau_w, for which the groups' likelihoods are made once
        points, weight = points[order], weight[order]
        chosen = np.sort(rng.choice(len(points), size=draws, p=weight))
        out, groups = np.empty((draws, len(self.group)), np.float32), int(self.group.max()) + 1
        last, given = np.nan, np.empty(0)
        for node in np.unique(chosen):
            which = np.flatnonzero(chosen == node)
            if len(self.centres) and points[node, 1] != last:
                last, given = points[node, 1], self._given(np.exp(points[node, 1]))
            means = self._means(points[node], given, (len(which), groups), rng)
            for k, mean in zip(which, means, strict=True):
                mass = masses(self.table.edges, mean, np.exp(points[node, 1]), self.tails)
                _inverted(
                    self.table.rows,
                    np.ascontiguousarray(mass.T),
                    self.group,
                    self.table.edges,
                    rng.random(len(self.group)),
                    out[k],
                )
        return out[rng.permutation(draws)]

    def _given(self, tau_w: float) -> np.ndarray:
        """(group, centre) likelihood of each group's units, were its mean there, with a maximum of 1."""
        logs = _of_groups(self.table, self.group, (self.centres[1:] + self.centres[:-1]) / 2, tau_w, self.tails)
        return np.exp(logs - logs.max(axis=1, keepdims=True))

    def _means(self, point: np.ndarray, given: np.ndarray, shape: tuple[int, int], rng) -> np.ndarray:
        """(draw, group) mu + a at one node."""
        out = np.full(shape, point[0])
        if len(self.centres):
            mass = np.ascontiguousarray(masses(self.centres, point[:1], np.exp(point[2]), np.inf).T)
            for row in out:
                _inverted(given, mass, np.zeros(shape[1], int), self.centres, rng.random(shape[1]), row)
        return out


def fit(evidence: Evidence, group: np.ndarray | None, prior: LogPrior, scale: float, tails: float = np.inf) -> Tabled:
    """The posterior of the hyperparameters; `tails` are the population's degrees of freedom."""
    whole = np.zeros(len(evidence.names), int) if group is None else group
    table = tabled(evidence)
    mid, spread = evidence.mode, evidence.spread
    usual = float(np.hypot(mid.std(), 1e-3 * scale))
    logs = (np.log(scale) + LEAST_LOG, np.log(scale) + MOST_LOG)
    # Where mu may lie is known from the closed form for normal likelihoods as wide as these.
    mu, sd = benchmark_normal.fit(normal(evidence.names, mid, spread**2), group, prior, scale).hyper()["mu"]
    box = [(mu - AROUND * sd, mu + AROUND * sd), logs, *([] if group is None else [logs])]
    centres = np.array([]) if group is None else _centre_edges(mid, spread, whole, usual)

    def log_density(axes: Sequence[np.ndarray]) -> np.ndarray:
        if group is None:
            value = _one_level(table, axes[0], np.exp(axes[1]), tails)
        else:
            value = _two_levels(table, whole, centres, axes[0], np.exp(axes[1]), np.exp(axes[2]), tails)
            value = value + prior(axes[2])
        return value + prior(axes[1]).reshape(1, -1, *[1] * (value.ndim - 2))

    points = (_POINTS[0], _POINTS[2]) if group is None else _POINTS
    return Tabled(evidence, whole, table, centres, tails, zoomed(log_density, box, points))


def tabled(evidence: Evidence) -> Table:
    """The likelihood of each unit over cells as fine as the narrowest one there asks for."""
    edges = _edges(evidence.mode, evidence.spread)
    logs = evidence.log_likelihood((edges[1:] + edges[:-1]) / 2)
    peaks = logs.max(axis=1)
    return Table(edges, np.exp(logs - peaks[:, None]), peaks)


def masses(edges: np.ndarray, centre: np.ndarray, spread: float, tails: float) -> np.ndarray:
    """(cell, centre) what a population around each centre lays on each cell; the outer cells take what lies beyond."""
    at = (edges[1:-1, None] - np.atleast_1d(centre)[None, :]) / spread
    below = ndtr(at) if np.isinf(tails) else student_cdf(at, int(tails))
    return np.maximum(np.diff(np.pad(below, ((1, 1), (0, 0)), constant_values=((0, 1), (0, 0))), axis=0), 0.0)


def student_cdf(t: np.ndarray, freedom: int) -> np.ndarray:
    """P(T <= t) for an even number of degrees of freedom: Abramowitz & Stegun 26.7.4, which needs no series."""
    cos2 = freedom / (freedom + t * t)
    total, term = np.ones_like(t), np.ones_like(t)
    for k in range(1, freedom // 2):
        term = term * cos2 * (2 * k - 1) / (2 * k)
        total += term
    return 0.5 * (1 + t / np.sqrt(freedom + t * t) * total)


def _edges(mode: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Cell edges from the lowest to the highest likelihood, each cell a third of the narrowest one that covers it."""
    low, high = (mode - FAR * spread).min(), (mode + FAR * spread).max()
    starts, ends = mode - FAR * spread, mode + FAR * spread
    edges, at = [low], low
    while at < high:
        covering = (starts <= at + 1e-12) & (at < ends)
        ahead = starts[starts > at]
        step = spread[covering].min() / FINE if covering.any() else np.inf
        # A narrow likelihood that begins inside this cell would be missed by its middle.
        at = min(at + step, max(ahead.min(), at + spread.min() / FINE) if len(ahead) else np.inf, high)
        edges.append(at)
    return np.array(edges)


def _centre_edges(mode: np.ndarray, spread: np.ndarray, group: np.ndarray, usual: float) -> np.ndarray:
    """Cells for the groups' means: from the lowest to the highest one, half as wide as the best known is known."""
    W = np.bincount(group, 1 / (spread**2 + usual**2))
    mean = np.bincount(group, mode / (spread**2 + usual**2)) / W
    width = 1 / np.sqrt(W)
    low, high = (mean - 4 * width).min(), (mean + 4 * width).max()
    return np.linspace(low, high, int(np.ceil((high - low) / (width.min() / 2))) + 1)


def _one_level(table: Table, mus: np.ndarray, taus: np.ndarray, tails: float) -> np.ndarray:
    """(mu, tau) log marginal likelihood."""
    columns = [np.log(table.rows @ masses(table.edges, mus, tau, tails) + 1e-300).sum(axis=0) for tau in taus]
    return np.stack(columns, axis=1) + table.peaks.sum()


def _two_levels(table: Table, group: np.ndarray, centres: np.ndarray, mus, taus_w, taus_b, tails: float) -> np.ndarray:
    """(mu, tau_w, tau_b) log marginal likelihood."""
    mid = (centres[1:] + centres[:-1]) / 2
    upper = np.stack([masses(centres, mus, tau, np.inf) for tau in taus_b], axis=-1)  # (centre, mu, tau_b)
    out = np.empty((len(mus), len(taus_w), len(taus_b)))
    for k, tau in enumerate(taus_w):
        given = _of_groups(table, group, mid, tau, tails)
        peak = given.max(axis=1, keepdims=True)
        both = np.tensordot(np.exp(given - peak), upper, axes=1)
        out[:, k] = np.log(both + 1e-300).sum(axis=0) + peak.sum()
    return out + table.peaks.sum()


def _of_groups(table: Table, group: np.ndarray, mid: np.ndarray, tau_w: float, tails: float) -> np.ndarray:
    """(group, centre) log likelihood of all units of a group, were its mean at each of `mid`."""
    order = np.argsort(group, kind="stable")
    rows, firsts = table.rows[order], np.searchsorted(group[order], np.arange(int(group.max()) + 1))
    parts = [mid[start : start + _CHUNK] for start in range(0, len(mid), _CHUNK)]
    logs = (np.log(rows @ masses(table.edges, part, tau_w, tails) + 1e-300) for part in parts)
    return np.concatenate([np.add.reduceat(each, firsts, axis=0) for each in logs], axis=1)


@njit(cache=True, nogil=True)
def _inverted(rows, mass, group, edges, u, out):  # pragma: no cover
    """out[i] is where the distribution rows[i] * mass[group[i]] reaches u[i], linear inside a cell."""
    cells = rows.shape[1]
    reached = np.empty(cells)
    for i in range(rows.shape[0]):
        own, total = mass[group[i]], 0.0
        for j in range(cells):
            total += rows[i, j] * own[j]
            reached[j] = total
        j = min(np.searchsorted(reached, u[i] * total), cells - 1)
        before = reached[j - 1] if j else 0.0
        here = reached[j] - before
        part = (u[i] * total - before) / here if here > 0 else 0.5
        out[i] = edges[j] + (edges[j + 1] - edges[j]) * part


def _moments(value: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    mean = float((weight * value).sum())
    return mean, float(np.sqrt((weight * (value - mean) ** 2).sum()))
