"""Marginal likelihoods of the revenue model: gradients, exactness, and what a reversed clock is good for."""

import numpy as np
import pytest
from scipy.stats import multivariate_t

from barberlab.models import covariance
from barberlab.models.revenue_likelihood import (
    Histories,
    location_covariance,
    location_likelihood,
    path_likelihood,
)
from barberlab.models.revenue_opening import opening_likelihood, opening_prior, openings
from barberlab.models.revenue_parameters import Location, location_prior, path_prior

WEEKS = 40
OVER = covariance.terms(np.datetime64("2022-01-03"), WEEKS, 0)
RNG = np.random.default_rng(3)
KNOWN = RNG.standard_normal((WEEKS, 2))
THETA = location_prior().mean + 0.3 * RNG.standard_normal(len(location_prior().mean))


def slopes(likelihood, theta, step=1e-5):
    """Central differences."""
    return [(likelihood(theta + e)[0] - likelihood(theta - e)[0]) / (2 * step) for e in step * np.eye(len(theta))]


def histories(length):
    """Residuals in reversed time, zero beyond each length."""
    residual = 0.1 * RNG.standard_normal((len(length), WEEKS))
    return Histories(np.where(np.arange(WEEKS) < length[:, None], residual, 0.0), length, KNOWN[::-1])


def test_the_gradient_of_a_location_is_that_of_its_likelihood():
    groups = [histories(np.array([40, 33, 20])), histories(np.array([26]))]
    lively = OVER.livelier(np.exp(0.3 * RNG.standard_normal(WEEKS))).reversed()
    gradient = location_likelihood(THETA, groups, lively)[1]
    np.testing.assert_allclose(gradient, slopes(lambda t: location_likelihood(t, groups, lively), THETA), atol=1e-4)


def test_the_gradient_of_a_networks_path_is_that_of_its_likelihood():
    paths = [(0.1 * RNG.standard_normal(WEEKS), 0.001 * np.eye(WEEKS), KNOWN)] * 2
    theta = path_prior().mean + 0.3
    gradient = path_likelihood(theta, paths, OVER)[1]
    np.testing.assert_allclose(gradient, slopes(lambda t: path_likelihood(t, paths, OVER), theta), atol=1e-4)


def test_the_gradient_of_an_opening_is_that_of_its_likelihood():
    at = np.array([5, 12, 20])
    left = 0.2 * RNG.standard_normal((3, WEEKS))
    found = openings(left, at, Location.at(THETA), OVER, KNOWN)
    theta = opening_prior().mean + 0.2
    gradient = opening_likelihood(theta, found)[1]
    np.testing.assert_allclose(gradient, slopes(lambda t: opening_likelihood(t, found), theta), atol=1e-4)


def test_a_late_history_counts_as_it_would_alone():
    """A leading block of the reversed covariance is the covariance of the last weeks: scipy's t, regime by regime."""
    length = 25
    group = histories(np.array([length]))
    p = Location.at(THETA)
    forwards = group.residual[0, :length][::-1]
    density = 0.0
    for regime, weight in enumerate(p.weight):
        K = location_covariance(p, OVER, KNOWN, regime)[-length:, -length:]
        t = multivariate_t(shape=p.scale**2 * K, df=2 * p.tail)
        density += weight * t.pdf(forwards)
    # our constant leaves out pi^(-n / 2), the same for every theta
    ours = location_likelihood(THETA, [group], OVER.reversed())[0] - length / 2 * np.log(np.pi)
    assert ours == pytest.approx(np.log(density), abs=1e-6)


def test_a_trend_fades_in_the_future_and_not_in_the_past():
    slope = covariance.slope_of(np.array([-104, -52, 0, 26, 52, 520]))
    assert slope[:2] == pytest.approx([-104 / covariance.YEAR, -52 / covariance.YEAR])
    assert slope[2] == 0
    assert 0 < slope[4] - slope[3] < slope[3]
    assert slope[5] < covariance.SLOPE_LASTS


def test_the_same_week_of_next_year_is_nearer_than_the_next_week():
    week = covariance.terms(np.datetime64("2022-01-03"), 60, 0).week
    assert week[0, 52] > 0.9
    assert week[0, 1] < 0.2
