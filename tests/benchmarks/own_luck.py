"""Lives that differ only where they must: every client has random numbers of its own, each decision in its own order.

Two branches of a simulated network that draw from one common generator part company at the first client who decides
otherwise: from there on everybody's numbers are others', and the difference of the branches has the chance of both.
Here a client's k-th draw at a decision is the same number in every branch (common random numbers; Glasserman & Yao
1992, Management Science 38(6)), so that a client whom a change does not touch lives the same life with it and without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps

import numpy as np
from scipy import special

from barberlab.data.sample.life import Life

# Splitmix64 (Steele, Lea & Flood 2014, OOPSLA): a mixer of whole numbers good enough to be a generator.
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class OwnLuck:
    """Stands in for a `numpy` generator: draws made within `of(place, who)` are each client's own.

    Draws of another number than there are clients, and those outside any `of`, come from one common generator.
    """

    def __init__(self, seed: list[int], clients: int):
        self.common = np.random.default_rng(seed)
        self._key = np.random.default_rng([*seed, 1]).integers(0, 2**63, dtype=np.uint64)
        self._clients = clients
        self._states: dict[tuple[str, int], np.ndarray] = {}
        self._frames: list[list] = []

    @contextmanager
    def of(self, place: str, who: np.ndarray) -> Iterator[None]:
        """Whose draws the next ones are, and at which decision."""
        self._frames.append([place, who, 0])
        try:
            yield
        finally:
            self._frames.pop()

    def random(self, size: int | tuple[int, int]) -> np.ndarray:
        """Uniform between 0 and 1."""
        if isinstance(size, tuple):
            return np.array([self.random(size[1]) for _ in range(size[0])])
        if not self._frames or len(self._frames[-1][1]) != size:
            return self.common.random(size)
        frame = self._frames[-1]
        frame[2] += 1
        return self._own((frame[0], frame[2]), frame[1])

    def permutation(self, who: np.ndarray) -> np.ndarray:
        """The clients in an order of their own luck."""
        return who[np.argsort(self._own(("permutation", 0), who))]

    def standard_exponential(self, size: int) -> np.ndarray:
        """Exponential with mean 1."""
        return -np.log(self.random(size))

    def standard_gamma(self, shape: np.ndarray) -> np.ndarray:
        """Gamma of each shape and scale 1."""
        return special.gammaincinv(shape, self.random(len(shape)))

    def standard_normal(self, size: int) -> np.ndarray:
        """Normal with mean 0 and sd 1."""
        return special.ndtri(self.random(size))

    def gumbel(self, size: tuple[int, int]) -> np.ndarray:
        """Of nobody's own."""
        return self.common.gumbel(size=size)

    def integers(self, low: int, high: int, size: int) -> np.ndarray:
        """Whole numbers from `low` to before `high`."""
        return low + (self.random(size) * (high - low)).astype(int)

    def choice(self, a: int | np.ndarray, size: int, p: list[float] | None = None) -> np.ndarray:
        """One of `a` (or of 0 to a - 1), with chances `p` or all alike."""
        each = np.arange(a) if isinstance(a, int) else np.asarray(a)
        share = np.full(len(each), 1 / len(each)) if p is None else np.asarray(p) / np.sum(p)
        return each[np.minimum(np.searchsorted(share.cumsum(), self.random(size)), len(each) - 1)]

    def _own(self, place: tuple[str, int], who: np.ndarray) -> np.ndarray:
        if place not in self._states:
            self._states[place] = self._first_states(place)
        state = self._states[place]
        number = _mixed(state[who])
        state[who] += _STEP
        return ((number >> np.uint64(11)).astype(float) + 0.5) / 2**53

    def _first_states(self, place: tuple[str, int]) -> np.ndarray:
        """By the place's name: the order in which places are first used may differ between branches."""
        key = self._key
        for word in np.frombuffer(f"{place[0]}/{place[1]}".encode().ljust(64, b"\0"), np.uint64):
            key = _mixed(np.array([key ^ word]))[0]
        return _mixed(key + np.arange(self._clients, dtype=np.uint64) * _STEP)


def _mixed(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


class OwnLife(Life):
    """A life whose generator is an OwnLuck: each decision below is drawn with the luck of the clients who take it."""

    def _serve(self, day: int) -> None:
        with self.rng.of("_serve", np.flatnonzero(self.due == day)):
            super()._serve(day)


def _with_own_luck(name: str):
    plain = getattr(Life, name)

    @wraps(plain)
    def lucky(self: OwnLife, who: np.ndarray, *rest):
        with self.rng.of(name, who):
            return plain(self, who, *rest)

    return lucky


for _name in (
    *("soon", "_plan", "_mean_to_come", "_leaving", "_wishes", "_search"),
    *("_hold", "_fate", "_again", "_turned_away", "_came", "_missed"),
):
    setattr(OwnLife, _name, _with_own_luck(_name))
