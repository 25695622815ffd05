"""Does asking help: a planted effect found again, with the range it deserves."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from barberlab.decisions.uplift import ALL, measured

ZONE = "America/New_York"
TODAY = date(2025, 6, 30)


def campaign(seed: int, n: int, base: float, effect: float, name: str = "week_3", share: float = 0.25, start: int = 0):
    """(contacts, visits) of n clients, each contacted or held out once; `effect` is added to the chance to come."""
    rng = np.random.default_rng(seed)
    ids = [f"c{k:05}" for k in range(start, start + n)]
    sent = pd.Timestamp("2025-03-03 15:00", tz="UTC") + pd.to_timedelta(rng.integers(0, 60, n), "D")
    held = rng.random(n) < share
    came = rng.random(n) < base + effect * ~held
    contacts = pd.DataFrame({"client_id": ids, "campaign_type": name, "sent_at": sent, "is_holdout": held})
    after = pd.to_timedelta(rng.integers(1, 22, n), "D")
    visits = pd.DataFrame({"client_id": ids, "date": sent.tz_localize(None).normalize() + after})[came]
    before = pd.DataFrame({"client_id": ids, "date": pd.Timestamp("2025-02-01")})
    return contacts, pd.concat([before, visits], ignore_index=True)


def told(contacts, visits, within=21):
    """The measured effects by campaign."""
    return measured(contacts, visits, TODAY, within, ZONE).set_index("campaign")


def test_a_planted_effect_is_found_and_its_range_keeps_its_promise():
    """Of 60 networks 8 in 10 ranges hold the planted 6 points about 48 times; 40 to 56 is 3 standard deviations."""
    found = [told(*campaign(seed, 1200, 0.35, 0.06)).loc[ALL] for seed in range(60)]
    held = sum(row["low80"] <= 0.06 <= row["high80"] for row in found)
    assert 39 <= held <= 57
    assert np.mean([row["effect"] for row in found]) == pytest.approx(0.06, abs=0.012)


def test_an_effect_that_is_none_helps_as_often_as_it_harms():
    chances = [told(*campaign(seed, 600, 0.35, 0.0)).loc[ALL, "p_helps"] for seed in range(60)]
    assert np.mean(chances) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(chances) > 0.9) < 0.25


def test_campaigns_are_compared_each_with_its_own_hold_out():
    """Ten points on those who come often and on those who do not, held out in different shares: ten points."""
    one, two = campaign(1, 4000, 0.7, 0.1, "week_3", 0.5), campaign(2, 4000, 0.1, 0.1, "week_5", 0.1, start=4000)
    both = told(*(pd.concat(parts) for parts in zip(one, two, strict=True)))
    assert both.loc[ALL, "effect"] == pytest.approx(0.1, abs=0.04)
    weight = both.loc[["week_3", "week_5"], "contacted"]
    mixed = np.average(both.loc[["week_3", "week_5"], "effect"], weights=weight)
    assert both.loc[ALL, "effect"] == pytest.approx(mixed)


def test_a_client_written_to_twice_is_one_client():
    contacts, visits = campaign(3, 400, 0.4, 0.05)
    twice = pd.concat([contacts, contacts])
    once, doubled = told(contacts, visits).loc[ALL], told(twice, visits).loc[ALL]
    assert doubled["effect"] == pytest.approx(once["effect"])
    assert doubled["sd"] == pytest.approx(once["sd"])


def test_only_the_days_after_a_contact_count_and_only_when_they_are_over():
    contacts = pd.DataFrame({"client_id": ["a", "b", "c", "d", "e"], "campaign_type": "week_3", "is_holdout": False})
    contacts["sent_at"] = pd.to_datetime(["2025-06-01 15:00"] * 4 + ["2025-06-10 15:00"], utc=True)
    days = ["2025-06-01", "2025-06-02", "2025-06-22", "2025-06-23", "2025-06-11"]
    visits = pd.DataFrame({"client_id": list("abcde"), "date": pd.to_datetime(days)})
    [row] = measured(contacts, visits, TODAY, 21, ZONE).itertuples()
    assert (row.contacted, row.came_contacted) == (4, 0.5)


def test_the_day_of_a_contact_is_the_shops_own():
    contacts = pd.DataFrame({"client_id": ["a"], "campaign_type": "week_3", "is_holdout": [False]})
    contacts["sent_at"] = pd.to_datetime(["2025-06-02 02:00"], utc=True)  # the evening of the first, in New York
    visits = pd.DataFrame({"client_id": ["a"], "date": pd.to_datetime(["2025-06-02"])})
    assert measured(contacts, visits, TODAY, 21, ZONE)["came_contacted"].tolist() == [1.0]


def test_too_few_held_out_tell_nothing():
    contacts, visits = campaign(4, 100, 0.4, 0.1, share=0.1)
    found = measured(contacts, visits, TODAY, 21, ZONE)
    assert found["effect"].isna().all()
    assert "30 clients contacted and 30 held out" in found.attrs["needs"]


def test_without_contacts_the_table_is_named():
    contacts, visits = campaign(5, 5, 0.4, 0.1)
    found = measured(contacts.head(0), visits, TODAY, 21, ZONE)
    assert found.empty
    assert found.attrs["needs"] == "table 14, contacts, with hold-outs"
