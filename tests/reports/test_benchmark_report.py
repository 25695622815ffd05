"""The benchmark report's words and figures, from frames small enough to check by eye."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput
from barberlab.models import benchmark_ranks
from barberlab.models.benchmark_kpis import Ranked, Score
from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.params import load
from barberlab.periods import period
from barberlab.reports import benchmark, benchmark_gaps, benchmark_segments, figures, measures, segments
from barberlab.reports.blocks import NotAvailable, Paragraph
from kpis import rate, simulated

SPAN = period("2025-06", pd.Timestamp("2025-06-30").date())
NAMES = measures.Names(s00="Quayside", s01="Mill Lane", s02="Old Dairy")


def _ranked(metric: str, gap, unit="money_per_hour", network=4500.0) -> Ranked:
    """Three shops whose gaps are known to within a hair."""
    rng = np.random.default_rng(1)
    gap = np.asarray(gap, float) + rng.normal(0, 0.002, (200, len(gap)))
    value = network + gap if unit == "rate" else network * (1 + gap)
    names = tuple(f"s{k:02d}" for k in range(gap.shape[1]))
    return Ranked(metric, unit, names, value, np.full(200, network), gap, value[0], np.ones(len(names)), {}, None)


@pytest.fixture
def shops() -> benchmark.Judged:
    """One real gap up, one down, one none; ticket not known."""
    hourly = _ranked("revenue_per_available_hour", [0.2, -0.15, 0.0])
    missed = _ranked("no_show_rate", [0.03, 0.0, 0.0], "rate", 0.05)
    needs = {"average_ticket": "table 7, payments"}
    return benchmark.Judged({hourly.metric: hourly, missed.metric: missed}, needs, "USD")


def _placed(chance) -> benchmark.Placed:
    chance = np.asarray(chance, float)
    names = tuple(f"s{k:02d}" for k in range(len(chance)))
    draws = np.stack([np.repeat(np.arange(5), (row * 100).round().astype(int)) for row in chance], axis=1)
    scored = Score(names, np.tile(np.linspace(70, 80, 100)[:, None], (1, len(chance))), ("utilisation",), 0.65)
    given = benchmark_ranks.assigned(chance, names)
    return benchmark.Placed(names, draws.astype(np.int8), given, "cut-offs of the score", scored)


THREE = [[0.9, 0.1, 0, 0, 0], [0, 0.3, 0.4, 0.3, 0], [0, 0, 0.04, 0.96, 0]]


def test_the_headline_counts_what_is_real_and_what_cannot_be_placed(shops):
    title = benchmark.opening(shops, _placed(THREE), SPAN).title
    assert title == "Two of 3 shops truly differ in revenue per available hour; one cannot be placed yet"


def test_without_anything_to_rank_the_page_says_so():
    nothing = benchmark.Judged({}, {"utilisation": "table 8, shifts"}, "USD")
    assert benchmark.opening(nothing, benchmark.Placed(needs="x"), SPAN).title == "Shops cannot be compared yet"
    assert isinstance(benchmark.five_lines(nothing, benchmark.Placed(needs="x"), nothing.ranks(), NAMES), Paragraph)


def test_the_lines_name_gaps_ranks_and_segments(shops):
    lines = dict(benchmark.five_lines(shops, _placed(THREE), shops.ranks(), NAMES).lines)
    assert lines["3 of 6 gaps between a shop and the network are real."] == (
        "Revenue per available hour 2 and no-shows 1. By our own reckoning under 1% of this list is chance."
    )
    assert lines["Here a rank would hold."].endswith("Best of all: Quayside, over 99%.")
    assert lines["2 of 3 shops can be placed."] == "1 elite and 1 developing; by cut-offs of the score."


def test_only_real_gaps_are_in_colour_and_less_is_better_for_no_shows(shops):
    hourly = benchmark_gaps.gap_figure(shops, "revenue_per_available_hour", NAMES)
    assert hourly.title == "Revenue per available hour: two of 3 shops truly differ"
    assert "+20.0%" in hourly.wide
    assert "network’s $45.00" in hourly.subtitle
    missed = benchmark_gaps.gap_figure(shops, "no_show_rate", NAMES)
    assert "+3.0 pts" in missed.wide
    assert "seg5" in missed.wide
    assert "seg1" not in missed.wide


def test_high_performers_are_several_and_the_other_segments_no_nouns(shops):
    two = _placed([[0, 1.0, 0, 0, 0], [0, 1.0, 0, 0, 0], [0, 0, 1.0, 0, 0]])
    lines = dict(benchmark.five_lines(shops, two, shops.ranks(), NAMES).lines)
    assert lines["3 of 3 shops can be placed."].startswith("2 high performers and 1 average;")


def _takings(grown: dict[str, float], days: int = 3 * 364) -> pd.DataFrame:
    """Daily takings of shops that swing by chance and grew by `grown` over their whole last quarter."""
    rng = np.random.default_rng(4)
    when = pd.date_range(end="2025-06-30", periods=days)
    money = {shop: 1000 * np.exp(rng.normal(0, 0.1, days)) for shop in grown}
    frame = pd.DataFrame(money, index=when).rename_axis("period").melt(var_name="location_id", ignore_index=False)
    frame = frame.reset_index()
    frame["value"] *= np.where(frame["period"] > "2025-03-31", 1 + frame["location_id"].map(grown), 1.0)
    frame.attrs = {"currency": "USD", "needs": None}
    return frame


def _without(metric: str, needs: str) -> pd.DataFrame:
    frame = rate({"s00": [(0, 1)]})
    frame.attrs |= {"metric": metric, "label": "New clients", "unit": "count", "needs": needs}
    return frame


def test_growth_is_told_where_a_shop_truly_grew_and_what_lacks_is_a_box():
    needed = _without("new_clients", "180 days of history before the period")
    more = benchmark.further(needed, needed, _takings({"s00": 0.3, "s01": 0.0, "s02": 0.0}), SPAN)
    figure = benchmark_gaps.gap_figure(more, "growth", NAMES)
    assert figure.title.startswith("Growth on last year: ")
    assert "the last 13 weeks against the same weeks a year before" in figure.subtitle
    table = more.gaps().set_index("unit")
    assert table.loc["s00", "real"]
    assert table.loc["s00", "mid"] == pytest.approx(1.3 / 1.1 - 1, abs=0.05)
    box = benchmark_gaps.gap_figure(more, "new_clients", NAMES)
    assert "New clients in 100 available hours" in box.html
    assert "needs 180 days of history before the period" in box.html


def test_a_year_of_takings_tells_no_growth():
    needed = _without("new_clients", "x")
    more = benchmark.further(needed, needed, _takings({"s00": 0.3, "s01": 0.0}, days=300), SPAN)
    assert isinstance(benchmark_gaps.gap_figure(more, "growth", NAMES), NotAvailable)


def test_a_kpi_that_is_not_known_is_a_box(shops):
    box = benchmark_gaps.gap_figure(shops, "average_ticket", NAMES)
    assert isinstance(box, NotAvailable)
    assert "Not available: needs table 7, payments" in box.html


def test_what_a_gap_comes_to_is_a_years_hours_of_it(shops):
    """15 % of 45.00 an hour under the network, over 100 hours a month: about 8,100 a year."""
    rows = {f"s{k:02d}": [(4500 * 100, 100)] * 6 for k in range(3)}
    frame = rate(rows)
    worth = benchmark_gaps.worth(shops, {"revenue_per_available_hour": frame, "no_show_rate": frame})
    table = benchmark_gaps.worth_table(shops, worth, NAMES)
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table.table)
    at = cells.index("Mill Lane")
    assert cells[at + 1] == "Revenue per available hour"
    assert float(re.sub(r"[−$,]", "", cells[at + 2])) == pytest.approx(8100, rel=0.03)
    assert "must not be added" in table.subtitle


def test_every_shop_has_its_chances_and_its_move():
    before = _placed([[0, 0, 0, 0, 1.0], [0, 0.3, 0.4, 0.3, 0], [0, 0, 0.04, 0.96, 0]])
    table = benchmark_segments.segment_table(_placed(THREE), before, NAMES).html
    assert 't-seg1">Elite</span> 90%' in table
    assert 't-na">Uncertain</span> 40% average' in table
    assert "96% developing, 4% average" in table
    assert table.count("● none") == 2
    assert "rose" in table
    assert "so much of each list is wrong: elite 10%, developing 4% and moves under 1%" in table


def test_the_score_names_its_parts_in_the_order_of_their_weights(workspace):
    there = _placed(THREE)
    both = replace(there, score=replace(there.score, parts=("average_ticket", "utilisation")))
    said = benchmark_segments.targets_said(both, load(workspace, None).methodology, "USD").text
    assert "a ticket of $75.00 and chair time used of 85%, each counted up to its target and weighted 20 and 25" in said
    assert "back within 42 days is not known here" in said


def test_all_shops_stand_in_the_bar_once():
    bar = benchmark_segments.segment_figure(_placed(THREE))
    assert bar.title == "One of 3 shops cannot be placed yet"
    assert bar.numbers["shops"].sum() == 3
    assert "Under 20 shops there are no bands" in bar.note
    assert "1 elite, 1 developing and 1 uncertain" in bar.alt
    with pytest.raises(BadInput, match="there is no shop in it"):
        figures.segment_bar(pd.Series(dtype=int), title="T", subtitle="S")


def _months(rows: dict[str, list[str | None]]) -> pd.DataFrame:
    when = pd.date_range("2025-01-01", periods=12, freq="MS")
    parts = [pd.DataFrame({"unit": shop, "period": when[: len(each)], "segment": each}) for shop, each in rows.items()]
    return pd.concat(parts).dropna()


def test_segments_that_hold_are_told_from_those_that_flip():
    steady, restless = ["Average"] * 5, ["Elite", "Average", "Elite", UNCERTAIN, "Elite"]
    frame = _months({"s00": steady, "s01": restless}).rename(columns={"unit": "shop"})
    assert segments.flips(frame) == pytest.approx(4 / 8)
    figure = benchmark_segments.stability_figure(_months({"s00": steady, "s01": restless}), NAMES)
    assert figure.title == "50% of shops change segment from one month to the next"
    assert "one changed segment at least once" in figure.alt
    assert "stroke-dasharray" in figure.wide


def test_one_month_of_segments_is_no_course():
    box = benchmark_segments.stability_figure(_months({"s00": ["Average"]}), NAMES)
    assert "needs at least 7 months of history" in box.html


def test_of_many_shops_those_that_changed_most_are_shown():
    rows = {f"s{k:02d}": ["Average"] * 4 for k in range(60)} | {"x": ["Elite", "Average", "Elite", "Average"]}
    frame = _months(rows).rename(columns={"unit": "shop"})
    figure = figures.stability(frame, title="T", subtitle="S")
    assert ">x</text>" in figure.wide
    assert figure.wide_note == "40 of 61 shown: those that changed most often."


def test_a_practice_is_associated_and_never_a_cause():
    rng = np.random.default_rng(2)
    gap = rng.normal(0, 0.1, 30)
    found = benchmark.Judged({"utilisation": _ranked("utilisation", gap)}, {}, "USD")
    habits = pd.DataFrame({"lead_days": gap * 10 + rng.normal(0, 0.1, 30), "open_hours": rng.normal(50, 3, 30)})
    habits.index = [f"s{k:02d}" for k in range(30)]
    table = benchmark_gaps.practice_table(found, habits, "utilisation")
    assert table.title == "One of 2 practices goes along with chair time used"
    assert "never causes" in table.subtitle
    assert table.table.count("could be chance") == 1
    few = benchmark_gaps.practice_table(found, habits.head(3), "utilisation")
    assert "needs at least 6 comparable shops; found 3" in few.html


def test_barbers_are_named_with_their_shop(shops):
    rng = np.random.default_rng(3)
    frame = simulated(rng, np.log1p([0.3, 0.0, 0.0, 0.0, 0.0, 0.0]))
    attrs = frame.attrs
    frame = frame.assign(staff_id="k1_" + frame["location_id"], location_id="s00")
    frame.attrs = attrs
    staff = pd.DataFrame({"staff_id": ["k1_s00"], "display_name": ["Abel S."]})
    figure = benchmark_gaps.barber_figure(frame, staff, NAMES)
    assert "Abel S., Quayside" in figure.wide
    assert figure.title == "Revenue per available hour: one of 6 barbers truly differs"
    nobody = frame.assign(staff_id=None)
    nobody.attrs = attrs
    assert "needs staff_id in table 6, appointments" in benchmark_gaps.barber_figure(nobody, staff, NAMES).html


def test_the_last_known_months_are_what_a_shop_is_judged_by():
    frame = rate({"a": [(50, 100)] * 9, "b": [(60, 100)] * 9})
    assert benchmark.recent(frame)["period"].min() == pd.Timestamp(2025, 4, 1)
    assert benchmark.recent(frame, skip=6)["period"].max() == pd.Timestamp(2025, 3, 1)
    assert benchmark.recent(frame, skip=9).attrs["needs"] == "more months of history"


def test_twenty_shops_are_cut_into_bands_and_fewer_by_the_score(workspace):
    targets = load(workspace).methodology
    rng = np.random.default_rng(4)
    few, many = (
        benchmark.Judged(
            {m: _ranked(m, rng.normal(0, 0.1, n), network=v) for m, v in (("utilisation", 0.7), ("retention_42", 0.6))},
            {},
            "USD",
        )
        for n in (19, 20)
    )
    assert benchmark.placed(few, targets).by == "cut-offs 90, 75, 60 and 40 of the score"
    by_bands = benchmark.placed(many, targets)
    assert by_bands.by == "bands of the network's scores"
    assert (by_bands.segments == 0).sum(axis=1).tolist() == [2] * 200


def test_without_a_score_twenty_shops_are_cut_by_their_first_figure(workspace):
    targets = load(workspace).methodology
    found = benchmark.Judged({"rebook_rate": _ranked("rebook_rate", np.linspace(-1, 1, 20), "rate", 0.3)}, {}, "USD")
    assert benchmark.placed(found, targets).by == "bands of rebooked"
    few = benchmark.Judged({"rebook_rate": _ranked("rebook_rate", [0, 0.1], "rate", 0.3)}, {}, "USD")
    assert "at least two of chair time, returning clients and ticket" in benchmark.placed(few, targets).needs


def test_in_a_quiet_network_segments_hardly_flip(workspace):
    """24 shops that stay what they are, over months that swing: at most one in ten changes in a month."""
    targets = load(workspace).methodology
    rng = np.random.default_rng(5)
    true = rng.normal(0, 0.12, 24)
    hourly = simulated(rng, true, months=17)
    use = hourly.assign(numerator=hourly["numerator"] / 4500 * 0.6)
    use.attrs = hourly.attrs | {"metric": "utilisation", "unit": "share"}
    back = rate({f"s{k:02d}": [(int(h), 300) for h in rng.binomial(300, 0.6 + 0.3 * true[k], 17)] for k in range(24)})

    back.attrs["metric"] = "retention_42"
    course = benchmark.course({"utilisation": use, "retention_42": back}, targets, months=12)
    assert segments.flips(course.rename(columns={"unit": "shop"})) <= 0.10
    assert set(course["segment"]) <= {*SEGMENTS, UNCERTAIN}
