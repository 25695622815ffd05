"""Who comes? Clients with rhythms, patience and habits of their own, who sign up over time; some were there before."""

from dataclasses import dataclass, fields, replace

import numpy as np

from barberlab.data.sample.spec import ADDON, SERVICES
from barberlab.data.sample.world import World

CHANNELS = ("walk_in", "referral", "online", "marketplace", "paid", "import")
_CHANNEL_SHARE = (0.30, 0.24, 0.28, 0.08, 0.10)
_ONE_TIME = (0.40, 0.20, 0.32, 0.42, 0.48)  # chance, by channel, that the first visit stays the only one
_TRADE_YEARS = 4  # how far back those reach who were clients before the first day
_PASSER_BY = 0.05  # of sign-ups: one visit, no name
_OTHER_LOSSES = 1.3  # leaving for other causes (missed visits, barbers who leave, prices), relative to moving on
_NEW_CLIENT_UNREST, _SETTLING_VISITS = 1.5, 2.0  # a new client's extra hazard, and how many visits it takes to fade

# When people want to come: minutes after midnight, spread, share.
_HOURS = ((10 * 60, 60, 0.28), (12 * 60 + 30, 45, 0.22), (14 * 60 + 30, 75, 0.20), (16 * 60 + 45, 60, 0.30))


