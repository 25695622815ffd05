"""Who has an account? One file outside the checkout, readable by this user alone, with a hash for each password.

$BARBERLAB_USERS names it; by default it lies in the user's state folder. Whatever others can open is refused, not used.
"""

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import argon2

from barberlab import files
from barberlab.errors import BadInput
from barberlab.serve import people
from barberlab.serve.people import Person

VARIABLE = "BARBERLAB_USERS"
LEAST_LETTERS, MOST_LETTERS = 12, 256
# 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet asks of Argon2id at least. More memory would
# let a flood of sign-ins take the machine's.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified for names that nobody has, so that the answer takes as long.
_NOBODYS = _HASHER.hash(secrets.token_hex(16))


def path() -> Path:
    """Where the users' file is or would be."""
    if named := os.environ.get(VARIABLE):
        return Path(named).absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "barberlab" / "users.json"


class Users:
    """The accounts; the file is read again when it has changed, so that what is revoked ends at once."""

    def __init__(self, place: Path | None = None):
        self.place = place or path()
        self._stamp: tuple[int, ...] | None = None
        self._known: dict[str, dict[str, Any]] = {}

    def names(self) -> list[str]:
        """Names of all accounts, in order."""
        return sorted(self._read())

    def person(self, name: str) -> Person | None:
        """The person with that account."""
        said = self._read().get(name)
        return people.of_json(name, said) if said else None

    def by_subject(self, subject: str) -> Person | None:
        """The person whom an identity provider calls `subject`."""
        found = [name for name, said in self._read().items() if subject and said.get("subject") == subject]
        return self.person(found[0]) if found else None

    def subject(self, name: str) -> str:
        """What the identity provider calls that person; empty for those who sign in with a password."""
        return self._read().get(name, {}).get("subject", "")

    def verified(self, name: str, password: str) -> Person | None:
        """The person, if the password is theirs. Takes as long for a name that nobody has."""
        known = self._read().get(name, {}).get("password")
        try:
            _HASHER.verify(known or _NOBODYS, password[:MOST_LETTERS])
        except (argon2.exceptions.VerifyMismatchError, argon2.exceptions.InvalidHashError):
            return None
        return self.person(name) if known else None

    def add(self, person: Person, password: str | None = None, subject: str = "") -> None:
        """Give an account, or replace one: its sessions end. Raises BadInput for a password that is too short."""
        if bool(password) == bool(subject):
            raise BadInput("a user signs in with a password or through the identity provider: one of the two")
        if password and not LEAST_LETTERS <= len(password) <= MOST_LETTERS:
            raise BadInput(f"a password has {LEAST_LETTERS} to {MOST_LETTERS} characters; nothing was changed")
        if subject and (other := self.by_subject(subject)) and other.name != person.name:
            raise BadInput(f"the provider's subject already belongs to the user {other.name!r}; revoke that one first")
        said = people.to_json(replace(person, stamp=secrets.token_hex(8))) | {"subject": subject}
        with self._changed() as known:
            known[person.name] = said | {"password": _HASHER.hash(password) if password else None}

    def revoke(self, name: str) -> None:
        """Take the account away; its sessions and kernels end. Raises BadInput for a name that nobody has."""
        with self._changed() as known:
            if known.pop(name, None) is None:
                raise BadInput(f"no user is called {name!r}; `barberlab users list` names them")

    @contextmanager
    def _changed(self) -> Iterator[dict[str, dict[str, Any]]]:
        before = os.umask(0o077)
        try:
            files.make_folder(self.place.parent)
            with files.locked(self.place.with_name(".users.lock"), "users", wait=True):
                known = dict(self._read())
                yield known
                files.write_json(self.place, {"users": known})
        finally:
            os.umask(before)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = self.place.stat()
        except FileNotFoundError:
            return {}
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid)
        if stamp != self._stamp:
            check_private(self.place, found)
            self._known, self._stamp = self._parsed(), stamp
        return self._known

    def _parsed(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self.place.read_bytes())["users"]
            for name, said in known.items():
                people.of_json(name, said)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(f"{self.place.name}: cannot be read as a users' file; restore it from a backup") from None
        return known


def check_private(place: Path, found: os.stat_result) -> None:
    """Raises BadInput unless the file is this user's own and nobody else can open it."""
    if found.st_uid != os.getuid():
        raise BadInput(f"{place.name}: belongs to another user of this machine; nobody is let in")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise BadInput(f"{place.name}: others can open it (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it")
