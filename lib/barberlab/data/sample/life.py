"""What do the clients do? Day by day: they plan, ask, are seated or turned away, come, stay away, and one day leave."""

from typing import NamedTuple

import numpy as np

from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.book import DAWN, STEP, Book
from barberlab.data.sample.clients import Clients, unrest
from barberlab.data.sample.log import COMPLETED, NO_SHOW, UNRESOLVED, Log
from barberlab.data.sample.messages import write
from barberlab.data.sample.plans import Plans
from barberlab.data.sample.spec import ADDON, SERVICES
from barberlab.data.sample.world import ADDON_SHARE, World

CAUSES = ("moved_on", "one_visit", "no_show", "barber_left", "price", "shop_closed", "turned_away")
MOVED_ON, ONE_VISIT, AFTER_NO_SHOW, BARBER_LEFT, PRICE, SHOP_CLOSED, TURNED_AWAY = range(len(CAUSES))

NO_SHOW_LOSS, NO_SHOW_UNREST = 0.12, 2.5  # a missed visit: some never dare come back, the others are likelier to leave
NO_SHOW_AHEAD, NO_SHOW_NEW = 0.035, 0.45  # logit of missing one, per day booked ahead (20 at most) and for first visits
BARBER_LOSS = 0.15  # of a leaving barber's own clients leave too
PRICE_UNREST = 0.8  # elasticity of the hazard of leaving in the relative price
USUAL = 0.85  # of visits are for the client's usual service
UNCLOSED = 0.004  # of visits stay open in the system
FOLLOW = 0.35  # of a closing shop's clients go to another one in the same place
SOON = 0.6  # of cancelled or missed visits are asked for again within days
PATIENCE = 3  # times in a row a client is turned away before skipping an interval

ONLINE, PHONE, WALK_IN, RECURRING = range(4)
BOOKING_CHANNELS = ("online", "phone", "walk_in", "recurring")
_WALK_IN_WAIT = 90 // STEP  # bits by which the seat may miss the wish
_LAST_WISH = 75  # minutes before the shop shuts
_NUMBER, _BARBER, _BIT, _NEED, _END, _AHEAD = range(6)  # rows of `held`


class Wishes(NamedTuple):
    """What each of some clients asks for: service, add-on (0 or 1) and minute of the day."""

    service: np.ndarray
    addon: np.ndarray
    minute: np.ndarray


class Seats(NamedTuple):
    """Barber, bit of the diary and day of each client's seat; -1 where none was found."""

    barber: np.ndarray
    bit: np.ndarray
    day: np.ndarray


