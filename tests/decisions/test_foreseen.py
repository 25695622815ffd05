"""What was foreseen of groups, counted later: the same clients are found again, and no row is anybody's."""

import numpy as np
import pandas as pd
import pytest

from barberlab.decisions import foreseen
from barberlab.decisions.outlook import outlook
from barberlab.models.recency import outcomes
from visits_made import FIRST, day, paid_regulars

CUTOFF, HORIZON, LATER = day(200), 60, day(259)
HOW = {"current_days": 120, "yearly_discount": 0.1, "seed": 1, "horizon_days": HORIZON}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """400 clients over 260 days; amounts in cents."""
    return paid_regulars()


@pytest.fixture(scope="module")
def look(log):
    """The outlook as of the cut-off; two clients withdrew."""
    return outlook(log, CUTOFF, withheld=frozenset({"c0001", "c0003"}), **HOW)


@pytest.fixture(scope="module")
def kept(look) -> pd.DataFrame:
    """What the run of that day keeps."""
    return foreseen.by_group(look)


def test_groups_hold_all_current_clients_and_no_clients_name(kept, look):
    assert list(kept.columns) == list(foreseen.COLUMNS)
    assert kept["n"].sum() == len(look.clients)
    np.testing.assert_allclose((kept["n"] * kept["no_visit"]).sum(), look.clients["no_visit"].sum())
    assert not kept.astype(str).isin(set(look.clients["client_id"])).any(axis=None)


def test_what_was_foreseen_is_counted_among_the_same_clients(kept, look, log):
    told = foreseen.counted(kept, log, LATER + pd.Timedelta(days=1))
    came = outcomes(log, look.clients["client_id"].to_numpy(), CUTOFF, HORIZON)
    assert told["n"].sum() == len(look.clients)
    assert told["happened"].sum() == (came == 0).sum()
    np.testing.assert_allclose((told["said"] * told["n"]).sum(), look.clients["no_visit"].sum())
    assert told["said"].is_monotonic_increasing
    assert told.attrs == {"cutoff": CUTOFF.isoformat(), "horizon_days": HORIZON, "model": kept["model"].iloc[0]}


def test_days_that_are_not_over_are_not_told(kept, log):
    assert foreseen.counted(kept, log, day(259)).empty
    assert foreseen.counted(pd.DataFrame(), log, day(259)).empty
    assert list(foreseen.counted(pd.DataFrame(), log, FIRST).columns) == list(foreseen.COUNTED)


def test_of_several_runs_the_latest_whose_days_are_over_is_counted(kept, log):
    older = kept.assign(cutoff=day(150).isoformat(), run_id="r000001-retention")
    newer = kept.assign(cutoff=day(230).isoformat(), run_id="r000003-retention")
    told = foreseen.counted(pd.concat([older, kept, newer]), log, day(265))
    assert told.attrs["cutoff"] == CUTOFF.isoformat()


def test_a_run_repeated_on_the_same_day_counts_once(kept, log):
    again = kept.assign(no_visit=0.5)
    told = foreseen.counted(pd.concat([kept, again]), log, day(265))
    assert told["n"].sum() == kept["n"].sum()
    assert (told["said"] == 0.5).all(), "the later run is what was said in the end"


def test_without_clients_nothing_is_foreseen():
    assert foreseen.by_group(outlook(pd.DataFrame(), CUTOFF, **HOW)).empty
