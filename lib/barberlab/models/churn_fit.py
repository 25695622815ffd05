"""How do the clients of each shop come and go, when shops learn from their network? The fit by empirical Bayes.

log rate and logit drop-out of a shop are normal around the network's, whose hyperparameters have the prior of
`churn_prior`. The mode is that of `churn_mode`; the draws integrate over the standard deviations between shops as over
everything else: Laplace's approximation in both layers (Tierney & Kadane 1986, JASA 81; nested as in Rue, Martino &
Chopin 2009, JRSS B 71(2)).
"""

from dataclasses import dataclass

import numpy as np

from barberlab.errors import NotAvailable
from barberlab.models.churn_likelihood import REAL, Likelihood, Regularity
from barberlab.models.churn_mode import MEANS, Peak, Point, climb, mode
from barberlab.models.churn_posterior import ChurnPosterior, Rhythms
from barberlab.models.churn_prior import NETWORK, SD, Prior
from barberlab.models.histories import DAYS_IN, ONE_SHOP, Histories
from barberlab.models.population import Population

DRAWS = 40
START = 4_000  # clients from whom the first guess is made
FEWEST = 30  # clients; from fewer, five network parameters would be the prior's


@dataclass(frozen=True)
class PooledFit:
    """Maximum likelihood with all clients in one shop, in the papers' parameters; rates per unit of the histories."""

    k: float
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


def maximum_likelihood(h: Histories, k: str | float = REAL, variant: str = "mbg") -> PooledFit:
    """The fit without shops, covariates and priors, as published; k "real" or a number."""
    like = Likelihood(_as_one_shop(h), np.zeros((len(h), 0)), Regularity(k), variant)
    guess = _guess(like, Prior.of(None, pooled_rate(h)))
    found = climb(like, guess, guess, np.zeros((len(guess), len(guess))))
    log_r, log_kappa, given, _, _ = like.split(found[2:])
    shape = float(np.exp(like.regularity.members(given)[0][0]))
    r, kappa, phi = np.exp(log_r), np.exp(log_kappa), 1 / (1 + np.exp(-found[1]))
    alpha = r / (np.exp(found[0]) * shape)
    value = like(found[None, :2], found[2:]).value
    return PooledFit(shape, float(r), float(alpha), float(kappa * phi), float(kappa * (1 - phi)), value)


