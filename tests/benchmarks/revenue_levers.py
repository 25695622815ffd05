"""Does a scenario's interval hold what the change really did? Lives of simulated clients, with the change and without.

python tests/benchmarks/revenue_levers.py --networks 12 --runs 8

Each network lives up to half a year before the end of its history; from there its clients live on several times, with
one thing changed and without it, each client from the same random numbers of its own. What the change did is the mean
difference in revenue, known up to the chance of the runs, which is printed. It is held against the paired 80 % interval
that the forecast of that day and the lever's assumptions give, plain and with that chance added to its draws (by which
an interval that is right holds the mean of a few runs as often as it says): prices 8 % up in all shops, one shop shut
for three weeks, its busiest barber gone, one send-out to all who may be written to.
Hours and chairs are not played: a longer day or a new barber is no part of the simulated story. Networks that close a
shop for good around then are left out: whoever asks what a lever does knows of it, and the forecast was not told.
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
from own_luck import OwnLife, OwnLuck

from barberlab.data.sample.axis import NEVER, Axis
from barberlab.data.sample.clients import draw_clients
from barberlab.data.sample.log import COMPLETED
from barberlab.data.sample.plans import Plans
from barberlab.data.sample.spec import ADDON, NETWORKS, spec_for, stream
from barberlab.data.sample.staff import ABSENT, CLOSED
from barberlab.data.sample.world import World, draw_world
from barberlab.models import revenue, scenarios
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.panel import Panel
from barberlab.models.population import Population

SHIPPED = Path(__file__).resolve().parents[2] / "params" / "populations" / "revenue.json"
HORIZON, WEEKS, FIRST_SEED, UNTIL = 26, 130, 80_000, date(2025, 6, 30)
CHANGE, SHUT_FROM, SHUT_WEEKS, SENT = 0.08, 4, 3, 1  # size of the price rise; weeks of the horizon
SEEN_WEEKS = 8  # a shop with takings in the last of these weeks is open
MORNING = 9 * 60
UNSEEN = (26, 90)  # days since the last visit of those who are written to
BAR = (0.75, 0.85)

# Of those who find their shop shut and go elsewhere for that visit: one in three says to have a "flexible relationship"
# with the barber (Square 2024, Client Loyalty in the Beauty Industry, United States and Canada).
FLEXIBLE = 1 / 3
RUSH = 7  # days after it reopens within which the others ask to come

type Change = Callable[["PlayedLife", int], None]


@dataclass(frozen=True)
class Outcome:
    """One lever in one network: what it did and (low, median, high) of what was foreseen, as shares of half a year.

    `unsure` is the standard error of what it did, from run to run; `with_chance` is `foreseen` with that added.
    """

    lever: str
    did: float
    unsure: float
    foreseen: np.ndarray
    with_chance: np.ndarray


class PlayedLife(OwnLife):
    """A life in which the first shop may be shut from day to before day `shut`, and its clients know until when.

    Who has been before and wants to come then goes elsewhere for that visit, or waits and comes when the shop reopens;
    `waiting` are those, and they take the next free time: being told that the first days are full is not being turned
    away. In June 2020 the first two weeks after reopening were booked out (National Hair & Beauty Federation, by The
    Times of 24 June 2020).
    """

    def __init__(self, *given):
        self.shut = (NEVER, NEVER)
        self.waiting = np.zeros(given[1].count, dtype=bool)
        super().__init__(*given)

    def _mean_to_come(self, who: np.ndarray, target: np.ndarray, day: int) -> None:
        finds = (self.shop[who] == 0) & (self.visits[who] > 0) & (target >= self.shut[0]) & (target < self.shut[1])
        target = target.copy()
        target[finds] = self._put_off(who[finds], target[finds])
        super()._mean_to_come(who, target, day)

    def _put_off(self, who: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The day wanted instead: a rhythm after the visit elsewhere, or soon after the shop reopens."""
        with self.rng.of("_put_off", who):
            elsewhere = self.rng.random(len(who)) < FLEXIBLE
            reopened = self.shut[1] + self.rng.integers(0, RUSH, len(who))
            after = self.plans.after(self.shop[who], target, self.plans.interval(who, self.shop[who], target))
        self.waiting[who] = ~elsewhere
        return np.where(elsewhere, np.maximum(after, self.shut[1]), reopened)

    def _turned_away(self, who: np.ndarray, day: int) -> None:
        waits = who[self.waiting[who]]
        with self.rng.of("_wait", waits):
            later = self.wanted[waits] + self.rng.integers(1, 6, len(waits))
        super()._mean_to_come(waits, later, day)
        super()._turned_away(who[~self.waiting[who]], day)

    def _came(self, who: np.ndarray, day: int) -> None:
        self.waiting[who] = False
        super()._came(who, day)


