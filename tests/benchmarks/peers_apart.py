"""One peer's forecast of one fold, in the peers' own environment: statsforecast and prophet, and nothing of ours.

    python peers_apart.py PEER TRAIN.parquet AHEAD.parquet OUT.parquet

TRAIN: id, week, y (missing where the shop was shut), any x_*. AHEAD: id, week, the same x_*. OUT: id, week, one column
per quantile. Prints the CPU seconds of fitting and forecasting. Revenue is filled between known weeks for the peers
that cannot have gaps; a peer that fails on a series gives no row for it.
"""

import json
import logging
import os
import sys
import warnings

import numpy as np
import pandas as pd

QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
LEVELS = (50, 80, 90, 95)
YEAR = 52
HARMONICS = 4


def automatic(name: str):
    """A peer of statsforecast, made anew."""
    from statsforecast import models

    return {
        "SeasonalNaive": lambda: models.SeasonalNaive(season_length=YEAR),
        "AutoETS": lambda: models.AutoETS(season_length=YEAR),
        "AutoTheta": lambda: models.AutoTheta(season_length=YEAR),
        "MSTL": lambda: models.MSTL(season_length=YEAR),
        "AutoARIMA": lambda: models.AutoARIMA(season_length=1),
    }[name]()


def waves(weeks: pd.Series) -> np.ndarray:
    """(n, 2 HARMONICS) the year's Fourier terms, for a peer without a season of its own."""
    angle = 2 * np.pi * (weeks.to_numpy("datetime64[D]").astype(int) / 365.25)[:, None] * np.arange(1, HARMONICS + 1)
    return np.hstack([np.sin(angle), np.cos(angle)])


def statistical(name: str, log: bool, train: pd.DataFrame, ahead: pd.DataFrame, known: list[str]) -> np.ndarray | None:
    """(H, 9) quantiles by a peer of statsforecast; with `log`, of the logarithm."""
    y = train["y"].interpolate(limit_direction="both").to_numpy(float)
    if (name == "SeasonalNaive" and len(y) <= YEAR) or (name == "MSTL" and len(y) < 2 * YEAR):
        return None
    regressors = [np.ascontiguousarray(np.hstack([waves(f["week"]), f[known].to_numpy(float)])) for f in (train, ahead)]
    use = regressors if name == "AutoARIMA" else (None, None)
    told = automatic(name).forecast(np.log(y) if log else y, len(ahead), X=use[0], X_future=use[1], level=list(LEVELS))
    sides = {0.5: told["mean"]}
    for level in LEVELS:
        outside = round((1 - level / 100) / 2, 3)
        sides |= {outside: told[f"lo-{level}"], round(1 - outside, 3): told[f"hi-{level}"]}
    values = np.stack([sides[q] for q in QUANTILES], axis=1)
    return np.exp(values) if log else values


def prophet(train: pd.DataFrame, ahead: pd.DataFrame, known: list[str]) -> np.ndarray:
    """(H, 9) quantiles of Prophet's predictive samples, with a yearly season where there is a year."""
    from prophet import Prophet

    span = (train["week"].max() - train["week"].min()).days / 7
    model = Prophet(yearly_seasonality=span >= YEAR, weekly_seasonality=False, daily_seasonality=False)
    for column in known:
        model.add_regressor(column)
    np.random.seed(1)
    model.fit(train.rename(columns={"week": "ds"})[["ds", "y", *known]], seed=1)
    samples = model.predictive_samples(ahead.rename(columns={"week": "ds"})[["ds", *known]])["yhat"]
    return np.quantile(samples, QUANTILES, axis=1).T


def one(peer: str, train: pd.DataFrame, ahead: pd.DataFrame, known: list[str]) -> np.ndarray | None:
    """A series' quantiles, or None where the peer cannot."""
    name, _, kind = peer.partition(" ")
    try:
        if name == "Prophet":
            return prophet(train, ahead, known)
        return statistical(name, kind == "log", train, ahead, known)
    except Exception as error:
        # whatever a peer fails of, it has no forecast of this series
        print(f"{peer}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def main(peer: str, train_file: str, ahead_file: str, out_file: str) -> None:
    """Forecast every series, and write and print."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    train, ahead = pd.read_parquet(train_file), pd.read_parquet(ahead_file)
    known = [column for column in train.columns if column.startswith("x_")]
    future = dict(list(ahead.groupby("id")))
    started, parts = os.times(), []
    for name, history in train.groupby("id"):
        told = one(peer, history, future[name], known)
        if told is not None and np.isfinite(told).all():
            part = pd.DataFrame(told, columns=[f"q{q}" for q in QUANTILES])
            parts.append(part.assign(id=name, week=future[name]["week"].to_numpy()))
    cpu = sum(b - a for a, b in list(zip(started, os.times(), strict=True))[:4])
    (pd.concat(parts) if parts else pd.DataFrame({"id": []})).to_parquet(out_file, index=False)
    print(json.dumps({"cpu": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
