"""Scenarios on the forecast's own draws: laws of each lever, and how often the paired interval is right."""

import numpy as np
import pytest
from scipy import stats

from barberlab.errors import BadInput
from barberlab.models import assumptions, scenarios
from barberlab.models.scenarios import (
    Campaign,
    Closure,
    LostBarber,
    MoreChairs,
    OpeningHours,
    Price,
    adstock,
    play,
    with_measured,
)

SHOPS, WEEKS, DRAWS = 3, 12, 800


@pytest.fixture
def paths() -> np.ndarray:
    """Three shops around 1,000 a week whose level alone is unsure by a fifth."""
    rng = np.random.default_rng(1)
    return 1000 * np.exp(rng.normal(0, 0.2, (SHOPS, 1, DRAWS)) + rng.normal(0, 0.05, (SHOPS, WEEKS, DRAWS)))


def chairs(more=1, capacity=1e9, **options) -> MoreChairs:
    return MoreChairs(np.full(SHOPS, 4), np.full(SHOPS, float(capacity)), more, **options)


def total(told) -> np.ndarray:
    return told.difference.sum(axis=(0, 1))


NOTHING = [Price(0.0), chairs(more=0), LostBarber(0.0), OpeningHours(0.0), Campaign([0.0] * WEEKS), Closure(0)]
SOMETHING = [Price(0.08), chairs(), LostBarber(0.3), OpeningHours(0.1), Campaign([1, 0, 0, 1]), Closure(2, start=3)]
KINDS = [type(lever).__name__ for lever in SOMETHING]


@pytest.mark.parametrize("lever", NOTHING, ids=KINDS)
def test_no_change_makes_no_difference(paths, lever):
    assert not play(paths, lever, 1).difference.any()


@pytest.mark.parametrize("lever", SOMETHING, ids=KINDS)
def test_the_paired_interval_is_narrower_than_that_of_two_forecasts(paths, lever):
    """Two forecasts with draws of their own: the difference of totals has the variance of both."""
    told = play(paths, lever, 1)
    low, _, high = told.total(0.8)
    shuffled = np.random.default_rng(2).permutation(DRAWS)
    apart = told.paths.sum(axis=(0, 1)) - paths.sum(axis=(0, 1))[shuffled]
    assert high - low < 0.5 * np.ptp(np.quantile(apart, [0.1, 0.9]))


@pytest.mark.parametrize("lever", SOMETHING, ids=KINDS)
def test_with_and_without_differ_by_the_difference_draw_by_draw(paths, lever):
    told = play(paths, lever, 1)
    np.testing.assert_allclose(told.paths - told.difference, paths, rtol=1e-9)
    assert told.paths.min() >= 0


@pytest.mark.parametrize("lever", SOMETHING, ids=KINDS)
def test_money_in_another_unit_is_the_same_scenario(paths, lever):
    if isinstance(lever, MoreChairs):
        lever = chairs(capacity=1200)
    other = chairs(capacity=1200 * 100) if isinstance(lever, MoreChairs) else lever
    np.testing.assert_allclose(
        play(paths * 100, other, 1).difference, 100 * play(paths, lever, 1).difference, atol=1e-6
    )


@pytest.mark.parametrize("lever", SOMETHING, ids=KINDS)
def test_shops_that_are_left_alone_do_not_change(paths, lever):
    one = np.array([False, True, False])
    told = play(paths, scenarios.replace(lever, shops=one), 1)
    assert not told.difference[~one].any()
    np.testing.assert_array_equal(told.difference[one], play(paths, lever, 1).difference[one])


@pytest.mark.parametrize("lever", SOMETHING, ids=KINDS)
def test_the_same_seed_gives_the_same_numbers(paths, lever):
    np.testing.assert_array_equal(play(paths, lever, 1).paths, play(paths, lever, 1).paths)
    if not isinstance(lever, Closure):
        assert (play(paths, lever, 1).paths != play(paths, lever, 2).paths).any()


# Each lever


def test_a_price_by_hand(paths):
    """10 % dearer at an elasticity of -1/2: revenue times 1.1^(1/2) = 1.0488, on half of it 1.0244."""
    sure = with_measured(Price(0.1), "price elasticity", -0.5, 0.0, "a test")
    np.testing.assert_allclose(play(paths, sure, 1).paths / paths, 1.1**0.5)
    half = scenarios.replace(sure, share=0.5, start=4)
    ratio = play(paths, half, 1).paths / paths
    np.testing.assert_allclose(ratio[:, :4], 1)
    np.testing.assert_allclose(ratio[:, 4:], 1 + (1.1**0.5 - 1) / 2)


def test_at_an_elasticity_of_minus_one_no_price_changes_revenue(paths):
    lever = with_measured(Price(0.2), "price elasticity", -1.0, 0.0, "a test")
    assert abs(play(paths, lever, 1).difference).max() < 1e-9


