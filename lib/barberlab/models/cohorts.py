"""Do new clients come again, and how many are still there later? Counted, without any model.

A client is new if its first visit lies so long after the log begins that an earlier one would have been seen. What is
not over is not told: a share stands only where every client behind it had all the days it speaks of.
"""

from datetime import date

import numpy as np
import pandas as pd

from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.rates import interval

SETTLING_DAYS = 180  # before which nobody can be called new: as of the metric `new_clients`
SECOND_WITHIN = 90
WINDOW_DAYS = 90
LATER = (90, 180, 365, 545, 730)  # days after the first visit at which a window begins


def new_clients(visits: pd.DataFrame, begin: date, today: date) -> pd.DataFrame:
    """(client_id, first, location_id, second): each new client's first day and shop, and its second day (or NaT).

    visits: one row per client-day of client_id, date, location_id. begin: the log's first day.
    """
    known = visits[visits["date"] <= pd.Timestamp(today)].sort_values(["client_id", "date"], kind="stable")
    nth = known.groupby("client_id").cumcount()
    first = known[nth == 0].set_index("client_id")
    second = known[nth == 1].set_index("client_id")["date"]
    frame = first[["date", "location_id"]].rename(columns={"date": "first"}).assign(second=second).reset_index()
    return frame[frame["first"] >= pd.Timestamp(begin) + pd.Timedelta(days=SETTLING_DAYS)].reset_index(drop=True)


def second_visits(new: pd.DataFrame, today: date, by: list[str], within: int = SECOND_WITHIN) -> pd.DataFrame:
    """How many new clients came a second time `within` so many days: by, n, again, share, low80, high80.

    Only of first visits whose days are over, of the year before; `by` may be empty for the network.
    """
    ended = pd.Timestamp(today) - pd.Timedelta(days=within)
    told = new[(new["first"] <= ended) & (new["first"] > ended - pd.Timedelta(days=365))]
    again = (told["second"] - told["first"]).dt.days <= within
    rows = told.assign(again=again.astype(int), n=1)
    frame = rows.groupby(by)[["n", "again"]].sum().reset_index() if by else rows[["n", "again"]].sum().to_frame().T
    return _with_range(frame, "again", "share")


def cohorts(visits: pd.DataFrame, new: pd.DataFrame, begin: date, today: date) -> pd.DataFrame:
    """Of those who were new in a half-year, how many came in the 90 days that begin so long after their first visit?

    One row per cohort (its first day) and `days` later: n, there, share, low80, high80. A half-year counts only if all
    of it lies where the new can be told from the old, and a cell only if the window is over for all of the cohort.
    """
    half = new["first"].dt.to_period("Q").dt.start_time
    half = half.where(half.dt.month.isin([1, 7]), half - pd.DateOffset(months=3))
    rows = visits[["client_id", "date"]].merge(
        new.assign(cohort=half)[["client_id", "first", "cohort"]], on="client_id"
    )
    after = (rows["date"] - rows["first"]).dt.days
    size = half[half >= pd.Timestamp(begin) + pd.Timedelta(days=SETTLING_DAYS)].value_counts().sort_index()
    found = []
    for cohort, n in size.items():
        ends = cohort + pd.DateOffset(months=6)
        for days in (d for d in LATER if ends + pd.Timedelta(days=d + WINDOW_DAYS) <= pd.Timestamp(today)):
            inside = (rows["cohort"] == cohort) & (after >= days) & (after < days + WINDOW_DAYS)
            found.append((cohort, days, int(n), int(rows.loc[inside, "client_id"].nunique())))
    frame = pd.DataFrame(found, columns=["cohort", "days", "n", "there"])
    return _with_range(frame, "there", "share")


def _with_range(frame: pd.DataFrame, hits: str, share: str) -> pd.DataFrame:
    low, high = interval(frame[hits].to_numpy(float), frame["n"].to_numpy(float), EIGHT_IN_TEN)
    with np.errstate(invalid="ignore"):
        return frame.assign(**{share: frame[hits] / frame["n"], "low80": low, "high80": high})
