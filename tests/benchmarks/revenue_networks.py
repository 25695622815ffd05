"""Do forecasts of networks whose truth is known cover it? Totals of shops and networks, and of shops newly opened.

python tests/benchmarks/revenue_networks.py --visits 30 --days 10 --place FOLDER
python tests/benchmarks/revenue_networks.py --visits 300 --days 100 --place FOLDER      (the bars: about an hour)

Networks are simulated one by one, visit by visit or by daily totals, each with a seed of its own and none of those
that the shipped population was fitted on; FOLDER keeps their weekly revenue, so that a second look costs little. Each
is forecast alone, by the population file, as a run does. Printed: what share of the 80 % and 95 % intervals held what
came, for totals of the horizon and of each third of it, and for shops that were 0 to 8 weeks old.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from barberlab.data import sample
from barberlab.models import fold, revenue, scores
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY
from barberlab.models.panel import Panel
from barberlab.models.population import Population
from barberlab.models.revenue_opening import opened
from barberlab.runs.population import revenue_of_days, revenue_of_payments, weekly_panel, weekly_revenue

SHIPPED = Path(__file__).resolve().parents[2] / "params" / "populations" / "revenue.json"
VISIT, DAY = "visit", "day"
HORIZON, MONTHS, DRAWS = 26, 36, 400
FIRST_SEED = 60_000  # the population's own are far below
SHOPS = {VISIT: (4, 9), DAY: (5, 41)}  # fewest, and one more than most
SPANS = ("first_third", "second_third", "last_third", "totals")
LEVELS = ("location", "network")
YOUNGEST, OLDEST = 0, 8  # weeks of history of a launch
LEAST_BEFORE = 40  # weeks of its network before a launch
BARS = {
    "totals": {EIGHT_IN_TEN: (0.76, 0.84), NINETEEN_IN_TWENTY: (0.92, 0.98)},
    "launch": {NINETEEN_IN_TWENTY: (0.90, 0.99)},
}


@dataclass(frozen=True)
class Told:
    """What came (n,) and its quantiles (n, 9), of one kind of network."""

    kind: str
    what: str
    came: np.ndarray
    quantiles: np.ndarray


def simulated(kind: str, number: int, place: Path) -> Panel:
    """Weekly revenue of one network, from the folder if it is there."""
    kept = place / f"{kind}_{number}.parquet"
    if not kept.exists():
        frame = _simulate(kind, number)
        frame.to_parquet(kept.with_suffix(".part"))
        kept.with_suffix(".part").rename(kept)
    return weekly_panel(pd.read_parquet(kept))


def _simulate(kind: str, number: int) -> pd.DataFrame:
    seed, shops = FIRST_SEED + number, int(np.random.default_rng(7000 + number).integers(*SHOPS[kind]))
    if kind == DAY:
        name = f"plains_{number}"
        days = sample.simulate_days(shops, seed=seed, months=MONTHS, name=name).tables["location_day"]
        return weekly_revenue(name, revenue_of_days(days))
    like = list(sample.NETWORKS)[number % len(sample.NETWORKS)]
    payments = sample.simulate(like, seed=seed, shops=shops, months=MONTHS).tables["payments"]
    return weekly_revenue(f"{like}_{number}", revenue_of_payments(payments))


def totals(panel: Panel, kind: str, back: int, population: Population) -> Iterator[Told]:
    """Of all shops and of the network, `back` weeks before the end of its data."""
    origin = len(panel.weeks) - back
    told = revenue.forecast(fold.seen(panel, origin, HORIZON), HORIZON, population=population, draws=DRAWS, seed=1)
    judged = fold.judge(told, panel, origin, HORIZON)
    for level in LEVELS:
        series = judged.levels[level]
        yield Told(kind, f"{level} weeks", series.actual.reshape(-1), series.weeks.reshape(-1, series.weeks.shape[2]))
        for span in SPANS:
            came, quantiles, _count = series.spans[span]
            yield Told(kind, f"{level} {span}", came, quantiles)


def launches(panel: Panel, kind: str, number: int, population: Population) -> Iterator[Told]:
    """Of each shop that opened, at 0 to 8 weeks by lot: the weeks ahead, and their total."""
    at = opened(panel.observed)
    rng = np.random.default_rng([FIRST_SEED, number])
    for row in np.flatnonzero((at >= 0) & (at < len(panel.weeks))):
        origin = int(at[row] + rng.integers(YOUNGEST, OLDEST + 1))
        if origin < LEAST_BEFORE or origin + HORIZON > len(panel.weeks):
            continue
        cut = panel.until(origin, HORIZON)
        there = np.flatnonzero((cut.history > 0) | (np.arange(len(at)) == row))
        (told,) = revenue.forecast(cut.take(there), HORIZON, population=population, draws=DRAWS, seed=1)
        # Its first week is rarely a whole one, and is no week of trade to the model either.
        begin = max(int(at[row]) + 1 - origin, 0)
        paths = told.paths[told.location == panel.location[row], begin:]
        came = panel.revenue[row, origin + begin : origin + HORIZON]
        yield Told(kind, "launch weeks", came, scores.quantiles(paths)[0])
        sums = np.where(np.isfinite(came)[None, :, None], paths, 0.0).sum(axis=1)
        yield Told(kind, "launch total", np.nansum(came, keepdims=True), scores.quantiles(sums))


def of_network(task: tuple[str, int], place: Path, back: int, population: Population) -> list[Told]:
    """All that is told of one network."""
    panel = simulated(*task, place)
    found = list(totals(panel, task[0], back, population))
    return found + list(launches(panel, *task, population))


def lines(told: list[Told]) -> Iterator[str]:
    """A line per kind of network and what was foreseen, with the bar."""
    kinds = sorted({one.kind for one in told})
    for kind in (*kinds, *(["all"] if len(kinds) > 1 else [])):
        for what in dict.fromkeys(one.what for one in told):
            some = [one for one in told if one.what == what and kind in ("all", one.kind)]
            if not some:
                continue
            came = np.concatenate([one.came for one in some])
            quantiles = np.concatenate([one.quantiles for one in some])
            yield f"{kind:6} {what:24} {np.isfinite(came).sum():7,}  " + _verdict(what, came, quantiles)


def _verdict(what: str, came: np.ndarray, quantiles: np.ndarray) -> str:
    bars = BARS["launch" if what.startswith("launch") else "totals"]
    parts = []
    for inside in (EIGHT_IN_TEN, NINETEEN_IN_TWENTY):
        found = scores.coverage(came, quantiles, inside)
        low, high = bars.get(inside, (0.0, 1.0))
        stands = "" if inside not in bars else "reached" if low <= found <= high else f"missed {low:.2f}-{high:.2f}"
        parts.append(f"{inside:.0%} {found:.3f} {stands:16}")
    bias = np.nanmean(np.log(came / quantiles[:, scores.QUANTILES.index(0.5)]))
    return " ".join(parts) + f" mean log error {bias:+.3f}"


def main() -> None:
    """Simulate, forecast, and say what was covered."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--visits", type=int, default=30)
    said.add_argument("--days", type=int, default=10)
    said.add_argument("--back", type=int, default=HORIZON, help="weeks before the end of the data to forecast from")
    said.add_argument("--workers", type=int, default=1)
    said.add_argument("--population", type=Path, default=SHIPPED)
    said.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()) / "barberlab-networks")
    given = said.parse_args()
    if given.back < HORIZON:
        sys.exit(f"--back: at least {HORIZON} weeks")
    given.place.mkdir(parents=True, exist_ok=True)
    population = Population.read(given.population.read_text(encoding="utf-8"), given.population.name)
    tasks = [(VISIT, i) for i in range(given.visits)] + [(DAY, i) for i in range(given.days)]
    look = partial(of_network, place=given.place, back=given.back, population=population)
    told = []
    with ProcessPoolExecutor(given.workers) as pool:
        for found in pool.map(look, tasks):
            told += found
    print(f"{len(tasks)} networks, forecast {given.back} weeks before the end, population {population.version}")
    print("\n".join(lines(told)))


if __name__ == "__main__":
    main()
