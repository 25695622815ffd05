"""Would the fit of client churn find what was planted, and is it as sure as it should be? Networks from the model.

Recovery: one network with known shops, fitted. Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): many
networks, each with hyperparameters drawn from the prior; the rank of the truth among the fit's draws is then uniform,
if the approximation is what it claims to be.
"""

from datetime import date

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2, norm

from barberlab.models.churn_fit import fit
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.churn_prior import NAMES
from barberlab.models.histories import Histories
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.population import SIMULATED, Population

CUTOFF = date(2025, 6, 30)
DAYS = 730
# A belief about one kind of network, narrow enough that every draw is one: a visit in 25 days, a sixth lost at a visit.
_BELIEF_MEAN = (np.log(1 / 25), -1.6, np.log(4.0), np.log(3.0), np.log(3.0), np.log(0.15), np.log(0.4))
_BELIEF_SD = (0.3, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3)
BELIEF = Population(
    "churn", NAMES, tuple(map(float, _BELIEF_MEAN)), tuple(map(tuple, np.diag(np.square(_BELIEF_SD)).tolist())),
    SIMULATED, 1, CUTOFF.isoformat(),
)  # fmt: skip


def play(hyper: np.ndarray, shops: int, clients: int, seed: int) -> tuple[Histories, np.ndarray]:
    """(histories, shops' log rate and logit drop-out (shop, 2)) of a network with these hyperparameters (NAMES)."""
    rng = np.random.default_rng(seed)
    at = dict(zip(NAMES, hyper, strict=True))
    log_rate = at["log_rate"] + np.exp(at["log_sd_rate"]) * rng.standard_normal(shops)
    logit = at["logit_dropout"] + np.exp(at["log_sd_dropout"]) * rng.standard_normal(shops)
    shop, T = np.arange(clients) % shops, rng.uniform(1, DAYS, clients)
    r, kappa, k = (np.exp(at[name]) for name in ("log_r", "log_kappa", "log_k"))
    rate = rng.gamma(r, np.exp(log_rate[shop]) / r)
    lost = rng.beta(kappa * expit(logit[shop]), kappa * expit(-logit[shop]))
    x, t_x, log_gaps = played(T, k, rate, lost, rng)
    names = tuple(f"shop {n:02d}" for n in range(shops))
    told = Histories(
        np.arange(clients), x, t_x, T, log_gaps, shop, np.empty((clients, 0)), names, (), "days", CUTOFF
    )  # fmt: skip
    return told, np.column_stack([log_rate, logit])


def played(
    T: np.ndarray, k: float, rate: np.ndarray, lost: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, t_x, log_gaps) of each client up to T: gaps of Gamma(k) around its `rate`, and `lost` after a visit or not.

    T, rate [visits per unit of T] and lost [chance]: (client,); a client is played in step with all others.
    """
    x, t_x, log_gaps = np.zeros(len(T), np.int64), np.zeros(len(T)), np.zeros(len(T))
    there = np.flatnonzero(rng.random(len(T)) >= lost)
    while len(there):
        gap = rng.gamma(k, 1 / (k * rate[there]))
        came = t_x[there] + gap <= T[there]
        there, gap = there[came], gap[came]
        x[there] += 1
        t_x[there] += gap
        log_gaps[there] += np.log(gap)
        there = there[rng.random(len(there)) >= lost[there]]
    return x, t_x, log_gaps


def recovered(post: ChurnPosterior, truth: np.ndarray) -> pd.DataFrame:
    """Each shop's two effects: shop, effect, truth, mean, low and high of 8 in 10, covered; truth (shop, 2)."""
    rows, width = [], norm.ppf(tails(EIGHT_IN_TEN)[1])
    for column, effect in enumerate(("log_rate", "logit_dropout")):
        mean, sd = post.shop_mean[:, column], post.shop_sd[:, column]
        low, high = mean - width * sd, mean + width * sd
        rows.append(
            pd.DataFrame(
                {"shop": post.locations, "effect": effect, "truth": truth[:, column], "mean": mean}
                | {"low80": low, "high80": high, "covered": (low <= truth[:, column]) & (truth[:, column] <= high)}
            )
        )
    return pd.concat(rows, ignore_index=True)


def ranks(networks: int, shops: int, clients: int, seed: int, draws: int = 39) -> pd.DataFrame:
    """(network, NAMES) the rank, 0 to `draws`, of each true hyperparameter among the draws of its fit."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(networks):
        truth = rng.multivariate_normal(BELIEF.mean, BELIEF.covariance)
        h, _ = play(truth, shops, clients, seed=1000 * seed + n)
        post = fit(h, population=BELIEF, draws=draws, seed=n)
        rows.append((post.hyper < truth).sum(axis=0))
    return pd.DataFrame(rows, columns=list(NAMES))


def evenness(found: pd.DataFrame, draws: int = 39, bins: int = 8) -> pd.DataFrame:
    """Per hyperparameter: the mean rank as a share (.5 if unbiased), its sd over that of an even one, and p by chi².

    A sd ratio under 1 means ranges too wide, above 1 too narrow.
    """
    share = (found + 0.5) / (draws + 1)
    counts = np.stack([np.histogram(share[name], np.linspace(0, 1, bins + 1))[0] for name in found])
    even = len(found) / bins
    p = chi2.sf(((counts - even) ** 2 / even).sum(axis=1), bins - 1)
    flat = np.sqrt(1 / 12)
    return pd.DataFrame({"mean": share.mean(), "sd_ratio": share.std() / flat, "p": p}).rename_axis("hyperparameter")
