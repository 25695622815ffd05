"""How does the revenue forecast stand against what others would use? The same folds, the same calendar, one table.

    .venv/bin/python tests/benchmarks/revenue_peers.py                    both panels
    .venv/bin/python tests/benchmarks/revenue_peers.py --panel walmart --peer AutoETS --peer "AutoETS log"

The peers, statsforecast 2.0.1 and Prophet 1.5.0, live in an environment of their own that is made on first use under
--place, outside this checkout, and run as processes of their own. Each fold is scored by the same scaled CRPS over the
weeks in which a shop traded. A peer that gives no forecast of some series of a fold did not run that fold. Panels: as
in tests/panels.py. Walmart: 26 weeks, known in advance are its holidays. Recruit: weekly sums of restaurants' daily
visits, 13 weeks, at each origin the restaurants with 15 weeks or more, known in advance are national holidays.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from barberlab.data import weekly
from barberlab.models import scores
from barberlab.models.fold import seen
from barberlab.models.panel import Panel
from barberlab.models.revenue import backtest_forecast
from barberlab.runs.backtest import MODEL, PEER, Request, backtest, panel_of

PACKAGES = ("statsforecast==2.0.1", "prophet==1.5.0", "pyarrow")
APART = Path(__file__).with_name("peers_apart.py")
PANELS = Path(os.environ.get("BARBERLAB_PANELS") or Path(__file__).resolve().parents[3] / "shared" / "data")
OURS, NAIVE = "barberlab", "our SeasonalNaive"
# A peer that takes no calendar is one and the same with and without.
NO_CALENDAR_TAKEN = ("AutoETS", "AutoETS log", "AutoTheta", "SeasonalNaive", "MSTL")
FEWEST_WEEKS = 15  # of a Recruit restaurant at an origin


@dataclass(frozen=True)
class Case:
    """A panel with and without its calendar, its folds and its peers."""

    name: str
    panel: Panel
    horizon: int
    origins: tuple[int, ...]
    fewest: int
    peers: tuple[str, ...]

    def fold(self, origin: int, calendar: bool) -> Panel:
        """What is forecast at an origin: the shops with enough weeks, with or without the known columns."""
        rows = np.flatnonzero(self.panel.until(origin, self.horizon).history >= self.fewest)
        return without_calendar(self.panel.take(rows)) if not calendar else self.panel.take(rows)


def without_calendar(panel: Panel) -> Panel:
    """The same panel, of which nothing is known in advance."""
    none = np.zeros((*panel.revenue.shape, 0))
    return Panel(panel.weeks, panel.network, panel.location, panel.revenue, none, ())


def walmart() -> Case:
    """45 stores, 143 weeks."""
    panel = panel_of(weekly.read(PANELS / "walmart" / "weekly.parquet"), "walmart")
    peers = ("Prophet", "AutoARIMA log", "AutoETS", "AutoETS log", "AutoTheta", "SeasonalNaive", "MSTL")
    return Case("Walmart", panel, 26, (91, 104, 117), 1, peers)


def recruit() -> Case:
    """Restaurants of nine prefectures, whole weeks only."""
    daily = pd.read_parquet(PANELS / "recruit" / "daily_visits.parquet")
    holidays = pd.read_parquet(PANELS / "recruit" / "calendar.parquet")
    for table in (daily, holidays):
        table["week"] = table["date"] - pd.to_timedelta(table["date"].dt.day_of_week, unit="D")
    first, last = daily["date"].min() + pd.Timedelta(days=6), daily["date"].max() - pd.Timedelta(days=6)
    sums = daily.groupby(["network_id", "location_id", "week"], as_index=False)["visits"].sum()
    sums = sums[sums["week"].between(first - pd.Timedelta(days=6), last)]
    off = holidays.groupby("week")["is_holiday"].sum()
    table = sums.assign(revenue=sums["visits"].astype(float), x_holiday=sums["week"].map(off).astype(float))
    panel = panel_of(weekly.checked(table.drop(columns="visits"), "recruit"), "recruit")
    peers = ("AutoETS", "AutoETS log", "AutoTheta", "Prophet")
    return Case("Recruit", panel, 13, (41, 47, 54), FEWEST_WEEKS, peers)


CASES = {"walmart": walmart, "recruit": recruit}


# The peers


def environment(place: Path) -> Path:
    """The Python of the peers' own environment, made if it is not there."""
    python = place / "peers" / "bin" / "python"
    if not (place / "peers" / "ready").exists():
        venv.create(place / "peers", with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", *PACKAGES]
        made = subprocess.run(install, check=False, capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"the peers' environment could not be made:\n{made.stderr}")
        (place / "peers" / "ready").touch()
    return python


def rows_of(panel: Panel, origin: int, horizon: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, ahead) as long tables; a series begins with its first week of trade."""
    cut = seen(panel, origin, horizon)
    weeks = np.concatenate([cut.weeks, panel.weeks[origin : origin + horizon]])
    known = {f"x_{k}": cut.known[:, :, k] for k in range(len(cut.known_names))}
    parts: list[list[pd.DataFrame]] = [[], []]
    for row, name in enumerate(cut.location):
        start = int(np.argmax(np.isfinite(cut.revenue[row])))
        columns = {"id": name, "week": weeks} | {x: grid[row] for x, grid in known.items()}
        table = pd.DataFrame(columns)
        parts[0].append(table[start:origin].assign(y=cut.revenue[row, start:]))
        parts[1].append(table[origin:])
    train, ahead = (pd.concat(part, ignore_index=True) for part in parts)
    return train, ahead


def forecast(python: Path, peer: str, panel: Panel, origin: int, horizon: int) -> tuple[np.ndarray, float]:
    """(L, H, 9) quantiles, NaN where the peer gave none, and CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("train.parquet", "ahead.parquet", "out.parquet")]
        for table, path in zip(rows_of(panel, origin, horizon), paths, strict=False):
            table.to_parquet(path, index=False)
        ran = subprocess.run([python, APART, peer, *paths], check=True, text=True, capture_output=True)
        told = pd.read_parquet(paths[2])
    quantiles = np.full((len(panel.location), horizon, len(scores.QUANTILES)), np.nan)
    if len(told):
        rows = pd.Index(panel.location).get_indexer(told["id"])
        steps = np.searchsorted(panel.weeks[origin : origin + horizon], told["week"].to_numpy("datetime64[D]"))
        quantiles[rows, steps] = told[[f"q{q}" for q in scores.QUANTILES]].to_numpy()
    return quantiles, json.loads(ran.stdout.splitlines()[-1])["cpu"]