def test_dearer_is_better_the_less_visits_fall(paths):
    gains = [
        play(paths, with_measured(Price(0.1), "price elasticity", e, 0.0, "a test"), 1) for e in (-0.9, -0.5, -0.1)
    ]
    assert (np.diff([total(told) for told in gains], axis=0) > 0).all()


def test_a_chair_brings_no_more_than_it_holds_and_no_more_than_is_asked_for(paths):
    """Each draw stays at or below what was asked for, and what is above the new capacity stays as it was."""
    sure = with_measured(chairs(capacity=900), "unmet demand", 0.2, 0.0, "a list")
    told = play(paths, sure, 1).paths
    assert (told <= 1.2 * paths + 1e-9).all()
    assert (told <= np.maximum(900 * 5 / 4, paths) + 1e-9).all()
    assert (told >= paths).all()
    assert (told > paths).any()


def test_in_an_empty_shop_a_chair_brings_nothing(paths):
    nobody = with_measured(chairs(), "unmet demand", 0.0, 0.0, "a list")
    assert not play(paths, nobody, 1).difference.any()


def test_a_chair_fills_slowly(paths):
    told = with_measured(chairs(start=2), "weeks to fill", 3.0, 0.0, "earlier chairs")
    gain = play(np.full((SHOPS, WEEKS, DRAWS), 1000.0), told, 1).difference.mean(axis=(0, 2))
    assert gain[:2].tolist() == [0, 0]
    assert (np.diff(gain[1:]) > 0).all()
    assert gain[4] / gain[2] == pytest.approx((1 - np.exp(-1)) / (1 - np.exp(-1 / 3)))


def test_a_barber_whose_clients_all_stay_is_not_missed_in_revenue(paths):
    stays = with_measured(LostBarber(0.4), "recapture", 1.0, 0.0, "earlier departures")
    goes = with_measured(LostBarber(0.4, start=3, weeks=2), "recapture", 0.0, 0.0, "earlier departures")
    assert not play(paths, stays, 1).difference.any()
    ratio = play(paths, goes, 1).paths / paths
    np.testing.assert_allclose(ratio[0, :, 0], [1, 1, 1, 0.6, 0.6] + 7 * [1])


def test_hours_by_hand(paths):
    lever = with_measured(OpeningHours(0.1), "hours elasticity", 1.0, 0.0, "a trial")
    np.testing.assert_allclose(play(paths, lever, 1).paths, 1.1 * paths)


def test_adstock_by_hand():
    """Broadbent: half of it is left each week; 1, 1/2, then 1 + 1/4, then 5/8."""
    np.testing.assert_allclose(adstock([1, 0, 1], np.array([0.5, 0.0]), 4), [[1, 1], [0.5, 0], [1.25, 1], [0.625, 0]])


def test_a_campaign_fades(paths):
    gain = (play(paths, Campaign([1]), 1).paths / paths).mean(axis=(0, 2)) - 1
    assert gain[0] == pytest.approx(0.03, abs=0.001)
    assert (np.diff(gain) < 0).all()


def test_a_closure_of_all_weeks_loses_all_revenue(paths):
    np.testing.assert_array_equal(play(paths, Closure(WEEKS), 1).difference, -paths)


def test_what_is_postponed_comes_in_the_four_weeks_after(paths):
    lever = with_measured(Closure(2, start=3), "postponed visits", 0.4, 0.0, "earlier closures")
    told = play(paths, lever, 1).difference
    np.testing.assert_array_equal(told[:, 3:5], -paths[:, 3:5])
    np.testing.assert_allclose(told[:, 5:9].sum(axis=1), 0.4 * paths[:, 3:5].sum(axis=1))
    assert not told[:, :3].any()
    assert not told[:, 9:].any()


def test_two_changes_are_one_after_the_other(paths):
    both = play(paths, [Price(0.05), LostBarber(0.2)], 1)
    after = play(play(paths, Price(0.05), 1).paths, LostBarber(0.2), 1)
    np.testing.assert_array_equal(both.paths, after.paths)
    assert [one.name for one in both.assumptions] == ["price elasticity", "recapture"]
    assert both.words == "prices +5%, a barber with 20% of revenue leaves"


# What it says


def test_a_planted_effect_lies_in_the_paired_interval_as_often_as_it_says():
    """400 shops whose true elasticity comes from the prior, and whose weeks from the forecast's own distribution."""
    rng = np.random.default_rng(3)
    truth = np.minimum(rng.normal(-0.5, 0.25, 400), 0)
    inside = []
    for seed, elasticity in enumerate(truth):
        level = rng.normal(0, 0.2, 201)[:, None] + rng.normal(0, 0.05, (201, 6))
        drawn = 1000 * np.exp(level.T[None])
        low, _, high = play(drawn[:, :, 1:], Price(0.1), seed).total(0.8)
        inside.append(low <= drawn[:, :, 0].sum() * (1.1 ** (1 + elasticity) - 1) <= high)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)  # 2.5 standard errors of 400


