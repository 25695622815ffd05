"""How did earlier forecasts fare? Each foreseen week against what came, with SeasonalNaive's forecast beside it.

A forecast that was published is judged as it stood. Where none is old enough, forecasts are made again at earlier
moments by the same code, from the weeks that were known then; the table says which of the two it holds.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from barberlab.models import naive, outlook, scores
from barberlab.models.panel import Panel
from barberlab.models.population import Population

PUBLISHED, REMADE = "published", "made again"
KEYS = ("made_on", "location_id", "period")
THIRDS = ("first third", "second third", "last third")


def remade(
    panel: Panel, horizon: int, population: Population, origins: Iterable[int], draws: int = 400, seed: int = 0
) -> pd.DataFrame:
    """Forecasts as `Outlook.by_week` gives them, one after each number of weeks in `origins`, with SeasonalNaive's.

    made_on is the last day that was known; naive the median of SeasonalNaive's draws. Origins at which the network
    was too young are passed over by the caller.
    """
    parts = []
    for origin in origins:
        then = panel.until(origin, horizon)
        found = outlook.outlook(then, horizon, population, draws, seed)
        [plain] = naive.forecast(found.panel, horizon, seed, draws)
        foreseen = found.by_week().assign(made_on=pd.Timestamp(found.last_known), kind=REMADE)
        middle = np.concatenate([plain.paths.sum(axis=0, keepdims=True), plain.paths])
        parts.append(foreseen.assign(naive=np.median(middle, axis=-1).ravel()))
    return pd.concat(parts, ignore_index=True)


def with_actual(foreseen: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """The forecasts of weeks that have come, with what was taken: `actual`, and `ahead`, weeks from the last known one.

    All shops together are judged in weeks in which every shop of that forecast traded.
    """
    actual = pd.DataFrame(panel.revenue, index=panel.location, columns=pd.DatetimeIndex(panel.weeks))
    tall = actual.rename_axis(index="location_id", columns="period").stack().rename("actual").reset_index()
    joined = foreseen.merge(tall, on=["location_id", "period"], how="left")
    shops = joined[joined["location_id"] != outlook.NETWORK]
    together = shops.groupby(["made_on", "period"])["actual"].agg(lambda weeks: weeks.sum(skipna=False)).reset_index()
    network = foreseen[foreseen["location_id"] == outlook.NETWORK].merge(together, on=["made_on", "period"])
    judged = pd.concat([network, shops], ignore_index=True).dropna(subset=["actual"])
    days = (judged["period"] - judged["made_on"]).dt.days
    return judged.assign(ahead=(days + 6) // 7).sort_values(list(KEYS), ignore_index=True)


def by_third(judged: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """One row per third of the horizon: of shops' weeks n, error, naive_error, and how often each range held.

    error and naive_error are sums of absolute errors over what was taken (WAPE).
    """
    shops = judged[judged["location_id"] != outlook.NETWORK]
    third = np.minimum((shops["ahead"] - 1) * 3 // horizon, 2)
    rows = [_fared(part) | {"third": THIRDS[int(which)]} for which, part in shops.groupby(third)]
    return pd.DataFrame(rows)


def totals(judged: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """One row per forecast whose whole horizon has come: all shops' total, foreseen, naive, and the relative errors."""
    network = judged[judged["location_id"] == outlook.NETWORK]
    whole = network.groupby("made_on").filter(lambda weeks: len(weeks) == horizon)
    sums = whole.groupby("made_on", as_index=False)[["actual", "mid", "naive"]].sum()
    return sums.assign(error=sums["mid"] / sums["actual"] - 1, naive_error=sums["naive"] / sums["actual"] - 1)


def last_origins(weeks: int, horizon: int, least: int, most: int = 3) -> list[int]:
    """Up to `most` numbers of weeks, half a horizon apart, each with a whole horizon behind it, none under `least`."""
    steps = (weeks - horizon - k * (horizon // 2) for k in range(most))
    return sorted(origin for origin in steps if origin >= least)


def _fared(part: pd.DataFrame) -> dict[str, float]:
    actual = part["actual"].to_numpy(float)
    held = {
        name: float(part["actual"].between(part[f"low{name}"], part[f"high{name}"]).mean()) for name in ("80", "95")
    }
    return {
        "n": len(part),
        "error": scores.wape(actual, part["mid"].to_numpy(float)),
        "naive_error": scores.wape(actual, part["naive"].to_numpy(float)),
    } | {f"held{name}": share for name, share in held.items()}
