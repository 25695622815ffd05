"""Where is the posterior of a network's rhythms highest, and how does it fall away from there?

Newton's steps on the arrow-shaped system of shops and what they share. Between the steps the standard deviations
between shops maximise the evidence of the quadratic approximation (MacKay 1992, Neural Computation 4(3)), which costs
no pass over the clients.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.optimize import minimize

from barberlab.errors import NotAvailable
from barberlab.models.arrow import Arrow
from barberlab.models.churn_likelihood import REAL, Likelihood, Slopes
from barberlab.models.churn_prior import COVARIATE_SD, NETWORK, WEIGHT_SD, Prior

STEPS = 60  # of Newton; five to ten are usual
CLOSE = 1e-3  # log units that one more step would gain
NEAR = 0.05  # log units from a bound
STILL = 0.01  # change of a log standard deviation
MEANS = 2  # the network's means lead what is shared
# Beyond these nothing is told apart any more: clients all alike to a twentieth, gaps as even as a clock's.
BOUNDS = {"shop": ((-20.0, 6.0), (-12.0, 8.0)), "shared": ((-5.0, 6.0), (-6.0, 8.0)), "k": (-3.0, 5.0)}


@dataclass(frozen=True)
class Peak:
    """The log-likelihood to second order around a point, with the prior: for any log_sd a normal posterior.

    information (shop, 2, 2), edges (shop, 2, shared), between (shared, shared): minus the second derivatives; pull and
    pull_shared: the point's linear terms; log_sd (2,): the standard deviations between shops, at their best.
    """

    information: np.ndarray
    edges: np.ndarray
    between: np.ndarray
    pull: np.ndarray
    pull_shared: np.ndarray
    prior: Prior
    free: tuple[int, ...]
    others: np.ndarray
    log_sd: np.ndarray

    def believed(self, log_sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(mean, precision) of the network's means and of all that is shared, before the data."""
        mean, precision = self.prior.given(log_sd, list(self.free))
        n = len(mean)
        whole = np.diag(np.concatenate([np.zeros(n), self.others**-2.0]))
        whole[:n, :n] = precision
        return np.concatenate([mean, np.zeros(len(self.others))]), whole

    def at(self, log_sd: np.ndarray) -> Arrow:
        """The posterior of shops, network means and what is shared, given the shops' log standard deviations."""
        tau = np.exp(-2 * log_sd)
        mean, precision = self.believed(log_sd)
        shared = precision.copy()
        shared[MEANS:, MEANS:] += self.between
        shared[:MEANS, :MEANS] += len(self.pull) * np.diag(tau)
        to_means = np.broadcast_to(-np.diag(tau), self.information.shape)
        pulled = precision @ mean + np.concatenate([np.zeros(MEANS), self.pull_shared])
        edges = np.concatenate([to_means, self.edges], axis=2)
        return Arrow(self.information + np.diag(tau), edges, shared, self.pull, pulled)

    def log_evidence(self, log_sd: np.ndarray) -> float:
        """Log density of the data and of log_sd, but for a constant; -inf where the approximation has no peak."""
        mean, precision = self.believed(log_sd)
        try:
            value = self.at(log_sd).log_evidence()
        except np.linalg.LinAlgError:
            return -np.inf
        before = self.prior.log_density_sd(log_sd) - 0.5 * mean @ precision @ mean
        return value - len(self.pull) * float(log_sd.sum()) + before

    def best_sd(self) -> np.ndarray:
        """(2,) the log standard deviations of highest evidence."""
        answer = minimize(lambda sd: -self.log_evidence(sd), self.log_sd, method="Nelder-Mead", options={"xatol": 1e-3})
        return answer.x

    def draw_sd(self, normal: np.ndarray) -> np.ndarray:
        """(draw, 2) log standard deviations from the normal approximation at their best, of standard normal draws."""
        step = 0.1

        def at(i: int, j: int) -> float:
            return self.log_evidence(self.log_sd + step * np.array([i, j]))

        # Where there is no peak a step away, the difference is infinite or none: the data say nothing that way.
        with np.errstate(invalid="ignore"):
            one, two = (2 * at(0, 0) - at(i, j) - at(-i, -j) for i, j in ((1, 0), (0, 1)))
            both = (at(1, -1) + at(-1, 1) - at(1, 1) - at(-1, -1)) / 4
        hessian = np.nan_to_num(np.array([[one, both], [both, two]]), posinf=0.0, neginf=0.0) / step**2
        widths, axes = np.linalg.eigh(hessian)
        spread = axes / np.sqrt(np.maximum(widths, 1.0))  # not wider than a factor e, where the data say nothing
        return np.array([self._nearer(one) for one in self.log_sd + normal @ spread.T])

    def _nearer(self, log_sd: np.ndarray) -> np.ndarray:
        """`log_sd`, or so far towards the best that there is a peak: of very few clients, a wide spread has none."""
        while not np.isfinite(self.log_evidence(log_sd)) and np.abs(log_sd - self.log_sd).max() > STILL:
            log_sd = (log_sd + self.log_sd) / 2
        return log_sd if np.isfinite(self.log_evidence(log_sd)) else self.log_sd

    def damped(self, point: np.ndarray, ridge: float) -> Self:
        """The same with a pull back to `point` (shared,), where the peak is none."""
        more = ridge * np.eye(len(point))
        return replace(self, between=self.between + more, pull_shared=self.pull_shared + ridge * point)