@dataclass(frozen=True)
class Clients:
    """Arrays over (client), in the order of their first wanted day.

    `first` is the day a client first wants a visit (negative: was a client before the history), `gap` the mean days
    between visits at the shop's first prices, `k` the shape of its gamma distribution (1 is no rhythm, 30 a clockwork),
    `leave` the hazard of leaving for good a day once settled in, `one_time` the chance that the first visit is the only
    one. `weekday` is a favourite weekday or -1, `hour` and `hour_sd` the wished minute. `response` is the chance that a
    message makes the client book.
    """

    shop: np.ndarray
    first: np.ndarray
    channel: np.ndarray
    anonymous: np.ndarray
    gap: np.ndarray
    k: np.ndarray
    leave: np.ndarray
    one_time: np.ndarray
    no_show: np.ndarray  # logit
    cancel: np.ndarray
    pre_book: np.ndarray
    recurring: np.ndarray
    walk_in: np.ndarray
    online: np.ndarray
    lead: np.ndarray  # mean days
    weekday: np.ndarray
    hour: np.ndarray
    hour_sd: np.ndarray
    reach: np.ndarray  # minutes a client will move the visit within the day
    loyal: np.ndarray  # sticks to a barber
    service: np.ndarray
    response: np.ndarray
    member: np.ndarray
    consent_profiling: np.ndarray  # 1, 0, -1 unknown
    consent_marketing: np.ndarray

    @property
    def count(self) -> int:
        """How many clients there are."""
        return len(self.shop)

    def only(self, index: np.ndarray) -> "Clients":
        """These clients, in this order."""
        return Clients(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def draw_clients(world: World, rng: np.random.Generator) -> Clients:
    """All who will ever ask for a visit: those who were clients on day 0, then every sign-up until the last day."""
    per_day = world.wanted_per_day / _visits_per_client(world, rng)
    old = _before_the_history(world, per_day, rng)
    shop, day = _signups(world, per_day, rng)
    new = _people(world, shop, day, rng)
    both = {f.name: np.concatenate([getattr(old, f.name), getattr(new, f.name)]) for f in fields(Clients)}
    return Clients(**both).only(np.argsort(both["first"], kind="stable"))


def unrest(visits: np.ndarray) -> np.ndarray:
    """By how much the hazard of leaving exceeds a settled client's, after so many visits."""
    return 1 + _NEW_CLIENT_UNREST * np.exp(-(visits - 1) / _SETTLING_VISITS)


def _people(world: World, shop: np.ndarray, first: np.ndarray, rng: np.random.Generator) -> Clients:
    n, spec = len(shop), world.spec
    channel = rng.choice(len(_CHANNEL_SHARE), n, p=_CHANNEL_SHARE)
    anonymous = rng.random(n) < _PASSER_BY
    recurring = rng.random(n) < 0.06
    walk_in = anonymous | (~recurring & (rng.random(n) < spec.walk_in * np.where(channel == 0, 2.0, 0.6)))
    return Clients(
        shop=shop,
        first=first,
        channel=np.where(walk_in, 0, channel),
        anonymous=anonymous,
        gap=np.clip(np.exp(rng.normal(np.log(27), 0.33, n)), 12, 60),
        k=np.clip(np.exp(rng.normal(np.log(np.where(recurring, 15, 5)), 0.6)), 1, 40),
        leave=spec.leave / 365 * np.exp(rng.normal(-0.18, 0.6, n) + world.shops.leave[shop]),
        one_time=np.where(anonymous, 1.0, np.array(_ONE_TIME)[channel]),
        no_show=np.log(spec.no_show / (1 - spec.no_show)) - 0.45 + rng.normal(0, 0.8, n) + world.shops.no_show[shop],
        cancel=np.clip(spec.cancel * np.exp(rng.normal(-0.12, 0.5, n)), 0, 0.6),
        pre_book=np.where(recurring, 1.0, rng.beta(2 * spec.pre_book, 2 * (1 - spec.pre_book), n)) * ~walk_in,
        recurring=recurring,
        walk_in=walk_in,
        online=rng.random(n) < 0.72,
        lead=rng.gamma(2.0, 2.2, n),
        weekday=np.where(rng.random(n) < 0.5, rng.choice(7, n, p=_weekday_shares(world)), -1),
        **_habits(n, rng),
        service=rng.choice(ADDON, n, p=[s.share for s in SERVICES[:ADDON]]),
        response=rng.beta(2.0, 6.0, n),
        member=rng.random(n) < 0.05,
        consent_profiling=rng.choice([1, 0, -1], n, p=[0.92, 0.04, 0.04]),
        consent_marketing=rng.choice([1, 0, -1], n, p=[0.66, 0.26, 0.08]),
    )


def _habits(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    centre, spread, share = (np.array(x) for x in zip(*_HOURS, strict=True))
    kind = rng.choice(len(_HOURS), n, p=share)
    return {
        "hour": rng.normal(centre[kind], spread[kind]),
        "hour_sd": rng.uniform(15, 75, n),
        "reach": rng.choice([90, 150, 240, 720], n, p=[0.2, 0.3, 0.3, 0.2]),
        "loyal": rng.random(n) < 0.7,
    }


def _weekday_shares(world: World) -> np.ndarray:
    weekday = world.axis.weekday[: world.axis.past]
    pull = np.bincount(weekday, world.attract[:, : world.axis.past].sum(axis=0), minlength=7)
    return pull / pull.sum()


def _signups(world: World, per_day: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(client) shop and day: as many a day as season, day, growth, the opening's age and prices make of the average."""
    day = np.arange(world.axis.past)
    attract = world.attract[:, day]
    attract = attract * (world.trading.sum(axis=1) / attract.sum(axis=1))[:, None]
    rate = per_day[:, None] * attract * world.seasons.season[:, day] * signup_curve(world)[:, day]
    shop, at = np.nonzero(number := rng.poisson(rate))
    times = number[shop, at]
    return np.repeat(shop, times), np.repeat(at, times)


def signup_curve(world: World) -> np.ndarray:
    """(shop, day) slow factors on sign-ups: growth, the opening's curve, and prices relative to the first."""
    shops, day = world.shops, np.arange(world.axis.days)
    growth = np.exp((world.spec.growth + shops.growth[:, None]) * day / 365.25)
    price = world.dearness[:, 0] ** shops.signup_elasticity[:, None]
    return growth * opening_curve(day - shops.opened[:, None]) * price


def opening_curve(age: np.ndarray) -> np.ndarray:
    """Sign-ups `age` days after opening, relative to a settled shop: slow weeks, then the curious, who fade."""
    weeks = np.clip(age, 0, None) / 7
    return np.where(age < 0, 0.0, 1 - 0.4 * np.exp(-weeks / 3) + 2.8 * np.exp(-weeks / 45))


def _visits_per_client(world: World, rng: np.random.Generator) -> float:
    """Mean visits in a client's life, by following 5,000 of them from visit to visit."""
    some = _people(world, rng.integers(0, world.shops.count, 5000), np.zeros(5000, dtype=int), rng)
    stays = 1 - some.one_time
    alive, total = np.ones(5000), np.zeros(5000)
    for visits in range(1, 120):
        total += alive
        alive = alive * np.exp(-_OTHER_LOSSES * some.leave * some.gap * unrest(visits)) * (stays if visits == 1 else 1)
    return float(total.mean())


def _before_the_history(world: World, per_day: np.ndarray, rng: np.random.Generator) -> Clients:
    """Those who signed up in the years before and had not left by day 0."""
    age = np.clip(-world.shops.opened, 0, int(365 * _TRADE_YEARS))
    shop = np.repeat(np.arange(world.shops.count), rng.poisson(per_day * age))
    people = _people(world, shop, -1 - (rng.random(len(shop)) * age[shop]).astype(int), rng)
    tenure = -people.first
    stays = np.exp(-_OTHER_LOSSES * people.leave * (tenure + _NEW_CLIENT_UNREST * _SETTLING_VISITS * people.gap))
    fresh = tenure < people.gap  # who signed up within the last interval has not had to decide yet
    kept = rng.random(people.count) < np.where(fresh, 1.0, (1 - people.one_time) * stays)
    stayed = people.only(np.flatnonzero(kept & ~people.anonymous))
    imported = rng.random(stayed.count) < 0.5
    return replace(stayed, channel=np.where(imported, CHANNELS.index("import"), stayed.channel))
