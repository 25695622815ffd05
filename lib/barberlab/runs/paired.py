"""Is it better than it was? Two back-tests compared fold by fold, with the uncertainty of the difference.

A score file holds `folds`, each with a `fingerprint` of the data it was scored on and `models`, a tree of scores per
model. Only folds of one fingerprint are compared: the same shops, the same weeks, the same money.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from barberlab.errors import BadInput
from barberlab.models.scores import Difference, paired_difference


@dataclass(frozen=True)
class Earlier:
    """An earlier score file: its name, and the scores of `model` per fold's fingerprint."""

    name: str
    folds: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path, model: str) -> Self:
        """Raises BadInput for a file that is no score file."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(path.name, {fold["fingerprint"]: fold["models"][model] for fold in told["folds"]})
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path.name}: is not a score file; `barberlab backtest ... --scores` writes one") from None

    def require_common(self, fingerprints: list[str]) -> None:
        """Raises BadInput where no fold matches, before anything is forecast."""
        if not set(fingerprints) & set(self.folds):
            raise BadInput(
                f"{self.name}: none of its {len(self.folds)} folds is one of these {len(fingerprints)}: other data, "
                "another horizon or other origins. Compare back-tests of the same file, horizon and origins"
            )

    def differences(self, folds: list[dict[str, Any]], model: str) -> list[tuple[str, Difference]]:
        """("location weeks wape", new minus old) of every score that both have, over the folds that both have."""
        pairs = [(dict(leaves(fold["models"][model])), self.folds.get(fold["fingerprint"])) for fold in folds]
        pairs = [(new, dict(leaves(old))) for new, old in pairs if old is not None]
        common = [name for name in (pairs[0][0] if pairs else ()) if all(name in old for _new, old in pairs)]
        sides = {name: np.array([(new[name], old[name]) for new, old in pairs]).T for name in common}
        return [(name, paired_difference(new, old)) for name, (new, old) in sides.items()]


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    """(path in words, number) of every score of a tree, without counts and seconds; NaN where there is none."""
    for name, value in tree.items():
        path = f"{above} {name}".strip()
        if isinstance(value, dict):
            yield from leaves(value, path)
        elif name != "n" and not name.endswith("_seconds"):
            yield path, float("nan") if value is None else float(value)
