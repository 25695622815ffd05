"""Do shops learn from their network what they cannot know themselves, and say how sure they are?"""

from dataclasses import replace

import numpy as np
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import churn
from barberlab.models.churn_fit import fit, maximum_likelihood
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.churn_prior import NAMES
from barberlab.models.histories import Histories
from barberlab.models.population import SIMULATED, Population
from barbers import Truth, network, planted

SHOPS, NINETY = 40, 1.645


def planted_shops(truth: Truth) -> np.ndarray:
    return np.column_stack([truth.log_rate, truth.logit_dropout])


def error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def alone(h: Histories, shop: int) -> Histories:
    one = h.take(h.location == shop)
    return replace(one, location=np.zeros(len(one), np.int64), locations=("alone",))


def test_shop_effects_are_covered_as_often_as_promised_and_closer_than_alone():
    """Ten networks of 40 shops and 4,000 clients with a known truth: 90 % intervals hold it in .85 to .95 of cases.

    The drop-out is at most .75 times as far off, root mean square, as each shop's own maximum likelihood.
    """
    covered, ours, own = [], [], []
    for seed in range(10):
        truth = planted(seed, SHOPS)
        h = network(truth, 4000, seed)
        post = fit(h, seed=seed)
        covered.append(np.abs(post.shop_mean - planted_shops(truth)) < NINETY * post.shop_sd)
        by_itself = [maximum_likelihood(alone(h, shop)) for shop in range(SHOPS)]
        ours.append(error(post.shop_mean[:, 1], truth.logit_dropout))
        own.append(error(np.array([np.log(one.a / one.b) for one in by_itself]), truth.logit_dropout))
    assert ((np.mean(covered, axis=(0, 1)) >= 0.85) & (np.mean(covered, axis=(0, 1)) <= 0.95)).all()
    assert np.mean(ours) <= 0.75 * np.mean(own)


@pytest.mark.slow
def test_shops_are_closer_than_fits_of_their_own_with_the_same_prior():
    """Against the harder peer: the same fit and prior, a shop at a time."""
    ours, own = [], []
    for seed in range(10):
        truth = planted(seed, SHOPS)
        h = network(truth, 4000, seed)
        ours.append(error(fit(h).shop_mean[:, 1], truth.logit_dropout))
        by_itself = np.array([fit(alone(h, shop)).shop_mean[0, 1] for shop in range(SHOPS)])
        own.append(error(by_itself, truth.logit_dropout))
    assert np.mean(ours) <= 0.75 * np.mean(own)


def test_what_shops_share_is_recovered():
    truth = planted(3, SHOPS)
    post = fit(network(truth, 8000, seed=3))
    draws = post.draws
    for found, planted_value in ((draws.log_r, truth.r), (draws.log_kappa, truth.kappa), (draws.log_k[:, 0], truth.k)):
        assert abs(found.mean() - np.log(planted_value)) < 3 * found.std()
    assert post.sd_between == pytest.approx([0.14, 0.42], rel=0.35)


def test_a_small_shop_is_drawn_to_its_network_and_a_large_one_is_not():
    truth = Truth(np.log(np.full(12, 1 / 25)), np.r_[-1.6 + 0.3 * np.linspace(-1, 1, 10), 0.6, 0.6])
    h = network(truth, 6000, seed=5)
    small = h.location == 10
    h = h.take(~small | (np.cumsum(small) <= 15))
    found = fit(h).shop_mean[:, 1]
    assert found[10] < found[11]
    assert found[11] == pytest.approx(0.6, abs=0.35)


def test_the_order_of_clients_does_not_matter():
    h = network(planted(2, 5), 1000, seed=2)
    a, b = fit(h), fit(h.take(np.random.default_rng(0).permutation(len(h))))
    np.testing.assert_allclose(a.shop_mean, b.shop_mean, atol=2e-3)
    assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=0.05)


