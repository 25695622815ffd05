"""The executive page says what the published tables say, to the cent, claims no more, and names what is missing."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from barberlab import errors
from barberlab.data.metrics import METRICS
from barberlab.reports import executive, executive_cards, executive_shops, prose
from barberlab.reports.left import Everything, Left
from left_made import (
    AS_OF,
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
)

CARDS = (
    executive_cards.fan,
    executive_cards.decisions,
    executive_cards.clients,
    executive_shops.segment_bar,
    executive_shops.movers,
    executive_shops.strong,
    executive_shops.attention,
    executive_cards.position,
    executive_cards.sources,
    executive_cards.unknown,
)


def boxes(html: str) -> dict[str, str]:
    """Dashed boxes: name -> what it needs."""
    return dict(re.findall(r'<div class="empty"><b>([^<]+)</b>Not available: needs ([^<]+)</div>', str(html)))


def text(html) -> str:
    """What is read."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", str(html)))


# Numbers


def test_each_month_of_the_fan_is_the_sum_of_the_shops_to_the_cent():
    found = everything()
    known = executive_cards.known_months(found)
    months = found.table("performance", "months")
    assert known["value"].tolist() == months.groupby("period")["value"].sum().astype(float).tolist()


def test_the_fans_bands_are_of_the_joint_draws_and_not_of_shops_added_up():
    drawn = everything().drawn("revenue", "revenue_monthly")["revenue"].to_numpy()[0].astype(float)
    ahead = executive_cards.months_ahead(everything())
    sums = drawn.sum(axis=1)
    assert ahead["mid"].to_numpy() == pytest.approx(np.median(sums, axis=0), abs=0.01)
    assert ahead["low80"].to_numpy() == pytest.approx(np.quantile(sums, 0.1, axis=0), abs=0.01)


def test_the_fan_begins_after_the_last_counted_month():
    [figure] = executive_cards.fan(everything()).content
    numbers = figure.numbers
    assert numbers["period"].is_unique
    assert numbers.loc[numbers["mid"].notna(), "period"].min() == pd.Timestamp("2025-07-01")


def test_key_figures_are_the_published_tables_own():
    revenue_, ahead, chairs, back, missed = executive.key_figures(everything()).figures
    assert revenue_.value == USD(sum(REVENUE.values()))
    assert (ahead.value, ahead.sub) == tuple(prose.estimate(2.0e7, 1.91e7, 2.11e7, USD, "table"))
    assert (chairs.value, chairs.beside) == ("10.0%", "target 85%")
    assert (back.value, back.sub) == ("65.0%", "of 4,000 clients of April 2025")
    assert missed.sub == "of 1,000 visits due"


def test_each_shops_revenue_on_the_page_is_the_published_one_and_all_add_up_to_the_network():
    html = str(executive_shops.attention(everything()).html)
    assert all(USD.table(value) in html for value in REVENUE.values())
    shops, network = (everything().table("performance", name) for name in ("shops", "network"))
    own = shops.loc[shops["metric"] == "net_service_revenue", "value"].sum()
    assert own == network.set_index("metric").loc["net_service_revenue", "value"]


def test_a_shortfall_is_what_closing_it_brings_with_its_range_turned_round():
    short = executive.shortfalls(everything())
    first = short.iloc[0]
    assert (first["unit"], first["mid"], first["low80"], first["high80"]) == ("s2", 4_000_000, 3_500_000, 4_500_000)


def test_overlapping_lines_of_one_shop_are_never_counted_twice():
    assert executive.shortfalls(everything())["unit"].is_unique


def test_shortfalls_are_ranked_by_chance_times_effect():
    assert executive.shortfalls(everything())["unit"].tolist() == ["s2", "s3"]
    worth = benchmark().tables["worth"].assign(p_below=[0.98, 0.95, 0.99, 0.0])
    assert executive.shortfalls(everything(benchmark(worth=worth)))["unit"].tolist() == ["s3", "s2"]


