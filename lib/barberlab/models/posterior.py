"""How sure is the sampler itself? The only place that samples, and the gates that a posterior passes before it is used.

R-hat and effective sample size: Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), Bayesian Analysis 16(2).
Divergences: Betancourt (2017), arXiv:1701.02434. Laplace's approximation: Tierney & Kadane (1986), JASA 81.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import arviz as az
import numpy as np
import pymc as pm
import xarray as xr
from scipy.optimize import minimize

from barberlab.errors import GateFailed
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

LARGEST_R_HAT = 1.01
LEAST_ESS = 400  # bulk and tail, so that a 95 % bound has an error of about a tenth of its sd
RUNAWAY_SD = 4.0  # a prior's mean left by more sds than that is a likelihood that knows no bound, not a finding
_STEP = 0.05  # prior sds, for the Hessian from differences of the gradient
_FLATTEST = 1.0  # the standard normal prior's own curvature: no posterior may be wider than it


@dataclass(frozen=True)
class Diagnostics:
    """How a posterior came about: what a run's manifest keeps. Figures that a method does not have are None."""

    method: str
    largest_r_hat: float | None
    least_ess_bulk: float | None
    least_ess_tail: float | None
    divergences: int | None
    farthest_sd: float

    @property
    def words(self) -> str:
        """The figures of all gates, for a page: nuts, R-hat 1.002, ESS 900 (tail 800), 0 divergences, ..."""
        sampled = (
            f", R-hat {self.largest_r_hat:.3f}, ESS {self.least_ess_bulk:.0f} (tail {self.least_ess_tail:.0f}), "
            f"{self.divergences} divergences"
            if self.largest_r_hat is not None
            else ""
        )
        return f"{self.method}{sampled}, scales within {self.farthest_sd:.1f} sd of their priors"


@dataclass(frozen=True)
class Standardised:
    """The posterior of z, N(0, I) a priori: mean (p,), covariance (p, p), its diagnostics."""

    mean: np.ndarray
    covariance: np.ndarray
    diagnostics: Diagnostics


def sample(
    model: pm.Model, seed: int, draws: int = 500, tune: int = 500, chains: int = 4, target_accept: float = 0.9
) -> xr.DataTree:
    """The posterior of `model` by NUTS, gated: R-hat, bulk and tail ESS, divergences.

    Raises GateFailed with all figures that missed. The same seed gives the same draws.
    """
    with model:
        tree = pm.sample(
            draws=draws,
            tune=tune,
            chains=chains,
            cores=1,
            random_seed=seed,
            target_accept=target_accept,
            progressbar=False,
            compute_convergence_checks=False,
        )
    check(diagnose(tree))
    return tree


def diagnose(tree: xr.DataTree, method: str = "nuts") -> Diagnostics:
    """The worst R-hat and ESS over all sampled variables, and the number of divergences."""
    r_hat, bulk, tail = (_flat(found) for found in (az.rhat(tree), az.ess(tree), az.ess(tree, method="tail")))
    return Diagnostics(
        method=method,
        largest_r_hat=float(r_hat.max()),
        least_ess_bulk=float(bulk.min()),
        least_ess_tail=float(tail.min()),
        divergences=int(tree["sample_stats"]["diverging"].sum()),
        farthest_sd=float("nan"),
    )


def check(found: Diagnostics, names: tuple[str, ...] = (), z: np.ndarray | None = None) -> None:
    """Raises GateFailed naming every figure that misses its gate; with `z`, standardised means of log scales, runaways.

    A figure that is not a number (a variable that never moved) misses.
    """
    missed = []
    if found.largest_r_hat is not None:
        if not found.largest_r_hat < LARGEST_R_HAT:
            missed.append(f"R-hat {found.largest_r_hat:.3f}, needs < {LARGEST_R_HAT}")
        for kind, ess in (("bulk", found.least_ess_bulk), ("tail", found.least_ess_tail)):
            if not ess > LEAST_ESS:
                missed.append(f"{kind} ESS {ess:.0f}, needs > {LEAST_ESS}")
        if found.divergences:
            missed.append(f"{found.divergences} divergences, needs none")
    if z is not None:
        missed += [
            f"{name} is {abs(at):.1f} sd from its prior mean, at most {RUNAWAY_SD:g}"
            for name, at in zip(names, z, strict=True)
            if not abs(at) <= RUNAWAY_SD
        ]
    if missed:
        raise GateFailed(f"posterior ({found.method}): " + "; ".join(missed))


def standardised_nuts(
    model: pm.Model, names: tuple[str, ...], seed: int, scales: tuple[str, ...] | None = None, **options
) -> Standardised:
    """The posterior of a model whose one free variable is z ~ N(0, I), by NUTS and through every gate.

    `scales` names those of `names` that are log scales and may not run away; by default all.
    """
    tree = sample(model, seed, **options)
    z = tree["posterior"]["z"].to_numpy().reshape(-1, len(names))
    found = diagnose(tree)
    return _gated(z.mean(axis=0), np.cov(z.T).reshape(len(names), len(names)), names, scales, found)


def standardised_laplace(
    model: pm.Model, names: tuple[str, ...], scales: tuple[str, ...] | None = None
) -> Standardised:
    """The same by Laplace: mode, and inverse curvature there from central differences of the gradient.

    Raises GateFailed where a scale ran away from its prior or where no mode was found.
    """
    down = _descent(model, len(names))
    found = minimize(down, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9})
    if not np.isfinite(found.fun):
        raise GateFailed("posterior (laplace): its density is not finite at any point that was tried")
    bend = np.array([(down(found.x + step)[1] - down(found.x - step)[1]) / (2 * _STEP) for step in _steps(names)])
    curvature, axes = np.linalg.eigh((bend + bend.T) / 2)
    covariance = (axes / np.maximum(curvature, _FLATTEST)) @ axes.T
    none = Diagnostics("laplace", None, None, None, None, float("nan"))
    return _gated(found.x, covariance, names, scales, none)


def ranges(draws: np.ndarray, axis: int = -1) -> dict[str, np.ndarray]:
    """The house's summary of draws: median and equal-tailed 8 in 10 and 19 in 20, over `axis`."""
    low80, high80 = tails(EIGHT_IN_TEN)
    low95, high95 = tails(NINETEEN_IN_TWENTY)
    at = np.quantile(draws, (low95, low80, 0.5, high80, high95), axis=axis)
    return dict(zip(("low95", "low80", "median", "high80", "high95"), at, strict=True))


def _gated(mean, covariance, names, scales, found: Diagnostics) -> Standardised:
    at = {name: z for name, z in zip(names, mean, strict=True) if scales is None or name in scales}
    check(found, tuple(at), np.array(list(at.values())))
    kept = replace(found, farthest_sd=float(max(abs(z) for z in at.values())))
    return Standardised(mean, covariance, kept)


def _descent(model: pm.Model, size: int) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    # Interpreted: the density is one operation of ours, and compiling around it takes longer than all its calls.
    value, slope = model.compile_logp(mode="FAST_COMPILE"), model.compile_dlogp(mode="FAST_COMPILE")

    def down(z: np.ndarray) -> tuple[float, np.ndarray]:
        point = {"z": z}
        return -float(value(point)), -np.asarray(slope(point)).reshape(size)

    return down


def _steps(names: tuple[str, ...]) -> np.ndarray:
    return _STEP * np.eye(len(names))


def _flat(tree: xr.DataTree | xr.Dataset) -> np.ndarray:
    data = tree.dataset if isinstance(tree, xr.DataTree) else tree
    return np.concatenate([np.ravel(values) for values in data.data_vars.values()])
