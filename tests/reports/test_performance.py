"""The performance report's words and figures, from frames small enough to check by eye."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import corner
from barberlab.data.lab import open_lab
from barberlab.params import load
from barberlab.periods import period
from barberlab.reports import compared, measures, performance, prose, shop, trust
from barberlab.scope import Scope

SPAN = period("2025-06", pd.Timestamp("2025-06-30").date())


def _compared(values: dict[str, tuple], needs: dict[str, str] | None = None, **keys) -> pd.DataFrame:
    """A comparison as `lab.compare` gives it. values: metric -> numerator, denominator, and both a year before."""
    rows = []
    for metric in performance.METRICS:
        now, of, year, year_of = values.get(metric, (np.nan,) * 4)
        ratio, before = (now, year) if np.isnan(of) else (now / of, year / year_of)
        rows.append(
            {"metric": metric, "value": ratio, "numerator": now, "denominator": of, "year_value": before}
            | {"year_numerator": year, "year_denominator": year_of, "before_value": before}
            | {"before_numerator": year, "before_denominator": year_of}
            | keys
        )
    frame = pd.DataFrame(rows)
    missing = {metric: None if metric in values else "table 8, shifts" for metric in performance.METRICS}
    frame.attrs = {"currency": "USD", "needs": missing | (needs or {})}
    return frame


def _moved(p_rise: float, change: float = 0.1) -> pd.DataFrame:
    width = 0.02 if max(p_rise, 1 - p_rise) > 0.95 else 0.5
    frame = pd.DataFrame({"location_id": ["network"], "change": [change], "p_rise": [p_rise]})
    for level, wide in (("80", width), ("95", 2 * width)):
        frame = frame.assign(**{f"low{level}": change - wide, f"high{level}": change + wide})
    frame.attrs = {"needs": None}
    return frame


WHOLE = _compared(
    {
        "net_service_revenue": (14_200_000, np.nan, 13_000_000, np.nan),
        "visits": (3000, np.nan, 2900, np.nan),
        "average_ticket": (14_200_000, 3000, 13_000_000, 2900),
        "no_show_rate": (150, 3150, 140, 3040),
    }
)
SHOPS = _compared({"visits": (3000, np.nan, 2900, np.nan)}, location_id="a")


@pytest.mark.parametrize(
    ("p_rise", "change", "said"),
    [
        (0.99, 0.1, "Revenue was $142k, up 10.0% like for like"),
        (0.01, -0.1, "Revenue was $142k, down 10.0% like for like"),
        (0.85, 0.1, "Revenue was $142k, not clearly different from a year ago"),
    ],
)
def test_the_headline_claims_no_more_than_its_range_carries(p_rise, change, said):
    together = {"net_service_revenue": _moved(p_rise, change)}
    assert performance.opening(SPAN, WHOLE, together, SHOPS).title == said


def test_without_a_year_before_the_headline_only_counts():
    nothing = _moved(0.5)
    nothing.attrs = {"needs": "two years of history"}
    title = performance.opening(SPAN, WHOLE, {"net_service_revenue": nothing}, SHOPS).title
    assert title == "Revenue was $142k in June 2025"


def test_without_money_the_page_speaks_of_visits_and_says_so():
    visits = _compared({"visits": (3000, np.nan, 2900, np.nan)}, {"net_service_revenue": "table 7, payments"})
    title = performance.opening(SPAN, visits, {"visits": _moved(0.99)}, SHOPS).title
    lines = performance.five_lines(visits, visits, {}, _moved(0.99), {"network": "All"}, _retention({}))
    assert title == "3,000 visits, up 10.0% like for like"
    assert lines.lines[0] == (
        "There is no money in these data.",
        "Visits are all that can be told; revenue needs table 7, payments.",
    )


def test_a_month_that_is_not_over_says_so_in_its_first_words():
    span = period("2025-06", pd.Timestamp("2025-06-18").date())
    lede = performance.opening(span, WHOLE, {"net_service_revenue": _moved(0.99)}, SHOPS).lede
    assert lede.startswith("June 2025, 18 of 30 days are known.")


def _retention(months: dict[str, tuple[int, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(pd.Timestamp(m), h / n, h, n) for m, (h, n) in months.items()],
        columns=["period", "value", "numerator", "denominator"],
    )
    frame.attrs = {
        "needs": None if months else "a base month",
        "metric": "retention_42",
        "label": "Back within 42 days",
    }
    return frame


def test_a_move_in_retention_that_could_be_chance_is_said_to_be():
    line = performance._return(_retention({"2024-04-01": (630, 1000), "2025-04-01": (634, 1000)}))
    assert line == (
        "63.4% of April 2025's clients came back within 42 days.",
        "+0.4 pts on a year ago, which could be chance; 1,000 clients.",
    )
    clear = performance._return(_retention({"2024-04-01": (560, 1000), "2025-04-01": (634, 1000)}))
    assert clear[1] == "+7.4 pts on a year ago; 1,000 clients."


def test_fewer_no_shows_are_good_news_and_fewer_visits_are_not():
    assert measures.judged("no_show_rate", 0.02) == ("good", False)
    assert measures.judged("visits", 0.02) == ("bad", False)
    assert measures.judged("visits", 0.89) == ("chance", None)


def test_a_rate_of_few_visits_has_no_verdict():
    few = _compared({"no_show_rate": (2, 20, 3, 25)})
    assert measures.rate_change(measures.row(few, "no_show_rate"), "no_show_rate") is None


def test_key_figures_leave_out_what_the_network_does_not_have(tmp_path):
    targets = load(corner.make_workspace(tmp_path)).methodology
    found = performance.key_figures(WHOLE, WHOLE, {"net_service_revenue": _moved(0.99)}, targets).figures
    assert [figure.label for figure in found] == ["Service revenue", "Visits", "Average ticket", "No-shows"]
    revenue, visits, ticket, missed = found
    assert (revenue.value, revenue.change.judged, revenue.change.rose) == ("$142k", "good", True)
    assert (visits.change, visits.sub) == (None, "counted; +3.4% on a year ago")
    assert ticket.sub == "of 3,000 visits; +5.6% on a year ago"
    assert (missed.value, missed.beside, missed.change.judged) == ("4.8%", "target 5%", "chance")


def test_a_shop_is_called_real_only_beyond_chance_and_beyond_a_difference_that_matters():
    movers = pd.concat([_moved(0.99, 0.10), _moved(0.99, 0.04), _moved(0.80, 0.30)], ignore_index=True)
    assert compared.is_real(movers).tolist() == [True, False, False]


def test_moved_says_what_is_missing_instead_of_raising(corner_workspace):
    lab = open_lab(corner_workspace, Scope("corner"))
    daily = lab.metric("net_service_revenue", by="shop", grain="day")
    frame = compared.moved(daily, lab.period("2025-04"))
    assert frame.attrs["needs"] == "two years of history, and some months more to tell chance apart"
    none = compared.moved(daily, lab.period("2025-04"), shops=[])
    assert none.attrs["needs"] == "shops that were open in both years"


def test_a_figure_of_a_metric_that_is_missing_is_a_box_that_names_what_would_bring_it():
    frame = _retention({})
    frame.attrs["needs"] = "table 6, appointments"
    box = measures.course(frame, SPAN)
    assert "Not available: needs table 6, appointments" in box.html


def test_the_months_of_a_course_are_beside_those_of_the_year_before(lab):
    frame = measures.with_year_before(lab.metric("visits"))
    june = frame[frame["period"] == "2025-06-01"].iloc[0]
    assert (june["value"], june["before"]) == (1, 1)  # 30 June 2025 and 3 June 2024


def _months(values: dict[str, tuple[int, int]], metric: str, history_start: str) -> pd.DataFrame:
    """A metric by month from {month: (value or hits, n)}."""
    rows = [(pd.Timestamp(month), *counted) for month, counted in values.items()]
    frame = pd.DataFrame(rows, columns=["period", "numerator", "denominator"])
    is_rate = measures.is_counted(metric)
    frame["value"] = frame["numerator"] / frame["denominator"] if is_rate else frame["numerator"].astype(float)
    frame.attrs = {"metric": metric, "label": measures.label(metric), "needs": None, "currency": "USD"}
    frame.attrs["history_start"] = history_start
    return frame


def test_a_month_in_which_the_data_began_is_not_shown_as_a_month_with_little_trade():
    frame = _months({"2025-04-01": (40, 0), "2025-05-01": (410, 0), "2025-06-01": (420, 0)}, "visits", "2025-04-27")
    figure = measures.course(frame, SPAN).html
    assert "Apr" not in figure
    assert "May" in figure


def test_half_a_month_is_not_compared_with_a_whole_one():
    frame = _months({"2024-06-01": (400, 0), "2025-06-01": (210, 0)}, "visits", "2024-01-01")
    whole = measures.course(frame, SPAN).html
    assert "210 in June 2025, 400 a year before" in whole
    half = measures.course(frame, period("2025-06", date(2025, 6, 15))).html
    assert "210 in June 2025, 15 of 30 days" in half
    assert "a year before" not in half.replace("No month has a year before it yet", "")


def test_a_month_with_fewer_than_thirty_appointments_has_no_rate():
    frame = _months({"2025-05-01": (1, 29), "2025-06-01": (3, 60)}, "no_show_rate", "2024-01-01")
    figure = measures.course(frame, SPAN).html
    assert "5% in June" in figure
    assert "May" not in figure


def test_history_says_what_it_is_too_short_for():
    short = trust.history(date(2018, 3, 14), date(2018, 7, 29)).html
    assert "4.5 months" in short
    assert "Too short for a season" in short
    assert "Long enough" in trust.history(date(2022, 7, 1), date(2025, 6, 30)).html


def test_a_failed_check_is_named_in_the_first_line_and_in_the_table(lab):
    quality = lab.quality()
    judged, held = int(quality["passed"].notna().sum()), int(quality["passed"].sum())
    assert held < judged
    assert f"{held} of {judged} data checks hold" in trust.status(lab.facts, lab.as_of, quality).html
    html = trust.gates(quality).html
    failed = list(quality.index[quality["passed"].eq(False).fillna(False)])
    assert failed
    assert prose.listed(failed) in html


def test_a_script_in_a_shops_name_is_text_on_its_page(lab):
    locations = lab["locations"]
    locations.loc[0, "name"] = "<script>alert(1)</script>"
    shops = lab.compare(performance.METRICS, lab.period("2025-04"), by="shop")
    html = shop.contents(locations, shops, compared.moved(lab.metric("visits", by="shop", grain="day"), SPAN)).html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def _kept(lab, span) -> dict[str, pd.DataFrame]:
    """The tables that the shop notebook keeps."""
    return {
        "locations": lab["locations"],
        "shops": lab.compare(performance.METRICS, span, by="shop"),
        "network": lab.compare(performance.METRICS, span),
        "chairs": lab.compare(performance.METRICS, span, by="chair"),
        "months": lab.metric("net_service_revenue", by="shop", until=span.end),
        "back": lab.metric("retention_42", by="shop", until=span.end),
        "movers": compared.moved(lab.metric("net_service_revenue", by="shop", grain="day"), span),
        "staff": lab["staff_names"],
        "quality": lab.quality().reset_index(),
    }


def test_a_shop_page_holds_its_own_numbers_and_no_other_shops(lab):
    span = lab.period("2025-04")
    html = shop.page(_kept(lab, span), "ny", span, lab.facts, lab.as_of, lab.params.methodology)
    assert "New York: $55" in html  # 3,000 and 2,500 cents
    assert "Ann Quill" in html
    assert "Bob Marrow" not in html
    assert "Los Angeles" not in html


@pytest.mark.parametrize("said", ["2025-06", "2024-06"])
def test_a_shop_that_was_not_open_has_a_page_that_says_so(lab, said):
    span = lab.period(said)
    html = shop.page(_kept(lab, span), "la", span, lab.facts, lab.as_of, lab.params.methodology)
    assert f"Los Angeles had no visits in {span.name}" in html
