"""The revenue report's words and tables: what is printed is what the draws hold, and no more is claimed."""

import re
from dataclasses import replace
from datetime import date
from html import unescape

import numpy as np
import pandas as pd
import pytest

import futures_made
from barberlab.errors import BadInput
from barberlab.models import assumptions, scenarios, scorecard
from barberlab.models.scorecard import Record
from barberlab.params import Measured
from barberlab.reports import causes, forecast, prose, record, what_if
from barberlab.reports.blocks import NotAvailable

HORIZON = 13
NAMES = {"s0": "Old Dairy", "s1": "Quayside", "s2": "Mill Lane"}
TOO_YOUNG = NotAvailable("Forecast", "26 weeks of trade, it has 9")
# Minutes booked and worked in the last quarter: Quayside is the fullest, with two barbers.
CHAIRS = pd.DataFrame(
    [("s0", "a", 50, 100), ("s1", "b", 80, 100), ("s1", "c", 90, 100), ("s2", "d", 60, 100), ("s2", None, 0, 0)],
    columns=["location_id", "staff_id", "numerator", "denominator"],
)
NO_PAST = pd.DataFrame(columns=["location_id", "error", "naive_error"])


def found(**options):
    return futures_made.made(futures_made.panel(3, 130), HORIZON, **options)


def plain(block) -> str:
    """What a reader sees of a block."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", str(block.html))).split())


def row(block, first: str) -> str:
    """The row of a table that begins with `first`."""
    rows = re.findall(r"<tr>(.*?)</tr>", str(block.html), re.DOTALL)
    texts = [" ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split()) for text in rows]
    return next(text for text in texts if text.startswith(first))


def totals(errors, naive=0.2, kind=scorecard.REMADE) -> Record:
    """Past totals of all shops that missed by `errors`, with SeasonalNaive's off by `naive`."""
    made = pd.date_range("2024-01-07", periods=len(errors), freq="91D")
    whole = pd.DataFrame({"made_on": made, "kind": kind, "location_id": "", "actual": 1_000_000.0, "shut": 0.0})
    whole["mid"], whole["naive"], whole["naive_shut"] = 1e6 * (1 + np.array(errors)), 1e6 * (1 + naive), 0.0
    for inside, reach in (("50", 0.02), ("80", 0.05), ("95", 0.08)):
        whole[f"low{inside}"], whole[f"high{inside}"] = whole["mid"] * (1 - reach), whole["mid"] * (1 + reach)
    weeks = whole.assign(period=made + pd.Timedelta(days=1), location_id="s0", ahead=1)
    return Record(weeks, whole)


# The forecast


def test_the_headline_holds_the_totals_range():
    said = plain(forecast.opening(found(), "USD", "North"))
    line = found().totals().iloc[0]
    low, high = (round(line[end] / 100, -2) for end in ("low80", "high80"))
    assert f"The next three months will likely bring ${low:,.0f} to ${high:,.0f}" in said
    assert "of 3 shops over the 13 weeks after 30 Jun 2024" in said
    assert re.search(
        r"bring (more|less) than the \$\S+ of the same weeks a year before \((\d+|under 1|over 99)%\)", said
    )


def test_without_a_forecast_every_block_is_the_same_dashed_box():
    daily = futures_made.daily(futures_made.panel(2, 9))
    assert "It needs 26 weeks of trade, it has 9. This page fills" in plain(forecast.opening(TOO_YOUNG, "USD", "North"))
    levers = what_if.usual_levers(TOO_YOUNG, CHAIRS)
    blocks = [
        forecast.five_lines(TOO_YOUNG, NAMES, "USD", daily),
        forecast.by_month(TOO_YOUNG, daily, "USD"),
        forecast.shop_table(TOO_YOUNG, NAMES, "USD", NO_PAST),
        forecast.unknowable(TOO_YOUNG),
        forecast.shops_by_month(TOO_YOUNG, daily, NAMES, "USD"),
        what_if.what_if(TOO_YOUNG, levers, NAMES, "USD"),
        what_if.assumptions(TOO_YOUNG, levers),
        causes.driver_table(TOO_YOUNG, futures_made.population(), "USD"),
    ]
    assert levers == []
    assert blocks == [TOO_YOUNG] * 8
    assert forecast.monthly_draws(TOO_YOUNG, daily) is None
    assert forecast.weeks_table(TOO_YOUNG).empty
    assert forecast.totals_table(TOO_YOUNG).empty
    assert forecast.result(TOO_YOUNG, 26) == {
        "name": "revenue_next_26_weeks",
        "value": None,
        "unit": "cents",
        "note": "needs 26 weeks of trade, it has 9",
    }