def test_what_may_be_lost_is_the_published_tables_own():
    said = text(executive_cards.clients(everything()).html)
    value = prose.estimate(7.5e7, 7.1e7, 7.9e7, USD, "table")
    assert f"{value.value} a year is at risk" in said
    assert f"Likely lost {prose.estimate(1500, 1400, 1600, prose.Count(), 'table').value} 1,400–1,600" in said
    assert f"To ask back this week 40 expected gain {USD(9_000)}" in said


# Words


def test_the_headline_says_growth_only_where_it_is_real():
    assert executive.opening(everything()).title.startswith(
        "June 2025 closed at $33.3k, up 5.1% like for like. Two of 3"
    )
    growth = performance().tables["growth"].assign(low80=-0.01, p_rise=0.8)
    growth.attrs = performance().tables["growth"].attrs
    said = executive.opening(everything(performance(growth=growth))).title
    assert said == "June 2025 closed at $33.3k, not clearly different from a year ago."


def test_a_month_that_is_not_over_has_not_closed():
    growth = performance().tables["growth"].copy()
    growth.attrs = performance().tables["growth"].attrs | {"partial": True}
    assert "stands at $33.3k so far" in executive.opening(everything(performance(growth=growth))).title


def test_the_lede_carries_the_forecasts_range_and_its_chance():
    lede = executive.opening(everything()).lede
    assert "likely bring $191,000 to $211,000, almost certainly more than the same weeks a year before (97%)" in lede


def test_a_forecast_that_will_likely_fall_short_says_less():
    totals = revenue().tables["forecast_totals"].assign(p_more=0.05)
    assert "almost certainly less than" in executive.opening(everything(revenue(forecast_totals=totals))).lede


def test_shops_stand_in_the_order_of_need_and_not_of_rank():
    assert executive_shops.by_need(everything())["unit"].tolist() == ["s2", "s3", "s1"]


def test_a_move_that_could_be_chance_has_no_arrow():
    html = text(executive_shops.movers(everything()).html)
    assert "▲ up 12.0% +8.0 to +16.0% 99% real" in html
    assert "▼ down 14.0% −20 to −9% 98% real" in html
    assert "● +2.0% −5 to +9% 60%, wait" in html


def test_the_past_accuracy_stands_beside_the_fan():
    said = "2 forecasts of the 26-week total missed by 5.0% on average; “as last year” by 11.0%"
    assert said in executive_cards.fan(everything()).note


def test_a_segment_that_changed_is_named():
    [figure] = executive_shops.segment_bar(everything()).content
    assert figure.note == "Since May 2025: Alder from Average to Elite."
    assert figure.title == "One of 3 shops cannot be placed yet"


def test_a_suppressed_circle_keeps_its_place():
    said = text(executive_cards.position(everything()).html)
    assert "Chair time used 62% 54–70%" in said
    assert "Networks under 5 shops Suppressed for privacy" in said


def test_a_report_of_older_data_is_named_in_the_first_line():
    old = replace(benchmark(), as_of=datetime(2025, 6, 1, 4, tzinfo=UTC))
    found = everything(performance(), old)
    assert ("stale", "Benchmark report still to Sat 31 May 2025") in executive.status(found).facts
    assert "older data" in text(executive_cards.sources(found).html)


def test_shops_lead_to_their_pages_only_where_there_are_any():
    linked = '<a href="../r000004-shop/shop/s2.html">Birch</a>'
    assert linked in str(executive_shops.attention(everything()).html)
    without = everything(performance(), benchmark())
    assert "<a " not in str(executive_shops.attention(without).html)


def test_a_shops_name_is_text_and_never_markup():
    locations = pd.DataFrame({"location_id": list(SHOPS), "name": ["<script>alert(1)</script>", "Birch", "Cedar"]})
    html = "".join(str(card(everything(performance(locations=locations), benchmark())).html) for card in CARDS)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


