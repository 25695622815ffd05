"""Would it have been right? Forecasts made where nothing later is known, against the weeks that followed.

The same code forecasts here and for reports. Each origin is judged at every level, with SeasonalNaive on the same
networks beside it, and what was forecast is kept as quantiles.
"""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from barberlab import files
from barberlab.data import weekly
from barberlab.data.calendar import weekly_holidays
from barberlab.errors import BadInput, NotAvailable
from barberlab.models import naive
from barberlab.models.fold import LEVELS, Fold, judge, seen
from barberlab.models.panel import WEEK, Panel
from barberlab.models.paths import Forecaster
from barberlab.models.scores import QUANTILES, overall

MODEL, PEER = "barberlab", "seasonal_naive"
TOTAL = "total"
NO_CALENDAR = "none"
_COUNTRY = "country:"


@dataclass(frozen=True)
class Request:
    """What to score: weeks ahead, weeks of training data of each origin, seed and number of joint draws."""

    horizon: int
    origins: list[int]
    seed: int = 1
    draws: int = 400


@dataclass(frozen=True)
class Result:
    """scores: what out.json holds. forecasts: origin, level, id, week ("2012-01-02" or "total") and the quantiles."""

    scores: dict[str, Any]
    forecasts: pd.DataFrame


def panel_of(table: pd.DataFrame, name: str, calendar: str = NO_CALENDAR) -> Panel:
    """The panel of a checked weekly table, up to the last week with revenue; later rows only tell what is known.

    A location without a row in a week takes x_* from its network's mean of that week, else from all networks'. Raises
    BadInput where nobody tells, and for a `calendar` that is neither none nor country:US.
    """
    holidays = _place(calendar)
    shops = table[["location_id", "network_id"]].drop_duplicates().sort_values(["network_id", "location_id"])
    weeks = np.arange(table["week"].min(), table["week"].max() + WEEK, WEEK).astype("datetime64[D]")
    names = tuple(column for column in table.columns if column.startswith(weekly.KNOWN))
    trading = table["week"][table["revenue"].notna()]
    count = int(np.searchsorted(weeks, np.datetime64(trading.max(), "D"))) + 1
    network = shops["network_id"].to_numpy(str)
    grids = [_grid(table, column, shops, weeks) for column in ("revenue", *names)]
    known = [_filled(grid, network, weeks, f"{name}: {x}") for x, grid in zip(names, grids[1:], strict=True)]
    if holidays:
        known.append(np.broadcast_to(weekly_holidays(holidays, weeks), (len(shops), len(weeks))))
        names += (calendar,)
    columns = np.stack(known, axis=2) if known else np.zeros((len(shops), len(weeks), 0))
    return Panel(weeks[:count], network, shops["location_id"].to_numpy(str), grids[0][:, :count], columns, names)


def _place(calendar: str) -> str:
    if calendar == NO_CALENDAR:
        return ""
    if not calendar.startswith(_COUNTRY) or calendar == _COUNTRY:
        raise BadInput(f"--calendar {calendar!r}: it is none, country:US or, with a region, country:US-CA")
    return calendar.removeprefix(_COUNTRY)


def _grid(table: pd.DataFrame, column: str, shops: pd.DataFrame, weeks: np.ndarray) -> np.ndarray:
    grid = np.full((len(shops), len(weeks)), np.nan)
    rows = pd.Index(shops["location_id"]).get_indexer(table["location_id"])
    grid[rows, np.searchsorted(weeks, table["week"].to_numpy("datetime64[D]"))] = table[column]
    return grid


def _filled(grid: np.ndarray, network: np.ndarray, weeks: np.ndarray, what: str) -> np.ndarray:
    everywhere = pd.DataFrame(grid).mean().to_numpy()
    if np.isnan(everywhere).any():
        unknown = weeks[np.isnan(everywhere)]
        raise BadInput(
            f"{what} is not known for {len(unknown)} weeks (first: {unknown[0]}): no location has a row there. "
            "Add the weeks, with an empty revenue where all shops were closed"
        )
    own = pd.DataFrame(grid).groupby(network).transform("mean").to_numpy()
    return np.where(np.isfinite(grid), grid, np.where(np.isfinite(own), own, everywhere))


