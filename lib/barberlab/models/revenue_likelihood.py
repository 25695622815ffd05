"""Which hyperparameters make these histories likely? Marginal likelihoods with their gradients.

All effects of locations and weeks are integrated out. A location's variance leaves a multivariate t, its regime a
mixture of three. Time runs backwards, so that a history that begins late is a leading block of one matrix: one
Cholesky factor serves all of them. Source: the t by Rasmussen & Williams (2006), section 9.9; the gradient (5.9).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.special import digamma, gammaln, logsumexp

from barberlab.models.covariance import VAGUE_LEVEL, Terms, echo
from barberlab.models.revenue_parameters import LOCATION, MOST_SHARED, REGIMES, Location, Path, path_prior

_PATH_NAMES = path_prior().names


@dataclass(frozen=True)
class Histories:
    """Residuals of locations that share their known columns, in reversed time.

    residual (n, T) with zeros where the history had not begun, length (n,) weeks, known (T, K).
    """

    residual: np.ndarray
    length: np.ndarray
    known: np.ndarray


def location_covariance(p: Location, terms: Terms, known: np.ndarray, regime: int, level: float = VAGUE_LEVEL):
    """(n, n) of a location's path, in units of its own variance."""
    return _short_run(p, terms, known) + p.drift[regime] ** 2 * terms.drift + level * terms.one


def mean_covariance(p: Location, terms: Terms, known: np.ndarray) -> np.ndarray:
    """(n, n) of a typical location in log revenue without its level: what blurs a network's mean path."""
    drift = (p.weight * p.drift**2).sum()
    return p.scale**2 * (_short_run(p, terms, known) + drift * terms.drift)


def path_covariance(p: Path, terms: Terms) -> np.ndarray:
    """(n, n) of a network's path, without the effect of known columns."""
    return (
        p.slope**2 * terms.slope
        + p.season**2 * terms.season
        + p.pay**2 * terms.pay
        + p.drift**2 * terms.drift
        + p.echo**2 * echo(p.echo_phi, terms.apart)
        + p.noise**2 * terms.eye
        + p.week**2 * terms.week
    )


def location_likelihood(theta: np.ndarray, groups: list[Histories], terms: Terms) -> tuple[float, np.ndarray]:
    """Log density of all histories, and its gradient in theta (order of LOCATION). `terms` in reversed time."""
    p = Location.at(theta)
    value, slope = 0.0, dict.fromkeys(LOCATION, 0.0)
    for group in groups:
        value += _one_group(p, group, terms, slope)
    return value, np.array(list(slope.values()))


def path_likelihood(
    theta: np.ndarray, paths: list[tuple[np.ndarray, np.ndarray, np.ndarray]], terms: Terms
) -> tuple[float, np.ndarray]:
    """Log density of networks' mean paths and its gradient. Each of `paths`: y (T,), blur (T, T), known (T, K)."""
    p = Path.at(theta)
    base = path_covariance(p, terms) + terms.one
    value, pull, calendar = 0.0, np.zeros_like(base), 0.0
    for y, blur, known in paths:
        inverse, log_det = _inverse(base + blur + p.calendar**2 * known @ known.T)
        alpha = inverse @ y
        value += -0.5 * y @ alpha - 0.5 * log_det
        one = 0.5 * (np.outer(alpha, alpha) - inverse)
        pull += one
        calendar += ((known.T @ one) * known.T).sum()
    return value, _path_slope(p, pull, calendar, terms)


def _path_slope(p: Path, pull: np.ndarray, calendar: float, terms: Terms) -> np.ndarray:
    phi = echo(p.echo_phi, terms.apart)
    over = {name: (pull * getattr(terms, name)).sum() for name in ("slope", "season", "pay", "drift", "week")}
    over |= {"echo": (pull * phi).sum(), "noise": np.trace(pull), "calendar": calendar}
    slope = {name: 2 * getattr(p, name) ** 2 * traced for name, traced in over.items()}
    slope["echo_phi"] = p.echo**2 * (pull * terms.apart * phi).sum() * (1 - p.echo_phi)
    return np.array([slope[name] for name in _PATH_NAMES])


