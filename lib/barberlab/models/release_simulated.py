"""Networks that nobody owns: pools of shops on the public scale, for trying the benchmark and attacking it.

A network has a mean of its own in each key figure, correlated between figures; its shops lie around it with long tails
and a mild skew, so that no normal shape fits them exactly. About a quarter of the variance lies between networks.
"""

import numpy as np

from barberlab.models.release_spec import Spec
from barberlab.models.release_vector import vector

BETWEEN, WITHIN, TAILS, SKEW, OFF = 0.5, 0.866, 8, 0.12, 0.2
SHARED = 0.4  # of the between-network variance that all key figures have in common


def networks(rng: np.random.Generator, count: int, kpis: int, shops: int = 33, off: float = OFF) -> np.ndarray:
    """(count, shops, kpis) on the public scale, whose centre the pool misses by `off` spreads."""
    own = BETWEEN**2 * ((1 - SHARED) * np.eye(kpis) + SHARED)
    means = rng.multivariate_normal(np.zeros(kpis), own, count)[:, None, :]
    around = rng.standard_t(TAILS, (count, shops, kpis)) * np.sqrt((TAILS - 2) / TAILS) * WITHIN
    straight = means + around + off
    return straight + SKEW * (straight**2 - 1)


def vectors(pool: np.ndarray, spec: Spec) -> np.ndarray:
    """(count, 1 + 2 K): what each network puts into the first cell."""
    return np.array([vector(z, spec)[0] for z in pool])


def noise(rng: np.random.Generator, spec: Spec, shape: tuple[int, ...], months: int = 1) -> np.ndarray:
    """Noise of a release's law, of the mean of so many months; for simulations alone: a release takes no seed."""
    return rng.normal(0.0, spec.noise / np.sqrt(months), shape)
