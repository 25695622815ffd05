"""Spend per visit and lifetime value: the source's published fit, the model's laws, and recovery of planted shops."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.stats import gamma as gamma_distribution

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import spend
from barberlab.models.spend import Spends
from panels import panel


def planted(seed: int, clients: int, effects: tuple[float, ...] = (0.0,), p=6.0, q=4.0, gamma=15.0, tilt=0.0) -> Spends:
    """Clients of a known world: shop by shop, 1 to 12 repeat visits; `tilt` makes frequent clients spend more."""
    rng = np.random.default_rng(seed)
    shop = np.arange(clients) % len(effects)
    n = rng.integers(1, 13, clients)
    rate = rng.gamma(q, 1 / (gamma * np.exp(np.array(effects)[shop])))
    mean = rng.gamma(p * n, 1 / rate) / n * np.exp(tilt * (n - 6.5))
    names = tuple(f"shop {at}" for at in range(len(effects)))
    return Spends(np.arange(clients).astype(str), n, mean, shop, names)


@pytest.fixture(scope="module")
def cdnow() -> Spends:
    """The CDNOW sample's first 39 weeks, purchases of one day taken together."""
    visits = pd.read_parquet(panel("cdnow") / "sample.parquet")
    days = visits[visits["date"] <= "1997-09-30"].groupby(["client_id", "date"], as_index=False)["amount"].sum()
    return spend.client_spends(days)


def test_the_published_fit_of_the_cdnow_sample(cdnow):
    """Fader & Hardie (2013), section 5: p = 6.25, q = 3.74, gamma = 15.44 from 946 repeat buyers, printed to .01.

    Their last digit of gamma is an optimiser's: the likelihood is flat to 1e-4 along (p, gamma) there.
    """
    fit = spend.fit_spend(cdnow)
    assert fit.buyers == 946
    assert (fit.p, fit.q) == (pytest.approx(6.25, abs=0.01), pytest.approx(3.74, abs=0.01))
    assert fit.gamma == pytest.approx(15.44, abs=0.02)


def test_expected_spend_of_the_first_clients_of_the_cdnow_sample(cdnow):
    """The table printed in the documentation of lifetimes 0.11 for clients 1 to 10 of the same data."""
    printed = (24.6586, 18.9115, 35.1710, 35.1710, 35.1710, 71.4628, 18.9115, 35.1710, 27.2824, 35.1710)
    clients = np.argsort(cdnow.client.astype(int))[:10]
    expected = spend.expected_spend(spend.fit_spend(cdnow), cdnow)[clients]
    np.testing.assert_allclose(expected, printed, rtol=5e-4)


def test_the_gradient_is_that_of_the_likelihood():
    data = spend._buyers(planted(1, 60, (0.0, 0.3, -0.2)))
    at = np.array([1.5, 1.0, 2.5, 0.1, -0.2, 0.3])
    off = check_grad(lambda t: spend._loss(t, data, 0.3)[0], lambda t: spend._loss(t, data, 0.3)[1], at)
    assert off < 1e-5 * np.abs(spend._loss(at, data, 0.3)[1]).max()


def test_the_likelihood_of_a_mean_is_that_of_the_visits_it_was_taken_from():
    """n = 3: the rate integrated numerically, given which the mean of three visits is Gamma(3 p, rate 3 v)."""
    p, q, scale, n, mean = 2.5, 3.0, 12.0, 3, 9.0

    def joint(v):
        return gamma_distribution.pdf(mean, n * p, scale=1 / (n * v)) * gamma_distribution.pdf(v, q, scale=1 / scale)

    exact = np.log(quad(joint, 0, 5, epsabs=1e-14)[0])
    assert spend.log_likelihood(p, q, scale, np.array([n]), np.array([mean]))[0] == pytest.approx(exact, abs=1e-8)


def test_spend_in_cents_is_a_hundred_times_spend_in_euros():
    euros = planted(2, 400, (0.0, 0.2))
    cents = Spends(euros.client, euros.n, euros.mean * 100, euros.shop, euros.shops)
    in_euros, in_cents = (spend.expected_spend(spend.fit_spend(s), s) for s in (euros, cents))
    np.testing.assert_allclose(in_cents, in_euros * 100, rtol=1e-3)


def test_a_client_of_many_visits_keeps_an_own_mean_and_a_new_one_gets_the_shops():
    fit = spend.fit_spend(planted(3, 500, (0.0, 0.5)))
    asked = Spends(np.array(["a", "b"]), np.array([100_000, 0]), np.array([80.0, 0.0]), np.array([1, 1]), fit.shops)
    known, new = spend.expected_spend(fit, asked)
    assert known == pytest.approx(80.0, rel=1e-3)
    assert new == pytest.approx(fit.p * fit.gamma * np.exp(fit.effect[1]) / (fit.q - 1))


