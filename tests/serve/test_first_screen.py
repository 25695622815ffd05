"""The executive page is the first screen of whoever may see the whole network, and of nobody else."""

from datetime import datetime, timedelta

import pytest

from barberlab.runs import outputs
from barberlab.runs.jobs import BOARDS
from barberlab.scope import Scope
from barberlab.serve import gate
from barberlab.serve.shelf import Shelf
from serve import house

BOARD, MANAGERS = BOARDS
PAGE = f"/n/north/{BOARD}/report.html"
MINE = f"/n/north/{MANAGERS}/shop/north-01.html"
LIST = f"/n/north/{MANAGERS}/clients/north-01.html"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of a house in which a board is published as well."""
    with house.serving(tmp_path_factory.mktemp("board")) as found:
        house.publish(
            found.workspace, "north", BOARD, {"report.html": house.page("All of north", house.SHOPS["north"])}
        )
        house.publish(found.workspace, "north", MANAGERS, boards_of_shops())
        yield found


def boards_of_shops() -> dict[str, str]:
    """A page of all shops, a board of each that leads to its clients' list, and the lists."""
    own = house.SHOPS["north"]
    way = '<a href="../clients/{0}.html">Listed one by one</a> {0}'
    pages = {"report.html": house.page("north shops", own)}
    pages |= {f"shop/{shop}.html": house.page(f"board of {shop}", (way.format(shop),)) for shop in own}
    return pages | {f"clients/{shop}.html": house.page(f"clients of {shop}", (f"k1_of_{shop}",)) for shop in own}


def whole(role: str) -> bool:
    """Whether the gate's table gives the role the network's own pages."""
    return gate.ACCESS[role].get("network") == gate.WHOLE


@pytest.mark.parametrize("name", sorted(set(house.PEOPLE) - {"olga"}))
def test_who_sees_the_whole_network_is_shown_the_board_first_and_others_their_doors(served, name):
    answer = served.visitor(name).get("/n/north/")
    if whole(house.PEOPLE[name].role):
        assert (answer.status, answer.headers["location"]) == (303, PAGE)
        assert "All of north" in served.visitor(name).get(PAGE).text
    elif name == "mina":
        assert (answer.status, answer.headers["location"]) == (303, MINE)
        assert "board of north-01" in served.visitor(name).get(MINE).text
    else:
        assert answer.status == 200
        assert PAGE not in answer.text


@pytest.mark.parametrize("name", sorted(house.PEOPLE))
def test_no_byte_of_the_board_reaches_those_who_may_not_see_the_whole_network(served, name):
    answer = served.visitor(name).get(PAGE)
    if not whole(house.PEOPLE[name].role):
        assert answer.status in (303, 404)
        assert not any(shop in answer.text for shop in house.SHOPS["north"])


def test_a_manager_finds_all_of_the_own_shop_behind_the_list_of_pages(served):
    shown = served.visitor("mina").get("/n/north/index.html").text
    assert shown.index(f'href="{MINE}"') < shown.index('href="/n/north/shop/shop/north-01.html"')
    assert f'href="{LIST}"' in shown
    assert "north-02" not in shown


@pytest.mark.parametrize("name", sorted(house.PEOPLE))
def test_clients_to_ask_back_are_shown_to_who_runs_the_shop_and_not_to_the_franchisor(served, name):
    person, answer = house.PEOPLE[name], served.visitor(name).get(LIST)
    runs_it = person.role in ("region", "owner", "manager") and "north-01" in person.networks["north"]
    if runs_it or person.role == "analyst":
        assert "k1_of_north-01" in answer.text
    else:
        assert answer.status == 404
        assert "k1_of_north-01" not in answer.text


def test_the_way_to_the_list_is_words_alone_for_those_who_may_not_follow_it(served):
    assert 'href="../clients/north-01.html"' in served.visitor("mina").get(MINE).text
    shown = served.visitor("fran").get(MINE).text
    assert "../clients/" not in shown
    assert "Listed one by one north-01" in shown


def test_a_manager_of_another_shop_gets_no_byte_of_this_board(served):
    shown = [served.visitor("owen").get(path) for path in (MINE, LIST)]
    assert [answer.status for answer in shown] == [404, 404]
    assert not any("north-01" in answer.text for answer in shown)


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
