"""Does a scenario's interval hold what the change really did? Lives of simulated clients, with the change and without.

python tests/benchmarks/revenue_levers.py --networks 12 --runs 3

Each network lives up to half a year before the end of its history; from there its clients live on several times, with
one thing changed and without it, from the same random numbers. What the change did is the mean difference in revenue.
It is known up to the chance of a few runs, which is printed. It is held against the paired 80 % interval that the
forecast of that day and the lever's assumptions give: prices 8 % up in all shops, one shop shut for three weeks, its
busiest barber gone, one send-out to all who may be written to.
Hours and chairs are not played: a longer day or a new barber is no part of the simulated story.
"""

import argparse
import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from barberlab.data.sample.axis import NEVER, Axis
from barberlab.data.sample.clients import draw_clients
from barberlab.data.sample.life import Life
from barberlab.data.sample.log import COMPLETED
from barberlab.data.sample.plans import Plans
from barberlab.data.sample.spec import ADDON, NETWORKS, spec_for, stream
from barberlab.data.sample.staff import ABSENT, CLOSED
from barberlab.data.sample.world import World, draw_world
from barberlab.models import revenue, scenarios
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.panel import Panel
from barberlab.models.population import Population

SHIPPED = Path(__file__).resolve().parents[2] / "params" / "populations" / "revenue.json"
HORIZON, WEEKS, FIRST_SEED, UNTIL = 26, 130, 80_000, date(2025, 6, 30)
CHANGE, SHUT_FROM, SHUT_WEEKS, SENT = 0.08, 4, 3, 1  # size of the price rise; weeks of the horizon
UNSEEN = (26, 90)  # days since the last visit of those who are written to
BAR = (0.75, 0.85)

type Change = Callable[[Life, int], None]


@dataclass(frozen=True)
class Outcome:
    """One lever in one network: what it did and (low, median, high) of what was foreseen, as shares of half a year.

    `unsure` is the standard error of what it did, from run to run.
    """

    lever: str
    did: float
    unsure: float
    foreseen: np.ndarray


def lived(name: str, seed: int, shops: int) -> tuple[Life, int]:
    """A network's clients up to the first day of the horizon, a Monday, and that day."""
    axis = Axis.until(UNTIL, 36)
    world = draw_world(spec_for(name), name, seed, axis, shops)
    life = Life(world, draw_clients(world, stream(name, seed, "clients")), stream(name, seed, "life"))
    first = int(np.argmax(axis.weekday == 0)) + 7 * WEEKS
    life.run(0, first)
    return life, first


