"""How does a network enter the benchmark without being seen in it? As one vector of bounded length.

A network's shops are put on the public scale, z = (scale(value) - scale(centre)) / spread. Its features are, for each
key figure, the mean of z and of z^2 - 1 over its shops, so that each network counts the same however many shops it has.
The vector is cut to a fixed Euclidean length, and the sum over networks gets one draw of Gaussian noise in proportion
to that length: rho-zCDP with the network as its unit. Source: Bun & Steinke (2016), TCC, proposition 1.6.
"""

import numpy as np

from barberlab.models.release_spec import FARTHEST, Spec

# How far networks' means and mean squares lie from the centre, on purpose not in proportion: the spread is better known
# before any data than the mean, so it gets less of the length and thereby more of the noise.
MEAN, SQUARE = 0.4, 0.9
GRID = 2.0**30  # sums of whole multiples of 1 / GRID are exact, so the order of networks cannot show


def features(z: np.ndarray, clip: float) -> np.ndarray:
    """(2 K,) of one network from its shops (shops, K); never longer than `clip`, whatever the numbers are."""
    z = np.atleast_2d(np.asarray(z, float))
    bounded = np.clip(z, -FARTHEST, FARTHEST)
    known = np.isfinite(bounded)
    shops = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, bounded, 0.0).sum(axis=0) / shops
    square = np.where(known, bounded**2 - 1, 0.0).sum(axis=0) / shops
    long = np.concatenate([mean / MEAN, square / SQUARE]) / scaling(z.shape[1])
    return long * min(1.0, clip / max(np.linalg.norm(long), 1e-300))


def vector(z: np.ndarray, spec: Spec) -> np.ndarray:
    """(cells, 1 + 2 K) of one network: its count and its features, by weight in each of its cells, zero elsewhere.

    Truncated towards zero onto a grid; Euclidean length at most `spec.sensitivity`.
    """
    one = np.concatenate([[spec.count], features(z, spec.clip)])
    weights = np.array([cell.weight if len(np.atleast_2d(z)) in cell else 0.0 for cell in spec.cells])
    return np.trunc(weights[:, None] * one * GRID) / GRID


def scaling(kpis: int) -> float:
    """What the features of `kpis` key figures are divided by, so that a usual network has a length near one."""
    return np.sqrt(2.0 * kpis)
