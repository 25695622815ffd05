"""Privacy that is spent stays spent: under many hands at once, under tampering, and when somebody asks twice."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing import get_context

import pytest

from barberlab.errors import BadInput, Damaged
from barberlab.runs import ledger
from barberlab.runs.ledger import PUBLISHED, RESERVED, STAGES, Ledger, Wish


def wish(release="2026-01", micro_rho=10, cap=100, spec="rules 1", budget="2026"):
    return Wish(release, budget, cap, micro_rho, spec)


@pytest.fixture
def book(tmp_path):
    return Ledger(tmp_path / "benchmark" / "ledger.sqlite")


@pytest.fixture
def out():
    """What was published, in order."""
    return []


def test_a_release_goes_through_all_stages_once(book, out):
    assert book.spend(wish(), lambda: b"drawn", out.append) == b"drawn"
    assert [entry.stage for entry in book.entries()] == list(STAGES)
    assert (book.spent("2026"), book.stage("2026-01"), book.content("2026-01")) == (10, PUBLISHED, b"drawn")
    assert set(out) == {b"drawn"}


def test_asked_again_it_gives_the_same_bytes_and_spends_nothing(book, out):
    """A second draw would be an average: forty askings give forty equal answers for the price of one."""
    draws = count()
    answers = {book.spend(wish(), lambda: b"draw %d" % next(draws), out.append) for _ in range(40)}
    assert answers == set(out) == {b"draw 0"}
    assert (next(draws), book.spent("2026")) == (1, 10)


def test_what_went_missing_is_published_again_as_it_was(book, tmp_path):
    file = tmp_path / "release.json"
    book.spend(wish(), lambda: b"drawn", file.write_bytes)
    file.unlink()
    book.spend(wish(), lambda: b"another draw", file.write_bytes)
    assert file.read_bytes() == b"drawn"


def test_a_spent_budget_refuses_and_draws_nothing(book, out):
    for month in range(10):
        book.spend(wish(f"2026-{month:02}"), lambda: b"x", out.append)
    with pytest.raises(BadInput, match="100 of 100 millionths of rho are spent, 10 more are too many"):
        book.spend(wish("2026-11"), lambda: pytest.fail("noise was drawn"), out.append)
    assert (book.spent("2026"), book.stage("2026-11")) == (100, None)
    book.spend(wish("2027-01", budget="2027"), lambda: b"x", out.append)


def test_the_last_millionth_can_be_spent_and_no_more(book, out):
    book.spend(wish("a", micro_rho=99), lambda: b"x", out.append)
    with pytest.raises(BadInput, match="99 of 100"):
        book.check_room(wish("b", micro_rho=2))
    book.spend(wish("b", micro_rho=1), lambda: b"x", out.append)


def test_a_budget_cannot_be_widened_later(book, out):
    book.spend(wish(), lambda: b"x", out.append)
    with pytest.raises(BadInput, match="opened with 100 millionths of rho and cannot become 1000"):
        book.spend(wish("2026-02", cap=1000), lambda: b"x", out.append)


def test_the_same_release_by_other_rules_is_refused(book, out):
    book.spend(wish(), lambda: b"x", out.append)
    with pytest.raises(BadInput, match="2026-01 was made by other rules; nothing was spent"):
        book.spend(wish(spec="rules 2"), lambda: b"y", out.append)
    assert book.spent("2026") == 10


def test_a_draw_that_fails_has_spent_its_budget(book, out):
    with pytest.raises(ZeroDivisionError):
        book.spend(wish(), lambda: 1 // 0, out.append)
    assert (book.spent("2026"), book.stage("2026-01"), out) == (10, RESERVED, [])
    with pytest.raises(BadInput, match="died after it had reserved its budget, which is spent"):
        book.spend(wish(), lambda: pytest.fail("noise was drawn"), out.append)


def test_a_publication_that_fails_is_made_good_with_the_same_bytes(book, out):
    def full(_content):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        book.spend(wish(), lambda: b"drawn", full)
    assert book.spend(wish(), lambda: pytest.fail("noise was drawn"), out.append) == b"drawn"
    assert (set(out), book.spent("2026")) == ({b"drawn"}, 10)


# Many hands


def asked(path, numbers):
    """How many of these requests a process was granted, four threads at a time."""

    def one(number):
        try:
            Ledger(path).spend(wish(f"r{number}"), lambda: b"%d" % number, lambda _content: None)
        except BadInput:
            return 0
        return 1

    with ThreadPoolExecutor(4) as threads:
        return sum(threads.map(one, numbers))


def test_forty_requests_at_once_against_a_budget_of_ten_get_exactly_ten(book):
    book.path.parent.mkdir()
    with get_context("spawn").Pool(4) as processes:
        granted = processes.starmap(asked, [(book.path, range(start, 40, 4)) for start in range(4)])
    assert sum(granted) == 10
    assert book.spent("2026") == 100
    assert len([entry for entry in book.entries() if entry.stage == PUBLISHED]) == 10


def drawn_by(path, name):
    return Ledger(path).spend(wish(), name.encode, lambda _content: None)


def test_the_same_release_asked_for_at_once_is_drawn_once(book):
    with ThreadPoolExecutor(6) as threads:
        answers = set(threads.map(lambda name: drawn_by(book.path, name), "abcdef"))
    assert len(answers) == 1
    assert book.spent("2026") == 10


# Tampering


def raw(book):
    return sqlite3.connect(book.path, isolation_level=None)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entries",
        "UPDATE entries SET micro_rho = 1",
        "UPDATE entries SET content = x'00' WHERE stage = 'staged'",
    ],
)
def test_an_entry_is_neither_changed_nor_removed(book, out, sql):
    book.spend(wish(), lambda: b"x", out.append)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw(book).execute(sql)
    assert book.spent("2026") == 10


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entries WHERE stage = 'reserved'",
        "UPDATE entries SET micro_rho = 1 WHERE stage = 'reserved'",
        "UPDATE entries SET content = x'00' WHERE stage = 'staged'",
        "UPDATE entries SET release = 'r9' WHERE place = 3",
    ],
)
def test_whoever_takes_the_triggers_away_is_found_by_the_sums(book, out, sql):
    book.spend(wish(), lambda: b"x", out.append)
    con = raw(book)
    con.executescript("DROP TRIGGER never_removed; DROP TRIGGER never_changed")
    con.execute(sql)
    with pytest.raises(Damaged, match=r"ledger\.sqlite: entry \d .* was altered or follows a gap"):
        book.spend(wish("2026-02"), lambda: pytest.fail("noise was drawn"), out.append)


def test_a_file_that_is_no_ledger_releases_nothing(book, out):
    book.path.parent.mkdir()
    book.path.write_bytes(b"not a database, not by far" * 100)
    with pytest.raises(Damaged, match=r"ledger\.sqlite: file is not a database; nothing more is released"):
        book.spend(wish(), lambda: pytest.fail("noise was drawn"), out.append)


def test_only_its_owner_reads_the_ledger(book, out):
    book.spend(wish(), lambda: b"x", out.append)
    assert book.path.stat().st_mode & 0o777 == 0o600


def test_a_copy_holds_what_the_ledger_holds(book, out, tmp_path):
    assert book.copy() == b""
    book.spend(wish(), lambda: b"x", out.append)
    (tmp_path / "copy").write_bytes(book.copy())
    assert ledger.from_copy(tmp_path / "copy") == book.entries()


def test_what_may_be_out_in_the_world_is_spent_beyond_the_cap(book):
    book.burn(wish("lost", micro_rho=90))
    book.burn(wish("lost too", micro_rho=90))
    book.burn(wish("lost", micro_rho=90))
    assert book.spent("2026") == 180
    with pytest.raises(BadInput, match="180 of 100"):
        book.check_room(wish())
