"""What did each shop take, week by week, and what is known of the weeks to come? A panel of weekly revenue.

Weeks run from Monday to Sunday. A week without trade is missing, never zero: a shop that is shut sells nothing, and
that says nothing about what it would have sold.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from barberlab.errors import BadInput

WEEK = np.timedelta64(7, "D")
_MONDAY = np.datetime64("1970-01-05")


@dataclass(frozen=True)
class Panel:
    """Weekly revenue of locations, location within network, with the columns that are known in advance.

    weeks (T,) datetime64[D], consecutive Mondays; network (L,) and location (L,) str, sorted by network, then location;
    revenue (L, T) float64, NaN where the shop was closed or has no row; known (L, T + H, K) float64 with its names
    known_names (K,), over the T weeks and H weeks to come. K may be 0: the horizon is then free.
    """

    weeks: np.ndarray
    network: np.ndarray
    location: np.ndarray
    revenue: np.ndarray
    known: np.ndarray
    known_names: tuple[str, ...]

    def __post_init__(self):
        """Raises BadInput for shapes that disagree, weeks that are no consecutive Mondays and locations out of order.

        The file reader names rows; this is the last line of defence for panels that are built by hand.
        """
        shape = (len(self.location), len(self.weeks))
        if self.network.shape != shape[:1] or self.revenue.shape != shape:
            raise BadInput(
                f"panel: {shape[0]} locations and {shape[1]} weeks need revenue of that shape; "
                f"found {self.revenue.shape} and {len(self.network)} networks"
            )
        if self.known.ndim != 3 or len(self.known) != shape[0] or self.known.shape[2] != len(self.known_names):
            raise BadInput(f"panel: known columns have shape {self.known.shape}, expected ({shape[0]}, weeks, columns)")
        if self.known_names and self.known.shape[1] < shape[1]:
            raise BadInput(f"panel: known columns end after {self.known.shape[1]} of {shape[1]} weeks")
        self._check_weeks()
        self._check_values()

    @property
    def networks(self) -> np.ndarray:
        """(N,) the networks' ids, in order."""
        return np.unique(self.network)

    @property
    def observed(self) -> np.ndarray:
        """(L, T) bool: the weeks with trade."""
        return np.isfinite(self.revenue) & (self.revenue > 0)

    @property
    def history(self) -> np.ndarray:
        """(L,) the number of weeks with trade; 0 for a shop that is still to open."""
        return self.observed.sum(axis=1)

    def until(self, week_number: int, horizon: int) -> Self:
        """The panel as it was after `week_number` weeks, with what was known of the `horizon` weeks that followed.

        All locations stay, also those with no week so far (their `history` is 0): a scorer drops them if it will.
        Raises BadInput where the panel holds fewer weeks, or knows fewer weeks ahead.
        """
        if not 1 <= week_number <= len(self.weeks):
            raise BadInput(f"panel: week {week_number} is not one of its {len(self.weeks)} weeks")
        self.check_horizon(horizon, week_number)
        return replace(
            self,
            weeks=self.weeks[:week_number],
            revenue=self.revenue[:, :week_number],
            known=self.known[:, : week_number + horizon],
        )

    def check_horizon(self, horizon: int, week_number: int | None = None) -> None:
        """Raises BadInput where the known columns do not reach `horizon` weeks beyond the last (or the given) week."""
        last = len(self.weeks) if week_number is None else week_number
        if horizon < 1:
            raise BadInput(f"horizon {horizon}: it is a number of weeks, at least 1")
        ahead = self.known.shape[1] - last
        if self.known_names and ahead < horizon:
            names = ", ".join(self.known_names)
            raise BadInput(f"panel: {names} are known for {ahead} weeks ahead, {horizon} are needed. Add their rows.")

    def of(self, network: str) -> Self:
        """The panel of one network alone. Raises BadInput where it holds no such network."""
        rows = self.network == network
        if not rows.any():
            raise BadInput(f"panel: holds no network {network!r}")
        return self.take(np.flatnonzero(rows))

    def take(self, rows: np.ndarray) -> Self:
        """The panel of the locations at `rows`, kept in order."""
        rows = np.sort(rows)
        return replace(
            self,
            network=self.network[rows],
            location=self.location[rows],
            revenue=self.revenue[rows],
            known=self.known[rows],
        )

    def _check_weeks(self) -> None:
        days = self.weeks.astype("datetime64[D]")
        if len(days) == 0 or ((days - _MONDAY) % WEEK).any() or (np.diff(days) != WEEK).any():
            raise BadInput("panel: weeks must be consecutive Mondays, at least one")
        keys = list(zip(self.network.tolist(), self.location.tolist(), strict=True))
        if keys != sorted(set(keys)):
            raise BadInput("panel: locations must be sorted by network, then location, each once")

    def _check_values(self) -> None:
        wrong = np.isinf(self.revenue) | (self.revenue < 0)
        if wrong.any():
            raise BadInput(
                f"panel: {int(wrong.sum())} weeks have negative or infinite revenue. Remove or correct them."
            )
        if not np.isfinite(self.known).all():
            gaps = [name for name, column in zip(self.known_names, self.known.T, strict=True) if np.isnan(column).any()]
            raise BadInput(f"panel: {', '.join(gaps)} must be known for every week of the history and the horizon")
