"""What if? A forecast's own draws with one thing changed, and the difference that it makes.

Every scenario is played on the draws of the forecast (common random numbers; Glasserman & Yao 1992, Management Science
38(6)): draw by draw, what would have come with the change minus what would have come without. The level, the season and
all that is uncertain about them cancel; what is left is the change and how sure its assumptions are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from barberlab.errors import BadInput
from barberlab.models.assumptions import (
    DECAY,
    ELASTICITY,
    FILL_WEEKS,
    HOURS,
    LIFT,
    POSTPONED,
    RECAPTURE,
    UNMET,
    Assumption,
)
from barberlab.models.intervals import tails

CATCH_UP = 4  # weeks after a closure over which postponed visits come, evenly

Drawn = Mapping[str, np.ndarray]


class Lever(Protocol):
    """One thing that is changed: what it rests on, and the `shops` (L,) bool it touches, None for all."""

    assumptions: tuple[Assumption, ...]
    shops: np.ndarray | None

    @property
    def words(self) -> str:
        """The change, as a heading says it."""

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change, given (S,) draws of each assumption."""


@dataclass(frozen=True)
class Price:
    """Prices change by `change` (0.05: 5 % dearer) from week `start` on, for `share` of the revenue.

    Revenue of that share is multiplied by (1 + change)^(1 + elasticity).
    """

    change: float
    start: int = 0
    share: float = 1.0
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (ELASTICITY,)

    def __post_init__(self):
        """Raises BadInput for a change to nothing or less, and a share outside 0 to 1."""
        _require("price change", self.change, self.change > -1, "above -1 (-0.05 is 5 % cheaper)")
        _require_share("share of revenue", self.share)

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        return f"prices {_percent(self.change)}"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        factor = (1 + self.change) ** (1 + drawn[ELASTICITY.name])
        return _times(paths, 1 + self.share * (factor - 1), self.start)


@dataclass(frozen=True)
class MoreChairs:
    """`more` chairs or barbers beside the `chairs` (L,) there are, from week `start` on.

    `capacity` (L,) is what today's chairs would take in a week with every hour sold. Demand is what is served and what
    is turned away; a week then holds the demand, at most the new capacity, and never less than without the chair. The
    gain grows as 1 - exp(-weeks / weeks to fill).
    """

    chairs: np.ndarray
    capacity: np.ndarray
    more: int = 1
    start: int = 0
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (UNMET, FILL_WEEKS)

    def __post_init__(self):
        """Raises BadInput for shops without a chair or capacity."""
        for name, given in (("chairs", self.chairs), ("capacity", self.capacity)):
            values = np.asarray(given, float)
            holds = bool((np.isfinite(values) & (values > 0)).all())
            _require(name, values.min(initial=np.inf), holds, "above 0 in each shop")
        _require("more chairs", self.more, self.more >= 0, "0 or more; a lost one is LostBarber")

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        return f"{self.more} more chair{'s' if self.more != 1 else ''}"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        chairs, capacity = np.asarray(self.chairs, float), np.asarray(self.capacity, float)
        room = (capacity * (chairs + self.more) / chairs if self.more else np.zeros_like(capacity))[:, None, None]
        gain = np.maximum(np.minimum(room, paths * (1 + drawn[UNMET.name])) - paths, 0.0)
        age = np.maximum(np.arange(paths.shape[1]) - self.start + 1, 0)[:, None]
        return paths + gain * (1 - np.exp(-age / drawn[FILL_WEEKS.name]))


@dataclass(frozen=True)
class LostBarber:
    """A barber with `share` of the shop's revenue leaves in week `start`; nobody follows for `weeks` (None: ever)."""

    share: float
    start: int = 0
    weeks: int | None = None
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (RECAPTURE,)

    def __post_init__(self):
        """Raises BadInput for a share outside 0 to 1."""
        _require_share("share of the barber", self.share)

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        return f"a barber with {self.share:.0%} of revenue leaves"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        return _times(paths, 1 - self.share * (1 - drawn[RECAPTURE.name]), self.start, self.weeks)


@dataclass(frozen=True)
class OpeningHours:
    """Opening hours change by `change` (0.10: a tenth longer) from week `start` on: revenue times (1 + change)^e."""

    change: float
    start: int = 0
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (HOURS,)

    def __post_init__(self):
        """Raises BadInput for hours that are none or fewer."""
        _require("change of hours", self.change, self.change > -1, "above -1; no hours at all is a Closure")

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        return f"opening hours {_percent(self.change)}"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        return _times(paths, (1 + self.change) ** drawn[HOURS.name], self.start)


@dataclass(frozen=True)
class Campaign:
    """A campaign with `units` in the horizon's weeks (1 in one week: one send-out), whose effect fades.

    Adstock a_t = units_t + decay a_(t-1) (Broadbent 1979, J. Market Research Society 21(3)); revenue times
    1 + lift a_t, never below zero.
    """

    units: Sequence[float]
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (LIFT, DECAY)

    def __post_init__(self):
        """Raises BadInput for units that are negative or no numbers."""
        units = np.asarray(self.units, float)
        holds = bool((np.isfinite(units) & (units >= 0)).all())
        _require("units of campaign", units.min(initial=0), holds, "0 or more")

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        units = sum(self.units)
        return f"a campaign of {units:g} send-out{'s' if units != 1 else ''}"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        factor = 1 + drawn[LIFT.name] * adstock(self.units, drawn[DECAY.name], paths.shape[1])
        return paths * np.maximum(factor, 0.0)


