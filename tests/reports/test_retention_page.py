"""What the retention page says: its words, tables and figures, from clients and numbers written by hand."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from barberlab.decisions import foreseen
from barberlab.decisions.outlook import Outlook, outlook
from barberlab.decisions.retention import listed
from barberlab.decisions.standing import standing
from barberlab.decisions.uplift import held_out
from barberlab.errors import BadInput
from barberlab.models.churn_choice import Choice, Kept
from barberlab.models.cohorts import cohorts, new_clients, second_visits
from barberlab.models.spend import Independence
from barberlab.reports import asking, calibrated, figures, kept_word, leaving, retention
from barberlab.reports.blocks import FiveLines, Headline, NotAvailable, Paragraph
from barberlab.reports.measures import Names
from barbers import log_of
from clients_made import SETTINGS, TODAY, evidence, known_of, no_evidence, outlook_of

NAMES = Names({"ny": "New York", "la": "Los Angeles"})
STAFF = pd.DataFrame({"staff_id": ["k1_ann"], "display_name": ["Ann Q."]})
CHOICE = Choice("stack", "real k", (), "best by Brier score on 4 earlier origins")
HOLDS = Independence(0.0, -0.1, 0.1, True, "spend may be modelled apart from frequency")
FAILS = Independence(0.5, 0.4, 0.6, False, "frequent clients spend more per visit")
LACKING = outlook(pd.DataFrame(), TODAY, current_days=180, yearly_discount=0.1, seed=1)


class _Told:
    """What of a prediction the page reads."""

    choice = CHOICE

    def __init__(self, *kept):
        self.kept = kept


def look_of(*clients, **how) -> Outlook:
    return outlook_of(*clients, **{"predicted": _Told(), "independence": HOLDS} | how)


def list_of(look, uplift=None):
    return listed(look, known_of(look), no_evidence() if uplift is None else uplift, SETTINGS, TODAY, seed=1)


def two_shops(n: int, apart: float = 0.1) -> Outlook:
    """n clients in two shops whose churn is so far apart."""
    shops = ({"location_id": "ny" if k % 2 else "la", "no_visit": 0.3 + apart * (k % 2)} for k in range(n))
    return look_of(*(shop | {"log_odds_sd": 0.05} for shop in shops))


MANY = two_shops(200)
NOTHING = pd.DataFrame(columns=list(foreseen.COUNTED))  # of what was published, nothing is old enough


def kept_of(p: np.ndarray, came: np.ndarray, silence: float = 20.0) -> Kept:
    """An earlier origin on which `p` was said of clients `silence` days after their last visit."""
    from barberlab.models.histories import histories

    h = histories(log_of({f"c{k:04}": ["2025-01-01"] for k in range(len(p))}), date(2025, 1, 1 + int(silence)))
    return Kept(h, CHOICE, p, 1 - p, came, (h, (came == 0).astype(float)))


def calibrated_kept(seed: int, n: int = 2000, bend: float = 0.0) -> Kept:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 0.9, n)
    return kept_of(p, (rng.random(n) >= np.clip(p + bend, 0, 1)).astype(int))


# The list


def test_a_row_says_how_long_silent_against_the_own_rhythm_and_what_else_is_known():
    look = look_of({"silence_days": 47.0, "usual_gap_days": 22.0, "overdue_days": 9.4, "spend": 90_000.0})
    known = known_of(look, c000={"no_shows": 2, "barber_left": True})
    rows = listed(look, known, no_evidence(), SETTINGS, TODAY, seed=1).rows
    assert asking.reasons(rows).tolist() == [
        "silent for 47 days, usually 22; overdue by 9; its barber left; 2 no-shows in a year"
    ]


def test_a_client_seen_once_has_no_rhythm_of_its_own():
    rows = list_of(look_of({"visits": 1, "silence_days": 33.0})).rows
    assert asking.reasons(rows).tolist() == ["came once, 33 days ago"]


def test_a_held_out_client_is_marked_and_no_action_is_named():
    found = list_of(look_of(*({} for _ in range(15))))
    html = str(asking.contact_table(found, NAMES, STAFF, "USD").html)
    held = held_out(found.rows["client_id"], found.period, 0.15)
    assert html.count("left uncalled on purpose") == held.sum() > 0
    assert html.count("Reminder") == (~held).sum()


def test_a_row_of_the_list_carries_its_ranges_in_whole_per_cent():
    rows = [{"low80": 0.236, "high80": 0.314}, {"low80": 0.003, "high80": 0.004}, {"low80": 0.97, "high80": 0.999}]
    found = list_of(look_of(*rows))
    html = str(asking.contact_table(found, NAMES, STAFF, "USD").html)
    assert all(said in html for said in ("24–31%", "under 1%", "over 97%"))


def test_the_list_says_whether_its_gain_is_evidence():
    assumed = str(asking.contact_table(list_of(look_of({})), NAMES, STAFF, "USD").html)
    told = str(asking.contact_table(list_of(look_of({}), evidence()), NAMES, STAFF, "USD").html)
    assert "Risk-based, not causal" in assumed
    assert "The effect is measured against the hold-out" in told
    assert "Risk-based" not in told


def test_who_withdrew_is_on_no_list_no_page_and_in_no_table():
    look = look_of({"withheld": True, "client_id": "k1_secret", "spend": 90_000.0}, *({} for _ in range(40)))
    found = list_of(look)
    kept = asking.table_to_keep(found)
    blocks = [
        asking.contact_table(found, NAMES, STAFF, "USD"),
        asking.band_table(look, "USD", 1),
        retention.opening(look, found, "USD", 1),
        retention.key_figures(look, found, second_visits(_new(), TODAY, []), "USD", 1),
        leaving.churn_figure(_standing(look), look, NAMES),
    ]
    assert "k1_secret" not in kept.to_csv() + "".join(str(block.html) for block in blocks)
    assert "41" in str(blocks[2].html), "and counts in the total"


def test_an_empty_week_says_so():
    found = list_of(look_of({"silence_days": 3.0}))
    assert isinstance(asking.contact_table(found, NAMES, STAFF, "USD"), Paragraph)
    assert retention.opening(look_of({}), found, "USD", 1).title.startswith("Nobody needs asking back")


def test_the_effect_is_titled_by_what_its_chance_allows():
    sure, unsure = evidence(), evidence().assign(p_helps=0.7)
    unsure.attrs = sure.attrs
    assert asking.effect_table(sure).title == "Asking brought 5.0 pts more clients in than leaving them alone"
    assert asking.effect_table(unsure).title == "Whether asking helps cannot be told yet"
    assert isinstance(asking.effect_table(no_evidence()), NotAvailable)


# What is at risk, and where


def test_bands_are_by_the_own_rhythm_and_add_up():
    look = look_of({}, {"overdue_days": 12.0}, {"no_visit": 0.95, "overdue_days": 60.0}, {"withheld": True})
    frame = asking.bands(look)
    assert frame["n"].tolist() == [2, 1, 1]
    assert frame["value_at_risk"].sum() == look.clients["value_at_risk"].sum()


def test_a_failed_check_of_spend_is_said_beside_the_sum():
    assert "spend more per visit" in asking.band_table(look_of({}, independence=FAILS), "USD", 1).note
    assert "Check" not in asking.band_table(look_of({}), "USD", 1).note


def _standing(look: Outlook) -> pd.DataFrame:
    return leaving.with_real(standing(look.clients, ["location_id"], least=30))


def test_a_shop_is_called_different_only_where_sure_and_by_over_three_points():
    told = _standing(MANY).set_index("location_id")
    assert told["real"].tolist() == [False, False], "five points apart from the network, but of 100 clients each"
    assert _standing(two_shops(2000))["real"].all()
    assert not _standing(two_shops(2000, apart=0.04))["real"].any()


def test_the_figure_of_shops_claims_what_its_rows_do():
    assert (
        leaving.churn_figure(_standing(MANY), MANY, NAMES).title == "No shop clearly loses more clients than the others"
    )


def test_barbers_are_by_name_and_carry_their_range():
    by_barber = leaving.with_real(standing(MANY.clients, ["staff_id"], least=30))
    html = str(leaving.barber_table(by_barber, MANY, STAFF, "USD", 1).html)
    assert "Ann Q." in html
    assert "k1_ann" not in html


def _new() -> pd.DataFrame:
    days = {f"n{k}": ["2024-08-01", *(["2024-09-01"] if k % 3 else [])] for k in range(90)}
    return new_clients(log_of({"old": ["2023-01-01"]} | days, "ny"), date(2023, 1, 1), TODAY)


def test_first_to_second_visit_is_counted_with_its_number():
    whole = second_visits(_new(), TODAY, [])
    said = leaving.second_visit_figure(second_visits(_new(), TODAY, ["location_id"]), whole, NAMES)
    assert said.text == "67% of 90 new clients came a second time within 90 days."


def test_cohorts_are_told_by_half_year_and_what_is_not_over_is_not():
    days = {f"n{k:02}": ["2024-08-01", *(["2024-11-15"] if k % 2 else [])] for k in range(60)}
    visits = log_of({"old": ["2023-01-01"]} | days, "ny")
    new = new_clients(visits, date(2023, 1, 1), TODAY)
    html = str(leaving.cohort_table(cohorts(visits, new, date(2023, 1, 1), TODAY)).html)
    assert "second half 2024" in html
    assert "50%" in html
    assert isinstance(leaving.cohort_table(cohorts(visits.head(0), new.head(0), date(2023, 1, 1), TODAY)), NotAvailable)


# Words kept


def test_tenths_of_what_was_said_hold_what_happened():
    rng = np.random.default_rng(1)
    p = rng.random(5000)
    frame = calibrated.by_tenths(p, rng.random(5000) < p)
    assert frame["n"].eq(500).all()
    assert frame["said"].is_monotonic_increasing
    np.testing.assert_allclose(frame["share"], frame["happened"] / 500)
    assert calibrated.missed(frame) <= 4


def test_the_plot_names_its_wrong_sides_and_is_refused_what_is_no_share():
    frame = calibrated.by_tenths(np.linspace(0.05, 0.95, 100), np.arange(100) % 2 == 0)
    figure = figures.calibration(frame, title="T", subtitle="S", above="more left", below="fewer left")
    assert "more left" in figure.wide
    assert "fewer left" in figure.phone
    assert "100 clients" in figure.alt
    with pytest.raises(BadInput, match="hand over shares, not per cent"):
        figures.calibration(frame.assign(said=frame["said"] * 100), title="T", subtitle="S", above="a", below="b")


@pytest.mark.parametrize(
    ("bend", "title"),
    [(0.0, "What we would have said came true"), (0.25, "came out differently than we would have said")],
)
def test_the_plots_title_is_earned(bend, title):
    look = look_of({}, predicted=_Told(calibrated_kept(1, bend=bend)))
    assert title in kept_word.calibration_figure(kept_word.calibration_table(look, NOTHING), look).title


def test_what_was_published_goes_before_what_would_have_been_said():
    frame = calibrated.by_tenths(np.linspace(0.05, 0.95, 400), np.arange(400) % 2 == 0)
    frame.attrs = {"cutoff": "2025-03-30", "horizon_days": 90, "model": "stack"}
    look = look_of({}, predicted=_Told(calibrated_kept(1)))
    published = kept_word.calibration_figure(kept_word.calibration_table(look, frame), look)
    made_up = kept_word.calibration_figure(kept_word.calibration_table(look, NOTHING), look)
    assert published.title.endswith("came out differently than we said")
    assert "as published on Sun 30 Mar 2025" in published.subtitle
    assert published.note.startswith("Said by rhythm, regression and boosting together (stack). ")
    assert "as it would have been said on Tue 21 Jan 2025" in made_up.subtitle
    assert "nothing published is old enough yet" in made_up.note


def test_only_clients_who_were_current_then_are_scored():
    look = look_of({}, predicted=_Told(calibrated_kept(1)))
    assert len(kept_word.scores(look)) == 3
    stale = replace(look, current_days=10)
    assert kept_word.calibration_table(stale, NOTHING).empty
    assert kept_word.scores(stale).empty


def test_accuracy_stands_beside_the_base_rate_and_the_sixty_day_rule():
    look = look_of({}, predicted=_Told(calibrated_kept(1)))
    found = kept_word.scores(look).set_index("who")
    assert found.loc[kept_word.OURS, "accuracy"] > found.loc[kept_word.BASE, "accuracy"]
    assert found.loc[kept_word.BASE, "skill"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(found.loc[kept_word.BASE, "auc"])
    html = str(kept_word.accuracy_table(kept_word.scores(look), look).html)
    assert all(who in html for who in (kept_word.OURS, kept_word.SIXTY, kept_word.BASE))


def test_85_percent_is_claimed_only_where_three_origins_hold_it_beyond_the_base_rate():
    rng = np.random.default_rng(2)
    p = np.where(rng.random(3000) < 0.5, 0.04, 0.96)
    good = kept_of(p, (rng.random(3000) >= p).astype(int))
    three, two = (look_of({}, predicted=_Told(*[good] * n)) for n in (3, 2))
    assert "may be said here: it held on 3 origins" in kept_word.claim(kept_word.scores(three))
    assert "it takes three origins, there are 2" in kept_word.claim(kept_word.scores(two))
    weak = look_of({}, predicted=_Told(*[calibrated_kept(1)] * 3))
    assert "is not claimed here: said on" in kept_word.claim(kept_word.scores(weak))
    trivial = kept_of(np.full(3000, 0.9), (rng.random(3000) >= 0.9).astype(int))
    assert "does not exceed the base accuracy" in kept_word.claim(
        kept_word.scores(look_of({}, predicted=_Told(*[trivial] * 3)))
    )


# The page


def test_the_headline_counts_the_list_and_what_is_at_risk():
    title = retention.opening(MANY, list_of(MANY), "USD", 1).title
    asked = len(list_of(MANY).to_contact)
    assert title.startswith(f"{asked} clients are worth asking back this week; $")
    assert title.endswith(" a year is at risk")


def test_no_estimate_of_the_opening_stands_without_its_range():
    found = list_of(MANY, evidence())
    lede = retention.opening(MANY, found, "USD", 1).lede
    assert re.match(r"The value at risk is \$\S+ a year \(8 in 10: \$\S+ to \$\S+\)\. 200 clients came", lede)
    assert re.search(r"35(\.0)?% of them \(8 in 10: \S+% to \S+%\) are expected not to come", lede)
    shown = retention.key_figures(MANY, found, second_visits(_new(), TODAY, []), "USD", 1).figures
    asked = next(figure.sub for figure in shown if figure.label == "To ask back")
    assert re.match(r"expected gain \$\S+ this week, 8 in 10: \$\S+ to \$\S+; \d+ held out", asked)


def test_key_figures_carry_their_range_or_what_was_counted():
    shown = retention.key_figures(MANY, list_of(MANY), second_visits(_new(), TODAY, []), "USD", 1).figures
    subs = {figure.label: figure.sub for figure in shown}
    assert subs["Current clients"] == "of 200 ever seen; counted"
    assert subs["Value at risk"].startswith("8 in 10: $")
    assert subs["Not coming in 90 days"].startswith("8 in 10: ")


def test_without_prices_the_page_speaks_of_chances_and_names_what_is_missing():
    look = look_of({"spend": np.nan, "worth": np.nan, "value_at_risk": np.nan}, needs_money="price_cents in table 6")
    found = list_of(look)
    assert retention.opening(look, found, "USD", 1).title == "40.0% of clients are expected not to come"
    shown = {one.label: one for one in retention.key_figures(look, found, _new().head(0), "USD", 1).figures}
    assert shown["Value at risk"].sub == "needs price_cents in table 6"
    assert isinstance(asking.contact_table(found, NAMES, STAFF, "USD"), NotAvailable)


def test_without_clients_every_part_is_a_box_that_names_what_it_needs():
    found = list_of(LACKING)
    nobody = standing(LACKING.clients, ["location_id"], least=30)
    parts = [
        retention.in_short(LACKING, nobody, found, no_evidence(), NAMES),
        retention.key_figures(LACKING, found, pd.DataFrame(), "USD", 1),
        asking.contact_table(found, NAMES, STAFF, "USD"),
        asking.band_table(LACKING, "USD", 1),
        leaving.churn_figure(nobody, LACKING, NAMES),
        leaving.barber_table(nobody, LACKING, STAFF, "USD", 1),
        kept_word.calibration_figure(kept_word.calibration_table(LACKING, NOTHING), LACKING),
        kept_word.accuracy_table(kept_word.scores(LACKING), LACKING),
        retention.how_made(LACKING, found),
    ]
    assert all(isinstance(part, NotAvailable) for part in parts)
    assert {part.needs for part in parts} == {"table 6, appointments, with client_id"}
    assert isinstance(retention.opening(LACKING, found, "USD", 1), Headline)


def test_the_page_in_short_names_the_shops_that_lose_more_and_the_effect():
    large = two_shops(2000)
    said = retention.in_short(large, _standing(large), list_of(large, evidence()), evidence(), NAMES)
    assert isinstance(said, FiveLines)
    assert said.lines[0][0] == "New York very likely loses more clients than the network."
    assert "by +5.0 pts" in said.lines[2][0]


def test_the_table_for_boards_counts_the_weeks_list_once_in_all_shops_and_once_in_its_own():
    found = list_of(MANY)
    kept = retention.risk_table(MANY, found, 30, seed=1).set_index("location_id")
    assert kept.loc["", "to_ask"] == len(found.to_contact) == kept.drop("")["to_ask"].sum()
    assert kept.loc["", "gain"] == pytest.approx(found.to_contact["gain"].sum())
    assert kept.attrs["needs"] is None


def test_the_table_for_boards_says_what_a_network_without_clients_needs():
    kept = retention.risk_table(LACKING, list_of(LACKING), 30, seed=1)
    assert kept.empty
    assert kept.attrs["needs"] == LACKING.needs
