"""Measures of probabilities: worked examples, laws, and a correction that is found when there is one to find."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, roc_auc_score

from barberlab.errors import BadInput
from barberlab.models import calibration as c


def seasons(seed: int, origins: int, clients: int = 4_000, shift=0.4, stretch=0.6):
    """(log odds said, happened) of origins whose truth is shift + stretch * what is said."""
    rng = np.random.default_rng(seed)
    said = rng.normal(1.0, 2.0, (origins, clients))
    return [(one, (rng.random(clients) < expit(shift + stretch * one)).astype(float)) for one in said]


def test_measures_by_hand():
    """Three clients, said .9, .4, .2, of whom the first two were lost."""
    p, lost = np.array([0.9, 0.4, 0.2]), np.array([1, 1, 0])
    assert c.brier(p, lost) == pytest.approx((0.01 + 0.36 + 0.04) / 3)
    assert c.skill(p, lost) == pytest.approx(1 - 0.41 / 3 / (2 / 9))
    assert c.accuracy(p, lost) == pytest.approx(2 / 3)
    assert c.log_loss(p, lost) == pytest.approx(-np.log([0.9, 0.4, 0.8]).mean())
    assert c.calibration_error(p, lost, bins=1) == pytest.approx(abs(1.5 - 2) / 3)
    assert c.calibration_error(p, lost, bins=3) == pytest.approx((0.1 + 0.6 + 0.2) / 3)


def test_measures_agree_with_scikit_learn_ties_and_all():
    rng = np.random.default_rng(1)
    p = rng.integers(0, 12, 500) / 11
    lost = (rng.random(500) < p).astype(int)
    assert c.auc(p, lost) == pytest.approx(roc_auc_score(lost, p), abs=1e-12)
    assert c.brier(p, lost) == pytest.approx(brier_score_loss(lost, p), abs=1e-12)


def test_a_ranking_does_not_depend_on_the_scale():
    rng = np.random.default_rng(2)
    score, lost = rng.normal(size=300), rng.random(300) < 0.3
    assert c.auc(np.exp(score), lost) == c.auc(score, lost)
    assert c.auc(-score, lost) == pytest.approx(1 - c.auc(score, lost))


def test_where_everybody_is_lost_there_is_no_skill_and_no_ranking():
    assert np.isnan(c.auc(np.array([0.1, 0.9]), np.array([1, 1])))
    assert np.isnan(c.skill(np.array([0.1, 0.9]), np.array([1, 1])))


def test_honest_probabilities_have_almost_no_calibration_error_and_dishonest_ones_have_theirs():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 1, 200_000)
    lost = (rng.random(len(p)) < p).astype(float)
    assert c.calibration_error(p, lost) < 0.005
    assert c.calibration_error(np.clip(p + 0.1, 0, 1), lost) == pytest.approx(0.095, abs=0.006)


def test_a_correction_is_taken_the_further_the_more_origins_agree():
    """n origins that agree are followed to n / (n + 1): 1/2, 2/3, 3/4 of the planted shift of .4 and stretch of .6."""
    for n in (1, 2, 3):
        found = c.recalibration(seasons(n, n))
        assert found.shift == pytest.approx(0.4 * n / (n + 1), abs=0.04)
        assert found.stretch == pytest.approx(1 - 0.4 * n / (n + 1), abs=0.03)


def test_correcting_a_wrong_model_lowers_its_brier_score_on_the_next_origin():
    *earlier, (said, lost) = seasons(4, 4)
    corrected, _ = c.recalibration(earlier)(said, np.zeros(len(said)))
    assert c.brier(expit(corrected), lost) < c.brier(expit(said), lost) - 0.005


def test_without_an_earlier_origin_nothing_is_changed():
    said, sd = np.array([-1.0, 2.0]), np.array([0.1, 0.2])
    for found, given in zip(c.recalibration([])(said, sd), (said, sd), strict=True):
        np.testing.assert_array_equal(found, given)


def test_a_correction_from_few_clients_is_unsure_and_says_so():
    few, many = (c.recalibration(seasons(5, 1, clients))(np.zeros(1), np.full(1, 0.3))[1] for clients in (50, 5_000))
    assert few > many > 0.29 * 0.75


def test_the_paired_range_holds_nothing_where_there_is_nothing():
    """95 % ranges of 400 differences of equally good predictions hold 0 in 95 %, +- 3 binomial standard errors."""
    rng = np.random.default_rng(6)
    ranges = [c.paired(*rng.exponential(size=(2, 300))) for _ in range(400)]
    assert np.mean([r.low < 0 < r.high for r in ranges]) == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / 400))


def test_blocks_of_clients_give_the_same_mean_and_about_the_same_range():
    rng = np.random.default_rng(7)
    a, b = rng.exponential(size=(2, 8_000))
    block = np.arange(8_000) % 200
    n = np.bincount(block)
    blocks = c.paired(np.bincount(block, a) / n, np.bincount(block, b) / n, n)
    single = c.paired(a, b)
    assert blocks.mean == pytest.approx(single.mean)
    assert blocks.high - blocks.low == pytest.approx(single.high - single.low, rel=0.2)


def test_what_is_no_probability_is_refused():
    with pytest.raises(BadInput, match="one from 0 to 1 for each"):
        c.brier(np.array([0.2, 1.2]), np.array([0, 1]))
    with pytest.raises(BadInput, match="must be of the same clients"):
        c.paired(np.zeros(3), np.zeros(4))
