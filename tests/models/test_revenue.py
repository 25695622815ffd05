"""The revenue forecast: what it must be whatever the data, what it borrows, and how it fares on simulated shops."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput, GateFailed, NotAvailable
from barberlab.models import revenue
from barberlab.models.panel import WEEK, Panel
from barberlab.models.population import Population
from barberlab.models.revenue_population import fit as whole_fit
from panels import panel as real_panel
from weekly_panels import shops, with_known, with_revenue

SHIPPED = Path(__file__).resolve().parents[2] / "params" / "populations" / "revenue.json"
HORIZON = 13


@cache
def population() -> Population:
    """The one that is shipped."""
    return Population.read(SHIPPED.read_text(), SHIPPED.name)


def drawn(panel: Panel, horizon: int = HORIZON, **options) -> list[revenue.NetworkPaths]:
    """The forecast with few draws."""
    return list(revenue.forecast(panel, horizon, population=population(), **{"draws": 80, **options}))


def middle(paths: revenue.NetworkPaths) -> np.ndarray:
    """(L, H) medians."""
    return np.median(paths.paths, axis=2)


def test_the_shipped_population_says_that_it_was_simulated():
    assert population().model == "revenue"
    assert population().source == "simulated"
    assert population().networks >= 20


def test_a_network_is_forecast_the_same_whoever_else_is():
    panel = shops(networks=3, shops_each=3)
    together = {paths.network: paths for paths in drawn(panel)}
    for network in panel.networks:
        (alone,) = drawn(panel.of(str(network)))
        np.testing.assert_array_equal(alone.paths, together[str(network)].paths)


def test_another_seed_gives_other_draws_and_much_the_same_median():
    panel = shops(shops_each=4)
    (one,), (other,) = drawn(panel, seed=1, draws=400), drawn(panel, seed=2, draws=400)
    assert not np.array_equal(one.paths, other.paths)
    np.testing.assert_allclose(middle(one), middle(other), rtol=0.05)


def test_revenue_in_cents_is_a_hundred_times_that_in_euros():
    panel = shops(shops_each=4)
    (euros,), (cents,) = drawn(panel), drawn(with_revenue(panel, 100 * panel.revenue))
    np.testing.assert_allclose(cents.paths, 100 * euros.paths, rtol=1e-3)


def test_a_network_is_wider_than_if_its_shops_were_independent():
    (paths,) = drawn(shops(shops_each=12), draws=400)
    total = paths.paths.sum(axis=1, dtype=float)
    assert total.sum(axis=0).var() > 1.3 * total.var(axis=1).sum()


def test_later_weeks_are_less_certain():
    (paths,) = drawn(shops(shops_each=8), horizon=40, draws=400)
    first, last = (
        np.log(paths.paths[:, weeks].sum(axis=1)).std(axis=1).mean() for weeks in (slice(8), slice(-8, None))
    )
    assert last > 1.1 * first


def test_a_closed_spell_is_missing_and_not_a_loss():
    panel = shops(shops_each=6, seed=4)
    closed = panel.revenue.copy()
    closed[0, 80:90] = np.nan
    (whole,), (gap,) = drawn(panel, draws=400), drawn(with_revenue(panel, closed), draws=400)
    np.testing.assert_allclose(middle(gap)[0], middle(whole)[0], rtol=0.06)


def test_one_absurd_week_does_not_move_the_forecast():
    panel = shops(shops_each=6, seed=4)
    absurd = panel.revenue.copy()
    absurd[0, 100] /= 60
    (whole,), (hit,) = drawn(panel, draws=400), drawn(with_revenue(panel, absurd), draws=400)
    np.testing.assert_allclose(middle(hit)[0], middle(whole)[0], rtol=0.06)


def test_no_draw_is_beyond_three_times_the_best_week():
    panel = shops(shops_each=3, noise=1.5)
    (paths,) = drawn(panel)
    assert (paths.paths.max(axis=(1, 2)) <= 3.001 * panel.revenue.max(axis=1)).all()


@pytest.mark.parametrize("weeks", [0, 1, 5, 8, 20])
def test_a_new_shop_gets_a_finite_forecast_near_its_networks_level(weeks):
    panel = shops(shops_each=10, seed=2)
    revenue_ = panel.revenue.copy()
    revenue_[3, : 120 - weeks] = np.nan
    (paths,) = drawn(with_revenue(panel, revenue_), horizon=26)
    assert np.isfinite(paths.paths).all()
    usual = np.nanmedian(revenue_)
    assert usual / 6 < middle(paths)[3, -1] < 6 * usual
    assert bool(paths.borrowed[3]) is True
    assert not paths.borrowed[0]


def test_a_shop_that_is_still_filling_up_is_expected_to_grow():
    panel = shops(shops_each=10, seed=2, trend=0.0)
    revenue_ = panel.revenue.copy()
    age = np.arange(120) - 110
    revenue_[3] *= np.where(age >= 0, 1 - 0.65 * np.exp(-np.maximum(age, 0) / 15), np.nan)
    (paths,) = drawn(with_revenue(panel, revenue_), horizon=26, draws=400)
    growth = middle(paths)[:, -6:].mean(axis=1) / np.nanmean(revenue_[:, -6:], axis=1)
    others = np.median(np.delete(growth, 3))
    assert growth[3] > 1.15 * others


def test_a_shop_without_a_year_borrows_its_networks_season():
    assert "season" in revenue.borrowed(shops(weeks=30))[0]
    assert "opening curve" in revenue.borrowed(shops(weeks=5))[0]
    assert revenue.borrowed(shops(weeks=60))[0] == ""


def test_a_network_under_half_a_year_gets_no_forecast_and_is_told_why():
    with pytest.raises(NotAvailable, match=r"net0.*needs 26 weeks of trade, it has 20"):
        drawn(shops(weeks=20))
    assert revenue.too_young(shops(weeks=26)) == {}


def test_a_population_of_another_model_is_refused():
    other = Population("churn", ("a",), (0.0,), ((1.0,),), "simulated", 1, "2025-06-30")
    with pytest.raises(BadInput, match="needs one of model 'revenue'"):
        list(revenue.forecast(shops(), HORIZON, population=other))


def test_a_known_day_off_is_foreseen():
    """A column that cut revenue by a third in the past cuts it in the horizon where it is 1 again."""
    panel = shops(shops_each=8, weeks=120, seed=6)
    strike = np.zeros((8, 120 + HORIZON, 1))
    strike[:, [15, 33, 58, 71, 96, 110, 123]] = 1.0
    hit = panel.revenue * np.where(strike[:, :120, 0] > 0, 2 / 3, 1.0)
    (paths,) = revenue.backtest_forecast(with_known(with_revenue(panel, hit), strike, "x_strike"), HORIZON, draws=200)
    weeks = middle(paths).sum(axis=0)
    assert weeks[3] / np.median(weeks) == pytest.approx(2 / 3, abs=0.08)


def test_columns_that_end_before_the_horizon_are_refused():
    panel = with_known(shops(), np.zeros((6, 125, 1)), "x_promo")
    with pytest.raises(BadInput, match="x_promo are known for 5 weeks ahead, 13 are needed"):
        drawn(panel)


def test_a_back_test_of_several_networks_shares_a_path_and_a_population_file_does_not():
    panel = shops(networks=3, shops_each=6, weeks=80)
    assert any(name.startswith("common.") for name in whole_fit(panel, shared=True).population.names)
    assert not any(name.startswith("common.") for name in revenue.fit(panel).names)


def test_hyperparameters_find_how_noisy_shops_are():
    """Planted: t with 5 degrees of freedom times .06, sd .077, and half of it."""
    for noise in (0.06, 0.03):
        found = revenue.fit(shops(shops_each=20, noise=noise, seed=1))
        scale = np.exp(found.mean[found.names.index("location.scale")])
        assert scale == pytest.approx(noise * np.sqrt(5 / 3), rel=0.25)


def test_shops_without_any_usable_history_leave_the_prior():
    """Nothing but gaps: the fit stands at its priors, within their sd, and passes its gates."""
    panel = shops(weeks=40)
    revenue_ = panel.revenue.copy()
    revenue_[:, 3::5] = revenue_[:, 4::5] = revenue_[:, 5::5] = revenue_[:, 6::5] = np.nan
    assert np.isfinite(revenue.fit(with_revenue(panel, revenue_)).mean).all()


def test_intervals_cover_what_they_promise_on_shops_of_other_rules():
    """Eight networks by rules that are not the model's; 80 % of weeks within 10 points, 95 % within 4.

    About 500 independent shop-months lie behind each figure: a sd of 2 points.
    """
    panel = shops(networks=8, shops_each=8, weeks=130, seed=9)
    past = panel.until(104, 26)
    inside80, inside95 = [], []
    for paths in revenue.backtest_forecast(past, 26, draws=200):
        came = panel.revenue[panel.network == paths.network][:, 104:]
        low95, low80, high80, high95 = np.quantile(paths.paths, (0.025, 0.1, 0.9, 0.975), axis=2)
        inside80.append((came >= low80) & (came <= high80))
        inside95.append((came >= low95) & (came <= high95))
    assert np.mean(inside80) == pytest.approx(0.80, abs=0.10)
    assert np.mean(inside95) == pytest.approx(0.95, abs=0.04)


def test_the_forecast_beats_last_years_week_on_walmart():
    """45 stores, 26 weeks from week 104: SeasonalNaive's scaled absolute error is .058 there, its scaled CRPS .036."""
    past, came = walmart(104)
    (paths,) = revenue.backtest_forecast(past, 26, draws=200)
    naive = past.revenue[:, 104 - 52 : 104 - 26]
    ours = np.abs(middle(paths) - came).sum() / came.sum()
    assert ours < 0.8 * np.abs(naive - came).sum() / came.sum()
    total = np.median(paths.paths.sum(axis=(0, 1), dtype=float))
    assert abs(total / came.sum() - 1) < 0.05


