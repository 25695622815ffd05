"""A shop's change against last year: published formula, laws, and what it covers on simulated shops."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from barberlab.errors import NotAvailable
from barberlab.models.change import BORROWED, blocks, changes
from barberlab.periods import period


def _network(rng, shops=8, blocks=13, noise=0.05, memory=0.0, true=None):
    """Takings (shop, block) now and a year before: each year has its own swings, which may last."""
    level = rng.uniform(2e6, 8e6, (shops, 1))
    true = np.zeros(shops) if true is None else true

    def swings():
        shocks = rng.normal(0, noise, (shops, blocks + 50))
        path = np.zeros_like(shocks)
        for k in range(1, path.shape[1]):
            path[:, k] = memory * path[:, k - 1] + shocks[:, k]
        return path[:, -blocks:]

    return level * np.exp(true[:, None] + swings()), level * np.exp(swings())


def test_two_shops_by_hand():
    """x = (log 1.1, 0, ...) and zeros: own sums of d^2/2 are log(1.1)^2/2 and 0, over three pairs each."""
    now = np.array([[110.0, 100, 100, 100, 100], [100, 100, 100, 100, 100]])
    frame = changes(now, np.full((2, 5), 100.0), ["a", "b"])
    own = np.log(1.1) ** 2 / 2
    pooled = own / 6
    s = np.sqrt((BORROWED * pooled + np.array([own, 0])) / (BORROWED + 3))
    assert frame["change"].tolist() == pytest.approx([0.1, 0])
    assert frame.loc["a", "p_rise"] == pytest.approx(student.cdf(np.log(1.1) / s[0], 7))
    assert frame.loc["b", "high80"] == pytest.approx(np.expm1(student.ppf(0.9, 7) * s[1]))


@pytest.mark.parametrize("memory", [0.0, 0.3])
def test_ranges_hold_as_often_as_they_promise(memory):
    """400 networks of 8 shops with a planted change each; swings that last a month or two included."""
    rng = np.random.default_rng(1)
    inside = {"80": [], "95": []}
    for _ in range(400):
        true = rng.normal(0, 0.08, 8)
        frame = changes(*_network(rng, true=true, memory=memory), list("abcdefgh"))
        for level, hits in inside.items():
            hits.extend((frame[f"low{level}"] <= np.expm1(true)) & (np.expm1(true) <= frame[f"high{level}"]))
    assert np.mean(inside["80"]) == pytest.approx(0.80, abs=0.05)  # a swing of two months is still shared
    assert np.mean(inside["95"]) == pytest.approx(0.95, abs=0.03)


def test_where_nothing_changed_few_shops_are_called_real():
    rng = np.random.default_rng(2)
    called = [((p > 0.95) | (p < 0.05)).mean() for p in (_p(rng, None) for _ in range(300))]
    assert np.mean(called) <= 0.12


def test_a_fall_of_a_fifth_is_nearly_always_seen():
    rng = np.random.default_rng(3)
    true = np.array([-0.223] + [0.0] * 7)
    assert np.mean([_p(rng, true)[0] < 0.1 for _ in range(200)]) >= 0.9


def _p(rng, true):
    return changes(*_network(rng, true=true), list("abcdefgh"))["p_rise"].to_numpy()


def test_the_unit_of_money_and_the_order_of_shops_change_nothing():
    rng = np.random.default_rng(4)
    now, before = _network(rng)
    frame = changes(now, before, list("abcdefgh"))
    scaled = changes(now[::-1] * 100, before[::-1] * 100, list("hgfedcba")).loc[list("abcdefgh")]
    np.testing.assert_allclose(frame.to_numpy(), scaled.to_numpy(), rtol=1e-9)


def test_a_shop_that_was_not_there_last_year_has_no_change():
    rng = np.random.default_rng(5)
    now, before = _network(rng)
    before[0] = 0
    frame = changes(now, before, list("abcdefgh"))
    assert frame.loc["a"].isna().all()
    assert frame.drop("a").notna().all().all()


def test_with_too_little_history_there_is_no_telling():
    with pytest.raises(NotAvailable, match="Change against last year: not available: needs two years of history"):
        changes(np.ones((2, 3)), np.ones((2, 3)), ["a", "b"])


def _daily(first_day: dict[str, str], last: str = "2025-06-30") -> pd.DataFrame:
    days = {shop: pd.date_range(first, last) for shop, first in first_day.items()}
    parts = [pd.DataFrame({"location_id": shop, "period": when, "value": 100}) for shop, when in days.items()]
    return pd.concat(parts, ignore_index=True)


def test_blocks_are_whole_periods_each_with_its_own_year_before():
    span = period("2025-06", pd.Timestamp("2025-06-30").date())
    now, before, shops = blocks(_daily({"a": "2022-07-01"}), span, most=3)
    assert shops == ["a"]
    assert now.tolist() == before.tolist() == [[3000, 3000, 3000]]


def test_a_shop_in_its_first_year_a_year_ago_is_not_compared():
    """June 2025 against 3 June to 2 July 2024: b opened in March 2024 and was filling up; c had a year behind it."""
    span = period("2025-06", pd.Timestamp("2025-06-30").date())
    daily = _daily({"a": "2022-07-01", "b": "2024-03-01", "c": "2023-05-30"})
    now, before, shops = blocks(daily, span, most=2)
    assert dict(zip(shops, np.isfinite(now[:, 0]), strict=True)) == {"a": True, "b": False, "c": True}
    assert before[shops.index("c"), 0] == 3000


def test_where_all_data_begin_late_nobody_is_taken_for_a_newcomer():
    span = period("2025-06", pd.Timestamp("2025-06-30").date())
    now, _before, _shops = blocks(_daily({"a": "2024-05-30", "b": "2024-06-01"}), span, most=1)
    assert np.isfinite(now).all()


def test_a_shop_that_was_shut_for_half_of_either_period_is_not_compared():
    span = period("2025-06", pd.Timestamp("2025-06-30").date())
    daily = _daily({"a": "2022-07-01", "b": "2022-07-01"})
    shut = (daily["location_id"] == "b") & daily["period"].between("2024-06-10", "2024-06-24")
    now, _before, _shops = blocks(daily[~shut], span, most=1)
    assert np.isfinite(now[:, 0]).tolist() == [True, False]
