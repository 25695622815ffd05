"""SeasonalNaive: its published intervals, its totals, and shops that are new, shut or sold out of history."""

import numpy as np
import pytest

from barberlab.errors import NotAvailable
from barberlab.models.naive import SEASON, forecast
from panels_made import made

DRAWS = 4000


def only(panel, horizon, draws=DRAWS, seed=1) -> np.ndarray:
    """The paths (L, H, S) of a panel of one network."""
    return next(forecast(panel, horizon, seed, draws)).paths


@pytest.fixture
def history() -> np.ndarray:
    """Three shops with a season over 130 weeks, whose noise of 8 % a week they share by half."""
    rng = np.random.default_rng(1)
    season = 1 + 0.2 * np.sin(2 * np.pi * np.arange(130) / SEASON)
    noise = rng.normal(0, 0.08, (3, 130)) * 0.5**0.5 + rng.normal(0, 0.08, (1, 130)) * 0.5**0.5
    return np.array([[1000.0], [2000], [3000]]) * season * (1 + noise)


def test_a_week_is_as_last_year_give_or_take_the_changes_between_years(history):
    """Forecasting: Principles and Practice, 5.2 and 5.5: mean y_(t-52), variance that of y_t - y_(t-52) about zero."""
    paths = only(made(history), 26)
    sd = np.sqrt(((history[:, SEASON:] - history[:, :-SEASON]) ** 2).mean(axis=1))
    np.testing.assert_allclose(np.median(paths, axis=2), history[:, 78:104], rtol=1e-9)
    # 4,000 draws know a standard deviation to 1.1 %, 26 weeks of them somewhat better
    np.testing.assert_allclose(paths.std(axis=2).mean(axis=1), sd, rtol=0.03)


def test_two_years_ahead_is_twice_the_variance(history):
    paths = only(made(history), 2 * SEASON)
    ratio = paths[:, SEASON:].var(axis=2).mean() / paths[:, :SEASON].var(axis=2).mean()
    assert ratio == pytest.approx(2, rel=0.05)


def test_shops_that_moved_together_do_so_in_the_draws(history):
    """Half of the noise is shared: changes correlate by about a half, and so do draws of one week."""
    changes = history[:, SEASON:] - history[:, :-SEASON]
    paths = only(made(history), 8)
    drawn = np.mean([np.corrcoef(paths[:, h])[0, 1] for h in range(8)])
    lengths = np.sqrt((changes**2).sum(axis=1))
    assert drawn == pytest.approx(changes[0] @ changes[1] / (lengths[0] * lengths[1]), abs=0.05)


def test_totals_are_as_wide_as_years_that_drift_apart():
    """A shop that is 10 % above or below its last year all year long: a total is as unsure as one of its weeks."""
    drift = np.repeat([1.0, 1.1, 0.99, 1.09], SEASON)[None]
    paths = only(made(1000 * drift), 13)
    relative = paths.sum(axis=1).std() / paths.sum(axis=1).mean()
    assert relative > 0.8 * (paths[0, 0].std() / paths[0, 0].mean())


def test_a_week_that_was_shut_last_year_is_as_the_year_before(history):
    shut = history.copy()
    shut[0, 78] = np.nan
    paths = only(made(shut), 26)
    assert np.median(paths[0, 0]) == pytest.approx(history[0, 26], rel=0.02)
    assert paths[0, 0].var() / paths[0, 1].var() == pytest.approx(2, rel=0.15)


def test_a_shop_without_a_year_is_as_its_last_week_and_ever_less_sure(history):
    young = history.copy()
    young[0, :-20] = np.nan
    young[0, -1] = np.nan
    paths = only(made(young), 16)
    assert np.median(paths[0], axis=1) == pytest.approx(np.full(16, history[0, -2]), rel=0.05)
    assert paths[0, 15].std() / paths[0, 0].std() == pytest.approx(4, rel=0.1)


def test_a_shop_of_one_week_borrows_the_size_of_chance(history):
    new = history.copy()
    new[0, :-1] = np.nan
    paths = only(made(new), 4)
    assert np.isfinite(paths).all()
    assert paths[0, 0].std() > 0


def test_nothing_negative_is_forecast():
    wild = np.random.default_rng(2).gamma(0.3, 100, (2, 120)) + 1
    assert only(made(wild), 26).min() == 0


def test_networks_may_be_forecast_apart(history):
    panel = made(history, ["a", "a", "b"])
    whole = {told.network: told.paths for told in forecast(panel, 6, 1, 50)}
    np.testing.assert_array_equal(whole["a"], only(panel.until(130, 6).take(np.arange(2)), 6, 50))


def test_a_shop_that_never_traded_is_not_forecast(history):
    with_none = np.concatenate([history, np.full((1, 130), np.nan)])
    assert next(forecast(made(with_none), 2, 1, 5)).location.tolist() == ["s000", "s001", "s002"]


def test_three_weeks_tell_nothing_of_chance():
    with pytest.raises(NotAvailable, match="needs a location with 4 weeks in a row"):
        only(made([[1.0, 2, 3]]), 2)
