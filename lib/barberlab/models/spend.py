"""What is a client worth over the next year or two? Spend per visit, and visits times spend, discounted.

The Gamma-Gamma model, pooled over shops: visit j of client i brings z_ij ~ Gamma(p, rate v_i), v_i ~ Gamma(q, rate
gamma_l), log gamma_l = log gamma + u_l, u_l ~ N(0, sd). The mean of n visits is then known in closed form given p, q
and gamma_l, and so is what the next visit will bring. How often a client comes is taken to say nothing about how much
it spends; `independence` says where that fails.
Source: Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, eq. (1a), (5).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betainc, digamma, gammaln
from scipy.stats import norm, spearmanr

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

FEWEST_BUYERS = 20  # clients who came again; three shared parameters cannot be told from fewer
MATERIAL = 0.2  # 4 % of the variance of ranks; CDNOW, which the source models as independent, has .16
DAYS_A_YEAR = 365.25
BLOCK = 8192  # clients whose draws are held at once
# Log p and log (q - 1) of the published fits (CDNOW 1.8 and 1.0) and of shops with a short price list (p near 20),
# with a width that twenty buyers outweigh; the spread between shops is that of prices within one chain.
_PRIOR_MEAN, _PRIOR_SD, _SHOP_SD = np.array([1.8, 1.0]), np.array([1.5, 1.5]), 0.3
_PRECISE = {"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-6}


@dataclass(frozen=True)
class Spends:
    """What clients spent when they came again: n repeat visits, their `mean` (0 where n is 0), and `shop` in `shops`.

    client, n, mean, shop: (clients,); `shop` counts from 0 into `shops`.
    """

    client: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    shop: np.ndarray
    shops: tuple[str, ...]


@dataclass(frozen=True)
class SpendFit:
    """p, q > 1, gamma [money] and the shops' `effect` u with its `effect_sd` (shops,), in the order of `shops`.

    `covariance` (3, 3) is of (log p, log(q - 1), log gamma); `sd` is the spread between shops; `buyers` took part.
    """

    p: float
    q: float
    gamma: float
    shops: tuple[str, ...]
    effect: np.ndarray
    effect_sd: np.ndarray
    sd: float
    covariance: np.ndarray
    loglik: float
    buyers: int


@dataclass(frozen=True)
class Independence:
    """Whether frequency says nothing about spend: rank correlation with its 95 % range, verdict and words."""

    correlation: float
    low: float
    high: float
    holds: bool
    words: str


def client_spends(visits: pd.DataFrame) -> Spends:
    """Repeat visits' number and mean spend of each client, in the order of ids.

    visits: client_id, date, amount >= 0, and location_id if there is one; one row per client-day. A client belongs to
    the shop most visited, the last one where several were. A first visit is left out, as in the source: it says how
    the client came, not what a regular brings. Visits that brought nothing or are unknown do not count.
    """
    ordered = visits.sort_values(["client_id", "date"], kind="stable")
    shop = ordered["location_id"] if "location_id" in ordered else pd.Series("", index=ordered.index)
    home = modal_shop(ordered["client_id"], shop)
    again = ordered["client_id"].duplicated() & (ordered["amount"] > 0)
    spent = ordered[again].groupby("client_id")["amount"].agg(["size", "mean"]).reindex(home.index).fillna(0.0)
    codes, names = pd.factorize(home, sort=True)
    return Spends(home.index.to_numpy(), spent["size"].to_numpy(int), spent["mean"].to_numpy(), codes, tuple(names))


def modal_shop(client: pd.Series, shop: pd.Series) -> pd.Series:
    """The shop each client visited most, the last one of several; rows in time order, result sorted by client."""
    seen = pd.DataFrame({"client": client.to_numpy(), "shop": shop.to_numpy(), "row": np.arange(len(client))})
    count = seen.groupby(["client", "shop"])["row"].agg(["size", "max"]).reset_index()
    best = count.sort_values(["client", "size", "max"]).drop_duplicates("client", keep="last")
    return best.set_index("client")["shop"]


def log_likelihood(p: float, q: float, gamma: np.ndarray, n: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Of each client's mean of n > 0 visits; gamma is a number or one for each client. Source: eq. (1a)."""
    pn = p * n
    constant = gammaln(pn + q) - gammaln(pn) - gammaln(q)
    return constant + q * np.log(gamma) + (pn - 1) * np.log(mean) + pn * np.log(n) - (pn + q) * np.log(gamma + n * mean)


def fit_spend(spends: Spends, rounds: int = 30) -> SpendFit:
    """The posterior mode of p, q, gamma and shops, with the spread between shops by EM and Laplace's covariance.

    Raises NotAvailable with fewer than twenty clients who came again, BadInput for amounts that are not finite.
    """
    data = _buyers(spends)
    several = len(spends.shops) > 1
    mode = np.zeros(3 + several * len(spends.shops))
    mode[:3] = *_PRIOR_MEAN, np.log(data[1].mean() / np.e)
    sd = _SHOP_SD
    for _ in range(rounds if several else 1):
        mode = minimize(_loss, mode, (data, sd), jac=True, method="L-BFGS-B", options=_PRECISE).x
        before, sd = sd, _spread(mode[3:], _effect_sd(mode, data, sd)) if several else sd
        if abs(sd - before) < 1e-3 * before:
            break
    return _as_fit(mode, data, sd, spends.shops)