# What is missing


@pytest.mark.parametrize(
    ("absent", "card", "needs"),
    [
        ("revenue", executive_cards.fan, "a published revenue report"),
        ("performance", executive_shops.movers, "a published performance report"),
        ("benchmark", executive_shops.segment_bar, "a published benchmark report"),
        ("benchmark", executive_cards.decisions, "a published benchmark report"),
        ("benchmark", executive_cards.position, "a published benchmark report"),
        ("retention", executive_cards.clients, "a published retention report"),
    ],
)
def test_a_card_whose_report_is_missing_says_which_and_the_others_stand(absent, card, needs):
    kept = {name: run for name, run in everything().runs.items() if name != absent}
    found = Everything("corner", kept)
    assert needs in boxes(card(found).html).values()
    assert executive.opening(found).title
    assert all(str(other(found).html) for other in CARDS)


def test_retention_is_named_as_missing_until_it_is_published():
    found = everything(performance(), revenue(), benchmark(), shop_report())
    assert boxes(executive_cards.unknown(found).html)["Retention and value at risk"] == "a published retention report"
    assert "a published retention report" in boxes(executive_cards.clients(found).html).values()


def test_what_the_reports_could_not_say_is_told_with_their_reasons():
    told = boxes(executive_cards.unknown(everything()).html)
    assert told["Whether asking clients back helps"] == "40 clients held out"
    assert "so few would tell of each of them" in told["Position among networks under 5 shops"]


def test_an_open_shop_that_is_not_compared_is_named_and_a_closed_one_is_not():
    places = pd.DataFrame({"location_id": [*SHOPS, "s4", "s5"], "name": [*SHOPS.values(), "Dale", "Elm"]})
    places["status"] = ["open"] * 4 + ["closed"]
    told = boxes(executive_cards.unknown(everything(performance(locations=places), benchmark())).html)
    assert told["Where Dale stands"] == "months of trade to compare"
    assert not any("Elm" in name for name in told)


def test_without_prices_the_clients_are_told_and_their_worth_is_asked_for():
    kept = retention().tables["at_risk"].copy()
    kept[["value_at_risk", "risk_low80", "risk_high80", "gain"]] = float("nan")
    kept.attrs = retention().tables["at_risk"].attrs | {"needs_money": "price_cents", "needs_list": "price_cents"}
    said = text(executive_cards.clients(everything(retention(at_risk=kept))).html)
    assert "1,500 clients will likely not come back" in said
    assert "Value at risk needs price_cents" in said


def test_the_shops_that_really_lose_more_clients_are_named():
    said = text(executive_cards.clients(everything()).html)
    assert "Birch very likely loses more than the network." in said
    assert "Alder" not in said


def test_figures_that_the_data_lack_are_named_with_what_would_bring_them():
    network = performance().tables["network"]
    lacking = network.copy()
    lacking.attrs = network.attrs | {"needs": network.attrs["needs"] | {"utilisation": "table 8, shifts"}}
    found = everything(performance(network=lacking), revenue(), benchmark())
    assert boxes(executive_cards.unknown(found).html)[METRICS["utilisation"].label] == "table 8, shifts"
    assert executive.key_figures(found).figures[2].sub == "needs table 8, shifts"


def test_before_the_first_report_the_page_says_so():
    nothing = Everything("corner", {})
    assert executive.opening(nothing).title == "Nothing is published yet"
    assert [figure.value for figure in executive.key_figures(nothing).figures] == [prose.MISSING] * 5
    assert all(str(card(nothing).html) for card in CARDS)


def test_a_run_from_before_a_table_was_kept_is_asked_for_anew():
    with pytest.raises(errors.NotAvailable, match="a benchmark report published anew, which keeps worth"):
        everything(Left("benchmark", "r000001-benchmark", AS_OF, FACTS)).table("benchmark", "worth")
