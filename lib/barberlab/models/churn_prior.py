"""What is believed about clients' rhythms before a network is seen: from a population file, or weakly informative.

On their sampling scales, jointly normal: the network's mean log rate [visits/day] and logit drop-out, ln r and
ln kappa (how much alike clients are in rate and drop-out), ln k (regularity), and the logarithms of the standard
deviations between shops.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from barberlab.errors import BadInput
from barberlab.models.population import Population

NETWORK = ("log_rate", "logit_dropout", "log_r", "log_kappa", "log_k")
BETWEEN = ("log_sd_rate", "log_sd_dropout")
NAMES = NETWORK + BETWEEN
# Weakly informative: drop-out .01 to .8 a visit, k .5 to 8 (each 19 in 20), the rate within a factor 7 of the pooled
# one, which takes the place of NaN; shops differ by a half-normal of .3 in log rate and .7 in logit drop-out, here the
# mean and standard deviation of its logarithm.
MEAN = (np.nan, -1.5, 0.0, 1.0, 0.7, np.log(0.3) - 0.635, np.log(0.7) - 0.635)
SD = (1.0, 1.5, 1.0, 1.0, 0.7, 1.11, 1.11)
COVARIATE_SD = 0.5  # of an effect on log rate or logit drop-out, by standard deviation of the covariate
WEIGHT_SD = 2.0  # of the log odds of a mixture's members


@dataclass(frozen=True)
class Prior:
    """N(mean, covariance) of NAMES, rates per day."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, population: Population | None, daily_rate: float) -> Self:
        """From a population file, or the weakly informative one around this rate of visits.

        Raises BadInput for a population of another model.
        """
        if population is None:
            return cls(np.array([np.log(daily_rate), *MEAN[1:]]), np.diag(np.square(SD)))
        if population.names != NAMES:
            raise BadInput(
                f"population {population.model!r} holds {', '.join(population.names)}; "
                f"client churn needs {', '.join(NAMES)}"
            )
        return cls(np.array(population.mean), np.array(population.covariance))

    def per(self, days: float) -> Self:
        """The same with rates per `days` days."""
        return type(self)(self.mean + np.log(days) * (np.array(NAMES) == "log_rate"), self.covariance)

    def given(self, log_sd: np.ndarray, free: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """(mean, precision) of the `free` ones of NETWORK where the shops' log standard deviations are `log_sd`."""
        n = len(NETWORK)
        slope = np.linalg.solve(self.covariance[n:, n:], self.covariance[n:, :n]).T
        mean = self.mean[:n] + slope @ (log_sd - self.mean[n:])
        left = self.covariance[:n, :n] - slope @ self.covariance[n:, :n]
        return mean[free], np.linalg.inv(left[np.ix_(free, free)])

    def log_density_sd(self, log_sd: np.ndarray) -> float:
        """Log density of the shops' log standard deviations, but for its constant."""
        off = log_sd - self.mean[len(NETWORK) :]
        return -0.5 * float(off @ np.linalg.solve(self.covariance[len(NETWORK) :, len(NETWORK) :], off))
