"""How does a new shop grow into its trade? An opening curve, pooled over all openings that a population has seen.

log revenue of a shop of `age` weeks lies c v(age) below where it is going, c ~ N(depth, spread^2) from shop to shop. v
is the log of 1 - .65 exp(-age / weeks), a trade that fills up, divided by its value in the first week. Depth, spread
and weeks are the population's; c is found with the shop's other effects, in closed form.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit

from barberlab.models.covariance import Terms
from barberlab.models.revenue_likelihood import location_covariance
from barberlab.models.revenue_parameters import Location, Prior

OPENING = {
    "depth": (0.6, 0.5),  # log points below at the opening: not much more than a half
    "log_spread": (np.log(0.25), 0.8),
    "lasts": (-0.9, 0.8),  # logit between the fewest and the most weeks until a third of it is left: 12
}
SETTLED_WEEKS = 104  # after which an opening no longer tells
_LACKING = 0.65  # of the trade in the first week: the curve's shape, while its depth is fitted
_CALMEST, _FAR = 0.5, 4.0  # of the typical sd; sds, from which a week counts as that far
FEWEST_WEEKS, MOST_WEEKS = 3.0, 36.0  # an opening that lasts longer is a trend
_FEW, _AT_ONCE = 2, 0.15  # shops, and a part of a network's: more first weeks at once are the beginning of records
LATE = 4  # weeks after its network's first from which a first week is an opening, not the beginning of the data


@dataclass(frozen=True)
class Opening:
    """The curve's depth and spread in log points, and its weeks."""

    depth: float = 0.0
    spread: float = 0.0
    weeks: float = 1.0

    @classmethod
    def at(cls, theta: np.ndarray) -> "Opening":
        """From theta in the order of OPENING."""
        weeks = FEWEST_WEEKS + (MOST_WEEKS - FEWEST_WEEKS) * expit(theta[2])
        return cls(float(theta[0]), float(np.exp(theta[1])), float(weeks))

    def left(self, age: np.ndarray) -> np.ndarray:
        """What is left of the opening at `age` weeks: 1 in the first week, then ever less; 0 before it."""
        lacking = _LACKING * np.exp(-np.maximum(age, 0) / self.weeks)
        return np.where(age >= 0, np.log1p(-lacking) / np.log1p(-_LACKING), 0.0)

    def turn(self, age: np.ndarray) -> np.ndarray:
        """The derivative of `left` in log weeks."""
        lacking = _LACKING * np.exp(-np.maximum(age, 0) / self.weeks)
        slope = -lacking / (1 - lacking) * np.maximum(age, 0) / self.weeks
        return np.where(age >= 0, slope / np.log1p(-_LACKING), 0.0)


@dataclass(frozen=True)
class Openings:
    """White residuals of locations that opened: white (n, T), root (T, T), age (n, T), all in reversed time.

    sd (n, 1) is how much livelier than a typical location each is; `white` is already in its units.
    """

    white: np.ndarray
    root: np.ndarray
    age: np.ndarray
    sd: np.ndarray


def opening_prior() -> Prior:
    """Of the pooled curve."""
    mean, sd = np.array(list(OPENING.values())).T
    return Prior(tuple(OPENING), mean, sd)


def opened(seen: np.ndarray) -> np.ndarray:
    """(L,) the week of each location's opening, or -1 for none in these weeks; seen (L, T) of one network.

    A location without any week opens with the first week to come. Where many begin at once, records began.
    """
    weeks = seen.shape[1]
    first = np.where(seen.any(axis=1), seen.argmax(axis=1), weeks)
    together = np.bincount(first, minlength=weeks + 1)[first]
    real = (first >= first.min() + LATE) & (together <= max(_FEW, _AT_ONCE * len(first)))
    return np.where(real & (weeks - first <= SETTLED_WEEKS), first, -1)


def openings(left: np.ndarray, at: np.ndarray, typical: Location, over: Terms, known: np.ndarray) -> Openings:
    """Of the locations that opened at week `at` (n,), with residuals left (n, T), gaps bridged; known (T, K)."""
    usual = int(np.argmax(typical.weight))
    covariance = typical.scale**2 * location_covariance(typical, over, known, usual)
    n = len(over.one)
    factor = cholesky(covariance[::-1, ::-1], lower=True, check_finite=False)
    root = solve_triangular(factor, np.eye(n), lower=True, check_finite=False)
    age = (np.arange(n) - at[:, None])[:, ::-1]
    bridged = np.where(age >= 0, left[:, ::-1], 0.0)
    white = np.where(age >= 0, bridged @ root.T, np.nan)
    sd = np.array([1.4826 * np.median(np.abs(row[np.isfinite(row)])) for row in white]).reshape(-1, 1)
    sd = np.maximum(sd, _CALMEST)
    return Openings(np.clip(np.nan_to_num(white / sd), -_FAR, _FAR), root, age, sd)


def opening_likelihood(theta: np.ndarray, found: Openings) -> tuple[float, np.ndarray]:
    """Log density of the openings up to a constant, and its gradient in theta (order of OPENING).

    Each history is N(-depth v, K + spread^2 v v') with v as above: by the matrix determinant lemma.
    """
    p = Opening.at(theta)
    seen = found.age >= 0
    v = p.left(found.age)
    white_v = np.where(seen, v @ found.root.T, 0.0) / found.sd
    turn = np.where(seen, p.turn(found.age) @ found.root.T, 0.0) / found.sd
    r = found.white + p.depth * white_v
    a, b, s2 = (white_v**2).sum(axis=1), (white_v * r).sum(axis=1), p.spread**2
    value = -0.5 * np.log1p(s2 * a) - 0.5 * ((r**2).sum(axis=1) - s2 * b**2 / (1 + s2 * a))
    by_depth = -b / (1 + s2 * a)
    by_spread = -s2 * a / (1 + s2 * a) + s2 * b**2 / (1 + s2 * a) ** 2
    da = 2 * (white_v * turn).sum(axis=1)
    db = (turn * r).sum(axis=1) + p.depth * da / 2
    dr2 = 2 * p.depth * (r * turn).sum(axis=1)
    by_weeks = -0.5 * s2 * da / (1 + s2 * a) - 0.5 * dr2
    by_weeks += 0.5 * s2 * (2 * b * db / (1 + s2 * a) - s2 * b**2 * da / (1 + s2 * a) ** 2)
    # by_weeks is in log weeks so far
    by_lasts = (
        (p.weeks - FEWEST_WEEKS) * (MOST_WEEKS - p.weeks) / (MOST_WEEKS - FEWEST_WEEKS) / p.weeks * by_weeks.sum()
    )
    return value.sum(), np.array([by_depth.sum(), by_spread.sum(), by_lasts])
