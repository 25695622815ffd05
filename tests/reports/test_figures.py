"""Figures show what is so, say what they leave out, and refuse what they cannot draw."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
import showcase
from scipy.stats import binom

from barberlab.errors import BadInput
from barberlab.reports import figures, prose
from barberlab.reports.canvas import kept_apart, shortened, text_width
from barberlab.reports.funnels import _smooth_limits
from barberlab.reports.gaps import MOST_ROWS
from barberlab.reports.ticks import nice_ticks


def texts(drawing: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawing)]


def test_a_trend_names_its_last_value_and_the_year_before():
    figure = showcase.trend()
    assert {"$1.42M", "Jun 2025", "$1.28M", "a year before"} <= set(texts(figure.wide))
    assert "last $1.42M in June 2025. The last, a year before: $1.28M." in figure.alt


def test_a_month_that_is_not_over_is_dashed_and_says_so():
    whole, partial = showcase.trend(), showcase.trend(partial_last="June, 18 of 30 days")
    assert "stroke-dasharray" not in whole.wide
    assert "stroke-dasharray" in partial.wide
    assert {"June", "18 of 30 days"} <= set(texts(partial.phone))
    assert "(June, 18 of 30 days)" in partial.alt


def test_a_gap_in_the_data_is_a_gap_in_the_line():
    whole, broken = ([5.0, 6, 7, 8, 9, 8, 7, 6, 5, 4], [5.0, 6, 7, np.nan, np.nan, 8, 7, 6, 5, 4])
    lines = [
        figures.trend(showcase.months(v), "month", "takings", title="T", subtitle="S").wide.count("stroke-width:2.2")
        for v in (whole, broken)
    ]
    assert lines[1] == lines[0] + 1


@pytest.mark.parametrize("values", [[0.0] * 6, [5.0], [-3.0, 2, 4, -1, 0, 2], [1e9] * 3])
def test_flat_short_and_negative_lines_are_drawn(values):
    figure = figures.trend(showcase.months(values), "month", "takings", title="T", subtitle="S")
    ticks = [text for text in texts(figure.wide) if re.fullmatch(r"−?[\d,]+", text)]
    assert len(ticks) >= 2


@pytest.mark.parametrize(
    ("periods", "first"),
    [
        (pd.period_range("2020", "2025", freq="Y"), "2020"),
        (pd.period_range("2023Q1", "2025Q2", freq="Q"), "Jan"),
        (pd.date_range("2018-03-15", periods=40), "19 Mar"),
        (pd.date_range("2025-01-06", periods=12, freq="7D"), "6 Jan"),
        (pd.period_range("2025-04", "2025-06", freq="M"), "Apr"),
    ],
    ids=["years", "quarters", "days", "weeks", "months"],
)
def test_the_time_axis_speaks_in_the_periods_it_shows(periods, first):
    frame = pd.DataFrame({"when": periods, "visits": range(len(periods))})
    figure = figures.trend(frame, "when", "visits", title="T", subtitle="S")
    assert texts(figure.wide)[0] == first


def test_what_cannot_be_drawn_is_refused_by_name():
    frame = showcase.months([1.0, 2.0])
    with pytest.raises(BadInput, match="trend: no column 'visits'; the frame has month, takings, year_before"):
        figures.trend(frame, "month", "visits", title="T", subtitle="S")
    with pytest.raises(BadInput, match="no rows"):
        figures.trend(frame.iloc[:0], "month", "takings", title="T", subtitle="S")
    with pytest.raises(BadInput, match="'year_before' holds no value"):
        figures.trend(frame, "month", "year_before", title="T", subtitle="S")


def test_up_to_forty_shops_are_all_shown():
    figure = showcase.ranges(showcase.gaps(MOST_ROWS))
    assert figure.wide_note == ""
    assert sum(text.startswith("Shop") for text in texts(figure.wide)) == MOST_ROWS


def test_of_more_than_forty_the_real_ones_stay_and_the_figure_says_what_stands_for_the_rest():
    figure = showcase.ranges(showcase.gaps(41, real=4))
    shown = [text for text in texts(figure.wide) if text.startswith("Shop")]
    assert {"Shop 000", "Shop 001", "Shop 039", "Shop 040"} <= set(shown)
    assert figure.wide_note == f"{len(shown)} of 41 shown: the four that differ and 20 at even steps of the rest."
    assert figure.wide_note in figure.html
    # The middles of 20 even steps of the 37 others, in their order.
    rest = [int(text[-3:]) for text in shown if 2 <= int(text[-3:]) <= 38]
    assert rest == sorted(2 + int((k + 0.5) / 20 * 37) for k in range(20))
    assert len(figure.numbers) == 41


def test_where_too_many_are_real_the_outermost_stand_for_them():
    figure = showcase.ranges(showcase.gaps(500, real=200))
    shown = [text for text in texts(figure.wide) if text.startswith("Shop")]
    assert len(shown) <= MOST_ROWS
    assert {"Shop 000", "Shop 499"} <= set(shown)
    assert re.match(rf"{len(shown)} of 500 shown: the 34 outermost of 200 that differ and", figure.wide_note)


def test_only_real_gaps_are_in_colour_and_carry_their_size():
    figure = showcase.ranges()
    assert {"+10.0%", "−10.0%"} <= set(texts(figure.wide))
    assert "+6.0%" not in texts(figure.wide)
    assert "var(--seg1)" in figure.wide
    assert "var(--seg1)" not in showcase.ranges(showcase.gaps(6, real=0)).wide


def test_less_is_better_for_no_shows():
    """The same gaps, where lower is better: the top one, in blue before, falls short."""
    higher, lower = (showcase.ranges(showcase.gaps().head(1), better=better).wide for better in ("higher", "lower"))
    assert "var(--seg1)" in higher
    assert "var(--seg5)" not in higher
    assert "var(--seg5)" in lower
    assert "var(--seg1)" not in lower


def test_a_shop_without_a_range_is_not_drawn_and_is_counted():
    frame = showcase.gaps()
    frame.loc[2, ["low80", "high80"]] = np.nan
    figure = showcase.ranges(frame)
    assert figure.wide_note == "1 without a range is not drawn."
    assert "Old Dairy" not in texts(figure.wide)


@pytest.mark.parametrize("inside", [0.95, 0.998])
def test_the_funnels_limits_are_the_binomial_quantiles(inside):
    """Each side holds half of the rest: P(X <= limit) reaches the tail there and not one hit before."""
    n, rate, tail = np.array([30, 100, 419, 2200]), 0.634, (1 - inside) / 2
    low, high = figures.funnel_limits(n, rate, inside)
    np.testing.assert_array_equal(low, binom.ppf(tail, n, rate) / n)
    np.testing.assert_array_equal(high, binom.ppf(1 - tail, n, rate) / n)
    for limit, q in ((low, tail), (high, 1 - tail)):
        hits = np.rint(limit * n)
        assert (binom.cdf(hits, n, rate) >= q).all()
        assert (binom.cdf(hits - 1, n, rate) < q).all()


def test_the_funnels_curves_and_its_verdicts_agree():
    """A shop on the exact limit lies within the curve, one hit further lies outside it, at any size."""
    n = np.arange(20, 3000)
    for rate in (0.03, 0.5, 0.634, 0.97):
        low, high = (np.rint(limit * n) for limit in figures.funnel_limits(n, rate, 0.998))
        smooth_low, smooth_high = (limit * n for limit in _smooth_limits(n, rate, 0.998))
        assert (low >= smooth_low - 1e-9).all()
        assert (high <= smooth_high + 1e-9).all()
        assert ((low - 1 < smooth_low) | (low == 0)).all()
        assert ((high + 1 > smooth_high - 1e-9) | (high == n)).all()


def test_a_funnel_names_what_lies_outside_and_one_small_shop_inside():
    figure = showcase.funnel()
    written = texts(figure.wide)
    assert {"Riverside 69%", "58%, but small:", "within chance", "network", "63%"} <= set(written)
    assert not any("Mill Lane" in text or "Old Dairy" in text for text in written)
    assert list(figure.numbers["outside"]) == ["inside", "inside", "inside", "inside", "above", "below"]


def test_a_funnel_of_per_cent_instead_of_shares_is_refused():
    frame = pd.DataFrame({"shop": ["a"], "n": [100], "rate": [63.4]})
    with pytest.raises(BadInput, match="shares, not per cent"):
        figures.funnel(frame, "shop", "n", "rate", 0.634, title="T", subtitle="S")


def test_a_funnel_of_ten_thousand_shops_is_small_enough_for_a_page():
    rng = np.random.default_rng(1)
    n = rng.integers(20, 3000, 10_000)
    frame = pd.DataFrame({"shop": [f"s{k}" for k in range(10_000)], "n": n, "rate": rng.binomial(n, 0.6) / n})
    figure = figures.funnel(frame, "shop", "n", "rate", 0.6, title="T", subtitle="S")
    assert len(figure.wide) < 150_000
    share_outside = (figure.numbers["outside"] != "inside").mean()
    # Exact limits hold at least 99.8 %; of 10,000 shops alike 20 are expected outside at most, 40 is over 4 sd more.
    assert 0 < share_outside < 0.004


def test_small_multiples_share_one_scale_and_keep_the_given_order():
    figure = showcase.small_multiples()
    names = [text for text in texts(figure.wide) if text in showcase.SHOPS]
    assert names == showcase.SHOPS[:5]
    assert {"0", "10", "20"} <= set(texts(figure.wide))


def test_ten_small_multiples_are_too_many_to_read():
    frame = pd.concat([showcase.months([1.0, 2]).assign(shop=str(k)) for k in range(10)])
    with pytest.raises(BadInput, match="10 panels, at most 9"):
        figures.small_multiples(frame, "shop", "month", "takings", title="T", subtitle="S")


def test_a_heat_map_prints_numbers_only_where_capacity_is_exceeded():
    figure = showcase.heat()
    numbers = [text for text in texts(figure.wide) if text.isdigit()]
    assert numbers == ["7"]
    assert "var(--q6)" in figure.wide
    assert [key.label for key in figure.key] == [
        "under 45%", "45–60%", "60–75%", "75–90%", "90–100%", "over 100%: turned away", "closed",
    ]  # fmt: skip
    assert "1 cell over 100% (turned away)" in figure.alt


def test_closed_hours_are_outlined_and_not_zero():
    """Sunday's six half-hours have an outline and no fill of the scale."""
    wide = showcase.heat().wide
    cells = re.findall(r'<g [^>]*style="fill:none;stroke:var\(--line\)[^"]*">(.*?)</g>', wide)
    assert sum(cell.count("<path") for cell in cells) == 6


