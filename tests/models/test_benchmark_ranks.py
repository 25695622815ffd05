"""Ranks, segments and moves: by hand on a few draws, as laws, and how often they hold where the truth is known."""

import numpy as np
import pytest

import truescores
from barberlab.errors import BadInput, NotAvailable
from barberlab.models import benchmark
from barberlab.models.benchmark_ranks import (
    SEGMENTS,
    Move,
    assigned,
    banded,
    chances,
    lists,
    moved,
    ranks,
    scored,
    standing,
)


def test_ranks_of_three_shops_by_hand():
    draws = np.array([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0], [9.0, 2.0, 1.0]])
    assert ranks(draws).tolist() == [[1, 3, 2], [3, 1, 2], [1, 2, 3], [1, 2, 3]]
    assert ranks(draws, "lower")[0].tolist() == [3, 1, 2]
    table = standing(ranks(draws), ("a", "b", "c"))
    assert table["expected"].tolist() == [1.5, 2.0, 2.5]
    assert table["p_best"].tolist() == [0.75, 0.25, 0.0]


def test_somebody_is_always_best():
    found = ranks(np.random.default_rng(1).normal(size=(500, 30)))
    assert standing(found, tuple(map(str, range(30))))["p_best"].sum() == pytest.approx(1)
    assert (np.sort(found, axis=1) == np.arange(1, 31)).all()


def test_the_unit_in_which_a_score_is_measured_changes_no_rank():
    draws = np.random.default_rng(2).normal(size=(50, 20))
    assert (ranks(draws) == ranks(np.exp(3 * draws + 7))).all()
    assert (ranks(draws) == ranks(-draws, "lower")).all()


def test_every_draw_fills_the_five_bands_as_wide_as_they_are():
    segments = banded(ranks(np.random.default_rng(3).normal(size=(10, 200))))
    assert [int((segments[0] == k).sum()) for k in range(5)] == [20, 40, 80, 40, 20]
    assert chances(segments).sum(axis=1) == pytest.approx(np.ones(200))


def test_under_twenty_shops_there_are_no_bands():
    with pytest.raises(NotAvailable, match="needs at least 20 comparable shops; found 19"):
        banded(ranks(np.zeros((2, 19))))


def test_the_scores_cut_offs_are_their_segments_own():
    """90, 75, 60 and 40 each open the better segment."""
    assert scored(np.array([[100, 90, 89.9, 75, 74.9, 60, 59.9, 40, 39.9, 0]])).tolist() == [
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    ]


def test_praise_and_shame_need_eight_in_ten_and_the_middle_one_in_two():
    chance = np.array(
        [
            [0.80, 0.20, 0.00, 0.00, 0.00],
            [0.79, 0.21, 0.00, 0.00, 0.00],
            [0.00, 0.00, 0.10, 0.10, 0.80],
            [0.00, 0.00, 0.11, 0.10, 0.79],
            [0.10, 0.50, 0.40, 0.00, 0.00],
            [0.02, 0.49, 0.48, 0.01, 0.00],
        ]
    )
    given = assigned(chance, tuple("abcdef"))
    assert given["segment"].tolist() == [
        *("Elite", "Uncertain", "Underperforming", "Uncertain", "High performer", "Uncertain")
    ]
    assert given["leaning"].tolist() == [
        *("Elite", "Elite", "Underperforming", "Underperforming", "High performer", "High performer")
    ]
    assert given["chance"].tolist() == chance.max(axis=1).tolist()


def test_each_list_says_how_much_of_it_is_wrong():
    given = assigned(np.array([[0.9, 0.1, 0, 0, 0], [0.8, 0.2, 0, 0, 0], [0.3, 0.3, 0.4, 0, 0]]), ("a", "b", "c"))
    table = lists(given)
    assert list(table.index) == list(SEGMENTS)
    assert table.loc["Elite"].tolist() == [2, pytest.approx(0.15)]
    assert table.loc["Average", "units"] == 0
    assert np.isnan(table.loc["Average", "wrong"])


def test_a_move_is_said_at_eight_in_ten_only():
    before = np.full((10, 3), 2)
    now = before.copy()
    now[:8, 0] = 1
    now[:7, 1] = 1
    now[:9, 2] = 4
    move = moved(now, before)
    assert move.said.tolist() == [1, 0, -1]
    assert move.fell.tolist() == [0, 0, 0.9]
    with pytest.raises(BadInput, match="draw the same units as often"):
        moved(now, before[:, :2])


def test_the_moves_that_are_said_tell_how_many_of_them_are_none():
    found = Move(rose=np.array([0.9, 0.0, 0.5]), fell=np.array([0.0, 0.8, 0.1]))
    assert found.said.tolist() == [1, -1, 0]
    assert found.wrong == pytest.approx(0.15)
    assert np.isnan(Move(np.array([0.5]), np.array([0.2])).wrong)


def test_better_is_higher_or_lower():
    with pytest.raises(BadInput, match="better is 'up'; it is higher or lower"):
        ranks(np.zeros((1, 2)), "up")


@pytest.mark.parametrize("tails", [np.inf, 4.0], ids=["normal shops", "heavy-tailed shops"])
def test_rank_intervals_and_segments_hold_as_often_as_they_promise(tails):
    """3,000 shops of 90 networks with variances estimated from eight blocks; the full size is a benchmark."""
    truth = truescores.simulate(11, shops=3000, networks=90, tails=tails, uneven=True)
    seen = truth.evidence(np.random.default_rng(12))
    kept = truescores.score(truth, benchmark.fit(seen, truth.network), draws=500, seed=1)
    assert kept["coverage"] == pytest.approx(0.95, abs=0.02)
    assert kept["calibration"] <= 0.015
    assert kept["error"] < 0.85 * kept["raw_error"]


def test_where_shops_do_not_differ_none_is_praised():
    rng = np.random.default_rng(21)
    given = []
    for seed in range(5):
        shops = truescores.simulate(seed, shops=60, networks=1)
        flat = benchmark.draw(benchmark.fit(truescores.normal(shops.names, rng.normal(0, shops.s2**0.5), shops.s2)))
        given += assigned(chances(banded(ranks(flat))), shops.names)["segment"].tolist()
    assert np.isin(given, ("Elite", "Underperforming")).mean() < 0.01


def test_a_shops_rank_is_said_with_its_width():
    """In the network of equals every shop may stand anywhere: the median interval spans nearly the whole table."""
    found = ranks(np.random.default_rng(4).normal(size=(2000, 40)))
    table = standing(found, tuple(map(str, range(40))))
    assert (table["high95"] - table["low95"]).median() >= 36
