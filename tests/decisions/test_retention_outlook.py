"""Who are the clients and what is each worth: on a log by seed, and groups and cohorts by hand."""

import numpy as np
import pandas as pd
import pytest

from barberlab.decisions.outlook import COLUMNS, outlook, value_at_risk
from barberlab.decisions.standing import ALL_SHOPS, at_risk, standing
from barberlab.models.churn_prior import NAMES
from barberlab.models.cohorts import cohorts, new_clients, second_visits
from barberlab.models.population import SIMULATED, Population
from barberlab.models.recency import outcomes
from clients_made import TODAY, outlook_of
from visits_made import FIRST, day, paid_regulars

CUTOFF, HORIZON = day(200), 60
HOW = {"current_days": 120, "yearly_discount": 0.1, "seed": 1, "horizon_days": HORIZON}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """400 clients over 260 days, the last 60 of them hidden; amounts in cents."""
    return paid_regulars()


@pytest.fixture(scope="module")
def look(log):
    """The outlook as of the cut-off; two clients withdrew."""
    return outlook(log, CUTOFF, withheld=frozenset({"c0001", "c0003"}), **HOW)


def test_current_clients_are_those_seen_lately_and_no_later_row_is_read(look, log):
    known = log[log["date"] <= pd.Timestamp(CUTOFF)]
    last = known.groupby("client_id")["date"].max()
    seen = last.index[(pd.Timestamp(CUTOFF) - last).dt.days <= 120]
    assert sorted(look.clients["client_id"]) == sorted(seen)
    again = outlook(known, CUTOFF, withheld=frozenset({"c0001", "c0003"}), **HOW)
    pd.testing.assert_frame_equal(again.clients, look.clients)
    assert look.seen == len(last)


def test_value_at_risk_is_the_chance_of_leaving_times_what_a_year_would_bring(look):
    c = look.clients
    np.testing.assert_allclose(c["value_at_risk"], c["no_visit"] * c["worth"])
    assert (c["worth"] < c["yearly_visits"] * c["spend"]).all(), "a discounted year is less than its visits' takings"
    assert (c["worth"] > 0.9 * c["yearly_visits"] * c["spend"]).all()


def test_what_is_at_risk_in_the_shops_adds_up_to_what_is_at_risk_in_all(look):
    found = at_risk(look.clients, 1, seed=1).set_index("location_id")
    whole, shops = found.loc[ALL_SHOPS], found.drop(ALL_SHOPS)
    total = value_at_risk(look.clients, seed=1)
    assert (whole["n"], shops["n"].sum()) == (len(look.clients),) * 2
    assert shops["value_at_risk"].sum() == pytest.approx(total.mean)
    assert (whole["value_at_risk"], whole["risk_low80"]) == pytest.approx((total.mean, total.low80))
    assert (found["risk_low80"] < found["value_at_risk"]).all()
    assert (found["value_at_risk"] < found["risk_high80"]).all()


def test_a_total_lies_within_its_range_and_the_wider_range_around_it(look):
    total = value_at_risk(look.clients, seed=1)
    assert total.mean == pytest.approx(look.clients["value_at_risk"].sum())
    assert total.low95 < total.low80 < total.mean < total.high80 < total.high95


def test_what_was_expected_of_shops_is_what_was_then_counted(look, log):
    """Three shops: the 19 in 20 of each holds the share that did not come in the hidden days."""
    came = pd.Series(outcomes(log, look.clients["client_id"].to_numpy(), CUTOFF, HORIZON), look.clients.index)
    counted = (came == 0).groupby(look.clients["location_id"]).mean()
    told = standing(look.clients, ["location_id"], least=10).set_index("location_id")
    assert ((told["low95"] <= counted) & (counted <= told["high95"])).all()
    assert told["n"].sum() == len(look.clients)


def test_who_withdrew_counts_in_totals_and_has_no_row_of_its_own(look):
    assert look.clients["withheld"].sum() >= 1
    assert not look.own["client_id"].isin({"c0001", "c0003"}).any()


