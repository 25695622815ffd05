"""A shop's board says what the published tables say of that shop, to the cent, and not a byte of any other."""

import re

import pandas as pd
import pytest

from barberlab import errors
from barberlab.reports import accessible, asked, executive_cards, prose, shop_board, shop_cards
from barberlab.reports.left import Everything, Left
from left_made import (
    AS_OF,
    BARBERS,
    FACTS,
    REVENUE,
    SHOPS,
    USD,
    benchmark,
    everything,
    performance,
    retention,
    revenue,
    shop_report,
    with_attrs,
)


def page(shop: str, found: Everything | None = None) -> str:
    """The board of one shop."""
    return shop_board.page(found or everything(), shop, "r000009-manager")


def text(html) -> str:
    """What is read."""
    return re.sub(r"\s+", " ", re.sub(r"<style.*?</style>|<[^>]+>", " ", str(html), flags=re.DOTALL))


def mine(shop: str = "s2", *runs: Left) -> Everything:
    """What a shop's board is made of."""
    return shop_board.own(everything(*runs), shop)


# Numbers


@pytest.mark.parametrize("shop", SHOPS)
def test_revenue_and_forecast_are_the_published_tables_own(shop):
    taken, ahead, *_ = shop_board.key_figures(mine(shop), shop).figures
    totals = revenue().tables["forecast_totals"].set_index("location_id").loc[shop]
    assert taken.value == USD(REVENUE[shop])
    said = prose.estimate(totals["mid"], totals["low80"], totals["high80"], USD, "table")
    assert (ahead.value, ahead.sub) == tuple(said)


@pytest.mark.parametrize("shop", SHOPS)
def test_the_fan_is_of_the_shops_own_months_and_draws_to_the_cent(shop):
    known = executive_cards.known_months(mine(shop))
    months = performance().tables["months"]
    assert known["value"].tolist() == months.loc[months["location_id"] == shop, "value"].astype(float).tolist()
    drawn = revenue().draws["revenue_monthly"]["revenue"].sel(location=shop).to_numpy()[0].astype(float)
    ahead = executive_cards.months_ahead(mine(shop))
    assert ahead["mid"].tolist() == pytest.approx(pd.DataFrame(drawn).median().tolist(), abs=0.01)


def test_all_boards_revenues_add_up_to_the_networks():
    own = [shop_board.line(mine(shop), shop, "net_service_revenue")["value"] for shop in SHOPS]
    network = performance().tables["network"].set_index("metric").loc["net_service_revenue", "value"]
    assert sum(own) == network


def test_what_may_be_lost_and_the_list_are_the_shops_own():
    said = text(shop_cards.clients(mine(), "s2", "clients/s2.html").html)
    assert f"{prose.estimate(4.0e7, 3.7e7, 4.3e7, USD, 'table').value} a year is at risk" in said
    assert "To ask back this week 42" in said
    assert "(8 in 10: 35.0% to 40.0%); of all shops’ 30%." in said


def test_the_past_accuracy_is_the_shops_own():
    past = revenue().tables["past_totals"].assign(location_id=["s1", "s2"])
    told = shop_cards.record(mine("s2", revenue(past_totals=past)))
    assert told == "1 forecast of the 26-week total missed by 8.0% on average; “as last year” by 12.0%."


def test_the_closest_look_at_the_network_is_its_sums():
    said = text(page("s2"))
    assert "all shops 10.0%" in said


# Words


def test_the_headline_claims_a_change_only_where_it_is_real():
    assert shop_board.opening(mine("s1"), "s1").title == "Alder: June 2025 closed at $12.3k, up 12.0% like for like."
    said = shop_board.opening(mine("s3"), "s3").title
    assert said == "Cedar: June 2025 closed at $11.1k, not clearly different from a year ago."


def test_a_shop_whose_season_is_the_networks_says_so():
    assert shop_board.key_figures(mine("s3"), "s3").figures[1].beside == "season of the network"


def test_a_segment_that_is_not_certain_names_the_likeliest_with_its_chance():
    assert "Its segment is not certain: average is likeliest, with 45%." in shop_board.opening(mine("s3"), "s3").lede
    assert "as developing (70% sure)" in shop_board.opening(mine("s2"), "s2").lede
    card = text(shop_cards.segment(mine("s2"), "s2").html)
    assert "Developing, 70% sure" in card
    assert "Underperforming 20%" in card


def test_a_gap_that_may_be_small_waits_and_a_real_one_is_called_real():
    said = text(shop_cards.beside(mine("s3")).html)
    assert "40%, wait" in said
    assert "95% real" in said
    assert "One of 2 figures truly differs" in said


def test_a_shortfall_is_something_to_close_and_a_lead_something_to_keep():
    short, lead = (text(shop_cards.worth(mine(shop), shop).html) for shop in ("s2", "s1"))
    assert "Bring revenue per available hour to the network’s" in short
    assert "Keep average ticket ahead" in lead


# Nobody else's