def backtest(
    panel: Panel,
    request: Request,
    model: Forecaster,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Result:
    """Scores and forecasts of `model` at every origin, with SeasonalNaive's scores beside it.

    Raises NotAvailable where the model forecasts no network at an origin.
    """
    folds, tables = [], []
    for number, origin in enumerate(request.origins):
        progress(number, len(request.origins), f"origin {origin}")
        told, cost = _timed(lambda at=origin: _judged(model, panel, at, request))
        if not told.networks:
            raise NotAvailable(f"a forecast at origin {origin}", "half a year of history of some network")
        peer, peer_cost = _timed(lambda at=origin, of=told.networks: _judged(naive.forecast, panel, at, request, of))
        scores = {MODEL: told.scores() | cost, PEER: peer.scores() | peer_cost}
        folds.append(_about(panel, origin, request.horizon, told) | {"models": scores})
        tables.append(_table(panel, origin, told))
    scores = _described(panel, request) | {"folds": folds, "overall": _overall(folds)}
    return Result(scores, pd.concat(tables, ignore_index=True))


def _judged(forecaster: Forecaster, panel: Panel, origin: int, request: Request, of: tuple[str, ...] = ()) -> Fold:
    told = forecaster(seen(panel, origin, request.horizon), request.horizon, request.seed, request.draws)
    return judge((one for one in told if not of or one.network in of), panel, origin, request.horizon)


def _timed(work: Callable[[], Fold]) -> tuple[Fold, dict[str, float]]:
    """What it gives, with wall and CPU seconds of this process and its children."""
    wall, before = time.perf_counter(), os.times()
    done = work()
    spent = sum(b - a for a, b in list(zip(before, os.times(), strict=True))[:4])
    return done, {"wall_seconds": round(time.perf_counter() - wall, 3), "cpu_seconds": round(spent, 3)}


def fingerprint(panel: Panel, origin: int, horizon: int) -> str:
    """Which shops, weeks and revenues a fold is made of: folds of two scores match if they have the same."""
    of = hashlib.sha256()
    for part in (panel.weeks[: origin + horizon], panel.network, panel.location):
        of.update("\n".join(map(str, part)).encode())
    of.update(np.ascontiguousarray(np.nan_to_num(panel.revenue[:, : origin + horizon])).tobytes())
    return f"{origin}+{horizon}-{of.hexdigest()[:16]}"


def _about(panel: Panel, origin: int, horizon: int, told: Fold) -> dict[str, Any]:
    ahead = panel.weeks[origin : origin + horizon]
    return {
        "origin": origin,
        "first_week": str(ahead[0]),
        "last_week": str(ahead[-1]),
        "fingerprint": fingerprint(panel, origin, horizon),
        "locations": len(told.levels["location"].ids),
        "networks": len(told.networks),
        "without_forecast": sorted(set(seen(panel, origin, horizon).networks.tolist()) - set(told.networks)),
    }


def _described(panel: Panel, request: Request) -> dict[str, Any]:
    return {
        "horizon": request.horizon,
        "origins": request.origins,
        "seed": request.seed,
        "draws": request.draws,
        "known_in_advance": list(panel.known_names),
        "quantiles": list(QUANTILES),
        "data": {
            "locations": len(panel.location),
            "networks": len(panel.networks),
            "weeks": len(panel.weeks),
            "first_week": str(panel.weeks[0]),
            "last_week": str(panel.weeks[-1]),
        },
    }


def _overall(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Per model: every score over all folds, and the seconds that they took together."""
    told = {}
    for model in (MODEL, PEER):
        parts = [fold["models"][model] for fold in folds]
        told[model] = {
            level: {scope: overall([part[level][scope] for part in parts]) for scope in parts[0][level]}
            for level in LEVELS
        }
        for seconds in ("wall_seconds", "cpu_seconds"):
            told[model][seconds] = round(sum(part[seconds] for part in parts), 3)
    return told


def _table(panel: Panel, origin: int, told: Fold) -> pd.DataFrame:
    horizon = told.levels["location"].actual.shape[1]
    weeks = [*panel.weeks[origin : origin + horizon].astype(str), TOTAL]
    parts = []
    for level, series in told.levels.items():
        values = series.published.reshape(-1, len(QUANTILES))
        part = pd.DataFrame(values, columns=[f"q{q}" for q in QUANTILES])
        part.insert(0, "origin", origin)
        part.insert(1, "level", level)
        part.insert(2, "id", np.repeat(np.array(series.ids, dtype=str), horizon + 1))
        part.insert(3, "week", np.tile(np.array(weeks, dtype=str), len(series.ids)))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def check_places(*paths: Path | None) -> None:
    """Raises BadInput before any work for files that could not be written in the end."""
    for path in filter(None, paths):
        if path.is_dir() or not path.resolve().parent.is_dir():
            raise BadInput(f"{path}: cannot be written: {'it is' if path.is_dir() else 'there is no such'} folder")
    if len({path.resolve() for path in paths if path}) < len([path for path in paths if path]):
        raise BadInput("forecasts and scores would be written to one file; name two")


def keep(result: Result, forecasts: Path | None, scores: Path | None) -> None:
    """Write what was asked for, each file whole or not at all."""
    if forecasts:
        buffer = io.BytesIO()
        result.forecasts.to_parquet(buffer, index=False, compression="zstd")
        files.write(forecasts, buffer.getvalue())
    if scores:
        files.write_json(scores, without_nan(result.scores))


def without_nan(value: Any) -> Any:
    """The same with null for a score that there is not: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def rows(scores: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """(level, weeks or totals, model, its overall scores), for a table to be printed."""
    for level in LEVELS:
        for scope in ("weeks", "totals"):
            for model in (MODEL, PEER):
                yield level, scope, model, scores["overall"][model][level][scope]
