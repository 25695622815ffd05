"""Blocks show themselves in a notebook and on a page, and let nothing through unescaped."""

import re

import pandas as pd
import pytest
from markupsafe import Markup
from showcase import ATTACK, trend

from barberlab import errors
from barberlab.reports import blocks

EVERY_TEXT = [
    blocks.Headline(ATTACK, ATTACK, ATTACK),
    blocks.FiveLines(((ATTACK, ATTACK),)),
    blocks.NotAvailable(ATTACK, ATTACK, ATTACK),
    blocks.Notice(ATTACK, ATTACK, "bad"),
    blocks.StatusLine((("good", ATTACK), ("", ATTACK))),
    blocks.Gates((("bad", ATTACK),)),
    blocks.Foot((ATTACK,)),
    blocks.Remark(ATTACK, ATTACK),
    blocks.Paragraph(ATTACK),
    blocks.TableBlock(ATTACK, Markup("<table></table>"), ATTACK, ATTACK),
    blocks.KeyFigures((blocks.KeyFigure(*[ATTACK] * 4, blocks.Verdict(ATTACK, "bad", True, ATTACK)),)),
]


@pytest.mark.parametrize("block", EVERY_TEXT, ids=lambda block: type(block).__name__)
def test_a_script_in_a_name_is_text_in_every_block(block):
    written = re.findall(r"alert\(1\)", str(block))
    assert "<script" not in block.html
    assert "<script" not in block._repr_html_()
    assert block.html.count("&lt;script&gt;alert(1)") == len(written)


def test_a_notebook_gets_the_look_with_the_block_and_a_page_gets_the_block_alone():
    block = blocks.Paragraph("June")
    shown = block._repr_html_()
    assert shown.startswith('<style data-barberlab="">.bl{color-scheme:light;')
    assert blocks.bare(shown) == block.html == "<p>June</p>"
    assert blocks.bare("<p>other</p>") == "<p>other</p>"


def test_a_figure_carries_its_numbers_under_it():
    html = trend().html
    assert "<summary>Numbers of this figure</summary>" in html
    assert '<th scope="row">June 2025</th><td class="r">$1,420,000</td><td class="r">$1,278,000</td>' in html


def test_a_long_table_of_numbers_says_what_it_leaves_out():
    numbers = pd.DataFrame({"shop": range(1000)})
    figure = blocks.Figure("x", "T", "S", Markup(""), Markup(""), "alt", numbers=numbers)
    assert "The first 200 of 1,000 rows." in figure.html
    assert figure.html.count("<tr>") == 201


def test_a_figure_without_words_for_those_who_do_not_see_it_is_refused():
    with pytest.raises(errors.BadInput, match="no text for those who do not see it"):
        blocks.Figure("x", "T", "S", Markup(""), Markup(""), " ")
    with pytest.raises(errors.BadInput, match="a slug has"):
        blocks.Figure("No spaces", "T", "S", Markup(""), Markup(""), "alt")


@pytest.mark.parametrize(
    ("count", "rows"),
    [(1, [12]), (2, [6, 6]), (3, [4, 4, 4]), (4, [3, 3, 3, 3]), (5, [4, 4, 4, 6, 6]), (6, [4] * 6),
     (7, [3] * 4 + [4] * 3), (8, [3] * 8), (0, [])],
)  # fmt: skip
def test_key_figures_fill_their_rows(count, rows):
    figures = blocks.KeyFigures(tuple(blocks.KeyFigure(f"{k}", "1") for k in range(count)))
    assert [span for _, span, _ in figures.placed] == rows


def test_on_a_phone_key_figures_stand_one_then_two_by_two():
    """An even number leaves the last alone: it takes the whole row."""
    alone = {n: [full for _, _, full in blocks.KeyFigures((blocks.KeyFigure("a", "1"),) * n).placed] for n in (4, 5)}
    assert alone == {4: [False, False, False, True], 5: [False] * 5}


def test_what_another_room_refused_becomes_a_dashed_box():
    box = blocks.NotAvailable.of(errors.NotAvailable("Chair time used", "table 8, shifts"))
    assert box.html == '<div class="empty"><b>Chair time used</b>Not available: needs table 8, shifts</div>'


@pytest.mark.parametrize(
    "make",
    [
        lambda: blocks.StatusLine((("fine", "x"),)), lambda: blocks.Gates((("fine", "x"),)),
        lambda: blocks.Notice("x", "y", "fine"),
    ],
)  # fmt: skip
def test_an_unknown_state_is_refused(make):
    with pytest.raises(errors.BadInput, match="state 'fine' is unknown"):
        make()


def test_a_table_that_is_mere_text_is_refused():
    with pytest.raises(errors.BadInput, match=r"tables\.table"):
        blocks.TableBlock("T", "<table></table>")


def test_a_key_names_a_colour_of_the_theme():
    with pytest.raises(errors.BadInput, match="no colour of the theme"):
        blocks.Key("x", "red")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Which shops differ?", "which-shops-differ"), ("2 shops", "s-2-shops"), ("…", "part"), ("x" * 99, "x" * 40),
        ("June closed at $1.42M, which is 4.1% above June 2024", "june-closed-at-1-42m-which-is-4-1-above"),
        ("<script>", "script"),
    ],
)  # fmt: skip
def test_slugs_are_short_and_of_whole_words(text, slug):
    assert blocks.slug(text) == slug
