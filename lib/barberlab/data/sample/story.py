"""The told story, ready to be turned into tables: world, clients, and every booking with its price and its ids."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from barberlab.data.sample.axis import NEVER
from barberlab.data.sample.clients import Clients, draw_clients
from barberlab.data.sample.frames import ids
from barberlab.data.sample.life import Life
from barberlab.data.sample.log import BOOKED, COMPLETED, Log
from barberlab.data.sample.spec import ADDON, stream
from barberlab.data.sample.world import World

FIRST_VISIT_OFF, MEMBER_OFF = 20, 10  # per cent
_OFFERED = (3, 4)  # first visits through a marketplace or an advertisement are cheaper
_MEMBER_FROM = 3  # visits
_MEMBER_DAYS = 330


@dataclass(frozen=True)
class Story:
    """A network's whole history. `visits` are the bookings' columns, over (booking)."""

    name: str
    seed: int
    world: World
    clients: Clients
    life: Life
    log: Log
    visits: dict[str, np.ndarray]

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers for what is told after the clients' story."""
        return stream(self.name, self.seed, purpose)

    @property
    def zones(self) -> list[str]:
        """Time zones of the network's places."""
        return [place.zone for place in self.world.spec.places]

    @cached_property
    def as_of(self) -> pd.Timestamp:
        """The end of the last day in the network's own zone."""
        midnight = pd.Timestamp(self.world.axis.dates[self.world.axis.past])
        return midnight.tz_localize(self.world.spec.zone).tz_convert("UTC").as_unit("us")

    def utc(self, shop: np.ndarray, day: np.ndarray, minute: np.ndarray) -> np.ndarray:
        """Instants of the shops' local minutes."""
        return self.world.axis.utc(self.zones, self.world.shops.place[shop], day, minute)

    @cached_property
    def shop_ids(self) -> pd.array:
        """(shop) like "north-01"."""
        return ids(self.name + "-{:02d}", np.arange(1, self.world.shops.count + 1))

    def client_ids(self, who: np.ndarray) -> pd.array:
        """The source's own client codes; unknown for passers-by."""
        return ids("c{:06d}", np.where(self.clients.anonymous[who], -1, who))

    @cached_property
    def completed(self) -> np.ndarray:
        """(booking) whether the visit took place and was closed."""
        return self.visits["status"] == COMPLETED

    @cached_property
    def past(self) -> np.ndarray:
        """(booking) whether its day lies within the history."""
        return self.visits["status"] != BOOKED

    @cached_property
    def price(self) -> np.ndarray:
        """(booking) price of the service booked, without add-on, in minor units."""
        v = self.visits
        return 100 * self.world.prices[v["shop"], v["service"], v["day"]]

    @cached_property
    def addon(self) -> np.ndarray:
        """(booking) price of the add-on, in minor units."""
        v = self.visits
        return 100 * v["addon"] * self.world.prices[v["shop"], ADDON, v["day"]]

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(member) client, first and last day of the plan, which starts at the third visit; NEVER if it goes on."""
        v = self.visits
        done = np.flatnonzero(self.completed & self.clients.member[v["client"]] & ~self.clients.anonymous[v["client"]])
        done = done[np.argsort(v["day"][done], kind="stable")]
        frame = pd.DataFrame({"client": v["client"][done], "day": v["day"][done]})
        third = frame[frame.groupby("client").cumcount() == _MEMBER_FROM - 1].sort_values("client")
        who, start = third["client"].to_numpy(), third["day"].to_numpy()
        length = self.rng("members").exponential(_MEMBER_DAYS, len(who)).astype(int) + 30
        end = np.minimum(start + length, np.maximum(self.life.gone[who], start))
        return who, start, np.where(end < self.world.axis.past, end, NEVER)

    @cached_property
    def discount(self) -> np.ndarray:
        """(booking) members' and first-visit offers, in minor units."""
        v, since, until = self.visits, np.full(self.clients.count, NEVER), np.full(self.clients.count, -1)
        who, start, end = self.members
        since[who], until[who] = start, end
        member = (v["day"] > since[v["client"]]) & (v["day"] <= until[v["client"]])
        offered = v["first"] & np.isin(self.clients.channel[v["client"]], _OFFERED)
        return (self.price + self.addon) * np.select([offered, member], [FIRST_VISIT_OFF, MEMBER_OFF], 0) // 100


def tell(world: World, name: str, seed: int) -> Story:
    """Lets the clients live through the world's history."""
    clients = draw_clients(world, stream(name, seed, "clients"))
    life = Life(world, clients, stream(name, seed, "life"))
    log = life.run()
    return Story(name, seed, world, clients, life, log, log.bookings())
