"""Scores of forecasts: each computed by hand, its laws, and what it does where there is nothing to score."""

import numpy as np
import pytest
from scipy.stats import norm

from barberlab.models import scores
from barberlab.models.scores import QUANTILES

NONE = np.nan


def flat(value: float, shape=()) -> np.ndarray:
    """A forecast that is sure of `value`: all nine quantiles are it."""
    return np.full((*shape, 9), float(value))


def test_wape_by_hand():
    """|100 - 90| + |50 - 60| = 20 of 150."""
    assert scores.wape(np.array([100.0, 50]), np.array([90.0, 60])) == pytest.approx(20 / 150)


def test_mase_by_hand():
    """Steps 10, 20 give a scale of 15; an error of 30 is two of them. The second shop: error 5, scale 10."""
    scale = scores.naive_error(np.array([[100.0, 110, 90], [NONE, 50, 60]]))
    assert scale.tolist() == [15, 10]
    assert scores.mase(np.array([[100.0], [50]]), np.array([[130.0], [55]]), scale) == pytest.approx((2 + 0.5) / 2)


def test_a_shop_that_never_changed_has_no_scale_and_is_left_out_of_mase():
    scale = scores.naive_error(np.array([[5.0, 5, 5], [1, 2, 3], [NONE, 4, NONE]]))
    np.testing.assert_equal(scale, [0, 1, NONE])
    assert scores.mase(np.full((3, 1), 7.0), np.full((3, 1), 5.0), scale) == 2


def test_scaled_crps_by_hand():
    """One week of 100 and nine quantiles of 80: pinball q * 20, mean of q is 1/2, twice that over 100."""
    assert scores.scaled_crps(np.array([100.0]), flat(80, (1,))) == pytest.approx(0.2)
    mixed = np.array([[80.0] * 4 + [100] + [130] * 4])
    below, above = 20 * (0.025 + 0.05 + 0.1 + 0.25), 30 * (0.25 + 0.1 + 0.05 + 0.025)
    assert scores.scaled_crps(np.array([100.0]), mixed) == pytest.approx(2 * (below + above) / 9 / 100)


def test_a_sure_forecast_has_the_crps_of_its_error():
    rng = np.random.default_rng(1)
    actual, point = rng.uniform(50, 150, (2, 40))
    sure = np.repeat(point[:, None], 9, axis=1)
    assert scores.scaled_crps(actual, sure) == pytest.approx(scores.wape(actual, point))


def test_nobody_beats_the_forecaster_who_knows_the_spread():
    """A proper score: quantiles of the true normal score better than narrower, wider and shifted ones."""
    actual = np.random.default_rng(2).normal(100, 10, 4000)
    z = norm.ppf(QUANTILES)
    score = {
        name: scores.scaled_crps(actual, np.tile(100 + shift + width * z, (4000, 1)))
        for name, shift, width in (("true", 0, 10), ("narrow", 0, 5), ("wide", 0, 20), ("shifted", 5, 10))
    }
    assert min(score, key=score.get) == "true"


def test_coverage_counts_its_ends_and_no_closed_week():
    forecast = np.tile(np.arange(9.0), (5, 1))
    actual = np.array([2.0, 6, 1.9, 6.1, NONE])
    assert scores.coverage(actual, forecast, 0.80) == 0.5
    assert scores.coverage(actual, forecast, 0.95) == 1


def test_the_unit_of_money_changes_no_score():
    rng = np.random.default_rng(3)
    actual, draws = rng.gamma(9, 1, (4, 6)), rng.gamma(9, 1, (4, 6, 200))
    scale = scores.naive_error(actual)
    one = scores.scores(actual, scores.quantiles(draws), scale)
    assert scores.scores(actual * 83, scores.quantiles(draws * 83), scale * 83) == pytest.approx(one)


def test_closed_weeks_are_not_scored():
    rng = np.random.default_rng(4)
    actual, forecast = rng.gamma(9, 1, (3, 8)), scores.quantiles(rng.gamma(9, 1, (3, 8, 200)))
    shut = np.concatenate([actual, np.full((3, 2), NONE)], axis=1)
    wider = np.concatenate([forecast, flat(1e9, (3, 2))], axis=1)
    assert scores.scores(shut, wider, np.ones(3)) == scores.scores(actual, forecast, np.ones(3))


def test_where_nothing_traded_there_is_no_score():
    told = scores.scores(np.full((2, 3), NONE), flat(5, (2, 3)), np.ones(2))
    assert told.pop("n") == 0
    assert np.isnan(list(told.values())).all()


def test_quantiles_are_those_of_the_draws_in_order():
    told = scores.quantiles(np.arange(1001.0)[None, ::-1])
    np.testing.assert_allclose(told, [np.array(QUANTILES) * 1000])


def test_overall_is_the_mean_of_folds_and_coverage_is_pooled():
    folds = [
        {"n": 10, "wape": 0.1, "mase": NONE, "coverage80": 0.5},
        {"n": 30, "wape": 0.3, "mase": 2.0, "coverage80": 0.9},
    ]
    assert scores.overall(folds) == pytest.approx({"n": 40, "wape": 0.2, "mase": 2.0, "coverage80": 0.8})


def test_a_paired_difference_by_hand():
    """Differences -1, -2, -3: mean -2, sd 1, t(2) at 97.5 % = 4.303 (a printed table), over root 3."""
    told = scores.paired_difference(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]))
    assert (told.mean, told.n) == (-2, 3)
    assert (told.low, told.high) == (pytest.approx(-2 - 4.303 / 3**0.5, abs=1e-3), pytest.approx(0.484, abs=1e-3))


def test_one_fold_says_nothing_of_chance():
    told = scores.paired_difference(np.array([1.0, NONE]), np.array([2.0, 4]))
    assert (told.mean, told.n) == (-1, 1)
    assert np.isnan([told.low, told.high]).all()