def test_the_result_for_programs_is_the_total_with_its_intervals():
    told, line = forecast.result(found(), HORIZON), found().totals().iloc[0]
    assert told["name"] == "revenue_next_13_weeks"
    assert told["value"] == round(line["mid"])
    assert told["low95"] < told["low80"] < told["value"] < told["high80"] < told["high95"]


def test_the_draws_that_are_kept_give_any_shops_total():
    one = found()
    kept = forecast.monthly_draws(one, futures_made.daily(one.history))
    assert kept["revenue"].dims == ("chain", "draw", "location", "month")
    assert kept["revenue"].dtype == np.float32
    months, draws = one.monthly(futures_made.daily(one.history))
    both = kept["revenue"].sel(location=["s0", "s2"]).sum(["location", "month"]).to_numpy()[0]
    np.testing.assert_allclose(both, draws[[0, 2]].sum(axis=(0, 1)), rtol=1e-5)
    assert kept["month"].to_numpy().tolist() == months.strftime("%Y-%m-%d").tolist()


def test_in_short_names_who_will_very_likely_beat_last_year_and_who_will_not():
    one = found()
    one.paths[0] *= 2
    one.paths[1] *= 0.5
    said = plain(forecast.five_lines(one, NAMES, "USD", futures_made.daily(one.history)))
    assert re.search(r"(One|Two) of 3 shops will very likely beat last year\. (Mill Lane and )?Old Dairy\.", said)
    assert re.search(r"(One|Two) will very likely fall short of it\. (Mill Lane and )?Quayside\.", said)


def test_in_short_says_who_is_borrowed_and_who_is_left_out():
    one = found(left_out={"s2": "no trade"})
    one.borrowed[:] = ["", "the season", ""]
    said = plain(forecast.five_lines(one, NAMES, "USD", futures_made.daily(one.history)))
    assert "One shop is too young for a season of their own. Quayside." in said
    assert "the level of" not in said
    assert "One shop without trade for 8 weeks left out. Mill Lane." in said


def test_in_short_says_whose_level_is_the_networks():
    """Old Dairy has traded in 3 weeks, Quayside in none, Mill Lane all the time."""
    one = found()
    one.history.revenue[0, :-3] = one.history.revenue[1] = np.nan
    one.borrowed[:] = ["all", "all", ""]
    said = plain(forecast.five_lines(one, NAMES, "USD", futures_made.daily(one.history)))
    assert "Two shops are too young for a season of their own. Old Dairy and Quayside." in said
    assert "under 8 weeks of trade, the level of Old Dairy and Quayside is the network's too." in said


def weekly(panel) -> pd.DataFrame:
    """The panel's weeks as `lab.metric` gives them."""
    frame = pd.DataFrame(panel.revenue, panel.location, pd.DatetimeIndex(panel.weeks))
    return frame.rename_axis(index="location_id", columns="period").stack().rename("value").reset_index()


def test_a_shop_that_opened_this_week_is_foreseen_and_the_page_says_what_is_borrowed():
    """Mill Lane has no whole week yet: its forecast is finite, near the others', and owes all to them."""
    panel = futures_made.panel(3, 120)
    panel.revenue[2] = np.nan
    today = (panel.weeks[-1] + np.timedelta64(8, "D")).astype(object)
    shops = pd.DataFrame({"location_id": ["s0", "s1", "s2"], "opened_on": [None, None, pd.Timestamp(today)]})
    opening = forecast.just_opened(shops.assign(closed_on=None), today)
    assert opening == ["s2"]
    facts = {"network": "n", "country": None}
    one = forecast.foresee(
        weekly(panel), facts, panel.weeks[0].astype(object), today, futures_made.population(), HORIZON, opening
    )
    assert one.location.tolist() == ["s0", "s1", "s2"]
    total = one.totals().set_index("location_id")
    assert total.loc["s1", "mid"] / 6 < total.loc["s2", "mid"] < 6 * total.loc["s1", "mid"]
    block = forecast.shop_table(one, NAMES, "USD", NO_PAST)
    assert "Mill Lane: 0 weeks of trade: level and trend are the network's" in plain(block)
    assert row(block, "Mill Lane").startswith("Mill Lane learning")


