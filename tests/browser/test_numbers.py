"""What a person reads is what was published: each amount on the screen against the tables of the run that it shows.

A page prints amounts under $100 to the cent, others in whole dollars; what is read must be the table's cents, said so.
"""

import re

import pytest

from browser.open_house import NETWORK, SMALL
from browser.reading import (
    OWN,
    REVENUE,
    TICKET,
    VISITS,
    by_shop,
    in_full,
    key_figure,
    names,
    opened_numbers,
    published,
    rows,
    within,
)  # fmt: skip


@pytest.mark.parametrize("name", ["fran", "anna"])
def test_the_performance_report_shows_the_shops_and_their_sum(window, place, name):
    shown = window(name)
    shown.open(f"/n/{NETWORK}/performance/report.html")
    page = shown.page
    shops = published(place, "performance", "shops")
    revenue, visits, tickets = (by_shop(shops, metric) for metric in (REVENUE, VISITS, TICKET))
    said = rows(page.locator("div.f", has=page.get_by_text("Every shop", exact=True)).locator("table"))
    called = names(place)
    open_ones = list(visits.index[visits.fillna(0) > 0])
    assert len(open_ones) >= 5
    for shop in open_ones:
        assert said[called[shop]][:3] == [in_full(revenue[shop]), f"{visits[shop]:,.0f}", in_full(tickets[shop])]
    assert within(key_figure(page, "Service revenue"), revenue.sum())
    assert key_figure(page, "Visits") == f"{visits.sum():,.0f}"


@pytest.mark.parametrize("name", ["fran", "anna"])
def test_the_first_screen_of_the_whole_network_shows_what_its_reports_published(window, place, name):
    shops, totals = published(place, "performance", "shops"), published(place, "revenue", "forecast_totals")
    shown = window(name)
    shown.open(f"/n/{NETWORK}/")
    assert shown.page.url.endswith("/executive/report.html")
    assert within(key_figure(shown.page, "Service revenue"), by_shop(shops, REVENUE).sum())
    assert within(key_figure(shown.page, "Next "), totals.set_index("location_id").loc["", "mid"])


@pytest.mark.parametrize("name", ["fran", "rhea", "owen", "mina"])
def test_the_board_of_a_shop_shows_its_own_takings_and_forecast(window, place, name):
    revenue = by_shop(published(place, "performance", "shops"), REVENUE).dropna()
    totals = published(place, "revenue", "forecast_totals").set_index("location_id")["mid"]
    shown = window(name)
    for shop in OWN[name]:
        if revenue.get(shop, 0) and shop in totals.index:
            shown.open(f"/n/{NETWORK}/manager/shop/{shop}.html")
            assert within(key_figure(shown.page, "Service revenue"), revenue[shop]), shop
            assert within(key_figure(shown.page, "Next "), totals[shop]), shop


@pytest.mark.parametrize("name", ["fran", "rhea", "owen", "mina"])
def test_a_shops_page_shows_its_own_months_and_barbers(window, place, name):
    months = published(place, "shop", "months")
    chairs = published(place, "shop", "chairs")
    staff = published(place, "shop", "staff").set_index("staff_id")["display_name"]
    shown = window(name)
    page = shown.page
    for shop in OWN[name]:
        shown.open(f"/n/{NETWORK}/shop/shop/{shop}.html")
        own = months[months["location_id"] == shop].set_index("period")["value"]
        said = opened_numbers(page, page.locator("figure").first.get_attribute("id"))
        told = {f"{month:%B %Y}": in_full(value) for month, value in own.items()}
        assert {month: cells[0] for month, cells in said.items()} == told, shop
        takings = chairs[(chairs["location_id"] == shop) & (chairs["metric"] == REVENUE)]["value"].dropna()
        barbers = rows(page.locator(".f", has=page.get_by_text("Every barber")).locator("table"))
        assert sorted(cells[0] for cells in barbers.values()) == sorted(
            in_full(cents) for cents in takings.dropna() if cents
        ), shop
        assert set(barbers) <= set(staff)


def test_the_forecast_shows_the_middles_and_ranges_that_were_kept(window, place):
    totals = published(place, "revenue", "forecast_totals").set_index("location_id")
    shown, called = window("fran"), names(place)
    shown.open(f"/n/{NETWORK}/revenue/report.html")
    said = rows(shown.page.locator("section#s-shop-by-shop .f table"))
    told = [shop for shop in totals.index if shop in called]
    assert len(told) >= 5
    for shop in told:
        middle, (low, high) = said[called[shop]][0], re.split("–| to ", said[called[shop]][1])
        assert within(middle, totals.loc[shop, "mid"]), shop
        assert within(low, totals.loc[shop, "low80"]), shop
        assert within(high, totals.loc[shop, "high80"]), shop


def test_the_retention_list_shows_the_clients_that_were_kept_in_their_order(window, place):
    contacts = published(place, "retention", "contacts")
    shown = window("fran")
    shown.open(f"/n/{NETWORK}/retention/report.html")
    said = rows(shown.page.locator("section#s-whom-to-ask-back-this-week .f table").first)
    assert len(said) >= 10
    for (client, cells), kept in zip(said.items(), contacts.itertuples(), strict=False):
        assert kept.client_id.startswith(client)
        assert kept.why.startswith(cells[1]) or cells[1].startswith(kept.why)
        assert within(next(cell for cell in cells if cell.startswith("$")), kept.worth)


def test_a_benchmark_gap_shows_the_shop_where_it_was_judged_to_stand(window, place):
    gaps, called = published(place, "benchmark", "gaps"), names(place)
    own = gaps[gaps["metric"] == "revenue_per_available_hour"].set_index("unit")
    shown = window("anna")
    shown.open(f"/n/{NETWORK}/benchmark/report.html")
    said = opened_numbers(shown.page, shown.page.locator("figure").first.get_attribute("id"))
    assert len(said) >= 5
    for shop, gap in own.iterrows():
        assert said[called[shop]][0].lstrip("+") == f"{100 * gap['mid']:.1f}%".replace("-", "−")
        assert said[called[shop]][-1] == ("yes" if gap["real"] else "could be chance")


def test_of_a_small_network_every_cent_is_on_the_page(window, place):
    shops = by_shop(published(place, "performance", "shops", network=SMALL), REVENUE)
    assert 0 < shops.sum() < 10_000
    shown = window("anna")
    shown.open(f"/n/{SMALL}/performance/report.html")
    assert key_figure(shown.page, "Service revenue") == f"${shops.sum() / 100:.2f}"
