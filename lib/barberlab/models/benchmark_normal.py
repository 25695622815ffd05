"""The nightly fit: normal estimates, a normal population, two levels, all in closed form but the two spreads.

    y_i ~ N(theta_i, s_i^2),   theta_i = mu + a_group(i) + w_i,   a ~ N(0, tau_b^2),   w ~ N(0, tau_w^2)

mu has a flat prior and is integrated out, as are a and w; (tau_w, tau_b) lie on a grid. Without groups a is 0.
Source of the algebra: Lindley & Smith (1972), JRSS B 34(1), section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barberlab.models.benchmark_evidence import Evidence
from barberlab.models.benchmark_hyper import LEAST_LOG, MOST_LOG, Grid, LogPrior, zoomed

_POINTS = 21  # of each spread: a posterior that reaches down to nothing has a long tail


@dataclass(frozen=True, eq=False)
class Closed:
    """The closed form's posterior: a grid over log tau_w and, with groups, log tau_b."""

    evidence: Evidence
    group: np.ndarray
    grid: Grid

    def hyper(self) -> dict[str, tuple[float, float]]:
        """Mean and sd of mu and each tau."""
        points, weight = self.grid.nodes()
        taus = np.exp(points)
        mus = np.array([_mu(_sums(self.evidence, self.group, tau[0]), _between(tau)) for tau in taus])
        found = {"mu": _moments(mus[:, 0], weight, within=mus[:, 1] ** 2)}
        return found | {name: _moments(tau, weight) for name, tau in zip(("tau_w", "tau_b"), taus.T, strict=False)}

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """(draw, unit) joint draws of theta, float32."""
        rng = np.random.default_rng(seed)
        out = np.empty((draws, len(self.group)), np.float32)
        for k, log_tau in enumerate(self.grid.draw(rng, draws)):
            out[k] = scores(self.evidence, self.group, np.exp(log_tau), rng)
        return out


def fit(evidence: Evidence, group: np.ndarray | None, prior: LogPrior, scale: float) -> Closed:
    """The posterior of the spreads; `scale` is that of the prior, which bounds the search."""
    whole = np.zeros(len(evidence.names), int) if group is None else group
    box = [(np.log(scale) + LEAST_LOG, np.log(scale) + MOST_LOG)] * (1 if group is None else 2)

    def log_density(axes: Sequence[np.ndarray]) -> np.ndarray:
        between = np.array([-np.inf]) if group is None else axes[1]
        value = np.stack([_log_marginal(_sums(evidence, whole, np.exp(log_tau)), between) for log_tau in axes[0]])
        value += prior(axes[0])[:, None]
        return value[:, 0] if group is None else value + prior(between)

    return Closed(evidence, whole, zoomed(log_density, box, [_POINTS] * len(box)))


def scores(evidence: Evidence, group: np.ndarray, tau: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(unit) one joint draw of theta, given tau: (tau_w,) or, with groups, (tau_w, tau_b)."""
    y, s2 = evidence.value - evidence.offset, evidence.weight
    centre = _centres(_sums(evidence, group, tau[0]), _between(tau), rng)[group]
    precision = 1 / tau[0] ** 2 + 1 / s2
    mean = (centre / tau[0] ** 2 + y / s2) / precision
    return mean + rng.standard_normal(len(y)) / np.sqrt(precision)


def log_marginal(evidence: Evidence, group: np.ndarray, log_tau: np.ndarray) -> float:
    """log p(y | tau), with mu, the groups' means and theta integrated out."""
    between = log_tau[1:] if len(log_tau) > 1 else np.array([-np.inf])
    return float(_log_marginal(_sums(evidence, group, np.exp(log_tau[0])), between)[0])


@dataclass(frozen=True)
class _Sums:
    """Of each group at one tau_w: summed precision and its mean; and what of the density does not depend on tau_b."""

    W: np.ndarray
    mean: np.ndarray
    rest: float


def _sums(evidence: Evidence, group: np.ndarray, tau_w: float) -> _Sums:
    y, v = evidence.value - evidence.offset, evidence.weight + tau_w**2
    W = np.bincount(group, 1 / v)
    mean = np.bincount(group, y / v) / W
    rest = -0.5 * (np.log(2 * np.pi * v).sum() + (y**2 / v).sum() - (W * mean**2).sum() - np.log(2 * np.pi / W).sum())
    return _Sums(W, mean, float(rest))


def _log_marginal(sums: _Sums, log_tau_b: np.ndarray) -> np.ndarray:
    """log p(y | tau_w, tau_b) with mu integrated out, over `log_tau_b`."""
    v = 1 / sums.W[:, None] + np.exp(2 * log_tau_b)[None, :]
    P = (1 / v).sum(axis=0)
    mu = (sums.mean[:, None] / v).sum(axis=0) / P
    squares = ((sums.mean[:, None] - mu) ** 2 / v).sum(axis=0)
    return sums.rest - 0.5 * (np.log(2 * np.pi * v).sum(axis=0) + squares + np.log(P / (2 * np.pi)))


def _between(tau: np.ndarray) -> float:
    return float(tau[1]) if len(tau) > 1 else 0.0


def _mu(sums: _Sums, tau_b: float) -> tuple[float, float]:
    """Mean and sd of mu at given spreads."""
    v = 1 / sums.W + tau_b**2
    P = (1 / v).sum()
    return float((sums.mean / v).sum() / P), float(1 / np.sqrt(P))


def _centres(sums: _Sums, tau_b: float, rng: np.random.Generator) -> np.ndarray:
    """A draw of mu + a of every group."""
    mean, sd = _mu(sums, tau_b)
    mu = mean + sd * rng.standard_normal()
    if not tau_b:
        return np.full(sums.W.shape, mu)
    precision = sums.W + 1 / tau_b**2
    return (sums.W * sums.mean + mu / tau_b**2) / precision + rng.standard_normal(sums.W.shape) / np.sqrt(precision)


def _moments(value: np.ndarray, weight: np.ndarray, within: np.ndarray | float = 0.0) -> tuple[float, float]:
    mean = float((weight * value).sum())
    return mean, float(np.sqrt((weight * ((value - mean) ** 2 + within)).sum()))
