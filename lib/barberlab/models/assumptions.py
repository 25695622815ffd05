"""What is taken for granted, by whom, and how sure is that? A number with its spread, its name and its source.

A scenario rests on numbers that the network's own history does not tell. Each is a prior that is carried with the
result and shown beside it, and is replaced where an experiment has measured it.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Self

import numpy as np

from barberlab.errors import BadInput

NORMAL, BETA, LOGNORMAL = "normal", "beta", "lognormal"
ASSUMED, MEASURED = "assumed", "measured"


@dataclass(frozen=True)
class Assumption:
    """`name` as its lever calls it, `about` in words with its unit, mean and sd of the `family`, and the source.

    A normal is cut off at `low` and `high`; its mean and sd are those before the cut. A beta lies between 0 and 1, a
    lognormal above 0. `standing` is ASSUMED or MEASURED.
    """

    name: str
    about: str
    family: str
    mean: float
    sd: float
    source: str
    low: float = -np.inf
    high: float = np.inf
    standing: str = ASSUMED

    def __post_init__(self):
        """Raises BadInput for a mean and sd that the family cannot have, and for a source that is not told."""
        if self.family not in (NORMAL, BETA, LOGNORMAL):
            raise BadInput(f"assumption {self.name!r}: family {self.family!r}: it is normal, beta or lognormal")
        if not (np.isfinite(self.mean) and np.isfinite(self.sd) and self.sd >= 0):
            raise BadInput(f"assumption {self.name!r}: mean {self.mean} and sd {self.sd} must be finite, sd at least 0")
        if not self.source.strip():
            raise BadInput(f"assumption {self.name!r}: says no source; name the experiment or who assumes it")
        if not self._possible():
            raise BadInput(
                f"assumption {self.name!r}: a {self.family} cannot have mean {self.mean} and sd {self.sd}"
                f"{f' between {self.low} and {self.high}' if self.family == NORMAL else ''}"
            )

    def _possible(self) -> bool:
        if self.family == NORMAL:
            return self.low <= self.mean <= self.high
        if self.family == LOGNORMAL:
            return self.mean > 0
        return 0 <= self.mean <= 1 and (self.sd == 0 or self.sd**2 < self.mean * (1 - self.mean))

    def measured(self, mean: float, sd: float, source: str) -> Self:
        """The same number as an experiment found it."""
        return replace(self, mean=mean, sd=sd, source=source, standing=MEASURED)

    def draw(self, seed: int, draws: int) -> np.ndarray:
        """(draws,) values, one from each of as many equally likely slices (McKay, Beckman & Conover 1979), shuffled.

        The seed and the name alone decide them, so that scenarios that share an assumption share its draws.
        """
        digest = int.from_bytes(blake2b(self.name.encode(), digest_size=8).digest(), "little")
        rng = np.random.default_rng([seed, digest])
        if self.sd == 0:
            return np.full(draws, float(self.mean))
        return self._distribution().ppf((rng.permutation(draws) + rng.random(draws)) / draws)

    def _distribution(self):
        # Half a second and 50 MB, which whoever only shows what others have drawn does not need.
        from scipy import stats  # noqa: PLC0415

        if self.family == NORMAL:
            cut = (np.array([self.low, self.high]) - self.mean) / self.sd
            return stats.truncnorm(*cut, self.mean, self.sd)
        if self.family == LOGNORMAL:
            variance = np.log1p((self.sd / self.mean) ** 2)
            return stats.lognorm(np.sqrt(variance), scale=self.mean * np.exp(-variance / 2))
        weight = self.mean * (1 - self.mean) / self.sd**2 - 1
        return stats.beta(self.mean * weight, (1 - self.mean) * weight)


_HOUSE = "this workspace: "

ELASTICITY = Assumption(
    "price elasticity",
    "change of visits in per cent for a price 1% higher",
    *(NORMAL, -0.5, 0.25),
    _HOUSE + "regulars come by habit, some come less often or leave; a price test replaces it",
    high=0.0,
)
UNMET = Assumption(
    "unmet demand",
    "visits turned away for want of a chair, as a share of those that were served",
    *(BETA, 0.08, 0.05),
    _HOUSE + "a few of a hundred find no chair; a waiting list or a log of refused bookings replaces it",
)
FILL_WEEKS = Assumption(
    "weeks to fill",
    "weeks after which a new chair holds 63% of the work it will hold",
    *(LOGNORMAL, 8.0, 4.0),
    _HOUSE + "regulars follow within a season; the opening curve of earlier chairs replaces it",
)
RECAPTURE = Assumption(
    "recapture",
    "share of a lost barber's revenue that the others keep in the shop",
    *(BETA, 0.5, 0.15),
    _HOUSE + "half are the shop's and half the barber's; earlier departures replace it",
)
HOURS = Assumption(
    "hours elasticity",
    "change of revenue in per cent for opening hours 1% longer",
    *(BETA, 0.4, 0.2),
    _HOUSE + "added hours are quieter than those that are open today; a trial in some shops replaces it",
)
LIFT = Assumption(
    "campaign lift",
    "more revenue in a week with one send-out, as a share",
    *(NORMAL, 0.03, 0.02),
    _HOUSE + "of those reached few come sooner; a campaign with a hold-out replaces it",
)
DECAY = Assumption(
    "campaign decay",
    "share of a campaign's effect that is left a week later",
    *(BETA, 0.5, 0.15),
    _HOUSE + "half is forgotten in a week; the weeks after a campaign with a hold-out replace it",
)
POSTPONED = Assumption(
    "postponed visits",
    "share of a closure's lost revenue that comes in the four weeks after it",
    # From 0, nobody waits, to .6, everybody does: a rhythm of four weeks that waits half of three has lost 1.5 / 4.
    *(BETA, 0.25, 0.15),
    _HOUSE + "hair grows on, some go elsewhere, who waits loses part of a rhythm; earlier closures replace it",
)

ALL = (ELASTICITY, UNMET, FILL_WEEKS, RECAPTURE, HOURS, LIFT, DECAY, POSTPONED)
