"""Does knowledge cross from network to network as hyperparameters, and help a small one?"""

from dataclasses import replace

import numpy as np
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.churn_fit import fit
from barberlab.models.churn_population import FEWEST, population
from barberlab.models.churn_prior import NAMES
from barberlab.models.population import SIMULATED, Population
from barbers import network, planted


@pytest.fixture(scope="module")
def fitted():
    """Fifteen networks of ten shops, and the truth they were drawn from."""
    return [fit(network(planted(seed, 10), 800, seed), draws=12) for seed in range(FEWEST + 1)]


def test_a_population_holds_what_its_networks_were_drawn_from(fitted):
    """r = 4, kappa = 3, k = 4; a visit in 25 days; drop-out's logit -1.6, each within two standard deviations."""
    found = population(fitted, SIMULATED, "2026-06-30")
    planted_mean = np.r_[np.log(1 / 25), -1.6, np.log([4, 3, 4, 0.14, 0.42])]
    assert (np.abs(np.array(found.mean) - planted_mean) < 2 * np.sqrt(np.diag(found.covariance))).all()
    assert (found.networks, found.names) == (FEWEST + 1, NAMES)
    assert Population.read(found.text(), "churn.json") == found


def test_a_small_network_is_closer_to_its_truth_with_a_population(fitted):
    """Ten networks of four shops and 80 clients that the population has not seen."""
    known, far, near = population(fitted, SIMULATED, "2026-06-30"), [], []
    for seed in range(100, 110):
        truth = planted(seed, 4)
        h = network(truth, 80, seed)
        for errors, given in ((far, None), (near, known)):
            errors.append((fit(h, population=given).shop_mean[:, 1] - truth.logit_dropout) ** 2)
    assert np.mean(near) < 0.8 * np.mean(far)


def test_weeks_and_days_make_the_same_population(fitted):
    weekly = [replace(one, unit="weeks", hyper=one.hyper + np.log(7) * (np.arange(7) == 0)) for one in fitted]
    one, other = (population(networks, SIMULATED, "2026-06-30") for networks in (fitted, weekly))
    np.testing.assert_allclose(one.mean, other.mean)


def test_too_few_networks_are_not_a_population(fitted):
    with pytest.raises(NotAvailable, match="needs 14 networks; there are 13"):
        population(fitted[:13], SIMULATED, "2026-06-30")


def test_a_network_whose_regularity_was_given_cannot_join(fitted):
    given = fit(network(planted(0, 10), 800, 0), k=1, draws=12)
    with pytest.raises(BadInput, match="fitted with a given or mixed k"):
        population([*fitted, given], SIMULATED, "2026-06-30")
