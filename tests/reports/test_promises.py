"""How often ranges held, by horizon: each row has its dots where its shares are, beside what was promised."""

import re
from html import unescape

import pandas as pd
import pytest
import showcase

from barberlab.errors import BadInput
from barberlab.reports import figures


def texts(drawing) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", str(drawing))]


def test_rows_and_promises_are_named_wide_and_on_a_phone():
    figure = showcase.coverage()
    for drawing in (figure.wide, figure.phone):
        assert {"weeks 1–4", "weeks 5–13", "8 in 10", "19 in 20", "80%", "100%"} <= set(texts(drawing))


def test_the_axis_begins_below_the_least_and_never_above_seventy_per_cent():
    usual = texts(showcase.coverage().wide)
    assert "60%" in usual
    assert "50%" not in usual
    low = figures.coverage(showcase.coverage().numbers.assign(held80_low=0.21), title="T", subtitle="S", slug="low")
    assert "20%" in texts(low.wide)


def test_what_was_kept_is_said_aloud_and_printed_with_errors():
    figure = showcase.coverage()
    assert "weeks 5–13: 70% in their 8 in 10 and 90% in their 19 in 20 of 90" in figure.alt
    assert re.search(r"weeks 1–4.*200.*82%.*95%.*9\.0%.*14\.0%", str(figure.numbers_table), re.DOTALL)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(BadInput, match="coverage: no column 'held95_low'"):
        figures.coverage(showcase.coverage().numbers.drop(columns="held95_low"), title="T", subtitle="S")
    with pytest.raises(BadInput, match="no rows"):
        figures.coverage(pd.DataFrame(columns=showcase.coverage().numbers.columns), title="T", subtitle="S")
