"""One origin: forecasts against outcomes, by hand, and what closed weeks and shut shops do to them."""

import numpy as np
import pytest

from barberlab.models import fold
from barberlab.models.naive import forecast
from barberlab.models.paths import NetworkPaths
from panels_made import made

ORIGIN, HORIZON = 60, 6


@pytest.fixture
def panel():
    """Two networks of two and three shops, 80 weeks, around 1,000 a week."""
    rng = np.random.default_rng(1)
    return made(rng.normal(1000, 50, (5, 80)), ["a", "a", "b", "b", "b"])


def planted(panel, draws=300, width=50.0, shift=0.0, seed=2):
    """Paths that know what comes, give or take `width`, network by network."""
    rng = np.random.default_rng(seed)
    came = np.nan_to_num(panel.revenue[:, ORIGIN : ORIGIN + HORIZON], nan=1000.0)
    for network in panel.networks:
        rows = panel.network == network
        noise = rng.normal(shift, width, (rows.sum(), HORIZON, draws))
        yield NetworkPaths(str(network), panel.location[rows], came[rows, :, None] + noise)


def judged(panel, **options) -> fold.Fold:
    return fold.judge(planted(panel, **options), panel, ORIGIN, HORIZON)


def test_a_fold_speaks_of_every_level(panel):
    told = judged(panel)
    assert {level: series.ids for level, series in told.levels.items()} == {
        "location": ("s000", "s001", "s002", "s003", "s004"),
        "network": ("a", "b"),
        "all": ("all",),
    }
    assert told.networks == ("a", "b")
    assert told.levels["location"].published.shape == (5, HORIZON + 1, 9)


def test_who_knows_what_comes_is_hardly_wrong_and_always_inside(panel):
    told = judged(panel, width=1.0).scores()
    for level in fold.LEVELS:
        assert told[level]["weeks"]["wape"] < 0.001
        assert told[level]["totals"]["coverage95"] == 1


def test_sums_are_those_of_the_same_draws(panel):
    """Draw by draw: the network's quantiles are those of the sum of its shops' draws, and so are the totals'."""
    paths = [one.paths for one in planted(panel)]
    told = judged(panel).levels
    level = fold.scores.quantiles
    np.testing.assert_allclose(told["network"].published[1, 2], level(paths[1].sum(axis=0)[2]), rtol=1e-12)
    np.testing.assert_allclose(told["location"].published[0, -1], level(paths[0][0].sum(axis=0)), rtol=1e-12)
    everything = np.concatenate(paths).sum(axis=(0, 1))
    np.testing.assert_allclose(told["all"].published[0, -1], level(everything), rtol=1e-12)


def test_a_closed_week_counts_in_neither_forecast_nor_outcome(panel):
    """Whatever is forecast for it, the scores stay, and what is published speaks of it all the same."""
    revenue = panel.revenue.copy()
    revenue[0, ORIGIN] = np.nan
    shut = made(revenue, panel.network)
    strange = [NetworkPaths(one.network, one.location, one.paths.copy()) for one in planted(shut)]
    strange[0].paths[0, 0] = 1e6
    plain, odd = judged(shut), fold.judge(strange, shut, ORIGIN, HORIZON)
    assert odd.scores() == plain.scores()
    assert plain.scores()["location"]["weeks"]["n"] == 5 * HORIZON - 1
    assert odd.levels["network"].published[0, 0].min() > 1e6


def test_each_third_has_its_own_totals(panel):
    told = judged(panel, width=1.0).levels["network"]
    thirds = [told.spans[name][0] for name in ("first_third", "second_third", "last_third")]
    np.testing.assert_allclose(sum(thirds), told.spans["totals"][0])
    expected = panel.revenue[:2, ORIGIN : ORIGIN + 2].sum()
    assert thirds[0][0] == pytest.approx(expected)


def test_mase_of_a_total_is_per_week(panel):
    """Every week 100 too high: a total of six weeks is 600 too high, which is 100 a week."""
    told = judged(panel, width=1e-9, shift=100.0).scores()
    for level in fold.LEVELS:
        assert told[level]["totals"]["mase"] == pytest.approx(told[level]["weeks"]["mase"])


def test_a_shop_shut_for_a_quarter_is_in_no_total(panel):
    revenue = panel.revenue.copy()
    revenue[1, ORIGIN - fold.STILL_TRADING : ORIGIN] = np.nan
    told = judged(made(revenue, panel.network)).levels
    alone = fold.scores.quantiles(next(planted(panel)).paths[0])
    np.testing.assert_allclose(told["network"].published[0, :-1], alone)
    assert "s001" in told["location"].ids


def test_what_is_seen_at_an_origin_holds_nothing_later(panel):
    revenue = panel.revenue.copy()
    revenue[4, :ORIGIN] = np.nan
    later = revenue.copy()
    later[:, ORIGIN:] = 7
    cuts = [fold.seen(made(values, panel.network), ORIGIN, HORIZON) for values in (revenue, later)]
    np.testing.assert_array_equal(cuts[0].revenue, cuts[1].revenue)
    assert cuts[0].location.tolist() == ["s000", "s001", "s002", "s003"]


def test_a_network_without_a_forecast_is_no_part_of_any_sum(panel):
    told = fold.judge([next(planted(panel))], panel, ORIGIN, HORIZON)
    assert told.networks == ("a",)
    np.testing.assert_array_equal(told.levels["all"].actual, told.levels["network"].actual)


def test_a_forecast_of_nobody_known_is_a_fault(panel):
    one = next(forecast(fold.seen(panel, ORIGIN, HORIZON), HORIZON, 1, 10))
    with pytest.raises(ValueError, match="of a location that the panel does not hold"):
        fold.judge([NetworkPaths("a", np.array(["s000", "zz"]), one.paths)], panel, ORIGIN, HORIZON)
    with pytest.raises(ValueError, match=r"paths of shape \(2, 5, 10\), expected 2, 6"):
        fold.judge([NetworkPaths("a", one.location, one.paths[:, :5])], panel, ORIGIN, HORIZON)
