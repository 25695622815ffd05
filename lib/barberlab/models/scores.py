"""How good was a forecast, once its weeks have passed? Error, sharpness and honesty, each by its usual name.

All scores are of arrays of one shape, NaN in `actual` where there is nothing to score (the shop was closed). Sources:
WAPE and MASE, Hyndman & Koehler (2006), Int. J. Forecasting 22(4); the CRPS as twice the mean pinball loss over
quantiles, Gneiting & Ranjan (2011), J. Business & Economic Statistics 29(3), and its scaling by mean |y| as in the
"weighted quantile loss" of Salinas et al. (2020), Int. J. Forecasting 36(3).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def quantiles(draws: np.ndarray) -> np.ndarray:
    """(..., 9) the QUANTILES of draws (..., S)."""
    return np.moveaxis(np.quantile(draws, QUANTILES, axis=-1), 0, -1)


def wape(actual: np.ndarray, point: np.ndarray) -> float:
    """Sum of absolute errors over the sum of what was: 0.04 is 4 % of the money put in the wrong place."""
    there = np.isfinite(actual)
    return _ratio(np.abs(actual - point)[there].sum(), np.abs(actual[there]).sum())


def mase(actual: np.ndarray, point: np.ndarray, scale: np.ndarray) -> float:
    """Mean absolute error in units of `scale`, each series' own: actual, point (n, H), scale (n,) from naive_error.

    Series are averaged first, so that each counts once; one whose scale is 0 or unknown is left out.
    """
    there = np.isfinite(actual)
    errors = np.where(there, np.abs(actual - point), 0.0).sum(axis=1)
    usable = there.any(axis=1) & np.isfinite(scale) & (scale > 0)
    each = errors[usable] / there.sum(axis=1)[usable] / scale[usable]
    return _ratio(each.sum(), len(each))


def naive_error(history: np.ndarray) -> np.ndarray:
    """(n,) the mean absolute step from one week to the next of history (n, T), over pairs where both are known.

    The scale of MASE, of lag one and not of a season: it exists from the second week on. NaN without any such pair.
    """
    steps = np.abs(np.diff(history, axis=1))
    there = np.isfinite(steps)
    with np.errstate(invalid="ignore"):
        return np.where(there, steps, 0.0).sum(axis=1) / there.sum(axis=1)


def scaled_crps(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Twice the mean pinball loss over QUANTILES, over mean |y|; actual (...), forecast (..., 9)."""
    there = np.isfinite(actual)
    short = actual[there][:, None] - forecast[there]
    level = np.array(QUANTILES)
    pinball = np.maximum(level * short, (level - 1) * short)
    return _ratio(2 * pinball.mean() if pinball.size else 0.0, np.abs(actual[there]).mean() if there.any() else 0.0)


def coverage(actual: np.ndarray, forecast: np.ndarray, inside: float) -> float:
    """The share of what was that lies in the equal-tailed interval `inside` (0.8 or 0.95), its ends included."""
    low, high = (forecast[..., QUANTILES.index(round(q, 3))] for q in tails(inside))
    there = np.isfinite(actual)
    return _ratio(((low <= actual) & (actual <= high))[there].sum(), there.sum())


def scores(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> dict[str, float]:
    """All scores of a level: actual (n, H), forecast (n, H, 9), scale (n,). `n` counts what was scored."""
    median = forecast[..., QUANTILES.index(0.5)]
    return {
        "n": int(np.isfinite(actual).sum()),
        "wape": wape(actual, median),
        "mase": mase(actual, median, scale),
        "scaled_crps": scaled_crps(actual, forecast),
        "coverage80": coverage(actual, forecast, EIGHT_IN_TEN),
        "coverage95": coverage(actual, forecast, NINETEEN_IN_TWENTY),
    }


def overall(folds: list[dict[str, float]]) -> dict[str, float]:
    """The folds together: errors are the mean over folds, coverage is pooled over all that was scored, n is its count.

    A score that no fold has is NaN.
    """
    n = np.array([fold["n"] for fold in folds], float)
    counts = {"n": int(n.sum())}
    return counts | {name: _mean([fold[name] for fold in folds], n, name) for name in folds[0] if name != "n"}


def _mean(values: list[float], n: np.ndarray, name: str) -> float:
    values = np.array(values, float)
    weight = np.where(np.isfinite(values), n if name.startswith("coverage") else 1.0, 0.0)
    return _ratio(np.where(weight > 0, values, 0.0) @ weight, weight.sum())


@dataclass(frozen=True)
class Difference:
    """New minus old over `n` folds: the mean, and its 95 % interval, NaN where one fold says nothing of chance."""

    mean: float
    low: float
    high: float
    n: int


def paired_difference(new: np.ndarray, old: np.ndarray) -> Difference:
    """How much did a score move over the same folds (n,)? Student's t on the differences, n - 1 degrees of freedom.

    Folds whose horizons overlap share weeks, so that the interval is somewhat too narrow. Folds without a score on
    either side are left out.
    """
    steps = np.asarray(new, float) - np.asarray(old, float)
    steps = steps[np.isfinite(steps)]
    n = len(steps)
    if n < 2:
        return Difference(float(steps[0]) if n else np.nan, np.nan, np.nan, n)
    reach = student.ppf(tails(NINETEEN_IN_TWENTY)[1], n - 1) * steps.std(ddof=1) / np.sqrt(n)
    return Difference(float(steps.mean()), float(steps.mean() - reach), float(steps.mean() + reach), n)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")
