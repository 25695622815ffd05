"""Is the nightly fit the posterior it claims to be? The same hyperparameters by NUTS, true scores integrated out.

The sampler sees mu and the spreads alone: with theta gone, what is left is the marginal likelihood, in closed form or
by quadrature of its own, and no funnel (Betancourt & Girolami 2015, in Current Trends in Bayesian Methodology, ch. 4).
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
from barberlab.models.benchmark_evidence import BINOMIAL, COUNT, Evidence
from barberlab.models.benchmark_grid import Tabled
from barberlab.models.benchmark_kpis import WIDE, Ranked
from barberlab.models.benchmark_scaled import Scaled

AGREED = 0.5  # posterior sds that the two may differ by
NODES = 41  # of an integral; the heaviest tails need most


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
    tree = posterior.sample(build(found, scale), seed, draws=draws, tune=1000, chains=2)
    names = [name for name in ("mu", "tau_w", "tau_b") if name in tree["posterior"]]
    values = {name: tree["posterior"][name].to_numpy().ravel() for name in names}
    return Audit(found.hyper(), {name: (float(v.mean()), float(v.std())) for name, v in values.items()})


def build(found: Fit, scale: float = 1.0) -> pm.Model:
    """The hyperparameters: mu, tau_w and, with groups, tau_b. Raises BadInput for what has a chain of its own."""
    if isinstance(found, Scaled):
        raise BadInput("ranking: a fit that is drawn by a chain has no hyperparameters of its own; audit fewer units")
    return _of_tables(found, scale) if isinstance(found, Tabled) else _of_closed_form(found, scale)


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
    """Any likelihood and shape; integrals by Gauss and Hermite, so that no table is believed by its own account."""
    with pm.Model() as model:
        mu = pm.Flat("mu", initval=float(found.evidence.mode.mean()))
        tau_w = pm.HalfNormal("tau_w", scale)
        if len(found.centres):
            tau_b = pm.HalfNormal("tau_b", scale)
            pm.Potential("seen", _over_groups(found, mu, tau_w, tau_b))
        else:
            pm.Potential("seen", _over_units(found, mu.reshape((1, 1)), tau_w).sum())
    return model


def _over_units(found: Tabled, centre: pt.TensorVariable, tau: pt.TensorVariable) -> pt.TensorVariable:
    """(unit, point) log density of each unit, were its population's centre (unit or 1, point) there."""
    mode, precise = found.evidence.mode[:, None], 1 / found.evidence.spread[:, None] ** 2
    precision = precise + 1 / tau**2
    theta, weight = _nodes((mode * precise + centre / tau**2) / precision, precision)
    logs = _log_likelihood(found.evidence, theta) + _log_shape((theta - centre[..., None]) / tau, found.tails)
    return pt.logsumexp(logs - pt.log(tau) + weight, axis=-1)


def _over_groups(found: Tabled, mu: pt.TensorVariable, tau_w: pt.TensorVariable, tau_b: pt.TensorVariable):
    """The log density of all units, the groups' means integrated out."""
    members = np.eye(int(found.group.max()) + 1)[:, found.group]  # (group, unit)
    precise = 1 / (found.evidence.spread**2 + tau_w**2)
    precision = pt.dot(members, precise) + 1 / tau_b**2
    middle = (pt.dot(members, found.evidence.mode * precise) + mu / tau_b**2) / precision
    centre, weight = _nodes(middle, precision)
    inside = pt.dot(members, _over_units(found, centre[found.group], tau_w))
    return pt.logsumexp(inside + _log_shape((centre - mu) / tau_b, np.inf) - pt.log(tau_b) + weight, axis=-1).sum()


def _nodes(middle: pt.TensorVariable, precision: pt.TensorVariable) -> tuple[pt.TensorVariable, pt.TensorVariable]:
    """Points (..., node) around a normal guess, and the logs of their weights (Liu & Pierce 1994, Biometrika 81(3))."""
    x, w = np.polynomial.hermite.hermgauss(NODES)
    width = pt.sqrt(2 / precision)[..., None]
    return middle[..., None] + width * x, pt.log(width) + np.log(w) + x**2


def _log_shape(z: pt.TensorVariable, tails: float) -> pt.TensorVariable:
    """Log density of a population of spread 1, up to a constant."""
    return -0.5 * z**2 if np.isinf(tails) else -0.5 * (tails + 1) * pt.log1p(z**2 / tails)


def _log_likelihood(evidence: Evidence, theta: pt.TensorVariable) -> pt.TensorVariable:
    """`Evidence.log_likelihood`, symbolically, at theta (unit, ...)."""

    def of_units(part: np.ndarray) -> np.ndarray:
        return part.reshape(-1, *[1] * (theta.ndim - 1))

    value, weight, freedom = (of_units(part) for part in (evidence.value, evidence.weight, evidence.freedom))
    at = theta + of_units(evidence.offset)
    if evidence.kind == COUNT:
        return value * at - weight * pt.exp(at)
    if evidence.kind == BINOMIAL:
        return value * at - weight * pt.softplus(at)
    squares, known = (value - at) ** 2 / weight, np.isinf(freedom)
    finite = np.where(known, 1.0, freedom)
    return -0.5 * pt.where(known, squares, (finite + 1) * pt.log1p(squares / finite))


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
