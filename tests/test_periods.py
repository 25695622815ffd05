"""Periods and what they are fairly compared with: the same number of days and the same weekdays."""

from datetime import date, timedelta

import pytest

from barberlab.errors import BadInput
from barberlab.periods import period

TODAY = date(2025, 6, 18)


@pytest.mark.parametrize(
    ("said", "start", "end", "name"),
    [
        ("2025-05", date(2025, 5, 1), date(2025, 6, 1), "May 2025"),
        ("2024-12", date(2024, 12, 1), date(2025, 1, 1), "December 2024"),
        ("2025-Q1", date(2025, 1, 1), date(2025, 4, 1), "Q1 2025"),
        ("2024-Q4", date(2024, 10, 1), date(2025, 1, 1), "Q4 2024"),
        ("2024", date(2024, 1, 1), date(2025, 1, 1), "2024"),
        ("2025-W23", date(2025, 6, 2), date(2025, 6, 9), "week 23 of 2025"),
        ("2025-03-01..2025-03-15", date(2025, 3, 1), date(2025, 3, 16), "2025-03-01 to 2025-03-15"),
        ("", date(2025, 5, 1), date(2025, 6, 1), "May 2025"),
    ],
)
def test_a_period_is_named_as_people_write_it(said, start, end, name):
    found = period(said, TODAY)
    assert (found.start, found.end, found.name, found.partial) == (start, end, name, False)


def test_a_month_that_is_not_over_says_how_much_of_it_is_known():
    june = period("2025-06", TODAY)
    assert (june.days, june.partial, june.whole_end) == (18, True, date(2025, 7, 1))


def test_on_the_last_day_of_a_month_that_month_is_the_last_one():
    assert period("", date(2025, 6, 30)).name == "June 2025"
    assert period("", date(2025, 6, 29)).name == "May 2025"


@pytest.mark.parametrize("said", ["2025-02", "2025-05", "2025-06", "2025-Q1", "2024", "2025-W20"])
def test_comparisons_keep_the_number_of_days_and_their_weekdays(said):
    found = period(said, TODAY)
    for other in (found.before, found.year_before):
        assert other.days == found.days
        assert (found.start - other.start).days % 7 == 0
        assert other.end <= found.start
    assert found.start - found.year_before.start == timedelta(
        days=371 if said == "2024" else 364
    )  # 366 days need 53 weeks


@pytest.mark.parametrize("said", ["June", "2025-13", "2025-6", "2025-06-31..2025-07-01", "2025-06-10..2025-06-01"])
def test_what_is_no_period_is_refused_with_the_forms(said):
    with pytest.raises(BadInput, match="is none; write 2025-06, 2025-Q2"):
        period(said, TODAY)


def test_a_period_of_the_future_is_refused():
    with pytest.raises(BadInput, match="begins after the data end, 2025-06-18"):
        period("2025-07", TODAY)
