"""What did an earlier page say of its clients, and did it come true? Kept in groups, without any client's row.

A published chance is worth what came of it, so each run keeps what it said. It keeps it by groups that the visit log
alone defines as of that day - how often a client had come, how long it had been silent - because a group can be counted
again later from the log, and holds no pseudonym that would outlive a client's consent.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from barberlab.decisions.outlook import Outlook
from barberlab.models.calibration import BINS
from barberlab.models.histories import Histories, histories
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.rates import interval
from barberlab.models.recency import outcomes

VISITS = (1, 2, 5, 10)  # a group begins at so many visits
SILENCE = (0, 15, 29, 57, 91)  # and at so many days since the last one: after two, four, eight, thirteen weeks
BY = ("visits_from", "silence_from")
COLUMNS = ("cutoff", "horizon_days", "current_days", "model", *BY, "n", "no_visit")
COUNTED = ("said", "n", "happened", "share", "low80", "high80")


def by_group(look: Outlook) -> pd.DataFrame:
    """COLUMNS: how many current clients a group has and their mean chance of no visit; empty where nothing was said."""
    clients = look.clients
    if clients.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    grouped = _grouped(clients["visits"], clients["silence_days"]).assign(no_visit=clients["no_visit"].to_numpy(float))
    told = grouped.groupby(list(BY))["no_visit"].agg(n="size", no_visit="mean").reset_index()
    about = {"cutoff": look.today.isoformat(), "horizon_days": look.horizon_days, "current_days": look.current_days}
    return told.assign(**about, model=look.predicted.choice.churn)[list(COLUMNS)]


def counted(earlier: pd.DataFrame, visits: pd.DataFrame, today: date) -> pd.DataFrame:
    """COUNTED for about ten groups of the latest of `earlier` whose days are over by `today`; empty without one.

    earlier: as of `by_group`, of several runs. visits: client_id, date. `said` is the mean chance that was published,
    n and happened are counted in the log as it is now. attrs: cutoff, horizon_days and model of what was published.
    """
    over = [day for day in earlier.get("cutoff", ()) if _over(earlier, day) <= today]
    if not over:
        return pd.DataFrame(columns=list(COUNTED))
    told = earlier[earlier["cutoff"] == max(over)].drop_duplicates(list(BY), keep="last")
    line = told.iloc[0]
    cutoff, horizon_days = date.fromisoformat(line["cutoff"]), int(line["horizon_days"])
    h = histories(visits[["client_id", "date"]], cutoff)
    h = h.take(h.silence <= line["current_days"])
    came = outcomes(visits, h.client, cutoff, horizon_days)
    frame = _tenths(told.merge(_found(h, came), on=list(BY)))
    frame.attrs = {"cutoff": line["cutoff"], "horizon_days": horizon_days, "model": line["model"]}
    return frame


def _over(earlier: pd.DataFrame, cutoff: str) -> date:
    """The last of the days that were spoken of on `cutoff`."""
    horizon_days = earlier.loc[earlier["cutoff"] == cutoff, "horizon_days"].iloc[0]
    return date.fromisoformat(cutoff) + timedelta(days=int(horizon_days))


def _grouped(visits: np.ndarray, silence: np.ndarray) -> pd.DataFrame:
    """BY of each client."""
    edges = (VISITS, SILENCE)
    return pd.DataFrame(
        {
            name: np.array(edge)[np.searchsorted(edge, value, side="right") - 1]
            for name, edge, value in zip(BY, edges, (np.asarray(visits), np.rint(silence)), strict=True)
        }
    )


def _found(h: Histories, came: np.ndarray) -> pd.DataFrame:
    """By group: how many there were, and how many of them did not come."""
    rows = _grouped(h.x + 1, h.silence).assign(lost=came == 0)
    return rows.groupby(list(BY))["lost"].agg(clients="size", happened="sum").reset_index()


def _tenths(groups: pd.DataFrame) -> pd.DataFrame:
    """Groups in the order of what was said, put together until each holds about a tenth of the clients."""
    ordered = groups.sort_values("no_visit", kind="stable")
    middle = ordered["clients"].cumsum() - ordered["clients"] / 2
    tenth = np.floor(middle / ordered["clients"].sum() * BINS).astype(int)
    said = (ordered["no_visit"] * ordered["clients"]).groupby(tenth).sum()
    sums = ordered.groupby(tenth)[["clients", "happened"]].sum()
    n, hits = sums["clients"].to_numpy(), sums["happened"].to_numpy()
    low, high = interval(hits, n, EIGHT_IN_TEN)
    return pd.DataFrame(dict(zip(COUNTED, (said.to_numpy() / n, n, hits, hits / n, low, high), strict=True)))
