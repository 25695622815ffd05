"""How did earlier forecasts fare? Each foreseen week and total against what came, with SeasonalNaive's beside it.

A forecast that was published is judged as it stood. For moments before the first of them, forecasts are made again by
the same code from the weeks that were known then; each row says which of the two it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable
from barberlab.models import futures, intervals, naive, rates, scores
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.panel import WEEK, Panel
from barberlab.models.population import Population

PUBLISHED, REMADE = "published", "made again"
BANDS = 6  # of the horizon, in which coverage is told apart
_INSIDE = ("80", "95")
_ENDS = tuple(f"{side}{inside}" for inside in intervals.INSIDE for side in ("low", "high"))
_BOTH = ["made_on", "kind", "location_id", "mid", *_ENDS, "naive"]
_CAME = ["actual", "shut", "naive_shut"]
_NAIVE_DRAWS = 100  # they come with their negatives, so that few give the median


@dataclass(frozen=True)
class Record:
    """Earlier forecasts of one network. `made_on` is the last day that was known, `kind` PUBLISHED or REMADE.

    weeks: made_on, kind, location_id ("" for all shops), period, mid, the ends of 50, 80 and 95 %, naive.
    totals: the same of each whole horizon, without period. Judged, both also hold `actual`; weeks `ahead`, totals
    `shut` and `naive_shut`: what of mid and of naive was foreseen for weeks in which shops turned out to be shut.
    """

    weeks: pd.DataFrame
    totals: pd.DataFrame

    @property
    def made(self) -> pd.Series:
        """kind of each forecast by the day on which it was made, in order."""
        return self.weeks.drop_duplicates("made_on").set_index("made_on")["kind"].sort_index()


def empty() -> Record:
    """The record of a network that was never forecast."""
    return Record(pd.DataFrame(columns=[*_BOTH, "period"]), pd.DataFrame(columns=_BOTH))


def joined(records: Iterable[Record]) -> Record:
    """Several records as one."""
    found = [record for record in records if len(record.weeks)]
    if not found:
        return empty()
    return Record(
        pd.concat([one.weeks for one in found], ignore_index=True),
        pd.concat([one.totals for one in found], ignore_index=True),
    )


def remade(
    panel: Panel, horizon: int, population: Population, origins: Iterable[int], draws: int = 400, seed: int = 0
) -> Record:
    """Forecasts made again, one after each number of weeks in `origins`.

    An origin at which the network was too young for a forecast, or had no open shop, is passed over.
    """
    found = []
    for origin in origins:
        try:
            then = futures.foresee(panel.until(origin, horizon), horizon, population, draws, seed)
        except NotAvailable:
            continue
        made = {"made_on": pd.Timestamp(then.last_known), "kind": REMADE}
        found.append(_with_naive(Record(then.by_week().assign(**made), then.totals().assign(**made)), panel))
    return joined(found)


def published(weeks: pd.DataFrame, totals: pd.DataFrame, panel: Panel) -> Record:
    """Forecasts as they were published: tables as `Futures.by_week` and `totals` give them, with made_on and run_id.

    Of several runs that knew the same weeks the first one counts. A forecast of a shop that the network's data no
    longer hold, or from before they begin, cannot be judged and is left out.
    """
    if weeks.empty:
        return empty()
    first = weeks.groupby("made_on")["run_id"].min()
    found = []
    for made_on, run_id in first.items():
        own = Record(*(table[table["run_id"] == run_id].assign(kind=PUBLISHED) for table in (weeks, totals)))
        known = set(own.weeks["location_id"]) - {futures.NETWORK} <= set(panel.location)
        if known and panel.weeks[0] < np.datetime64(made_on, "D") < panel.weeks[-1] + WEEK:
            found.append(_with_naive(own, panel))
    return joined(found)


def judged(record: Record, panel: Panel) -> Record:
    """The forecasts of weeks that have come, and of horizons that have passed, with what was taken: `actual`.

    A shop's week without trade is not judged, as in a back-test: a forecast speaks of weeks with trade. What a total
    held for such weeks is told beside it. `ahead` counts weeks from the last known one.
    """
    if record.weeks.empty:
        return record
    weeks = record.weeks[record.weeks["period"] <= pd.Timestamp(panel.weeks[-1])]
    taken = pd.DataFrame(panel.revenue, index=panel.location, columns=pd.DatetimeIndex(panel.weeks))
    taken = taken.rename_axis(index="location_id", columns="period").stack().rename("actual").reset_index()
    shops = weeks[weeks["location_id"] != futures.NETWORK].merge(taken, on=["location_id", "period"], how="left")
    together = shops.groupby(["made_on", "period"], as_index=False)["actual"].sum()
    network = weeks[weeks["location_id"] == futures.NETWORK].merge(together, on=["made_on", "period"])
    found = pd.concat([network, shops.dropna(subset=["actual"])], ignore_index=True)
    ahead = ((found["period"] - found["made_on"]).dt.days + 6) // 7
    found = found.assign(ahead=ahead).sort_values(["made_on", "location_id", "period"], ignore_index=True)
    return Record(found, _passed(record, shops, panel))


def _passed(record: Record, shops: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """The totals of horizons that have passed, of shops that took anything."""
    last = record.weeks.groupby("made_on")["period"].max()
    over = last.index[last <= pd.Timestamp(panel.weeks[-1])]
    own = shops[shops["made_on"].isin(over)]
    missing = own["actual"].isna()
    own = own.assign(shut=own["mid"].where(missing, 0.0), naive_shut=own["naive"].where(missing, 0.0))
    sums = own.groupby(["made_on", "location_id"], as_index=False)[_CAME].sum()
    network = sums.groupby("made_on", as_index=False)[_CAME].sum().assign(location_id=futures.NETWORK)
    came = pd.concat([network, sums], ignore_index=True)
    found = record.totals[_BOTH].merge(came[came["actual"] > 0], on=["made_on", "location_id"])
    return found.sort_values(["made_on", "location_id"], ignore_index=True)


def by_horizon(record: Record, horizon: int) -> pd.DataFrame:
    """One row per band of weeks ahead, of shops' weeks: first, last (weeks ahead), n, error, naive_error, held80 ..

    error and naive_error are sums of absolute errors over what was taken (WAPE). held80 and held95 are how often each
    range held, held80_low and held80_high the 80 % range of that share: see `_share`.
    """
    shops = record.weeks[record.weeks["location_id"] != futures.NETWORK]
    bands = np.array_split(np.arange(1, horizon + 1), min(BANDS, max(horizon // 4, 1)))
    parts = [(band, shops[shops["ahead"].between(band[0], band[-1])]) for band in bands]
    return pd.DataFrame([{"first": band[0], "last": band[-1]} | _fared(part) for band, part in parts if len(part)])


def by_shop(record: Record) -> pd.DataFrame:
    """The same of all weeks ahead, one row per shop by location_id, and of its whole horizons that have passed.

    totals (how many), total_error and total_naive_error (WAPE of totals, in weeks of trade), total_worst (largest
    error of any one of them); NaN where none has passed.
    """
    shops = record.weeks[record.weeks["location_id"] != futures.NETWORK]
    sums = totals(record, each_shop=True).groupby("location_id")
    rows = [
        {"location_id": shop} | _fared(part) | _whole(sums.get_group(shop) if shop in sums.groups else None)
        for shop, part in shops.groupby("location_id")
    ]
    columns = ["location_id", "n", "error", "naive_error", "held80", "held95", *_whole(None)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def _whole(own: pd.DataFrame | None) -> dict[str, float]:
    if own is None:
        return {"totals": 0, "total_error": np.nan, "total_naive_error": np.nan, "total_worst": np.nan}
    money = own["actual"].to_numpy(float)
    errors = {f"total_{name}": float(own[name].abs() @ money / money.sum()) for name in ("error", "naive_error")}
    return {"totals": len(own), **errors, "total_worst": float(own["error"].abs().max())}


def totals(record: Record, each_shop: bool = False) -> pd.DataFrame:
    """One row per forecast whose horizon has passed: the total, what came, and in weeks of trade the errors.

    Of all shops together, or of each shop. error and naive_error are relative, held80 says whether
    what came lay in the 80 %.
    """
    together = record.totals["location_id"] == futures.NETWORK
    found = record.totals[~together if each_shop else together].reset_index(drop=True)
    if found.empty:
        return found.assign(error=0.0, naive_error=0.0, held80=False)
    seen = found["actual"] + found["shut"]
    return found.assign(
        error=(found["mid"] - found["shut"]) / found["actual"] - 1,
        naive_error=(found["naive"] - found["naive_shut"]) / found["actual"] - 1,
        held80=seen.between(found["low80"], found["high80"]),
    )


def last_origins(weeks: int, horizon: int, least: int, most: int = 8) -> list[int]:
    """Up to `most` numbers of weeks, half a horizon apart, each with a whole horizon behind it, none under `least`."""
    steps = (weeks - horizon - k * (horizon // 2) for k in range(most))
    return sorted(origin for origin in steps if origin >= least)


def _with_naive(record: Record, panel: Panel) -> Record:
    """One forecast with what SeasonalNaive would have said of the same shops on the same day."""
    weeks = np.unique(record.weeks["period"])
    shops = np.flatnonzero(np.isin(panel.location, record.weeks["location_id"]))
    without = replace(panel, known=np.zeros((*panel.revenue.shape, 0)), known_names=()).take(shops)
    then = without.until(int((weeks[0].astype("datetime64[D]") - panel.weeks[0]) // WEEK), len(weeks))
    [plain] = naive.forecast(then, len(weeks), 0, _NAIVE_DRAWS)
    paths = np.concatenate([plain.paths.sum(axis=0, keepdims=True), plain.paths])
    names = [futures.NETWORK, *plain.location]
    at = pd.MultiIndex.from_product([names, pd.DatetimeIndex(weeks)], names=["location_id", "period"])
    each = pd.Series(np.median(paths, axis=-1).ravel(), at, name="naive").reset_index()
    whole = pd.DataFrame({"location_id": names, "naive": np.median(paths.sum(axis=1), axis=-1)})
    return Record(
        record.weeks[[*_BOTH[:-1], "period"]].merge(each, on=["location_id", "period"]),
        record.totals[_BOTH[:-1]].merge(whole, on="location_id"),
    )


def _fared(part: pd.DataFrame) -> dict[str, float]:
    actual = part["actual"].to_numpy(float)
    told = {"error": "mid", "naive_error": "naive"}
    errors = {name: scores.wape(actual, part[column].to_numpy(float)) for name, column in told.items()}
    held = {p: part["actual"].between(part[f"low{p}"], part[f"high{p}"]) for p in _INSIDE}
    of = [part["made_on"], part["location_id"]]
    shares = [dict(zip((f"held{p}", f"held{p}_low", f"held{p}_high"), _share(held[p], of), strict=True)) for p in held]
    return {"n": len(part)} | errors | shares[0] | shares[1]


def _share(held: pd.Series, of: list[pd.Series]) -> tuple[float, float, float]:
    """The share that held, and its 80 % range. Weeks of one shop in one forecast, `of`, rise and fall together.

    They count for as many as their shares' own scatter says (Kish 1965, Survey Sampling, section 8.2), and for no fewer
    than there are shops' forecasts.
    """
    share, each = held.mean(), held.groupby(of).agg(["mean", "size"])
    scatter = ((each["size"] * (each["mean"] - share)) ** 2).sum() / len(held) ** 2
    worth = share * (1 - share) / scatter if scatter > 0 else 0.0
    n = np.clip(worth, len(each), len(held))
    low, high = rates.interval(share * n, n, EIGHT_IN_TEN)
    return float(share), float(low), float(high)
