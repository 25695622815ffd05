"""Does the fast fit of client churn say what sampling says? The same model in PyMC, by NUTS and through every gate.

For a network of some thousand clients, or a sample of a larger one: `churn_fit` approximates, this does not. Both share
priors and likelihood; the latter, with its gradient, is one operation.
"""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from barberlab.models import posterior
from barberlab.models.churn_fit import DRAWS, fit, found, hyperparameters, prepared, rhythms
from barberlab.models.churn_likelihood import MIXTURE, REAL, Likelihood
from barberlab.models.churn_mode import Peak
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.churn_prior import BETWEEN, COVARIATE_SD, NAMES, NETWORK, WEIGHT_SD, Prior
from barberlab.models.histories import Histories
from barberlab.models.population import Population

OF_A_SHOP = NETWORK[:2]


class OfHistories(Op):
    """The log-likelihood of all histories in shops (shop, 2) and what they share (shared,), with its slopes."""

    def __init__(self, likelihood: Likelihood):
        self.likelihood = likelihood

    def make_node(self, shops, shared):
        """Outputs: log-likelihood (), slopes (shop, 2) and (shared,)."""
        inputs = [pt.as_tensor_variable(shops), pt.as_tensor_variable(shared)]
        return Apply(self, inputs, [pt.dscalar(), pt.dmatrix(), pt.dvector()])

    def perform(self, node, inputs, outputs):
        """Impossible, and flat, where a wild step leads to no number."""
        at = self.likelihood(*(np.ascontiguousarray(part, float) for part in inputs))
        there = float(np.isfinite(at.value))
        outputs[0][0] = np.asarray(at.value)
        outputs[1][0], outputs[2][0] = (np.nan_to_num(part) * there for part in (at.shops, at.shared))

    def pullback(self, inputs, outputs, cotangents):
        """The slopes that came with the value; their own slopes are never asked for."""
        return [cotangents[0] * outputs[1], cotangents[0] * outputs[2]]

    L_op = pullback


def build(like: Likelihood, prior: Prior, peak: Peak, start: ChurnPosterior) -> pm.Model:
    """Hyperparameters; shops around them; what all clients share; their histories. Sampling begins at `start`."""
    kept = [i for i, name in enumerate(NAMES) if name != "log_k" or like.regularity.k == REAL]
    odds = like.regularity.free if like.regularity.k == MIXTURE else 0
    coords = {"hyperparameter": [NAMES[i] for i in kept], "effect": list(OF_A_SHOP), "location": list(start.locations)}
    coords |= {"covariate": list(start.covariates), "member": np.arange(odds)}
    with pm.Model(coords=coords) as model:
        belief = prior.mean[kept], prior.covariance[np.ix_(kept, kept)]
        hyper = pm.MvNormal("hyper", *belief, dims="hyperparameter", initval=start.hyper.mean(axis=0)[kept])
        mean, log_sd, rest = hyper[:2], hyper[-len(BETWEEN) :], [hyper[2 : -len(BETWEEN)]]
        if odds:
            rest.append(pm.Normal("odds", 0.0, WEIGHT_SD, dims="member"))
        if start.covariates:
            rest.append(pm.Normal("effects", 0.0, COVARIATE_SD, dims=("effect", "covariate")).ravel())
        shared = pt.concatenate(rest)
        z = pm.Flat("z", dims=("location", "effect"), initval=np.zeros_like(start.shop_mean))
        shops, log_jacobian = _shops(z, mean, log_sd, shared, peak)
        pm.Deterministic("shops", shops, dims=("location", "effect"))
        pm.Potential("shops_around_their_network", pm.logp(pm.Normal.dist(mean, pt.exp(log_sd)), shops).sum())
        pm.Potential("scale_of_z", log_jacobian)
        pm.Potential("histories", OfHistories(like)(shops, shared)[0])
    return model


def _shops(z, mean, log_sd, shared, peak: Peak):
    """(shops, ln |d shops / d z|): z is a shop's offset in standard deviations from where the fast fit would put it.

    Given the hyperparameters, that is about a standard normal for a shop with many clients as for one with none, where
    neither the shops themselves nor their offsets from the network would be: no funnel is left for the sampler.
    """
    tau = pt.exp(-2 * log_sd)
    top, cross, bottom = (peak.information[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    one = pt.sqrt(top + tau[0])
    below = cross / one
    two = pt.sqrt(bottom + tau[1] - below**2)
    pulled = peak.pull - pt.dot(peak.edges, shared) + tau * mean
    first = pulled[:, 0] / one
    second = (pulled[:, 1] - below * first) / two
    dropout = (second + z[:, 1]) / two
    rate = (first + z[:, 0] - below * dropout) / one
    return pt.stack([rate, dropout], axis=1), -pt.log(one).sum() - pt.log(two).sum()


def audit(
    h: Histories,
    *,
    k: str | float = REAL,
    variant: str = "mbg",
    population: Population | None = None,
    seed: int,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 2,
) -> ChurnPosterior:
    """The posterior of `churn_fit.fit` by NUTS, as many evenly spaced draws of it as `fit` has.

    Raises GateFailed where the sampler missed a gate, and as `fit`. Minutes for some thousand clients.
    """
    start = fit(h, k=k, variant=variant, population=population)
    like, prior, _ = prepared(h, k, variant, population)
    peak, _ = found(like, prior, variant)
    tree = posterior.sample(build(like, prior, peak, start), seed, draws, tune, chains)
    drawn = tree["posterior"].dataset.stack(sample=("chain", "draw")).transpose("sample", ...)
    return _posterior(start, like, drawn, np.random.default_rng(seed))


def _posterior(start: ChurnPosterior, like: Likelihood, drawn: xr.Dataset, rng: np.random.Generator) -> ChurnPosterior:
    """The draws under the names of the fast fit, which lends what sampling has not: a centre, covariates' scale."""
    few = drawn.isel(sample=np.linspace(0, drawn.sizes["sample"] - 1, DRAWS).astype(int))
    hyper, shops = few["hyper"].to_numpy(), few["shops"].to_numpy()
    log_sd = hyper[:, -len(BETWEEN) :]
    extra = [few[name].to_numpy().reshape(DRAWS, -1) for name in ("odds", "effects") if name in few]
    both = np.concatenate([hyper[:, : -len(BETWEEN)], *extra], axis=1)
    unseen = both[:, :2] + np.exp(log_sd) * rng.standard_normal(log_sd.shape)
    everyone = drawn["shops"].to_numpy()
    return replace(
        start,
        draws=rhythms(like, shops, both, unseen),
        hyper=hyperparameters(like, both, log_sd),
        shop_mean=everyone.mean(axis=0),
        shop_sd=everyone.std(axis=0),
        sd_between=np.exp(drawn["hyper"].to_numpy()[:, -len(BETWEEN) :].mean(axis=0)),
    )