def _as_fit(mode: np.ndarray, data: tuple, sd: float, shops: tuple[str, ...]) -> SpendFit:
    p, q, gamma, effects = _natural(mode)
    total = log_likelihood(p, q, gamma * np.exp(effects)[data[2]], *data[:2]).sum()
    covariance = _covariance(mode, data, sd)
    if len(shops) == 1:
        return SpendFit(p, q, gamma, shops, np.zeros(1), np.zeros(1), 0.0, covariance, float(total), len(data[0]))
    within = _effect_sd(mode, data, sd)
    return SpendFit(p, q, gamma, shops, mode[3:], within, sd, covariance, float(total), len(data[0]))


def expected_spend(fit: SpendFit, spends: Spends) -> np.ndarray:
    """What each client's next visit brings on average (clients,), in the currency of the amounts. Source: eq. (5).

    A client who has not come again gets the shop's mean; a shop that took no part in the fit gets the network's.
    """
    return _conditional(fit.p, fit.q, fit.gamma * np.exp(_known(fit, spends)[0]), spends.n, spends.mean)


def spend_interval(
    fit: SpendFit, spends: Spends, seed: int, draws: int = 50, inside: float = EIGHT_IN_TEN
) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of `expected_spend` for each client, from the uncertainty of p, q, gamma and the shops."""
    rng = np.random.default_rng(seed)
    shared = rng.multivariate_normal(
        [np.log(fit.p), np.log(fit.q - 1), np.log(fit.gamma)], fit.covariance, draws, method="eigh"
    )
    effect, spread = _known(fit, spends, by_shop=True)
    effects = effect + spread * rng.standard_normal((draws, len(effect)))
    ranges = []
    for start in range(0, len(spends.n), BLOCK):
        n, mean, shop = (part[start : start + BLOCK] for part in (spends.n, spends.mean, spends.shop))
        gamma = np.exp(shared[:, 2:3] + effects[:, shop])
        drawn = _conditional(np.exp(shared[:, :1]), 1 + np.exp(shared[:, 1:2]), gamma, n, mean)
        ranges.append(np.quantile(drawn, tails(inside), axis=0))
    return tuple(np.concatenate(ranges, axis=1)) if ranges else (np.empty(0), np.empty(0))


def lifetime_value(days: np.ndarray, visits: np.ndarray, spend: np.ndarray, yearly_discount: float) -> np.ndarray:
    """Expected takings from each client up to the last of `days`, discounted to today (clients,).

    days (steps,) ascending and positive; visits (clients, steps): expected visits from today up to each of them, as of
    `expected_visits`; spend (clients,) per visit; yearly_discount 0.1 = a euro in a year is worth 1 / 1.1 today. The
    visits of a step count at its middle, so steps of a month are within .03 % of days at 10 % a year.
    """
    days, visits = np.asarray(days, float), np.atleast_2d(np.asarray(visits, float))
    if yearly_discount <= -1 or not np.isfinite(yearly_discount):
        raise BadInput(f"yearly_discount {yearly_discount}: expected a number above -1, such as 0.1")
    edges = np.concatenate(([0.0], days))
    if visits.shape[1] != len(days) or (np.diff(edges) <= 0).any():
        raise BadInput(f"lifetime value: {len(days)} ascending days need as many columns of visits, not {visits.shape}")
    middle = (edges[1:] + edges[:-1]) / 2
    weight = (1 + yearly_discount) ** (-middle / DAYS_A_YEAR)
    return np.diff(visits, axis=1, prepend=0.0) @ weight * np.asarray(spend, float)


def independence(fit: SpendFit, spends: Spends) -> Independence:
    """Does spend per visit go with frequency? The rank correlation of the number of visits with the mean's percentile.

    The percentile is that under the fit given the number of visits: n mean / (gamma + n mean) ~ Beta(p n, q). The mean
    itself would not do: a mean of many visits is less skewed, so its median rises with n although nothing depends on
    it. The check fails only where the whole 95 % range lies beyond +-0.2.
    """
    n, mean, shop = _buyers(spends)
    gamma = fit.gamma * np.exp(_known(fit, spends, by_shop=True)[0])[shop]
    percentile = betainc(fit.p * n, fit.q, n * mean / (gamma + n * mean))
    rho = float(spearmanr(n, percentile).statistic) if np.ptp(n) else 0.0
    # Fisher's z with the variance of ranks: Bonett & Wright (2000), Psychometrika 65(1).
    wide = norm.ppf(tails(NINETEEN_IN_TWENTY)[1]) * np.sqrt((1 + rho**2 / 2) / (len(n) - 3))
    low, high = (float(value) for value in np.tanh(np.arctanh(np.clip(rho, -0.9999, 0.9999)) + np.array([-wide, wide])))
    holds = low <= MATERIAL and high >= -MATERIAL
    return Independence(rho, low, high, holds, _verdict(rho, low, high, holds))


def _verdict(rho: float, low: float, high: float, holds: bool) -> str:
    measured = f"rank correlation of frequency and spend {rho:.2f} ({low:.2f} to {high:.2f})"
    if holds:
        return f"{measured}: spend may be modelled apart from frequency"
    side, way = ("more", "too low") if rho > 0 else ("less", "too high")
    return f"{measured}: frequent clients spend {side} per visit, so the values of the most frequent are {way}"


def _conditional(p, q, gamma, n, mean):
    return p * (gamma + n * mean) / (p * n + q - 1)


def _buyers(spends: Spends) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    again = spends.n > 0
    if not np.isfinite(spends.mean[again]).all() or (spends.mean[again] <= 0).any():
        raise BadInput("amounts: a client's mean spend is not a positive number; leave such visits out first")
    if again.sum() < FEWEST_BUYERS:
        raise NotAvailable("Spend per visit", f"{FEWEST_BUYERS} clients who came again; there are {again.sum()}")
    return spends.n[again].astype(float), spends.mean[again], spends.shop[again]


def _known(fit: SpendFit, spends: Spends, by_shop: bool = False):
    place = {name: at for at, name in enumerate(fit.shops)}
    at = np.array([place.get(name, -1) for name in spends.shops], int)
    effect = np.where(at >= 0, fit.effect[at], 0.0)
    spread = np.where(at >= 0, fit.effect_sd[at], fit.sd)
    return (effect, spread) if by_shop else (effect[spends.shop], spread[spends.shop])


def _natural(theta: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """p, q, gamma and the shops' effects; with one shop there are none, and its effect is 0."""
    p, excess, gamma = (float(value) for value in np.exp(theta[:3]))
    return p, 1 + excess, gamma, theta[3:] if len(theta) > 3 else np.zeros(1)


