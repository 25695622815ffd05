"""How much privacy is spent? An append-only record of every benchmark release: reserve, stage, commit, publish.

Budget is taken before any noise is drawn and never given back: a process that dies after reserving has spent it. What
was staged is what is published, however often it is asked for, because a second draw of the noise would let members
average it away. Every entry carries the sum of the one before, so that none can be changed or taken out unseen.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from barberlab import files
from barberlab.errors import BadInput, Damaged

RESERVED, STAGED, COMMITTED, PUBLISHED = "reserved", "staged", "committed", "published"
STAGES = (RESERVED, STAGED, COMMITTED, PUBLISHED)
START = "0" * 64
PATIENCE_S = 120

_TABLE = f"""
CREATE TABLE IF NOT EXISTS entries (
    place INTEGER PRIMARY KEY,
    release TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN {STAGES}),
    budget TEXT NOT NULL,
    cap INTEGER NOT NULL CHECK (cap > 0),
    micro_rho INTEGER NOT NULL CHECK (micro_rho > 0),
    spec TEXT NOT NULL,
    content BLOB NOT NULL,
    before TEXT NOT NULL UNIQUE,
    sum TEXT NOT NULL,
    UNIQUE (release, stage)
) STRICT;
CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_COLUMNS = "release, stage, budget, cap, micro_rho, spec, content"


@dataclass(frozen=True)
class Wish:
    """What a release would spend: so many millionths of rho out of the budget's `cap`, by the rules `spec` (a text)."""

    release: str
    budget: str
    cap: int
    micro_rho: int
    spec: str


@dataclass(frozen=True)
class Entry:
    """One line of the ledger. `content` is what was staged, and empty at the other stages."""

    release: str
    stage: str
    budget: str
    cap: int
    micro_rho: int
    spec: str
    content: bytes

    @property
    def wish(self) -> Wish:
        """What it was reserved for."""
        return Wish(self.release, self.budget, self.cap, self.micro_rho, self.spec)

    def sum(self, before: str) -> str:
        """The entry's sum, over its own fields and the sum of the one before."""
        fields = asdict(self) | {"content": files.sha256_bytes(self.content), "before": before}
        return files.sha256_bytes(json.dumps(fields, sort_keys=True).encode())