def takings(life: Life, first: int, last: int) -> np.ndarray:
    """(shop, week) revenue of completed visits from day `first` to before `last`, in whole units."""
    v, prices = life.log.bookings(), life.world.prices
    here = (v["status"] == COMPLETED) & (v["day"] >= first) & (v["day"] < last)
    shop, service, day = (v[column][here] for column in ("shop", "service", "day"))
    value = prices[shop, service, day] + v["addon"][here] * prices[shop, ADDON, day]
    grid = np.zeros((life.world.shops.count, (last - first) // 7))
    np.add.at(grid, (shop, (day - first) // 7), value)
    return grid


def went_on(life: Life, first: int, change: Change | None, run: int) -> float:
    """Revenue of the horizon if the clients live on, with the change or without."""
    on = copy.deepcopy(life, {id(life.world): life.world, id(life.clients): life.clients})
    on.rng = on.plans.rng = np.random.default_rng([first, run])
    last = first + 7 * HORIZON
    if change is campaign:
        on.run(first, first + 7 * SENT)
        change(on, first + 7 * SENT)
        on.run(first + 7 * SENT, last)
    else:
        if change:
            change(on, first)
        on.run(first, last)
    return float(takings(on, first, last).sum())


# The changes


def dearer(life: Life, day: int) -> None:
    """All prices rise; fewer sign up, those who come do so more rarely, and more of them leave."""
    prices = life.world.prices.astype(float)
    prices[:, :, day:] *= 1 + CHANGE
    _live_in(life, replace(life.world, prices=prices))
    to_come = np.flatnonzero((life.clients.first >= day) & (life.ask_on >= day) & (life.visits == 0))
    kept = (1 + CHANGE) ** life.world.shops.signup_elasticity[life.clients.shop[to_come]]
    lost = to_come[life.rng.random(len(to_come)) > kept]
    life.wanted[lost] = life.ask_on[lost] = NEVER


def shut(life: Life, day: int) -> None:
    """The first shop is shut for some weeks; who had booked then asks again."""
    begin, end = day + 7 * SHUT_FROM, day + 7 * (SHUT_FROM + SHUT_WEEKS)
    kind = life.world.staff.kind.copy()
    kind[:, begin:end][life.world.staff.shop[:, begin:end] == 0] = CLOSED
    for on in range(begin, end):
        life.book.team[0][on], life.book.pull[0][on] = [], []
    _live_in(life, replace(life.world, staff=replace(life.world.staff, kind=kind)))
    _give_up(life, (life.shop == 0) & (life.due >= begin) & (life.due < end), day)


def barber_leaves(life: Life, day: int) -> None:
    """The first shop's busiest barber leaves at once."""
    staff, barber = life.world.staff, busiest(life, day)[0]
    left, kind = staff.left.copy(), staff.kind.copy()
    left[barber], kind[barber, day:] = day, ABSENT
    for shop in range(life.world.shops.count):
        for on in range(day, life.world.axis.days):
            team = life.book.team[shop][on]
            if barber in team:
                team.remove(barber)
                life.book.pull[shop][on] = np.cumsum(np.exp(staff.appeal[team])).tolist()
    _live_in(life, replace(life.world, staff=replace(staff, left=left, kind=kind)))
    _give_up(life, (life.held[1] == barber) & (life.due >= day) & (life.due < NEVER), day)


def campaign(life: Life, day: int) -> None:
    """Everyone who agreed and was not seen for some weeks is written to; some come who would have come later."""
    unseen = day - life.last
    due = (unseen >= UNSEEN[0]) & (unseen < UNSEEN[1]) & (life.due == NEVER) & (life.visits > 0) & (life.gone > day)
    who = np.flatnonzero(due & (life.clients.consent_marketing == 1) & (life.wanted > day + 9))
    moved = who[life.rng.random(len(who)) < life.clients.response[who]]
    life.gone[moved] = NEVER
    life.soon(moved, day, 2, 9)


def busiest(life: Life, day: int) -> tuple[int, float]:
    """The first shop's own barber with most visits in the half year before, and the share of the shop's visits."""
    v = life.log.bookings()
    here = (v["status"] == COMPLETED) & (v["shop"] == 0) & (v["day"] >= day - 7 * HORIZON) & (v["day"] < day)
    count = np.bincount(v["barber"][here], minlength=life.world.staff.count)
    there = (life.world.staff.kind[:, day : day + 28] != ABSENT).any(axis=1) & (life.world.staff.home == 0)
    barber = int(np.argmax(np.where(there, count, -1)))
    return barber, float(count[barber] / count.sum())


def _live_in(life: Life, world: World) -> None:
    life.world = world
    life.plans = Plans(world, life.clients, life.rng)


def _give_up(life: Life, held: np.ndarray, day: int) -> None:
    life.cancel_on[held] = day


# What was foreseen


def levers(life: Life, first: int, shop: np.ndarray) -> Iterator[tuple[str, Change, scenarios.Lever]]:
    """Name, change and lever; `shop` (L,) bool is the one that is shut or loses a barber."""
    yield "price", dearer, scenarios.Price(CHANGE)
    yield "closure", shut, scenarios.Closure(SHUT_WEEKS, SHUT_FROM, shop)
    yield "lost barber", barber_leaves, scenarios.LostBarber(busiest(life, first)[1], shops=shop)
    yield "campaign", campaign, scenarios.Campaign([0.0] * SENT + [1.0])


def of_network(number: int, runs: int, population: Population) -> list[Outcome]:
    """Every lever in one network."""
    name = list(NETWORKS)[number % len(NETWORKS)]
    life, first = lived(name, FIRST_SEED + number, 4 + number % 3)
    panel = _panel(life, name, first)
    (told,) = revenue.forecast(panel, HORIZON, population=population, seed=1)
    without = np.array([went_on(life, first, None, run) for run in range(runs)])
    expected = np.median(told.paths.sum(axis=(0, 1), dtype=float))
    outcomes = []
    for what, change, lever in levers(life, first, told.location == "shop-0"):
        did = np.array([went_on(life, first, change, run) for run in range(runs)] - without) / without.mean()
        unsure = float(did.std(ddof=1) / np.sqrt(runs)) if runs > 1 else float("nan")
        foreseen = np.array(scenarios.play(told.paths, lever, seed=number).total(EIGHT_IN_TEN))
        outcomes.append(Outcome(what, float(did.mean()), unsure, foreseen / expected))
    return outcomes


def _panel(life: Life, name: str, first: int) -> Panel:
    begin = first - 7 * WEEKS
    grid = takings(life, begin, first)
    grid = np.where(grid > 0, grid, np.nan)
    open_ = np.flatnonzero(np.isfinite(grid[:, -8:]).any(axis=1))
    weeks = life.world.axis.dates[begin] + 7 * np.arange(WEEKS)
    ids = np.array([f"shop-{i}" for i in open_])
    return Panel(weeks, np.full(len(open_), name), ids, grid[open_], np.zeros((len(open_), WEEKS, 0)), ())


def main() -> None:
    """Live, foresee, and say what was covered."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--networks", type=int, default=12)
    said.add_argument("--runs", type=int, default=3)
    said.add_argument("--workers", type=int, default=1)
    said.add_argument("--population", type=Path, default=SHIPPED)
    given = said.parse_args()
    population = Population.read(given.population.read_text(encoding="utf-8"), given.population.name)
    with ProcessPoolExecutor(given.workers) as pool:
        found = pool.map(partial(of_network, runs=given.runs, population=population), range(given.networks))
        told = [one for outcomes in found for one in outcomes]
    for lever in dict.fromkeys(one.lever for one in told):
        print(_line(lever, [one for one in told if one.lever == lever]))
    print(_line("all", told))


def _line(lever: str, told: list[Outcome]) -> str:
    did, (low, middle, high) = np.array([one.did for one in told]), np.array([one.foreseen for one in told]).T
    covered = ((low <= did) & (did <= high)).mean()
    stands = "reached" if BAR[0] <= covered <= BAR[1] else f"missed {BAR[0]:.2f}-{BAR[1]:.2f}"
    return (
        f"{lever:12} n {len(told):4} 80 % {covered:.3f} {stands:18} did {did.mean():+.4f} (sd {did.std():.4f}, "
        f"of which chance {np.mean([one.unsure for one in told]):.4f}) "
        f"foreseen {middle.mean():+.4f}, {low.mean():+.4f} to {high.mean():+.4f}, of half a year's revenue"
    )


if __name__ == "__main__":
    main()