def of_peer(python: Path, peer: str, case: Case, calendar: bool) -> list[dict[str, float]]:
    """Scores of each fold; without a CRPS where the peer did not forecast every series."""
    folds = []
    for origin in case.origins:
        panel = case.fold(origin, calendar)
        told, cpu = forecast(python, peer, panel, origin, case.horizon)
        actual = panel.revenue[:, origin : origin + case.horizon]
        scale = scores.naive_error(panel.revenue[:, :origin])
        ran = np.isfinite(told).all()
        one = scores.scores(actual if ran else np.full_like(actual, np.nan), told, scale)
        folds.append(one | {"cpu": cpu})
    return folds


def of_ours(case: Case, calendar: bool) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Scores of each fold of our forecast and of the SeasonalNaive beside it."""
    told = [
        backtest(case.fold(o, calendar), Request(case.horizon, [o]), backtest_forecast).scores["folds"][0]["models"]
        for o in case.origins
    ]
    for name, model in ((OURS, MODEL), (NAIVE, PEER)):
        yield (
            name,
            [
                fold[model]["location"]["weeks"]
                | {"cpu": fold[model]["cpu_seconds"], "network_error": fold[model]["network"]["totals"]["wape"]}
                for fold in told
            ],
        )


# The table


type Folds = dict[str, list[dict[str, float]]]


def crps(folds: list[dict[str, float]]) -> np.ndarray:
    """Scaled CRPS of each fold, NaN where it did not run."""
    return np.array([fold["scaled_crps"] for fold in folds])


def common_ratio(ours: list[dict[str, float]], peer: list[dict[str, float]]) -> float:
    """Our mean over the peer's, over the folds that the peer ran."""
    ran = np.isfinite(crps(peer))
    return float(crps(ours)[ran].mean() / crps(peer)[ran].mean()) if ran.any() else float("nan")