def test_planted_shops_are_found_inside_their_intervals():
    """40 shops, spread .2: 90 % intervals hold 90 % of 200 effects, +- 3 binomial standard errors."""
    inside, covered = 1.645, []
    for seed in range(5):
        truth = np.random.default_rng(seed).normal(0, 0.2, 40)
        fit = spend.fit_spend(planted(seed, 4_000, tuple(truth)))
        covered.append(np.abs(fit.effect - fit.effect.mean() - truth + truth.mean()) <= inside * fit.effect_sd)
        assert fit.sd == pytest.approx(0.2, rel=0.4)
        off = (np.log([fit.p, fit.q - 1]) - np.log([6, 3])) / np.sqrt(np.diag(fit.covariance)[:2])
        assert np.abs(off).max() < 3
    assert np.mean(covered) == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 200))


def test_a_shop_of_few_clients_borrows_from_the_network():
    """Two clients at twice the usual price are no new price list: their shop's effect stays well below log 2."""
    many = planted(4, 600, (0.0,) * 6)
    shop = np.append(many.shop, [6, 6])
    few = np.median(many.mean) * 2
    more = Spends(np.arange(602).astype(str), np.append(many.n, [3, 3]), np.append(many.mean, [few, few]), shop,
                  (*many.shops, "small"))  # fmt: skip
    fit = spend.fit_spend(more)
    assert 0 < fit.effect[6] < np.log(2) / 2
    assert fit.effect_sd[6] > fit.effect_sd[0]


def test_the_interval_of_expected_spend_holds_its_middle_and_narrows_with_visits():
    world = planted(5, 800)
    fit = spend.fit_spend(world)
    low, high = spend.spend_interval(fit, world, seed=1)
    middle = spend.expected_spend(fit, world)
    assert ((low < middle) & (middle < high)).mean() > 0.95
    width = (high - low) / middle
    assert width[world.n > 9].mean() < width[world.n == 1].mean()
    np.testing.assert_array_equal(low, spend.spend_interval(fit, world, seed=1)[0])


def test_spend_that_goes_with_frequency_is_said_to_fail_and_spend_that_does_not_holds():
    for seed in range(3):
        free, tilted = planted(seed, 3_000), planted(seed, 3_000, tilt=0.08)
        assert spend.independence(spend.fit_spend(free), free).holds
        verdict = spend.independence(spend.fit_spend(tilted), tilted)
        assert not verdict.holds
        assert "spend more per visit" in verdict.words


def test_the_check_of_independence_is_not_fooled_by_means_of_few_visits():
    """Under the model itself the mean's own rank correlation with n is far from 0; that of its percentile is not."""
    rhos = [spend.independence(spend.fit_spend(w), w).correlation for w in (planted(s, 3_000, p=0.7) for s in range(5))]
    assert np.abs(np.mean(rhos)) < 3 / np.sqrt(15_000)


def test_lifetime_value_by_hand():
    """One visit in each of two half years at 50 and 10 % a year: 50 / 1.1^.25 + 50 / 1.1^.75."""
    year = spend.DAYS_A_YEAR
    value = spend.lifetime_value(np.array([year / 2, year]), np.array([[1.0, 2.0]]), np.array([50.0]), 0.1)
    assert value[0] == pytest.approx(50 / 1.1**0.25 + 50 / 1.1**0.75)


def test_steps_of_a_month_discount_as_days_do():
    months, days = spend.DAYS_A_YEAR / 12 * np.arange(1, 25), spend.DAYS_A_YEAR / 360 * np.arange(1, 721)
    coarse, fine = (spend.lifetime_value(d, d[None] / 30, np.array([40.0]), 0.1)[0] for d in (months, days))
    assert coarse == pytest.approx(fine, rel=3e-4)
    assert spend.lifetime_value(months, months[None] / 30, np.array([40.0]), 0.0)[0] == pytest.approx(
        months[-1] / 30 * 40
    )


def test_a_clients_shop_is_the_one_most_visited_and_the_last_of_several():
    visits = pd.DataFrame(
        {
            "client_id": ["a", "a", "a", "b", "b"],
            "date": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01", "2025-01-01", "2025-02-01"]),
            "location_id": ["north", "south", "north", "north", "south"],
            "amount": [10.0, 20.0, 40.0, 5.0, 0.0],
        }
    )
    made = spend.client_spends(visits)
    assert [made.shops[at] for at in made.shop] == ["north", "south"]
    np.testing.assert_array_equal(made.n, [2, 0])  # first visits and visits that brought nothing do not count
    np.testing.assert_array_equal(made.mean, [30.0, 0.0])


def test_what_cannot_be_fitted_is_said():
    with pytest.raises(NotAvailable, match="20 clients who came again; there are 12"):
        spend.fit_spend(planted(1, 12))
    world = planted(1, 30)
    world.mean[3] = np.nan
    with pytest.raises(BadInput, match="not a positive number"):
        spend.fit_spend(world)
    with pytest.raises(BadInput, match="as many columns of visits"):
        spend.lifetime_value(np.array([30.0, 60.0]), np.ones((2, 3)), np.ones(2), 0.1)
    with pytest.raises(BadInput, match="yearly_discount -2"):
        spend.lifetime_value(np.array([30.0]), np.ones((2, 1)), np.ones(2), -2)