def test_totals_and_shops_are_quantiles_of_the_same_differences(paths):
    told = play(paths, Price(0.1), 1)
    assert told.total(0.95) == pytest.approx(tuple(np.quantile(total(told), [0.025, 0.5, 0.975])))
    np.testing.assert_allclose(told.by_shop(0.8)[1], np.quantile(told.difference[1].sum(axis=0), [0.1, 0.5, 0.9]))
    assert play(paths, LostBarber(0.1), 1).chance_of_gain() == 0


def test_two_prices_share_the_draws_of_their_elasticity(paths):
    """So that 10 % can be compared with 5 % in pairs: wherever one is a gain, so is the other."""
    five, ten = (play(paths, Price(change), 1) for change in (0.05, 0.1))
    assert ((total(five) > 0) == (total(ten) > 0)).all()


def test_every_assumption_is_carried_with_its_source(paths):
    for lever in SOMETHING:
        for one in play(paths, lever, 1).assumptions:
            assert (one.standing, bool(one.source), bool(one.about)) == (assumptions.ASSUMED, True, True)


def test_an_experiment_replaces_an_assumption_and_sharpens_the_answer(paths):
    measured = with_measured(Price(0.1), "price elasticity", -0.7, 0.05, "price test, 22 shops, spring 2025")
    told = play(paths, measured, 1)
    (one,) = told.assumptions
    assert (one.standing, one.source) == (assumptions.MEASURED, "price test, 22 shops, spring 2025")
    assert np.ptp(told.total(0.8)) < np.ptp(play(paths, Price(0.1), 1).total(0.8))


@pytest.mark.parametrize("one", [one for lever in SOMETHING for one in lever.assumptions], ids=lambda one: one.name)
def test_draws_have_the_mean_and_spread_that_is_said(one):
    drawn = one.draw(1, 4000)
    if one.family == assumptions.NORMAL:
        exact = stats.truncnorm((one.low - one.mean) / one.sd, (one.high - one.mean) / one.sd, one.mean, one.sd)
        assert drawn.mean() == pytest.approx(exact.mean(), rel=0.01)
    else:
        # one draw from each of 4,000 slices: the mean is known far better than of independent ones
        assert (drawn.mean(), drawn.std()) == (pytest.approx(one.mean, rel=0.01), pytest.approx(one.sd, rel=0.02))


def test_no_price_elasticity_is_above_zero():
    assert assumptions.ELASTICITY.draw(1, 4000).max() <= 0


# What is refused

REFUSED = {
    "price change: found -1.0, it must be above -1": lambda: Price(-1.0),
    "share of revenue: found 1.5, it must be between 0 and 1": lambda: Price(0.1, share=1.5),
    "share of the barber: found -0.1, it must be between 0 and 1": lambda: LostBarber(-0.1),
    "change of hours: found -1, it must be above -1": lambda: OpeningHours(-1),
    "units of campaign: found -1.0, it must be 0 or more": lambda: Campaign([1, -1]),
    "weeks of closure: found -1, it must be 0 or more": lambda: Closure(-1),
    "capacity: found 0.0, it must be above 0 in each shop": lambda: chairs(capacity=0),
    "more chairs: found -1, it must be 0 or more; a lost one is LostBarber": lambda: chairs(more=-1),
    "rests on price elasticity, not on 'recapture'": lambda: with_measured(Price(0.1), "recapture", 0.5, 0.1, "a"),
    "a beta cannot have mean 0.5 and sd 0.5": lambda: with_measured(LostBarber(0.1), "recapture", 0.5, 0.5, "a"),
    "cannot have mean 0.5 and sd 0.1 between -inf and 0.0": lambda: with_measured(
        Price(0.1), "price elasticity", 0.5, 0.1, "a"
    ),
    "says no source": lambda: with_measured(Price(0.1), "price elasticity", -0.5, 0.1, " "),
    "mean nan and sd 0.1 must be finite": lambda: with_measured(Price(0.1), "price elasticity", np.nan, 0.1, "a"),
    "start: found 12, it must be a week of the horizon, 0 to 11": lambda: play(np.ones((1, 12, 2)), Price(0.1, 12), 1),
    "shops has shape (2,), expected a value for each of 1": lambda: play(
        np.ones((1, 12, 2)), Price(0.1, shops=np.ones(2, bool)), 1
    ),
    "price elasticity is assumed in two ways": lambda: play(
        np.ones((1, 12, 2)), [Price(0.1), with_measured(Price(0.1), "price elasticity", -1, 0, "a")], 1
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(words):
    with pytest.raises(BadInput) as told:
        REFUSED[words]()
    assert words in str(told.value)
