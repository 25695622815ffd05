"""The likelihood of a network's histories in the parameters that are fitted: shops, and what they share.

Shared, in this order: ln r, ln kappa, then what the kind of regularity leaves free (ln k; the log odds of a mixture's
members; nothing where k is given), then the covariates' effects on log rate and on logit drop-out.
"""

from dataclasses import dataclass

import numpy as np

from barberlab.errors import BadInput
from barberlab.models.churn_posterior import FIRST
from barberlab.models.histories import Histories
from barberlab.models.rhythm import log_likelihood

REAL, MIXTURE = "real", "mixture"
MEMBERS = (1.0, 2.0, 4.0, 8.0, 16.0)  # the shapes of a mixture; each client is of one of them
STEP = 1e-4  # of the differences of the exact slopes; slopes are good to 1e-9, so curvatures to about 1e-4


@dataclass(frozen=True)
class Regularity:
    """How regular gaps may be: k "real" (fitted), a number (given), or "mixture" (each client one of MEMBERS)."""

    k: str | float

    def __post_init__(self):
        """Raises BadInput for anything else."""
        words = (REAL, MIXTURE)
        if self.k not in words and (isinstance(self.k, str | bool) or not 0 < float(self.k) < np.inf):
            raise BadInput(f"k is {self.k!r}; it is 'real', 'mixture' or a number above 0")

    @property
    def free(self) -> int:
        """How many parameters it has."""
        return {REAL: 1, MIXTURE: len(MEMBERS) - 1}.get(self.k, 0)

    def members(self, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(log_k, log_weight) over (..., member) from the free parameters (..., free)."""
        if self.k == REAL:
            return np.array(given), np.zeros_like(given)
        if self.k == MIXTURE:
            odds = np.concatenate([given, np.zeros_like(given[..., :1])], axis=-1)
            log_k = np.tile(np.log(MEMBERS), (*odds.shape[:-1], 1))
            return log_k, odds - np.logaddexp.reduce(odds, axis=-1, keepdims=True)
        one = np.zeros((*given.shape[:-1], 1))
        return one + np.log(float(self.k)), one

    def slopes(self, in_k: np.ndarray, share: np.ndarray, log_weight: np.ndarray) -> np.ndarray:
        """(free,) slopes from those in each member's ln k and from the summed responsibilities."""
        if self.k == REAL:
            return in_k
        return (share - share.sum() * np.exp(log_weight))[:-1] if self.k == MIXTURE else np.zeros(0)


@dataclass(frozen=True)
class Slopes:
    """Log-likelihood with its slopes in the shops' parameters (shop, 2) and in the shared ones."""

    value: float
    shops: np.ndarray
    shared: np.ndarray


class Likelihood:
    """The log-likelihood of `h` with `z` (client, covariate) standardised; counts its evaluations."""

    def __init__(self, h: Histories, z: np.ndarray, regularity: Regularity, variant: str):
        """Raises BadInput for a variant that is none."""
        if variant not in FIRST:
            raise BadInput(f"variant {variant!r} is unknown; known are {', '.join(FIRST)}")
        self.h, self.z, self.regularity, self.first = h, z, regularity, FIRST[variant]
        self._silence = h.silence
        self.shops, self.evaluations = len(h.locations), 0

    @property
    def free(self) -> int:
        """How many shared parameters there are."""
        return 2 + self.regularity.free + 2 * self.z.shape[1]

    def split(self, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(log_r, log_kappa, free of k, on_rate, on_dropout) of (..., shared)."""
        end, p = 2 + self.regularity.free, self.z.shape[1]
        return shared[..., 0], shared[..., 1], shared[..., 2:end], shared[..., end : end + p], shared[..., end + p :]

    def __call__(self, shops: np.ndarray, shared: np.ndarray) -> Slopes:
        """At shops (shop, 2) [log rate, logit drop-out] and shared; -inf where it is not a number."""
        self.evaluations += 1
        log_r, log_kappa, given, on_rate, on_dropout = self.split(shared)
        log_k, log_weight = self.regularity.members(given)
        rows = shops[self.h.location]
        value, in_rate, in_dropout, in_r, in_kappa, in_k, share = log_likelihood(
            self.h.x, self.h.t_x, self._silence, self.h.log_gaps, rows[:, 0] + self.z @ on_rate,
            rows[:, 1] + self.z @ on_dropout, float(log_r), float(log_kappa), log_k, log_weight, self.first,
        )  # fmt: skip
        ends = (in_rate, in_dropout)
        by_shop = np.column_stack([np.bincount(self.h.location, end, self.shops) for end in ends])
        in_members = self.regularity.slopes(in_k, share, log_weight)
        by_shared = np.concatenate([[in_r, in_kappa], in_members, *(end @ self.z for end in ends)])
        total = float(value.sum())
        return Slopes(total if np.isfinite(total) and np.isfinite(by_shared).all() else -np.inf, by_shop, by_shared)

    def curvature(self, shops: np.ndarray, shared: np.ndarray, at: Slopes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minus the second derivatives: blocks (shop, 2, 2), edges (shop, 2, shared), shared (shared, shared).

        Shops touch each other through what they share alone, so one step of all shops at once gives all blocks.
        """
        steps = [self(shops + STEP * one, shared) for one in np.eye(2)]
        blocks = np.stack([at.shops - step.shops for step in steps], axis=2) / STEP
        steps = [self(shops, shared + STEP * one) for one in np.eye(self.free)]
        edges = np.stack([at.shops - step.shops for step in steps], axis=2) / STEP
        between = np.stack([at.shared - step.shared for step in steps], axis=1) / STEP
        return (blocks + np.swapaxes(blocks, 1, 2)) / 2, edges, (between + between.T) / 2