def fit(
    h: Histories,
    *,
    k: str | float = REAL,
    variant: str = "mbg",
    population: Population | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> ChurnPosterior:
    """The posterior of a network's rhythms.

    k: "real", a number, or "mixture" (each client one of 1, 2, 4, 8, 16). variant: "mbg", or "bg" where nobody is lost
    at the first visit. Covariates of `h` are standardised and act on log rate and logit drop-out. Raises NotAvailable
    for fewer than 30 clients or none who came back, BadInput for an unknown k or variant.
    """
    like, prior, scale = prepared(h, k, variant, population)
    peak, point = found(like, prior, variant)
    shared = np.concatenate([point.means, point.shared])
    centre = rhythms(like, point.shops[None], shared[None], point.means[None])
    drawn, hyper, mean, sd = _draws(like, peak, np.random.default_rng(seed), draws)
    about = (variant, h.unit, h.locations, h.covariates, centre, drawn, hyper, mean, sd, np.exp(peak.log_sd), *scale)
    return ChurnPosterior(*about, point.slopes.value, like.evaluations)


def prepared(
    h: Histories, k: str | float, variant: str, population: Population | None
) -> tuple[Likelihood, Prior, tuple[np.ndarray, np.ndarray]]:
    """(likelihood, prior in the histories' unit, mean and standard deviation of the covariates); raises as `fit`."""
    if len(h) < FEWEST or not h.x.any():
        raise NotAvailable("Client churn", f"{FEWEST} clients, and some who came back")
    z_mean, z_sd = h.z.mean(axis=0), h.z.std(axis=0)
    z_sd = np.where(z_sd > 0, z_sd, 1.0)
    like = Likelihood(h, (h.z - z_mean) / z_sd, Regularity(k), variant)
    prior = Prior.of(population, pooled_rate(h) / DAYS_IN[h.unit]).per(DAYS_IN[h.unit])
    return like, prior, (z_mean, z_sd)


def pooled_rate(h: Histories) -> float:
    """Visits per unit of time at risk, all clients together; half as much again, for those who were lost on the way."""
    return float((h.x.sum() + 1) / h.T.sum() * 1.5)


def _as_one_shop(h: Histories) -> Histories:
    return Histories(h.client, h.x, h.t_x, h.T, h.log_gaps, np.zeros(len(h), np.int64), h.z, (ONE_SHOP,), h.covariates,
                     h.unit, h.cutoff, h.merged)  # fmt: skip


def _guess(like: Likelihood, prior: Prior) -> np.ndarray:
    """(2 + shared,) a start: the pooled rate of visits, and the prior's means."""
    end = 2 + like.regularity.free
    guess = np.zeros(2 + like.free)
    guess[:4] = prior.mean[:4]
    guess[0] = np.log(pooled_rate(like.h))
    if like.regularity.k == REAL:
        guess[end + 1] = prior.mean[4]
    return guess


def found(like: Likelihood, prior: Prior, variant: str) -> tuple[Peak, Point]:
    """The posterior's peak, and the point it stands at."""
    return mode(like, prior, _first_guess(like, prior, variant))


def _first_guess(like: Likelihood, prior: Prior, variant: str) -> np.ndarray:
    """The same, climbed to the mode of some of the clients taken as one shop; covariates start at no effect."""
    some = np.linspace(0, len(like.h) - 1, min(START, len(like.h))).astype(int)
    sample = _as_one_shop(like.h.take(some))
    small = Likelihood(sample, np.zeros((len(some), 0)), like.regularity, variant)
    start = _guess(small, prior)
    n = len(start)
    widths = np.ones(n)
    widths[: len(NETWORK)] = SD[: min(n, len(NETWORK))]
    guess = np.zeros(2 + like.free)
    guess[:n] = climb(small, start, start, np.diag(widths**-2.0))
    return guess


def _draws(
    like: Likelihood, peak: Peak, rng: np.random.Generator, n: int
) -> tuple[Rhythms, np.ndarray, np.ndarray, np.ndarray]:
    """(draws, hyperparameters, mean, standard deviation of the shops), the latter given each draw's shared part."""
    log_sd, shops, shared, means, spreads = peak.draw_sd(rng, n), [], [], [], []
    for one in log_sd:
        arrow = peak.at(one)
        drawn, both = arrow.draw(rng)
        shops.append(drawn)
        shared.append(both)
        means.append(arrow.shops(both))
        spreads.append(arrow.spread.diagonal(axis1=1, axis2=2))
    both, sd = np.stack(shared), np.sqrt(np.mean(spreads, axis=0) + np.var(means, axis=0))
    unseen = both[:, :MEANS] + np.exp(log_sd) * rng.standard_normal((n, MEANS))
    drawn = rhythms(like, np.stack(shops), both, unseen)
    return drawn, hyperparameters(like, both, log_sd), np.mean(means, axis=0), sd


def hyperparameters(like: Likelihood, both: np.ndarray, log_sd: np.ndarray) -> np.ndarray:
    """(draw, NAMES) from means and shared (draw, ...) and log_sd (draw, 2); NaN for a ln k that is not fitted."""
    regularity = both[:, 4:5] if like.regularity.k == REAL else np.full((len(both), 1), np.nan)
    return np.concatenate([both[:, :4], regularity, log_sd], axis=1)


def rhythms(like: Likelihood, shops: np.ndarray, both: np.ndarray, unseen: np.ndarray) -> Rhythms:
    """shops (draw, shop, 2), means and shared (draw, ...), an unseen shop (draw, 2), under their names."""
    all_shops = np.concatenate([shops, unseen[:, None]], axis=1)
    log_r, log_kappa, given, *effects = like.split(both[:, MEANS:])
    return Rhythms(all_shops[..., 0], all_shops[..., 1], log_r, log_kappa, *like.regularity.members(given), *effects)
