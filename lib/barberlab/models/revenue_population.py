"""What do networks' revenues have in common? The population of hyperparameters, sampled or by Laplace.

One small PyMC model per block: `location`, a location's own path; `network`, the path its locations share; and, only
where a file's own networks are looked at together, `common`, the path that they share. The free variable is the
standardised z, the marginal likelihood one operation that brings its gradient. The blocks are fitted one after the
other, the later ones with the locations held at their mean ("cut"). Source: composite likelihood, Varin, Reid & Firth
(2011), Statistica Sinica 21; cutting feedback, Plummer (2015), Statistics and Computing 25.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from scipy.linalg import block_diag

from barberlab.models import revenue_residuals as residuals
from barberlab.models.covariance import Terms, terms
from barberlab.models.panel import Panel
from barberlab.models.population import PUBLIC, Population
from barberlab.models.posterior import Diagnostics, standardised_laplace, standardised_nuts
from barberlab.models.revenue_likelihood import location_likelihood, mean_covariance, path_covariance, path_likelihood
from barberlab.models.revenue_parameters import Location, Path, Prior, location_prior, path_prior

LAPLACE, NUTS = "laplace", "nuts"
MOST_LOCATIONS = 150  # more bring nothing measurable: theta is shared by all
MOST_NETWORKS = 24
_LEAST_SHOPS = 5  # of a network whose mean path says something of its path
_AROUND_COMMON = 0.5  # a network's path around the common one: half as large a priori

type Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Fitted:
    """One block: prior, and mean (p,) and covariance (p, p) of theta."""

    prior: Prior
    mean: np.ndarray
    covariance: np.ndarray
    diagnostics: Diagnostics


@dataclass(frozen=True)
class Fit:
    """A population with how each of its blocks came about."""

    population: Population
    diagnostics: dict[str, Diagnostics]


class Marginal(Op):
    """A marginal likelihood of z (p,) with its gradient, as one operation of a PyMC model."""

    def __init__(self, likelihood: Likelihood):
        self.likelihood = likelihood

    def make_node(self, z):
        """Outputs: log likelihood () and gradient (p,)."""
        z = pt.as_tensor_variable(z)
        return Apply(self, [z], [pt.dscalar(), pt.dvector()])

    def perform(self, node, inputs, outputs):
        """A point whose covariance cannot be factored is as good as impossible, and flat."""
        z = np.asarray(inputs[0], float)
        try:
            value, slope = self.likelihood(z)
        except np.linalg.LinAlgError:
            value, slope = -1e12, np.zeros_like(z)
        outputs[0][0], outputs[1][0] = np.asarray(value), np.asarray(slope)

    def pullback(self, inputs, outputs, cotangents):
        """The gradient that came with the value; the gradient's own gradient is never asked for."""
        return [cotangents[0] * outputs[1]]

    L_op = pullback


def build(prior: Prior, likelihood: Likelihood) -> pm.Model:
    """z ~ N(0, I); theta = mean + sd z; the histories by their marginal likelihood of theta."""

    def of_z(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = likelihood(prior.theta(z))
        return value, prior.sd * slope

    with pm.Model(coords={"hyperparameter": list(prior.names)}) as model:
        z = pm.Normal("z", 0.0, 1.0, dims="hyperparameter")
        pm.Deterministic("theta", prior.mean + prior.sd * z, dims="hyperparameter")
        pm.Potential("histories", Marginal(of_z)(z)[0])
    return model


def fit(
    panel: Panel,
    *,
    method: str = LAPLACE,
    seed: int = 0,
    shared: bool = False,
    source: str = PUBLIC,
    as_of: str | None = None,
    most_locations: int = MOST_LOCATIONS,
    **options,
) -> Fit:
    """The population of the panel's networks, by `method` "laplace" or "nuts" (options go to the sampler).

    With `shared`, for a back-test of one file, the networks' paths are taken apart into one that all share and each
    network's own. Raises GateFailed where a block misses a gate.
    """
    found = residuals.residuals(panel)
    known = residuals.scaled_known(panel, shared)[:, : len(panel.weeks)]
    rng = np.random.default_rng(seed)
    over = terms(panel.weeks[0], len(panel.weeks), 0)
    groups = residuals.histories(found, known, most_locations, rng)
    backwards = over.reversed()
    own = _block(location_prior(), lambda t: location_likelihood(t, groups, backwards), method, seed, options)
    blocks = {"location": own}
    typical = Location.at(blocks["location"].mean)
    mean_known = np.stack([known[panel.network == network].mean(axis=0) for network in found.networks])
    blur = _Blur(typical, over, found.count, mean_known)
    for name, prior, paths in _levels(found, blur, mean_known, shared, over, blocks):
        blocks[name] = _block(prior, lambda t, paths=paths: path_likelihood(t, paths, over), method, seed, options)
    population = _population(blocks, source, len(found.networks), as_of or str(panel.weeks[-1]))
    return Fit(population, {name: block.diagnostics for name, block in blocks.items()})


@dataclass(frozen=True)
class _Blur:
    """What the locations' own paths add to a network's mean path: their typical covariance over their number."""

    typical: Location
    over: Terms
    count: np.ndarray
    known: np.ndarray

    def of(self, i: int) -> np.ndarray:
        return self._with(self.count[i], self.known[i])

    def of_all(self) -> np.ndarray:
        return self._with(self.count.sum(axis=0), self.known.mean(axis=0))

    def _with(self, count: np.ndarray, known: np.ndarray) -> np.ndarray:
        root = np.sqrt(np.maximum(count, 1.0))
        unseen = np.diag(np.where(count < 2, 1.0, 0.0))  # a week that hardly anyone traded says nothing
        return mean_covariance(self.typical, self.over, known) / np.outer(root, root) + unseen


def _levels(found, blur, known, shared, over, blocks):
    """(block's name, prior, paths) in the order of fitting; lazily, as the common path needs the networks' fit."""
    enough = np.flatnonzero((found.count.max(axis=1) >= _LEAST_SHOPS) | (len(found.networks) == 1))[:MOST_NETWORKS]
    if not shared or len(found.networks) == 1:
        yield "network", path_prior(), [(found.common + found.own[i], blur.of(i), known[i]) for i in enough]
        return
    yield "network", path_prior(_AROUND_COMMON), [(found.own[i], blur.of(i), known[i]) for i in enough]
    own = path_covariance(Path.at(blocks["network"].mean), over) / len(found.networks)
    yield "common", path_prior(), [(found.common, blur.of_all() + own, known.mean(axis=0))]


def _block(prior: Prior, likelihood: Likelihood, method: str, seed: int, options: dict) -> Fitted:
    model = build(prior, likelihood)
    if method == NUTS:
        z = standardised_nuts(model, prior.names, seed, **options)
    else:
        z = standardised_laplace(model, prior.names)
    return Fitted(prior, prior.theta(z.mean), prior.sd[:, None] * z.covariance * prior.sd, z.diagnostics)


def _population(blocks: dict[str, Fitted], source: str, networks: int, as_of: str) -> Population:
    names = tuple(name for block, fitted in blocks.items() for name in fitted.prior.labelled(block))
    covariance = block_diag(*(fitted.covariance for fitted in blocks.values()))
    mean = np.concatenate([fitted.mean for fitted in blocks.values()])
    return Population(
        model="revenue",
        names=names,
        mean=tuple(mean.tolist()),
        covariance=tuple(tuple(row) for row in ((covariance + covariance.T) / 2).tolist()),
        source=source,
        networks=networks,
        as_of=as_of,
    )
