"""How sure is a rate of so many out of so many? The Beta posterior under Jeffreys' prior.

hits ~ Binomial(n, p), p ~ Beta(1/2, 1/2), so p given hits ~ Beta(hits + 1/2, n - hits + 1/2). Its equal-tailed ranges
cover close to what they promise for every n and p. Source: Brown, Cai & DasGupta (2001), Statistical Science 16(2),
section 3.1.2.
"""

import numpy as np
from scipy.special import ndtr
from scipy.stats import beta

from barberlab.models.intervals import tails


def interval(hits: np.ndarray, n: np.ndarray, inside: float) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the rate, each shaped as `hits`; nobody of n may be none: low is then exactly 0, and 1 for all."""
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    low, high = (beta.ppf(q, hits + 0.5, n - hits + 0.5) for q in tails(inside))
    return np.where(hits == 0, 0.0, low), np.where(hits == n, 1.0, high)


def chance_of_rise(hits: np.ndarray, n: np.ndarray, hits_before: np.ndarray, n_before: np.ndarray) -> np.ndarray:
    """P(the rate is higher now than before), from the two posteriors' means and variances.

    The normal approximation to the difference of two Beta variables; within .01 of the exact one from ten events each
    (tests compare them).
    """
    mean, variance = _moments(hits, n)
    mean_before, variance_before = _moments(hits_before, n_before)
    return ndtr((mean - mean_before) / np.sqrt(variance + variance_before))


def _moments(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = np.asarray(n, float) + 1
    mean = (np.asarray(hits, float) + 0.5) / total
    return mean, mean * (1 - mean) / (total + 1)