def test_what_networks_have_in_common_weighs_where_a_network_is_small(log):
    """A population that is sure of very even gaps makes those of 150 clients more even than they look alone."""
    few = log[log["client_id"] < "c0150"]
    mean, sd = (0.0, 0.0, 0.0, 0.0, np.log(12), -3.0, -3.0), (5.0, 5.0, 5.0, 5.0, 0.02, 1.0, 1.0)
    rows = tuple(map(tuple, np.diag(np.square(sd))))
    even = Population("churn", NAMES, mean, rows, SIMULATED, 20, "2025-01-01")
    fitted = [outlook(few, CUTOFF, population=believed, **HOW).predicted.origin for believed in (None, even)]
    alone, together = (np.exp(one.posteriors["real k"].centre.log_k[0, 0]) for one in fitted)
    assert together > 1.2 * alone


def test_without_visits_the_table_is_named():
    empty = outlook(pd.DataFrame(columns=["client_id", "date", "location_id", "staff_id", "amount"]), CUTOFF, **HOW)
    assert empty.needs == "table 6, appointments, with client_id"
    assert list(empty.clients.columns) == list(COLUMNS)
    assert empty.own.empty


def test_without_prices_there_are_chances_and_no_worth(log):
    bare = outlook(log[log["client_id"] < "c0150"].assign(amount=np.nan), CUTOFF, **HOW)
    assert bare.needs is None
    assert bare.needs_money == "price_cents in table 6, appointments"
    assert bare.clients["worth"].isna().all()
    assert bare.clients["no_visit"].between(0, 1).all()


def test_clients_seen_long_ago_alone_are_no_network(log):
    found = outlook(log[log["date"] < pd.Timestamp(day(60))], CUTOFF, **HOW | {"current_days": 30})
    assert found.needs == "a visit in the last 30 days"


def test_a_small_groups_range_is_wide_and_one_too_small_is_not_told():
    look = outlook_of(
        *({"location_id": "ny"} for _ in range(400)), *({"location_id": "la"} for _ in range(40)), {"location_id": "x"}
    )
    told = standing(look.clients, ["location_id"], least=30).set_index("location_id")
    assert sorted(told.index) == ["la", "ny"]
    width = told["high80"] - told["low80"]
    assert width["la"] > 1.4 * width["ny"]
    assert told["p_above"].between(0.4, 0.6).all()


# Cohorts


def visits_of(**days: list[str]) -> pd.DataFrame:
    rows = [(client, pd.Timestamp(when), "ny") for client, all_days in days.items() for when in all_days]
    return pd.DataFrame(rows, columns=["client_id", "date", "location_id"])


HAND = visits_of(
    old=["2023-01-02", "2023-02-01"],
    a=["2023-08-01", "2023-08-20", "2023-11-05", "2024-08-10"],
    b=["2023-09-01"],
    c=["2024-12-01", "2025-02-01"],
    d=["2025-01-10", "2025-06-20"],
    e=["2025-06-01"],
)
BEGIN = pd.Timestamp("2023-01-02").date()


def test_a_client_is_new_only_where_an_earlier_visit_would_have_been_seen():
    assert new_clients(HAND, BEGIN, TODAY)["client_id"].tolist() == ["a", "b", "c", "d", "e"]


def test_second_visits_are_counted_where_their_days_are_over():
    """A year of first visits that ended 90 days ago: c came again within 90 days, d did not; e is too new."""
    whole = second_visits(new_clients(HAND, BEGIN, TODAY), TODAY, [])
    assert whole[["n", "again"]].iloc[0].tolist() == [2, 1]
    assert whole["low80"].iloc[0] < 0.5 < whole["high80"].iloc[0]


def test_a_cohort_is_told_for_windows_that_are_over_for_all_of_it():
    found = cohorts(HAND, new_clients(HAND, BEGIN, TODAY), BEGIN, TODAY).set_index(["cohort", "days"])
    july = pd.Timestamp("2023-07-01")
    assert found.loc[july, "n"].eq(2).all()
    assert found.loc[july]["there"].to_dict() == {90: 1, 180: 0, 365: 1}
    assert (pd.Timestamp("2024-07-01"), 180) not in found.index


def test_a_half_year_in_which_new_and_old_cannot_all_be_told_apart_is_left_out():
    found = cohorts(
        HAND, new_clients(HAND, FIRST.replace(year=2023, month=3), TODAY), FIRST.replace(year=2023, month=3), TODAY
    )
    assert pd.Timestamp("2023-07-01") not in set(found["cohort"])
