"""Branches of a simulated life: clients with random numbers of their own, and what a shop that is shut does to them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
import revenue_levers as played
from own_luck import OwnLuck

CLIENTS = 4000
EVERYBODY = np.arange(CLIENTS)


def drawn(luck: OwnLuck, who: np.ndarray, place: str = "plan") -> np.ndarray:
    with luck.of(place, who):
        return luck.random(len(who))


def test_a_clients_next_number_is_the_same_whoever_else_draws():
    many, few = OwnLuck([1], CLIENTS), OwnLuck([1], CLIENTS)
    some = np.array([3, 70, 2999])
    np.testing.assert_array_equal(drawn(many, EVERYBODY)[some], drawn(few, some))
    drawn(few, some[:1], "book")
    np.testing.assert_array_equal(drawn(many, EVERYBODY)[some], drawn(few, some))


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (lambda luck: luck.random(CLIENTS), stats.uniform()),
        (lambda luck: luck.standard_normal(CLIENTS), stats.norm()),
        (lambda luck: luck.standard_exponential(CLIENTS), stats.expon()),
        (lambda luck: luck.standard_gamma(np.full(CLIENTS, 5.0)), stats.gamma(5.0)),
    ],
    ids=["uniform", "normal", "exponential", "gamma"],
)
def test_own_draws_follow_their_law_from_client_to_client(draw, law):
    luck = OwnLuck([2], CLIENTS)
    with luck.of("plan", EVERYBODY):
        assert stats.kstest(draw(luck), law.cdf).pvalue > 0.001


def test_a_clients_draws_do_not_hang_together_in_time_or_between_decisions_or_runs():
    luck = OwnLuck([3], CLIENTS)
    rows = [drawn(luck, EVERYBODY), drawn(luck, EVERYBODY), drawn(luck, EVERYBODY, "book")]
    rows.append(drawn(OwnLuck([4], CLIENTS), EVERYBODY))
    apart = np.corrcoef(rows)[np.triu_indices(4, 1)]
    assert np.abs(apart).max() < 4 / np.sqrt(CLIENTS)  # four standard errors of a correlation of nothing


@pytest.fixture(scope="module")
def branches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(shop, week) revenue of one network without a change, the same again, and with its first shop shut."""
    life, first = played.lived("north", played.FIRST_SEED, 4)
    return tuple(played.went_on(life, first, change, 0) for change in (None, None, played.shut))


def test_a_life_without_a_change_is_the_same_life_again(branches):
    without, again, _ = branches
    np.testing.assert_array_equal(without, again)


def test_a_shop_that_is_shut_takes_nothing_and_then_more_than_it_would_have(branches):
    without, _, shut = (one[0] for one in branches)
    begin, end = played.SHUT_FROM, played.SHUT_FROM + played.SHUT_WEEKS
    assert not shut[begin:end].any()
    assert shut[end : end + 2].sum() > 1.1 * without[end : end + 2].sum()


def test_visits_put_off_do_not_all_come_back(branches):
    """A client who waits has lost part of a rhythm, and some went elsewhere: less is made up than was lost."""
    without, _, shut = (one[0] for one in branches)
    lost = without[played.SHUT_FROM : played.SHUT_FROM + played.SHUT_WEEKS].sum()
    assert 0.3 * lost < (without - shut).sum() < lost


def test_nobody_is_served_otherwise_before_the_change_is_felt(branches):
    """Weeks before the closure: the first shop's clients come as they would have, up to those who shift with others."""
    without, _, shut = branches
    np.testing.assert_allclose(shut[:, :2].sum(), without[:, :2].sum(), rtol=0.01)