@pytest.mark.parametrize(
    "how", [{"edges": (0.5, 0.4, 0.6, 0.7, 1.0)}, {"edges": (0.5, 0.6)}, {"edges": (0.2, 0.4, 0.6, 0.8)}, {"over": ""}]
)
def test_a_heat_maps_bins_are_five_or_six_and_rise(how):
    with pytest.raises(BadInput, match="edges must rise"):
        showcase.heat(**how)


@pytest.mark.parametrize("make", [showcase.trend, showcase.ranges, showcase.funnel, showcase.small_multiples])
def test_no_label_leaves_the_sheet(make):
    """Places of texts as drawn, with widths in the figure font, which is wider than any page font."""
    figure = make()
    for drawing, width in ((figure.wide, 720), (figure.phone, 358)):
        for style, x, text in re.findall(r'<text style="([^"]*)" x="([-\d.]+)"[^>]*>([^<]*)<', drawing):
            wide = text_width(unescape(text), "font-weight" in style)
            anchor = re.search(r"text-anchor:(\w+)", style)
            left = float(x) - wide * {"end": 1, "middle": 0.5}.get(anchor[1] if anchor else "", 0)
            assert left > -8, text
            assert left + wide < width + 2, text


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [(0.8, 1.97, 7, [0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]), (0, 0, 6, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
     (3, 97, 6, [0, 20, 40, 60, 80, 100]), (-0.21, 0.23, 7, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3])],
)  # fmt: skip
def test_ticks_are_round_and_enclose_the_data(low, high, most, ticks):
    assert nice_ticks(low, high, most) == pytest.approx(ticks)


