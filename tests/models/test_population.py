"""Knowledge crosses networks only as a population file: does it say what it is, and refuse what it is not?"""

from dataclasses import replace

import numpy as np
import pytest

from barberlab.errors import BadInput
from barberlab.models.population import OPTED_IN, SIMULATED, Population

POPULATION = Population(
    "revenue", ("log_level", "log_drift"), (-2.0, -3.5), ((0.04, 0.01), (0.01, 0.09)), SIMULATED, 400, "2026-06-30"
)


def test_a_population_file_reads_back_as_it_was_written():
    assert Population.read(POPULATION.text(), "revenue.json") == POPULATION


def test_the_version_is_of_the_numbers():
    assert replace(POPULATION, networks=401).version != POPULATION.version
    assert replace(POPULATION).version == POPULATION.version


def test_how_it_passed_its_gates_is_kept_and_part_of_the_version():
    told = replace(POPULATION, gates=("location: laplace, scales within 1.2 sd of their priors",))
    assert Population.read(told.text(), "revenue.json") == told
    assert told.version != POPULATION.version
    assert "gates" not in POPULATION.text()
    with pytest.raises(BadInput, match="its numbers are not those of version"):
        Population.read(told.text().replace("1.2 sd", "0.2 sd"), "revenue.json")


def test_an_altered_number_is_found():
    altered = POPULATION.text().replace("-3.5", "-3.6")
    with pytest.raises(BadInput, match=r"revenue\.json: its numbers are not those of version \w{16}"):
        Population.read(altered, "revenue.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "x", "covariance": 1}'])
def test_what_is_no_population_file_is_named(text):
    with pytest.raises(BadInput, match=r"revenue\.json: is not a population file"):
        Population.read(text, "revenue.json")


def test_nineteen_networks_that_opted_in_are_too_few():
    with pytest.raises(BadInput, match="19 networks opted in, at least 20"):
        replace(POPULATION, source=OPTED_IN, networks=19)
    assert replace(POPULATION, source=OPTED_IN, networks=20).networks == 20


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"mean": (1.0,)}, "2 names need as many means"),
        ({"mean": (1.0, float("nan"))}, "not a finite number"),
        ({"covariance": ((1.0, 2.0), (2.0, 1.0))}, "symmetric and not negative"),
        ({"source": "hearsay"}, "source 'hearsay' is unknown"),
    ],
)
def test_numbers_that_are_no_distribution_are_refused(differs, words):
    with pytest.raises(BadInput, match=words):
        replace(POPULATION, **differs)


def test_draws_have_the_mean_and_covariance_of_the_file():
    draws = POPULATION.draw(np.random.default_rng(1), 40_000)
    # four standard errors of 40,000 draws
    np.testing.assert_allclose(draws.mean(axis=0), POPULATION.mean, atol=4 * 0.3 / 200)
    np.testing.assert_allclose(np.cov(draws.T), POPULATION.covariance, atol=4 * 0.09 * np.sqrt(2) / 200)
