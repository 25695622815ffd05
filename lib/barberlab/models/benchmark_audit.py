"""Is the nightly fit the posterior it claims to be? The same hyperparameters by NUTS, true scores integrated out.

The sampler sees mu and the spreads alone: with theta gone, the density is the marginal likelihood of the closed form or
of the tables, and no funnel is left (Betancourt & Girolami 2015, in Current Trends in Bayesian Methodology, ch. 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from barberlab.errors import BadInput, GateFailed
from barberlab.models import posterior
from barberlab.models.benchmark import Fit
from barberlab.models.benchmark_grid import AROUND, Tabled, student_cdf
from barberlab.models.benchmark_kpis import WIDE, Ranked
from barberlab.models.benchmark_scaled import Scaled

AGREED = 0.5  # posterior sds that the two may differ by


@dataclass(frozen=True)
class Audit:
    """Per hyperparameter mean and sd of the nightly fit and of NUTS, and how far apart in the sampler's sds."""

    nightly: dict[str, tuple[float, float]]
    sampled: dict[str, tuple[float, float]]

    @property
    def apart(self) -> dict[str, float]:
        """Difference of means in posterior sds."""
        return {name: abs(mean - self.nightly[name][0]) / sd for name, (mean, sd) in self.sampled.items()}

    def check(self) -> "Audit":
        """Itself; raises GateFailed where the two differ by more than half a posterior sd."""
        wrong = {name: far for name, far in self.apart.items() if not far <= AGREED}
        if wrong:
            said = ", ".join(f"{name} by {far:.2f} sd" for name, far in wrong.items())
            raise GateFailed(f"ranking: the nightly fit and NUTS differ in {said}; at most {AGREED} sd")
        return self


def audit(found: Fit, scale: float = 1.0, seed: int = 0, draws: int = 1000) -> Audit:
    """The hyperparameters of `found` sampled by NUTS under the same half-normal prior of `scale`, through every gate.

    Raises GateFailed where the sampler fails, and BadInput for what is drawn by a chain of its own.
    """
    if isinstance(found, Scaled):
        raise BadInput("ranking: a fit that is drawn by a chain has no hyperparameters of its own; audit fewer units")
    model = _of_tables(found, scale) if isinstance(found, Tabled) else _of_closed_form(found, scale)
    tree = posterior.sample(model, seed, draws=draws, tune=1000, chains=2)
    names = [name for name in ("mu", "tau_w", "tau_b") if name in tree["posterior"]]
    values = {name: tree["posterior"][name].to_numpy().ravel() for name in names}
    return Audit(found.hyper(), {name: (float(v.mean()), float(v.std())) for name, v in values.items()})


def of_kpis(found: Mapping[str, Ranked], seed: int = 0) -> pd.DataFrame:
    """The audit of each ranked KPI as it was fitted: one row per KPI and hyperparameter.

    Columns metric, parameter, nightly, sampled, sd (of the sampler), apart (in those sds) and agrees.
    """
    rows = []
    for name, ranked in found.items():
        one = audit(ranked.fit, WIDE[ranked.unit], seed)
        for parameter, (mean, sd) in one.sampled.items():
            rows.append((name, parameter, one.nightly[parameter][0], mean, sd, one.apart[parameter]))
    frame = pd.DataFrame(rows, columns=["metric", "parameter", "nightly", "sampled", "sd", "apart"])
    return frame.assign(agrees=frame["apart"] <= AGREED)


def _of_tables(found: Tabled, scale: float) -> pm.Model:
    """theta by its cells: a unit's likelihood is a row of the table times the mass that the population lays on it."""
    mean, sd = found.hyper()["mu"]
    grouped = len(found.centres) > 0
    with pm.Model() as model:
        mu = pm.Uniform("mu", mean - AROUND * sd, mean + AROUND * sd)
        tau_w = pm.HalfNormal("tau_w", scale)
        tau_b = pm.HalfNormal("tau_b", scale) if grouped else None
        if grouped:
            middles = (found.centres[1:] + found.centres[:-1]) / 2
            given = _log(found.table.rows, _masses(found.table.edges, middles[None, :], tau_w, found.tails))
            of_group = pt.dot(np.eye(int(found.group.max()) + 1)[found.group].T, given)
            peak = of_group.max(axis=1)
            upper = _masses(found.centres, mu.reshape((1, 1)), tau_b, np.inf)
            seen = _log(pt.exp(of_group - peak[:, None]), upper).sum() + peak.sum()
        else:
            seen = _log(found.table.rows, _masses(found.table.edges, mu.reshape((1, 1)), tau_w, found.tails)).sum()
        pm.Potential("seen", seen)
    return model


def _masses(edges: np.ndarray, centre, spread: pt.TensorVariable, tails: float) -> pt.TensorVariable:
    """(cell, centre) of `benchmark_grid.masses`, symbolically; centre (1, centre)."""
    at = (edges[1:-1, None] - centre) / spread
    below = student_cdf(at, int(tails)) if np.isfinite(tails) else 0.5 * (1 + pt.erf(at / np.sqrt(2)))
    ends = pt.zeros_like(below[:1])
    return pt.diff(pt.concatenate([ends, below, ends + 1]), axis=0)


def _log(rows, mass: pt.TensorVariable) -> pt.TensorVariable:
    return pt.log(pt.dot(rows, mass) + 1e-300)


def _of_closed_form(found: Fit, scale: float) -> pm.Model:
    """theta and the groups' means integrated out; sums over a group as differences of cumulative sums."""
    order = np.argsort(found.group, kind="stable")
    y, s2 = (found.evidence.value - found.evidence.offset)[order], found.evidence.weight[order]
    ends = np.append(np.flatnonzero(np.diff(found.group[order])), len(order) - 1)
    grouped = len(found.grid.axes) > 1
    with pm.Model() as model:
        mu = pm.Flat("mu", initval=float(y.mean()))
        tau_w = pm.HalfNormal("tau_w", scale)
        tau_b = pm.HalfNormal("tau_b", scale) if grouped else None
        v = tau_w**2 + s2
        own = -0.5 * (pt.log(v) + (y - mu) ** 2 / v).sum()
        pm.Potential("seen", own + (_shared(v, y - mu, tau_b, ends) if grouped else 0.0))
    return model


def _shared(v: pt.TensorVariable, apart: pt.TensorVariable, tau_b: pt.TensorVariable, ends: np.ndarray):
    """What a group's common mean adds to the density of its units."""
    W, S = (pt.diff(pt.concatenate([[0.0], pt.cumsum(part)[ends]])) for part in (1 / v, apart / v))
    return -0.5 * (pt.log1p(tau_b**2 * W) - tau_b**2 * S**2 / (1 + tau_b**2 * W)).sum()
