"""What kind of network is it? The character of each sample network, its price list, and its own random streams."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from barberlab.scope import check_network_id


@dataclass(frozen=True)
class Place:
    """Where half of a network's shops stand."""

    zone: str
    country: str
    postal: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Service:
    """A line of the price list; `price` is in plain haircuts, `share` is how many clients come for it."""

    id: str
    name: str
    category: str
    duration_min: int
    buffer_min: int
    price: float
    share: float
    is_premium: bool = False
    is_addon: bool = False


# The last one is an add-on: it is never booked alone, it lengthens and prices up another service.
SERVICES = (
    Service("cut", "Haircut", "haircut", 30, 5, 1.0, 0.40),
    Service("fade", "Skin fade", "haircut", 40, 5, 1.15, 0.22),
    Service("cutbeard", "Haircut and beard", "package", 50, 5, 1.45, 0.15, is_premium=True),
    Service("beard", "Beard trim", "beard", 20, 5, 0.62, 0.07),
    Service("shave", "Hot towel shave", "shave", 40, 5, 1.1, 0.04, is_premium=True),
    Service("kids", "Children's cut", "haircut", 25, 5, 0.75, 0.08),
    Service("blend", "Grey blending", "color", 55, 5, 1.7, 0.02, is_premium=True),
    Service("scalp", "Scalp treatment", "hair_treatment", 35, 5, 1.2, 0.02),
    Service("style", "Wash and style", "styling", 10, 0, 0.3, 0.0, is_addon=True),
)
ADDON = len(SERVICES) - 1


@dataclass(frozen=True)
class Spec:
    """The character of one network. Shares and rates are per visit unless they say otherwise; prices in whole units."""

    label: str
    currency: str
    places: tuple[Place, ...]
    haircut: float  # a plain haircut at the start, in whole units of the currency
    growth: float  # of sign-ups at unchanged prices, log points a year
    fill: float  # share of barber time that the planted demand would fill
    opt_in: bool
    no_show: float
    cancel: float
    pre_book: float  # share of visits that end with the next one in the book
    walk_in: float  # share of clients who never book
    leave: float  # hazard of leaving for good, a year, of a client who has settled in
    elasticity: float  # of the visit rate in the own price
    rises: float  # price changes a year and shop
    rise: tuple[float, float]  # their size
    tip: float
    service_tax: float
    retail_tax: float
    pay: tuple[str, ...]  # compensation models of the shops, in turn
    days_off: tuple[int, ...]  # weekly closing days of the shops, in turn (Monday = 0)
    no_show_fee: int = 0
    team: tuple[int, int] = (3, 6)  # barbers of a shop's own, fewest and most
    season: float = 1.0
    shared: int = 2  # barbers who work in two shops
    tenure_years: float = 5.0

    @property
    def country(self) -> str:
        """The network's own country, where its first shop stands."""
        return self.places[0].country

    @property
    def zone(self) -> str:
        """The network's own time zone, where its first shop stands."""
        return self.places[0].zone


_NEW_YORK = Place("America/New_York", "US", "1000", 40.73, -73.99)
_CHICAGO = Place("America/Chicago", "US", "6060", 41.88, -87.65)
_BERLIN = Place("Europe/Berlin", "DE", "1011", 52.52, 13.40)
_HELSINKI = Place("Europe/Helsinki", "FI", "0010", 60.17, 24.94)
_TORONTO = Place("America/Toronto", "CA", "M5V", 43.65, -79.38)
_EDMONTON = Place("America/Edmonton", "CA", "T5J", 53.54, -113.49)

NETWORKS: dict[str, Spec] = {
    # Settled: one careful price rise a year, a slow growth.
    "north": Spec(
        label="North Line Barbers",
        currency="USD",
        places=(_NEW_YORK, _CHICAGO),
        haircut=36.0,
        growth=0.10,
        fill=0.71,
        opt_in=True,
        no_show=0.042,
        cancel=0.12,
        pre_book=0.30,
        walk_in=0.18,
        leave=0.50,
        elasticity=-0.6,
        rises=1.0,
        rise=(0.03, 0.11),
        tip=0.18,
        service_tax=0.0,
        retail_tax=0.08,
        pay=("commission", "commission", "hybrid", "booth_rental"),
        days_off=(6, 6, 0, 6),
        no_show_fee=15,
    ),
    # Old and shrinking a little: loyal clients, few no-shows, small tips, every holiday closed.
    "harbour": Spec(
        label="Harbour & Sons",
        currency="EUR",
        places=(_BERLIN, _HELSINKI),
        haircut=36.0,
        growth=0.01,
        fill=0.73,
        opt_in=False,
        no_show=0.03,
        cancel=0.09,
        pre_book=0.36,
        walk_in=0.10,
        leave=0.42,
        elasticity=-0.4,
        rises=0.7,
        rise=(0.03, 0.09),
        tip=0.07,
        service_tax=0.19,
        retail_tax=0.19,
        pay=("salary", "commission"),
        days_off=(6, 6),
        season=1.2,
        tenure_years=8.0,
    ),
    # Young and growing fast: dear, restless, many walk-ins, frequent price changes.
    "valley": Spec(
        label="Valley Clippers",
        currency="CAD",
        places=(_TORONTO, _EDMONTON),
        haircut=40.0,
        growth=0.24,
        fill=0.74,
        opt_in=True,
        no_show=0.055,
        cancel=0.14,
        pre_book=0.22,
        walk_in=0.28,
        leave=0.62,
        elasticity=-0.8,
        rises=1.2,
        rise=(0.03, 0.11),
        tip=0.16,
        service_tax=0.05,
        retail_tax=0.13,
        pay=("commission", "booth_rental", "commission"),
        days_off=(0, 6, 1, 6),
        season=0.8,
        shared=3,
        tenure_years=3.5,
    ),
}


def spec_for(name: str) -> Spec:
    """The character of the network called `name`; one that is not in NETWORKS takes after one of them."""
    if check_network_id(name) in NETWORKS:
        return NETWORKS[name]
    mark = _hash(name)
    like = list(NETWORKS.values())[mark % len(NETWORKS)]
    return replace(like, label=f"Sample network {name}", growth=like.growth + (mark // 3 % 101 - 50) / 1000)


def stream(name: str, seed: int, purpose: str) -> np.random.Generator:
    """The random numbers of one purpose, so that a change to one part of the story leaves the others' numbers alone."""
    return np.random.default_rng([seed, _hash(f"{name}/{purpose}")])


def _hash(words: str) -> int:
    # Python's own hash differs from process to process.
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "little")
