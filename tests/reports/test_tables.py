"""A frame becomes a table that can be read and heard; small marks stand in its rows."""

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markupsafe import Markup
from showcase import ATTACK, USD, shops_table

from barberlab.errors import BadInput
from barberlab.reports import marks, prose
from barberlab.reports.tables import Column, columns_of, table

FRAME = pd.DataFrame({"shop": [ATTACK, "Quayside"], "takings": [3_124_000, None], "rate": [0.63, 0.58]})


def parsed(html) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_headings_say_what_they_head_and_numbers_stand_right():
    columns = [Column("shop", "Shop"), Column("takings", "Takings", USD.table, unit="USD")]
    soup = parsed(table(FRAME, columns, caption="June"))
    assert [(th["scope"], th.get_text(" ")) for th in soup.find_all("th")] == [
        ("col", "Shop"), ("col", "Takings USD"), ("row", ATTACK), ("row", "Quayside"),
    ]  # fmt: skip
    assert soup.caption.get_text() == "June"
    assert [td["class"] for td in soup.find_all("td")] == [["r"], ["r"]]
    assert soup.find("td").get_text() == "$31,240"


def test_a_missing_value_says_so_and_why():
    column = Column("takings", "Takings", USD.table, missing="needs table 7, payments")
    absent = parsed(table(FRAME, [Column("shop", "Shop"), column])).find_all("td")[1].span
    assert (absent.get_text(), absent["title"]) == ("n/a", "needs table 7, payments")


def test_a_script_in_a_shops_name_is_text():
    for html in (table(FRAME, [Column("shop", ATTACK, unit=ATTACK)], caption=ATTACK), shops_table()):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_on_a_phone_the_second_rank_of_columns_goes():
    html = table(FRAME, [Column("shop", "Shop"), Column("rate", "Rate", prose.Rate(), secondary=True)])
    assert [tag["class"] for tag in parsed(html).select(".secondary")] == [["r", "secondary"]] * 3


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(BadInput, match="no column 'visits'; the frame has shop, takings, rate"):
        table(FRAME, [Column("visits", "Visits")])
    with pytest.raises(BadInput, match="no column asked for"):
        table(FRAME, [])


def test_a_frame_nobody_described_still_prints():
    soup = parsed(table(FRAME, columns_of(FRAME)))
    assert [th.get_text() for th in soup.select("thead th")] == ["Shop", "Takings", "Rate"]
    assert [td.get_text() for td in soup.select("tbody tr")[0].select("td")] == [
        "31,240".replace("31,240", "3,124,000"),
        "0.63",
    ]


def test_marks_survive_a_frame_which_would_make_plain_text_of_markup():
    frame = pd.DataFrame({"a": [marks.tag("Late", "stale")] * 2, "b": [Markup("<b>x</b>")] * 2})
    html = table(frame, [Column("a", "A"), Column("b", "B")])
    assert html.count('<span class="tag t-stale">Late</span>') == 2


def test_a_change_has_an_arrow_and_a_word_only_if_it_is_judged():
    assert "▲" in marks.verdict("+4.1%", "good", True).html
    falling = marks.verdict("−2.0%", "good", False, "on May").html
    assert '<span class="up"><span aria-hidden="true">▼ </span><span class="sr">down </span>2.0%</span>' in falling
    chance = marks.verdict("+0.2 pts", "chance", True).html
    assert "could be chance" in chance
    assert "▲" not in chance
    with pytest.raises(BadInput, match="good or bad"):
        marks.verdict("+4.1%", "good")


def test_words_beside_a_mark_are_escaped():
    html = marks.together(marks.tag("Late", "bad"), ATTACK).html
    assert html.startswith('<span class="tag t-bad">Late</span> Alder &lt;script&gt;')


@pytest.mark.parametrize("address", ["https://x.example", "//x.example", "javascript:alert(1)", "\\\\x.example"])
def test_a_link_stays_in_the_house(address):
    with pytest.raises(BadInput, match="relative address"):
        marks.link("Quayside", address)


def test_a_sparkline_has_a_gap_where_a_value_is_missing_and_is_not_read_aloud():
    html = marks.sparkline([1, 2, None, 4, 3]).html
    assert 'viewBox="0 0 96 26" aria-hidden="true"' in html
    assert html.count("M") == 2
    assert marks.sparkline([None, None]).html == ""
    assert "nan" not in marks.sparkline([5, 5]).html


@pytest.mark.parametrize(
    ("mid", "eighty", "better", "look"),
    [
        (0.1, (0.05, 0.15), "higher", "rng"), (-0.1, (-0.15, -0.05), "higher", "rng short"),
        (0.1, (0.05, 0.15), "lower", "rng short"), (-0.1, (-0.15, -0.05), "lower", "rng"),
        (0.1, (-0.05, 0.25), "higher", "rng chance"),
    ],
)  # fmt: skip
def test_a_range_track_is_grey_if_it_could_be_chance_and_orange_if_it_falls_short(mid, eighty, better, look):
    html = marks.range_track(mid, eighty, (-0.3, 0.3), (-0.4, 0.4), "+10%", better=better).html
    assert f'<span class="{look}" role="img" aria-label="+10%">' in html


def test_a_range_track_places_by_its_scale_and_ends_at_its_edge():
    html = marks.range_track(0.1, (0.0, 0.2), (-0.1, 0.9), (-0.4, 0.4), "+10%").html
    assert '<i class="z" style="left:50.0%">' in html
    assert '<i class="b80" style="left:50.0%;width:25.0%">' in html
    assert '<i class="b95" style="left:37.5%;width:62.5%">' in html
    assert '<i class="m" style="left:62.5%">' in html
    with pytest.raises(BadInput, match="no width"):
        marks.range_track(0, (0, 0), (0, 0), (1, 1), "x")


def test_an_unknown_state_is_refused():
    with pytest.raises(BadInput, match="state 'fine' is unknown"):
        marks.tag("Late", "fine")
