"""Rates with their ranges: published values and the exact difference of two Beta posteriors."""

import numpy as np
import pytest
from scipy.stats import beta

from barberlab.models.rates import chance_of_rise, interval


def test_jeffreys_interval_of_a_published_table():
    """Brown, Cai & DasGupta (2001), Table 5: the 95 % Jeffreys interval for n = 10, to three decimals."""
    published = {0: (0.0, 0.217), 1: (0.011, 0.381), 2: (0.044, 0.503), 5: (0.224, 0.776)}
    low, high = interval(np.array(list(published)), np.full(4, 10), 0.95)
    for k, (a, b) in enumerate(published.values()):
        assert (low[k], high[k]) == (pytest.approx(a, abs=5e-4), pytest.approx(b, abs=5e-4))


def test_successes_and_failures_are_mirror_images():
    hits, n = np.arange(11), np.full(11, 10)
    low, high = interval(hits, n, 0.8)
    other_low, other_high = interval(n - hits, n, 0.8)
    np.testing.assert_allclose(low, 1 - other_high, atol=1e-12)
    np.testing.assert_allclose(high, 1 - other_low, atol=1e-12)


@pytest.mark.parametrize("n", [40, 200])
def test_the_range_holds_as_often_as_it_promises(n):
    """On average over all rates: at any one rate a count is a step and cannot hit exactly."""
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 1, 40_000)
    hits = rng.binomial(n, p)
    low, high = interval(hits, np.full_like(hits, n), 0.8)
    assert np.mean((low <= p) & (p <= high)) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("now", "before"), [((12, 200), (25, 210)), ((630, 1000), (601, 990)), ((40, 80), (40, 80))])
def test_the_chance_of_a_rise_is_that_of_the_two_posteriors(now, before):
    rng = np.random.default_rng(1)
    draws = [beta.rvs(h + 0.5, n - h + 0.5, size=400_000, random_state=rng) for h, n in (now, before)]
    exact = np.mean(draws[0] > draws[1])
    assert float(chance_of_rise(*now, *before)) == pytest.approx(exact, abs=0.01)
