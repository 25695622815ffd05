"""Whom to ask back: who may be asked, how, what it should bring, and who is left uncalled by lot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from barberlab.decisions import retention
from barberlab.decisions.circumstances import circumstances
from barberlab.decisions.retention import MEASURED, RISK_BASED, listed
from barberlab.decisions.uplift import held_out, period_of
from clients_made import SETTINGS, TODAY, evidence, known_of, no_evidence, outlook_of

AS_OF = datetime(2025, 7, 1, 4, tzinfo=UTC)
SURE = SETTINGS.model_copy(update={"assumed_log_sd": 1e-9})


def week(look, uplift=None, settings=SETTINGS, **known):
    """The list made of an outlook."""
    uplift = no_evidence() if uplift is None else uplift
    return listed(look, known_of(look, **known), uplift, settings, TODAY, seed=1)


def test_the_gain_is_the_visit_that_asking_brings_less_what_it_costs():
    """Odds of one to one become 1.3 to 1: 6.5 more of 100 come, each for $40; the message costs 50 cents."""
    [row] = week(outlook_of({}), settings=SURE).rows.itertuples()
    lift = 1.3 / 2.3 - 0.5
    assert row.lift == pytest.approx(lift, rel=1e-6)
    assert row.gain == pytest.approx(lift * 4000 - 50, rel=1e-6)
    assert (row.p_gain, row.basis, row.cost) == (1.0, RISK_BASED, 50)


def test_who_comes_anyway_and_who_is_gone_gain_less_than_who_wavers():
    rows = week(outlook_of(*({"comes_soon": p} for p in (0.98, 0.5, 0.05))), settings=SURE).rows
    assert rows["client_id"].iloc[0] == "c001"
    assert rows["lift"].iloc[0] > 2 * rows["lift"].iloc[1:].max()


def test_the_chance_that_asking_pays_is_that_of_the_effect_behind_it():
    """A cost at the median effect is recovered once in two; the 8 in 10 hold the middle eight of ten effects."""
    spend, middle = 4000.0, expit(np.log(1.3)) - 0.5
    settings = SETTINGS.model_copy(update={"message_cost_cents": round(middle * spend * 0.9)})
    [row] = week(outlook_of({}), settings=settings).rows.itertuples()
    assert row.p_gain == pytest.approx(np.mean(_lifts() * spend > row.cost), abs=0.01)
    low, high = np.quantile(_lifts() * spend - row.cost, [0.1, 0.9])
    assert (row.gain_low80, row.gain_high80) == (pytest.approx(low, abs=4), pytest.approx(high, abs=4))


def _lifts() -> np.ndarray:
    shifts = np.log(1.3) + 0.25 * np.random.default_rng(0).standard_normal(200_000)
    return expit(shifts) - 0.5


def test_without_evidence_a_gain_is_risk_based_and_with_it_measured():
    assert set(week(outlook_of({})).rows["basis"]) == {RISK_BASED}
    [row] = week(outlook_of({}), evidence(log_odds_ratio=0.4, sd=1e-9)).rows.itertuples()
    assert (row.basis, row.lift) == (MEASURED, pytest.approx(expit(0.4) - 0.5, rel=1e-6))


def test_an_action_measured_by_itself_counts_for_itself():
    told = evidence().replace({"campaign": {"rebook_reminder": "week_3"}})
    told.loc[told["campaign"] == "week_3", "log_odds_ratio"] = 1.0
    assert retention.effect("week_3", told, SETTINGS)[0] == 1.0
    assert retention.effect("week_4", told, SETTINGS)[0] == 0.4


def test_where_asking_does_harm_nobody_is_asked():
    found = week(outlook_of({}, {}), evidence(effect=-0.05, log_odds_ratio=-0.4))
    assert found.rows.empty
    assert found.left_out["not worth the cost"] == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"may_contact": False}, "no consent to messages"),
        ({"booked_ahead": True}, "booked ahead"),
        ({"contacts_lately": 3, "days_since_contact": 40.0}, "contacted lately"),
        ({"contacts_lately": 1, "days_since_contact": 5.0}, "contacted lately"),
    ],
)
def test_who_must_not_be_asked_is_left_out_and_counted(said, reason):
    found = week(outlook_of({}, {}), c000=said)
    assert found.rows["client_id"].tolist() == ["c001"]
    assert {name: n for name, n in found.left_out.items() if n} == {reason: 1}


def test_a_client_within_the_cap_and_rested_may_be_asked_again():
    assert len(week(outlook_of({}), c000={"contacts_lately": 2, "days_since_contact": 6.0}).rows) == 1


def test_nobody_is_asked_before_the_own_usual_gap_has_passed():
    look = outlook_of({"silence_days": 31.0, "usual_gap_days": 45.0}, {"silence_days": 20.0, "usual_gap_days": 14.0})
    assert week(look).rows["client_id"].tolist() == ["c001"]


LADDER = [(3.0, "week_3"), (3.9, "week_3"), (4.0, "week_4"), (5.0, "week_5"), (6.0, "last_word"), (11.0, "last_word")]


@pytest.mark.parametrize(("weeks", "action"), LADDER)
def test_weeks_three_four_and_five_are_those_of_a_client_of_three_weeks(weeks, action):
    for gap in (21.0, 35.0):
        look = outlook_of({"silence_days": weeks / 3 * gap, "usual_gap_days": gap, "spend": 90_000.0})
        assert week(look).rows["action"].tolist() == [action]


def test_a_barber_who_left_is_replaced_and_a_first_visit_thanked_for():
    look = outlook_of({"spend": 90_000.0}, {"visits": 1})
    rows = week(look, c000={"barber_left": True}).rows.set_index("client_id")
    assert rows["action"].to_dict() == {"c000": "introduce_barber", "c001": "second_visit"}
    assert rows["cost"].to_dict() == {"c000": 400, "c001": 50}


def test_no_action_offers_money_off():
    words = " ".join(f"{action.label} {action.what}" for action in retention.CATALOGUE.values()).lower()
    assert not any(word in words for word in ("discount", "money off", "%", "free", "deal"))


def test_a_shop_gets_no_more_than_it_can_do_and_the_best_of_it():
    look = outlook_of(*({"spend": 4000.0 + k, "location_id": "ny" if k % 3 else "la"} for k in range(12)))
    found = week(look, settings=SETTINGS.model_copy(update={"list_per_shop": 2}))
    assert found.rows.groupby("location_id")["client_id"].apply(sorted).to_dict() == {
        "la": ["c006", "c009"],
        "ny": ["c010", "c011"],
    }
    assert found.left_out["beyond the week's list"] == 8
    assert found.rows["gain"].is_monotonic_decreasing


def test_a_client_who_withdrew_is_in_no_list():
    look = outlook_of({"withheld": True, "spend": 90_000.0}, {})
    assert week(look).rows["client_id"].tolist() == ["c001"]


def test_without_prices_there_is_no_list_and_what_it_needs_is_said():
    found = week(replace(outlook_of({}), needs_money="price_cents in table 6, appointments"))
    assert found.rows.empty
    assert found.needs == "price_cents in table 6, appointments"


# The lot


def test_the_lot_is_the_clients_and_the_quarters_and_nothing_else():
    ids = [f"k1_{k}" for k in range(4000)]
    lots = held_out(ids, "2025-Q3", 0.15)
    assert lots.mean() == pytest.approx(0.15, abs=3 * np.sqrt(0.15 * 0.85 / 4000))
    np.testing.assert_array_equal(held_out(ids[::-1], "2025-Q3", 0.15), lots[::-1])
    other = held_out(ids, "2025-Q4", 0.15)
    assert (lots & other).mean() == pytest.approx(0.15**2, abs=3 * np.sqrt(0.0225 * 0.9775 / 4000))


def test_a_larger_share_holds_out_who_was_held_out_and_others():
    ids = [f"k1_{k}" for k in range(500)]
    assert (held_out(ids, "2025-Q3", 0.3) >= held_out(ids, "2025-Q3", 0.15)).all()


@pytest.mark.parametrize(
    ("day", "quarter"), [("2025-03-31", "2025-Q1"), ("2025-04-01", "2025-Q2"), ("2025-12-31", "2025-Q4")]
)
def test_a_lot_holds_for_a_quarter(day, quarter):
    assert period_of(pd.Timestamp(day).date()) == quarter


def test_the_week_after_the_last_day_decides_the_quarter():
    assert week(outlook_of({})).period == "2025-Q3"


def test_those_held_out_are_on_the_list_and_not_to_be_contacted():
    found = week(outlook_of(*({} for _ in range(25))))
    held = held_out(found.rows["client_id"], "2025-Q3", 0.15)
    np.testing.assert_array_equal(found.rows["held_out"], held)
    assert 0 < held.sum() == len(found.rows) - len(found.to_contact)


# Circumstances


def rows_of(columns: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def around(clients=(), visits=(), staff=(), contacts=()):
    """The circumstances of two clients from tables given in short."""
    look = outlook_of({}, {})
    people = rows_of("client_id consent_marketing consent_profiling erased_on", *clients).astype(
        {"consent_marketing": "boolean", "consent_profiling": "boolean", "erased_on": "datetime64[us]"}
    )
    when = {"start": "datetime64[us, UTC]"}
    appointments = rows_of("client_id status start", *visits).astype(when)
    worked = rows_of("staff_id location_id valid_to", *staff).astype({"valid_to": "datetime64[us]"})
    sent = rows_of("client_id sent_at is_holdout", *contacts).astype(
        {"sent_at": "datetime64[us, UTC]", "is_holdout": "boolean"}
    )
    return circumstances(look.own, people, appointments, worked, sent, AS_OF, TODAY, cap_days=90)


@pytest.mark.parametrize(
    ("marketing", "profiling", "erased", "may"),
    [
        (True, True, None, True),
        (True, None, None, True),
        (None, True, None, False),
        (False, True, None, False),
        (True, False, None, False),
        (True, True, "2025-06-01", False),
    ],
)
def test_only_a_yes_is_a_consent(marketing, profiling, erased, may):
    found = around(clients=[("c000", marketing, profiling, pd.Timestamp(erased) if erased else None)])
    assert found["may_contact"].tolist() == [may, False]


def test_a_booking_ahead_and_the_no_shows_of_a_year_are_known():
    visits = [
        ("c000", "booked", AS_OF + timedelta(days=3)),
        ("c001", "booked", AS_OF - timedelta(days=3)),
        ("c001", "no_show", AS_OF - timedelta(days=300)),
        ("c001", "no_show", AS_OF - timedelta(days=400)),
    ]
    found = around(visits=visits)
    assert found["booked_ahead"].tolist() == [True, False]
    assert found["no_shows"].tolist() == [0, 1]


def test_contacts_count_within_the_cap_and_hold_outs_never():
    contacts = [
        ("c000", AS_OF - timedelta(days=10), False),
        ("c000", AS_OF - timedelta(days=100), False),
        ("c001", AS_OF - timedelta(days=10), True),
    ]
    found = around(contacts=contacts)
    assert found["contacts_lately"].tolist() == [1, 0]
    assert found["days_since_contact"].iloc[0] == 10
    assert np.isnan(found["days_since_contact"].iloc[1])


@pytest.mark.parametrize(
    ("staff", "left"),
    [
        ([("k1_ann", "ny", pd.Timestamp("2025-05-01"))], True),
        ([("k1_ann", "ny", None)], False),
        ([("k1_ann", "ny", pd.Timestamp("2024-05-01")), ("k1_ann", "ny", None)], False),
        ([("k1_ann", "ny", pd.Timestamp("2025-05-01")), ("k1_ann", "la", None)], True),
        ([], False),
    ],
)
def test_a_barber_has_left_when_nothing_keeps_it_at_the_clients_shop(staff, left):
    assert around(staff=staff)["barber_left"].tolist() == [left] * 2
