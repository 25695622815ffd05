"""Where will most clients be lost? Expected churn of shops and barbers, with what chance alone would give them."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from barberlab.decisions.outlook import value_at_risk
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails

COLUMNS = ("n", "churn", "low80", "high80", "low95", "high95", "gap", "p_above", "value_at_risk", "worth")
ALL_SHOPS = ""


def standing(clients: pd.DataFrame, by: list[str], least: int) -> pd.DataFrame:
    """Expected share of clients who do not come within the horizon, by shop, barber or both; COLUMNS for each.

    clients: an outlook's, of which groups under `least` are left out. The ranges hold both what is not known of the
    clients' chances and how the share will scatter: churn here is what will be counted later. gap is to the mean of
    all clients given, p_above the chance that the group's churn is above it. Money in minor units.
    """
    p = clients["no_visit"]
    scatter = p * (1 - p)
    rows = clients[[*by, "worth", "value_at_risk"]].assign(
        n=1, churn=p, scatter=scatter, doubt=scatter * clients["log_odds_sd"]
    )
    sums = (
        rows.dropna(subset=by)
        .groupby(by)[["n", "churn", "scatter", "doubt", "value_at_risk", "worth"]]
        .sum(min_count=1)
    )
    sums = sums[sums["n"] >= least]
    mean, n = sums["churn"] / sums["n"], sums["n"]
    # What is unknown of a group's chances is shared by its clients: it does not shrink with their number.
    sd = np.sqrt(sums["scatter"] / n**2 + (sums["doubt"] / n) ** 2)
    frame = pd.DataFrame({"n": n.astype(int), "churn": mean}, index=sums.index)
    for name, inside in (("80", EIGHT_IN_TEN), ("95", NINETEEN_IN_TWENTY)):
        for end, q in zip(("low", "high"), tails(inside), strict=True):
            frame[end + name] = (mean + norm.ppf(q) * sd).clip(0, 1)
    frame["gap"] = mean - p.mean()
    frame["p_above"] = norm.cdf(frame["gap"] / sd)
    return frame.join(sums[["value_at_risk", "worth"]])[list(COLUMNS)].reset_index()


def at_risk(clients: pd.DataFrame, least: int, seed: int) -> pd.DataFrame:
    """What stands to be lost, of all shops together as location_id ALL_SHOPS and of each that has `least` clients.

    As `standing`, with the 80 % range of the value at risk: risk_low80, risk_high80 [minor units, missing without
    prices]. The network's range is of all clients' doubts moving together, so shops' ranges do not add up to less.
    """
    whole = standing(clients.assign(location_id=ALL_SHOPS), ["location_id"], 1)
    found = pd.concat([whole, standing(clients, ["location_id"], least)], ignore_index=True)
    sums = [
        value_at_risk(clients if shop == ALL_SHOPS else clients[clients["location_id"] == shop], seed)
        for shop in found["location_id"]
    ]
    return found.assign(risk_low80=[one.low80 for one in sums], risk_high80=[one.high80 for one in sums])
