"""What do months of noisy sums say together? A Kalman filter over releases: it costs no privacy, and most of the noise.

Each month gives, for a cell, a noisy count of networks and noisy sums of their features. The pool is taken as normal on
the public scale, with a mean and a spread that wander slowly from month to month; each starts at the public centre, so
that a month of pure noise says "as usual" and not nonsense. Everything here is made of released numbers alone.
Source: Kalman (1960), J. Basic Eng. 82(1); the spread is filtered on its logarithm, linearised at the last estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from barberlab.models.release_spec import Spec
from barberlab.models.release_vector import MEAN, SQUARE, scaling

# Where the pool may stand before anything was released, and how far it goes in a month (standard deviations).
USUAL_NETWORKS, USUAL_MEAN, USUAL_LOG_SPREAD = (40.0, 60.0), 0.5, 0.25
NETWORKS_A_MONTH, MEAN_A_MONTH, LOG_SPREAD_A_MONTH = 2.0, 0.05, 0.02
# tests/benchmarks/release.py: what is left of the error, as a share of shops, where there is next to no noise.
SHAPE = 0.025
# The part of a mean's distance from the public centre that the clip may hide, and of the spread with it: it cuts
# networks that stand far out.
CLIPPED = 0.35
LONGEST_STEP = 0.3  # of the log spread in one month: beyond it the linearisation is worth nothing


@dataclass
class Pool:
    """What is known of one cell: networks in it and, per key figure, mean and log spread; each with its variance."""

    networks: float
    networks_var: float
    mean: np.ndarray
    mean_var: np.ndarray
    log_spread: np.ndarray
    log_spread_var: np.ndarray

    @classmethod
    def before(cls, kpis: int) -> "Pool":
        """What the public centres alone say."""
        return cls(
            USUAL_NETWORKS[0],
            USUAL_NETWORKS[1] ** 2,
            np.zeros(kpis),
            np.full(kpis, USUAL_MEAN**2),
            np.zeros(kpis),
            np.full(kpis, USUAL_LOG_SPREAD**2),
        )

    def percentile(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """(z, its standard error) per key figure, below which `share` of the pool's shops lie.

        The error holds the noise, what a normal shape gets wrong of a skewed pool with long tails, and what the clip
        takes from a pool that stands far off its public centre.
        """
        spread, away = np.exp(self.log_spread), norm.ppf(share)
        shape = SHAPE * spread / norm.pdf(away)
        clipped = CLIPPED * self.mean * np.hypot(1, away)
        variance = self.mean_var + (away * spread) ** 2 * self.log_spread_var + shape**2 + clipped**2
        return self.mean + away * spread, np.sqrt(variance)


def smoothed(months: Sequence[tuple[int, np.ndarray]], weight: float, spec: Spec) -> Pool:
    """The pool of one cell after its last month.

    months: (number of the month, noisy vector (1 + 2 K,) of the cell), in order; a month that is not there costs only
    certainty. weight: the cell's.
    """
    pool, last = Pool.before(len(spec.kpis)), None
    for month, noisy in months:
        _wander(pool, month - last if last is not None else 1)
        _count(pool, noisy[0] / (spec.count * weight), spec.noise / (spec.count * weight))
        means, squares = np.split(np.asarray(noisy[1:], float) * scaling(len(spec.kpis)), 2)
        _means(pool, means * MEAN, spec.noise * scaling(len(spec.kpis)) * MEAN, weight)
        _spreads(pool, squares * SQUARE, spec.noise * scaling(len(spec.kpis)) * SQUARE, weight)
        last = month
    return pool


def _wander(pool: Pool, months: int) -> None:
    pool.networks_var += months * NETWORKS_A_MONTH**2
    pool.mean_var = pool.mean_var + months * MEAN_A_MONTH**2
    pool.log_spread_var = pool.log_spread_var + months * LOG_SPREAD_A_MONTH**2


def _count(pool: Pool, seen: float, noise: float) -> None:
    gain = pool.networks_var / (pool.networks_var + noise**2)
    pool.networks = max(pool.networks + gain * (seen - pool.networks), 1.0)
    pool.networks_var *= 1 - gain


def _means(pool: Pool, sums: np.ndarray, noise: float, weight: float) -> None:
    """sums = weight networks mean + noise; what is not known of the number of networks is noise as well."""
    height = weight * pool.networks
    count = weight**2 * pool.networks_var * (pool.mean**2 + pool.mean_var)
    gain = pool.mean_var * height / (height**2 * pool.mean_var + noise**2 + count)
    pool.mean = pool.mean + gain * (sums - height * pool.mean)
    pool.mean_var = pool.mean_var * (1 - gain * height)


def _spreads(pool: Pool, sums: np.ndarray, noise: float, weight: float) -> None:
    """sums = weight networks (spread^2 + mean^2 - 1) + noise."""
    height, variance = weight * pool.networks, np.exp(2 * pool.log_spread)
    expected = variance + pool.mean**2 + pool.mean_var - 1
    of_means = height**2 * (4 * pool.mean**2 * pool.mean_var + 2 * pool.mean_var**2)
    count = weight**2 * pool.networks_var * expected**2
    slope = height * 2 * variance
    gain = pool.log_spread_var * slope / (slope**2 * pool.log_spread_var + noise**2 + of_means + count)
    step = gain * (sums - height * expected)
    pool.log_spread = pool.log_spread + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    pool.log_spread_var = pool.log_spread_var * (1 - gain * slope)


def control(kpis: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """What a release that looked at no data would say: the yardstick for any that did."""
    return Pool.before(kpis).percentile(share)
