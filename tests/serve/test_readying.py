"""Pages that many share are made while nobody asks, and what is remembered has an end."""

import asyncio
from dataclasses import replace

import pytest

from barberlab.errors import Damaged
from barberlab.runs import outputs
from barberlab.serve import pages
from barberlab.serve.people import Person
from barberlab.serve.readying import QUIET_S, Quiet, Readying
from barberlab.serve.remembered import Remembered, weight
from barberlab.serve.shelf import Shelf
from serve import house


@pytest.fixture
def place(tmp_path):
    """A house of two networks."""
    return house.workspace(tmp_path / "house")


@pytest.fixture
def made(monkeypatch) -> list[tuple[str, str]]:
    """Role and network of each page of all shops together that is made, in order."""
    found, page = [], pages.together.page

    def noted(title, runs):
        scope = runs["shop"].scope
        found.append((scope.role, scope.network))
        return page(title, runs)

    monkeypatch.setattr(pages.together, "page", noted)
    return found


def readying(place, *people: Person, quiet_s: float = 2 * QUIET_S) -> Readying:
    """What a server has, in a house where it has been quiet for so long."""
    return Readying(Shelf(place), lambda: people, lambda: quiet_s)


def test_what_is_shared_is_made_once_before_anybody_asks_and_again_after_a_run(place, made):
    owen = house.PEOPLE["owen"]
    own = readying(place, house.PEOPLE["anna"], owen, replace(owen, name="oona"))
    asyncio.run(own.look())
    assert made == [("analyst", "north"), ("analyst", "south"), ("owner", "north")]
    asyncio.run(own.look())
    asyncio.run(pages.together_of(owen, "north", own.shelf))
    assert len(made) == 3, "who opens it finds it there"
    house.publish(place, "north", "revenue", {"report.html": "new"}, drawn={house.DRAWS: house.draws("north")})
    asyncio.run(own.look())
    assert made[3:] == [("analyst", "north"), ("owner", "north")]


def test_nothing_is_made_while_somebody_is_being_answered(place, made):
    asyncio.run(readying(place, house.PEOPLE["anna"], quiet_s=QUIET_S / 2).look())
    assert made == []


def test_nothing_is_made_that_would_push_out_what_is_there(place, made):
    own = readying(place, house.PEOPLE["anna"])
    own.shelf.remembered.get(("x",), 1, lambda: "x" * 1000)
    own.shelf.remembered.most_bytes = 1200
    asyncio.run(own.look())
    assert made == []
    assert own.shelf.remembered.has(("x",), 1)


def test_a_page_that_was_made_ahead_holds_its_own_shops_alone(place):
    own = readying(place, house.PEOPLE["anna"], house.PEOPLE["rhea"])
    asyncio.run(own.look())
    html = asyncio.run(pages.together_of(house.PEOPLE["rhea"], "north", own.shelf))
    assert "Shop north-01" in html
    assert "north-03" not in html


def test_a_network_that_cannot_be_read_keeps_no_other_from_being_made(place, made):
    home = outputs.of(place, "north")
    (home.run(home.pointers()["shop"]["run_id"]) / "tables" / "months.parquet").write_bytes(b"x")
    own = readying(place, house.PEOPLE["anna"])
    asyncio.run(own.look())
    assert ("analyst", "south") in made
    with pytest.raises(Damaged, match=r"months\.parquet"):
        asyncio.run(pages.together_of(house.PEOPLE["anna"], "north", own.shelf))


def test_a_request_breaks_the_quiet():
    moments = iter([0.0, 3.0, 4.0, 4.5])
    quiet = Quiet(lambda: next(moments))
    assert quiet() == 3.0
    quiet.broken()
    assert quiet() == 0.5


def test_never_more_is_remembered_than_so_many_bytes_and_the_longest_unasked_goes_first():
    known = Remembered(3 * weight(("x" * 1000,)))
    for name in "abc":
        known.get((name,), 1, lambda: "x" * 1000)
    known.get(("a",), 1, lambda: pytest.fail("a is known"))
    known.get(("d",), 1, lambda: "x" * 1000)
    assert [known.has((name,), 1) for name in "abcd"] == [True, False, True, True]
    assert known.bytes <= known.most_bytes


def test_a_value_larger_than_all_room_is_given_and_not_kept():
    known = Remembered(100)
    assert known.get(("a",), 1, lambda: "x" * 1000) == "x" * 1000
    assert (known.bytes, known.has(("a",), 1)) == (0, False)


def test_another_stamp_reads_anew_and_takes_the_place_of_the_old():
    known = Remembered()
    known.get(("a",), 1, lambda: "x" * 1000)
    assert known.get(("a",), 2, lambda: "y" * 10) == "y" * 10
    assert known.bytes == weight("y" * 10)


def test_a_longer_list_weighs_more_whatever_holds_it():
    assert weight({"a": ["x" * 1000]}) > weight({"a": ["x" * 10]}) + 900
