"""Does a history say what was known of a client on the day, and nothing that came after?"""

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput
from barberlab.models.histories import histories
from barbers import log_of
from panels import panel

ANN = {"ann": ["2026-01-01", "2026-01-22", "2026-02-12", "2026-05-01"]}


def test_a_history_counts_visits_time_and_gaps():
    h = histories(log_of(ANN), "2026-03-01")
    assert (h.x, h.t_x, h.T) == ([2], [42.0], [59.0])
    assert h.log_gaps == pytest.approx(2 * np.log(21))
    assert h.silence == [17.0]


def test_weeks_are_days_by_seven():
    days, weeks = (histories(log_of(ANN), "2026-03-01", unit) for unit in ("days", "weeks"))
    assert weeks.t_x == pytest.approx(days.t_x / 7)
    assert weeks.log_gaps == pytest.approx(2 * np.log(3))
    assert weeks.in_units(90) == pytest.approx(90 / 7)


def test_the_sample_of_cdnow_has_the_published_size():
    """Fader, Hardie & Lee (2005), section 4: 2,357 customers, 2,457 repeat transactions in 39 weeks."""
    h = histories(pd.read_parquet(panel("cdnow") / "sample.parquet"), "1997-09-30", "weeks")
    assert (len(h), h.x.sum()) == (2357, 2457)


def test_two_visits_on_one_day_are_one_and_are_counted():
    twice = log_of({"ann": ["2026-01-01", "2026-01-22", "2026-01-22"], "bob": ["2026-01-22"]})
    h = histories(twice, "2026-03-01")
    assert (h.x.tolist(), h.merged) == ([1, 0], 1)


def test_the_order_of_a_log_does_not_matter():
    log = log_of({f"client {n}": [f"2026-01-{day:02d}" for day in range(1 + n, 29, 3 + n)] for n in range(9)})
    a, b = histories(log, "2026-02-01"), histories(log.sample(frac=1, random_state=0), "2026-02-01")
    assert a.client.tolist() == b.client.tolist()
    for name in ("x", "t_x", "T", "log_gaps"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name))


def test_shuffling_the_future_changes_nothing():
    log = log_of({f"client {n}": [f"2026-{month:02d}-{1 + n:02d}" for month in range(1, 7)] for n in range(20)})
    log["location_id"] = np.where(np.arange(len(log)) % 3, "a", "b")
    log["z_noshow"] = np.arange(len(log)) % 2
    shuffled, later = log.copy(), (log["date"] > "2026-03-31").to_numpy()
    for name in ("client_id", "location_id", "z_noshow"):
        shuffled.loc[later, name] = np.random.default_rng(1).permutation(log.loc[later, name].to_numpy())
    before, after = histories(log, "2026-03-31"), histories(shuffled, "2026-03-31")
    for name in ("x", "t_x", "T", "log_gaps", "location", "z"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_a_client_belongs_to_the_shop_it_comes_to_most():
    log = log_of({"ann": [f"2026-01-{day:02d}" for day in range(1, 6)]})
    log["location_id"] = ["north", "south", "south", "north", "south"]
    h = histories(log, "2026-02-01")
    assert h.locations[h.location[0]] == "south"
    even = histories(log.iloc[:4], "2026-02-01")
    assert even.locations[even.location[0]] == "north", "of two shops visited as often, the latest"


def test_a_covariate_is_the_last_one_known():
    log = log_of(ANN).assign(z_noshow=[0.0, 0.0, 1.0, 5.0])
    assert histories(log, "2026-03-01").z.tolist() == [[1.0]]


def test_a_first_visit_on_the_cut_off_is_a_history_of_no_length():
    h = histories(log_of({"ann": ["2026-01-01"]}), "2026-01-01")
    assert (h.T, h.silence) == ([0.0], [0.0])


@pytest.mark.parametrize(
    ("change", "cutoff", "said"),
    [
        (lambda log: log.drop(columns="date"), "2026-03-01", "column date is missing"),
        (lambda log: log.assign(date="soon"), "2026-03-01", "column date holds str, not dates"),
        (lambda log: log.assign(date=pd.NaT), "2026-03-01", r"4 rows have an empty date \(first: row 1\)"),
        (lambda log: log.assign(client_id=["ann", None, "ann", None]), "2026-03-01", "2 rows have an empty client_id"),
        (lambda log: log.assign(location_id=["a", "a", "a", None]), "2026-03-01", "empty location_id .first: row 4"),
        (lambda log: log.assign(z_x=[1, 2, np.nan, 3]), "2026-03-01", "1 rows have an empty z_x"),
        (lambda log: log.assign(z_x="often"), "2026-03-01", "z_x holds str, not numbers"),
        (lambda log: log, "2025-12-31", "cut-off 2025-12-31: no visit on or before it; the log begins on 2026-01-01"),
        (lambda log: log, "31/31/2026", "is not a day"),
    ],
)
def test_a_log_that_cannot_be_used_is_refused_with_what_is_wrong(change, cutoff, said):
    with pytest.raises(BadInput, match=said):
        histories(change(log_of(ANN)), cutoff)


def test_an_unknown_unit_is_refused():
    with pytest.raises(BadInput, match="unit 'months' is unknown; known are days, weeks"):
        histories(log_of(ANN), "2026-03-01", "months")
