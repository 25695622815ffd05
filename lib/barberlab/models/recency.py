"""What does a visit log say of each client without any model? How lately, how often, how regularly; and what followed.

Features for learners that know nothing of rhythms, and the outcomes they learn from. A feature of a cut-off day is made
of rows up to and with that day and of nothing else; an outcome of the rows in the days after it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd

WINDOWS = (30, 60, 90, 180, 365)  # days back in which visits are counted
BORROWED = 2.0  # gaps: a client's mean and spread of gaps borrow as much from all clients' as from two gaps of its own


@dataclass(frozen=True)
class Features:
    """What was known of each client on a day: `values` (client, feature), named by `names`; clients in order of ids."""

    client: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]

    def take(self, chosen: np.ndarray) -> Self:
        """The clients that `chosen`, a mask or indices over (client,), names."""
        return type(self)(self.client[chosen], self.values[chosen], self.names)


def features(visits: pd.DataFrame, cutoff: date) -> Features:
    """Recency, frequency and regularity of every client seen up to `cutoff`, in logarithms of days and of counts.

    visits: client_id, date, one row per client-day, and optional amount (unknown where missing) and z_* (the last
    known value counts). Every value is finite.
    """
    known = _until(visits, cutoff)
    client, ids = pd.factorize(known["client_id"])
    day = _days(known["date"])
    rows = _Rows(client, day, len(ids), int(_days(pd.Series([cutoff]))[0]))
    made = rows.counts() | rows.rhythm() | rows.overdue()
    if "amount" in known:
        made |= rows.money(known["amount"].to_numpy(float))
    last = rows.last
    made |= {name: known[name].to_numpy(float)[last] for name in known.columns if str(name).startswith("z_")}
    return Features(ids.to_numpy(), np.column_stack(list(made.values())), tuple(made))


def outcomes(visits: pd.DataFrame, client: np.ndarray, cutoff: date, horizon_days: int) -> np.ndarray:
    """How often each of `client` came in the `horizon_days` after `cutoff` (clients,); a client-day counts once."""
    ahead = _days(visits["date"]) - _days(pd.Series([cutoff]))[0]
    later = visits.loc[(ahead > 0) & (ahead <= horizon_days), ["client_id", "date"]].drop_duplicates()
    return later["client_id"].value_counts().reindex(client, fill_value=0).to_numpy()


def _until(visits: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    known = visits[_days(visits["date"]) <= _days(pd.Series([cutoff]))[0]]
    return known.sort_values(["client_id", "date"], kind="stable")


def _days(dates: pd.Series) -> np.ndarray:
    return pd.to_datetime(dates).to_numpy("datetime64[D]").astype(np.int64)


class _Rows:
    """Client-days in order of client and day, and the figures of each client that are made from them."""

    def __init__(self, client: np.ndarray, day: np.ndarray, clients: int, cutoff: int):
        self.client, self.day, self.clients, self.cutoff = client, day, clients, cutoff
        self.n = np.bincount(client, minlength=clients)
        self.last = np.cumsum(self.n) - 1
        self.x = self.n - 1
        self.T = cutoff - day[self.last - self.x]
        self.h = cutoff - day[self.last]
        same = np.diff(client, prepend=-1) == 0
        self.gap = np.log(np.maximum(np.diff(day, prepend=day[:1]), 1))[same]
        self.owner = client[same]

    def counts(self) -> dict[str, np.ndarray]:
        """How often, in all and lately."""
        ago = self.cutoff - self.day
        lately = {f"log_n{w}": np.log1p(self._sum(self.client, ago < w)) for w in WINDOWS}
        return {"log_x": np.log1p(self.x), "once": (self.x == 0).astype(float)} | lately

    def rhythm(self) -> dict[str, np.ndarray]:
        """How long known, how long silent, and the gaps between visits: middle, spread and the last of them."""
        share = self.h / np.maximum(self.T, 1)
        before = np.where(self.x > 0, self.day[self.last] - self.day[np.maximum(self.last - 1, 0)], 0)
        latest = np.where(self.x > 0, np.log(np.maximum(before, 1)), self._mean_gap())
        return {
            "log_T": np.log1p(self.T),
            "log_h": np.log1p(self.h),
            "share_silent": share,
            "log_gap": self._mean_gap(),
            "spread_gap": self._spread_gap(),
            "gap_change": latest - self._mean_gap(),
        }

    def overdue(self) -> dict[str, np.ndarray]:
        """The silence against the client's own gaps."""
        over = np.log1p(self.h) - self._mean_gap()
        longer = self._sum(self.owner, self.gap >= np.log1p(self.h)[self.owner])
        return {
            "overdue": over,
            "overdue_again": over * (self.x > 0),
            "overdue_square": np.square(np.clip(over, -4, 4)),
            "overdue_in_spreads": np.clip(over / self._spread_gap(), -8, 8),
            "waited_longer": (longer + 0.5) / (self.x + 1.0),
        }

    def money(self, amount: np.ndarray) -> dict[str, np.ndarray]:
        """The middle of what was spent, and what the last visit brought against it."""
        paid = amount > 0
        spent = np.log(amount, where=paid, out=np.zeros(len(amount)))
        usual = spent[paid].mean() if paid.any() else 0.0
        total, times = self._sum(self.client, np.where(paid, spent, 0.0)), self._sum(self.client, paid)
        mean = (total + usual) / (times + 1)
        return {"log_amount": mean, "amount_change": np.where(paid[self.last], spent[self.last], mean) - mean}

    def _sum(self, owner: np.ndarray, value: np.ndarray) -> np.ndarray:
        return np.bincount(owner, value.astype(float), self.clients)

    def _mean_gap(self) -> np.ndarray:
        usual = self.gap.mean() if len(self.gap) else np.log(30.0)
        return (self._sum(self.owner, self.gap) + BORROWED * usual) / (self.x + BORROWED)

    def _spread_gap(self) -> np.ndarray:
        away = np.square(self.gap - self._mean_gap()[self.owner])
        usual = away.mean() if len(self.gap) else 1.0
        return np.sqrt((self._sum(self.owner, away) + BORROWED * usual) / (self.x + BORROWED) + 1e-4)
