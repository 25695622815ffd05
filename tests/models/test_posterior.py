"""The one sampler: its gates, and Laplace against what is known exactly."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest

from barberlab.errors import GateFailed
from barberlab.models import posterior
from barberlab.models.posterior import Diagnostics

GOOD = Diagnostics("nuts", 1.002, 900.0, 800.0, 0, 0.5)


def normal_model(seen: float, sd: float) -> pm.Model:
    """z ~ N(0, 1), seen ~ N(z, sd^2)."""
    with pm.Model() as model:
        z = pm.Normal("z", 0.0, 1.0, shape=1)
        pm.Normal("seen", z[0], sd, observed=seen)
    return model


def test_a_good_posterior_passes_its_gates():
    posterior.check(GOOD, ("scale",), np.array([1.0]))


@pytest.mark.parametrize(
    ("figure", "value", "words"),
    [
        ("largest_r_hat", 1.02, "R-hat 1.020, needs < 1.01"),
        ("least_ess_bulk", 390.0, "bulk ESS 390, needs > 400"),
        ("least_ess_tail", 100.0, "tail ESS 100, needs > 400"),
        ("divergences", 3, "3 divergences, needs none"),
        ("largest_r_hat", float("nan"), "R-hat nan"),
    ],
)
def test_every_gate_can_fail(figure, value, words):
    with pytest.raises(GateFailed, match=words):
        posterior.check(replace(GOOD, **{figure: value}))


def test_a_scale_that_ran_away_from_its_prior_is_an_alarm():
    with pytest.raises(GateFailed, match=r"drift is 4\.2 sd from its prior mean"):
        posterior.check(GOOD, ("slope", "drift"), np.array([0.3, -4.2]))


def test_the_figures_of_all_gates_are_told_in_words():
    assert GOOD.words == "nuts, R-hat 1.002, ESS 900 (tail 800), 0 divergences, scales within 0.5 sd of their priors"
    laplace = Diagnostics("laplace", None, None, None, None, 2.04)
    assert laplace.words == "laplace, scales within 2.0 sd of their priors"


def test_laplace_is_exact_for_a_normal_posterior():
    """Conjugate normal: mean seen / (1 + sd^2), variance sd^2 / (1 + sd^2)."""
    found = posterior.standardised_laplace(normal_model(0.8, 0.5), ("z",))
    assert found.mean[0] == pytest.approx(0.8 / 1.25, abs=1e-4)
    assert found.covariance[0, 0] == pytest.approx(0.25 / 1.25, rel=1e-3)


def test_a_likelihood_that_pulls_far_out_is_caught_by_laplace():
    with pytest.raises(GateFailed, match=r"z is 9\.\d sd from its prior mean"):
        posterior.standardised_laplace(normal_model(9.5, 0.1), ("z",))


def test_ranges_are_equal_tailed_around_the_median():
    ranges = posterior.ranges(np.arange(1001.0))
    assert ranges["median"] == 500
    assert [ranges[at] for at in ("low95", "low80", "high80", "high95")] == pytest.approx([25, 100, 900, 975])


@pytest.mark.slow
def test_nuts_finds_the_conjugate_normal_and_passes():
    found = posterior.standardised_nuts(normal_model(0.8, 0.5), ("z",), seed=1, draws=1000)
    assert found.mean[0] == pytest.approx(0.64, abs=0.05)
    assert found.diagnostics.divergences == 0


@pytest.mark.slow
def test_too_few_draws_do_not_pass():
    with pytest.raises(GateFailed, match="ESS"):
        posterior.sample(normal_model(0.8, 0.5), seed=1, draws=60, tune=100, chains=2)
