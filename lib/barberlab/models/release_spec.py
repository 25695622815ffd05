"""What is compared across networks? The public rules of the benchmark: its key figures, cells, bounds and budget.

They are fixed before any row is read, kept in params/benchmark/cells.yaml and repeated in every release, so that a
member can check each number's meaning without asking anybody.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from math import hypot, sqrt
from typing import Any, Self

import numpy as np
from scipy.special import expit, logit

from barberlab.errors import BadInput, NotAvailable

SCALES = ("log", "logit", "plain")
FARTHEST = 4.0  # spreads from the centre; a shop farther out counts as one that stands there


@dataclass(frozen=True)
class Kpi:
    """One key figure and the public scale on which shops are compared: z = (scale(value) - scale(centre)) / spread.

    centre: one number, or one per currency for money (minor units). `range`: what a shop's value may be at all;
    `least`: the denominator that a shop must have to be counted; `lag_months`: how much later than others it is shown;
    `better`: "high" or "low".
    """

    name: str
    label: str
    unit: str
    scale: str
    better: str
    centre: float | dict[str, float]
    spread: float
    range: tuple[float, float]
    least: float
    lag_months: int

    def __post_init__(self):
        """Raises BadInput for a scale that is none, and for bounds that are no bounds."""
        centres = self.centre.values() if isinstance(self.centre, Mapping) else [self.centre]
        inside = all(self.range[0] <= centre <= self.range[1] for centre in centres)
        if self.scale not in SCALES or self.better not in ("high", "low"):
            raise BadInput(f"kpi {self.name!r}: scale is one of {', '.join(SCALES)}, better is high or low")
        if not (inside and self.spread > 0 and self.least > 0 and self.lag_months >= 0):
            raise BadInput(f"kpi {self.name!r}: centre must lie in range, spread and least above 0, lag_months from 0")

    def centre_in(self, currency: str) -> float:
        """The public centre; raises NotAvailable for money in a currency that has none."""
        if not isinstance(self.centre, Mapping):
            return self.centre
        if currency not in self.centre:
            raise NotAvailable(f"Benchmark of {self.label}", f"a public centre for {currency} in the cells' file")
        return self.centre[currency]

    def standard(self, value: np.ndarray, currency: str) -> np.ndarray:
        """z of values in natural units, within FARTHEST of the centre; NaN stays NaN."""
        z = (self._to(np.asarray(value, float)) - self._to(self.centre_in(currency))) / self.spread
        return np.clip(z, -FARTHEST, FARTHEST)

    def natural(self, z: np.ndarray, currency: str) -> np.ndarray:
        """Values in natural units: the way back from `standard`."""
        return self._back(self._to(self.centre_in(currency)) + np.asarray(z, float) * self.spread)

    def _to(self, value):
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"log": np.log, "logit": logit, "plain": np.asarray}[self.scale](value)

    def _back(self, value):
        return {"log": np.exp, "logit": expit, "plain": np.asarray}[self.scale](value)


@dataclass(frozen=True)
class Cell:
    """Networks of so many shops [from, to]; `weight` is the part of its vector that a network puts into the cell."""

    name: str
    label: str
    weight: float
    shops: tuple[int, int]

    def __contains__(self, shops: int) -> bool:
        """Whether a network of so many shops stands in it."""
        return self.shops[0] <= shops <= self.shops[1]


@dataclass(frozen=True)
class Spec:
    """The whole of the public rules. Raises BadInput where a network could weigh more than one."""

    version: int
    year_micro_rho: int
    release_micro_rho: int
    count: float
    clip: float
    fewest_shops: int
    kpis: tuple[Kpi, ...]
    cells: tuple[Cell, ...]

    def __post_init__(self):
        """Raises BadInput for a budget that is none, and for cells that would let a network weigh more than one."""
        if not 0 < self.release_micro_rho <= self.year_micro_rho or self.fewest_shops < 2:
            raise BadInput("cells: 0 < release_micro_rho <= year_micro_rho and fewest_shops >= 2 must hold")
        if not (self.kpis and self.cells and self.count > 0 and self.clip > 0):
            raise BadInput("cells: kpis and cells must not be empty, count and clip must be above 0")
        heaviest = max(sum(cell.weight**2 for cell in self.cells_of(cell.shops[0])) for cell in self.cells)
        if heaviest > 1 + 1e-12 or min(cell.weight for cell in self.cells) <= 0:
            raise BadInput(f"cells: the squares of a network's weights add up to {heaviest:.3f}; at most 1 is allowed")

    @classmethod
    def of(cls, said: Mapping[str, Any], file: str) -> Self:
        """From the mapping in a file; raises BadInput naming the file where a key is missing, unknown or of no use."""
        try:
            kpis = tuple(Kpi(name=name, **_paired(rest, "range")) for name, rest in said["kpis"].items())
            cells = tuple(Cell(name=name, **_paired(rest, "shops")) for name, rest in said["cells"].items())
            return cls(**{**said, "kpis": kpis, "cells": cells})
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise BadInput(f"{file}: a key is missing, unknown or holds no such value: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """The mapping that `of` takes."""
        whole = asdict(self)
        return whole | {part: {one.pop("name"): one for one in whole[part]} for part in ("kpis", "cells")}

    @property
    def sha(self) -> str:
        """A checksum of all of it, in its order, which is that of the vector; comments do not count."""
        return blake2b(json.dumps(self.to_json()).encode(), digest_size=16).hexdigest()

    @property
    def sensitivity(self) -> float:
        """How far adding or removing one network can move the sum of vectors, in Euclidean distance."""
        return hypot(self.count, self.clip)

    @property
    def noise(self) -> float:
        """Standard deviation of the Gaussian noise on each coordinate: rho = (sensitivity / noise)^2 / 2."""
        return self.sensitivity / sqrt(2 * self.release_micro_rho * 1e-6)

    def kpi(self, name: str) -> Kpi:
        """The key figure called `name`; raises BadInput that lists what there is."""
        found = {kpi.name: kpi for kpi in self.kpis}
        if name not in found:
            raise BadInput(f"the benchmark has no {name!r}; it has {', '.join(found)}")
        return found[name]

    def cells_of(self, shops: int) -> list[Cell]:
        """Every cell in which a network of so many shops stands."""
        return [cell for cell in self.cells if shops in cell]


def _paired(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    low, high = said[key]
    return {**said, key: (low, high)}
