"""Features and outcomes of a visit log: by hand, and blind to whatever comes after the cut-off."""

from datetime import date

import numpy as np
import pandas as pd

from barberlab.models.recency import features, outcomes

CUTOFF = date(2025, 6, 30)


def log(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Visits of (client, day, amount)."""
    frame = pd.DataFrame(rows, columns=["client_id", "date", "amount"])
    return frame.assign(date=pd.to_datetime(frame["date"]))


def regulars(seed: int, clients: int = 200) -> pd.DataFrame:
    """Clients who come every 20 to 60 days of 2025, with amounts and a covariate."""
    rng = np.random.default_rng(seed)
    days = [np.cumsum(rng.gamma(4, rng.uniform(5, 15), rng.integers(1, 12))).astype(int) for _ in range(clients)]
    client = np.repeat([f"c{at:03}" for at in range(clients)], [len(d) for d in days])
    frame = pd.DataFrame(
        {"client_id": client, "date": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.concatenate(days), "D")}
    )
    frame = frame.drop_duplicates()
    return frame.assign(amount=rng.gamma(5, 8, len(frame)), z_late=rng.normal(size=len(frame)))


def test_features_by_hand():
    """Visits on 1 April, 1 May and 31 May, 30 days apart: x 2, T 90, silent 30, all gaps as long."""
    made = features(log(("a", "2025-04-01", 20), ("a", "2025-05-01", 20), ("a", "2025-05-31", 40)), CUTOFF)
    of = dict(zip(made.names, made.values[0], strict=True))
    assert of["log_x"] == np.log1p(2)
    assert of["once"] == 0
    assert (of["log_T"], of["log_h"]) == (np.log1p(90), np.log1p(30))
    assert of["share_silent"] == 30 / 90
    assert (of["log_n30"], of["log_n60"], of["log_n90"]) == (0, np.log1p(1), np.log1p(2))
    assert np.isclose(of["log_gap"], np.log(30))
    assert np.isclose(of["gap_change"], 0)
    assert np.isclose(of["overdue"], np.log(31 / 30))
    assert of["amount_change"] > 0


def test_outcomes_count_days_after_the_cutoff_up_to_the_horizon():
    visits = log(("a", "2025-06-30", 1), ("a", "2025-07-01", 1), ("a", "2025-07-01", 1), ("a", "2025-09-28", 1),
                 ("a", "2025-09-29", 1), ("b", "2025-06-01", 1))  # fmt: skip
    np.testing.assert_array_equal(outcomes(visits, np.array(["a", "b"]), CUTOFF, 90), [2, 0])


def test_shuffling_the_future_changes_no_feature():
    """Every row after the cut-off gets another client, day, amount and covariate, and some are taken away."""
    visits, rng = regulars(1), np.random.default_rng(2)
    later = visits["date"] > pd.Timestamp(CUTOFF)
    assert later.sum() > 100
    shuffled = visits.copy()
    for column in ("client_id", "amount", "z_late"):
        shuffled.loc[later, column] = rng.permutation(shuffled.loc[later, column].to_numpy())
    shuffled.loc[later, "date"] += pd.to_timedelta(rng.integers(0, 300, later.sum()), "D")
    shuffled = shuffled.drop(index=shuffled.index[later][::3]).sample(frac=1, random_state=3)
    before, after = features(visits, CUTOFF), features(shuffled, CUTOFF)
    np.testing.assert_array_equal(before.client, after.client)
    np.testing.assert_array_equal(before.values, after.values)


def test_a_row_on_the_cutoff_day_is_seen():
    visits = regulars(1)
    more = pd.concat([visits, log(("c000", CUTOFF.isoformat(), 30)).assign(z_late=0.0)])
    assert not np.array_equal(features(visits, CUTOFF).values, features(more, CUTOFF).values)


def test_features_are_finite_for_clients_seen_once_amounts_unknown_and_nobody_back():
    once = log(("a", "2025-06-30", np.nan), ("b", "2025-01-01", 0.0))
    assert np.isfinite(features(once, CUTOFF).values).all()
    assert np.isfinite(features(regulars(4), CUTOFF).values).all()


def test_the_day_of_the_calendar_does_not_matter():
    visits = regulars(5)
    moved = visits.assign(date=visits["date"] + pd.Timedelta(days=728))
    later = date.fromordinal(CUTOFF.toordinal() + 728)
    np.testing.assert_array_equal(features(visits, CUTOFF).values, features(moved, later).values)
