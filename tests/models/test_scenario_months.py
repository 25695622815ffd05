"""A lever does to months what it does to their weeks, and totals are sums of the same draws."""

import numpy as np
import pytest

from barberlab.errors import BadInput
from barberlab.models import scenario_months, scenarios
from barberlab.models.scenario_months import Ahead

STARTS = np.arange("2025-07", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
DAYS = np.array([31, 31, 30, 31, 30, 31])


def ahead(shops: int = 3, draws: int = 200, seed: int = 1) -> Ahead:
    """Months of about 30,000 each, that rise and fall together."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.1, (1, len(STARTS), draws))
    own = rng.normal(0, 0.05, (shops, len(STARTS), draws))
    return Ahead(np.array([f"s{k}" for k in range(shops)]), STARTS, 3e6 * np.exp(shared + own))


CHAIRS = scenarios.MoreChairs(np.array([3.0, 4.0, 5.0]), np.array([6e5, 9e5, 1.2e6]), 1)
LEVERS = [
    scenarios.Price(0.05),
    scenarios.OpeningHours(0.1),
    scenarios.LostBarber(0.2),
    scenarios.Campaign([1.0, 1.0]),
    scenarios.Closure(2, start=5),
    CHAIRS,
]


def test_every_day_of_every_month_lies_in_one_week():
    """184 days are 26 weeks and two days."""
    shares = ahead().shares
    assert shares.shape == (27, 6)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    np.testing.assert_allclose((shares @ DAYS)[:-1], 7)
    assert (shares @ DAYS)[-1] == pytest.approx(2)


def test_weeks_hold_all_the_money_of_their_months():
    given = ahead()
    np.testing.assert_allclose(given.weekly.sum(axis=1), given.draws.sum(axis=1))


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: type(lever).__name__)
def test_a_lever_brings_in_months_what_it_brings_in_weeks(lever):
    given = ahead()
    by_month = scenario_months.play(given, [lever], seed=0)
    by_week = scenarios.play(given.weekly, lever, seed=0)
    np.testing.assert_allclose(by_month.difference.sum(axis=1), by_week.difference.sum(axis=1), rtol=1e-9)
    assert by_month.assumptions == by_week.assumptions


def test_a_constant_change_is_the_same_in_each_month():
    """A price from the first week on multiplies every month by the same, whatever its length."""
    played = scenario_months.play(ahead(), [scenarios.Price(0.1)], seed=0)
    factor = played.paths / ahead().draws
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:1, :1], factor.shape))


def test_months_before_a_change_stay_as_they_were():
    played = scenario_months.play(ahead(), [scenarios.Price(0.1, start=9)], seed=0)
    assert not played.difference[:, :2].any()
    assert played.difference[:, 3:].all()


def test_no_lever_changes_nothing():
    assert not scenario_months.play(ahead(), [], seed=0).difference.any()
    assert not scenario_months.play_together(ahead(), [], [], seed=0).difference.any()


def test_all_shops_played_together_bring_the_sum_of_each_played_alone():
    given, alike = ahead(), [lever for lever in LEVERS if lever is not CHAIRS]
    together = scenario_months.play_together(given, [CHAIRS], alike, seed=0)
    each = scenario_months.play(given, [CHAIRS, *alike], seed=0)
    total = each.difference.sum(axis=(0, 1))
    np.testing.assert_allclose(together.difference.sum(axis=(0, 1)), total, rtol=1e-6, atol=1e-6 * given.draws.mean())
    assert set(together.assumptions) == set(each.assumptions)
    assert together.words == each.words


def test_the_interval_of_a_total_is_that_of_the_sum_and_not_the_sum_of_intervals():
    """Chance that is each shop's own evens out: ends that are added up lie too far apart."""
    given = ahead(shops=12, draws=4000)
    right = np.quantile(given.total.sum(axis=0), [0.1, 0.9])
    by_hand = np.quantile(sum(shop.sum(axis=0) for shop in given.draws), [0.1, 0.9])
    added = np.quantile(given.draws.sum(axis=1), [0.1, 0.9], axis=-1).sum(axis=1)
    np.testing.assert_allclose(right, by_hand)
    assert np.ptp(added) > 1.1 * np.ptp(right)


def test_some_shops_are_taken_with_their_own_draws():
    given = ahead()
    some = given.of(["s2", "s0", "elsewhere"])
    assert list(some.location) == ["s0", "s2"]
    np.testing.assert_array_equal(some.draws, given.draws[[0, 2]])


def test_months_with_a_gap_and_draws_of_another_shape_are_refused():
    with pytest.raises(BadInput, match="whole months that follow each other"):
        Ahead(np.array(["s"]), STARTS[[0, 2]], np.ones((1, 2, 5)))
    with pytest.raises(BadInput, match=r"shape \(1, 2, 5\), expected \(1, 6, draws\)"):
        Ahead(np.array(["s"]), STARTS, np.ones((1, 2, 5)))
