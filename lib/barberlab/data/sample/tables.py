"""The story as a network's system would export it: the required tables of the contract, payments apart."""

import numpy as np
import pandas as pd

from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.clients import CHANNELS
from barberlab.data.sample.frames import ids, known, table, words
from barberlab.data.sample.life import BOOKING_CHANNELS, RECURRING
from barberlab.data.sample.log import NO_SHOW, STATUSES
from barberlab.data.sample.money import terms
from barberlab.data.sample.spec import SERVICES
from barberlab.data.sample.staff import ABSENT, KINDS
from barberlab.data.sample.story import Story

_INFERRED = 0.05  # of missed visits: nobody marked them, the system did
_ERASED = 0.012  # of clients who left asked to be forgotten, later than the days below
_FORGOTTEN_AFTER = 20
_ODD_TARGET = 12_000_000  # minor units; what some barbers set out to take in a year instead of the usual

# Invented: none of these is anybody. A first name and an initial, as they would stand on a mirror.
_FIRST_NAMES = (
    *("Abel", "Bruno", "Cato", "Dario", "Elio", "Fenn", "Goran", "Hale", "Ivo", "Joss", "Kiran", "Levi", "Milo"),
    *("Nico", "Orin", "Pavel", "Quill", "Remy", "Silas", "Tarek", "Udo", "Vito", "Wes", "Xander", "Yuri", "Zeno"),
    *("Ada", "Bea", "Cleo", "Dina", "Esme", "Fay", "Gia", "Hope", "Isla", "Juno", "Kaia", "Lena", "Mona", "Nell"),
)

_INITIALS = tuple("ABCDEFGHKLMNPRSTVW")


def networks(story: Story) -> pd.DataFrame:
    """Table 1."""
    spec = story.world.spec
    return table(
        "networks",
        story.name,
        name=[spec.label],
        currency=[spec.currency],
        country=[spec.country],
        benchmark_opt_in=[spec.opt_in],
        status=["active"],
    )


# Invented, and common enough to be nowhere.
_STREETS = (
    *(
        "Station Square",
        "Mill Lane",
        "Market Hall",
        "Old Dairy",
        "Quayside",
        "Union Street",
        "Park Terrace",
        "Kings Parade",
    ),
    *(
        "Castle Street",
        "Rope Walk",
        "Lime Walk",
        "Foundry Row",
        "Abbey Road",
        "River Street",
        "Chapel Hill",
        "Elm Grove",
    ),
    *(
        "Granary Yard",
        "West Gate",
        "Orchard Street",
        "Tower Bridge",
        "High Street",
        "College Green",
        "Harbour Steps",
        "Garden Row",
    ),
)


def locations(story: Story) -> pd.DataFrame:
    """Table 2."""
    spec, shops, axis = story.world.spec, story.world.shops, story.world.axis
    n, rng = shops.count, story.rng("addresses")
    places = [spec.places[p] for p in shops.place]
    closed = np.where(shops.closed < axis.past, shops.closed, NEVER)
    return table(
        "locations",
        story.name,
        location_id=story.shop_ids,
        name=[
            _STREETS[i % len(_STREETS)] + (f" {1 + i // len(_STREETS)}" if i >= len(_STREETS) else "") for i in range(n)
        ],
        region_id=[f"{story.name}-{place.country.lower()}-{place.postal.lower()}" for place in places],
        franchisee_id=[f"{story.name}-f{1 + i * 3 // n}" for i in range(n)],
        timezone=[place.zone for place in places],
        currency=[spec.currency] * n,
        opened_on=axis.dated(shops.opened),
        closed_on=axis.dated(closed),
        status=np.where(closed < NEVER, "closed", "open"),
        chairs=shops.team + 1,
        compensation_model=list(shops.pay),
        postal_code=[f"{place.postal}{i % 10}" for i, place in enumerate(places)],
        country=[place.country for place in places],
        lat=np.round([place.lat for place in places] + rng.normal(0, 0.03, n), 4),
        lon=np.round([place.lon for place in places] + rng.normal(0, 0.04, n), 4),
    )


def staff_assignments(story: Story) -> pd.DataFrame:
    """Table 3, with the invented `display_name` that an export would bring along."""
    staff, axis, rng = story.world.staff, story.world.axis, story.rng("names")
    spells = assignments(story)
    barber = spells["barber"].to_numpy()
    share, rent = (x[barber] for x in terms(story))
    first = [_FIRST_NAMES[i % len(_FIRST_NAMES)] for i in rng.permutation(staff.count)]
    names = [f"{name} {initial}." for name, initial in zip(first, rng.choice(_INITIALS, staff.count), strict=True)]
    return table(
        "staff_assignments",
        story.name,
        staff_id=ids("s{:02d}", barber),
        location_id=story.shop_ids.take(spells["shop"].to_numpy()),
        role=np.full(len(spells), "barber"),
        valid_from=axis.dated(spells["joined"].to_numpy()),
        valid_to=axis.dated(spells["left"].to_numpy()),
        is_primary=spells["primary"].to_numpy(),
        commission_bp=known(share, share >= 0),
        chair_rent_cents_week=known(rent, (rent >= 0) & spells["primary"]),
        annual_target_cents=np.where(rng.random(staff.count) < 0.15, _ODD_TARGET, 10_000_000)[barber],
        display_name=[names[b] for b in barber],
    )