def _short_run(p: Location, terms: Terms, known: np.ndarray) -> np.ndarray:
    own = 1 - p.echo_share
    return (
        p.slope**2 * terms.slope
        + p.season**2 * terms.season
        + p.pay**2 * terms.pay
        + p.calendar**2 * known @ known.T
        + p.echo_share * echo(p.echo_phi, terms.apart)
        + own * p.week_share * terms.week
        + own * (1 - p.week_share) * terms.eye
    )


def _one_group(p: Location, group: Histories, terms: Terms, slope: dict[str, float]) -> float:
    """Adds the group's gradient to `slope` and returns its log density."""
    weeks = np.arange(len(group.known))
    inside = weeks < group.length[:, None]
    density = np.empty((REGIMES, len(group.length)))
    roots, white, quadratic = [], [], np.empty_like(density)
    for regime in range(REGIMES):
        factor = cholesky(location_covariance(p, terms, group.known, regime), lower=True, check_finite=False)
        root = solve_triangular(factor, np.eye(len(weeks)), lower=True, check_finite=False)
        w = np.where(inside, group.residual @ root.T, 0.0)
        quadratic[regime] = (w**2).sum(axis=1) / p.scale**2
        log_det = (inside * 2 * np.log(np.diag(factor))).sum(axis=1)
        density[regime] = np.log(p.weight[regime]) + log_t(p, group.length, quadratic[regime], log_det)
        roots.append(root)
        white.append(w)
    total = logsumexp(density, axis=0)
    chance = np.exp(density - total)
    for regime in range(REGIMES):
        _add_slope(p, group, terms, regime, chance[regime], quadratic[regime], roots[regime], white[regime], slope)
    for k, name in ((1, "regime_2"), (2, "regime_3")):
        slope[name] += (chance[k] - p.weight[k]).sum()
    return total.sum()


def log_t(p: Location, n: np.ndarray, quadratic: np.ndarray, log_det: np.ndarray) -> np.ndarray:
    """Log density of a multivariate t up to a constant: n weeks, `quadratic` in units of scale^2."""
    a = p.tail
    constant = gammaln(a + n / 2) - gammaln(a) - n / 2 * np.log(2 * a) - n * np.log(p.scale)
    return constant - 0.5 * log_det - (a + n / 2) * np.log1p(quadratic / (2 * a))


def _add_slope(p, group, terms, regime, chance, quadratic, root, white, slope) -> None:
    a, n = p.tail, group.length
    certain = (a + n / 2) / (2 * a + quadratic)  # half the mean precision, in units of scale^-2
    alpha = white @ root  # K^-1 r of every history, zero beyond its length
    count = (chance[:, None] * (np.arange(len(group.known)) < n[:, None])).sum(axis=0)
    pull = (alpha * (chance * certain / p.scale**2)[:, None]).T @ alpha - 0.5 * (root.T * count) @ root
    phi = echo(p.echo_phi, terms.apart)
    over = {name: (pull * getattr(terms, name)).sum() for name in ("slope", "season", "pay", "drift", "week")}
    own = p.week_share * over["week"] + (1 - p.week_share) * np.trace(pull)
    for name in ("slope", "season", "pay"):
        slope[name] += 2 * getattr(p, name) ** 2 * over[name]
    slope["calendar"] += 2 * p.calendar**2 * ((group.known.T @ pull) * group.known.T).sum()
    slope["echo_share"] += p.echo_share * (1 - p.echo_share / MOST_SHARED) * ((pull * phi).sum() - own)
    slope["echo_phi"] += p.echo_share * (pull * terms.apart * phi).sum() * (1 - p.echo_phi)
    wave = (1 - p.echo_share) * p.week_share * (1 - p.week_share / MOST_SHARED)
    slope["week_share"] += wave * (over["week"] - np.trace(pull))
    drift = 2 * p.drift[regime] ** 2 * over["drift"]
    slope["drift"] += drift
    slope["drift_step"] += drift * np.log(p.drift[regime] / p.drift[0])
    in_tail = digamma(a + n / 2) - digamma(a) - n / (2 * a) - np.log1p(quadratic / (2 * a)) + certain * quadratic / a
    slope["tail"] += a * (chance * in_tail).sum()
    slope["scale"] += (chance * (2 * certain * quadratic - n)).sum()


def _inverse(covariance: np.ndarray) -> tuple[np.ndarray, float]:
    factor = cho_factor(covariance, lower=True, check_finite=False)
    return cho_solve(factor, np.eye(len(covariance)), check_finite=False), 2 * np.log(np.diag(factor[0])).sum()