def lived(name: str, seed: int, shops: int) -> tuple[PlayedLife, int]:
    """A network's clients up to the first day of the horizon, a Monday, and that day."""
    axis = Axis.until(UNTIL, 36)
    world = draw_world(spec_for(name), name, seed, axis, shops)
    clients = draw_clients(world, stream(name, seed, "clients"))
    life = PlayedLife(world, clients, OwnLuck([seed], clients.count))
    first = int(np.argmax(axis.weekday == 0)) + 7 * WEEKS
    life.run(0, first)
    return life, first


def closes_a_shop(life: PlayedLife, first: int) -> bool:
    """Whether a shop closes for good within the horizon, or so shortly before that it still counts as open."""
    closed = life.world.shops.closed
    return bool(((closed > first - 7 * SEEN_WEEKS) & (closed < first + 7 * HORIZON)).any())


def takings(life: PlayedLife, first: int, last: int) -> np.ndarray:
    """(shop, week) revenue of completed visits from day `first` to before `last`, in whole units."""
    v, prices = life.log.bookings(), life.world.prices
    here = (v["status"] == COMPLETED) & (v["day"] >= first) & (v["day"] < last)
    shop, service, day = (v[column][here] for column in ("shop", "service", "day"))
    value = prices[shop, service, day] + v["addon"][here] * prices[shop, ADDON, day]
    grid = np.zeros((life.world.shops.count, (last - first) // 7))
    np.add.at(grid, (shop, (day - first) // 7), value)
    return grid


def went_on(life: PlayedLife, first: int, change: Change | None, run: int) -> np.ndarray:
    """(shop, week) revenue of the horizon if the clients live on, with the change or without."""
    on = copy.deepcopy(life, {id(life.world): life.world, id(life.clients): life.clients})
    on.rng = on.plans.rng = OwnLuck([first, run], life.clients.count)
    last = first + 7 * HORIZON
    if change is campaign:
        on.run(first, first + 7 * SENT)
        change(on, first + 7 * SENT)
        on.run(first + 7 * SENT, last)
    else:
        if change:
            change(on, first)
        on.run(first, last)
    return takings(on, first, last)


# The changes


def dearer(life: PlayedLife, day: int) -> None:
    """All prices rise; fewer sign up, those who come do so more rarely, and more of them leave."""
    prices = life.world.prices.astype(float)
    prices[:, :, day:] *= 1 + CHANGE
    _live_in(life, replace(life.world, prices=prices))
    to_come = np.flatnonzero((life.clients.first >= day) & (life.ask_on >= day) & (life.visits == 0))
    kept = (1 + CHANGE) ** life.world.shops.signup_elasticity[life.clients.shop[to_come]]
    lost = to_come[life.rng.random(len(to_come)) > kept]
    life.wanted[lost] = life.ask_on[lost] = NEVER


def shut(life: PlayedLife, day: int) -> None:
    """The first shop says today that it will be shut for some weeks; who had booked or meant to come then is told."""
    begin, end = day + 7 * SHUT_FROM, day + 7 * (SHUT_FROM + SHUT_WEEKS)
    kind = life.world.staff.kind.copy()
    kind[:, begin:end][life.world.staff.shop[:, begin:end] == 0] = CLOSED
    for on in range(begin, end):
        life.book.team[0][on], life.book.pull[0][on] = [], []
    _live_in(life, replace(life.world, staff=replace(life.world.staff, kind=kind)))
    life.shut = (begin, end)
    booked = (life.shop == 0) & (life.due >= begin) & (life.due < end)
    meant = (life.shop == 0) & (life.due == NEVER) & (life.visits > 0) & (life.wanted >= begin) & (life.wanted < end)
    for who in (_called_off(life, booked, day), np.flatnonzero(meant)):
        life._mean_to_come(who, life.wanted[who], day)


def barber_leaves(life: PlayedLife, day: int) -> None:
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
    who = _called_off(life, (life.held[1] == barber) & (life.due >= day) & (life.due < NEVER), day)
    life._mean_to_come(who, life.wanted[who], day)


def campaign(life: PlayedLife, day: int) -> None:
    """Everyone who agreed and was not seen for some weeks is written to; some come who would have come later."""
    unseen = day - life.last
    due = (unseen >= UNSEEN[0]) & (unseen < UNSEEN[1]) & (life.due == NEVER) & (life.visits > 0) & (life.gone > day)
    who = np.flatnonzero(due & (life.clients.consent_marketing == 1) & (life.wanted > day + 9))
    moved = who[life.rng.random(len(who)) < life.clients.response[who]]
    life.gone[moved] = NEVER
    life.soon(moved, day, 2, 9)


def busiest(life: PlayedLife, day: int) -> tuple[int, float]:
    """The first shop's own barber with most visits in the half year before, and the share of the shop's visits."""
    v = life.log.bookings()
    here = (v["status"] == COMPLETED) & (v["shop"] == 0) & (v["day"] >= day - 7 * HORIZON) & (v["day"] < day)
    count = np.bincount(v["barber"][here], minlength=life.world.staff.count)
    there = (life.world.staff.kind[:, day : day + 28] != ABSENT).any(axis=1) & (life.world.staff.home == 0)
    barber = int(np.argmax(np.where(there, count, -1)))
    return barber, float(count[barber] / count.sum())


def _live_in(life: PlayedLife, world: World) -> None:
    life.world = world
    life.plans = Plans(world, life.clients, life.rng)


def _called_off(life: PlayedLife, held: np.ndarray, day: int) -> np.ndarray:
    """The shop calls these bookings off; gives whose they were, who now want another time near the same day."""
    who = np.flatnonzero(held)
    life.log.cancel(life.held[0, who], day, np.full(len(who), MORNING))
    life.wanted[who] = life.due[who]
    life.due[who] = life.cancel_on[who] = NEVER
    life.ghost[who] = False
    return who[life.gone[who] > day]


# What was foreseen


def levers(life: PlayedLife, first: int, shop: np.ndarray) -> Iterator[tuple[str, Change, scenarios.Lever]]:
    """Name, change and lever; `shop` (L,) bool is the one that is shut or loses a barber."""
    yield "price", dearer, scenarios.Price(CHANGE)
    yield "closure", shut, scenarios.Closure(SHUT_WEEKS, SHUT_FROM, shop)
    yield "lost barber", barber_leaves, scenarios.LostBarber(busiest(life, first)[1], shops=shop)
    yield "campaign", campaign, scenarios.Campaign([0.0] * SENT + [1.0])


def of_network(number: int, runs: int, population: Population) -> list[Outcome]:
    """Every lever in one network; none if it closes a shop for good around the horizon."""
    name = list(NETWORKS)[number % len(NETWORKS)]
    life, first = lived(name, FIRST_SEED + number, 4 + number % 3)
    if closes_a_shop(life, first):
        return []
    panel = _panel(life, name, first)
    (told,) = revenue.forecast(panel, HORIZON, population=population, seed=1)
    without = np.array([went_on(life, first, None, run).sum() for run in range(runs)])
    expected = np.median(told.paths.sum(axis=(0, 1), dtype=float))
    outcomes = []
    for what, change, lever in levers(life, first, told.location == "shop-0"):
        did = np.array([went_on(life, first, change, run).sum() for run in range(runs)] - without) / without.mean()
        unsure = float(did.std(ddof=1) / np.sqrt(runs))
        foreseen = scenarios.play(told.paths, lever, seed=number).difference.sum(axis=(0, 1), dtype=float) / expected
        chance = unsure * np.random.default_rng(number).standard_t(runs - 1, (100, len(foreseen)))
        outcomes.append(Outcome(what, float(did.mean()), unsure, _interval(foreseen), _interval(foreseen + chance)))
    return outcomes


def _interval(draws: np.ndarray) -> np.ndarray:
    low, high = tails(EIGHT_IN_TEN)
    return np.quantile(draws, [low, 0.5, high])


def _panel(life: PlayedLife, name: str, first: int) -> Panel:
    begin = first - 7 * WEEKS
    grid = takings(life, begin, first)
    grid = np.where(grid > 0, grid, np.nan)
    open_ = np.flatnonzero(np.isfinite(grid[:, -SEEN_WEEKS:]).any(axis=1))
    weeks = life.world.axis.dates[begin] + 7 * np.arange(WEEKS)
    ids = np.array([f"shop-{i}" for i in open_])
    return Panel(weeks, np.full(len(open_), name), ids, grid[open_], np.zeros((len(open_), WEEKS, 0)), ())


def main() -> None:
    """Live, foresee, and say what was covered."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--networks", type=int, default=12)
    said.add_argument("--runs", type=int, default=8, help="at least 2")
    said.add_argument("--workers", type=int, default=1)
    said.add_argument("--population", type=Path, default=SHIPPED)
    given = said.parse_args()
    population = Population.read(given.population.read_text(encoding="utf-8"), given.population.name)
    with ProcessPoolExecutor(given.workers) as pool:
        found = pool.map(partial(of_network, runs=given.runs, population=population), range(given.networks))
        played = [outcomes for outcomes in found if outcomes]
    told = [one for outcomes in played for one in outcomes]
    print(f"{len(played)} networks of {given.networks}, the others close a shop for good; {given.runs} runs a branch")
    for lever in dict.fromkeys(one.lever for one in told):
        print(_line(lever, [one for one in told if one.lever == lever]))
    print(_line("all", told))


def _line(lever: str, told: list[Outcome]) -> str:
    did, unsure = (np.array([getattr(one, what) for one in told]) for what in ("did", "unsure"))
    (plain, (low, middle, high)), (covered, _) = _covered(told, "foreseen"), _covered(told, "with_chance")
    stands = "reached" if BAR[0] <= covered <= BAR[1] else f"missed {BAR[0]:.2f}-{BAR[1]:.2f}"
    return (
        f"{lever:12} n {len(told):4} 80 % {covered:.3f} {stands:18} (without the chance {plain:.3f}) "
        f"did {did.mean():+.4f} (sd {did.std():.4f}, of which chance {unsure.mean():.4f}) "
        f"foreseen {middle.mean():+.4f}, {low.mean():+.4f} to {high.mean():+.4f}, of half a year's revenue"
    )


def _covered(told: list[Outcome], which: str) -> tuple[float, np.ndarray]:
    """How often an interval holds what was done, and the (low, median, high) of each."""
    did, ends = np.array([one.did for one in told]), np.array([getattr(one, which) for one in told]).T
    return float(((ends[0] <= did) & (did <= ends[2])).mean()), ends


if __name__ == "__main__":
    main()
