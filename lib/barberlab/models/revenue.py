"""What will each shop take in the weeks to come, and how sure is that? A Bayesian forecast of weekly revenue.

log revenue = level + the network's path + the location's own path, each a Gaussian process over weeks: trend, season,
week of the year, pay-days, calendar, drift, echo. PyMC finds the population of hyperparameters (`fit`); effects and
paths follow in closed form and are drawn jointly (`forecast`), so that any sum of shops and weeks is a sum of draws.
Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, chapters 2 and 5.
"""

from collections.abc import Iterator

import numpy as np

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import revenue_paths as paths
from barberlab.models import revenue_population as population_of
from barberlab.models.panel import Panel
from barberlab.models.paths import NetworkPaths
from barberlab.models.population import Population

LEAST_WEEKS = 26  # of a network's history: half a year
NEW_WEEKS = paths.NEW_WEEKS  # a shop with fewer takes its level from its network
POPULATION_DRAWS = 8
_YEAR = 52


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
    panel = panel.ahead(horizon)
    for network, weeks in too_young(panel).items():
        raise NotAvailable(f"forecast of network {network!r}", f"{LEAST_WEEKS} weeks of trade, it has {weeks}")
    return _forecast(panel, horizon, population, draws, seed, population_draws)


def backtest_forecast(panel: Panel, horizon: int, seed: int = 0, draws: int = 400) -> Iterator[NetworkPaths]:
    """A population fitted on the panel itself, and its forecast: the panel is its owner's own and may pool all of it.

    Networks under half a year are left out; raises NotAvailable where none remains.
    """
    panel = panel.ahead(horizon)
    young = too_young(panel)
    rows = np.flatnonzero(~np.isin(panel.network, list(young)))
    if len(rows) == 0:
        raise NotAvailable("forecast", f"a network with {LEAST_WEEKS} weeks of trade")
    panel = panel.take(rows)
    population = population_of.fit(panel, seed=seed, shared=True, horizon=horizon).population
    return _forecast(panel, horizon, population, draws, seed, POPULATION_DRAWS)


def too_young(panel: Panel) -> dict[str, int]:
    """Networks with under half a year from their first week of trade to their last, with that number of weeks."""
    return {network: weeks for network, weeks in _spans(panel).items() if weeks < LEAST_WEEKS}


def _spans(panel: Panel) -> dict[str, int]:
    """Weeks from each network's first week of trade to its last, both counted; 0 without any."""
    spans = {}
    for network in panel.networks:
        traded = np.flatnonzero(panel.observed[panel.network == network].any(axis=0))
        spans[str(network)] = int(traded[-1] - traded[0] + 1) if len(traded) else 0
    return spans


def borrowed(panel: Panel) -> np.ndarray:
    """(L,) in words, which parts of each location's forecast come from others; empty for none.

    A season is the network's where some shop of it has seen a year, else that of the networks in the population.
    """
    spans = _spans(panel)
    pairs = zip(panel.history.tolist(), panel.network.tolist(), strict=True)
    return np.array([_borrowed(weeks, spans[network]) for weeks, network in pairs], dtype=str)


def _borrowed(weeks: int, network_weeks: int) -> str:
    whose = "the network's" if network_weeks >= _YEAR else "that of other networks"
    if weeks < paths.NEW_WEEKS:
        told = f"level and trend are the network's, the season is {whose}, the opening curve that of other networks"
    elif weeks < _YEAR:
        told = f"the season is {whose}"
    else:
        return ""
    return f"{weeks} {'week' if weeks == 1 else 'weeks'} of trade: {told}"


def _forecast(panel, horizon, population, draws, seed, population_draws) -> Iterator[NetworkPaths]:
    if population.model != "revenue":
        raise BadInput(f"population {population.model!r}: a forecast of revenue needs one of model 'revenue'")
    forecaster = paths.Forecaster(population, panel, horizon, population_draws, seed)
    networks = [panel.of(name) for name in panel.networks]
    for network, drawn in zip(networks, forecaster.run(networks, draws), strict=True):
        yield NetworkPaths(str(network.network[0]), network.location, drawn)
