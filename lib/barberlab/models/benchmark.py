"""Which shop is truly better, and which only had luck? Each one's true score, drawn towards its network's.

A hierarchical model of one KPI over shops, or over barbers within shops: what few visits say of a shop is believed
little, what many say is believed nearly all (`benchmark_evidence`). Without closed form theta is tabled on a grid
(`benchmark_grid`), with it nothing is (`benchmark_normal`), not even where very many variances are estimates
(`benchmark_scaled`). Ranks and segments come from the joint draws
(`benchmark_ranks`): Laird & Louis (1989), J. Educ. Stat. 14(1); Goldstein & Spiegelhalter (1996), JRSS A 159(3).
"""

from collections.abc import Sequence

import numpy as np

from barberlab.errors import BadInput
from barberlab.models import benchmark_grid, benchmark_normal, benchmark_scaled
from barberlab.models.benchmark_evidence import NORMAL, Evidence
from barberlab.models.benchmark_grid import Tabled
from barberlab.models.benchmark_hyper import LogPrior, half_normal
from barberlab.models.benchmark_normal import Closed
from barberlab.models.benchmark_scaled import Scaled

DRAWS = 1000
SHAPES = {"normal": np.inf, "t8": 8.0, "t4": 4.0}  # of the population: its tails in degrees of freedom

MANY = 1000  # units from which tables of likelihoods take longer than they are worth

type Fit = Closed | Scaled | Tabled


def fit(
    evidence: Evidence,
    group: Sequence[object] | None = None,
    shape: str = "normal",
    scale: float = 1.0,
    prior: LogPrior | None = None,
) -> Fit:
    """The posterior of how units spread, from which `draw` draws their true scores.

    Parameters
    ----------
    evidence : what is known of each unit
    group : of each unit, what it belongs to (barbers to shops, shops to networks); None for one level
    shape : of the population: normal, t8 or t4, or "best" for the one under which the data are most likely
    scale : of the half-normal prior of the spreads, on theta's scale: what would be a very wide spread
    prior : another prior, as a log density of log tau
    """
    places = None if group is None else _places(group, len(evidence.names))
    prior = prior or half_normal(scale)
    if shape == "best":
        fits = [benchmark_grid.fit(evidence, places, prior, scale, tails) for tails in SHAPES.values()]
        return max(fits, key=lambda found: found.grid.evidence)
    if shape not in SHAPES:
        raise BadInput(f"ranking: shape {shape!r} is unknown; shapes are best, {', '.join(SHAPES)}")
    if evidence.kind == NORMAL and shape == "normal":
        if np.isinf(evidence.freedom).all():
            return benchmark_normal.fit(evidence, places, prior, scale)
        if len(evidence.names) > MANY:
            return benchmark_scaled.fit(evidence, places, prior, scale)
    return benchmark_grid.fit(evidence, places, prior, scale, SHAPES[shape])


def draw(found: Fit, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """(draw, unit) joint draws of the true scores on the link's scale, float32; the same seed gives the same."""
    if draws < 1:
        raise BadInput(f"ranking: {draws} draws; at least one is needed")
    return found.draw(draws, seed)


def james_stein(y: np.ndarray) -> np.ndarray:
    """Estimates of unit variance drawn to their mean by 1 - (k - 3) / sum of squares.

    The limit that needs no computer: Efron & Morris (1975), JASA 70(350), eq. (1.4) of section 2.
    """
    y = np.asarray(y, float)
    if len(y) < 4:
        raise BadInput(f"James and Stein's estimator needs at least 4 estimates, found {len(y)}")
    apart = y - y.mean()
    return y.mean() + (1 - (len(y) - 3) / (apart**2).sum()) * apart


def _places(group: Sequence[object], units: int) -> np.ndarray:
    if len(group) != units:
        raise BadInput(f"ranking: {units} units need as many groups, found {len(group)}")
    return np.unique(np.asarray(group), return_inverse=True)[1]
