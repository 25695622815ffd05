"""A process that is killed while it makes a release has spent the budget, and never draws a second time."""

import os
import signal
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

from barberlab.errors import BadInput
from barberlab.runs import ledger
from barberlab.runs.ledger import COMMITTED, PUBLISHED, RESERVED, STAGED, Ledger, Wish

# The child does nothing but write to SQLite and die; no thread of the parent holds a lock that it needs.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
WISH = Wish("2026-01", "2026", 100, 10, "rules")


def release_until(step: int, path: Path) -> None:
    """Make the release; at the given step, before or after a transaction, the draw or the publication, be killed."""
    left, real = [step], ledger._transaction

    def reached() -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    @contextmanager
    def watched(con):
        reached()
        with real(con):
            yield
            reached()
        reached()

    def stepped(act):
        def around(*words):
            reached()
            done = act(*words)
            reached()
            return done

        return around

    ledger._transaction = watched
    draw = stepped(lambda: os.urandom(8).hex().encode())
    Ledger(path).spend(WISH, draw, stepped(path.with_name("release.json").write_bytes))


def killed_at(step: int, path: Path) -> bool:
    """Whether a process of its own was killed at that step; False where it came to its end before."""
    child = os.fork()
    if child == 0:
        try:
            release_until(step, path)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Every step at which a process can be killed: the ledger's path, and what had been published by then."""
    root, found = tmp_path_factory.mktemp("killed"), []
    for step in range(100):
        path = root / f"at{step}" / "ledger.sqlite"
        path.parent.mkdir()
        if not killed_at(step, path):
            return found
        out = path.with_name("release.json")
        found.append((path, out.read_bytes() if out.exists() else None))
    raise AssertionError("a release never ends")


def test_processes_were_killed_before_and_after_every_stage(killed):
    stages = [Ledger(path).stage("2026-01") for path, _ in killed]
    assert set(stages) == {None, RESERVED, STAGED, COMMITTED, PUBLISHED}
    assert len(stages) == 4 * 3 + 2 * 2


def test_whoever_is_killed_never_gets_budget_back(killed):
    """Budget is gone in every case but where the reservation itself was not made."""
    for path, _ in killed:
        book = Ledger(path)
        reserved = book.stage("2026-01") is not None
        assert book.spent("2026") == 10 * reserved
        if book.stage("2026-01") == RESERVED:
            with pytest.raises(BadInput, match="an attempt died after it had reserved"):
                book.spend(WISH, lambda: pytest.fail("drawn twice"), lambda _content: None)
        elif reserved:
            book.spend(WISH, lambda: pytest.fail("drawn twice"), lambda _content: None)
        assert book.spent("2026") == 10 * reserved


def test_what_was_staged_before_the_kill_is_what_comes_after_it(killed):
    for path, published in killed:
        book = Ledger(path)
        staged = book.content("2026-01")
        assert published in (None, staged), "nothing is published before it is staged, and nothing else ever"
        if staged:
            assert book.spend(WISH, lambda: pytest.fail("drawn twice"), lambda _content: None) == staged