def walmart(origin: int) -> tuple[Panel, np.ndarray]:
    """(the panel as of `origin`, revenue (45, 26) that came)."""
    rows = pd.read_parquet(real_panel("walmart") / "weekly.parquet").sort_values(["location_id", "week"])
    weeks = np.sort(rows["week"].unique()).astype("datetime64[D]")
    shape = len(rows) // len(weeks), len(weeks)
    revenue_ = rows["revenue"].to_numpy(float).reshape(shape)
    known = rows["x_holiday"].to_numpy(float).reshape(*shape, 1)
    location = rows["location_id"].to_numpy(str)[:: len(weeks)]
    panel = Panel(weeks, np.repeat("walmart", shape[0]), location, revenue_, known, ("x_holiday",))
    return panel.until(origin, 26), revenue_[:, origin : origin + 26]


@pytest.mark.slow
def test_nuts_and_laplace_agree():
    """Modes within .7 of NUTS's sds of its means, and forecasts alike: medians within 1 %, widths within a tenth.

    Sds of single hyperparameters agree less well where a posterior is skewed: Laplace's of the network's noise, with
    five networks, is less than half of NUTS's. Forecasts do not notice, and they are what a back-test is about.
    """
    panel = shops(networks=5, shops_each=5, weeks=40)
    laplace = revenue.fit(panel)
    nuts = revenue.fit(panel, method="nuts", draws=700, tune=400)
    assert nuts.names == laplace.names
    sd = np.sqrt(np.diag(nuts.covariance))
    assert (np.abs(np.subtract(nuts.mean, laplace.mean)) < 0.7 * sd).all()
    low, median, high = (np.stack(each) for each in zip(*(_totals(panel, one) for one in (laplace, nuts)), strict=True))
    np.testing.assert_allclose(median[0], median[1], rtol=0.01)
    assert ((high - low)[0] / (high - low)[1]).mean() == pytest.approx(1, abs=0.1)


def _totals(panel: Panel, fitted: Population) -> np.ndarray:
    """(3, L) the 80 % interval and median of every shop's total."""
    found = revenue.forecast(panel, HORIZON, population=fitted, draws=800, population_draws=16)
    totals = np.concatenate([paths.paths.sum(axis=1, dtype=float) for paths in found])
    return np.quantile(totals, (0.1, 0.5, 0.9), axis=1)


def test_a_fit_that_runs_away_is_not_used():
    """Shops that repeat themselves to a millionth: the noise scale flees from its prior."""
    panel = shops(shops_each=6)
    constant = np.exp(8 + 1e-6 * np.random.default_rng(0).standard_normal(panel.revenue.shape))
    with pytest.raises(GateFailed, match="scale is"):
        revenue.fit(with_revenue(panel, constant))


def test_the_weeks_of_a_fitted_panel_are_not_in_its_population():
    """What leaves a network is hyperparameters: their number does not grow with shops or weeks."""
    small, large = revenue.fit(shops(weeks=60)), revenue.fit(shops(networks=4, weeks=110))
    assert len(small.mean) == len(large.mean)
    assert large.as_of == str(shops(weeks=110).weeks[-1] + WEEK - np.timedelta64(1, "D"))
