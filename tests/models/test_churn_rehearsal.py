"""Networks played from the model itself: what was planted is found, and the check for it can fail."""

import numpy as np
import pandas as pd

from barberlab.models.churn_fit import fit
from barberlab.models.churn_prior import NAMES
from barberlab.models.churn_rehearsal import BELIEF, evenness, play, ranks, recovered


def test_planted_shops_are_found_about_as_often_as_promised():
    """Ranges of 8 in 10 of 20 shops' two effects: 40, of which 32 are expected, give or take 2.5."""
    h, truth = play(np.array(BELIEF.mean), shops=20, clients=4000, seed=1)
    found = recovered(fit(h, population=BELIEF, seed=1), truth)
    assert 24 <= found["covered"].sum() <= 39
    rate = found[found["effect"] == "log_rate"]
    assert np.corrcoef(rate["mean"], rate["truth"])[0, 1] > 0.6


def test_a_play_is_of_the_model():
    """Of clients long known, as many never came again as their shops lose at a visit: 4 standard errors of 6,000."""
    h, truth = play(np.array(BELIEF.mean), shops=4, clients=20_000, seed=2)
    long = h.take(h.T > 500)
    assert np.isclose((long.x == 0).mean(), np.mean(1 / (1 + np.exp(-truth[:, 1]))), atol=0.02)
    assert (h.t_x <= h.T).all()
    assert ((h.x == 0) == (h.log_gaps == 0)).all()


def test_ranks_are_even_enough_and_a_shifted_truth_is_noticed():
    found = ranks(24, shops=4, clients=160, seed=1)
    assert found.columns.tolist() == list(NAMES)
    assert found.to_numpy().min() >= 0
    assert found.to_numpy().max() <= 39
    told = evenness(found)
    assert told["mean"].between(0.2, 0.8).all(), "24 networks: 5 standard deviations of .06"
    wrong = evenness(pd.DataFrame(np.minimum(found + 25, 39), columns=found.columns))
    assert (wrong["p"] < 0.001).all()
