"""What will each shop take in the weeks to come, and how sure is that? A Bayesian forecast of weekly revenue.

log revenue = level + the network's path + the location's own path, each a Gaussian process over weeks: trend, season,
week of the year, pay-days, calendar, drift, echo. PyMC finds the population of hyperparameters (`fit`); effects and
paths follow in closed form and are drawn jointly (`forecast`), so that any sum of shops and weeks is a sum of draws.
Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, chapters 2 and 5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import revenue_paths as paths
from barberlab.models import revenue_population as population_of
from barberlab.models.panel import Panel
from barberlab.models.population import Population

LEAST_WEEKS = 26  # of a network's history: half a year
POPULATION_DRAWS = 8
_YEAR = 52


@dataclass(frozen=True)
class NetworkPaths:
    """Joint draws of one network. paths (L, H, S) revenue, float32: draw s of all shops belongs together.

    location (L,) ids; borrowed (L,) what each location's forecast owes to others, empty for nothing.
    """

    network: str
    location: np.ndarray
    paths: np.ndarray
    borrowed: np.ndarray


def fit(panel: Panel, *, method: str = population_of.LAPLACE, seed: int = 0, **options) -> Population:
    """The population of hyperparameters of the panel's networks, by "laplace" or "nuts"; see revenue_population.fit.

    Raises GateFailed where the sampler or a scale misses its gate, BadInput for a method that is none.
    """
    return population_of.fit(panel, method=method, seed=seed, **options).population


def forecast(
    panel: Panel,
    horizon: int,
    *,
    population: Population,
    draws: int = 400,
    seed: int = 0,
    population_draws: int = POPULATION_DRAWS,
) -> Iterator[NetworkPaths]:
    """Joint draws of weekly revenue, network by network; a network's numbers do not depend on the others present.

    The `draws` are spread over `population_draws` draws of the hyperparameters. A closed week of the horizon is not
    foreseen: the draws are of weeks with trade. Raises NotAvailable where a network has under half a year of weeks
    (`too_young` names them beforehand), BadInput where known columns do not reach the horizon.
    """
    panel.check_horizon(horizon)
    for network, weeks in too_young(panel).items():
        raise NotAvailable(f"forecast of network {network!r}", f"{LEAST_WEEKS} weeks of trade, it has {weeks}")
    return _forecast(panel, horizon, population, draws, seed, population_draws)


def backtest_forecast(panel: Panel, horizon: int, seed: int = 0, draws: int = 400) -> Iterator[NetworkPaths]:
    """A population fitted on the panel itself, and its forecast: the panel is its owner's own and may pool all of it.

    Networks under half a year are left out; raises NotAvailable where none remains.
    """
    panel.check_horizon(horizon)
    young = too_young(panel)
    rows = np.flatnonzero(~np.isin(panel.network, list(young)))
    if len(rows) == 0:
        raise NotAvailable("forecast", f"a network with {LEAST_WEEKS} weeks of trade")
    panel = panel.take(rows)
    population = population_of.fit(panel, seed=seed, shared=True).population
    return _forecast(panel, horizon, population, draws, seed, POPULATION_DRAWS)


def too_young(panel: Panel) -> dict[str, int]:
    """Networks with under half a year from their first week of trade to their last, with that number of weeks."""
    spans = {}
    for network in panel.networks:
        traded = np.flatnonzero(panel.observed[panel.network == network].any(axis=0))
        spans[str(network)] = int(traded[-1] - traded[0] + 1) if len(traded) else 0
    return {network: weeks for network, weeks in spans.items() if weeks < LEAST_WEEKS}


def borrowed(panel: Panel) -> np.ndarray:
    """(L,) in words, which parts of each location's forecast come from its network; empty for none."""
    return np.array([_borrowed(int(weeks)) for weeks in panel.history], dtype=str)


def _borrowed(weeks: int) -> str:
    if weeks < paths.NEW_WEEKS:
        return f"{weeks} weeks of trade: level, season, trend and opening curve are the network's"
    if weeks < _YEAR:
        return f"{weeks} weeks of trade: the season is the network's"
    return ""


def _forecast(panel, horizon, population, draws, seed, population_draws) -> Iterator[NetworkPaths]:
    if population.model != "revenue":
        raise BadInput(f"population {population.model!r}: a forecast of revenue needs one of model 'revenue'")
    forecaster = paths.Forecaster(population, panel, horizon, population_draws, seed)
    networks = [panel.of(name) for name in panel.networks]
    for network, drawn in zip(networks, forecaster.run(networks, draws), strict=True):
        yield NetworkPaths(str(network.network[0]), network.location, drawn, borrowed(network))
