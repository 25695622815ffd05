"""Rules of thumb by hand, and as probabilities read off the origin before."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from barberlab.models.churn_rules import own_gap, sixty_days
from barberlab.models.histories import histories


def seen(unit: str = "days"):
    """a: every 30 days, last 10 days ago; b: every 10 days, last 61 days ago; c: once, 60 days ago."""
    days = {"a": ["2025-05-21", "2025-06-20"], "b": ["2025-04-20", "2025-04-30"], "c": ["2025-05-01"]}
    rows = [(client, day) for client, list_of in days.items() for day in list_of]
    frame = pd.DataFrame(rows, columns=["client_id", "date"])
    return histories(frame.assign(date=pd.to_datetime(frame["date"])), date(2025, 6, 30), unit)


def test_sixty_days_of_silence_are_not_yet_over_sixty():
    rule = sixty_days(seen(), 90, None)
    assert list(rule.lost) == [False, True, False]
    np.testing.assert_allclose(rule.visits, [3.0, 0.0, 90 / 20])  # c's gap is all clients': 40 days over 2 gaps
    np.testing.assert_array_equal(rule.p, [0, 1, 0])


def test_the_share_lost_on_either_side_is_that_of_the_origin_before():
    lost = np.array([0, 1, 1])
    rule = sixty_days(seen(), 90, (seen(), lost))
    np.testing.assert_allclose(rule.p, [1.5 / 3, 1.5 / 2, 1.5 / 3])


def test_a_silence_counts_against_the_clients_own_gap():
    rule = own_gap(seen(), 90, None)
    assert list(rule.lost) == [False, True, True]
    assert rule.score[1] == pytest.approx(np.log(62 / 10))
    assert np.argsort(rule.score).tolist() == [0, 2, 1]


def test_the_own_gap_as_a_probability_rises_with_the_silence_where_silence_meant_loss():
    rng = np.random.default_rng(1)
    many = seen().take(rng.integers(0, 3, 300))
    lost = (rng.random(300) < np.where(own_gap(many, 90, None).lost, 0.9, 0.2)).astype(int)
    p = own_gap(seen(), 90, (many, lost)).p
    assert 0.1 < p[0] < p[2] < p[1] < 1


def test_weeks_and_days_give_the_same_verdicts():
    for rule in (sixty_days, own_gap):
        days, weeks = rule(seen("days"), 90, None), rule(seen("weeks"), 90, None)
        np.testing.assert_array_equal(days.lost, weeks.lost)
        np.testing.assert_allclose(days.visits, weeks.visits)