class Life:
    """The clients' state, one array over (client) each; `run` tells the history day by day into `log`.

    A client holds at most one booking. `wanted` is the day of the next visit in mind, `ask_on` the day of asking for
    it, `due` the day of a booking held, `cancel_on` the day it will be cancelled, `gone` the day the client leaves for
    good; all NEVER where there is none. `held` describes the booking held; a `ghost` will neither cancel nor come.
    `seen` and `seen_before` are day and minute at which the last two visits ended, -1 before the history.
    """

    def __init__(self, world: World, clients: Clients, rng: np.random.Generator):
        self.world, self.clients, self.rng = world, clients, rng
        self.plans = Plans(world, clients, rng)
        self.book = Book(world.axis, world.shops, world.staff)
        self.log = Log(world.shops.count, world.axis.days)
        n = clients.count
        self.shop, self.favourite, self.cause = clients.shop.copy(), np.full(n, -1), np.full(n, -1)
        self.wanted, self.ask_on, self.due, self.cancel_on, self.gone = (np.full(n, NEVER) for _ in range(5))
        self.visits, self.tries, self.last = np.zeros(n, dtype=int), np.zeros(n, dtype=int), np.full(n, -NEVER)
        self.shock, self.ghost = np.ones(n), np.zeros(n, dtype=bool)
        self.held = np.full((6, n), -1)
        self.seen, self.seen_before = np.full((2, n), -1), np.full((2, n), -1)
        self._begin()

    def run(self, first: int = 0, until: int | None = None) -> Log:
        """Tells the whole history, or its days from `first` to before `until`."""
        for day in range(first, self.world.axis.past if until is None else until):
            self._farewells(day)
            asking = self.rng.permutation(np.flatnonzero((self.ask_on == day) & (self.gone >= day)))
            # Who calls or clicks does so before anybody walks in.
            asking = asking[np.argsort(self.clients.walk_in[asking], kind="stable")]
            self._turned_away(self._book(asking, day), day)
            self._cancel(day)
            self._serve(day)
            write(self, day)
        return self.log

    def _begin(self) -> None:
        """Clients of before are somewhere within their rhythm; the others will ask before the day they sign up for."""
        c, new = self.clients, np.flatnonzero(self.clients.first >= 0)
        self.wanted[new] = c.first[new]
        self.ask_on[new] = np.maximum(c.first[new] - self.plans.lead(new), 0)
        old = np.flatnonzero(c.first < 0)
        self.visits[old] = 1 + (-c.first[old] // c.gap[old]).astype(int)
        age = np.minimum(self.rng.random(len(old)) * c.gap[old], -c.first[old])
        self.last[old] = -1 - age.astype(int)
        self.favourite[old] = self._first_favourites(old)
        rest = np.maximum(self.plans.interval(old, self.shop[old], 0) - age, self.rng.random(len(old)) * 10)
        self._mean_to_come(old, self.plans.after(self.shop[old], 0, rest), 0)

    def _first_favourites(self, old: np.ndarray) -> np.ndarray:
        staff = self.world.staff
        there = (staff.joined < 0) & (staff.home == self.shop[old][:, None])
        pull = np.where(there, staff.appeal + self.rng.gumbel(size=there.shape), -np.inf)
        return np.where(self.clients.loyal[old] & there.any(axis=1), pull.argmax(axis=1), -1)

    # Planning

    def _mean_to_come(self, who: np.ndarray, target: np.ndarray, day: int) -> None:
        """Fixes the wanted day near `target`, and the day of asking for it."""
        wanted = self.plans.suitable(who, self.shop[who], self.favourite[who], target, day + 1)
        self.wanted[who] = wanted
        self.ask_on[who] = np.where(wanted < NEVER, np.maximum(wanted - self.plans.lead(who), day + 1), NEVER)

    def soon(self, who: np.ndarray, day: int, low: int, high: int) -> None:
        """They will ask for a visit `low` to `high - 1` days from `day`."""
        self._mean_to_come(who, day + self.rng.integers(low, high, len(who)), day)

    def _plan(self, who: np.ndarray, day: int) -> None:
        """The next visit by each client's rhythm, unless the client leaves for good before it."""
        target = self.plans.after(self.shop[who], day, self.plans.interval(who, self.shop[who], day))
        self._mean_to_come(who, target, day)
        until, cause = self._leaving(who, day)
        goes = until < np.minimum(self.wanted[who], day + 400)
        self.gone[who], self.cause[who] = np.where(goes, until, NEVER), np.where(goes, cause, -1)

    def _leaving(self, who: np.ndarray, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Day of leaving, were there no further visit, and its cause."""
        c, price = self.clients, self.world.dearness[self.shop[who], self.clients.service[who], day] ** PRICE_UNREST
        barber = np.where(self.favourite[who] < 0, 0.0, self.world.staff.loyalty[self.favourite[who]])
        hazard = c.leave[who] * unrest(self.visits[who]) * self.shock[who] * np.exp(barber) * price
        after = (self.rng.standard_exponential(len(who)) / hazard).astype(int)
        cause = np.where(self.rng.random(len(who)) < 1 - 1 / np.maximum(price, 1), PRICE, MOVED_ON)
        once = (self.visits[who] == 1) & (self.rng.random(len(who)) < c.one_time[who])
        return day + np.where(once, np.minimum(after, 1), after), np.where(once, ONE_VISIT, cause)

    # Asking

    def _book(self, who: np.ndarray, day: int, minute: np.ndarray | None = None) -> np.ndarray:
        """Seats who can be seated, in this order; gives those who cannot. `minute`: when they book, at the desk."""
        if not len(who):
            return who
        wishes = self._wishes(who)
        seats = self._search(who, day, wishes)
        got = seats.barber >= 0
        if minute is None:
            shop, wanted = self.shop[who], self.wanted[who]
            self.log.ask(shop, wanted, self.world.axis.weekday[wanted], wishes.minute)
            np.add.at(self.log.moved, (shop[got], wanted[got]), seats.day[got] != wanted[got])
        booked_at = None if minute is None else minute[got]
        self._hold(who[got], day, booked_at, Wishes(*(x[got] for x in wishes)), Seats(*(x[got] for x in seats)))
        return who[~got]

    def _wishes(self, who: np.ndarray) -> Wishes:
        """The usual service at the usual hour, mostly; at weekends the morning draws everyone."""
        c, n = self.clients, len(who)
        other = self.rng.choice(ADDON, n, p=[s.share for s in SERVICES[:ADDON]])
        service = np.where(self.rng.random(n) < USUAL, c.service[who], other)
        addon = (self.rng.random(n) < ADDON_SHARE).astype(int)
        weekday = self.world.axis.weekday[self.wanted[who]]
        centre = np.where(weekday >= 5, 0.4 * c.hour[who] + 0.6 * 630, c.hour[who])
        wish = 15 * np.rint((centre + c.hour_sd[who] * self.rng.standard_normal(n)) / 15).astype(int)
        opens, shuts = (m[self.shop[who], weekday] for m in (self.world.shops.opens, self.world.shops.shuts))
        return Wishes(service, addon, np.clip(wish, opens, shuts - _LAST_WISH))

    def _search(self, who: np.ndarray, day: int, wishes: Wishes) -> Seats:
        """One after the other takes a seat, on the wanted day or one next to it; who walks in has only today."""
        c = self.clients
        reach = np.where(c.walk_in[who], _WALK_IN_WAIT, c.reach[who] // STEP)
        bits = (wishes.minute - DAWN) // STEP
        asks = np.stack([wishes.service, wishes.addon, bits, reach], axis=1).tolist()
        favourite = np.where(c.loyal[who], self.favourite[who], -1)
        each = (x.tolist() for x in (self.shop[who], self.wanted[who], c.walk_in[who], favourite))
        luck = self.rng.random(len(who)).tolist()
        seats = [self._seat(day, *one) for one in zip(asks, luck, *each, strict=True)]
        return Seats(*np.array(seats).T)

    def _seat(
        self, day: int, ask: list[int], luck: float, shop: int, wanted: int, walks_in: bool, favourite: int
    ) -> tuple[int, int, int]:
        last = self.world.axis.days
        for on in (wanted,) if walks_in else (wanted, wanted + 1, wanted - 1, wanted + 2):
            # Nobody is moved from a later day to today: they would have to have come already.
            if day + (on < wanted) <= on < last and (seat := self.book.take_nearest(shop, on, ask, favourite, luck)):
                return *seat, on
        return -1, -1, -1

    def _hold(self, who: np.ndarray, day: int, minute: np.ndarray | None, wishes: Wishes, seats: Seats) -> None:
        """Writes the bookings down, and decides which of them will be cancelled or forgotten."""
        (service, addon, _), (barber, bit, on) = wishes, seats
        need = self.book.needs[barber, service] + addon * self.book.addon
        minutes = self.book.minutes[barber, service] + addon * SERVICES[ADDON].duration_min
        start = DAWN + STEP * bit
        numbers = self.log.book(
            client=who,
            shop=self.shop[who],
            barber=barber,
            service=service,
            addon=addon,
            day=on,
            minute=start,
            minutes=minutes,
            **self._booked_at(who, day, minute, start, on),
            channel=self._channel(who, at_desk=minute is not None),
            first=self.visits[who] == 0,
        )
        self.held[:, who] = numbers, barber, bit, need, start + minutes, on - day
        self.ask_on[who], self.due[who], self.tries[who] = NEVER, on, 0
        self._fate(who, day, on)

    def _channel(self, who: np.ndarray, at_desk: bool) -> np.ndarray:
        """Whoever books at the desk is written in by hand, as on the phone."""
        c = self.clients
        conditions = [c.recurring[who], c.walk_in[who], c.online[who] & (not at_desk)]
        return np.select(conditions, [RECURRING, WALK_IN, ONLINE], PHONE)

    def _booked_at(
        self, who: np.ndarray, day: int, minute: np.ndarray | None, start: np.ndarray, on: np.ndarray
    ) -> dict[str, np.ndarray]:
        """At any hour, or shortly before the start if it is today; standing bookings at the desk one visit before."""
        n, before = len(who), self.seen_before[:, who]
        if minute is not None:
            standing = self.clients.recurring[who] & (before[0] >= 0)
            booked_day, booked_minute = np.where(standing, before, [np.full(n, day), minute])
            return {"booked_day": booked_day, "booked_minute": booked_minute}
        today = start - np.where(self.clients.walk_in[who], self.rng.integers(0, 20, n), self.rng.integers(15, 115, n))
        at = np.where(on > day, self.rng.integers(420, 1290, n), today)
        return {"booked_day": np.full(n, day), "booked_minute": at}

    def _fate(self, who: np.ndarray, day: int, on: np.ndarray) -> None:
        """Some will cancel, the later the likelier; who leaves before the visit cancels it or is never seen again."""
        ahead, u = on - day, self.rng.random((2, len(who)))
        late = day + 1 + (ahead * np.sqrt(u[1])).astype(int)
        cancels = u[0] < self.clients.cancel[who] * (1 - np.exp(-ahead / 3))
        leaves = self.gone[who] < on
        farewell = np.maximum(np.minimum(self.gone[who], on), day + 1)
        farewell += (u[1] * (on - farewell + 1)).astype(int)
        polite = leaves & (u[0] < 0.75) & (ahead > 0)
        self.cancel_on[who] = np.where(polite, farewell, np.where(cancels & ~leaves & (ahead > 0), late, NEVER))
        self.ghost[who] = leaves & ~polite

    def _turned_away(self, who: np.ndarray, day: int) -> None:
        """No room: half of the new ones go elsewhere for good, the others try another day, in the end they skip one."""
        np.add.at(self.log.turned_away, (self.shop[who], self.wanted[who]), 1)
        self.tries[who] += 1
        tired = (self.tries[who] >= PATIENCE) | ((self.visits[who] == 0) & (self.rng.random(len(who)) < 0.5))
        lost = who[tired & (self.visits[who] == 0)]
        self._leave(lost, day, TURNED_AWAY)
        again = who[~tired]
        self.soon(again, day, 1, 6)
        skip = who[tired & (self.visits[who] > 0)]
        self.tries[skip] = 0
        self._plan(skip, day)

    # Coming

    def _free(self, who: np.ndarray) -> None:
        """The booking held is over."""
        self.due[who] = self.cancel_on[who] = NEVER
        self.ghost[who] = False

    def _cancel(self, day: int) -> None:
        who = np.flatnonzero(self.cancel_on == day)
        number, barber, bit, need, _, _ = self.held[:, who]
        before = DAWN + STEP * bit - self.rng.integers(30, 150, len(who))
        self.log.cancel(number, day, np.where(self.due[who] == day, before, self.rng.integers(420, 1290, len(who))))
        for b, on, at, n in zip(*(x.tolist() for x in (barber, self.due[who], bit, need)), strict=True):
            self.book.give_back(b, on, at, n)
        self._free(who)
        self._again(who[self.gone[who] == NEVER], day, 2, 11)

    def _again(self, who: np.ndarray, day: int, low: int, high: int) -> None:
        soon = self.rng.random(len(who)) < SOON
        self.soon(who[soon], day, low, high)
        self._plan(who[~soon], day)

    def _serve(self, day: int) -> None:
        """Who is due today comes, or does not; who comes plans the next visit and may book it at the desk."""
        due = np.flatnonzero(self.due == day)
        missed = self.ghost[due] | (self.rng.random(len(due)) < self._no_show_risk(due))
        self._missed(due[missed], day)
        came = due[~missed]
        unclosed = self.rng.random(len(came)) < UNCLOSED
        self.log.became(self.held[_NUMBER, came[~unclosed]], COMPLETED)
        self.log.became(self.held[_NUMBER, came[unclosed]], UNRESOLVED)
        self._came(came, day)

    def _no_show_risk(self, due: np.ndarray) -> np.ndarray:
        c, ahead = self.clients, np.minimum(self.held[_AHEAD, due], 20)
        logit = c.no_show[due] + NO_SHOW_AHEAD * ahead + NO_SHOW_NEW * (self.visits[due] == 0)
        return np.where(c.walk_in[due], 0.0, 1 / (1 + np.exp(-logit)))

    def _came(self, who: np.ndarray, day: int) -> None:
        self.visits[who] += 1
        self.seen_before[:, who] = self.seen[:, who]
        self.seen[0, who], self.seen[1, who] = day, self.held[_END, who]
        self.last[who], self.tries[who] = day, 0
        taken_to = self.clients.loyal[who] & (self.favourite[who] < 0) & (self.rng.random(len(who)) < 0.75)
        self.favourite[who] = np.where(taken_to, self.held[_BARBER, who], self.favourite[who])
        self._free(who)
        self._plan(who, day)
        self.shock[who] = 1.0
        desk = (self.rng.random(len(who)) < self.clients.pre_book[who]) & (self.wanted[who] < NEVER)
        desk &= self.cause[who] != ONE_VISIT
        self._book(who[desk], day, self.held[_END, who[desk]])

    def _missed(self, who: np.ndarray, day: int) -> None:
        self.log.became(self.held[_NUMBER, who], NO_SHOW)
        self._free(who)
        who = who[self.gone[who] == NEVER]
        ashamed = self.rng.random(len(who)) < NO_SHOW_LOSS
        self._leave(who[ashamed], day, AFTER_NO_SHOW)
        self.shock[who] = NO_SHOW_UNREST
        self._again(who[~ashamed], day, 1, 12)

    # Leaving

    def _leave(self, who: np.ndarray, day: int, cause: int) -> None:
        self.gone[who], self.cause[who] = day, cause
        self.wanted[who] = self.ask_on[who] = NEVER
        held = who[self.due[who] < NEVER]
        self.cancel_on[held] = np.minimum(self.due[held], day + 1)

    def _farewells(self, day: int) -> None:
        """A barber leaves: some clients go too, the others look for a new favourite. A shop closes: some follow it."""
        for barber in np.flatnonzero(self.world.staff.left == day):
            own = np.flatnonzero((self.favourite == barber) & (self.gone > day))
            goes = (self.rng.random(len(own)) < BARBER_LOSS) & (self.visits[own] > 0)
            self._leave(own[goes], day, BARBER_LEFT)
            self.favourite[own[~goes]] = -1
        for shop in np.flatnonzero(self.world.shops.closed == day):
            self._close(shop, day)

    def _close(self, shop: int, day: int) -> None:
        shops = self.world.shops
        near = np.flatnonzero((shops.place == shops.place[shop]) & (shops.opened < day) & (shops.closed > day))
        own = np.flatnonzero((self.shop == shop) & (self.gone > day) & (self.clients.first <= day))
        follow = (self.rng.random(len(own)) < FOLLOW) & (len(near) > 0)
        self._leave(own[~follow], day, SHOP_CLOSED)
        moving = own[follow]
        if len(moving):
            self.shop[moving] = self.rng.choice(near, len(moving))
            self.favourite[moving], self.gone[moving] = -1, NEVER
            self.soon(moving, day, 5, 40)
