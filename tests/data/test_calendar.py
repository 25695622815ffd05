"""Public holidays week by week, against printed calendars."""

import numpy as np
import pytest

from barberlab.data.calendar import weekly_holidays
from barberlab.errors import BadInput


def weeks(first: str, count: int) -> np.ndarray:
    return np.datetime64(first) + 7 * np.arange(count)


def test_the_weeks_of_christmas_2024_in_the_united_states():
    """25 December 2024 and 1 January 2025 are both Wednesdays; 20 January 2025 is Martin Luther King Jr. Day."""
    assert weekly_holidays("US", weeks("2024-12-16", 6)).tolist() == [0, 1, 1, 0, 0, 1]


def test_a_region_keeps_days_of_its_own():
    """Epiphany, Monday 6 January 2025, is kept in Bavaria and not in Berlin."""
    assert weekly_holidays("DE-BY", weeks("2025-01-06", 1)).tolist() == [1]
    assert weekly_holidays("DE-BE", weeks("2025-01-06", 1)).tolist() == [0]


def test_a_holiday_counts_on_its_day_and_not_where_offices_keep_it():
    """Sunday 4 July 2021 was kept on Monday the 5th, in the week after."""
    assert weekly_holidays("US", weeks("2021-06-28", 2)).tolist() == [1, 0]


@pytest.mark.parametrize("place", ["XX", "US-Bavaria", ""])
def test_a_place_that_is_not_known_is_refused(place):
    with pytest.raises(BadInput, match="no holidays are known for it"):
        weekly_holidays(place, weeks("2025-01-06", 1))