def test_ticks_enclose_any_data_and_are_never_too_many():
    rng = np.random.default_rng(2)
    for low, width, most in zip(
        rng.normal(0, 1e5, 500), 10 ** rng.uniform(-3, 6, 500), [4, 5, 6, 7, 8] * 100, strict=True
    ):
        ticks = nice_ticks(low, low + width, most)
        assert ticks[0] <= low + width * 1e-6
        assert ticks[-1] >= low + width * (1 - 1e-6)
        assert 2 <= len(ticks) <= most


def test_labels_are_kept_apart_and_within_their_bounds():
    placed = kept_apart([100, 102, 101], [30, 30, 30], 0, 200)
    assert np.diff(sorted(placed)) == pytest.approx([30, 30])
    assert np.argsort(placed).tolist() == [0, 2, 1]
    low, high = kept_apart([190, 199], [30, 30], 0, 200)
    assert (low, high) == (155, 185)


def test_long_names_are_shortened_and_short_ones_are_not():
    assert shortened("Quayside", 200) == "Quayside"
    short = shortened("University quarter and old harbour", 100)
    assert short.endswith("…")
    assert text_width(short) <= 100


def test_a_figure_in_yen_has_no_cents():
    frame = showcase.months([1_200_000.0, 1_450_000, 1_300_000])
    figure = figures.trend(frame, "month", "takings", form=prose.Money("JPY"), title="T", subtitle="S")
    assert "¥1.30M" in texts(figure.wide)


def test_a_barber_and_shop_too_long_for_a_phone_take_two_lines_there_and_none_is_cut():
    sizes = {"mid": 0.2, "low80": 0.15, "high80": 0.25, "low95": 0.1, "high95": 0.3, "real": True}
    frame = pd.DataFrame([{"who": "Goran A., Station Square", **sizes}])
    found = figures.ranges(frame, "who", *sizes, title="A title", subtitle="A subtitle", slug="ranges")
    assert "Goran A., Station Square" in found.wide
    assert "Goran A.," in found.phone
    assert "Station Square" in found.phone
    assert "…" not in found.phone
