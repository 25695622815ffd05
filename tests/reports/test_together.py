"""Some shops together: what was counted is added up, and the range of what is foreseen is the sum's own."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from barberlab import errors
from barberlab.models.scenario_months import Ahead
from barberlab.reports import accessible, prose, together
from barberlab.reports.together import Counted, Foreseen

SHOPS = tuple("abcdef")
STARTS = np.arange("2025-06", "2025-12", dtype="datetime64[M]").astype("datetime64[D]")
LAST = date(2025, 6, 30)
USD = prose.Money("USD")


def counted(shops=SHOPS, metric="net_service_revenue", last=LAST) -> Counted:
    """Two years of 10,000.00 a month in each shop."""
    past = pd.date_range("2023-07-01", periods=24, freq="MS")
    frame = pd.DataFrame([(shop, month, 1_000_000) for shop in SHOPS for month in past])
    frame.columns = ["location_id", "period", "value"]
    frame.attrs = {"metric": metric, "needs": None, "currency": "USD"}
    return Counted(frame, {shop: f"Shop {shop}" for shop in shops}, last)


def ahead() -> Ahead:
    """Draws that are each shop's own."""
    noise = np.random.default_rng(3).normal(0, 0.2, (len(SHOPS), len(STARTS), 400))
    return Ahead(np.array(SHOPS), STARTS, 1_000_000 * np.exp(noise))


def page(shops=SHOPS, forecast=None, **how) -> str:
    return together.page("Your shops", counted(shops, **how), forecast or Foreseen(ahead(), LAST), "North", ["Run r1"])


def test_the_total_has_the_range_of_the_sum_and_not_the_sum_of_ranges():
    draws = ahead().after(LAST).draws
    low, mid, high = np.quantile(draws.sum(axis=(0, 1)), [0.1, 0.5, 0.9])
    said = prose.estimate(mid, low, high, USD)
    assert said.value in page()
    assert said.eight_in_ten in page()
    added = np.quantile(draws.sum(axis=1), [0.1, 0.9], axis=-1).sum(axis=1)
    assert np.ptp(added) > 2 * (high - low)
    assert prose.span(*added, USD, "prose") not in page()


def test_a_subset_is_the_sum_of_its_own_shops():
    two = ahead().after(LAST).of(["b", "e"]).draws.sum(axis=(0, 1))
    said = prose.estimate(*np.quantile(two, [0.5, 0.1, 0.9]), USD)
    assert said.eight_in_ten in page(("b", "e"))
    assert not any(f"Shop {shop}" in page(("b", "e")) for shop in "acdf")


def test_months_that_are_over_are_counted_once():
    """June's draws hold what was counted of June, and June stands as it was counted."""
    shown = page()
    assert "June 2025 brought $60.0k" in shown
    assert "Jul" in shown
    assert "five months" in shown


def test_each_part_says_to_which_day_its_data_go():
    shown = page(forecast=Foreseen(ahead(), date(2025, 6, 15)))
    assert "Counted to Mon 30 Jun 2025" in shown
    assert "Foreseen from data to Sun 15 Jun 2025" in shown


def test_a_month_that_is_not_over_is_not_shown_as_one():
    assert "May 2025 brought $60.0k" in page(last=date(2025, 6, 20))


def test_without_a_forecast_what_was_counted_stands_and_the_box_says_what_is_missing():
    shown = page(forecast=errors.NotAvailable("Forecast", "a published run"))
    assert "Not available: needs a published run" in shown
    assert "$10,000" in shown


def test_a_shop_that_is_not_foreseen_is_counted_all_the_same():
    shown = page(forecast=Foreseen(ahead().of("abc"), LAST))
    assert shown.count("not foreseen") == 6
    assert "Shop f" in shown


def test_of_many_shops_the_largest_have_a_line_and_the_total_holds_all(monkeypatch):
    whole = page()
    monkeypatch.setattr(together, "MOST_SHOPS", 2)
    few = page()
    assert "The 2 largest of 6" in few
    assert sum(f">Shop {shop}<" in few for shop in SHOPS) == 2
    total = "All together</th>.*</tr>"
    assert re.search(total, few)[0].split("</tr>")[0] == re.search(total, whole)[0].split("</tr>")[0]


def test_no_line_is_drawn_across_months_that_nobody_counted():
    later = Foreseen(ahead().after(date(2025, 8, 31)), LAST)
    assert "known</text>" in page()
    assert "known</text>" not in page(forecast=later)


@pytest.mark.parametrize("shops", [SHOPS, ("a",)])
def test_the_page_is_fit_to_be_read_by_everybody(shops):
    assert accessible.check(page(shops)) == []


def test_a_shops_name_is_text():
    named = Counted(counted().months, {"a": "<script>x"}, LAST)
    assert "<script>" not in together.page("<i>", named, Foreseen(ahead(), LAST), "<i>", ["<i>"])