@pytest.mark.parametrize("shop", SHOPS)
@pytest.mark.parametrize("made", [shop_board.page, asked.page], ids=["board", "list"])
def test_no_page_of_a_shop_holds_anything_of_another(shop, made):
    html = made(everything(), shop, "r000009-manager")
    barber = dict(zip(SHOPS, BARBERS.values(), strict=True))
    foreign = [other for other in SHOPS if other != shop]
    told = [SHOPS[other] for other in foreign] + [barber[other] for other in foreign]
    told += [USD(REVENUE[other]) for other in foreign] + [USD.table(REVENUE[other]) for other in foreign]
    assert [word for word in told if word in html] == []
    assert not re.search(rf"\b({'|'.join(foreign)})\b", html)
    assert SHOPS[shop] in html


def test_a_table_that_was_not_named_as_shared_reaches_no_board():
    """A report that begins to keep a table without a shop's column shows it to nobody until somebody says so."""
    pay = with_attrs([{"barber": "k1_a", "pay": 123_456}])
    found = mine("s2", performance(pay=pay), benchmark(), revenue(), retention(), shop_report())
    assert "pay" not in found.runs["performance"].tables
    assert "position" not in found.runs["benchmark"].tables


def test_every_row_and_draw_that_is_left_is_the_shops_own_or_a_sum():
    for run in mine("s2").runs.values():
        for name, frame in run.tables.items():
            if (run.report, name) in shop_board.SHARED:
                continue
            ids = frame[next(c for c in ("location_id", "unit", "staff_id") if c in frame)]
            assert set(ids) <= {"s2", "", "k1_b"}, name
        for data in run.draws.values():
            assert data["location"].values.tolist() == ["s2"]


def test_client_rows_stand_on_the_list_and_not_on_the_board():
    board, listed = page("s2"), asked.page(everything(), "s2", "r000009-manager")
    assert not re.search(r"k1_[bc]{6}", board)
    assert "k1_bbbbbbbb" in listed
    assert "k1_bbbbbbbbb" not in listed
    assert "● left uncalled on purpose" in listed
    assert "1 client to ask back this week" in listed


def test_the_board_leads_to_the_list_only_where_there_is_one():
    assert 'href="../clients/s2.html"' in page("s2")
    empty = retention().tables["at_risk"].assign(to_ask=0)
    empty.attrs = retention().tables["at_risk"].attrs
    without = everything(performance(), benchmark(), revenue(), retention(at_risk=empty), shop_report())
    assert "../clients/" not in page("s2", without)


# What is missing


@pytest.mark.parametrize("absent", ["performance", "revenue", "benchmark", "retention", "shop"])
def test_a_board_stands_where_a_report_has_not_run_and_says_which(absent):
    found = Everything("corner", {name: run for name, run in everything().runs.items() if name != absent})
    html = page("s2", found)
    assert f"needs a published {absent} report" in html
    assert accessible.check(html) == []


def test_a_shop_that_closed_has_a_board_that_says_so():
    """It is known by name and has no forecast, no gap, and no clients enough to tell of."""
    shops = performance().tables["shops"].assign(value=lambda rows: rows["value"].where(rows["location_id"] != "s2", 0))
    shops.attrs = performance().tables["shops"].attrs
    totals = revenue().tables["forecast_totals"].query("location_id != 's2'")
    draws = {"revenue_monthly": revenue().draws["revenue_monthly"].sel(location=["s1", "s3"])}
    gone = Left("revenue", "r000002-revenue", AS_OF, FACTS, revenue().tables | {"forecast_totals": totals}, draws)
    html = page("s2", everything(performance(shops=shops), gone))
    assert "Birch had no visits in June 2025." in html
    assert "needs a shop that trades" in html


def test_a_list_is_not_made_before_the_first_retention_report():
    with pytest.raises(errors.NotAvailable, match="a published retention report"):
        asked.page(everything(performance()), "s2", "r000009-manager")


def test_pages_of_shops_may_be_read_by_everybody():
    found = everything()
    for shop in SHOPS:
        assert accessible.check(page(shop, found)) == []
        assert accessible.check(asked.page(found, shop, "r000009-manager")) == []


def test_a_shops_name_is_text_and_never_markup():
    locations = pd.DataFrame({"location_id": list(SHOPS), "name": ["Alder", "<script>alert(1)</script>", "Cedar"]})
    found = everything(performance(locations=locations), revenue(), benchmark(), shop_report(), retention())
    for html in (page("s2", found), asked.page(found, "s2", "r1"), str(shop_board.contents(found).html)):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


# All shops


def test_the_page_of_all_shops_leads_to_each_board_with_its_own_figures():
    html = str(shop_board.contents(everything()).html)
    for shop, name in SHOPS.items():
        assert f'<a href="shop/{shop}.html">{name}</a>' in html
        assert USD.table(REVENUE[shop]) in html


def test_before_the_first_report_there_is_no_shop():
    nothing = Everything("corner", {})
    assert shop_board.headline(nothing).title == "No shop is known yet"
    assert "a published performance report" in str(shop_board.contents(nothing).html)
