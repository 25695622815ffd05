"""Which model may speak: chosen on earlier days alone, blind to what comes after the cut-off."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from barberlab.errors import NotAvailable
from barberlab.models.calibration import brier
from barberlab.models.churn_choice import CANDIDATES, STACK, UNTRIED, Trial, choose, predict
from barberlab.models.churn_origin import LEARNERS, RHYTHMS, some_clients
from barberlab.models.recency import outcomes
from visits_made import day, regulars

HORIZON, CUTOFF = 60, day(200)


def trial(n: int, brier_of: dict[str, float], error_of: dict[str, float] | None = None, doubt: float = 0.0) -> Trial:
    """An earlier origin of these scores; counts are equally good unless said, and scores known to `doubt`."""
    known_to = dict.fromkeys(CANDIDATES, doubt)
    return Trial(date(2025, n, 1), 100, brier_of, error_of or dict.fromkeys(RHYTHMS, 0.5), known_to)


def all_at(value: float, **better: float) -> dict[str, float]:
    """Every candidate at `value`, but for those named (with _ for a space)."""
    return dict.fromkeys(CANDIDATES, value) | {name.replace("_", " "): score for name, score in better.items()}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """600 clients over 260 days, the last 60 of which are hidden."""
    return regulars(1, 600, 260)


@pytest.fixture(scope="module")
def told(log):
    """What is predicted as of the cut-off."""
    return predict(log, CUTOFF, HORIZON, seed=1)


def test_the_best_mean_over_earlier_origins_speaks():
    choice = choose([trial(1, all_at(0.2, mixture=0.1)), trial(2, all_at(0.2, stack=0.12, mixture=0.15))])
    assert choice.churn == "mixture"
    assert choice.reason == "best by Brier score on 2 earlier origins: 0.1250, then stack 0.1600"


def test_the_stack_speaks_unless_another_is_better_beyond_chance():
    ahead, behind = all_at(0.2, stack=0.104, mixture=0.100), all_at(0.2, stack=0.104, mixture=0.106)
    lucky, surely = (choose([trial(1, ahead, doubt=doubt), trial(2, ahead, doubt=doubt)]) for doubt in (0.008, 0.004))
    assert lucky.churn == STACK
    assert lucky.reason == "on 2 earlier origins no other was better beyond chance: Brier score 0.1040, mixture 0.1000"
    assert surely.churn == "mixture", "two origins that are each known to .004 are together known to .0028"
    assert choose([trial(1, behind, doubt=0.008)]).churn == STACK


def test_counts_may_come_from_another_model_than_churn():
    errors = {"k = 1": 0.6, "real k": 0.4, "mixture": 0.5}
    choice = choose([trial(1, all_at(0.2, stack=0.1), errors)])
    assert (choice.churn, choice.counts) == ("stack", "real k")


def test_an_origin_at_which_not_all_spoke_decides_only_where_there_is_no_other():
    early = trial(1, {"k = 1": 0.1, "real k": 0.3, "mixture": 0.3})
    assert choose([early, trial(2, all_at(0.2, stack=0.1))]).churn == STACK
    assert choose([early]).churn == "k = 1"


def test_without_an_earlier_origin_the_published_model_speaks_and_it_is_said():
    choice = choose([])
    assert (choice.churn, choice.counts) == (UNTRIED, UNTRIED)
    assert "too short for an earlier origin" in choice.reason


def test_all_candidates_are_tried_and_the_chosen_one_speaks(told):
    assert set(told.said) == set(CANDIDATES)
    assert told.choice.trials[-1].complete
    assert told.choice.trials[-1].doubt[STACK] == 0
    assert 0 < told.choice.trials[-1].doubt["real k"] < 0.02
    np.testing.assert_array_equal(told.no_visit, expit(told.said[told.choice.churn].log_odds))
    np.testing.assert_array_equal(told.visits, told.said[told.choice.counts].visits)
    assert ((told.low < told.no_visit) & (told.no_visit < told.high)).all()
    assert ((told.alive >= 0) & (told.alive <= 1)).all()


def test_what_is_said_is_better_than_the_base_rate(told, log):
    lost = outcomes(log, told.origin.histories.client, CUTOFF, HORIZON) == 0
    assert brier(told.no_visit, lost) < 0.6 * brier(np.full(len(lost), lost.mean()), lost)


def test_shuffling_the_future_changes_nothing(told, log):
    """Rows after the cut-off get other clients, days, shops and amounts, and new clients appear; some rows go."""
    rng = np.random.default_rng(2)
    later = (log["date"] > pd.Timestamp(CUTOFF)).to_numpy()
    assert later.sum() > 100
    other = log.copy()
    for column in ("client_id", "location_id", "amount"):
        other.loc[later, column] = rng.permutation(other.loc[later, column].to_numpy())
    other.loc[later, "date"] += pd.to_timedelta(rng.integers(0, 400, later.sum()), "D")
    strangers = other[later].assign(client_id="new " + other.loc[later, "client_id"])
    other = pd.concat([other.drop(index=other.index[later][::2]), strangers]).sample(frac=1, random_state=3)
    again = predict(other, CUTOFF, HORIZON, seed=1)
    assert again.choice == told.choice
    for name in ("no_visit", "low", "high", "alive", "visits"):
        np.testing.assert_array_equal(getattr(again, name), getattr(told, name))


def test_an_earlier_origin_is_scored_as_it_would_have_been_on_that_day(told, log):
    """Predicting as of the last trial's day, with what was chosen then left aside, gives that trial's scores."""
    last = told.choice.trials[-1]
    then = predict(log, last.cutoff, HORIZON, seed=1)
    lost = outcomes(log, then.origin.histories.client, last.cutoff, HORIZON) == 0
    for name in (*RHYTHMS, *LEARNERS):
        assert brier(expit(then.said[name].log_odds), lost) == pytest.approx(last.brier[name], abs=1e-9), name


def test_the_stack_is_between_what_its_views_say(told):
    views = np.array([expit(told.said[name].log_odds) for name in (*RHYTHMS, *LEARNERS)])
    stack = expit(told.said[STACK].log_odds)
    assert ((views.min(axis=0) - 1e-9 <= stack) & (stack <= views.max(axis=0) + 1e-9)).all()


def test_a_log_shorter_than_a_learners_window_is_spoken_for_by_a_rhythm():
    short = regulars(3, 150, 80)
    told = predict(short, day(70), HORIZON, seed=1)
    assert told.choice.churn == UNTRIED
    assert set(told.said) == set(RHYTHMS)
    assert set(told.origin.silent) == set(LEARNERS)


def test_too_few_clients_for_any_rhythm_is_said():
    with pytest.raises(NotAvailable, match="Client churn"):
        predict(regulars(4, 12, 200), day(150), HORIZON, seed=1)


def test_a_sample_of_clients_keeps_all_their_visits(log):
    some = some_clients(log, 50, seed=1)
    assert some["client_id"].nunique() == 50
    assert len(some) == log["client_id"].isin(some["client_id"]).sum()
    assert some_clients(log, 600, seed=1) is log


def test_words_kept_are_those_that_were_scored_then(told):
    """What is shown of an earlier origin has the Brier score that its trial has for the model chosen before it."""
    assert [one.histories.cutoff for one in told.kept] == [trial.cutoff for trial in told.choice.trials[1:]]
    for at, one in enumerate(told.kept, 1):
        assert one.choice.churn == choose(told.choice.trials[:at]).churn
        assert brier(one.no_visit, one.came == 0) == pytest.approx(told.choice.trials[at].brier[one.choice.churn])


def test_very_few_clients_who_hardly_tell_shops_apart_are_still_spoken_of():
    """Of a hundred clients, some spreads between shops that the draws reach have no peak of their own."""
    made = regulars(2, 400, 260).drop(columns="amount")
    told = predict(made[made["client_id"] < "c0100"], CUTOFF, HORIZON, seed=1)
    assert ((told.no_visit > 0) & (told.no_visit < 1)).all()
