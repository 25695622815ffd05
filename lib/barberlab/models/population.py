"""What do networks have in common? The one thing that crosses from network to network: hyperparameters, never a row.

A population is a model's hyperparameters on their sampling scale, as a normal distribution: mean and covariance. It is
fitted on simulated or public networks, or on at least twenty that opted in, kept as a small text file under
params/populations/ and pinned by its version in every run's manifest.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Self

import numpy as np

from barberlab.errors import BadInput

SIMULATED, PUBLIC, OPTED_IN = "simulated", "public", "opted-in"
SOURCES = (SIMULATED, PUBLIC, OPTED_IN)
LEAST_OPTED_IN = 20  # networks; below that the mean would tell much of each


@dataclass(frozen=True)
class Population:
    """Hyperparameters of `model` ("revenue", "churn") as N(mean, covariance), in the order of `names`.

    mean (p,), covariance (p, p) positive semi-definite, both finite; `source` one of SOURCES, `networks` how many it
    was fitted on, `as_of` the day (ISO) up to which their data were read. `gates` says in words, block by block, how
    its sampler passed its gates; empty where that was not kept.
    """

    model: str
    names: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    source: str
    networks: int
    as_of: str
    gates: tuple[str, ...] = ()

    def __post_init__(self):
        """Raises BadInput for shapes that disagree, values that are none, and too few networks that opted in."""
        mean, covariance = np.asarray(self.mean, float), np.asarray(self.covariance, float)
        if mean.shape != (len(self.names),) or covariance.shape != 2 * mean.shape:
            raise BadInput(
                f"population {self.model!r}: {len(self.names)} names need as many means and a square covariance; "
                f"found {mean.shape} and {covariance.shape}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise BadInput(f"population {self.model!r}: a mean or covariance is not a finite number")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() < -1e-9:
            raise BadInput(
                f"population {self.model!r}: its covariance is not one: it must be symmetric and not negative"
            )
        if self.source not in SOURCES:
            raise BadInput(
                f"population {self.model!r}: source {self.source!r} is unknown; known are {', '.join(SOURCES)}"
            )
        if self.source == OPTED_IN and self.networks < LEAST_OPTED_IN:
            raise BadInput(
                f"population {self.model!r}: {self.networks} networks opted in, at least {LEAST_OPTED_IN} are needed"
            )

    @property
    def version(self) -> str:
        """Its content's checksum: two files with the same numbers and words are the same population."""
        return blake2b(self._canonical().encode(), digest_size=8).hexdigest()

    def draw(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """(draws, p) hyperparameters; the same generator gives the same draws."""
        return rng.multivariate_normal(self.mean, self.covariance, size=draws, method="eigh")

    def text(self) -> str:
        """The file's text: JSON, with the version written beside the numbers it is the checksum of."""
        return json.dumps({"version": self.version} | self._told(), indent=1) + "\n"

    @classmethod
    def read(cls, text: str, file: str) -> Self:
        """From a file's text; raises BadInput naming the file where it is none or was altered."""
        try:
            fields = json.loads(text)
            version = fields.pop("version")
            rows = tuple(tuple(row) for row in fields.pop("covariance"))
            lists = {name: tuple(fields.pop(name)) for name in ("names", "mean")}
            population = cls(**lists, covariance=rows, gates=tuple(fields.pop("gates", ())), **fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadInput(f"{file}: is not a population file; build it with `barberlab population fit`") from None
        if population.version != version:
            raise BadInput(f"{file}: its numbers are not those of version {version}; build it anew")
        return population

    def _canonical(self) -> str:
        return json.dumps(self._told(), sort_keys=True, separators=(",", ":"))

    def _told(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if name != "gates" or value}
