"""Is there room? The diary of every barber and day, where each five free minutes are one bit of a whole number."""

from bisect import bisect_left
from itertools import accumulate

import numpy as np

from barberlab.data.sample.axis import Axis
from barberlab.data.sample.shops import Shops
from barberlab.data.sample.spec import ADDON, SERVICES
from barberlab.data.sample.staff import AVAILABLE, Staff

STEP = 5  # minutes of one bit
DAWN = 6 * 60  # the minute of bit 0


class Book:
    """Free time by barber and day, and who is on the floor of each shop each day."""

    def __init__(self, axis: Axis, shops: Shops, staff: Staff):
        self.free = _free_bits(staff)
        self.needs = _needs(staff)
        self.addon = SERVICES[ADDON].duration_min // STEP
        self._need = self.needs.tolist()
        self.minutes = _minutes(staff)
        self.team: list[list[list[int]]] = [[[] for _ in range(axis.days)] for _ in range(shops.count)]
        for barber, day in zip(*np.nonzero(staff.kind == AVAILABLE), strict=True):
            self.team[staff.shop[barber, day]][day].append(int(barber))
        weight = np.exp(staff.appeal).tolist()
        self.pull = [[list(accumulate(weight[b] for b in team)) for team in days] for days in self.team]

    def take_nearest(self, shop: int, day: int, ask: list[int], favourite: int, luck: float) -> tuple[int, int] | None:
        """Takes the time nearest to the wish in the diary of the first barber who has room: (barber, bit), or None.

        ask: service, add-on (0 or 1), wished bit, bits the client will move. The favourite is asked first, else one
        drawn by appeal with `luck` (0 to 1), then the rest of the team in turn.
        """
        service, addon, wish, reach = ask
        team = self.team[shop][day]
        if not team:
            return None
        for barber in _in_turn(team, self.pull[shop][day], favourite, luck):
            need = self._need[barber][service] + addon * self.addon
            bit = nearest(self.free[barber][day], need, wish)
            if bit >= 0 and abs(bit - wish) <= reach:
                self.free[barber][day] &= ~(((1 << need) - 1) << bit)
                return barber, bit
        return None

    def give_back(self, barber: int, day: int, bit: int, need: int) -> None:
        """These `need` bits are free again."""
        self.free[barber][day] |= ((1 << need) - 1) << bit


def nearest(free: int, need: int, wish: int) -> int:
    """The bit nearest to `wish` from which `need` bits on are free; -1 if there is none.

    Doubling finds all such bits at once: after `starts &= starts >> step` a set bit stands for `have + step` free.
    """
    starts, have = free, 1
    while have < need:
        step = min(have, need - have)
        starts &= starts >> step
        have += step
    later = starts >> wish
    up = wish + (later & -later).bit_length() - 1 if later else -1
    down = (starts & ((1 << wish) - 1)).bit_length() - 1
    if up < 0 or (down >= 0 and wish - down < up - wish):
        return down
    return up


def _in_turn(team: list[int], pull: list[float], favourite: int, luck: float) -> list[int]:
    if favourite in team:
        return [favourite, *(b for b in team if b != favourite)]
    first = bisect_left(pull, luck * pull[-1])
    return team[first:] + team[:first]


def _free_bits(staff: Staff) -> list[list[int]]:
    start = ((staff.start - DAWN) // STEP).tolist()
    length = ((staff.end - staff.start) // STEP).tolist()
    there = (staff.kind == AVAILABLE).tolist()
    return [
        [((1 << n) - 1) << s if on else 0 for s, n, on in zip(*rows, strict=True)]
        for rows in zip(start, length, there, strict=True)
    ]


def _minutes(staff: Staff) -> np.ndarray:
    """(barber, service) minutes in the chair: the list's, by the barber's pace, in steps of five."""
    listed = np.array([s.duration_min for s in SERVICES])
    return np.maximum(STEP * np.rint(listed * np.exp(staff.pace[:, None]) / STEP).astype(int), STEP)


def _needs(staff: Staff) -> np.ndarray:
    """(barber, service) bits in the diary, with the buffer."""
    return (_minutes(staff) + np.array([s.buffer_min for s in SERVICES])) // STEP
