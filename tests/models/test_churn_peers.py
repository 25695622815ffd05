"""Learners on recency and frequency: what they find in a planted world, how sure they are, and what they refuse."""

import numpy as np
import pytest
from scipy.special import expit

from barberlab.errors import NotAvailable
from barberlab.models.calibration import auc, brier
from barberlab.models.churn_peers import Window, learn_boosting, learn_logistic
from barberlab.models.recency import Features

LEARNERS = pytest.mark.parametrize("learn", [learn_logistic, learn_boosting])


def window(seed: int, clients: int, silent: float = 1.5, spread: float = 1.0) -> Window:
    """Clients of whom the silent are lost: log odds = silent * the first of four features; the others are noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, spread, (clients, 4))
    lost = rng.random(clients) < expit(silent * values[:, 0])
    return Window(Features(np.arange(clients), values, ("silent", "b", "c", "d")), lost.astype(int))


@LEARNERS
def test_the_silent_are_found_to_be_lost(learn):
    seen, next_quarter = [window(1, 3_000), window(2, 3_000)], window(3, 3_000)
    said, _ = learn(seen, seed=1)(next_quarter.features)
    truth = expit(1.5 * next_quarter.features.values[:, 0])
    assert auc(said, next_quarter.lost) > auc(truth, next_quarter.lost) - 0.01
    assert brier(expit(said), next_quarter.lost) < brier(truth, next_quarter.lost) + 0.004


@LEARNERS
def test_what_was_learned_from_few_clients_is_less_sure(learn):
    asked = window(4, 100).features
    few, many = (np.median(learn([window(5, n)], seed=1)(asked)[1]) for n in (200, 3_000))
    assert few > many > 0


def test_the_logistic_range_holds_the_truth():
    """90 % ranges over 40 fits hold the planted log odds in 90 %, +- .06: the ridge pulls a little to the middle."""
    asked = window(0, 50).features
    truth, held = 1.5 * asked.values[:, 0], []
    for seed in range(40):
        mean, sd = learn_logistic([window(seed, 2_000)], seed=1)(asked)
        held.append(np.abs(mean - truth) <= 1.645 * sd)
    assert np.mean(held) == pytest.approx(0.9, abs=0.06)


@LEARNERS
def test_the_same_seed_gives_the_same_answer_and_the_order_of_clients_none_other(learn):
    seen, asked = window(6, 1_000), window(7, 100).features
    first, again = (learn([seen], seed=2)(asked)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    if learn is learn_logistic:
        turned = np.arange(1_000)[::-1]
        other = learn([Window(seen.features.take(turned), seen.lost[turned])], seed=2)(asked)[0]
        np.testing.assert_allclose(other, first, atol=1e-3)


def test_three_windows_of_the_same_clients_are_no_three_times_the_evidence():
    once, thrice = (
        np.median(learn_logistic([window(8, 1_000)] * n, seed=1)(window(9, 99).features)[1]) for n in (1, 3)
    )
    assert thrice == pytest.approx(once, rel=0.01)


def test_somebody_beyond_all_that_was_seen_is_not_extrapolated_to_certainty():
    learner = learn_logistic([window(10, 2_000)], seed=1)
    far = Features(np.array(["a"]), np.array([[1e6, 0, 0, 0]]), ("silent", "b", "c", "d"))
    edge = Features(np.array(["a"]), np.array([[4.2, 0, 0, 0]]), ("silent", "b", "c", "d"))
    assert learner(far)[0][0] == pytest.approx(learner(edge)[0][0], rel=0.1)


@LEARNERS
def test_too_few_lost_or_kept_is_said(learn):
    with pytest.raises(NotAvailable, match="30 clients who stayed away and 30 who came back"):
        learn([window(11, 40)], seed=1)
    with pytest.raises(NotAvailable, match="in a window before the cut-off"):
        learn([], seed=1)
