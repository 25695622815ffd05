"""Who is signed in? Sessions live in this process; the cookie holds a random name for one, signed, and nothing else.

So a cookie that was signed out, that is too old, or whose person lost the account opens nothing, however often it is
sent again. A restart signs everybody out, as it ends every kernel.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from barberlab.errors import BadInput
from barberlab.serve.people import Person
from barberlab.serve.users import Users

LIVES_S, IDLE_S = 12 * 3600.0, 2 * 3600.0
MOST_OF_ONE, MOST = 10, 10_000


@dataclass
class Session:
    """One sign-in. `provided`: its rights came with the sign-in itself and stand in no file."""

    token: str = field(repr=False)
    person: Person
    began: float
    seen: float
    provided: bool = False


class Sessions:
    """All sign-ins of this process. now: seconds of a clock that only goes on; ended: told of each that ends."""

    def __init__(self, users: Users, now: Callable[[], float], ended: Callable[[Session], None] = lambda _: None):
        self.users, self.now, self.ended = users, now, ended
        self._known: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, person: Person, provided: bool = False) -> Session:
        """A new session; whoever has many loses the oldest."""
        own = [known for known in self._known.values() if known.person.name == person.name]
        for oldest in sorted(own, key=lambda known: known.seen)[: max(0, len(own) + 1 - MOST_OF_ONE)]:
            self.end(oldest)
        if len(self._known) >= MOST:
            self.end(min(self._known.values(), key=lambda known: known.seen))
        now = self.now()
        session = Session(secrets.token_urlsafe(32), person, now, now, provided)
        self._known[session.token] = session
        return session

    def find(self, token: str) -> Session | None:
        """The session of that token, if it still stands; it counts as used now."""
        session = self._known.get(token)
        if session is None:
            return None
        if not self._stands(session):
            self.end(session)
            return None
        session.seen = self.now()
        return session

    def end(self, session: Session) -> None:
        """Sign out."""
        if self._known.pop(session.token, None):
            self.ended(session)

    def sweep(self) -> None:
        """End those that no longer stand, though nobody asks for them."""
        for session in [known for known in self._known.values() if not self._stands(known)]:
            self.end(session)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._known.values()))

    def _stands(self, session: Session) -> bool:
        now = self.now()
        if now - session.began > LIVES_S or now - session.seen > IDLE_S:
            return False
        if session.provided:
            return True
        try:
            return self.users.person(session.person.name) == session.person
        except BadInput:
            # A users' file that others could have written vouches for nobody.
            return False
