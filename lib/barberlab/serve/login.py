"""Signing in and out. A wrong name and a wrong password look alike and take alike; who tries too often has to wait."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from tornado.ioloop import IOLoop
from tornado.web import HTTPError

from barberlab.reports import doors
from barberlab.serve import gate
from barberlab.serve.limits import Limit
from barberlab.serve.pages import Own, read_ahead
from barberlab.serve.people import Person
from barberlab.serve.sessions import Session
from barberlab.serve.watch import log

# Failures of one name, and from one address: a lock-out of a quarter of an hour, and a flood that stays outside.
OF_A_NAME = (5, 900.0)
OF_AN_ADDRESS = (30, 60.0)
_WRONG = "Name or password is wrong"
# Each verification takes 19 MiB and a core for a moment; two at a time, so that a flood waits and the pages do not.
_VERIFIERS = ThreadPoolExecutor(2, thread_name_prefix="verify")
_MOST_WAITING = 20


class Tries:
    """What is known of those who try to sign in."""

    def __init__(self):
        self.names, self.addresses, self.waiting = Limit(*OF_A_NAME), Limit(*OF_AN_ADDRESS), 0


class SignIn(Own):
    """The form, and what it sends."""

    def get(self) -> None:
        """The form; whoever is signed in goes on."""
        if self.session:
            self.redirect("/")
            return
        self._form()

    async def post(self) -> None:
        """Sign in with name and password."""
        tries, now = self.settings["tries"], time.monotonic()
        name = self.get_body_argument("name", "").strip().lower()[:64]
        address = self.request.remote_ip
        if tries.names.wait_s(name, now) or tries.addresses.wait_s(address, now) or tries.waiting >= _MOST_WAITING:
            self._count("refused")
            raise HTTPError(429)
        # Counted before it is known to be wrong: many at once must not all be tried.
        tries.names.count(name, now)
        person = await self._verified(tries, name, self.get_body_argument("password", "", strip=False))
        if person is None:
            # Only failures count: a whole office may sign in from one address at nine.
            tries.addresses.count(address, now)
            self._count("failed")
            self._form(_WRONG, 401)
            return
        tries.names.forget(name)
        self._count("passed")
        welcome(self, person)

    async def _verified(self, tries: Tries, name: str, password: str) -> Person | None:
        tries.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(_VERIFIERS, self.settings["users"].verified, name, password)
        finally:
            tries.waiting -= 1

    def _form(self, said: str = "", status: int = 200) -> None:
        self.show(doors.sign_in(self.forgery_token, self.settings["provider"] is not None, said), status)

    def _count(self, outcome: str) -> None:
        self.settings["watch"].signed_in.labels(outcome).inc()
        log("sign-in", outcome=outcome)


class SignOut(Own):
    """Out, with all kernels of the session."""

    async def post(self) -> None:
        """End the session: its cookie opens nothing any more."""
        self.settings["sessions"].end(self.session)
        self.clear_cookie(gate.SESSION_COOKIE)
        self.set_header("Clear-Site-Data", '"cache", "cookies", "storage"')
        self.redirect("/login", status=303)


def welcome(handler: Own, person: Person, provided: bool = False) -> Session:
    """A new session and its cookie; one that the browser had before is over, so that none can be slipped to it."""
    sessions = handler.settings["sessions"]
    if handler.session:
        sessions.end(handler.session)
    session = sessions.begin(person, provided)
    handler.set_signed_cookie(
        gate.SESSION_COOKIE,
        session.token,
        expires_days=None,
        httponly=True,
        samesite="Lax",
        secure=handler.settings["is_secure"],
    )
    handler.redirect("/", status=303)
    IOLoop.current().add_callback(read_ahead, person, handler.shelf)
    return session
