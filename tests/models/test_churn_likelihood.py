"""Is the likelihood of a client's rhythm right, to the last digits and at its edges?"""

import itertools
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import betainc, betaincc, gammaln, psi

from barberlab.errors import BadInput
from barberlab.models import rhythm, rhythm_ahead
from barberlab.models.churn_fit import maximum_likelihood
from barberlab.models.churn_likelihood import Likelihood, Regularity
from barberlab.models.histories import Histories, histories
from barbers import network, planted
from panels import panel

EXTREMES = list(
    itertools.product((0, 1, 20, 500), (0.0, 20.0, 400.0, 3000.0), (0.3, 1.0, 5.0, 30.0), (0.05, 1.0, 30.0))
)


def cdnow() -> Histories:
    return histories(pd.read_parquet(panel("cdnow") / "sample.parquet"), "1997-09-30", "weeks")


def grocery() -> Histories:
    return histories(pd.read_parquet(panel("grocery") / "visits.parquet"), "2006-12-31", "weeks")


def test_what_is_kept_compiled_is_of_the_code_that_it_calls():
    """numba keeps a function until its own file changes; rhythm_ahead calls rhythm, and so must change with it."""
    now = sha256(Path(rhythm.__file__).read_bytes()).hexdigest()[:16]
    assert now == rhythm_ahead.RHYTHM, f"rhythm.py has changed: write RHYTHM = {now!r} in rhythm_ahead.py"


def test_the_incomplete_beta_function_is_scipys():
    """To 1e-12; scipy takes x itself, so the tail of 1 - x stands in for it where x is close to 1."""
    rng = np.random.default_rng(0)
    s, k = np.exp(rng.uniform(-3, 9, 5000)), np.exp(rng.uniform(-1.2, 3.5, 5000))
    x = np.where(rng.random(5000) < 0.7, rng.beta(s, k), rng.random(5000)).clip(1e-12, 0.99)
    y = (1 - x) / x
    ours = [np.exp(rhythm.log_survival(*at, rhythm.log_inverse_beta(*at[:2]))) for at in zip(s, k, y, strict=True)]
    scipys = np.where(x < 0.5, betainc(s, k, 1 / (1 + y)), betaincc(k, s, y / (1 + y)))
    np.testing.assert_allclose(ours, scipys, rtol=0, atol=1e-12)


def test_gamma_functions_are_scipys():
    rng = np.random.default_rng(1)
    for s, k in zip(np.exp(rng.uniform(-4, 9, 300)), np.exp(rng.uniform(-1, 3, 300)), strict=True):
        assert rhythm.digamma(s) == pytest.approx(psi(s), rel=1e-13, abs=1e-13)
        value, slope = rhythm.rise(k, int(s) % 40)
        assert value == pytest.approx(gammaln(k + int(s) % 40) - gammaln(k), abs=1e-11)
        assert slope == pytest.approx(psi(k + int(s) % 40) - psi(k), abs=1e-11)


@pytest.mark.parametrize(
    ("data", "k", "variant", "r", "alpha", "a", "b", "log_likelihood"),
    [
        (cdnow, 1, "bg", 0.2426, 4.4137, 0.7930, 2.4262, -9582.429),
        (cdnow, 1, "mbg", 0.5248, 6.1831, 0.8914, 1.6140, -9582.136),
        (grocery, 1, "bg", 0.3486, 2.5809, 0.5038, 3.6444, -15836.566),
        (grocery, 2, "bg", 0.3591, 1.1294, 0.5228, 2.7853, -15054.173),
        (grocery, 1, "mbg", 1.2568, 6.0385, 0.3683, 0.7157, -15781.939),
        (grocery, 2, "mbg", 1.3292, 2.8126, 0.4247, 0.7900, -14978.211),
    ],
)
def test_maximum_likelihood_gives_the_published_fits(data, k, variant, r, alpha, a, b, log_likelihood):
    """CDNOW, 39 weeks: Fader, Hardie & Lee (2005), Marketing Science 24(2), table 2: .243, 4.414, .793, 2.426, -9582.4.

    Its further digits and all others: R package BTYDplus @d5eda8f, `bgcnbd.EstimateParameters` and
    `mbgcnbd.EstimateParameters`, in R 4.2.2; grocery is its own `groceryElog`, cut at 2006-12-31.
    """
    found = maximum_likelihood(data(), k, variant)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((r, alpha, a, b), rel=1e-3)


