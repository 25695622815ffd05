"""What others say of clients, in an environment of their own: run by churn_peers.py, imports nothing of barberlab.

    python churn_peers_apart.py PEER VISITS.parquet CUTOFF HORIZON_DAYS OUT.parquet

VISITS holds client_id and date, one row per client-day, and no row after the cut-off. OUT gets client_id, p_lost and
visits (NaN where the peer counts none); the last line printed is {"cpu": seconds of fitting and asking}.
"""

import json
import sys
import time

import numpy as np
import pandas as pd

WEEK = 7.0
BACK = (30, 60, 90, 180)


def rhythm(log: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """frequency, recency and T in weeks, as lifetimes counts them, by client."""
    days = log.groupby("client_id")["date"].agg(["size", "min", "max"])
    return pd.DataFrame(
        {
            "frequency": days["size"] - 1,
            "recency": (days["max"] - days["min"]).dt.days / WEEK,
            "T": (cutoff - days["min"]).dt.days / WEEK,
        }
    )


def fitted(kind: type, rfm: pd.DataFrame):
    """The fit without a penalty; where lifetimes does not converge, with the least that its documentation suggests."""
    for penalty in (0.0, 0.001, 0.01, 0.1):
        model = kind(penalizer_coef=penalty)
        try:
            model.fit(rfm["frequency"], rfm["recency"], rfm["T"])
        except Exception as error:
            # lifetimes raises a ConvergenceError of its own, or numpy's, by the data
            print(f"penalty {penalty}: {type(error).__name__}")
            continue
        return model
    raise SystemExit("lifetimes did not converge")


def pareto_nbd(log: pd.DataFrame, cutoff: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """P(no purchase in the horizon) and expected purchases."""
    from lifetimes import ParetoNBDFitter

    rfm, weeks = rhythm(log, cutoff), horizon / WEEK
    model = fitted(ParetoNBDFitter, rfm)
    none = model.conditional_probability_of_n_purchases_up_to_time(0, weeks, rfm["frequency"], rfm["recency"], rfm["T"])
    count = model.conditional_expected_number_of_purchases_up_to_time(weeks, rfm["frequency"], rfm["recency"], rfm["T"])
    return rfm.assign(p_lost=np.asarray(none), visits=np.asarray(count))


def mbg_nbd(log: pd.DataFrame, cutoff: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """1 - P(alive), which is all that lifetimes says of MBG/NBD, and expected purchases."""
    from lifetimes import ModifiedBetaGeoFitter

    rfm, weeks = rhythm(log, cutoff), horizon / WEEK
    model = fitted(ModifiedBetaGeoFitter, rfm)
    alive = model.conditional_probability_alive(rfm["frequency"], rfm["recency"], rfm["T"])
    count = model.conditional_expected_number_of_purchases_up_to_time(weeks, rfm["frequency"], rfm["recency"], rfm["T"])
    return rfm.assign(p_lost=1 - np.asarray(alive), visits=np.asarray(count))


def features(log: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Eighteen figures of recency and frequency, as an analyst would write them down."""
    known = log[log["date"] <= cutoff].sort_values(["client_id", "date"])
    ago = (cutoff - known["date"]).dt.days
    gap = known.groupby("client_id")["date"].diff().dt.days
    by = known["client_id"]
    made = pd.DataFrame({"n": ago.groupby(by).size(), "age": ago.groupby(by).max(), "silent": ago.groupby(by).min()})
    made["mean_gap"], made["sd_gap"] = gap.groupby(by).mean(), gap.groupby(by).std()
    made["last_gap"], made["longest"] = gap.groupby(by).last(), gap.groupby(by).max()
    for back in BACK:
        made[f"n{back}"] = (ago < back).groupby(by).sum()
    made["once"] = (made["n"] == 1).astype(float)
    usual = gap.mean() if gap.notna().any() else 30.0
    for column in ("mean_gap", "sd_gap", "last_gap", "longest"):
        made[column] = made[column].fillna(usual)
    made["overdue"] = np.log((made["silent"] + 1) / (made["mean_gap"] + 1))
    made["rate"] = made["n"] / (made["age"] + 1)
    made["silent_share"] = made["silent"] / (made["age"] + 1)
    for column in ("n", "age", "silent"):
        made[f"log_{column}"] = np.log1p(made[column])
    return made


def logistic(log: pd.DataFrame, cutoff: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """Logistic regression on the eighteen, learned one horizon earlier."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    before = cutoff - pd.Timedelta(days=horizon)
    then, now = features(log, before), features(log, cutoff)
    came = log.loc[log["date"] > before, "client_id"].unique()
    lost = (~then.index.isin(came)).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(then, lost)
    return now.assign(p_lost=model.predict_proba(now)[:, 1], visits=np.nan)


PEERS = {"Pareto/NBD": pareto_nbd, "MBG/NBD": mbg_nbd, "logistic": logistic}


def main() -> None:
    """Fit, ask, write."""
    name, visits, cutoff, horizon, out = sys.argv[1:]
    log = pd.read_parquet(visits)
    start = time.process_time()
    said = PEERS[name](log, pd.Timestamp(cutoff), int(horizon))
    cpu = time.process_time() - start
    said[["p_lost", "visits"]].rename_axis("client_id").reset_index().to_parquet(out, index=False)
    print(json.dumps({"cpu": cpu}))


if __name__ == "__main__":
    main()
