"""How wide were forecasts made earlier, against what came? Factors on the spread of draws, from earlier origins.

A covariance that makes the history likely week by week need not be right half a year ahead. The population's own
forecasts from one and one and a half horizons ago are held against what came since, and the spread is corrected: for
a location's own path and for its network's, for the mean over the horizon and for the weeks around it. Medians stay.
Source: Gneiting, Balabdaoui & Raftery (2007), JRSS B 69(2), on calibration of what was forecast.
"""

from dataclasses import dataclass

import numpy as np

WIDTHS = ("own_level", "own_week", "own_tail", "path_level", "path_week")
# As found with simulated networks, rounded: likelihoods of single weeks leave half a year too wide.
_PRIOR = dict(zip(WIDTHS, np.log((0.9, 0.85, 1.1, 0.65, 0.85)), strict=True))
_PRIOR_SD = 0.25  # of a log factor
_NARROWEST = 0.5
_TINY = 1e-12
_TRADED = 0.5  # of a horizon's weeks, at least
_FAR_INSIDE, _FAR_REACH = 0.95, 1.9600
_INSIDE, _REACH = 0.8, 1.2816  # the share of standard normal errors within so many sds
_ERROR = 0.8  # variance of a log scale estimated from one error, by its 80 % point
_WEEKS_WORTH = 4  # independent errors in the weeks of one horizon: they follow each other


@dataclass(frozen=True)
class Parts:
    """Draws of log revenue over a horizon: shared (n, H, S) given the network's path, own (n, H, S) around it."""

    shared: np.ndarray
    own: np.ndarray


@dataclass(frozen=True)
class Width:
    """Factors on the spread of a location's own path and of its network's: of the horizon's mean and of its weeks.

    own_tail is the factor, beside own_week, of weeks that lie two sds out.
    """

    own_level: float = 1.0
    own_week: float = 1.0
    own_tail: float = 1.0
    path_level: float = 1.0
    path_week: float = 1.0

    def applied(self, parts: Parts) -> np.ndarray:
        """(n, H, S) log revenue with the factors applied around the middle of the draws."""
        shared = _spread(parts.shared, self.path_level, self.path_week)
        return shared + _spread(parts.own, self.own_level, self.own_week, self.own_tail)


def _spread(draws: np.ndarray, level: float, week: float, tail: float = 1.0) -> np.ndarray:
    middle = draws.mean(axis=2, keepdims=True)
    away = draws - middle
    mean = away.mean(axis=1, keepdims=True)
    away -= mean
    if tail != 1.0:
        sd = away.std(axis=2, keepdims=True)
        out = np.clip((np.abs(away) / np.maximum(sd, _TINY) - _REACH) / (_FAR_REACH - _REACH), 0.0, 1.0)
        away *= 1 + np.float32(tail - 1) * out
    return middle + np.float32(level) * mean + np.float32(week) * away


@dataclass(frozen=True)
class Errors:
    """Standardised errors of one network's forecasts from one origin, by the names of WIDTHS.

    level_blur and week_blur: how much of a path's error is owed to the shops' own paths, as a ratio of variances.
    """

    own_level: np.ndarray
    own_week: np.ndarray
    path_level: np.ndarray
    path_week: np.ndarray
    level_blur: float
    week_blur: float


def errors(parts: Parts, log: np.ndarray) -> Errors:
    """What came, log (n, H) with NaN where closed, against what was forecast: errors in sds of the draws."""
    error = log - np.median(parts.shared + parts.own, axis=2)
    shops = np.isfinite(error).sum(axis=0)
    path = np.where(shops > 0, np.nanmedian(np.where(shops > 0, error, 0.0), axis=0), np.nan)
    shared, own = parts.shared.mean(axis=0), _average_own(parts.own, shops)
    own_level, own_week = _standardised(error - path, parts.own)
    path_level, path_week = _standardised(path[None], (shared + own)[None])
    return Errors(
        own_level,
        own_week,
        path_level,
        path_week,
        *(o / s for o, s in zip(_variances(own), _variances(shared), strict=True)),
    )


def _average_own(own: np.ndarray, shops: np.ndarray) -> np.ndarray:
    """(H, S) what the shops' own paths leave of an error that they share: the mean of `shops` of them."""
    return (own - own.mean(axis=2, keepdims=True)).sum(axis=0) / np.maximum(shops, 1)[:, None]


def _variances(draws: np.ndarray) -> tuple[float, float]:
    """Of (H, S) draws: of the horizon's mean, and of the weeks around it."""
    mean = draws.mean(axis=0)
    return float(mean.var()), float((draws - mean).var(axis=1).mean())


def _standardised(error: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(errors of the horizon's mean, of its weeks around it) in sds of the draws, where half the horizon was traded."""
    half = np.isfinite(error).mean(axis=1) >= _TRADED
    error, draws = error[half], draws[half]
    seen = np.isfinite(error)
    weight = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    mean = (np.nan_to_num(error) * weight).sum(axis=1)
    drawn = (draws * weight[:, :, None]).sum(axis=1)
    week = (error - mean[:, None]) / (draws - drawn[:, None]).std(axis=2)
    return mean / drawn.std(axis=1), week[seen]


def fitted(found: list[Errors]) -> tuple[np.ndarray, np.ndarray]:
    """(mean (5,), sd (5,)) of the log factors in the order of WIDTHS, from the errors of networks and origins."""
    mean, sd = np.array([_PRIOR[name] for name in WIDTHS]), np.full(len(WIDTHS), _PRIOR_SD)
    for i, name in enumerate(WIDTHS):
        part, _, what = name.partition("_")
        n = sum(len(getattr(one, f"{part}_level")) for one in found)
        if n:
            n *= 1 if what == "level" else _WEEKS_WORTH
            trust = n / (n + _ERROR / _PRIOR_SD**2)
            mean[i] += trust * (np.log(_seen(found, name)) - mean[i])
            sd[i] = _PRIOR_SD * np.sqrt(1 - trust)
    return mean, sd


def _seen(found: list[Errors], name: str) -> float:
    """The factor that would have put 80 % of the errors inside; for a path, without what the shops' own explain."""
    z = np.abs(np.concatenate([getattr(one, name.replace("tail", "week")) for one in found]))
    factor = np.quantile(z, _INSIDE) / _REACH
    if name == "own_tail":
        return max(np.quantile(z, _FAR_INSIDE) / _FAR_REACH / factor, 1.0)
    if name.startswith("path"):
        blur = np.median([getattr(one, name.removeprefix("path_") + "_blur") for one in found])
        factor = np.sqrt(max(factor**2 * (1 + blur) - blur, 0.0))
    return max(factor, _NARROWEST)