def test_a_real_k_finds_the_regularity_of_groceries_between_two_and_three():
    """-14978.211 at k = 2 (above) and lower at k = 3: the best k is between, and gains 47 log units."""
    found = maximum_likelihood(grocery())
    assert found.log_likelihood >= -14931.11
    assert found.k == pytest.approx(2.4226, abs=1e-3)


def test_records_are_bought_without_rhythm():
    """k = 1 within two standard errors: BTYDplus's own demonstration finds none in CDNOW."""
    assert maximum_likelihood(cdnow()).k == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("k", ["real", "mixture", 3])
@pytest.mark.parametrize("variant", ["mbg", "bg"])
def test_the_gradient_is_that_of_the_value(k, variant):
    h = network(planted(0, shops=3), 200, seed=0, on_dropout=1.0)
    like = Likelihood(h, h.z - 0.5, Regularity(k), variant)
    shops, shared = np.array([[-3.3, -1.5], [-3.0, -2.0], [-3.5, -1.0]]), np.linspace(0.9, 0.3, like.free)
    at = like(shops, shared)

    def slope(move_shops, move_shared, step=1e-5):
        up = like(shops + step * move_shops, shared + step * move_shared)
        down = like(shops - step * move_shops, shared - step * move_shared)
        return (up.value - down.value) / (2 * step)

    numeric = [slope(0, one) for one in np.eye(like.free)]
    np.testing.assert_allclose(at.shared, numeric, rtol=1e-6, atol=1e-6 * np.abs(at.shared).max())
    numeric = [slope(one.reshape(3, 2), 0) for one in np.eye(6)]
    np.testing.assert_allclose(at.shops.ravel(), numeric, rtol=1e-6, atol=1e-6 * np.abs(at.shops).max())


@pytest.mark.parametrize("first", [0, 1])
def test_the_likelihood_is_finite_in_extreme_states(first):
    assert len(EXTREMES) == 192
    for x, silence, k, r in EXTREMES:
        parts = rhythm.log_likelihood(
            np.array([x]), np.array([21.0 * x]), np.array([silence]), np.array([x * np.log(21.0)]), np.array([-3.0]),
            np.array([-1.5]), np.log(r), 1.0, np.log([k]), np.zeros(1), first,
        )  # fmt: skip
        assert all(np.isfinite(part).all() for part in parts), (x, silence, k, r)


def test_doubling_the_clients_doubles_the_log_likelihood():
    h = network(planted(0, shops=3), 200, seed=0)
    like, twice = (
        Likelihood(some, some.z, Regularity("real"), "mbg") for some in (h, h.take(np.tile(np.arange(200), 2)))
    )
    at = np.tile([-3.0, -1.5], (3, 1)), np.array([1.0, 1.0, 1.0])
    assert twice(*at).value == pytest.approx(2 * like(*at).value, rel=1e-12)


def test_the_unit_of_time_does_not_matter():
    days, weeks = (maximum_likelihood(histories(pd.read_parquet(panel("cdnow") / "sample.parquet"), "1997-09-30", unit))
                   for unit in ("days", "weeks"))  # fmt: skip
    repeats = 2457
    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-3)
    assert days.log_likelihood == pytest.approx(weeks.log_likelihood - repeats * np.log(7), abs=0.01)


@pytest.mark.parametrize("k", ["regular", 0, -1, True, float("nan")])
def test_a_k_that_is_none_is_refused(k):
    with pytest.raises(BadInput, match="it is 'real', 'mixture' or a number above 0"):
        Regularity(k)


def test_an_unknown_variant_is_refused():
    h = network(planted(0, shops=3), 50, seed=0)
    with pytest.raises(BadInput, match="variant 'pareto' is unknown; known are mbg, bg"):
        Likelihood(h, h.z, Regularity("real"), "pareto")