def test_a_network_without_money_is_told_which_table_brings_it():
    nothing = pd.DataFrame(columns=["location_id", "period", "value"])
    nothing.attrs["needs"] = "table 7, payments"
    day = date(2025, 6, 30)
    box = forecast.foresee(nothing, {"network": "n"}, day, day, futures_made.population(), HORIZON)
    assert plain(box) == "Revenue forecast Not available: needs table 7, payments"


def test_a_network_of_five_months_is_told_what_a_forecast_needs():
    panel = futures_made.panel(3, 22)
    first, today = panel.weeks[0].astype(object), (panel.weeks[-1] + np.timedelta64(6, "D")).astype(object)
    box = forecast.foresee(
        weekly(panel), {"network": "n", "country": "US"}, first, today, futures_made.population(), HORIZON
    )
    assert plain(box) == "Revenue forecast Not available: needs 26 weeks of trade, there are 22"


def test_a_shop_is_just_opened_for_eight_weeks_unless_it_closed():
    today = pd.Timestamp("2025-06-30")
    opened = [today, today - pd.Timedelta(days=55), today - pd.Timedelta(days=56), today + pd.Timedelta(days=1), today]
    shops = pd.DataFrame({"location_id": list("abcde"), "opened_on": opened, "closed_on": [None] * 4 + [today]})
    assert forecast.just_opened(shops, today.date()) == ["a", "b"]


def test_in_short_without_any_year_before_claims_nothing_of_it():
    one = futures_made.made(futures_made.panel(3, 40), HORIZON)
    said = plain(forecast.five_lines(one, NAMES, "USD", futures_made.daily(one.history)))
    assert "No shop can be held against last year." in said
    assert "beat" not in said


def test_a_month_is_called_the_best_only_as_surely_as_the_draws_do():
    one = futures_made.made(futures_made.panel(3, 130), 18)
    one.paths[:, 6:9] *= 3
    said = plain(forecast.five_lines(one, NAMES, "USD", futures_made.daily(one.history)))
    assert "August 2024 will almost certainly be the best month ahead (over 99%)." in said
    same = futures_made.made(futures_made.panel(3, 130), 18)
    wild = np.exp(np.random.default_rng(1).normal(0, 1, (1, 1, same.paths.shape[2])))
    same.paths[:, :9] *= wild
    said = plain(forecast.five_lines(same, NAMES, "USD", futures_made.daily(same.history)))
    assert "almost certainly be the best" not in said


def test_a_shops_row_holds_its_total_rounded_like_its_range_and_its_past_error():
    one = found()
    past = pd.DataFrame({"location_id": ["s0"], "error": [0.09], "naive_error": [0.14]})
    block = forecast.shop_table(one, NAMES, "USD", past)
    line = one.totals().set_index("location_id").loc["s0"]
    assert re.search(rf"Old Dairy \${line['mid'] / 100:,.0f}"[:-3] + r"\d00 ", row(block, "Old Dairy"))
    assert row(block, "Old Dairy").endswith("9% 14%")
    assert row(block, "Quayside").endswith("n/a n/a")


def test_a_young_shop_is_marked_as_learning():
    one = found()
    one.borrowed[:] = ["", "the season is the network's", ""]
    block = forecast.shop_table(one, NAMES, "USD", NO_PAST)
    assert row(block, "Quayside").startswith("Quayside learning")
    assert "Learning. Quayside: the season is the network's." in plain(block)


def test_over_forty_shops_the_largest_are_shown_and_the_rest_is_said():
    one = futures_made.made(futures_made.panel(45, 120), HORIZON)
    block = forecast.shop_table(one, {f"s{i}": f"Shop {i}" for i in range(45)}, "USD", NO_PAST)
    assert "The 40 largest of 45." in plain(block)
    assert str(block.html).count("<tr>") == 41


def test_the_fan_of_months_begins_after_the_last_whole_month():
    one = found()
    figure = forecast.by_month(one, futures_made.daily(one.history), "USD")
    both = figure.numbers[figure.numbers["value"].notna() & figure.numbers["mid"].notna()]
    assert both.empty
    assert figure.numbers["period"].is_monotonic_increasing
    assert "will likely bring" in figure.title
    own = forecast.by_month(one, futures_made.daily(one.history), "USD", "Old Dairy", "s0")
    assert own.numbers["value"].max() < figure.numbers["value"].max()