class Ledger:
    """The ledger in one SQLite file. Every opening compares all sums; raises Damaged where one does not fit."""

    def __init__(self, path: Path):
        self.path = path

    def entries(self) -> list[Entry]:
        """Every entry, in the order in which they were made; none where nothing was ever reserved."""
        if not self.path.is_file():
            return []
        with self._open() as con:
            return _checked(con, self.path)

    def spent(self, budget: str) -> int:
        """Millionths of rho that are gone from a budget, those of releases that died among them."""
        return _spent(self.entries(), budget)

    def stage(self, release: str) -> str | None:
        """The last stage that a release reached, or None where it was never asked for."""
        stages = [entry.stage for entry in self.entries() if entry.release == release]
        return stages[-1] if stages else None

    def content(self, release: str) -> bytes | None:
        """What was staged for a release; None where nothing was."""
        return next((e.content for e in self.entries() if e.release == release and e.stage == STAGED), None)

    def spend(self, wish: Wish, draw: Callable[[], bytes], publish: Callable[[bytes], None]) -> bytes:
        """Draw what `wish` is for, once and for all, and publish it; asked again, publish the very same bytes.

        `draw` runs at most once for a release, after its budget is reserved; `publish` may run again and must come to
        the same. Raises BadInput, having spent nothing, where the budget does not hold as much, where the release was
        made by other rules, and where an earlier attempt died after it had reserved.
        """
        with files.locked(self._lock(wish.release), f"benchmark release {wish.release}", wait=True):
            made = self._reserved(wish)
            if made is None:
                self._add(wish, STAGED, draw())
                made = self.content(wish.release)
            self._add(wish, COMMITTED)
            publish(made)
            self._add(wish, PUBLISHED)
        return made

    def burn(self, wish: Wish) -> None:
        """Take a release's budget though nothing is drawn, whatever is left of it: it may be out in the world."""
        if self.stage(wish.release) is None:
            self._add(wish, RESERVED)

    def copy(self) -> bytes:
        """The whole ledger as one file's bytes, taken at one moment; empty where there is none."""
        if not self.path.is_file():
            return b""
        with self._open() as con, closing(sqlite3.connect(":memory:")) as memory:
            con.backup(memory)
            return memory.serialize()

    def check_room(self, wish: Wish) -> None:
        """Raises BadInput where `wish` could not be granted now; reserves nothing."""
        _check(wish, self.entries(), self.path)

    def _reserved(self, wish: Wish) -> bytes | None:
        """What was staged before; None after a fresh reservation. The check and the reservation are one transaction."""
        files.make_folder(self.path.parent)
        with self._open() as con, _transaction(con):
            entries = _checked(con, self.path)
            mine = [entry for entry in entries if entry.release == wish.release]
            if not mine:
                _check(wish, entries, self.path)
                _append(con, Entry(**asdict(wish), stage=RESERVED, content=b""))
                return None
        if mine[0].spec != wish.spec:
            raise BadInput(f"benchmark release {wish.release} was made by other rules; nothing was spent")
        if len(mine) == 1:
            raise BadInput(
                f"benchmark release {wish.release}: an attempt died after it had reserved its budget, which is spent; "
                "the next period goes on without it"
            )
        return mine[1].content

    def _add(self, wish: Wish, stage: str, content: bytes = b"") -> None:
        files.make_folder(self.path.parent)
        with self._open() as con, _transaction(con):
            entries = _checked(con, self.path)
            if not any(entry.release == wish.release and entry.stage == stage for entry in entries):
                _append(con, Entry(**asdict(wish), stage=stage, content=content))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)) as con:
                con.execute("PRAGMA synchronous = EXTRA")
                con.execute("PRAGMA recursive_triggers = ON")  # else REPLACE removes a row without asking
                con.executescript(_TABLE)
                self.path.chmod(0o600)
                yield con
        except sqlite3.DatabaseError as error:
            raise Damaged(f"{self.path.name}: {error}; nothing more is released until it is put right") from None

    def _lock(self, release: str) -> Path:
        return self.path.with_name(f".{files.safe_name(release)}.lock")


def from_copy(path: Path) -> list[Entry]:
    """The entries of a copy of a ledger; raises Damaged where it is not whole."""
    return Ledger(path).entries()


@contextmanager
def _transaction(con: sqlite3.Connection) -> Iterator[None]:
    con.execute("BEGIN IMMEDIATE")
    try:
        yield
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def _append(con: sqlite3.Connection, entry: Entry) -> None:
    last = con.execute("SELECT sum FROM entries ORDER BY place DESC LIMIT 1").fetchone()
    before = last[0] if last else START
    values = [*asdict(entry).values(), before, entry.sum(before)]
    con.execute(f"INSERT INTO entries ({_COLUMNS}, before, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _checked(con: sqlite3.Connection, path: Path) -> list[Entry]:
    found, before = [], START
    for *fields, prior, own in con.execute(f"SELECT {_COLUMNS}, before, sum FROM entries ORDER BY place"):
        entry = Entry(*fields)
        if prior != before or own != entry.sum(before):
            raise Damaged(
                f"{path.name}: entry {len(found) + 1} ({entry.release}, {entry.stage}) was altered or follows a gap; "
                "nothing more is released until it is restored from a backup"
            )
        found.append(entry)
        before = own
    return found


def _check(wish: Wish, entries: list[Entry], path: Path) -> None:
    caps = [entry.cap for entry in entries if entry.budget == wish.budget]
    if caps and caps[0] != wish.cap:
        raise BadInput(
            f"{path.name}: budget {wish.budget} was opened with {caps[0]} millionths of rho and cannot become "
            f"{wish.cap}; nothing was spent"
        )
    spent = _spent(entries, wish.budget)
    if spent + wish.micro_rho > wish.cap:
        raise BadInput(
            f"budget {wish.budget}: {spent} of {wish.cap} millionths of rho are spent, {wish.micro_rho} more are too "
            f"many; release {wish.release} was not made and nothing was spent"
        )


def _spent(entries: list[Entry], budget: str) -> int:
    return sum(entry.micro_rho for entry in entries if entry.budget == budget and entry.stage == RESERVED)
