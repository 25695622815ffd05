"""Where does the revenue model disagree with itself, or with what came? Checks that a model may fail.

Prior predictive checks and the workflow: Gabry et al. (2019), JRSS A 182(2). Simulation-based calibration: Talts et al.
(2018), arXiv:1804.06788; here the quantities are the weeks and totals to come. PIT: Dawid (1984), JRSS A 147(2).
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from barberlab.models import naive, revenue, scores
from barberlab.models.covariance import Terms, terms
from barberlab.models.panel import WEEK, Panel
from barberlab.models.paths import NetworkPaths
from barberlab.models.population import Population
from barberlab.models.revenue_likelihood import location_covariance, path_covariance
from barberlab.models.revenue_parameters import LOG_SCALES, Location, Path, location_prior, path_prior

FIRST = np.datetime64("2022-01-03")
BANDS = (0, 4, 13, 26, 52)  # weeks ahead, the ends of bands
_LEVEL_SD = 0.4  # log sd of shops' levels in a network, as the forecast guesses it
_LEVEL = np.log(5e5)  # a shop's ordinary week, in cents
_NO_COLUMNS = 0


def generated(population: Population | None, shops: int, weeks: int, seed: int, name: str = "made") -> Panel:
    """One network out of the model's own story: hyperparameters drawn from `population`, or from the priors (None).

    A panel of `weeks` weeks with trade in every one, in cents; openings, known columns and pay-days take no part.
    """
    rng = np.random.default_rng(seed)
    location, path = _theta(population, rng)
    over, known = terms(FIRST, weeks, 0), np.zeros((weeks, _NO_COLUMNS))
    shared = _draw(path_covariance(path, over), rng)
    log = [_LEVEL + _LEVEL_SD * rng.standard_normal() + shared + _own(location, over, known, rng) for _ in range(shops)]
    ids = np.array([f"shop{i:03d}" for i in range(shops)])
    known = np.zeros((shops, weeks, _NO_COLUMNS))
    return Panel(FIRST + WEEK * np.arange(weeks), np.array([name] * shops), ids, np.exp(log), known, ())


def _theta(population: Population | None, rng: np.random.Generator) -> tuple[Location, Path]:
    if population is None:
        priors = (location_prior(), path_prior())
        own, path = (prior.theta(rng.standard_normal(len(prior.names))) for prior in priors)
        return Location.at(own), Path.at(path)
    values = dict(zip(population.names, population.draw(rng, 1)[0], strict=True))
    own, path = (
        np.array([value for name, value in values.items() if name.startswith(f"{block}.")])
        for block in ("location", "network")
    )
    return Location.at(own), Path.at(path)


def _own(p: Location, over: Terms, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    regime = rng.choice(len(p.weight), p=p.weight)
    variance = p.tail * p.scale**2 / rng.gamma(p.tail)
    return np.sqrt(variance) * _draw(location_covariance(p, over, known, regime, level=0.0), rng)


def _draw(covariance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size, axes = np.linalg.eigh(covariance)
    return axes @ (np.sqrt(np.maximum(size, 0.0)) * rng.standard_normal(len(size)))


def features(panel: Panel) -> dict[str, float]:
    """What an owner could check: medians over the shops of one network that traded in both of its last two years.

    week_step: size of the log step from week to week; year_change: of the log change of a year on the one before;
    best_week: best over median week; together: correlation of shops' weekly steps.
    """
    log = np.log(np.where(panel.observed, panel.revenue, np.nan))
    log = log[np.isfinite(log[:, -52:]).any(axis=1) & np.isfinite(log[:, -104:-52]).any(axis=1)]
    steps = np.diff(log, axis=1)
    years = np.nanmean(log[:, -52:], axis=1) - np.nanmean(log[:, -104:-52], axis=1)
    return {
        "week_step": float(np.nanmedian(np.abs(steps))),
        "year_change": float(np.median(np.abs(years))),
        "best_week": float(np.median(np.exp(np.nanmax(log, axis=1) - np.nanmedian(log, axis=1)))),
        "together": _together(steps),
    }


def _together(steps: np.ndarray) -> float:
    like = pd.DataFrame(steps.T).corr().to_numpy()
    pairs = like[np.triu_indices(len(like), 1)]
    return float(np.nanmedian(pairs)) if len(pairs) else np.nan


def prior_predictive(population: Population | None, networks: int = 100, seed: int = 0, shops: int = 5) -> pd.DataFrame:
    """The `features` of networks that the model makes up before it has seen one: 5, 50 and 95 % over `networks`."""
    made = pd.DataFrame([features(generated(population, shops, 104, seed + i)) for i in range(networks)])
    return made.quantile([0.05, 0.5, 0.95]).T.rename(columns="{:.0%}".format)


def simulated_calibration(
    population: Population, horizon: int = 13, networks: int = 20, shops: int = 5, weeks: int = 104, draws: int = 100,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Forecasts of networks out of the model's own story, against how each of them went on: see `pit`.

    Where forecast and story agree `u` is uniform: with `uncorrected` it must be. The spread of a forecast is corrected
    by what earlier origins missed, which the story knows nothing of; with that, the gap between the two shows.
    """
    parts = []
    for i in range(networks):
        panel = generated(population, shops, weeks + horizon, seed + i, f"made{i:03d}")
        parts.append(pit(panel, horizon, [weeks], population, draws))
    return pd.concat(parts, ignore_index=True)