def test_the_largest_shops_have_fans_of_their_own():
    one = futures_made.made(futures_made.panel(11, 130), HORIZON)
    names = {f"s{i}": f"Shop {i}" for i in range(11)}
    figure = forecast.shops_by_month(one, futures_made.daily(one.history), names, "USD")
    assert figure.numbers["shop"].nunique() == 9
    assert "The nine largest of 11 shops" in figure.subtitle
    assert figure.numbers["shop"].iloc[0] == names[one.totals().iloc[1:].sort_values("mid")["location_id"].iloc[-1]]
    few = forecast.shops_by_month(found(), futures_made.daily(found().history), NAMES, "USD")
    assert few.numbers["shop"].unique().tolist() == ["Mill Lane", "Quayside", "Old Dairy"]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_scripts_in_names_are_text(name):
    one = found(left_out={"s2": "no trade"})
    one.borrowed[:] = "the season"
    names = dict.fromkeys(NAMES, name)
    daily = futures_made.daily(one.history)
    blocks = [
        forecast.opening(one, "USD", name),
        forecast.five_lines(one, names, "USD", daily),
        forecast.shop_table(one, names, "USD", NO_PAST),
        forecast.by_month(one, daily, "USD", name),
    ]
    for block in blocks:
        html = str(block.html)
        assert "<script>" not in html
        assert "<img" not in html
        assert "alert(1)" in html


def test_the_page_says_where_its_hyperparameters_come_from_and_how_they_passed():
    common = replace(futures_made.population(), gates=("location: laplace, scales within 1.4 sd of their priors",))
    said = plain(forecast.how_made(found(), common))
    assert f"from {common.networks} simulated networks with data to " in said
    assert f"(version {common.version})" in said
    assert "passed every gate that its method has (R-hat under 1.01, ESS over 400, no divergence" in said
    assert "location: laplace, scales within 1.4 sd of their priors." in said
    silent = plain(forecast.how_made(found(), replace(common, gates=())))
    assert "does not say how its sampler passed" in silent
    assert forecast.how_made(TOO_YOUNG, common) is TOO_YOUNG


# What if


def test_each_lever_is_played_alone_and_rounded_like_its_range():
    one = found()
    levers = what_if.usual_levers(one, CHAIRS)
    block = what_if.what_if(one, levers, NAMES, "USD")
    names = (
        "Prices +5%",
        "Opening hours +10%",
        "1 more chair in Quayside",
        "A campaign of 1 send-out",
        "A barber",
        "Closed",
    )
    for lever, name in zip(levers, names, strict=True):
        low, middle, high = scenarios.play(one.paths.astype(float), lever, 0).total(0.8)
        said = prose.estimate(middle, low, high, prose.Money("USD")).value
        assert row(block, name).split("$")[1].startswith(said.split("$")[1])
        assert ("−" in row(block, name)) == (low < 0)
    assert str(block.html).count('role="img"') == len(levers)


def test_one_more_chair_is_the_fullest_shops_and_holds_no_more_than_its_capacity():
    """Quayside sold 85 % of the hours of two barbers: with three it can take at most 3 / 2 / .85 of what it takes."""
    one = found()
    chair = what_if.one_more_chair(one, CHAIRS)
    assert chair.shops.tolist() == [False, True, False]
    taken = one.panel.revenue[1, -13:].mean()
    assert (chair.chairs[1], chair.capacity[1]) == (2, pytest.approx(taken / 0.85))
    sure = scenarios.with_measured(chair, "unmet demand", 0.99, 0.0, "a queue around the block")
    played = scenarios.play(np.full((3, HORIZON, 4), taken), sure, 0)
    assert played.paths[1].max() <= 1.5 * taken / 0.85 + 1
    assert played.paths[1].max() > 1.5 * taken
    assert (played.difference[[0, 2]] == 0).all()


def test_without_shifts_the_chair_is_missing_and_said_to_be():
    nothing = CHAIRS.head(0)
    nothing.attrs["needs"] = "table 8, shifts"
    one = found()
    block = what_if.what_if(one, what_if.usual_levers(one, nothing), NAMES, "USD")
    assert "One more chair: not available, needs table 8, shifts." in plain(block)
    assert "1 more chair" not in plain(block)
    assert "Unmet demand" not in plain(what_if.assumptions(one, what_if.usual_levers(one, nothing)))


