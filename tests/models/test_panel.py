"""A panel of weekly revenue: what it refuses, and what it was some weeks ago."""

from dataclasses import replace

import numpy as np
import pytest

from barberlab.errors import BadInput
from barberlab.models.panel import WEEK
from weekly_panels import shops, with_known, with_revenue


def test_a_panel_as_it_was_knows_nothing_of_later_weeks():
    panel = shops(weeks=60)
    past = panel.until(40, 13)
    assert len(past.weeks) == 40
    np.testing.assert_array_equal(past.revenue, panel.revenue[:, :40])


def test_what_is_known_in_advance_reaches_over_the_horizon():
    panel = shops(weeks=60)
    holidays = np.arange(60.0)[None, :, None] * np.ones((6, 1, 1))
    past = with_known(panel, holidays, "x_holiday").until(40, 13)
    assert past.known.shape == (6, 53, 1)
    with pytest.raises(BadInput, match="x_holiday are known for 20 weeks ahead, 26 are needed"):
        with_known(panel, holidays, "x_holiday").until(40, 26)


def test_a_closed_week_is_no_history():
    panel = shops(weeks=30)
    revenue = panel.revenue.copy()
    revenue[0, 5:10] = np.nan
    revenue[1, 3] = 0
    assert with_revenue(panel, revenue).history[:3].tolist() == [25, 29, 30]


def test_weeks_that_are_no_consecutive_mondays_are_refused():
    panel = shops(weeks=30)
    for weeks in (panel.weeks + np.timedelta64(1, "D"), np.append(panel.weeks[1:], panel.weeks[-1] + 2 * WEEK)):
        with pytest.raises(BadInput, match="consecutive Mondays"):
            replace(panel, weeks=weeks)


def test_negative_and_infinite_revenue_is_refused_with_its_count():
    panel = shops(weeks=30)
    revenue = panel.revenue.copy()
    revenue[0, :2], revenue[1, 0] = -1, np.inf
    with pytest.raises(BadInput, match="3 weeks have negative or infinite revenue"):
        with_revenue(panel, revenue)


def test_locations_out_of_order_or_twice_are_refused():
    panel = shops(weeks=30)
    with pytest.raises(BadInput, match="sorted by network, then location"):
        replace(panel, location=panel.location[::-1])
    with pytest.raises(BadInput, match="each once"):
        replace(panel, location=np.array(["shop000"] * 6))


def test_a_hole_in_a_known_column_is_refused_by_its_name():
    known = np.ones((6, 40, 2))
    known[2, 35, 1] = np.nan
    with pytest.raises(BadInput, match="x_promo must be known for every week"):
        with_known(shops(weeks=30), known, "x_holiday", "x_promo")