def lines(told: Folds) -> Iterator[str]:
    """One line per model: each fold's CRPS, the mean of those that ran, WAPE, MASE, coverage and CPU, and the ratio."""
    for name, folds in told.items():
        each = " ".join(f"{value:7.4f}" if np.isfinite(value) else f"{'-':>7}" for value in crps(folds))
        overall = scores.overall(folds)
        figures = " ".join(f"{overall[k]:7.4f}" for k in ("scaled_crps", "wape", "mase", "coverage80", "coverage95"))
        cpu = sum(fold["cpu"] for fold in folds)
        yield f"{name:20} {each} | {figures} | {cpu:8.1f} | {common_ratio(told[OURS], folds):6.3f}"


def best(told: Folds, among: tuple[str, ...]) -> tuple[str, float]:
    """(peer, ratio) against the lowest mean CRPS among peers that ran every fold."""
    ran = {name: crps(told[name]).mean() for name in among if name in told and np.isfinite(crps(told[name])).all()}
    if not ran:
        return "nobody", float("nan")
    name = min(ran, key=ran.get)
    return name, float(crps(told[OURS]).mean() / ran[name])


def verdict(what: str, found: tuple[str, float], bar: float, goal: float) -> str:
    """A line of the table of bars."""
    peer, ratio = found
    stands = "missed" if not ratio <= bar else "reached" if ratio > goal else "goal reached"
    return f"{what:46} / {peer:14} {ratio:6.3f}   bar {bar:.2f}, goal {goal:.2f}: {stands}"


def verdicts(case: Case, with_calendar: Folds, without: Folds) -> Iterator[str]:
    """What must be reached, with what was."""
    ours = with_calendar[OURS]
    if case.name == "Walmart":
        others = tuple(peer for peer in case.peers if peer != "MSTL")
        yield verdict("Walmart, calendar", best(with_calendar, others), 0.80, 0.70)
        if "MSTL" in with_calendar:
            yield verdict(
                "Walmart, folds that MSTL can run", ("MSTL", common_ratio(ours, with_calendar["MSTL"])), 0.92, 0.80
            )
        worst = max(fold["network_error"] for fold in ours)
        yield verdict("Walmart, network total, worst origin", ("what came", worst), 0.05, 0.02)
    else:
        yield verdict("Recruit, calendar", best(with_calendar, ("AutoETS", "AutoETS log")), 0.90, 0.80)
    yield verdict(f"{case.name}, no calendar", best(without, case.peers), 1.00, 0.90)


def run(case: Case, python: Path, peers: list[str]) -> None:
    """Forecast, score and print one panel."""
    chosen = [peer for peer in case.peers if not peers or peer in peers]
    sides: dict[bool, Folds] = {}
    for calendar in (True, False):
        told: Folds = dict(of_ours(case, calendar))
        for peer in chosen:
            same = not calendar and peer in NO_CALENDAR_TAKEN
            told[peer] = sides[True][peer] if same else of_peer(python, peer, case, calendar)
        sides[calendar] = told
        heads = " ".join(f"{origin:>7}" for origin in case.origins)
        print(
            f"\n{case.name}, {case.horizon} weeks, {'with' if calendar else 'without'} calendar: scaled CRPS by origin"
        )
        print(f"{'':20} {heads} |    mean    WAPE    MASE    80 %    95 % |    CPU s | ours / it")
        print("\n".join(lines(told)), flush=True)
    print()
    print("\n".join(verdicts(case, sides[True], sides[False])), flush=True)


def main() -> None:
    """Measure, and print."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--panel", choices=list(CASES), action="append")
    said.add_argument("--peer", action="append", default=[], help="only this one; may be repeated")
    said.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()) / "barberlab-peers")
    given = said.parse_args()
    if given.place.resolve().is_relative_to(Path(__file__).resolve().parents[2]):
        sys.exit("--place: must lie outside this checkout")
    given.place.mkdir(parents=True, exist_ok=True)
    python = environment(given.place)
    for name in given.panel or CASES:
        run(CASES[name](), python, given.peer)


if __name__ == "__main__":
    main()
