"""one network's futures: totals are sums of shops' draws, months are sums of weeks, and who is shut is named."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

import futures_made
from barberlab.errors import NotAvailable
from barberlab.models import futures
from barberlab.models.futures import Futures
from barberlab.models.panel import Panel

# Thirteen weeks from Monday 1 January to Sunday 31 March 2024: three whole months.
BEFORE_A_QUARTER = np.datetime64("2024-01-01") - np.timedelta64(7 * 110, "D")


@cache
def foreseen() -> Futures:
    """Three shops and one that has shut, by the model, with few draws."""
    history = futures_made.panel(4, 110, BEFORE_A_QUARTER)
    history.revenue[3, -9:] = np.nan
    return futures.foresee(history, 13, futures_made.population(), draws=60, seed=3)


def quantiles(draws):
    return np.quantile(draws, [0.5, 0.1, 0.9], axis=-1)


def test_all_shops_together_are_the_sum_of_the_shops_draws():
    found = foreseen()
    network = found.by_week().query("location_id == ''")
    expected = quantiles(found.paths.sum(axis=0, dtype=float))
    np.testing.assert_allclose(network[["mid", "low80", "high80"]].to_numpy().T, expected, rtol=1e-6)
    total = found.totals().iloc[0]
    np.testing.assert_allclose(
        total[["mid", "low80", "high80"]].astype(float), quantiles(found.paths.sum(axis=(0, 1), dtype=float)), rtol=1e-6
    )


def test_months_add_up_to_weeks_draw_by_draw():
    found = foreseen()
    months, draws = found.monthly(futures_made.daily(found.history))
    assert months.strftime("%Y-%m").tolist() == ["2024-01", "2024-02", "2024-03"]
    np.testing.assert_allclose(draws.sum(axis=1), found.paths.sum(axis=1), rtol=1e-5)


def test_of_a_month_that_has_begun_what_was_counted_is_certain():
    """Known to Sunday 14 January: its two weeks are in each draw, and a last month without all its days is not told."""
    history = futures_made.panel(2, 112, BEFORE_A_QUARTER)
    found = futures_made.made(history, horizon=4)
    months, draws = found.monthly(futures_made.daily(history))
    assert months.strftime("%Y-%m").tolist() == ["2024-01"]
    counted = history.revenue[:, -2:].sum(axis=1)
    january = found.paths[:, 0] + found.paths[:, 1] + found.paths[:, 2] * 3 / 7
    np.testing.assert_allclose(draws[:, 0], counted[:, None] + january, rtol=1e-5)


def test_a_shop_that_has_shut_is_left_out_and_named_and_still_counts_for_the_year_before():
    found = foreseen()
    assert found.location.tolist() == ["s0", "s1", "s2"]
    assert found.left_out == {"s3": "no trade in the last 8 weeks"}
    totals = found.totals().set_index("location_id")
    then = found.history.revenue[:, 110 - 52 : 110 - 39]
    assert totals.loc["", "before"] == pytest.approx(then.sum())
    np.testing.assert_allclose(totals.loc[["s0", "s1", "s2"], "before"], then[:3].sum(axis=1))


def test_a_year_before_that_is_not_whole_is_not_compared():
    history = futures_made.panel(2, 110)
    history.revenue[1, 60] = np.nan
    totals = futures_made.made(history).totals().set_index("location_id")
    assert np.isnan(totals.loc["s1", ["before", "p_more"]].astype(float)).all()
    assert 0 <= totals.loc["s0", "p_more"] <= 1
    assert futures_made.made(futures_made.panel(2, 51)).totals()["before"].isna().all()


def test_a_network_of_shut_shops_has_no_forecast():
    history = futures_made.panel(2, 60)
    history.revenue[:, -8:] = np.nan
    with pytest.raises(NotAvailable, match="needs a shop with trade in the last 8 weeks"):
        futures.foresee(history, 13, futures_made.population())


def test_a_network_under_half_a_year_has_none_either():
    with pytest.raises(NotAvailable, match="needs 26 weeks of trade, there are 25"):
        futures.foresee(futures_made.panel(2, 25), 13, futures_made.population())


def test_a_year_with_trade_in_a_few_weeks_is_not_half_a_year_of_trade():
    history = futures_made.panel(2, 60)
    history.revenue[:, ::2] = np.nan
    history.revenue[:, :20] = np.nan
    with pytest.raises(NotAvailable, match="needs 26 weeks of trade, there are 20"):
        futures.foresee(history, 13, futures_made.population())


def weekly(values: list, first="2024-01-01", shop="a") -> pd.DataFrame:
    weeks = pd.date_range(first, periods=len(values), freq="7D")
    return pd.DataFrame({"location_id": shop, "period": weeks, "value": values})


def panel(frame, since="2024-01-01", today="2024-01-28", **options) -> Panel:
    return futures.panel_of(frame, "n", date.fromisoformat(since), date.fromisoformat(today), **options)


def test_only_whole_weeks_are_known():
    told = weekly([1, 2, 3, 4])
    assert panel(told).revenue.tolist() == [[1, 2, 3, 4]]
    assert panel(told, today="2024-01-27").revenue.tolist() == [[1, 2, 3]]
    assert panel(told, since="2024-01-02").revenue.tolist() == [[2, 3, 4]]


def test_weeks_in_which_nobody_traded_since_are_known_too():
    found = panel(weekly([1, 2]), today="2024-02-04")
    assert found.weeks[-1] == np.datetime64("2024-01-29")
    np.testing.assert_array_equal(found.revenue, [[1, 2, np.nan, np.nan, np.nan]])


def test_a_week_without_revenue_is_one_without_trade():
    found = panel(pd.concat([weekly([1, 0, None, 4]), weekly([5], "2024-01-08", "b")]))
    np.testing.assert_array_equal(found.revenue, [[1, np.nan, np.nan, 4], [np.nan, 5, np.nan, np.nan]])
    with pytest.raises(NotAvailable, match="needs whole weeks with revenue"):
        panel(weekly([0, 0]))


def test_holidays_are_known_for_the_horizon_too():
    found = panel(weekly([1, 2]), today="2024-01-14", holidays=lambda weeks: np.arange(len(weeks)), horizon=3)
    assert found.known[0, :, 0].tolist() == [0, 1, 2, 3, 4]
    assert found.known_names == ("public holidays",)