def test_the_same_seed_gives_the_same_draws():
    h = network(planted(2, 5), 500, seed=2)
    one, two, other = fit(h, seed=1), fit(h, seed=1), fit(h, seed=2)
    np.testing.assert_array_equal(one.draws.log_rate, two.draws.log_rate)
    assert not np.array_equal(one.draws.log_rate, other.draws.log_rate)


def test_the_unit_of_time_does_not_matter():
    days = network(planted(2, 5), 1000, seed=2)
    weeks = replace(days, t_x=days.t_x / 7, T=days.T / 7, log_gaps=days.log_gaps - days.x * np.log(7), unit="weeks")
    a, b = (churn.probability_no_visit(fit(h), h, 90) for h in (days, weeks))
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_a_no_show_is_a_sign_of_leaving():
    """An effect of 0.8 on the logit of drop-out, on a 0/1 covariate that is standardised (sd 1/2)."""
    h = network(planted(4, 10), 6000, seed=4, on_dropout=0.8)
    effects = fit(h).draws
    assert effects.on_dropout.mean() == pytest.approx(0.4, abs=3 * effects.on_dropout.std())
    assert effects.on_dropout.mean() > 4 * effects.on_dropout.std()
    assert abs(effects.on_rate.mean()) < 3 * effects.on_rate.std()


def test_a_covariate_that_never_varies_changes_nothing():
    h = network(planted(2, 5), 500, seed=2)
    same = replace(h, z=np.ones((len(h), 1)), covariates=("z_one",))
    a, b = (churn.probability_no_visit(fit(some), some, 90) for some in (h, same))
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_regularity_may_be_given_or_mixed():
    h = network(planted(2, 5), 2000, seed=2)
    one, real, mixed = (fit(h, k=k) for k in (1, "real", "mixture"))
    assert np.exp(one.centre.log_k).tolist() == [[1.0]]
    assert real.log_likelihood > one.log_likelihood + 100, "visits were planted with k = 4"
    shares = np.exp(mixed.centre.log_weight[0])
    assert shares.sum() == pytest.approx(1)
    assert np.exp(mixed.centre.log_k[0])[shares.argmax()] == 4


def test_a_population_stands_in_for_data_that_are_few():
    """Thirty clients of one shop: with a population that is sure of itself, the shop is what the population says."""
    h = network(planted(0, 1), 30, seed=0)
    mean = (np.log(1 / 12), -3.0, 1.0, 1.5, 1.2, np.log(0.1), np.log(0.1))
    sure = Population("churn", NAMES, mean, tuple(map(tuple, 1e-4 * np.eye(7))), SIMULATED, 50, "2026-06-30")
    found = fit(h, population=sure)
    np.testing.assert_allclose(found.shop_mean[0], mean[:2], atol=0.25)
    assert np.exp(found.centre.log_k[0, 0]) == pytest.approx(np.exp(1.2), rel=0.05)
    assert np.abs(fit(h).shop_mean[0] - mean[:2]).max() > 0.5


def test_a_population_of_another_model_is_refused():
    names = ("log_level",)
    other = Population("revenue", names, (0.0,), ((1.0,),), SIMULATED, 50, "2026-06-30")
    with pytest.raises(BadInput, match="population 'revenue' holds log_level; client churn needs log_rate"):
        fit(network(planted(0, 1), 50, seed=0), population=other)


def test_too_few_clients_and_none_who_came_back_are_not_available():
    few, many = (network(planted(0, 1), clients, seed=0) for clients in (29, 60))
    nobody = replace(many, x=np.zeros_like(many.x), t_x=np.zeros(60), log_gaps=np.zeros(60))
    for h in (few, nobody):
        with pytest.raises(NotAvailable, match="Client churn: not available: needs 30 clients, and some who came back"):
            fit(h)


def test_a_posterior_says_what_it_stands_for():
    h = network(planted(2, 5), 500, seed=2)
    post: ChurnPosterior = fit(h, draws=24)
    assert len(post.draws) == 24
    assert post.draws.log_rate.shape == (24, 6), "the last is a shop never seen"
    assert post.shop_mean.shape == post.shop_sd.shape == (5, 2)
