"""Published pages are served at once, to those who may see them, whatever becomes of runs and kernels meanwhile."""

import asyncio

import numpy as np
import pytest

from barberlab import files
from barberlab.errors import NotAvailable
from barberlab.reports import prose
from barberlab.runs import outputs
from barberlab.scope import Scope
from barberlab.serve.shelf import Shelf
from serve import house


def test_the_first_page_of_an_analyst_has_a_door_to_each_network(served):
    shown = served.visitor("anna").get("/").text
    assert 'href="/n/north/"' in shown
    assert 'href="/n/south/"' in shown


def test_a_franchisor_opens_the_report_as_it_was_published(served):
    assert served.visitor("fran").get("/n/north/performance/report.html").text == house.page(
        "north", house.SHOPS["north"]
    )


def test_a_manager_finds_a_door_to_the_own_shop_and_no_other(served):
    shown = served.visitor("mina").get("/n/north/").text
    assert "/n/north/shop/shop/north-01.html" in shown
    assert "north-02" not in shown


def test_the_way_up_from_a_shops_page_leads_to_what_one_may_open(served):
    answer = served.visitor("mina").get("/n/north/shop/report.html")
    assert (answer.status, answer.headers["location"]) == (303, "/n/north/")


def test_a_barber_reads_the_own_page_alone(served):
    bert = served.visitor("bert")
    assert "/n/north/shop/barber/north-01/pid-a1.html" in bert.get("/n/north/").text
    assert bert.get("/n/north/shop/barber/north-01/pid-a1.html").status == 200
    assert bert.get("/n/north/shop/barber/north-01/pid-b2.html").status == 404
    assert bert.get("/n/north/shop/barber/north-02/pid-b2.html").status == 404
    assert bert.get("/n/north/shop/shop/north-01.html").status == 404
    assert bert.get("/n/north/shops").status == 404


def test_a_manager_finds_the_own_shops_barbers_by_name_and_no_others(served):
    mina = served.visitor("mina")
    shown = mina.get("/n/north/").text
    assert ">B pid-a1<" in shown
    assert "pid-b2" not in shown
    assert mina.get("/n/north/shop/barber/north-01/pid-a1.html").status == 200
    assert mina.get("/n/north/shop/barber/north-02/pid-b2.html").status == 404


def test_a_report_that_no_run_has_published_says_what_would_bring_it(tmp_path):
    place = house.workspace(tmp_path / "house")
    with pytest.raises(NotAvailable, match="needs a run: barberlab run east"):
        Shelf(place).page(Scope("east"), "performance", "report.html")


def test_an_operator_sees_runs_and_no_network(served):
    olga = served.visitor("olga")
    assert "barberlab status --report" in olga.get("/operations").text
    assert olga.get("/n/north/").status == 404


def test_a_page_stands_behind_a_failed_run_and_says_so(tmp_path):
    place = house.workspace(tmp_path / "house")
    shelf = Shelf(place)
    before = shelf.page(Scope("north"), "performance", "report.html")
    house.fail(place, "north", "performance", "divergences in 3 of 4 chains")
    after = shelf.page(Scope("north"), "performance", "report.html")
    assert "divergences in 3 of 4 chains" not in before
    assert "divergences in 3 of 4 chains" in after
    assert "Showing data to" in after
    assert all(shop in after for shop in house.SHOPS["north"])


def test_a_reason_that_names_another_shop_is_told_to_who_sees_all(tmp_path):
    place = house.workspace(tmp_path / "house")
    house.fail(place, "north", "shop", "north-03: 12 rows have no price")
    own = Shelf(place).page(Scope("north", "manager", frozenset({"north-01"})), "shop", "shop/north-01.html")
    assert "its checks did not pass" in own
    assert "north-03" not in own
    assert "12 rows have no price" in Shelf(place).page(Scope("north"), "shop", "report.html")


def test_a_region_reads_its_shops_together_with_the_range_of_their_sum(served):
    shown = served.visitor("rhea").get("/n/north/shops").text
    drawn = house.draws("north")["revenue"].values.reshape(400, 3, 7)[:, :2, 1:].sum(axis=(1, 2))
    said = prose.estimate(*np.quantile(drawn.astype(float), [0.5, 0.1, 0.9]), prose.Money("USD"))
    assert said.value in shown
    assert said.eight_in_ten in shown
    assert "Counted to Mon 30 Jun 2025" in shown
    assert "north-03" not in shown
    assert served.visitor("rhea").get("/n/north/shops?location=north-03").text == shown


def test_a_page_of_shops_is_made_once_for_the_same_runs_and_rights(tmp_path):
    place, made = house.workspace(tmp_path / "house"), []
    shelf, scope = Shelf(place), Scope("north", "owner", frozenset({"north-01"}))

    async def asked() -> set[str]:
        found = shelf.all_published(scope, ("shop", "revenue"))
        return set(
            await asyncio.gather(*(shelf.made("x", scope, found, lambda: made.append(1) or "page") for _ in "abc"))
        )

    assert asyncio.run(asked()) == {"page"}
    assert asyncio.run(asked()) == {"page"}
    assert len(made) == 1
    house.publish(place, "north", "shop", house.shop_pages("north"), house.tables("north"))
    asyncio.run(asked())
    assert len(made) == 2


def test_a_reason_is_text_and_never_markup(tmp_path):
    place = house.workspace(tmp_path / "house")
    house.fail(place, "north", "performance", "<script>alert(1)</script>")
    assert "<script>" not in Shelf(place).page(Scope("north"), "performance", "report.html")


def test_pages_are_read_while_a_new_run_is_published(tmp_path):
    """The pointer moves last: before it the old page, after it the new one, and never an error."""

    place = house.workspace(tmp_path / "house")
    shelf, scope, home = Shelf(place), Scope("north"), outputs.of(place, "north")
    run_id, staging = home.stage("performance")
    files.put(staging / "report.html", b"new")
    assert "north-01" in shelf.page(scope, "performance", "report.html")
    home.publish(staging, house.manifest(run_id, "north", "performance"))
    assert shelf.page(scope, "performance", "report.html") == "new"


def test_health_is_open_and_says_nothing_more(served):
    answer = served.visitor().get("/health")
    assert (answer.status, answer.text) == (200, '{"alive": true}')


def test_ready_asks_for_users_and_pages(served):
    assert '"ready": true' in served.visitor().get("/ready").text


def test_metrics_tell_requests_latency_kernels_and_the_datas_age(served):
    served.visitor("fran").get("/n/north/")
    told = served.visitor().get("/metrics", Authorization="Bearer monitor").text
    assert 'barberlab_requests_total{method="GET",route="Network",status="200"}' in told
    assert 'barberlab_request_seconds_bucket{le="0.5",route="Network"}' in told
    assert "barberlab_kernels 0.0" in told
    assert 'barberlab_data_age_days{network="north",report="shop"}' in told


def test_a_log_line_tells_the_route_and_neither_who_nor_what(served):
    served.visitor("fran").get("/n/north/shop/shop/north-02.html?who=fran")
    told = served.log.read_text()
    assert any(line.get("route") == "Published" and line["status"] == 200 for line in served.lines())
    assert not any(word in told for word in ('fran"', "north-02", "who="))