def test_what_brings_no_gain_is_not_said_to():
    block = what_if.what_if(found(), [scenarios.Closure(1), scenarios.LostBarber(0.1)], NAMES, "USD")
    assert block.title == "None of these changes very likely brings more revenue"


def test_assumptions_are_printed_with_their_source_and_standing():
    block = what_if.assumptions(found(), what_if.usual_levers(found(), CHAIRS))
    assert "nothing of it was measured here" in block.title
    for one in assumptions.ALL:
        assert row(block, one.name.capitalize()).endswith(f"assumed {one.source}")


def test_an_experiment_takes_the_place_of_the_assumption_on_the_page():
    """Settings say what a price test found: the effect is that of the test, and the page names it."""
    test = {"price elasticity": Measured(mean=-1.5, sd=0.1, source="price test of May 2025")}
    one = found()
    levers, usual = what_if.usual_levers(one, CHAIRS, test), what_if.usual_levers(one, CHAIRS)
    block = what_if.assumptions(one, levers)
    assert row(block, "Price elasticity").endswith("measured price test of May 2025")
    assert "−1.63 to −1.37" in row(block, "Price elasticity")
    assert "one of 8 was measured here" in block.title
    assert row(what_if.what_if(one, levers, NAMES, "USD"), "Prices +5%").startswith("Prices +5% −$")
    assert row(what_if.what_if(one, usual, NAMES, "USD"), "Prices +5%").startswith("Prices +5% $")


# Why


def test_the_causes_add_up_on_the_page():
    history = futures_made.panel(3, 130)
    history.revenue[2, -13:] = np.nan
    one = futures_made.made(history.take(np.array([0, 1])), HORIZON)
    block = causes.driver_table(replace(one, history=history), futures_made.population(), "USD")
    assert row(block, "Shops that closed").startswith("Shops that closed −$")
    assert row(block, "Weeks shut") == "Weeks shut, then and now $0 none"
    names = ["Shops that closed", "Trend", "Holidays", "Season", "Single shops", "Altogether"]
    closed, *parts, whole = [money(row(block, name)) for name in names]
    assert closed + sum(parts) == pytest.approx(whole, abs=0.1 * abs(closed))
    total = np.nansum(history.revenue[:, -13:]) - np.nansum(history.revenue[:, -65:-52])
    assert whole == pytest.approx(total / 100, rel=0.01)
    assert "on the same 13 weeks of last year" in block.title


def money(said: str) -> float:
    """The first amount of a row: "Trend −$1,200 −$2,000 to $400" is -1200, and $31.2k is 31200."""
    sign, amount, unit = re.search(r"(−?)\$([\d,.]+)([kM]?)", said).groups()
    return (-1 if sign else 1) * float(amount.replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6}[unit]


def test_each_estimated_cause_has_its_range_and_its_bar():
    block = causes.driver_table(found(), futures_made.population(), "USD")
    for name in ("Trend", "Holidays", "Season", "Single shops"):
        assert re.search(r"\$[\d,.]+ .*\$[\d,.]+ to −?\$[\d,.]+", row(block, name))
    assert str(block.html).count('role="img"') == 4


def test_causes_need_a_year_and_a_quarter():
    young = futures_made.made(futures_made.panel(2, 60), HORIZON)
    box = causes.driver_table(young, futures_made.population(), "USD")
    assert isinstance(box, NotAvailable)
    assert "65 weeks of history, there are 60" in plain(box)


# The record


def test_within_five_per_cent_is_said_only_where_every_forecast_was():
    all_near = record.track_record(totals([0.04, -0.0499, 0.01]), HORIZON, "USD")
    assert all_near.title == "All three forecasts of the 13-week total came within 5%; “as last year” was off by 20.0%"
    one_far = record.track_record(totals([0.001, -0.0501, 0.001]), HORIZON, "USD")
    assert "within 5%" not in plain(one_far)
    assert one_far.title == "3 forecasts of the 13-week total missed by 1.7% on average; “as last year” by 20.0%"
    assert record.track_record(totals([0.04]), HORIZON, "USD").title.startswith(
        "The one forecast of the 13-week total came"
    )


