"""Real exports, all the way to a published page: what is there is counted, what is not is named."""

import re

import pytest

import corner
from barberlab.data.ingest import ingest
from barberlab.runs import published, runner
from barberlab.scope import Scope
from panels import panel


def _page(workspace, network: str, report: str) -> str:
    return published.latest(workspace, Scope(network), report).page()


def _words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_salon_is_published_and_says_what_four_months_are_too_short_for(workspace):
    files = sorted(panel("salon-2018").glob("*.csv"))
    ingest(workspace, "salon", corner.REPO / "params" / "sources" / "salon-2018.yaml", files)
    outcomes = runner.run(workspace, ["salon"])
    assert {"performance", "shop", "retention", "revenue"} < {outcome.report for outcome in outcomes}
    assert {outcome.state for outcome in outcomes} == {"published"}
    words = _words(_page(workspace, "salon", "performance"))
    assert "4.5 months" in words
    assert "Too short for a comparison with the same weeks of last year." in words
    assert "Chair time used Not available: needs table 8, shifts" in words
    assert "Rebooked Not available: needs booking times (appointments.booked_at) of known clients" in words
    assert "1 row of appointments. In quarantine" in words
    assert "A visit here is one booked service" in words


def _bring_prefectures(workspace, networks) -> None:
    source = corner.REPO / "params" / "sources" / "recruit.yaml"
    for network in networks:
        ingest(workspace, network, source, [panel("recruit") / "daily_visits.parquet"])


def test_a_prefecture_is_published_with_its_visits_and_says_that_there_is_no_money(workspace):
    _bring_prefectures(workspace, ["niigata"])
    runner.run(workspace, ["niigata"], ["performance"])
    words = _words(_page(workspace, "niigata", "performance"))
    assert "visits in March 2017" in words
    assert "There is no money in these data." in words
    assert "Service revenue Not available: needs table 7, payments" in words
    assert "Daily totals only: no clients, no barbers" in words


@pytest.mark.slow
def test_all_nine_prefectures_are_published_and_none_shows_a_shop_of_another(workspace):
    nine = ["fukuoka", "hiroshima", "hokkaido", "hyogo", "miyagi", "niigata", "osaka", "shizuoka", "tokyo"]
    _bring_prefectures(workspace, nine)
    outcomes = runner.run(workspace, nine)
    assert {outcome.state for outcome in outcomes} == {"published"}
    shops = {n: set(published.latest(workspace, Scope(n), "shop").table("locations")["location_id"]) for n in nine}
    for network in nine:
        html = _page(workspace, network, "shop")
        assert all(shop in html for shop in shops[network])
        foreign = set().union(*(shops[other] for other in nine if other != network))
        assert not [shop for shop in foreign if shop in html]