@dataclass(frozen=True)
class Closure:
    """The shop is shut for `weeks` weeks from week `start` on; some of its visits come in the four weeks after."""

    weeks: int
    start: int = 0
    shops: np.ndarray | None = None
    assumptions: tuple[Assumption, ...] = (POSTPONED,)

    def __post_init__(self):
        """Raises BadInput for a negative number of weeks."""
        _require("weeks of closure", self.weeks, self.weeks >= 0, "0 or more")

    @property
    def words(self) -> str:
        """The change, as a heading says it."""
        return f"closed for {self.weeks} week{'s' if self.weeks != 1 else ''}"

    def apply(self, paths: np.ndarray, drawn: Drawn) -> np.ndarray:
        """paths (L, H, S) with the change."""
        end = self.start + self.weeks
        changed = paths.copy()
        changed[:, self.start : end] = 0.0
        lost = paths[:, self.start : end].sum(axis=1, keepdims=True)
        changed[:, end : end + CATCH_UP] += lost * drawn[POSTPONED.name] / CATCH_UP
        return changed


@dataclass(frozen=True)
class Played:
    """A scenario's outcome: `paths` (L, H, S) with the change, the paired `difference` (L, H, S), what was assumed."""

    words: str
    paths: np.ndarray
    difference: np.ndarray
    assumptions: tuple[Assumption, ...]

    def total(self, inside: float) -> tuple[float, float, float]:
        """(low, median, high) of the difference over all shops and weeks."""
        return tuple(np.quantile(self.difference.sum(axis=(0, 1)), self._levels(inside)).tolist())

    def by_shop(self, inside: float) -> np.ndarray:
        """(L, 3) low, median and high of each shop's difference over all weeks."""
        return np.quantile(self.difference.sum(axis=1), self._levels(inside), axis=-1).T

    def chance_of_gain(self) -> float:
        """P(the change brings more than it costs in revenue), over all shops and weeks."""
        return float((self.difference.sum(axis=(0, 1)) > 0).mean())

    @staticmethod
    def _levels(inside: float) -> list[float]:
        low, high = tails(inside)
        return [low, 0.5, high]


def play(paths: np.ndarray, levers: Lever | Sequence[Lever], seed: int) -> Played:
    """Draws `paths` (L, H, S) of revenue with one or several changes, one after the other.

    The same seed gives every assumption the same draws in every scenario, so that two scenarios can be compared in
    pairs as well. Raises BadInput for a lever of another number of shops, or one that starts outside the horizon.
    """
    levers = levers if isinstance(levers, Sequence) else [levers]
    assumptions = {one.name: one for lever in levers for one in lever.assumptions}
    _require_agreement(levers, assumptions)
    drawn = {name: one.draw(seed, paths.shape[2]) for name, one in assumptions.items()}
    changed = paths
    for lever in levers:
        _require_fit(lever, paths)
        told = lever.apply(changed, drawn)
        changed = told if lever.shops is None else np.where(np.asarray(lever.shops)[:, None, None], told, changed)
    words = ", ".join(lever.words for lever in levers)
    return Played(words, changed, changed - paths, tuple(assumptions.values()))


def with_measured[L: Lever](lever: L, name: str, mean: float, sd: float, source: str) -> L:
    """The lever with one assumption replaced by an experiment's estimate. Raises BadInput for an unknown name."""
    names = [one.name for one in lever.assumptions]
    if name not in names:
        raise BadInput(f"{lever.words}: rests on {', '.join(names)}, not on {name!r}")
    told = (one.measured(mean, sd, source) if one.name == name else one for one in lever.assumptions)
    return replace(lever, assumptions=tuple(told))


def adstock(units: Sequence[float], decay: np.ndarray, weeks: int) -> np.ndarray:
    """(weeks, S) what is left of all campaigns in each week, for decay (S,); units beyond `weeks` are not seen."""
    given = np.zeros(weeks)
    given[: len(units)] = np.asarray(units, float)[:weeks]
    stock = np.empty((weeks, len(decay)))
    before = np.zeros(len(decay))
    for week in range(weeks):
        before = given[week] + decay * before
        stock[week] = before
    return stock


def _percent(change: float) -> str:
    sign = "" if change == 0 else "+" if change > 0 else "\u2212"
    return f"{sign}{abs(100 * change):.3g}%"


def _times(paths: np.ndarray, factor: np.ndarray, start: int, weeks: int | None = None) -> np.ndarray:
    """Weeks from `start` on times (S,) `factor`."""
    changed = paths.copy()
    changed[:, start : None if weeks is None else start + weeks] *= factor
    return changed


def _require(what: str, found: float, holds: bool, wanted: str) -> None:
    if not holds:
        raise BadInput(f"{what}: found {found}, it must be {wanted}")


def _require_share(what: str, found: float) -> None:
    _require(what, found, 0 <= found <= 1, "between 0 and 1")


def _require_agreement(levers: Sequence[Lever], assumptions: dict[str, Assumption]) -> None:
    for lever in levers:
        for one in lever.assumptions:
            if one != assumptions[one.name]:
                raise BadInput(f"{lever.words}: {one.name} is assumed in two ways; give all levers the same")


def _require_fit(lever: Lever, paths: np.ndarray) -> None:
    shops, horizon, _draws = paths.shape
    for name in ("shops", "chairs", "capacity"):
        values = getattr(lever, name, None)
        if values is not None and np.shape(values) != (shops,):
            raise BadInput(f"{lever.words}: {name} has shape {np.shape(values)}, expected a value for each of {shops}")
    start = getattr(lever, "start", 0)
    _require(f"{lever.words}: start", start, 0 <= start < horizon, f"a week of the horizon, 0 to {horizon - 1}")
