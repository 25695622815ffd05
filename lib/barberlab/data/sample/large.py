"""Ten thousand shops: a network at entry level `location_day`, each shop from random numbers of its own."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from barberlab.data.sample.almanac import Almanac, almanac
from barberlab.data.sample.axis import NEVER, Axis
from barberlab.data.sample.frames import ids, table
from barberlab.data.sample.network import Sample, check_size
from barberlab.data.sample.spec import stream
from barberlab.scope import check_network_id

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
COUNTRY, CURRENCY = "US", "USD"
_VISIT_MIN, _VISIT_SD = 41, 14  # minutes of a visit with its buffer
_SHIFT_MIN = 465
_PRODUCT = 1895  # minor units
_RAMP_WEEKS = 22


@dataclass(frozen=True)
class Shop:
    """What is planted in one shop. Days count from the first of the history, NEVER is a day that does not come."""

    opened: int
    closed: int
    day_off: int
    team: int
    visits_per_day: float  # on an average open day, at the start
    growth_per_year: float  # log points
    season_scale: float
    ticket_cents: float
    price_step: float  # log step of the ticket
    price_step_day: int
    no_show_rate: float
    cancel_rate: float
    new_share: float
    tip_rate: float  # nan: tips are not recorded
    retail_share: float
    dip_day: int  # a planted spell of bad weeks
    dip_days: int
    dip_log: float


@dataclass(frozen=True)
class _Chain:
    name: str
    seed: int
    axis: Axis

    @cached_property
    def book(self) -> Almanac:
        return almanac(self.axis, COUNTRY)

    def rng(self, number: int) -> np.random.Generator:
        return stream(self.name, self.seed, f"shop {number}")


def day_network(
    locations: int, seed: int, months: int = 36, until: date = date(2025, 6, 30), name: str = "plains"
) -> Sample:
    """A day-level network without its days: tables networks and locations, and the truth. `day_chunks` brings the days.

    truth: `locations` holds each shop's planted values (see `Shop`), `calendar` the almanac's effects over (date).
    """
    check_size(locations, months, seed)
    chain = _chain(name, seed, months, until)
    shops = pd.DataFrame([asdict(_plant(chain, chain.rng(i))) for i in range(locations)])
    tables = {"networks": _network(name), "locations": _locations(chain, shops)}
    midnight = pd.Timestamp(chain.axis.dates[chain.axis.past]).tz_localize(ZONES[0])
    as_of = midnight.tz_convert("UTC").as_unit("us")
    return Sample(name, as_of, ZONES[0], tables, {"locations": _planted(chain, shops), "calendar": _effects(chain)})


def day_chunks(
    locations: int,
    seed: int,
    months: int = 36,
    until: date = date(2025, 6, 30),
    name: str = "plains",
    block: int = 250,
) -> Iterator[pd.DataFrame]:
    """Table 20, `location_day`, `block` shops at a time, in the order of the shops; the rows do not depend on `block`.

    A frame holds about 1,100 rows a shop over three years, 30 MB for 250 shops; memory is bounded by two of them.
    """
    chain = _chain(name, seed, months, until)
    for first in range(0, locations, block):
        numbers = range(first, min(first + block, locations))
        yield _frame(chain, [_days(chain, number) for number in numbers])


def simulate_days(
    locations: int, seed: int, months: int = 36, until: date = date(2025, 6, 30), name: str = "plains"
) -> Sample:
    """A whole day-level network in memory: about 150 bytes a row, 1.5 GB for 10,000 shops over three years."""
    sample = day_network(locations, seed, months, until, name)
    days = pd.concat(day_chunks(locations, seed, months, until, name), ignore_index=True)
    return Sample(name, sample.as_of, sample.zone, sample.tables | {"location_day": days}, sample.truth)


def _chain(name: str, seed: int, months: int, until: date) -> _Chain:
    return _Chain(check_network_id(name), seed, Axis.until(until, months))


def _plant(chain: _Chain, rng: np.random.Generator) -> Shop:
    past, visits = chain.axis.past, float(np.exp(rng.normal(np.log(22), 0.4)))
    late, ends, dips, silent = rng.random(4) < (0.15, 0.03, 0.05, 0.05)
    opened = int(rng.uniform(0.02, 0.85) * past) if late else -int(rng.integers(100, 4000))
    tip = float(rng.normal(0.17, 0.02))
    return Shop(
        opened=opened,
        closed=int(rng.uniform(max(opened, 0) + 30, past)) if ends and max(opened, 0) + 30 < past else NEVER,
        day_off=int(rng.choice([6, 0], p=[0.7, 0.3])),
        team=max(1, int(np.ceil(visits / 6))),
        visits_per_day=visits,
        growth_per_year=float(rng.normal(0.03, 0.06)),
        season_scale=float(np.exp(rng.normal(0, 0.25))),
        ticket_cents=float(4100 * np.exp(rng.normal(0, 0.14))),
        price_step=float(rng.uniform(0.02, 0.10)),
        price_step_day=int(rng.uniform(0.2, 0.8) * past),
        no_show_rate=float(rng.beta(9, 171)),
        cancel_rate=float(rng.beta(9, 111)),
        new_share=float(rng.beta(8, 72)),
        tip_rate=float("nan") if silent else tip,
        retail_share=float(rng.beta(4, 46)),
        dip_day=int(rng.uniform(0.1, 0.95) * past) if dips else NEVER,
        dip_days=int(rng.integers(14, 43)),
        dip_log=float(rng.uniform(-0.5, -0.25)),
    )


def _days(chain: _Chain, number: int) -> dict[str, np.ndarray]:
    """Columns of one shop, over the days on which it traded; closed days have zeros."""
    rng, past = chain.rng(number), chain.axis.past
    shop, day = _plant(chain, rng), np.arange(chain.axis.past)
    staff = np.where(_open(chain, shop), np.maximum(rng.binomial(shop.team, 0.8, past), 1), 0)
    wanted = rng.poisson(_demand(chain, shop, rng) * (staff > 0))
    seen = np.minimum(wanted, staff * _SHIFT_MIN // _VISIT_MIN)
    missed = rng.binomial(seen, shop.no_show_rate)
    done, cancelled = seen - missed, rng.poisson(seen * shop.cancel_rate)
    counts = {"bookings": seen + cancelled, "completed": done, "no_shows": missed, "cancellations": cancelled}
    counts |= {"clients": done - rng.binomial(done, 0.01), "new_clients": rng.binomial(done, _newness(shop, day))}
    minutes = np.rint(seen * _VISIT_MIN + np.sqrt(seen) * _VISIT_SD * rng.standard_normal(past)).astype(int)
    columns = counts | _amounts(shop, day, done, rng)
    columns |= {"available_min": staff * _SHIFT_MIN, "booked_min": np.clip(minutes, 0, staff * _SHIFT_MIN)}
    traded = (day >= shop.opened) & (day < shop.closed)
    columns |= {"active_staff": staff, "day": day, "number": np.full(past, number)}
    return {column: values[traded] for column, values in columns.items()}


def _open(chain: _Chain, shop: Shop) -> np.ndarray:
    axis = chain.axis
    return (axis.weekday[: axis.past] != shop.day_off) & ~chain.book.closed[: axis.past]


def _demand(chain: _Chain, shop: Shop, rng: np.random.Generator) -> np.ndarray:
    """(day) mean visits wanted: growth, year, weekday, pay-day, opening, weeks that hang together, and the dip."""
    past, book = chain.axis.past, chain.book
    day = np.arange(past)
    log = shop.growth_per_year * day / 365.25 + shop.season_scale * book.yearly[:past]
    log = log + shop.dip_log * ((day >= shop.dip_day) & (day < shop.dip_day + shop.dip_days))
    attract = book.attract[:past] / book.attract[:past][_open(chain, shop)].mean()
    ramp = 1 - 0.7 * np.exp(-np.clip(day - shop.opened, 0, None) / 7 / _RAMP_WEEKS)
    return shop.visits_per_day * attract * ramp * np.exp(log + _weeks(past, rng)) * rng.gamma(60, 1 / 60, past)


def _weeks(past: int, rng: np.random.Generator) -> np.ndarray:
    shocks = 0.04 * rng.standard_normal(past // 7 + 1)
    for week in range(1, len(shocks)):
        shocks[week] += 0.6 * shocks[week - 1]
    return np.repeat(shocks, 7)[:past]


def _newness(shop: Shop, day: np.ndarray) -> np.ndarray:
    """(day) share of visits that are first ones: nearly all at an opening, then settling down."""
    return shop.new_share + (0.9 - shop.new_share) * np.exp(-np.clip(day - shop.opened, 0, None) / 60)


def _amounts(shop: Shop, day: np.ndarray, done: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Minor units; tips are nan where they are not recorded."""
    ticket = shop.ticket_cents * np.exp(shop.price_step * (day >= shop.price_step_day))
    spread = 1 + 0.25 * rng.standard_normal(len(day)) / np.sqrt(np.maximum(done, 1))
    service = np.rint(done * ticket * np.maximum(spread, 0.2))
    tips = np.rint(service * shop.tip_rate * np.exp(rng.normal(0, 0.1, len(day))))
    return {
        "net_service_cents": service,
        "net_retail_cents": _PRODUCT * rng.poisson(done * shop.retail_share),
        "tips_cents": tips,
    }


