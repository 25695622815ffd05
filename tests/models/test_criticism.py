"""Checks that a model may fail: each finds what was planted, and lets pass what is right."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import outlooks
from barberlab.models import criticism
from barberlab.models.revenue import NetworkPaths


@cache
def own_story() -> pd.DataFrame:
    """Networks out of the model's own story, forecast without corrections of the spread."""
    population = criticism.uncorrected(outlooks.population())
    return criticism.simulated_calibration(population, networks=16, shops=4)


def test_the_forecast_is_calibrated_on_the_models_own_story():
    """16 networks of 4 shops and 13 weeks that follow each other: about 100 independent ones, 4 % of standard error."""
    found = own_story()
    assert found["u"].between(0.1, 0.9).mean() == pytest.approx(0.8, abs=0.1)
    assert found["u"].mean() == pytest.approx(0.5, abs=0.1)
    assert len(found) == 16 * 4 * 13


def test_scales_that_are_twice_too_small_are_found_out():
    small = criticism.scaled(criticism.uncorrected(outlooks.population()), 0.4)
    panel = criticism.generated(criticism.uncorrected(outlooks.population()), 8, 117, seed=3)
    right = criticism.pit(panel, 13, [104], criticism.uncorrected(outlooks.population()))
    wrong = criticism.pit(panel, 13, [104], small)
    assert wrong["width"].median() < right["width"].median()
    assert wrong["u"].between(0.1, 0.9).mean() < right["u"].between(0.1, 0.9).mean()


def test_the_prior_allows_more_than_the_population_does():
    prior, population = (criticism.prior_predictive(who, 30) for who in (None, outlooks.population()))
    assert prior.columns.tolist() == ["5%", "50%", "95%"]
    for feature in ("week_step", "year_change", "best_week"):
        assert prior.loc[feature, "95%"] > population.loc[feature, "95%"]
        assert prior.loc[feature, "5%"] < population.loc[feature, "50%"] < prior.loc[feature, "95%"]


def test_the_same_seed_makes_up_the_same_network():
    one, same, other = (criticism.generated(outlooks.population(), 3, 60, seed).revenue for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_features_by_hand():
    """Shops that take 100 in even and 200 in odd weeks, the second half as much again in the last year."""
    panel = outlooks.panel(2, 104)
    panel.revenue[:] = np.where(np.arange(104) % 2, 200.0, 100.0)
    panel.revenue[1, 52:] *= 1.5
    found = criticism.features(panel)
    assert found["week_step"] == pytest.approx(np.log(2))
    assert found["year_change"] == pytest.approx(np.log(1.5) / 2)
    assert found["together"] == pytest.approx(1.0, abs=0.05)


def test_what_came_is_placed_among_the_draws():
    """Draws 1 to 100; 26 lies above a quarter of them, 0 below all, a closed week is nowhere."""
    draws = np.broadcast_to(np.arange(1.0, 101), (1, 3, 100))
    told = NetworkPaths("n", np.array(["a"]), draws, np.array([""]))
    found = criticism._held(told, np.full((1, 3, 2), 30.0), np.array([[26.0, 0.5, np.nan]]))
    assert found["u"].tolist() == [0.25, 0.0]
    assert found["ahead"].tolist() == [1, 2]
    assert found["error"].tolist() == pytest.approx([np.log(26 / 50.5), np.log(0.5 / 50.5)])
    assert found["naive"].tolist() == [30, 30]


def test_a_histogram_counts_each_once():
    found = criticism.histogram(pd.Series([0.0, 0.05, 0.55, 1.0]), 10)
    assert found["count"].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert found["against_uniform"].sum() == pytest.approx(10)


def held(**columns) -> pd.DataFrame:
    base = {
        "network": "n",
        "ahead": 1,
        "u": 0.5,
        "error": 0.0,
        "width": 0.2,
        "mid": 90.0,
        "naive": 80.0,
        "actual": 100.0,
    }
    return pd.DataFrame(base | columns)


def test_bands_of_the_horizon_are_judged_apart():
    found = criticism.by_horizon(held(ahead=[1, 4, 5, 13, 26], u=[0.5, 0.99, 0.5, 0.05, 0.01]))
    assert found["n"].to_dict() == {"1–4": 2, "5–13": 2, "14–26": 1}
    assert found["in80"].to_dict() == {"1–4": 0.5, "5–13": 0.5, "14–26": 0.0}
    assert found["in95"].to_dict() == {"1–4": 0.5, "5–13": 1.0, "14–26": 0.0}


def test_where_it_loses_comes_first():
    found = criticism.where_it_loses(held(network=["won", "lost"], mid=[99.0, 50.0]))
    assert found.index.tolist() == ["lost", "won"]
    assert found["ratio"].tolist() == pytest.approx([50 / 20, 1 / 20])


def test_a_wider_population_is_less_sure_and_its_medians_hardly_move():
    panel = criticism.generated(outlooks.population(), 4, 117, seed=5)
    found = criticism.sensitivity(panel, 13, 104, outlooks.population())
    assert found["width"].is_monotonic_increasing
    assert found.loc[1.0, "moved"] == 0
    assert found["moved"].max() < 0.05
