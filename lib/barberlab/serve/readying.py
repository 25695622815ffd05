"""What will be asked for next? Pages that many share are made before anybody waits: after a start, and after each run.

One page at a time, and none while somebody is being answered: whoever is there goes before whoever may come.
"""

import contextlib
import time
from collections.abc import Callable, Hashable, Iterable

from barberlab.errors import BarberlabError
from barberlab.serve.pages import make_ready
from barberlab.serve.people import Person
from barberlab.serve.shelf import Shelf

LOOK_MS, QUIET_S = 1_000, 0.25


class Readying:
    """The lists and the pages of all shops together, for all who have an account or a session.

    people: who these are. quiet_s: for how long nobody has asked for anything.
    """

    def __init__(self, shelf: Shelf, people: Callable[[], Iterable[Person]], quiet_s: Callable[[], float]):
        self.shelf, self.people, self.quiet_s = shelf, people, quiet_s
        self._ready: dict[tuple, Hashable] = {}
        self._is_at_work = False

    async def look(self) -> None:
        """Make what is wanting, until somebody asks for something or there is room for no more."""
        if self._is_at_work:
            return
        self._is_at_work = True
        try:
            for key, (person, network) in self._wanted().items():
                stamp = self.shelf.stamp(network)
                if self._ready.get(key) == stamp:
                    continue
                if self.quiet_s() < QUIET_S or self.shelf.remembered.is_full:
                    return
                # What cannot be read says so to whoever opens it, and is not tried until it has changed.
                with contextlib.suppress(BarberlabError, OSError):
                    await make_ready(person, network, self.shelf)
                self._ready[key] = stamp
        finally:
            self._is_at_work = False

    def _wanted(self) -> dict[tuple, tuple[Person, str]]:
        """Somebody of each set of rights in a network; the rest share what is made for them."""
        found = {}
        with contextlib.suppress(BarberlabError, OSError):
            for person in self.people():
                for network, shops in person.networks.items():
                    found.setdefault((person.role, network, shops, person.barber), (person, network))
        self._ready = {key: stamp for key, stamp in self._ready.items() if key in found}
        return found


class Quiet:
    """For how long has nobody asked for anything?"""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now, self._last = now, now()

    def broken(self) -> None:
        """Somebody asks, or has just been answered."""
        self._last = self._now()

    def __call__(self) -> float:
        """Seconds."""
        return self._now() - self._last