def _frame(chain: _Chain, shops: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    columns = {name: np.concatenate([shop[name] for shop in shops]) for name in shops[0]}
    day, number = columns.pop("day"), columns.pop("number")
    tips = columns.pop("tips_cents")
    columns["tips_cents"] = pd.arrays.IntegerArray(np.nan_to_num(tips).astype("int64"), np.isnan(tips))
    location_id = _location_ids(number)
    return table("location_day", chain.name, location_id=location_id, local_date=chain.axis.dated(day), **columns)


def _location_ids(number: np.ndarray) -> pd.array:
    return ids("shop-{:05d}", number)


def _network(name: str) -> pd.DataFrame:
    facts = {"name": "Plains Barbers", "currency": CURRENCY, "country": COUNTRY, "status": "active"}
    return table("networks", name, **{key: [value] for key, value in facts.items()}, benchmark_opt_in=[True])


def _locations(chain: _Chain, shops: pd.DataFrame) -> pd.DataFrame:
    n = len(shops)
    number, opened, closed = np.arange(n), shops["opened"].to_numpy(), shops["closed"].to_numpy()
    return table(
        "locations",
        chain.name,
        location_id=_location_ids(number),
        name=[f"Plains Barbers No. {i}" for i in range(1, n + 1)],
        region_id=ids("region-{:02d}", number % 12),
        franchisee_id=ids("owner-{:04d}", number // 8),
        timezone=[ZONES[i % len(ZONES)] for i in range(n)],
        currency=[CURRENCY] * n,
        opened_on=chain.axis.dated(opened),
        closed_on=chain.axis.dated(closed),
        status=np.where(closed < NEVER, "closed", "open"),
        chairs=shops["team"].to_numpy(),
        compensation_model=["commission"] * n,
        country=[COUNTRY] * n,
    )


def _planted(chain: _Chain, shops: pd.DataFrame) -> pd.DataFrame:
    days = {f"{column}_on": chain.axis.dated(shops[column].to_numpy()) for column in ("opened", "closed")}
    days |= {f"{column}_on": chain.axis.dated(shops[f"{column}_day"].to_numpy()) for column in ("price_step", "dip")}
    rest = shops.drop(columns=["opened", "closed", "price_step_day", "dip_day"])
    return pd.concat([pd.DataFrame({"location_id": _location_ids(np.arange(len(shops)))} | days), rest], axis=1)


def _effects(chain: _Chain) -> pd.DataFrame:
    book, past = chain.book, chain.axis.past
    parts = {part: getattr(book, part)[:past] for part in ("yearly", "attract", "payday", "eve", "closed")}
    return pd.DataFrame({"date": chain.axis.dated(np.arange(past))} | parts)
