"""What would be is the forecast's own futures with a lever moved, paired, and the levers end where they say."""

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import scenario_months, scenarios
from barberlab.models.assumptions import ELASTICITY
from barberlab.models.scenario_months import Ahead
from barberlab.reports import accessible, doors, pages, whatif
from barberlab.reports.whatif import ALL, SLIDERS, Setting

SHOPS = ("a", "b", "c")
STARTS = np.arange("2025-07", "2025-12", dtype="datetime64[M]").astype("datetime64[D]")


def months(metric="net_service_revenue", needs=None) -> pd.DataFrame:
    """A year of 1,000.00 a month in each shop."""
    past = pd.date_range("2024-07-01", periods=12, freq="MS")
    frame = pd.DataFrame([(shop, month, 100_000) for shop in SHOPS for month in past])
    frame.columns = ["location_id", "period", "value"]
    frame.attrs = {"metric": metric, "needs": needs, "currency": "USD"}
    return frame


def ahead(shops=SHOPS) -> Ahead:
    """Joint draws of about as much."""
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.05, (1, 5, 400)) + rng.normal(0, 0.1, (len(shops), 5, 400))
    return Ahead(np.array(shops), STARTS, 100_000 * np.exp(noise))


def made(chairs=(4, 5, None), used=0.8, **other) -> whatif.Base:
    """The base case of three shops; of the third, chairs are not known."""
    locations = pd.DataFrame({"location_id": SHOPS, "name": ["Ash", None, "<b>Cut</b>"], "chairs": chairs})
    last = [(shop, metric, value) for shop in SHOPS for metric, value in
            (("net_service_revenue", 100_000.0), ("utilisation", used))]  # fmt: skip
    shops = pd.DataFrame(last, columns=["location_id", "metric", "value"])
    return whatif.base(other.get("ahead", ahead()), other.get("months", months()), shops, locations, 30)


BASE = made()


def test_levers_that_stand_still_change_nothing():
    assert not BASE.play(ALL, Setting()).difference.any()
    assert "Nothing would change" in whatif.blocks(BASE, ALL, Setting())[0].html


def test_the_answer_is_the_scenarios_own_on_the_kept_draws():
    """One lever of one shop, played by hand: the elasticity's own draws over the shop's own."""
    played = BASE.play("b", Setting(price=10))
    factor = 1.1 ** (1 + ELASTICITY.draw(0, 400))
    by_hand = (ahead().draws[1] * (factor - 1)).sum(axis=0)
    np.testing.assert_allclose(played.difference.sum(axis=(0, 1)), by_hand)


def test_all_levers_together_are_what_the_scenarios_make_of_each_shop():
    setting = Setting(price=5, chairs=1, hours=10, barber=20, campaign=3)
    levers = [*BASE.more_chairs(ALL, 1), *setting.alike()]
    assert {type(lever) for lever in levers} == {
        scenarios.Price, scenarios.MoreChairs, scenarios.OpeningHours, scenarios.LostBarber, scenarios.Campaign,
    }  # fmt: skip
    each = scenario_months.play(ahead(), levers, seed=0).difference.sum(axis=(0, 1))
    np.testing.assert_allclose(BASE.play(ALL, setting).difference.sum(axis=(0, 1)), each, rtol=1e-6, atol=1.0)


def test_a_pair_is_narrower_than_the_futures_that_it_is_made_of():
    """Season and luck are the same with and without the lever: what is left is the lever."""
    played = BASE.play(ALL, Setting(price=5))
    low, _, high = played.total(0.8)
    before, after = (played.paths - played.difference).sum(axis=(0, 1)), played.paths.sum(axis=(0, 1))
    unpaired = np.quantile(after - np.roll(before, 1), [0.1, 0.9])
    assert high - low < np.ptp(unpaired) / 2


def test_chairs_are_added_where_chairs_are_known():
    assert list(BASE.rooms["location_id"]) == ["a", "b"]
    # 1,000.00 in 30 days at 80 % of the hours.
    np.testing.assert_allclose(BASE.rooms["capacity"], 100_000 / 0.8 / 30 * 7)
    assert BASE.play("a", Setting(chairs=1)).difference.sum() > 0
    assert not BASE.play("c", Setting(chairs=1)).difference.any()
    said = "".join(block.html for block in whatif.blocks(BASE, "c", Setting(chairs=1)))
    assert "More chairs</b>Not available: needs chairs of each shop" in said


@pytest.mark.parametrize("chairs", [(None, None, None)])
def test_without_any_chairs_the_other_levers_go_on(chairs):
    without = made(chairs=chairs)
    assert without.rooms.empty
    assert without.play(ALL, Setting(price=5, chairs=2)).difference.any()


@pytest.mark.parametrize("name", SLIDERS)
@pytest.mark.parametrize("value", [101, -101, 2**70, 1.0, "9", None, True, [3]])
def test_a_lever_stands_nowhere_but_between_its_ends(name, value):
    with pytest.raises(BadInput, match=rf"must be a whole number from {SLIDERS[name].low} to {SLIDERS[name].high}"):
        Setting(**{name: value})


def test_a_shop_that_one_does_not_see_is_no_place_for_a_lever():
    with pytest.raises(BadInput, match="no such shop"):
        BASE.play("south-01", Setting())


def test_without_money_or_a_forecast_it_says_what_it_needs():
    with pytest.raises(NotAvailable, match="needs prices and payments"):
        made(months=months("visits"))
    with pytest.raises(NotAvailable, match="needs a forecast of at least one shop"):
        made(ahead=ahead().of([]))


def test_what_is_taken_for_granted_stands_beside_the_answer():
    said = "".join(block.html for block in whatif.blocks(BASE, ALL, Setting(price=10, campaign=2)))
    for words in ("Prices +10%", "8 in 10", "Price elasticity", "Campaign lift", "assumed", "3 shops"):
        assert words in said
    assert "Recapture" not in said


def test_the_page_has_one_heading_of_each_kind_and_words_for_its_picture():
    shown = whatif.blocks(BASE, ALL, Setting(price=-5))
    body, _ = pages.compose(shown, [])
    assert accessible.check(pages.page("What if", body)) == []
    assert "8 in 10 from" in whatif.futures(BASE, ALL, BASE.play(ALL, Setting())).alt


def test_a_shops_name_is_text():
    said = "".join(block.html for block in whatif.blocks(BASE, "c", Setting(price=5)))
    assert "<b>Cut" not in said
    assert "&lt;b&gt;Cut" in said


@pytest.mark.parametrize(
    "page",
    [
        doors.sign_in("token", provider=True, said="Name or password is wrong"),
        doors.house("North", "", [doors.Group("Reports", [doors.Door("Shop", "/n/x", "good", "good")])], "token"),
        doors.house("North", "", [doors.Group("Reports", [], "a run")], "token"),
        doors.message(404),
        doors.message(599),
        doors.nothing_yet("What if", "a run", "North", ("/", "All networks")),
    ],
)
def test_the_servers_own_pages_are_fit_to_be_read_by_everybody(page):
    # Unlike a report, these may send a form, to this server.
    forms = ("script: a page may not hold <form>", "'/login'", "'/logout'")
    assert [found for found in accessible.check(page) if not found.endswith(forms)] == []


def test_an_error_says_no_more_than_its_number():
    assert doors.message(500) == doors.message(599)
