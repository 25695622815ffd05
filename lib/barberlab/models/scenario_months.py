"""What if, where only whole months were kept? Levers speak of weeks; a month's draws are laid out in weeks and back.

A month's revenue lies evenly on its days, and a week has that of its days. What a lever makes of a week it makes of
both months that share the week, in proportion; so no money is won or lost on the way, and a lever that does nothing
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import scenarios
from barberlab.models.scenarios import Lever, Played

_DAYS = 7


@dataclass(frozen=True)
class Ahead:
    """Joint draws (L, M, S) of the revenue of shops `location` (L,) in whole months that follow each other.

    starts: (M,) datetime64[D], each month's first day. Raises BadInput for months with a gap and for other shapes.
    """

    location: np.ndarray
    starts: np.ndarray
    draws: np.ndarray

    def __post_init__(self):
        if self.draws.ndim != 3 or self.draws.shape[:2] != (len(self.location), len(self.starts)):
            raise BadInput(
                f"months ahead: draws have shape {self.draws.shape}, expected ({len(self.location)}, "
                f"{len(self.starts)}, draws): shops, months, draws"
            )
        months = self.starts.astype("datetime64[M]")
        if not len(months) or (np.diff(months).astype(int) != 1).any() or (months != self.starts).any():
            raise BadInput("months ahead: must be whole months that follow each other, named by their first days")

    @cached_property
    def total(self) -> np.ndarray:
        """(M, S) of all shops together: the sum of each draw, so that its quantiles are those of the sum."""
        return self.draws.sum(axis=0, dtype=float)

    def of(self, shops: Sequence[str]) -> "Ahead":
        """The same of these shops alone, in the order that they have here; unknown ones are passed over."""
        return Ahead(self.location[own := np.isin(self.location, list(shops))], self.starts, self.draws[own])

    def after(self, day: date) -> "Ahead":
        """The months that begin after `day`: the draws of one that has begun hold what was counted of it.

        Raises NotAvailable where there is none.
        """
        later = self.starts > np.datetime64(day)
        if not later.any():
            raise NotAvailable("months ahead", f"a forecast beyond {day}")
        return Ahead(self.location, self.starts[later], self.draws[:, later])

    @cached_property
    def shares(self) -> np.ndarray:
        """(H, M) what part of each month's days lies in each week; weeks are counted from the first day on."""
        ends = (self.starts.astype("datetime64[M]") + np.timedelta64(1, "M")).astype("datetime64[D]")
        days = (np.concatenate([self.starts, ends[-1:]]) - self.starts[0]).astype(int)
        weeks = np.arange(0, days[-1], _DAYS)[:, None]
        inside = np.minimum(weeks + _DAYS, days[1:]) - np.maximum(weeks, days[:-1])
        return np.maximum(inside, 0) / np.diff(days)

    @cached_property
    def weekly(self) -> np.ndarray:
        """(L, H, S) revenue of each week; the last may be a part of one."""
        return self.shares @ self.draws.astype(float)

    @cached_property
    def together(self) -> np.ndarray:
        """(1, H, S) weeks of all shops together."""
        return self.weekly.sum(axis=0, keepdims=True)


def play(ahead: Ahead, levers: Sequence[Lever], seed: int) -> Played:
    """As `scenarios.play`, over months: paths and difference (L, M, S)."""
    played = scenarios.play(ahead.weekly, levers, seed)
    months = ahead.draws.astype(float)
    difference = _in_months(months, ahead, played.paths, ahead.weekly)
    return Played(played.words, months + difference, difference, played.assumptions)


def play_together(ahead: Ahead, apart: Sequence[Lever], alike: Sequence[Lever], seed: int) -> Played:
    """The same of all shops together, (1, M, S), for many shops at once.

    apart: levers that ask for each shop's own numbers, played first. alike: levers that multiply every shop's weeks by
    the same, which can be played on the sum.
    """
    return finish(ahead, summed(ahead, apart, seed), apart, alike, seed)


def summed(ahead: Ahead, apart: Sequence[Lever], seed: int) -> np.ndarray:
    """(1, H, S) weeks of all shops together, after the levers that ask for each shop's own numbers."""
    return scenarios.play(ahead.weekly, apart, seed).paths.sum(axis=0, keepdims=True) if apart else ahead.together


def finish(ahead: Ahead, weeks: np.ndarray, apart: Sequence[Lever], alike: Sequence[Lever], seed: int) -> Played:
    """What `play_together` gives, from the `summed` weeks; those are worth keeping while other levers are moved."""
    played = scenarios.play(weeks, alike, seed)
    months = ahead.total[None]
    difference = _in_months(months, ahead, played.paths, ahead.together)
    every = [*apart, *alike]
    assumptions = {one.name: one for lever in every for one in lever.assumptions}
    words = ", ".join(lever.words for lever in every)
    return Played(words, months + difference, difference, tuple(assumptions.values()))


def _in_months(months: np.ndarray, ahead: Ahead, changed: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """What months (L, M, S) gain where their weeks became `changed`, by the days that each month has in them."""
    gained = np.divide(changed - weeks, weeks, out=np.zeros_like(weeks), where=weeks > 0)
    return months * (ahead.shares.T @ gained)
