"""Does the fast fit say what sampling says?"""

import numpy as np
import pytest

from barberlab.models import churn
from barberlab.models.churn_audit import audit, build
from barberlab.models.churn_fit import fit, found, prepared
from barbers import network, planted


@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_the_sampled_model_has_the_gradient_of_its_density():
    h = network(planted(0, 3), 150, seed=0, on_dropout=0.5)
    like, prior, _ = prepared(h, "real", "mbg", None)
    model = build(like, prior, found(like, prior, "mbg")[0], fit(h))
    value, slope = model.compile_logp(mode="FAST_COMPILE"), model.compile_dlogp(mode="FAST_COMPILE")
    point = model.initial_point()
    by_hand = []
    for name, at in point.items():
        for place in np.ndindex(at.shape):
            up, down = ({**point, name: at + sign * 1e-5 * _one(at, place)} for sign in (1, -1))
            by_hand.append((value(up) - value(down)) / 2e-5)
    np.testing.assert_allclose(slope(point), by_hand, rtol=1e-5, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_the_fast_fit_agrees_with_sampling():
    """A network of 1,000 clients in ten shops: shops within half a posterior sd, their sds within 15 %.

    And of each client the chance of no visit in 90 days within .01; the sampler passed every gate.
    """
    h = network(planted(1, 10), 1000, seed=1)
    fast, sampled = fit(h), audit(h, seed=1)
    assert (np.abs(fast.shop_mean - sampled.shop_mean) < 0.5 * sampled.shop_sd).all()
    np.testing.assert_allclose(fast.shop_sd, sampled.shop_sd, rtol=0.15)
    one, other = (churn.probability_no_visit_range(post, h, 90).mean for post in (fast, sampled))
    np.testing.assert_allclose(one, other, atol=0.01)


def _one(like: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    ones = np.zeros_like(like)
    ones[place] = 1.0
    return ones
