"""Origins of a back-test: counts, lists and what is refused."""

import pytest

from barberlab.errors import BadInput
from barberlab.runs.origins import origins


def test_a_count_gives_the_last_ones_half_a_horizon_apart():
    assert origins("3", 143, 26) == [91, 104, 117]
    assert origins("3", 67, 13) == [41, 47, 54]
    assert origins("3", 10, 1) == [7, 8, 9]


def test_a_list_is_taken_as_it_is():
    assert origins("104, 91,117", 143, 26) == [91, 104, 117]
    assert origins("91,", 143, 26) == [91]


@pytest.mark.parametrize("said", ["", "three", "-1", "1.5", "1;2", ","])
def test_what_is_neither_a_count_nor_a_list_is_refused(said):
    with pytest.raises(BadInput, match=r"it is a count \(3\) or weeks of training data"):
        origins(said, 143, 26)


@pytest.mark.parametrize(("said", "found"), [("0", "none"), ("118,", "118"), ("0,91", "0"), ("12", "-26, -13, 0")])
def test_an_origin_needs_weeks_before_and_a_horizon_after(said, found):
    with pytest.raises(BadInput, match=f"an origin is 1 to 117, found {found}"):
        origins(said, 143, 26)


def test_a_week_number_alone_is_told_from_a_count():
    with pytest.raises(BadInput, match="for week 91 alone say 91,"):
        origins("91", 143, 26)


def test_a_horizon_is_at_least_a_week():
    with pytest.raises(BadInput, match="--horizon 0: it is a number of weeks"):
        origins("3", 143, 0)
