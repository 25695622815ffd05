"""Who stands where, and how sure is that? Ranks, segments and moves from joint draws of the true scores.

A rank is a posterior of its own: "3rd" is said as "between 1st and 9th". Segments are the five bands of the network's
true scores; the two that praise or shame are assigned only where the chance is 8 in 10.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

SEGMENTS = ("Elite", "High performer", "Average", "Developing", "Underperforming")
UNCERTAIN = "Uncertain"
SHARES = (0.10, 0.20, 0.40, 0.20, 0.10)
CUTOFFS = (90.0, 75.0, 60.0, 40.0)  # on the score, where there are too few shops for bands of their own
FEWEST_FOR_BANDS = 20
EXTREMES, SURE, MORE_LIKELY = (0, 4), 0.8, 0.5
_CHUNK = 2_000_000  # values at a time


def ranks(draws: np.ndarray, better: str = "higher") -> np.ndarray:
    """(draw, unit) ranks of each joint draw, 1 the best."""
    if better not in ("higher", "lower"):
        raise BadInput(f"ranking: better is {better!r}; it is higher or lower")
    out = np.empty(draws.shape, np.int32)
    places = np.arange(1, draws.shape[1] + 1, dtype=np.int32)
    for k, row in enumerate(draws):
        out[k, np.argsort(-row if better == "higher" else row, kind="stable")] = places
    return out


def standing(found: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """Of each unit: expected rank, median rank, its 8 in 10 and 19 in 20, and the chance to be the best of all.

    found: ranks over (draw, unit).
    """
    at = np.concatenate([_quantiles(part) for part in _columns(found)], axis=1)
    frame = pd.DataFrame(
        dict(zip(("low95", "low80", "median", "high80", "high95"), at, strict=True)), index=pd.Index(names, name="unit")
    )
    frame.insert(0, "expected", found.mean(axis=0))
    return frame.assign(p_best=(found == 1).mean(axis=0))


def _columns(found: np.ndarray):
    step = max(1, _CHUNK // len(found))
    return (found[:, start : start + step] for start in range(0, found.shape[1], step))


def _quantiles(found: np.ndarray) -> np.ndarray:
    """(quantile, unit) whole ranks: the least rank that holds at least the share asked for, each tail outside it."""
    ordered = np.sort(np.ascontiguousarray(found.T), axis=1)
    (low95, high95), (low80, high80) = tails(NINETEEN_IN_TWENTY), tails(EIGHT_IN_TEN)
    places = [min(int(q * len(found)), len(found) - 1) for q in (low95, low80, 0.5, high80, high95)]
    return ordered[:, places].T


def banded(found: np.ndarray) -> np.ndarray:
    """(draw, unit) segment of each draw, 0 (Elite) to 4, by bands of 10, 20, 40, 20 and 10 % of its ranks.

    Raises NotAvailable for fewer than twenty units: a tenth of them would be nobody.
    """
    units = found.shape[1]
    if units < FEWEST_FOR_BANDS:
        raise NotAvailable("Segments by bands", f"at least {FEWEST_FOR_BANDS} comparable shops; found {units}")
    ends = np.cumsum(SHARES)[:-1] * units + 0.5
    return np.searchsorted(ends, np.arange(units + 1), side="left").astype(np.int8)[found]


def scored(draws: np.ndarray) -> np.ndarray:
    """(draw, unit) segment of each draw by fixed cut-offs on a score of 0 to 100: 90, 75, 60 and 40."""
    return (len(CUTOFFS) - np.searchsorted(CUTOFFS[::-1], draws, side="right")).astype(np.int8)


def chances(segments: np.ndarray) -> np.ndarray:
    """(unit, segment) the share of draws in each of the five."""
    return np.stack([(segments == k).mean(axis=0) for k in range(len(SEGMENTS))], axis=1)


def assigned(chance: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """The five chances of each unit, the segment it is given, and where it leans.

    chance: (unit, segment). An extreme is given from P >= .8, a middle one from P >= .5; all else is Uncertain, leaning
    to its likeliest.
    """
    best = chance.argmax(axis=1)
    top = chance[np.arange(len(chance)), best]
    given = top >= np.where(np.isin(best, EXTREMES), SURE, MORE_LIKELY) - 1e-12
    named = np.array(SEGMENTS, dtype=object)[best]
    frame = pd.DataFrame(chance, columns=list(SEGMENTS), index=pd.Index(names, name="unit"))
    return frame.assign(segment=np.where(given, named, UNCERTAIN), leaning=named, chance=top)


def lists(given: pd.DataFrame) -> pd.DataFrame:
    """Of each segment's list: how many are on it, and what share of it is wrong by our own reckoning.

    given: from `assigned`. `wrong` is 1 less the mean chance, the list's expected error rate; NaN for an empty list.
    """
    rows = [(name, given.loc[given["segment"] == name, name]) for name in SEGMENTS]
    frame = pd.DataFrame({"segment": name, "units": len(own), "wrong": 1 - own.mean()} for name, own in rows)
    return frame.set_index("segment")


@dataclass(frozen=True)
class Move:
    """Of each unit, the chances that it rose or fell by a segment or more, over (unit)."""

    rose: np.ndarray
    fell: np.ndarray

    @property
    def said(self) -> np.ndarray:
        """1 for a rise, -1 for a fall, 0 where neither has a chance of 8 in 10."""
        return np.where(self.rose >= SURE, 1, np.where(self.fell >= SURE, -1, 0))

    @property
    def wrong(self) -> float:
        """What share of the moves that are said is expected to be none; NaN where none is said."""
        said = np.maximum(self.rose, self.fell)[self.said != 0]
        return float(1 - said.mean()) if len(said) else float("nan")


def moved(now: np.ndarray, before: np.ndarray) -> Move:
    """From segments over (draw, unit) of two periods that share no day, of the same units in the same order."""
    if now.shape != before.shape:
        raise BadInput(f"moves: {now.shape} segments now and {before.shape} before; draw the same units as often")
    return Move((now < before).mean(axis=0), (now > before).mean(axis=0))