def _loss(theta: np.ndarray, data: tuple, sd: float) -> tuple[float, np.ndarray]:
    """Minus the log posterior of (log p, log(q - 1), log gamma, u) and its gradient; u is empty for one shop."""
    n, mean, shop = data
    p, q, gamma, effects = _natural(theta)
    effect, gamma = theta[3:], gamma * np.exp(effects)[shop]
    pn, total = p * n, gamma + n * mean
    by_p = n * (digamma(pn + q) - digamma(pn) + np.log(n * mean) - np.log(total))
    by_q = digamma(pn + q) - digamma(q) + np.log(gamma) - np.log(total)
    by_gamma = q - (pn + q) * gamma / total  # of log gamma
    away = (theta[:2] - _PRIOR_MEAN) / _PRIOR_SD
    value = log_likelihood(p, q, gamma, n, mean).sum() - (away**2).sum() / 2 - ((effect / sd) ** 2).sum() / 2
    gradient = np.concatenate(
        (
            [by_p.sum() * p, by_q.sum() * (q - 1)] - away / _PRIOR_SD,
            [by_gamma.sum()],
            np.bincount(shop, by_gamma, len(effect))[: len(effect)] - effect / sd**2,
        )
    )
    return -value, -gradient


def _effect_sd(theta: np.ndarray, data: tuple, sd: float) -> np.ndarray:
    """Laplace's sd of each shop's effect, the shared parameters held."""
    n, mean, shop = data
    p, q, gamma, effects = _natural(theta)
    gamma = gamma * np.exp(effects)[shop]
    curvature = (p * n + q) * gamma * n * mean / (gamma + n * mean) ** 2
    shops = len(theta) - 3
    return 1 / np.sqrt(np.bincount(shop, curvature, shops)[:shops] + 1 / sd**2)


def _spread(effect: np.ndarray, effect_sd: np.ndarray) -> float:
    """EM's step for the spread between shops, under a half-normal prior of width .3."""
    total, shops = float((effect**2 + effect_sd**2).sum()), len(effect)
    # The root of d/d(sd^2) of -shops/2 log sd^2 - total / (2 sd^2) - sd^2 / (2 * .3^2).
    width = _SHOP_SD**2
    return float(np.sqrt((-shops + np.sqrt(shops**2 + 4 * total / width)) * width / 2))


def _covariance(theta: np.ndarray, data: tuple, sd: float) -> np.ndarray:
    """Of the three shared parameters, with the shops' effects integrated out (Schur's complement)."""
    shops = len(theta) - 3
    step = 1e-4
    columns = [
        (_loss(theta + step * axis, data, sd)[1] - _loss(theta - step * axis, data, sd)[1]) / (2 * step)
        for axis in np.eye(3 + shops)[:3]
    ]
    across = np.array(columns)
    within = 1 / _effect_sd(theta, data, sd) ** 2
    hessian = across[:, :3] - (across[:, 3:] / within) @ across[:, 3:].T
    return np.linalg.inv((hessian + hessian.T) / 2)
