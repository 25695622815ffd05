"""Does asking bring clients back? A hold-out drawn by lot, and what the difference between the two was.

Who is likely to leave is not who can be kept (Ascarza 2018, Retention Futility, Journal of Marketing Research 55(1)),
so the effect of a contact is measured and never read off the risk: a share of those who would have been contacted is
left uncalled, and the two are compared as they were drawn, whatever happened to them afterwards.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import norm

from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

ALL = "all"
FEWEST = 30  # clients in either arm: below, a rate is not told either
COLUMNS = (
    *("campaign", "contacted", "held_out", "came_contacted", "came_held_out", "effect", "sd", "low80", "high80"),
    *("low95", "high95", "p_helps", "log_odds_ratio", "log_odds_ratio_sd"),
)


def period_of(day: date) -> str:
    """The quarter in which a client's lot holds: longer than the horizon, so that an arm stays what it is."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def held_out(client: Iterable[str], period: str, share: float) -> np.ndarray:
    """(clients,) who is left uncalled in `period`: the same for the same client and period, drawn anew in the next.

    The lot is the client's id and the period alone, so it needs no memory and nobody can choose it.
    """
    lots = [hashlib.sha256(f"{period}|{one}".encode()).digest()[:8] for one in client]
    return np.array([int.from_bytes(lot, "big") / 2**64 < share for lot in lots], bool)


def measured(contacts: pd.DataFrame, visits: pd.DataFrame, today: date, within_days: int, zone: str) -> pd.DataFrame:
    """How many more came within so many days of a contact than of being held out? A row a campaign, and one of all.

    contacts: client_id, campaign_type, sent_at [UTC], is_holdout. visits: client_id, date. Returns COLUMNS: shares of
    those who came, their difference with ranges, and the logarithm of the odds ratio. Contacts whose days are not over
    by `today` are left out; a campaign with under thirty clients in either arm has no effect (NaN). Of "all", campaigns
    count by how many they contacted, each compared with its own hold-out. A client written to several times is one
    cluster (Liang & Zeger 1986). attrs["needs"] is what is missing where nothing can be told.
    """
    sent = contacts["sent_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    over = sent + pd.Timedelta(days=within_days) <= pd.Timestamp(today)
    rows = contacts.loc[over, ["client_id", "campaign_type", "is_holdout"]].assign(sent=sent[over])
    rows = rows.assign(held=rows["is_holdout"].astype(bool), came=_came(rows, visits, within_days))
    arms = [_Arms.of(str(name), part) for name, part in rows.groupby("campaign_type", sort=True)]
    told = [arm for arm in arms if arm.enough]
    frame = pd.DataFrame([arm.row() for arm in [*arms, *([_Arms.together(told)] if told else [])]], columns=COLUMNS)
    frame.attrs = {"needs": None if told else _needs(contacts), "within_days": within_days}
    return frame


def _needs(contacts: pd.DataFrame) -> str:
    if contacts.empty:
        return "table 14, contacts, with hold-outs"
    return f"{FEWEST} clients contacted and {FEWEST} held out in one campaign, with their days behind them"


def _came(rows: pd.DataFrame, visits: pd.DataFrame, within_days: int) -> np.ndarray:
    """(rows,) whether a visit followed on one of the `within_days` after the day of the contact."""
    day = visits["date"].to_numpy("datetime64[D]").astype(np.int64)
    sent = rows["sent"].to_numpy("datetime64[D]").astype(np.int64)
    codes, ids = pd.factorize(visits["client_id"])
    span = 10**6  # days: more than any calendar has, so that a client's keys never run into the next one's
    keys = np.sort(codes * span + day)
    client = pd.Index(ids).get_indexer(rows["client_id"])
    wanted = client * span + sent
    after = np.searchsorted(keys, wanted, side="right")
    following = np.append(keys, np.iinfo(np.int64).max)[after]
    return (client >= 0) & (following <= wanted + within_days)


@dataclass(frozen=True)
class _Arms:
    """Both arms of a campaign: sizes, shares who came, and each client's pull on the difference (influence)."""

    name: str
    contacted: int
    held: int
    rates: tuple[float, float]
    influence: pd.Series

    @property
    def enough(self) -> bool:
        return min(self.contacted, self.held) >= FEWEST

    @classmethod
    def of(cls, name: str, part: pd.DataFrame) -> "_Arms":
        held, came = part["held"].to_numpy(), part["came"].to_numpy(float)
        sizes = int((~held).sum()), int(held.sum())
        rates = tuple(float(came[arm].mean()) if arm.any() else np.nan for arm in (~held, held))
        pull = np.where(held, -(came - rates[1]) / max(sizes[1], 1), (came - rates[0]) / max(sizes[0], 1))
        return cls(name, *sizes, rates, pd.Series(pull).groupby(part["client_id"].to_numpy()).sum())

    @classmethod
    def together(cls, arms: list["_Arms"]) -> "_Arms":
        weight = np.array([arm.contacted for arm in arms], float)
        weight /= weight.sum()
        rates = tuple(float(weight @ [arm.rates[side] for arm in arms]) for side in (0, 1))
        pulls = pd.concat([w * arm.influence for w, arm in zip(weight, arms, strict=True)])
        sizes = sum(arm.contacted for arm in arms), sum(arm.held for arm in arms)
        return cls(ALL, *sizes, rates, pulls.groupby(level=0).sum())

    def row(self) -> tuple:
        """A line of `measured`."""
        if not self.enough:
            return (self.name, self.contacted, self.held, *self.rates, *(np.nan,) * (len(COLUMNS) - 5))
        effect, sd = self.rates[0] - self.rates[1], float(np.sqrt(np.square(self.influence).sum()))
        ranges = [effect + sd * norm.ppf(q) for inside in (EIGHT_IN_TEN, NINETEEN_IN_TWENTY) for q in tails(inside)]
        helps = float(norm.cdf(effect / sd)) if sd else float(effect > 0)
        return (
            self.name, self.contacted, self.held, *self.rates, effect, sd, *ranges, helps, *self._odds(sd)
        )  # fmt: skip

    def _odds(self, sd: float) -> tuple[float, float]:
        """Log odds ratio and its sd: that of the difference, on the scale of log odds at the mean of the two rates."""
        came, kept = (np.clip(rate, 1e-3, 1 - 1e-3) for rate in self.rates)
        middle = (came + kept) / 2
        ratio = np.log(came / (1 - came)) - np.log(kept / (1 - kept))
        return float(ratio), float(sd / (middle * (1 - middle)))
