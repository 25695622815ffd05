"""What is a network's path made of? Trend, season, pay-days, calendar and passing weeks, in draws that add up.

Given a draw of the path, its parts are drawn from their own posterior: a draw of their priors, conditioned on the sum.
Source: Wilson et al. (2020), Efficiently sampling functions from Gaussian process posteriors, ICML, eq. (9).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from barberlab.models.covariance import Terms, echo
from barberlab.models.panel import Panel
from barberlab.models.population import Population
from barberlab.models.revenue_parameters import Path
from barberlab.models.revenue_paths import NUGGET, SHARED_LEVEL, Forecaster, seed_of
from barberlab.models.revenue_residuals import lively_path, residuals

NAMES = ("trend", "season", "pay_days", "calendar", "passing")


@dataclass(frozen=True)
class Components:
    """Parts of one network's shared path, in log revenue: draws (C, T + H, S) in the order of `names`, and their sum.

    weeks (T + H,) are the Mondays. Level and trend are one: only their changes mean anything.
    """

    network: str
    names: tuple[str, ...]
    weeks: np.ndarray
    draws: np.ndarray

    @property
    def path(self) -> np.ndarray:
        """(T + H, S) the sum of all parts."""
        return self.draws.sum(axis=0)

    def change(self, now: slice, before: slice) -> np.ndarray:
        """(C, S) by how much each part's mean over the weeks `now` is above that over `before`, in log points."""
        return self.draws[:, now].mean(axis=1) - self.draws[:, before].mean(axis=1)


def components(panel: Panel, horizon: int, population: Population, draws: int = 400, seed: int = 0) -> Components:
    """The parts of the path that the locations of one network share, over history and horizon.

    `panel` holds that network alone; `population` is one without a common path. At the population's mean.
    """
    panel = panel.ahead(horizon)
    forecaster = Forecaster(population, panel, horizon, 0, seed)
    path, calendar = forecaster.shared(panel, draws)
    over = forecaster.over.livelier(lively_path(residuals(panel), horizon))
    rng = seed_of(seed, f"{panel.network[0]} components")
    parts = _split(path, _covariances(forecaster.typical.theta.network, over), rng)
    weeks = panel.weeks[0] + np.arange(len(path)) * np.timedelta64(7, "D")
    return Components(str(panel.network[0]), NAMES, weeks, np.stack([*parts[:3], calendar, parts[3]]))


def _covariances(p: Path, over: Terms) -> list[np.ndarray]:
    """Of trend with level, season, pay-days and passing weeks: they sum to the path's covariance."""
    return [
        SHARED_LEVEL * over.one + p.slope**2 * over.slope + p.drift**2 * over.drift,
        p.season**2 * over.season + p.week**2 * over.week,
        p.pay**2 * over.pay,
        p.echo**2 * echo(p.echo_phi, over) + p.noise**2 * over.eye + NUGGET * np.eye(len(over.one)),
    ]


def _split(path: np.ndarray, covariances: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Draws of the parts given their sum `path` (n, S)."""
    free = [_root(part) @ rng.standard_normal(path.shape) for part in covariances]
    factor = cho_factor(sum(covariances), lower=True, check_finite=False)
    missing = cho_solve(factor, path - sum(free), check_finite=False)
    return [drawn + part @ missing for drawn, part in zip(free, covariances, strict=True)]


def _root(covariance: np.ndarray) -> np.ndarray:
    """A square root of a covariance that may be of low rank."""
    size, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(np.maximum(size, 0.0))
