"""Weeks become months by the days in them, and nothing is lost between the two."""

import numpy as np
import pandas as pd
import pytest

from barberlab.models import months

EVEN = np.full(7, 1 / 7)
FEW_OVER = np.datetime64("2024-01-29")  # Monday: three days of January, four of February


def weeks(first="2024-01-01", count=13):
    return np.datetime64(first) + np.timedelta64(7, "D") * np.arange(count)


def test_a_week_that_two_months_share_is_split_by_its_days():
    np.testing.assert_allclose(months.split(np.array([FEW_OVER]), EVEN), [[3 / 7, 4 / 7]])


def test_a_shop_that_sells_on_saturdays_alone_sells_it_all_in_the_saturdays_month():
    saturday = np.eye(7)[5]
    np.testing.assert_allclose(months.split(np.array([FEW_OVER]), saturday), [[0, 1]])


@pytest.mark.parametrize("first", ["2023-12-25", "2024-02-26", "2025-06-30", "2026-11-02"])
def test_every_week_is_in_its_months_once(first):
    shares = np.array([0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.1])
    parts = months.split(weeks(first, 30), shares)
    assert parts.shape == (30, len(months.months_of(weeks(first, 30))))
    np.testing.assert_allclose(parts.sum(axis=1), 1)
    assert ((parts > 0).sum(axis=1) <= 2).all()


def test_months_are_named_by_their_first_day():
    assert months.months_of(weeks()).strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-02-01", "2024-03-01"]


def test_weekday_shares_are_those_of_the_last_year():
    """Mondays took 1 of 4 in the last 52 weeks; that Sundays took all of it before is no matter any more."""
    days = pd.date_range("2022-01-03", periods=7 * 104)
    monday, saturday, sunday = (days.day_of_week == day for day in (0, 5, 6))
    old = days <= days[-1] - pd.Timedelta(weeks=52)
    daily = pd.Series(np.select([old & sunday, ~old & monday, ~old & saturday], [900, 10, 30], 0), days)
    np.testing.assert_allclose(months.weekday_shares(daily), [0.25, 0, 0, 0, 0, 0.75, 0])


def test_without_any_revenue_all_weekdays_are_alike():
    daily = pd.Series(0.0, pd.date_range("2024-01-01", periods=30))
    np.testing.assert_allclose(months.weekday_shares(daily), EVEN)
