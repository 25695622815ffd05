"""Numbers are said as the house says them."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput
from barberlab.reports import prose

USD = prose.Money("USD")


@pytest.mark.parametrize(
    ("cents", "key", "table", "said"),
    [
        (142_000_000, "$1.42M", "$1,420,000", "$1.42M"),
        (4_820_000, "$48.2k", "$48,200", "$48,200"),
        (94_000, "$940", "$940", "$940"),
        (3_124_000, "$31.2k", "$31,240", "$31,240"),
        (4_710, "$47.10", "$47.10", "$47.10"),
        (9_999, "$99.99", "$99.99", "$99.99"),
        (10_000, "$100", "$100", "$100"),
        (0, "$0", "$0", "$0"),
        (99_960_000, "$1.00M", "$999,600", "$1.00M"),
        (99_949, "$999", "$999", "$999"),
        (-30_000, "−$300", "−$300", "−$300"),
        (-40, "−$0.40", "−$0.40", "−$0.40"),
        (1_050, "$10.50", "$10.50", "$10.50"),
        (250_000_000_000, "$2.50B", "$2,500,000,000", "$2.50B"),
    ],
)
def test_money_is_short_in_key_figures_and_full_in_tables(cents, key, table, said):
    assert [prose.money(cents, "USD", style) for style in ("key", "table", "prose")] == [key, table, said]


@pytest.mark.parametrize(
    ("cents", "currency", "table"),
    [
        (31_240, "JPY", "¥31,240"), (99, "JPY", "¥99"), (47_100, "KWD", "KWD\u00a047.100"), (4_710, "EUR", "€47.10"),
        (4_710, "GBP", "£47.10"), (4_710, "CHF", "CHF\u00a047.10"), (3_124_000, "SEK", "SEK\u00a031,240"),
    ],
)  # fmt: skip
def test_a_currency_has_its_own_minor_unit_and_its_code_where_it_has_no_symbol(cents, currency, table):
    assert prose.money(cents, currency, "table") == table


def test_half_a_dollar_rounds_up_as_a_till_does():
    assert prose.money(12_350, "USD", "table") == "$124"
    assert prose.money(12_250, "USD", "table") == "$123"


@pytest.mark.parametrize("absent", [None, float("nan"), pd.NA, pd.NaT, np.inf])
def test_a_missing_number_is_never_a_zero(absent):
    said = [prose.money(absent, "USD"), prose.change(absent), prose.points(absent), prose.count(absent)]
    said += [prose.rate(absent, 100), prose.rate(1, absent), prose.span(absent, 1, USD), prose.Rate().table(absent)]
    assert set(said) == {"n/a"}


@pytest.mark.parametrize(
    ("hits", "n", "said"),
    [(634, 1000, "63.4%"), (6342, 10000, "63.4%"), (63, 99, "64%"), (633, 999, "63%"), (19, 30, "63%"),
     (18, 29, "n/a"), (0, 500, "0%"), (500, 500, "100%")],
)  # fmt: skip
def test_a_rate_has_as_many_digits_as_its_count_carries(hits, n, said):
    assert prose.rate(hits, n) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.041, "+4.1%"), (-0.139, "−13.9%"), (-0.0004, "0%"), (0.0, "0%"), (1.2, "+120%"), (-1.0, "−100%")],
)
def test_a_change_has_its_sign_and_no_change_has_none(ratio, said):
    assert prose.change(ratio) == said


def test_a_difference_of_rates_is_in_points():
    assert [prose.points(d) for d in (0.009, -0.002, 0.0)] == ["+0.9 pts", "−0.2 pts", "0.0 pts"]


@pytest.mark.parametrize(
    ("p", "said"),
    [(0, "under 1%"), (0.004, "under 1%"), (0.01, "1%"), (0.937, "94%"), (0.99, "99%"), (0.994, "over 99%"),
     (1, "over 99%")],
)  # fmt: skip
def test_a_chance_is_never_nothing_and_never_certain(p, said):
    assert prose.chance(p) == said


@pytest.mark.parametrize(
    ("p", "words", "printed", "opposite"),
    [
        (0.97, "almost certainly", "97%", False), (0.95, "almost certainly", "95%", False),
        (0.92, "very likely", "92%", False), (0.8, "likely", "80%", False),
        (0.6, "more likely than not", "60%", False), (0.5, "could go either way", "50%", False),
        (0.4, "could go either way", "40%", False), (0.39, "more likely than not", "61%", True),
        (0.1, "very likely", "90%", True), (0.05, "almost certainly", "95%", True),
    ],
)  # fmt: skip
def test_words_of_likelihood_go_with_a_number_and_turn_round_under_four_in_ten(p, words, printed, opposite):
    assert prose.likely(p) == (words, printed, opposite)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(BadInput, match="between 0 and 1"):
        prose.chance(p)


@pytest.mark.parametrize(
    ("low", "high", "form", "style", "said"),
    [
        (824_300_000, 905_400_000, USD, "table", "$8.24M–$9.05M"),
        (50_000, 240_000, USD, "prose", "$500 to $2,400"),
        (50_000, 240_000, USD, "table", "$500–$2,400"),
        (-600_000, 3_800_000, USD, "table", "−$6,000 to $38,000"),
        (90_000_000, 110_000_000, USD, "table", "$900k–$1.10M"),
        (4_500, 4_700, USD, "table", "$45.00–$47.00"),
        (120_000, 250_000, prose.Money("JPY"), "table", "¥120,000–¥250,000"),
        (0.627, 0.641, prose.Rate(), "table", "62.7–64.1%"),
        (0.627, 0.641, prose.Rate(), "prose", "62.7% to 64.1%"),
        (0.02, 0.16, prose.Change(), "table", "+2 to +16%"),
        (-0.04, 0.04, prose.Change(), "table", "−4.0 to +4.0%"),
        (-0.003, 0.012, prose.Points(), "table", "−0.3 to +1.2 pts"),
        (64, 78, prose.Count(), "table", "64–78"),
        (5, 5, prose.Count(), "table", "5"),
    ],
)
def test_a_range_is_rounded_to_its_own_width(low, high, form, style, said):
    assert prose.span(low, high, form, style) == said


def test_an_estimate_and_its_range_share_one_precision():
    """look.md: width $2,200 gives $1,400, $300 to $2,500."""
    assert prose.estimate(141_300, 31_200, 251_200, USD) == ("$1,400", "8 in 10: $300 to $2,500")


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((99_000_000, 95_000_000, 103_000_000), ("$990k", "8 in 10: $950k to $1.030M")),
        ((99_960_000, 99_000_000, 101_000_000), ("$1.000M", "8 in 10: $990k to $1.010M")),
        ((40_000_000, -20_000_000, 110_000_000), ("$400k", "8 in 10: −$200k to $1.1M")),
    ],
)
def test_what_is_no_million_is_not_said_in_millions(ends, said):
    assert prose.estimate(*ends, USD) == said


def test_rounding_never_moves_a_range_by_more_than_half_a_tenth_of_its_width():
    rng = np.random.default_rng(1)
    for low, width in zip(rng.uniform(-1e6, 1e6, 200), 10 ** rng.uniform(0, 6, 200), strict=True):
        step = prose.precision(low, low + width)
        assert width / 100 < step <= width / 10 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("form", "ticks", "labels"),
    [
        (USD, [80_000_000, 120_000_000, 200_000_000], ["$0.8M", "$1.2M", "$2.0M"]),
        (USD, [0, 2_500_000, 5_000_000], ["$0", "$25k", "$50k"]),
        (USD, [0, 25, 50], ["$0", "$0.25", "$0.50"]),
        (USD, [-50_000_000, 0, 50_000_000, 100_000_000], ["−$0.5M", "$0", "$0.5M", "$1.0M"]),
        (prose.Rate(), [0.55, 0.6, 0.65], ["55%", "60%", "65%"]),
        (prose.Rate(), [0.45, 0.6, 1.0], ["45%", "60%", "100%"]),
        (prose.Rate(), [0.55, 0.575, 0.6], ["55.0%", "57.5%", "60.0%"]),
        (prose.Change(), [-0.1, 0.0, 0.1], ["−10%", "0%", "+10%"]),
        (prose.Count(), [0, 500, 1000], ["0", "500", "1,000"]),
        (prose.Count(), [], []),
    ],
)
def test_the_labels_of_an_axis_share_one_unit_and_tell_its_ticks_apart(form, ticks, labels):
    assert form.ticks(ticks) == labels


def test_a_moment_is_told_in_the_shops_own_zone():
    instant = datetime(2025, 6, 30, 10, 10, tzinfo=UTC)
    assert prose.moment(instant, "America/New_York") == "Mon 30 Jun 2025, 06:10"
    assert prose.moment(pd.Timestamp(instant), "Europe/London") == "Mon 30 Jun 2025, 11:10"
    assert prose.moment(instant.astimezone(ZoneInfo("Asia/Tokyo")), "America/New_York") == "Mon 30 Jun 2025, 06:10"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(BadInput, match="no time zone"):
        prose.moment(datetime(2025, 6, 30, 10, 10), "America/New_York")


def test_both_changes_of_the_clock_are_told_as_the_wall_shows_them():
    spring, autumn = datetime(2025, 3, 9, 7, 30, tzinfo=UTC), datetime(2025, 11, 2, 6, 30, tzinfo=UTC)
    assert prose.moment(spring, "America/New_York") == "Sun 9 Mar 2025, 03:30"
    assert prose.moment(autumn, "America/New_York") == "Sun 2 Nov 2025, 01:30"


def test_periods_have_names():
    names = {"day": "Tue 1 Apr 2025", "week": "week of 1 Apr 2025", "month": "April 2025", "quarter": "Q2 2025"}
    assert {grain: prose.period(date(2025, 4, 1), grain) for grain in names} == names
    assert prose.period(date(2025, 1, 1), "year") == "2025"
    with pytest.raises(BadInput, match="fortnight"):
        prose.period(date(2025, 4, 1), "fortnight")


def test_small_words():
    assert prose.clock(time(16, 30)) == "16:30"
    assert prose.partial("June", 18, 30) == "June, 18 of 30 days"
    assert [prose.plural(n, "shop") for n in (0, 1, 1033)] == ["0 shops", "1 shop", "1,033 shops"]
    assert prose.plural(2, "entry", "entries") == "2 entries"
    assert [prose.spelled(n) for n in (0, 6, 33)] == ["no", "six", "33"]
    assert [prose.listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"], [])] == [
        "a",
        "a and b",
        "a, b and c",
        "",
    ]


def test_an_unknown_style_of_money_is_refused():
    with pytest.raises(BadInput, match="key, table, prose"):
        prose.money(1, "USD", "full")
