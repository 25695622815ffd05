"""Which gaps between shops are real, what are they worth, and what do the better shops do differently?

A gap is real where we are nine parts in ten sure that it is larger than a practical margin. What better shops do is an
association and nothing more: no shop was told to do it, and whatever else sets them apart goes along with it. So that
not one of many practices stands out by luck, the largest of them is judged against the largest that shops dealt at
random would show (Westfall & Young 1993, Resampling-Based Multiple Testing, section 2.3).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.benchmark_kpis import Ranked
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

REAL = 0.9
# No practical difference: a point of a rate, else relative.
MARGINS = {
    "rate": 0.01,
    "money": 0.03,
    "money_per_hour": 0.03,
    "share": 0.03,
    "count_per_100_hours": 0.03,
    "change": 0.03,
}
FALSE_ALARM = 0.05  # networks of equals in which any practice at all is named
FEWEST_SHOPS = 6  # 720 ways to deal them out
DEALS = 4000


def gaps(found: Ranked) -> pd.DataFrame:
    """Each unit's gap to the network with its ranges, the chance that it is beyond the margin, and whether it is real.

    Columns mid, low80, high80, low95, high95 (points of a rate, else relative), p_above, p_below, real, value, seen.
    """
    margin = MARGINS[found.unit]
    frame = _ranges(found.gap).assign(
        p_above=(found.gap > margin).mean(axis=0), p_below=(found.gap < -margin).mean(axis=0)
    )
    frame = frame.assign(
        real=frame[["p_above", "p_below"]].max(axis=1) > REAL, value=np.median(found.value, axis=0), seen=found.seen
    )
    return frame.set_index(pd.Index(found.names, name="unit"))


def wrong(table: pd.DataFrame) -> float:
    """What share of the gaps called real is expected not to be, from `gaps`; NaN where none is real."""
    real = table[table["real"].astype(bool)]
    return float(1 - real[["p_above", "p_below"]].max(axis=1).mean())


def _ranges(draws: np.ndarray) -> pd.DataFrame:
    (low80, high80), (low95, high95) = tails(EIGHT_IN_TEN), tails(NINETEEN_IN_TWENTY)
    at = np.quantile(draws, [0.5, low80, high80, low95, high95], axis=0)
    return pd.DataFrame(dict(zip(("mid", "low80", "high80", "low95", "high95"), at, strict=True)))


def worth(found: Ranked, per_year: Mapping[str, float], each: float = 1.0) -> pd.DataFrame:
    """What each unit's gap comes to in a year, were nothing else different: mid, low80, high80, low95, high95.

    per_year: unit -> exposure in a year (hours of an hourly revenue, visits of a ticket). each: minor units that one
    unit of the KPI is worth, negative where lower is better (a missed visit costs a ticket). Units without an
    exposure are NaN.
    """
    volume = np.array([float(per_year.get(name, np.nan)) for name in found.names])
    if (volume < 0).any():
        raise BadInput(f"{found.metric}: a year's exposure cannot be negative")
    money = (found.value - found.network[:, None]) * volume * each
    return _ranges(money).set_index(pd.Index(found.names, name="unit"))


def associations(found: Ranked, practices: pd.DataFrame, seed: int = 0, deals: int = DEALS) -> pd.DataFrame:
    """What goes along with a KPI's gap over the units: of each practice how much, its range, and if by more than luck.

    practices: over units, a column each; one that is not known everywhere, or the same everywhere, is left out.
    Returns, per practice, slope (gap per sd of the practice), low80, high80, sd, units, p (that luck alone would show
    one as strong among all practices) and `found`. Raises NotAvailable for fewer than six units.
    """
    shared = [name for name in found.names if name in practices.index]
    known = practices.loc[shared].astype(float).dropna(axis=1)
    known = known.loc[:, known.std(ddof=1) > 1e-9 * (1 + known.abs().mean())]
    if len(shared) < FEWEST_SHOPS:
        raise NotAvailable("What better shops do", f"at least {FEWEST_SHOPS} comparable shops; found {len(shared)}")
    if known.empty:
        raise NotAvailable("What better shops do", "a practice in which the shops differ")
    own = found.gap[:, [found.names.index(name) for name in shared]]
    z = ((known - known.mean()) / known.std(ddof=1)).to_numpy()
    slope, error, t = _regressed(own.mean(axis=0), z)
    largest = _by_luck(own.mean(axis=0), z, np.random.default_rng(seed), deals)
    p = (1 + (largest[:, None] >= np.abs(t)[None, :] - 1e-12).sum(axis=0)) / (1 + deals)
    spread = _slopes(own, z).std(axis=0)
    wide = 1.2816 * np.hypot(error, spread)
    frame = pd.DataFrame({"slope": slope, "low80": slope - wide, "high80": slope + wide}, index=known.columns)
    return frame.assign(sd=known.std(ddof=1), units=len(shared), p=p, found=p <= FALSE_ALARM).sort_values("p")


def _slopes(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(draw, practice) least-squares slopes of y (draw, unit) on each standardised practice."""
    return (y - y.mean(axis=-1, keepdims=True)) @ z / (len(z) - 1)


def _regressed(y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """slope, standard error and t of each practice alone."""
    slope = _slopes(y, z)
    rest = (y - y.mean())[:, None] - z * slope
    error = np.sqrt((rest**2).sum(axis=0) / (len(z) - 2) / (len(z) - 1))
    return slope, error, slope / np.maximum(error, 1e-300)


def _by_luck(y: np.ndarray, z: np.ndarray, rng: np.random.Generator, deals: int) -> np.ndarray:
    """(deal) the largest |t| of all practices, the shops' results dealt out at random."""
    dealt = rng.permuted(np.tile(y, (deals, 1)), axis=1)
    slope = _slopes(dealt, z)
    squares = ((dealt - dealt.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)[:, None]
    # By Pythagoras: what a slope leaves unexplained.
    rest = np.maximum(squares - slope**2 * (len(z) - 1), 1e-300)
    return np.abs(slope / np.sqrt(rest / (len(z) - 2) / (len(z) - 1))).max(axis=1)
