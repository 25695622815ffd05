"""Where do we stand among other networks? One release, the same bytes for every member, and one's own position in it.

A release holds, for each public cell and key figure, the values below which a given part of the pool's shops lie, each
with its error, and never a network or its number. Where too few networks stand in a cell it is dark and holds nothing.
A member's position is computed here, from its own posterior draws and the release: nobody else's rows are asked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import norm

from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.release_filter import Pool
from barberlab.models.release_spec import Cell, Kpi, Spec

LIT, DARK = "lit", "dark"
OPTED_IN, SIMULATED = "opted-in", "simulated"
ENTER, STAY, PERIODS = 22, 18, 2  # effective networks to light a cell, to keep it lit; how long it takes to light it
QUARTILES, TENTHS = (25, 50, 75), (10, 25, 30, 50, 70, 75, 90)
BANDS = {"20-49": (20, 50), "50-99": (50, 100), "100 and more": (100, float("inf"))}
NEEDS = "at least 20 networks that take part, two months in a row"
GOLDEN = (5**0.5 - 1) / 2  # steps of it fill the unit interval evenly (Weyl 1916)
EDGES = (10, 30, 70, 90)  # between the five segments, as parts of the pool


@dataclass(frozen=True)
class Standing:
    """Whether a cell is lit, and for how many periods on end it has had enough networks to become so."""

    lit: bool = False
    enough: int = 0

    def after(self, effective: float) -> "Standing":
        """The standing after a period with so many effective networks; no flicker around one threshold."""
        enough = min(self.enough + 1, PERIODS) if effective >= ENTER else 0
        return Standing(effective >= STAY if self.lit else enough >= PERIODS, enough)


@dataclass(frozen=True)
class Release:
    """What every member gets. period: "2026-10"; `months`: the month each lag is of, such as {"3": "2026-07"}.

    source: "opted-in" or "simulated"; cells: by name, {"state": "dark"}, or "lit" with `networks` (a band) and `kpis`:
    name -> percentile -> [z, its standard error].
    """

    period: str
    months: Mapping[str, str]
    source: str
    spec: Spec
    cells: Mapping[str, Mapping[str, Any]]

    @cached_property
    def version(self) -> str:
        """Its content's checksum."""
        return blake2b(self._canonical().encode(), digest_size=16).hexdigest()

    def text(self) -> str:
        """The file's text; the same for the same content."""
        return json.dumps({"version": self.version} | self._content(), indent=1) + "\n"

    @classmethod
    def read(cls, text: str, file: str) -> Self:
        """From a file's text; raises Damaged where it is no release, or not as it was published."""
        try:
            fields = json.loads(text)
            version = fields.pop("version")
            release = cls(**fields | {"spec": Spec.of(fields["spec"], file)})
            whole = release.version == version
        except (ValueError, TypeError, KeyError, AttributeError, BadInput):
            raise Damaged(f"{file}: cannot be read as a benchmark release") from None
        if not whole:
            raise Damaged(f"{file}: was altered after it was published; ask for it again")
        return release

    def cell_of(self, shops: int) -> Cell:
        """The narrowest lit cell of a network of so many shops; raises NotAvailable where all of them are dark."""
        lit = [cell for cell in self.spec.cells_of(shops) if self.cells[cell.name]["state"] == LIT]
        if not lit:
            raise NotAvailable("Benchmark", NEEDS)
        return min(lit, key=lambda cell: cell.weight)

    def dark(self) -> list[Cell]:
        """The cells that hold nothing, because too few networks stand in them."""
        return [cell for cell in self.spec.cells if self.cells[cell.name]["state"] == DARK]

    def networks(self, cell: str) -> str:
        """How many networks stand in a lit cell, effectively and roughly: a band, from a noisy count."""
        return self._lit(cell)["networks"]

    def cutpoints(self, kpi: str, currency: str, cell: str = "all") -> pd.DataFrame:
        """One row per percentile [1..99] of the pool's shops: value, low80, high80 in natural units, and points_off.

        Money is in minor units of `currency`, on that currency's own public centre. `points_off`: the standard error in
        percentile points. Raises NotAvailable for a dark cell, and for a currency without a centre.
        """
        rule, cuts = self.spec.kpi(kpi), self._cuts(kpi, cell)
        low, high = (norm.ppf(q) for q in tails(EIGHT_IN_TEN))
        columns = {
            name: rule.natural(cuts["z"] + away * cuts["se"], currency)
            for name, away in (("value", 0.0), ("low80", low), ("high80", high))
        }
        density = norm.pdf(norm.ppf(cuts.index / 100)) / _spread(cuts)
        return pd.DataFrame(columns, index=cuts.index).assign(points_off=100 * cuts["se"] * density)

    def position(
        self, kpi: str, own: np.ndarray, currency: str, cell: str = "all", names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Where own values stand in the pool, with the uncertainty of both: one row per column of `own`.

        own: posterior draws (draw, shop), or (draw,) for one, in natural units (minor units for money). Returns
        percentile, low80, high80 - parts of the pool's shops that lie below, within what the release tells, so that 90
        reads "90 or more" - and, for each released percentile p, below_p: the probability that the own value is lower.
        """
        rule, cuts = self.spec.kpi(kpi), self._cuts(kpi, cell)
        z = _standard(rule, own, currency)
        # The noise of the cutpoints, one even quantile per draw in an order that has nothing to do with the draws'.
        noise = norm.ppf(np.modf(0.5 + np.arange(len(z)) * GOLDEN)[0])[:, None]
        moved = z + noise * np.interp(z, cuts["z"], cuts["se"])
        percentiles = 100 * ndtr(np.interp(moved, cuts["z"], norm.ppf(cuts.index / 100)))
        wanted = zip(("percentile", "low80", "high80"), (0.5, *tails(EIGHT_IN_TEN)), strict=True)
        frame = pd.DataFrame({name: np.quantile(percentiles, q, axis=0) for name, q in wanted})
        return _named(frame.join(_below(cuts, z).add_prefix("below_")), names)

    def segments(
        self, kpi: str, own: np.ndarray, currency: str, cell: str = "all", names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """P(each of the five segments) of own values: one row per column of `own`, columns 1 (worst) to 5 (best).

        The edges are the pool's 10th, 30th, 70th and 90th percentile, turned round where less is better. Raises
        NotAvailable where the cell has too few networks to tell its tails.
        """
        rule = self.spec.kpi(kpi)
        below = _below(self._cuts(kpi, cell), _standard(rule, own, currency))
        if not set(EDGES) <= set(below.columns):
            raise NotAvailable(f"Segments by {rule.label}", "at least 50 networks that take part")
        rising = np.maximum.accumulate(below[list(EDGES)].to_numpy(), axis=1)
        parts = np.diff(np.pad(rising, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)
        best_last = parts if rule.better == "high" else parts[:, ::-1]
        return _named(pd.DataFrame(best_last, columns=[1, 2, 3, 4, 5]), names)

    def _cuts(self, kpi: str, cell: str) -> pd.DataFrame:
        cuts = self._lit(cell)["kpis"][self.spec.kpi(kpi).name]
        frame = pd.DataFrame.from_dict({int(p): pair for p, pair in cuts.items()}, orient="index", columns=["z", "se"])
        return frame.sort_index().rename_axis("percentile")

    def _lit(self, cell: str) -> Mapping[str, Any]:
        if cell not in self.cells:
            raise BadInput(f"the benchmark has no cell {cell!r}; it has {', '.join(self.cells)}")
        if self.cells[cell]["state"] != LIT:
            raise NotAvailable("Benchmark", NEEDS)
        return self.cells[cell]

    def _content(self) -> dict[str, Any]:
        return asdict(self) | {"spec": self.spec.to_json()}

    def _canonical(self) -> str:
        return json.dumps(self._content(), sort_keys=True, separators=(",", ":"))


def cell_content(pool: Pool, standing: Standing, weight: float, spec: Spec) -> dict[str, Any]:
    """What a release says of one cell: nothing but its state where it is dark."""
    if not standing.lit:
        return {"state": DARK}
    band = _band(weight * pool.networks)
    found = {percentile: pool.percentile(percentile / 100) for percentile in told(band)}
    kpis = {
        kpi.name: {str(p): [round(float(z[i]), 4), round(float(se[i]), 4)] for p, (z, se) in found.items()}
        for i, kpi in enumerate(spec.kpis)
    }
    return {"state": LIT, "networks": band, "kpis": kpis}


def told(band: str) -> tuple[int, ...]:
    """The percentiles that a cell of so many networks is told at: no tails where there are few."""
    return QUARTILES if band == "20-49" else TENTHS


def _band(effective: float) -> str:
    # The count is noisy, the threshold was not: a lit cell is at least in the lowest band.
    return next((name for name, (low, high) in BANDS.items() if low <= effective < high), "20-49")


def _spread(cuts: pd.DataFrame) -> float:
    low, high = cuts["z"].loc[25], cuts["z"].loc[75]
    return (high - low) / (norm.ppf(0.75) - norm.ppf(0.25))


def _standard(rule: Kpi, own: np.ndarray, currency: str) -> np.ndarray:
    """(draw, shop) on the public scale."""
    draws = np.asarray(own, float)
    z = rule.standard(draws[:, None] if draws.ndim == 1 else draws, currency)
    if not np.isfinite(z).all():
        raise BadInput(f"{rule.label}: own draws hold a value that is no number, or none of its scale")
    return z


def _below(cuts: pd.DataFrame, z: np.ndarray) -> pd.DataFrame:
    """P(own < cutpoint), a row per shop, a column per percentile; the cutpoint's own error is integrated out."""
    return pd.DataFrame({cut.Index: ndtr((cut.z - z) / cut.se).mean(axis=0) for cut in cuts.itertuples()})


def _named(frame: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    return frame if names is None else frame.set_axis(list(names), axis=0)