@dataclass(frozen=True)
class Point:
    """Where a search stands: shops (shop, 2), the network's means (2,), shared, and the likelihood's slopes there."""

    shops: np.ndarray
    means: np.ndarray
    shared: np.ndarray
    slopes: Slopes

    def towards(self, shops: np.ndarray, both: np.ndarray, share: float, like: Likelihood) -> Self:
        """So far on the way to (shops, means and shared)."""
        means, shared = both[:MEANS], both[MEANS:]
        went = [a + share * (b - a) for a, b in ((self.shops, shops), (self.means, means), (self.shared, shared))]
        return type(self)(*went, like(went[0], went[2]))

    def log_posterior(self, peak: Peak) -> float:
        """The exact log posterior here, but for a constant, given the peak's standard deviations between shops."""
        off = (self.shops - self.means) * np.exp(-peak.log_sd)
        mean, precision = peak.believed(peak.log_sd)
        away = np.concatenate([self.means, self.shared]) - mean
        return self.slopes.value - 0.5 * float((off**2).sum() + away @ precision @ away)


def climb(like: Likelihood, start: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """(2 + shared,) where one shop's log posterior under N(mean, precision) is highest, from `start`."""

    def down(t: np.ndarray) -> tuple[float, np.ndarray]:
        at, off = like(t[None, :2], t[2:]), precision @ (t - mean)
        if not np.isfinite(at.value):
            return 1e300, np.zeros_like(t)
        return 0.5 * (t - mean) @ off - at.value, off - np.concatenate([at.shops[0], at.shared])

    tight = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-6 * len(like.h)}
    bounds = [*BOUNDS["shop"], *BOUNDS["shared"], *[BOUNDS["k"]] * (len(start) - 4)]
    return minimize(down, start, jac=True, method="L-BFGS-B", bounds=bounds, options=tight).x


def mode(like: Likelihood, prior: Prior, guess: np.ndarray) -> tuple[Peak, Point]:
    """The posterior's peak and the point it stands at, from a pooled guess (2 + shared,).

    Raises NotAvailable where what all share runs off to a bound: such data are not of clients.
    """
    shops = np.tile(guess[:2], (like.shops, 1))
    point = Point(shops, guess[:2], guess[2:], like(shops, guess[2:]))
    log_sd = prior.mean[len(NETWORK) :]
    for _ in range(STEPS):
        peak = _peak(like, prior, point, log_sd)
        before, still = point.log_posterior(peak), np.abs(peak.log_sd - log_sd).max() < STILL
        log_sd = peak.log_sd
        point = _step(like, peak, point, before)
        if still and point.log_posterior(peak) - before < CLOSE:
            break
    if _at_an_edge(like, point.shared, NEAR):
        raise NotAvailable("Client churn", "clients who differ, and visits that scatter: these come as if by the clock")
    return _peak(like, prior, point, log_sd), point


def _peak(like: Likelihood, prior: Prior, point: Point, log_sd: np.ndarray) -> Peak:
    """The quadratic approximation at a point, damped until it is a peak, with the best standard deviations."""
    information, edges, between = like.curvature(point.shops, point.shared, point.slopes)
    widths, axes = np.linalg.eigh(information)
    information = np.einsum("lij,lj,lkj->lik", axes, np.maximum(widths, 0.0), axes)
    pull = point.slopes.shops + np.einsum("lij,lj->li", information, point.shops) + edges @ point.shared
    pull_shared = point.slopes.shared + np.einsum("lia,li->a", edges, point.shops) + between @ point.shared
    free = (0, 1, 2, 3, *((4,) if like.regularity.k == REAL else ()))
    odds = like.regularity.free if like.regularity.k != REAL else 0
    others = np.concatenate([np.full(odds, WEIGHT_SD), np.full(2 * like.z.shape[1], COVARIATE_SD)])
    peak = Peak(information, edges, between, pull, pull_shared, prior, free, others, log_sd)
    ridge = 1e-3 * max(1.0, np.abs(between).max())
    while not np.isfinite(peak.log_evidence(log_sd)):
        peak, ridge = peak.damped(point.shared, ridge), ridge * 10
    return replace(peak, log_sd=peak.best_sd())


def _step(like: Likelihood, peak: Peak, point: Point, before: float) -> Point:
    """A Newton step, halved until it does not lead down."""
    arrow = peak.at(peak.log_sd)
    both = arrow.shared_mean
    shops = arrow.shops(both)
    for halving in range(12):
        share = 0.5**halving
        if _at_an_edge(like, point.shared + share * (both[MEANS:] - point.shared), 0.0):
            continue
        stepped = point.towards(shops, both, share, like)
        if stepped.log_posterior(peak) >= before - 1e-9 * abs(before):
            return stepped
    return point


def _at_an_edge(like: Likelihood, shared: np.ndarray, within: float) -> bool:
    """Whether ln r, ln kappa or a fitted ln k is so near to its bound, or beyond."""
    bounds = np.array([*BOUNDS["shared"], *[BOUNDS["k"]] * (like.regularity.k == REAL)])
    low, high = bounds.T
    return bool(((shared[: len(bounds)] <= low + within) | (shared[: len(bounds)] >= high - within)).any())
