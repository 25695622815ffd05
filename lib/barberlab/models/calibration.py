"""When we say 30 %, is it 30 %? Measures of probabilities against what happened, and their correction from the past.

A recalibration bends the log odds of earlier predictions towards what came true (Platt 1999) and is trusted only as far
as earlier origins agree: each origin's correction is one look at the model's habit and at that quarter's own weather.
Probabilities are of the event `happened` = 1, here that a client does not come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm, rankdata

from barberlab.errors import BadInput
from barberlab.models.intervals import NINETEEN_IN_TWENTY, tails

BINS = 10
CLAIM, CLAIM_CALIBRATION = 0.85, 0.03  # what "85 % accurate" takes: see `lacking`
FURTHEST = 1e-6  # a probability is never said to be nearer to 0 or 1 than this
# Of one origin's correction, before it is seen: log odds shifted by .5 or stretched by a quarter are common.
_SHIFT_SD, _STRETCH_SD = 0.5, 0.25


@dataclass(frozen=True)
class Recalibration:
    """log odds -> shift + stretch * log odds; `covariance` (2, 2) of (shift, stretch). (0, 1) changes nothing."""

    shift: float
    stretch: float
    covariance: np.ndarray

    def __call__(self, log_odds: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corrected log odds and their standard deviation, the correction's own uncertainty added to `sd`."""
        line = np.column_stack([np.ones(len(log_odds)), log_odds])
        variance = self.stretch**2 * np.square(sd) + np.einsum("ci,ij,cj->c", line, self.covariance, line)
        return self.shift + self.stretch * log_odds, np.sqrt(variance)


AS_IS = Recalibration(0.0, 1.0, np.zeros((2, 2)))


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences of two predictions' losses, ours less theirs, with its 95 % range."""

    mean: float
    low: float
    high: float


def log_odds(p: np.ndarray) -> np.ndarray:
    """ln p / (1 - p), of p held between 1e-6 and 1 - 1e-6."""
    held = np.clip(np.asarray(p, float), FURTHEST, 1 - FURTHEST)
    return np.log(held) - np.log1p(-held)


def recalibration(earlier: Sequence[tuple[np.ndarray, np.ndarray]]) -> Recalibration:
    """The correction learned from earlier origins, each given as (log odds predicted, happened) over its clients.

    With n origins their mean correction is taken to n / (n + 1): the normal posterior mean when corrections differ
    between origins as much as they differ from none at all. Without any origin nothing is changed.
    """
    found = [_platt(np.asarray(predicted, float), np.asarray(happened, float)) for predicted, happened in earlier]
    if not found:
        return AS_IS
    n = len(found)
    mean = np.mean([at for at, _ in found], axis=0) * n / (n + 1)
    covariance = np.sum([spread for _, spread in found], axis=0) / (n + 1) ** 2
    return Recalibration(float(mean[0]), float(1 + mean[1]), covariance)


def _platt(predicted: np.ndarray, happened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mode of (shift, stretch - 1) and its covariance."""
    line = np.column_stack([np.ones(len(predicted)), predicted])
    precision = np.array([_SHIFT_SD, _STRETCH_SD]) ** -2

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        z = predicted + line @ at
        value = np.logaddexp(0, z).sum() - happened @ z + precision @ np.square(at) / 2
        return value, line.T @ (expit(z) - happened) + precision * at

    mode = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    p = expit(predicted + line @ mode)
    return mode, np.linalg.inv(line.T @ (line * (p * (1 - p))[:, None]) + np.diag(precision))


def brier(p: np.ndarray, happened: np.ndarray) -> float:
    """Mean squared difference between what was said and what happened: 0 is perfect. Source: Brier (1950)."""
    return float(np.mean(np.square(_checked(p, happened) - happened)))


def skill(p: np.ndarray, happened: np.ndarray) -> float:
    """1 - Brier / Brier of always saying the hold-out's own rate; NaN where all or none happened."""
    rate = np.mean(happened)
    return float(1 - brier(p, happened) / (rate * (1 - rate))) if 0 < rate < 1 else float("nan")


def calibration_error(p: np.ndarray, happened: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: mean of |said - happened| over `bins` groups of as many clients each, by p.

    Clients with the same p stand together in no particular order; the groups are those of a stable sort.
    """
    said, came_true = _checked(p, happened), np.asarray(happened, float)
    groups = np.array_split(np.argsort(said, kind="stable"), min(bins, len(said)))
    return float(sum(abs(said[g].sum() - came_true[g].sum()) for g in groups) / len(said))


def auc(score: np.ndarray, happened: np.ndarray) -> float:
    """P(a client to whom it happened was scored higher than one to whom not), ties half; NaN if all or none did."""
    yes = np.asarray(happened, bool)
    hits, misses = yes.sum(), (~yes).sum()
    if not hits or not misses:
        return float("nan")
    return float((rankdata(score)[yes].sum() - hits * (hits + 1) / 2) / (hits * misses))


def accuracy(p: np.ndarray, happened: np.ndarray) -> float:
    """Share of clients for whom the likelier outcome came; one half counts as "happens"."""
    return float(np.mean((_checked(p, happened) >= 0.5) == (np.asarray(happened) > 0)))


def lacking(accuracy: float, low95: float, rate: float, error: float) -> list[str]:
    """What keeps "85 % accurate" from being said: empty where it may be.

    It takes that much accuracy, a lower end of its 19 in 20 above what always naming the likelier outcome gets at the
    hold-out's own `rate`, and a calibration error of at most .03.
    """
    base = max(rate, 1 - rate)
    found = [f"accuracy {accuracy:.3f} is below {CLAIM}"] if accuracy < CLAIM else []
    found += [f"its lower bound {low95:.3f} does not exceed the base accuracy {base:.3f}"] if low95 <= base else []
    found += [f"the calibration error {error:.3f} exceeds {CLAIM_CALIBRATION}"] if error > CLAIM_CALIBRATION else []
    return found


def log_loss(p: np.ndarray, happened: np.ndarray) -> float:
    """Mean of -ln(probability given to what happened)."""
    z = log_odds(_checked(p, happened))
    return float(np.mean(np.logaddexp(0, z) - happened * z))


def paired(ours: np.ndarray, theirs: np.ndarray, weight: np.ndarray | None = None) -> Difference:
    """The mean difference of two losses on the same clients, with its 95 % range, normal by the number of clients.

    ours, theirs: losses of each client, or of each block of `weight` clients as means. Raises BadInput where they are
    not of the same clients, NaN range for fewer than two.
    """
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    if ours.shape != theirs.shape:
        raise BadInput(f"paired difference: {ours.shape} and {theirs.shape} losses; both must be of the same clients")
    w = np.ones(len(ours)) if weight is None else np.asarray(weight, float)
    difference = ours - theirs
    mean = np.average(difference, weights=w)
    n = len(ours)
    error = np.sqrt(n / (n - 1) * np.sum(np.square(w * (difference - mean)))) / w.sum() if n > 1 else float("nan")
    low, high = (float(mean + norm.ppf(q) * error) for q in tails(NINETEEN_IN_TWENTY))
    return Difference(float(mean), low, high)


def _checked(p: np.ndarray, happened: np.ndarray) -> np.ndarray:
    said = np.asarray(p, float)
    if said.shape != np.shape(happened) or not ((said >= 0) & (said <= 1)).all():
        raise BadInput(f"probabilities {said.shape} of outcomes {np.shape(happened)}: give one from 0 to 1 for each")
    return said
