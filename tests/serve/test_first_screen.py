"""The executive page is the first screen of whoever may see the whole network, and of nobody else."""

from datetime import datetime, timedelta

import pytest

from barberlab.runs import outputs
from barberlab.runs.jobs import BOARDS
from barberlab.scope import Scope
from barberlab.serve import gate
from barberlab.serve.shelf import Shelf
from serve import house

BOARD = BOARDS[0]
PAGE = f"/n/north/{BOARD}/report.html"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of a house in which a board is published as well."""
    with house.serving(tmp_path_factory.mktemp("board")) as found:
        house.publish(
            found.workspace, "north", BOARD, {"report.html": house.page("All of north", house.SHOPS["north"])}
        )
        yield found


def whole(role: str) -> bool:
    """Whether the gate's table gives the role the network's own pages."""
    return gate.ACCESS[role].get("network") == gate.WHOLE


@pytest.mark.parametrize("name", sorted(set(house.PEOPLE) - {"olga"}))
def test_who_sees_the_whole_network_is_shown_the_board_first_and_others_their_doors(served, name):
    answer = served.visitor(name).get("/n/north/")
    if whole(house.PEOPLE[name].role):
        assert (answer.status, answer.headers["location"]) == (303, PAGE)
        assert "All of north" in served.visitor(name).get(PAGE).text
    else:
        assert answer.status == 200
        assert PAGE not in answer.text


@pytest.mark.parametrize("name", sorted(house.PEOPLE))
def test_no_byte_of_the_board_reaches_those_who_may_not_see_the_whole_network(served, name):
    answer = served.visitor(name).get(PAGE)
    if not whole(house.PEOPLE[name].role):
        assert answer.status in (303, 404)
        assert not any(shop in answer.text for shop in house.SHOPS["north"])


def test_nobody_else_is_asked_to_sign_in_first(served):
    assert served.visitor().get(PAGE).headers["location"] == "/login"


def test_the_list_of_reports_keeps_an_address_and_has_the_board_on_top(served):
    shown = served.visitor("fran").get("/n/north/index.html").text
    assert shown.index(f'href="{PAGE}"') < shown.index('href="/n/north/performance/report.html"')


def test_a_network_without_a_board_shows_its_doors(served):
    answer = served.visitor("anna").get("/n/south/")
    assert answer.status == 200
    assert "/n/south/performance/report.html" in answer.text


def test_a_run_named_on_the_board_leads_to_what_stands_now(served):
    run_id = outputs.of(served.workspace, "north").pointers()["shop"]["run_id"]
    answer = served.visitor("fran").get(f"/n/north/{run_id}/shop/north-01.html")
    assert (answer.status, answer.headers["location"]) == (303, "/n/north/shop/shop/north-01.html")


def test_a_run_named_by_somebody_else_leads_nowhere(served):
    run_id = outputs.of(served.workspace, "north").pointers()["shop"]["run_id"]
    assert served.visitor("mina").get(f"/n/north/{run_id}/shop/north-02.html").status == 404
    assert served.visitor("fran").get(f"/n/south/{run_id}/report.html").status == 404


def test_a_board_of_old_data_says_how_old(tmp_path):
    place = house.workspace(tmp_path / "house")
    house.publish(place, "north", BOARD, {"report.html": house.page("All of north", ())})
    as_of = datetime.fromisoformat(house.AS_OF)
    young, old = (Shelf(place, lambda d=days: as_of + timedelta(days=d)) for days in (1, 40))
    assert "days old" not in young.page(Scope("north"), BOARD, "report.html")
    assert "The data are 40 days old." in old.page(Scope("north"), BOARD, "report.html")
    assert "days old" not in old.page(Scope("north"), "performance", "report.html")


def test_before_its_first_run_the_board_says_what_would_bring_it(served):
    answer = served.visitor("anna").get(f"/n/south/{BOARD}/report.html")
    assert answer.status == 200
    assert "barberlab run south" in answer.text