def assignments(story: Story) -> pd.DataFrame:
    """Who is assigned where from which day to which: barber, shop, joined, left (NEVER: still there), primary."""
    staff, shops, past = story.world.staff, story.world.shops, story.world.axis.past
    own = pd.DataFrame({"barber": range(staff.count), "shop": staff.home, "joined": staff.joined, "left": staff.left})
    also = own[staff.second >= 0].assign(shop=staff.second[staff.second >= 0])
    also["joined"] = np.maximum(also["joined"], shops.opened[also["shop"]])
    also["left"] = np.minimum(also["left"], shops.closed[also["shop"]])
    both = pd.concat([own.assign(primary=True), also.assign(primary=False)], ignore_index=True)
    both["left"] = both["left"].where(both["left"] < past, NEVER)
    return both[(both["joined"] < past) & (both["joined"] < both["left"])].reset_index(drop=True)


def clients(story: Story) -> pd.DataFrame:
    """Table 4: everyone who was a client before the history or ever held a booking, passers-by excepted."""
    c, axis = story.clients, story.world.axis
    who = named_clients(story)
    seen = first_seen(story)[who]
    erased = _erased(story, who)
    kept = erased == NEVER
    return table(
        "clients",
        story.name,
        client_id=ids("c{:06d}", who),
        first_seen_on=axis.dated(np.where(kept, seen, NEVER)),
        home_location_id=story.shop_ids.take(np.where(kept, c.shop[who], -1), allow_fill=True),
        acquisition_channel=words(CHANNELS, np.where(kept, c.channel[who], -1)),
        consent_profiling=_flag(c.consent_profiling[who], kept),
        consent_marketing=_flag(c.consent_marketing[who], kept),
        erased_on=axis.dated(erased),
    )


def named_clients(story: Story) -> np.ndarray:
    """Numbers of the clients whom the system knows."""
    booked = np.zeros(story.clients.count, dtype=bool)
    booked[story.visits["client"]] = True
    return np.flatnonzero((booked | (story.clients.first < 0)) & ~story.clients.anonymous)


def first_seen(story: Story) -> np.ndarray:
    """(client) day of the first booking, or of signing up before the history."""
    v, seen = story.visits, np.full(story.clients.count, NEVER)
    np.minimum.at(seen, v["client"], v["booked_day"])
    return np.where(story.clients.first < 0, story.clients.first, seen)


def _erased(story: Story, who: np.ndarray) -> np.ndarray:
    rng, gone = story.rng("erasure"), story.life.gone[who]
    day = gone + _FORGOTTEN_AFTER + rng.integers(0, 120, len(who))
    return np.where((rng.random(len(who)) < _ERASED) & (day < story.world.axis.past), day, NEVER)


def _flag(answer: np.ndarray, kept: np.ndarray) -> pd.array:
    return pd.arrays.BooleanArray(answer == 1, (answer < 0) | ~kept)


def services(story: Story) -> pd.DataFrame:
    """Table 5; the list price is the middle one of the shops on the last day."""
    prices = np.median(story.world.prices[:, :, story.world.axis.past - 1], axis=0)
    return table(
        "services",
        story.name,
        service_id=[s.id for s in SERVICES],
        name=[s.name for s in SERVICES],
        category=[s.category for s in SERVICES],
        duration_min=[s.duration_min for s in SERVICES],
        buffer_min=[s.buffer_min for s in SERVICES],
        list_price_cents=100 * np.rint(prices).astype(int),
        is_addon=[s.is_addon for s in SERVICES],
        is_premium=[s.is_premium for s in SERVICES],
    )


def appointments(story: Story) -> pd.DataFrame:
    """Table 6, in order of booking; the price includes the add-on."""
    v, n = story.visits, story.log.rows
    missed = v["status"] == NO_SHOW
    cancelled = v["cancelled_day"] < NEVER
    day, minute = np.where(cancelled, [v["cancelled_day"], v["cancelled_minute"]], [[0], [720]])
    at = story.utc(v["shop"], day, minute)
    return table(
        "appointments",
        story.name,
        appointment_id=ids("a{:07d}", np.arange(n)),
        location_id=story.shop_ids.take(v["shop"]),
        staff_id=ids("s{:02d}", v["barber"]),
        client_id=story.client_ids(v["client"]),
        service_id=words([s.id for s in SERVICES], v["service"]),
        booked_at=story.utc(v["shop"], v["booked_day"], v["booked_minute"]),
        start=story.utc(v["shop"], v["day"], v["minute"]),
        duration_min=v["minutes"],
        status=words(STATUSES, v["status"]),
        status_inferred=missed & (story.rng("inferred").random(n) < _INFERRED),
        cancelled_at=np.where(cancelled, at, np.datetime64("NaT", "us")),
        price_cents=story.price + story.addon,
        discount_cents=story.discount,
        channel=words(BOOKING_CHANNELS, v["channel"]),
        is_recurring=v["channel"] == RECURRING,
    )


def shifts(story: Story) -> pd.DataFrame:
    """Table 8: each barber's days on the floor, off, and closed, up to the end of the open diary."""
    staff = story.world.staff
    barber, day = np.nonzero(staff.kind != ABSENT)
    shop = staff.shop[barber, day]
    return table(
        "shifts",
        story.name,
        staff_id=ids("s{:02d}", barber),
        location_id=story.shop_ids.take(shop),
        start=story.utc(shop, day, staff.start[barber, day]),
        end=story.utc(shop, day, staff.end[barber, day]),
        kind=words(KINDS, staff.kind[barber, day]),
    )
