"""Attacks on the benchmark: each succeeds on averages above a threshold of networks, and fails on a release.

The attacker knows the public rules, the law of the noise and the population, and averages a year of releases in which
nothing changed. Figures of the full-size runs are printed by tests/benchmarks/release.py; here they are smaller.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from barberlab import params
from barberlab.models import release_attacks as attacks
from barberlab.models.release_spec import Spec
from barberlab.runs import release

RULES = Path(__file__).parents[2] / "params" / "benchmark" / "cells.yaml"
SPEC = Spec.of(params.read_yaml(RULES), RULES.name)
NOTHING = 0.02  # of the variance: what differencing may tell


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.mark.parametrize("count", [6, 20])
def test_a_network_that_leaves_is_recovered_from_averages_and_not_from_releases(rng, count):
    got = attacks.leaving(rng, SPEC, count, trials=300)
    assert got.thresholds > 0.99
    assert got.release <= NOTHING


def test_drift_from_month_to_month_hides_a_leaver_from_nobody_in_a_small_cell(rng):
    """Seasons are no protection: six networks whose shops move by a third of a spread give away most all the same."""
    got = attacks.leaving(rng, SPEC, 6, drift=0.3, trials=150, months=1)
    assert got.thresholds > 0.6
    assert got.release <= NOTHING


def test_two_cells_that_overlap_by_all_but_one_network_tell_it_exactly_on_averages_alone(rng):
    got = attacks.overlapping(rng, SPEC, trials=150)
    assert got.thresholds > 0.99
    assert got.release <= NOTHING


def test_two_members_who_put_their_rows_together_recover_the_third_of_a_cell_of_three(rng):
    """Three owners were once enough for a competitive set.

    Of the smallest cell that stays lit, 23 networks, a year tells two members .018 in theory: the year's noise and
    21 others hide the one. The bound of .03 leaves room for the simulation's own error.
    """
    assert attacks.colluding(rng, SPEC, 3, trials=100, months=1).thresholds > 0.99
    assert attacks.colluding(rng, SPEC, 3, trials=400, months=1).release <= NOTHING
    assert attacks.colluding(rng, SPEC, 23, trials=400, months=1).release <= NOTHING
    assert attacks.colluding(rng, SPEC, 23, trials=400).release <= 0.03


def test_the_second_largest_reads_the_largest_off_a_pooled_total_and_not_off_equal_weights(rng):
    got = attacks.dominating(rng, SPEC, count=5)
    assert got.thresholds > 0.7
    assert attacks.dominating(rng, SPEC, count=20).release < 0.05


def test_asking_again_averages_fresh_noise_away_and_the_same_bytes_not_at_all(rng):
    got = attacks.retrying(rng, SPEC, askings=100, trials=500)
    assert got.thresholds == pytest.approx(0.1, abs=0.015), "a tenth is left of the noise"
    assert got.release == pytest.approx(1.0, abs=0.1), "all of it is left"


def test_one_member_with_extreme_rows_moves_averages_without_end_and_a_release_by_its_clip(rng):
    """A network's mean may move the pool's by both ends of the clip over the networks, and no farther."""
    longest = 2 * SPEC.clip * math.sqrt(2 * len(SPEC.kpis)) * 0.4 / 20
    small, large = (attacks.poisoning(rng, SPEC, extreme=extreme) for extreme in (1e3, 1e9))
    assert large.thresholds > 1e6 * small.thresholds / 2
    assert max(small.release, large.release) < longest < 0.25


@pytest.mark.parametrize(("count", "outlier"), [(6, False), (6, True), (20, True)])
def test_whoever_has_a_networks_rows_cannot_tell_whether_it_is_in_a_release(rng, count, outlier):
    got = attacks.membership(rng, SPEC, count, outlier, shadows=2_000, exact_shadows=300)
    assert got.thresholds > 0.7
    assert got.release < 0.70


def test_an_attack_that_works_is_seen_to_work(rng):
    """The same membership attack on a release that costs ten thousand times as much privacy."""
    loud = Spec.of(SPEC.to_json() | {"release_micro_rho": 250_000_000, "year_micro_rho": 3_000_000_000}, "loud")
    assert attacks.membership(rng, loud, 6, True, shadows=500, exact_shadows=20).release > 0.9
    assert attacks.leaving(rng, loud, 6, trials=50).release > 0.5


def test_the_worst_pair_of_pools_tells_no_more_than_a_month_is_charged_for():
    """Empirical epsilon, from below (Clopper-Pearson, 95 %), of the worst pair: nothing, and one network at the clip.

    One month costs epsilon 1.04 at delta 1e-6. The bound must lie below it, and above a fifth, or it sees nothing.
    """
    assert 0.2 < empirical_epsilon(20_000) < 1.04


def empirical_epsilon(draws, delta=1e-6):
    """The largest epsilon that a threshold test on the worst pair shows with 95 % confidence; OpenDP's own noise."""
    noise, shape = release.noise_of(SPEC), (len(SPEC.cells), 1 + 2 * len(SPEC.kpis))
    flat = np.concatenate([noise(np.zeros(shape)).ravel() for _ in range(draws // math.prod(shape) + 1)])[:draws]
    without, inside = flat[::2], flat[1::2] + SPEC.sensitivity
    n, best = draws // 2, 0.0
    for cut in np.quantile(without, np.linspace(0.5, 0.999, 40)):
        hits, false = int((inside > cut).sum()), int((without > cut).sum())
        power, wrong = beta.ppf(0.025, hits, n - hits + 1), beta.ppf(0.975, false + 1, n - false)
        best = max(best, math.log(max(power - delta, 1e-12) / wrong))
    return best
