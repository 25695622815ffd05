"""Variances that were estimated are not known: the t of each estimate, for more shops than a table can hold.

    y_i | theta_i, l_i ~ N(theta_i, s_i^2 / l_i),   l_i ~ Gamma(nu_i / 2, nu_i / 2),   theta_i as in `benchmark_normal`

Given every l_i the model is the closed form, so that the spreads, the groups' means and theta are drawn as one block
from it, and l_i is then drawn given theta_i (Gelman et al. 2013, Bayesian Data Analysis, section 17.2). The spreads
take a Metropolis step on their marginal density, theta integrated out; what is left to wander is next to nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from barberlab.errors import GateFailed
from barberlab.models import benchmark_normal
from barberlab.models.benchmark_evidence import Evidence, widened
from barberlab.models.benchmark_hyper import Grid, LogPrior
from barberlab.models.benchmark_normal import Closed

SETTLING = 200  # sweeps before the first draw; the start is the closed form's own posterior
EVERY = 2  # sweeps to a draw
TAKEN = (0.1, 0.9)  # share of Metropolis steps outside which the chain tells nothing
_STEP = 2.38  # over the root of the number of spreads, in their posterior sds: Gelman, Roberts & Gilks (1996)


@dataclass(frozen=True, eq=False)
class Scaled:
    """The posterior under t likelihoods; `start` is the closed form with variances widened to those of their t."""

    evidence: Evidence
    group: np.ndarray
    start: Closed
    prior: LogPrior

    @property
    def grid(self) -> Grid:
        """The spreads as the start has them."""
        return self.start.grid

    def hyper(self) -> dict[str, tuple[float, float]]:
        """Mean and sd of mu and each tau, as the start has them."""
        return self.start.hyper()

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """(draw, unit) joint draws of theta, float32. Raises GateFailed where the chain of the spreads stands still."""
        rng = np.random.default_rng(seed)
        log_tau, step = self._opening(rng)
        out, taken, known = np.empty((draws, len(self.group)), np.float32), 0, self.evidence
        for sweep in range(SETTLING + EVERY * draws):
            proposed = log_tau + step * rng.standard_normal(len(step))
            if np.log(rng.random()) < self._log_density(known, proposed) - self._log_density(known, log_tau):
                log_tau, taken = proposed, taken + 1
            theta = benchmark_normal.scores(known, self.group, np.exp(log_tau), rng)
            known = self._given(theta, rng)
            if sweep >= SETTLING and (sweep - SETTLING) % EVERY == 0:
                out[(sweep - SETTLING) // EVERY] = theta
        return self._moving(out, taken / (SETTLING + EVERY * draws))

    def _opening(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where the spreads begin, and how far they step."""
        points, weight = self.grid.nodes()
        mean = weight @ points
        sd = np.sqrt(weight @ (points - mean) ** 2)
        return self.grid.draw(rng, 1)[0], _STEP / np.sqrt(len(mean)) * sd

    def _given(self, theta: np.ndarray, rng: np.random.Generator) -> Evidence:
        """The evidence with each variance as it may be, given the true score."""
        own, freedom = self.evidence, self.evidence.freedom
        apart = (own.value - own.offset - theta) ** 2 / own.weight
        known = np.isinf(freedom)
        shape = np.where(known, 1.0, freedom + 1) / 2
        drawn = rng.standard_gamma(shape) * 2 / (np.where(known, 1.0, freedom) + apart)
        return replace(own, weight=own.weight / np.where(known, 1.0, drawn))

    def _log_density(self, known: Evidence, log_tau: np.ndarray) -> float:
        inside = benchmark_normal.log_marginal(known, self.group, log_tau)
        return float(inside + sum(self.prior(one) for one in log_tau))

    def _moving(self, out: np.ndarray, taken: float) -> np.ndarray:
        if not TAKEN[0] <= taken <= TAKEN[1]:
            raise GateFailed(f"ranking: {taken:.0%} of the steps of the spreads were taken; 10% to 90% are sound")
        return out


def fit(evidence: Evidence, group: np.ndarray | None, prior: LogPrior, scale: float) -> Scaled:
    """The posterior of `evidence` with variances that have finite degrees of freedom."""
    start = benchmark_normal.fit(widened(evidence), group, prior, scale)
    return Scaled(evidence, start.group, start, prior)
