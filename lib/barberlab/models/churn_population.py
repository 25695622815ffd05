"""What do networks' clients have in common? Hyperparameters of many fitted networks, as one population file.

Their means over networks, and their covariance: that of networks and of each fit's own uncertainty together, so that a
population of few or small networks is the less sure of itself.
"""

from collections.abc import Sequence

import numpy as np

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.churn_prior import NAMES
from barberlab.models.histories import DAYS_IN
from barberlab.models.population import Population

MODEL = "churn"
FEWEST = 2 * len(NAMES)  # networks; a covariance of seven from fewer is mostly chance


def population(networks: Sequence[ChurnPosterior], source: str, as_of: str) -> Population:
    """The population of these networks, rates per day; `source` and `as_of` as in `Population`.

    Each network must have been fitted with k "real". Raises NotAvailable for fewer than 14 networks, BadInput for a
    network without its own regularity.
    """
    if len(networks) < FEWEST:
        raise NotAvailable("A population of client churn", f"{FEWEST} networks; there are {len(networks)}")
    if any(np.isnan(network.hyper).any() for network in networks):
        raise BadInput('a network was fitted with a given or mixed k; fit it with k="real" for a population')
    every = np.stack([_daily(network) for network in networks])
    draws = every.reshape(-1, len(NAMES))
    covariance = np.cov(draws.T)
    rows = tuple(tuple(map(float, row)) for row in (covariance + covariance.T) / 2)
    mean = tuple(map(float, draws.mean(axis=0)))
    return Population(MODEL, NAMES, mean, rows, source, len(networks), as_of)


def _daily(network: ChurnPosterior) -> np.ndarray:
    """(draw, NAMES) with the rate per day."""
    return network.hyper - np.log(DAYS_IN[network.unit]) * (np.array(NAMES) == "log_rate")