def test_the_record_says_which_forecasts_were_published_and_which_made_again():
    told = scorecard.joined([totals([0.01, 0.02]), totals([0.03], kind=scorecard.PUBLISHED)])
    told = Record(told.weeks, told.totals)
    told.weeks["made_on"] = pd.date_range("2024-01-07", periods=3, freq="7D")
    said = plain(record.track_record(told, HORIZON, "USD"))
    assert "1 forecast as published. 2 forecasts made again by today's code" in said


def test_how_many_lay_in_their_range_is_said():
    said = plain(record.track_record(totals([0.01, 0.2]), HORIZON, "USD"))
    assert "One of two lay in their 8 in 10." in said
    assert "The latest 8 of 10." in plain(record.track_record(totals([0.01] * 10), HORIZON, "USD"))


def test_the_result_of_the_record_names_n_and_the_baseline():
    told = record.result(totals([0.02, -0.04]), HORIZON)
    assert told["value"] == pytest.approx(0.03)
    assert told["note"].startswith("n = 2; as last year 0.2000;")
    nothing = record.result(scorecard.empty(), HORIZON)
    assert nothing["value"] is None
    assert nothing["note"] == "needs 13 weeks of trade after half a year of history"


def test_without_a_record_there_is_a_box():
    for block in (
        record.track_record(scorecard.empty(), HORIZON, "USD"),
        record.ranges_kept(scorecard.empty(), HORIZON),
        record.shops_record(scorecard.empty(), NAMES, HORIZON),
    ):
        assert isinstance(block, NotAvailable)
    assert record.past_errors(scorecard.empty()).empty


def test_published_forecasts_come_before_those_made_again():
    """Published 20 weeks ago: of moments since then nothing is made again, and of those before it is."""
    panel = futures_made.panel(2, 110)
    then = futures_made.made(panel.until(90, 1), HORIZON)
    weeks, whole = (
        table.assign(run_id="r000001-revenue") for table in (forecast.weeks_table(then), forecast.totals_table(then))
    )
    told = record.judged(futures_made.made(panel, HORIZON), futures_made.population(), weeks, whole)
    assert told.made.tolist() == [*[scorecard.REMADE] * 6, scorecard.PUBLISHED]
    assert told.made.index[6] == pd.Timestamp(then.last_known)
    assert len(scorecard.totals(told)) == 7
    assert "1 forecast as published. 6 forecasts made again" in plain(record.track_record(told, HORIZON, "USD"))
    assert record.judged(TOO_YOUNG, futures_made.population(), weeks, whole).weeks.empty


def test_ranges_kept_counts_all_weeks_and_prints_them_by_horizon():
    figure = record.ranges_kept(totals([0.0, 0.01, 0.2]), HORIZON)
    assert figure.title == "67% of shops' weeks lay in ranges that promised 80%"
    assert row(figure, "weeks 1–5").startswith("weeks 1–5 3 67% 67%")
    for drawing in (figure.wide, figure.phone):
        assert "19 in 20" in str(drawing)
    assert "67% in their 8 in 10" in figure.alt


def shops_totals(**errors) -> Record:
    """Past totals and weeks of shops that missed by these errors, forecast by forecast."""
    each = [totals(missed) for missed in errors.values()]
    parts = [
        (one.weeks.assign(location_id=shop), one.totals.assign(location_id=shop))
        for shop, one in zip(errors, each, strict=True)
    ]
    return Record(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))


def test_a_shop_is_within_five_per_cent_only_where_each_of_its_totals_was():
    told = shops_totals(s0=[0.01, 0.04, -0.0499], s1=[0.01, 0.051, 0.0], s2=[0.2, 0.0, 0.0])
    block = record.shops_record(told, NAMES, HORIZON)
    assert block.title == (
        "One of 3 shops came within 5% in each of its three forecasts; “as last year” was off by 20.0% there"
    )
    assert row(block, "Old Dairy").startswith("Old Dairy within 5% 3 3.3% 20.0%")
    assert row(block, "Quayside").startswith("Quayside 3 2.0% 20.0%")
    assert plain(block).count("within 5%") == 2
    none = record.shops_record(shops_totals(s0=[0.06]), NAMES, HORIZON)
    assert none.title == "No shop's total came within 5% every time"


def test_a_lever_that_is_unknown_is_refused_by_name():
    with pytest.raises(BadInput, match="rests on price elasticity, not on 'recapture'"):
        scenarios.with_measured(scenarios.Price(0.05), "recapture", 0.5, 0.1, "x")