def uncorrected(population: Population) -> Population:
    """The population without the factors that correct the spread of its forecasts."""
    stays = [i for i, name in enumerate(population.names) if not name.startswith("width.")]
    covariance = np.array(population.covariance)[np.ix_(stays, stays)]
    return replace(
        population,
        names=tuple(population.names[i] for i in stays),
        mean=tuple(population.mean[i] for i in stays),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
    )


def pit(
    panel: Panel, horizon: int, origins: Iterable[int], population: Population, draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """One row per shop's week that came: network, location_id, origin, ahead, u, error, width, mid, naive, actual.

    u is the share of draws below what came (probability integral transform), error the log of what came over the
    median, width that of the 80 % range in log; naive is SeasonalNaive's median. Shops without trade are left out.
    """
    rows = []
    for origin in origins:
        then = panel.until(origin, horizon)
        then = then.take(np.flatnonzero(then.history > 0))
        told = revenue.forecast(then, horizon, population=population, draws=draws, seed=seed)
        plain = {one.network: one for one in naive.forecast(then, horizon, seed, 100)}
        for one in told:
            own = panel.of(one.network)
            came = own.revenue[np.isin(own.location, one.location), origin : origin + horizon]
            rows.append(_held(one, plain[one.network].paths, came).assign(origin=origin, network=one.network))
    return pd.concat(rows, ignore_index=True)


def _held(told: NetworkPaths, plain: np.ndarray, came: np.ndarray) -> pd.DataFrame:
    low, mid, high = np.quantile(told.paths, [0.1, 0.5, 0.9], axis=-1)
    shops, horizon = came.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {
            "location_id": np.repeat(told.location, horizon),
            "ahead": np.tile(np.arange(1, horizon + 1), shops),
            "u": (told.paths < came[:, :, None]).mean(axis=-1).ravel(),
            "error": np.log(came / mid).ravel(),
            "width": np.log(high / low).ravel(),
            "mid": mid.ravel(),
            "naive": np.median(plain, axis=-1).ravel(),
            "actual": came.ravel(),
        }
    return pd.DataFrame(values).dropna(subset=["actual"])


def histogram(u: pd.Series, bins: int = 10) -> pd.DataFrame:
    """How often `u` lies in each of as many equal parts of 0 to 1: count, and its share times `bins` (1 is right)."""
    count, ends = np.histogram(u, np.linspace(0, 1, bins + 1))
    names = [f"{low:.0%}–{high:.0%}" for low, high in pairwise(ends)]
    return pd.DataFrame({"count": count, "against_uniform": count * bins / max(len(u), 1)}, index=names)


def by_horizon(held: pd.DataFrame, bands: tuple[int, ...] = BANDS) -> pd.DataFrame:
    """Per band of weeks ahead: n, bias (median log error), error (WAPE), naive_error, in80, in95, width."""
    band = pd.cut(held["ahead"], bands, labels=[f"{a + 1}–{b}" for a, b in pairwise(bands)])
    return _fared(held, band.rename("weeks_ahead"))


def where_it_loses(held: pd.DataFrame, by: str = "network") -> pd.DataFrame:
    """The same per network (or shop, or origin), those first whose error is largest beside SeasonalNaive's."""
    found = _fared(held, held[by])
    return found.assign(ratio=found["error"] / found["naive_error"]).sort_values("ratio", ascending=False)


def _fared(held: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    rows = {key: _one(part) for key, part in held.groupby(by, observed=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(by.name)


def _one(part: pd.DataFrame) -> dict[str, float]:
    actual, mid, plain = (part[name].to_numpy(float) for name in ("actual", "mid", "naive"))
    return {
        "n": len(part),
        "bias": part["error"].median(),
        "error": scores.wape(actual, mid),
        "naive_error": scores.wape(actual, plain),
        "in80": part["u"].between(0.1, 0.9).mean(),
        "in95": part["u"].between(0.025, 0.975).mean(),
        "width": part["width"].median(),
    }


def scaled(population: Population, factor: float) -> Population:
    """The population with every scale (trend, season, drift, noise ..) times `factor`: what if it were wrong?"""
    shift = [np.log(factor) if name.partition(".")[2] in LOG_SCALES else 0.0 for name in population.names]
    mean = tuple(value + more for value, more in zip(population.mean, shift, strict=True))
    return replace(population, mean=mean)


def sensitivity(
    panel: Panel, horizon: int, origin: int, population: Population, factors: tuple[float, ...] = (0.5, 1.0, 2.0)
) -> pd.DataFrame:
    """How the forecasts from one origin fare when the population's scales are off by `factors`: see `by_horizon`.

    `moved` is by how much the medians moved, in the mean over shops' weeks, against the population as it is.
    """
    found = {factor: pit(panel, horizon, [origin], scaled(population, factor)) for factor in factors}
    usual = np.log((found[1.0] if 1.0 in found else pit(panel, horizon, [origin], population))["mid"])
    rows = {
        factor: _one(held) | {"moved": (np.log(held["mid"]) - usual).abs().mean()} for factor, held in found.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scales_times")
