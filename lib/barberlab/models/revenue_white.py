"""What do a shop's own weeks say of its next ones? Histories whitened by one Cholesky factor, and what follows from it.

Time runs backwards: a history of k weeks is the leading block of one covariance, so the rows of the inverted factor
serve every k. A missing week is a regressor of its own without a prior, an opening curve one with a prior: both are
low-rank terms beside the shared factor. Source: Rasmussen & Williams (2006), section 2.7 (explicit basis functions).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp

from barberlab.models.covariance import Terms
from barberlab.models.revenue_likelihood import location_covariance, log_t
from barberlab.models.revenue_parameters import REGIMES, Location
from barberlab.models.revenue_width import Parts

_JITTER = 1e-9


@dataclass(frozen=True)
class Whitener:
    """Of all locations with the same known columns, for each regime: arrays lead with the regime.

    root (3, T, T) inverted Cholesky factor in reversed time, log_det (3, T + 1) of its leading blocks, ahead (3, H, T)
    the covariance of horizon and history, whitened, future (3, H, H) of the horizon alone.
    """

    root: np.ndarray
    log_det: np.ndarray
    ahead: np.ndarray
    future: np.ndarray


@dataclass(frozen=True)
class Shops:
    """Locations of one network that share a whitener; time reversed.

    y (n, T) centred log revenue, 0 where unseen; length (n,) weeks since the first; seen (n,) weeks with trade;
    extra (n, T, m) regressors, extra_ahead (n, H, m) over the horizon, certain (n, m) their prior precisions in units
    of the location's own variance: 0 for a missing week, 1 for an unused column.
    """

    y: np.ndarray
    length: np.ndarray
    seen: np.ndarray
    extra: np.ndarray
    extra_ahead: np.ndarray
    certain: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """What histories say, given a path of their network. Arrays lead with the regime.

    chance (3, n) of each regime, quadratic (3, n) in units of scale^2, weight (3, n) chance times mean precision.
    """

    chance: np.ndarray
    quadratic: np.ndarray
    weight: np.ndarray


def whitener(p: Location, terms: Terms, known: np.ndarray, level: float) -> Whitener:
    """From the covariance over history and horizon; known (T + H, K), `level` the variance of a location's level."""
    n = terms.origin
    parts = []
    for regime in range(REGIMES):
        whole = location_covariance(p, terms, known, regime, level)
        past = np.ascontiguousarray(whole[:n, :n][::-1, ::-1])
        factor = cholesky(past, lower=True, check_finite=False)
        root = solve_triangular(factor, np.eye(n), lower=True, check_finite=False)
        log_det = np.append(0.0, np.cumsum(2 * np.log(np.diag(factor))))
        parts.append((root, log_det, whole[n:, :n][:, ::-1] @ root.T, whole[n:, n:]))
    return Whitener(*(np.stack(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True)
class White:
    """Shops in one regime's white coordinates: y (n, T) and extra (n, T, m), zero beyond each length.

    gram (n, m, m) = prior precision + extra' extra.
    """

    y: np.ndarray
    extra: np.ndarray
    gram: np.ndarray


def whiten(shops: Shops, root: np.ndarray, centre: np.ndarray) -> White:
    """`centre` (T,) is the network's path, in reversed time."""
    inside = np.arange(len(root)) < shops.length[:, None]
    unseen = _is_missing(shops)
    y = np.where(inside & ~unseen, shops.y - centre, 0.0) @ root.T
    extra = (root @ shops.extra) * inside[:, :, None]
    gram = extra.transpose(0, 2, 1) @ extra
    m = np.arange(gram.shape[1])
    gram[:, m, m] += shops.certain
    return White(np.where(inside, y, 0.0), extra, gram)


def _is_missing(shops: Shops) -> np.ndarray:
    """(n, T) weeks that have a regressor of their own without a prior."""
    return (shops.extra * (shops.certain == 0)[:, None, :]).any(axis=2)


def fitted_extra(white: White, of: np.ndarray) -> np.ndarray:
    """Coefficients of the extra regressors, (n, m) or (n, m, S), for white paths `of` (n, T) or (n, T, S)."""
    flat = of[..., None] if of.ndim == 2 else of
    found = np.linalg.solve(white.gram, white.extra.transpose(0, 2, 1) @ flat)
    return found[..., 0] if of.ndim == 2 else found


def evidence(p: Location, shops: Shops, whitener: Whitener, centre: np.ndarray) -> Evidence:
    """Chances of the regimes and precisions of every location, given the network's path `centre` (T,), reversed."""
    density, quadratic = np.empty((REGIMES, len(shops.y))), np.empty((REGIMES, len(shops.y)))
    for regime in range(REGIMES):
        white = whiten(shops, whitener.root[regime], centre)
        extra = fitted_extra(white, white.y)
        pulled = (white.extra.transpose(0, 2, 1) @ white.y[..., None])[..., 0]
        quadratic[regime] = ((white.y**2).sum(axis=1) - (pulled * extra).sum(axis=1)) / p.scale**2
        prior = np.log(np.where(shops.certain > 0, shops.certain, 1.0)).sum(axis=1)
        log_det = whitener.log_det[regime, shops.length] + np.linalg.slogdet(white.gram)[1] - prior
        density[regime] = np.log(p.weight[regime]) + log_t(p, shops.seen, quadratic[regime], log_det)
    chance = np.exp(density - logsumexp(density, axis=0))
    precision = (p.tail + shops.seen / 2) / (p.tail + quadratic / 2) / p.scale**2
    return Evidence(chance, quadratic, chance * precision)


def information(shops: Shops, whitener: Whitener, found: Evidence, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P (D, D), R (D,)) what the locations say of their network's state xi, whose path is basis (T, D) @ xi."""
    size = basis.shape[1]
    P, R = np.zeros((size, size)), np.zeros(size)
    weeks = np.arange(len(basis))
    for regime in range(REGIMES):
        root, weight = whitener.root[regime], found.weight[regime]
        white = whiten(shops, root, np.zeros(len(basis)))
        B = root @ basis
        count = (weight[:, None] * (weeks < shops.length[:, None])).sum(axis=0)
        P += (B * count[:, None]).T @ B
        if white.extra.shape[2]:
            half = np.linalg.solve(np.linalg.cholesky(white.gram), white.extra.transpose(0, 2, 1))
            Z = (np.sqrt(weight)[:, None, None] * half).reshape(-1, len(basis)) @ B
            P -= Z.T @ Z
        left = white.y - (white.extra @ fitted_extra(white, white.y)[..., None])[..., 0]
        R += B.T @ (weight @ left)
    return P, R


def far_weeks(p: Location, shops: Shops, whitener: Whitener, centre: np.ndarray, sds: float) -> np.ndarray:
    """(n, T) weeks that lie more than `sds` from what all other weeks of the location say; middle regime."""
    found = evidence(p, shops, whitener, centre)
    root = whitener.root[1]
    white = whiten(shops, root, centre)
    inside = np.arange(len(root)) < shops.length[:, None]
    half = np.linalg.solve(np.linalg.cholesky(white.gram), white.extra.transpose(0, 2, 1) @ root)
    precision = inside.astype(float) @ root**2 - (half**2).sum(axis=1)
    left = white.y - (white.extra @ fitted_extra(white, white.y)[..., None])[..., 0]
    certain = np.sqrt((p.tail + shops.seen / 2) / (p.tail + found.quadratic[1] / 2)) / p.scale
    away = (left @ root) / np.sqrt(np.maximum(precision, _JITTER)) * certain[:, None]
    return (np.abs(away) > sds) & inside & ~_is_missing(shops)


def paths(
    p: Location,
    shops: Shops,
    whitener: Whitener,
    found: Evidence,
    shared: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> Parts:
    """Draws of centred log revenue over the horizon, float32: given the network's path, and around that.

    `shared` is the network's path in draws: over the history in reversed time (T, S) and over the horizon (H, S).
    """
    past, future = shared
    draws, n, horizon = past.shape[1], len(shops.y), len(future)
    regime = _drawn_regimes(found.chance, draws, rng)
    quadratic = np.take_along_axis(found.quadratic.T, regime, axis=1)
    shape = p.tail + shops.seen[:, None] / 2
    sigma = (p.scale * np.sqrt((p.tail + quadratic / 2) / rng.standard_gamma(shape, (n, draws)))).astype(np.float32)
    noise = rng.standard_normal((n, horizon, draws), dtype=np.float32)
    given, own = np.empty_like(noise), np.empty_like(noise)
    for k in range(REGIMES):
        mean, root = _ahead(shops, whitener, k, past)
        here = (regime == k)[:, None, :]
        np.copyto(given, mean, where=here)
        np.copyto(own, (root.astype(np.float32) @ noise) * sigma[:, None, :], where=here)
    return Parts(given + future.astype(np.float32), own)


def _ahead(shops: Shops, whitener: Whitener, regime: int, past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean (n, H, S), root (n, H, H)) of the horizon given the history, around the network's path."""
    white = whiten(shops, whitener.root[regime], np.zeros(len(past)))
    shared = whitener.root[regime] @ past
    if shops.extra.shape[2]:
        inside = np.arange(len(past)) < shops.length[:, None]
        ahead = whitener.ahead[regime] * inside[:, None, :]
        rest = shops.extra_ahead - ahead @ white.extra
        turned = rest @ np.linalg.solve(white.gram, white.extra.transpose(0, 2, 1)) + ahead
        mean = (turned @ white.y[..., None]) - (turned @ shared)
        more = rest @ np.linalg.solve(white.gram, rest.transpose(0, 2, 1))
        cover = whitener.future[regime] - ahead @ ahead.transpose(0, 2, 1) + more
        return mean.astype(np.float32), _root(cover)
    mean = np.empty((len(shops.y), whitener.ahead.shape[1], past.shape[1]), np.float32)
    root = np.empty((len(shops.y), *whitener.future.shape[1:]))
    for length in np.unique(shops.length):
        rows = shops.length == length
        ahead = whitener.ahead[regime][:, :length]
        mean[rows] = (white.y[rows, :length] @ ahead.T)[:, :, None] - ahead @ shared[:length]
        root[rows] = _root(whitener.future[regime] - ahead @ ahead.T)
    return mean, root


def _root(cover: np.ndarray) -> np.ndarray:
    size = np.trace(cover, axis1=-2, axis2=-1)[..., None, None] / cover.shape[-1]
    return np.linalg.cholesky((cover + cover.swapaxes(-1, -2)) / 2 + _JITTER * size * np.eye(cover.shape[-1]))


def _drawn_regimes(chance: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(n, S) regimes, each location's by its own chances."""
    edge = np.cumsum(chance, axis=0)[:-1]
    at = rng.random((chance.shape[1], draws))
    return (at > edge[0][:, None]).astype(np.intp) + (at > edge[1][:, None])
