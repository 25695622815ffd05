"""A drawing becomes part of a page: in its theme, with its own ids, the same bytes each time."""

import re

import matplotlib as mpl
import pytest
import showcase
from matplotlib import rc_context
from matplotlib.figure import Figure as Drawing

from barberlab.errors import BadInput
from barberlab.reports import svg, theme

FIGURES = [
    showcase.trend, showcase.ranges, showcase.funnel, showcase.small_multiples, showcase.heat, showcase.coverage,
]  # fmt: skip
every_figure = pytest.mark.parametrize("make", FIGURES, ids=lambda make: make.__name__)


def line(colour: str, label: str = "takings", width: int = 216) -> Drawing:
    drawing = Drawing(figsize=(width / 72, 2))
    with rc_context(theme.rc()):
        ax = drawing.subplots()
        ax.plot([1, 2, 3], [1, 3, 2], color=colour)
        ax.text(2, 2, label)
    return drawing


@every_figure
def test_the_same_numbers_give_the_same_bytes(make):
    one, two = make(), make()
    assert (one.wide, one.phone, one.html) == (two.wide, two.phone, two.html)


@every_figure
def test_a_figure_follows_the_theme_in_light_and_dark(make):
    html = make().html
    assert not re.search(r"(?:fill|stroke|color)[^;\"]*#|rgb\(|\bblack\b", html)
    used = set(re.findall(r"var\(--([\w-]+)\)", html))
    assert used <= theme.LIGHT.keys()
    assert used <= theme.DARK.keys()
    assert len(used) > 3


@every_figure
def test_a_figure_is_drawn_in_pixels_for_page_and_phone(make):
    figure = make()
    assert re.search(r'viewBox="0 0 720 \d+"', figure.wide)
    assert re.search(r'viewBox="0 0 358 \d+"', figure.phone)
    sizes = set(re.findall(r"font-size:([\d.]+)px", figure.html))
    assert sizes == {"12"}


@every_figure
def test_two_figures_on_one_page_share_no_id(make):
    ids = [set(re.findall(r'\bid="([^"]+)"', make(slug=slug).html)) for slug in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]
    html = make(slug="one").html
    every = re.findall(r'\bid="([^"]+)"', html)
    assert len(every) == len(set(every))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= set(every)


@every_figure
def test_those_who_do_not_see_a_figure_are_told_what_it_is_and_what_it_shows(make):
    figure = make(what="What it is", alt="What it shows")
    for drawing, slug in ((figure.wide, f"{figure.slug}-w"), (figure.phone, f"{figure.slug}-n")):
        assert f'role="img" aria-labelledby="{slug}-t {slug}-d"' in drawing
        assert f'<title id="{slug}-t">What it is</title><desc id="{slug}-d">What it shows</desc>' in drawing


@every_figure
def test_drawing_leaves_nothing_behind(make):
    before = dict(mpl.rcParams)
    make()
    assert dict(mpl.rcParams) == before


def test_text_stays_text_and_a_dollar_is_a_dollar():
    drawn = svg.inline(line(theme.LIGHT["ink"], "from $5 to $6 <b>"), "prices", "t", "d")
    assert ">from $5 to $6 &lt;b&gt;</text>" in drawn
    assert "font-family" not in drawn
    assert "DejaVu" not in drawn


def test_coordinates_have_one_decimal():
    drawn = svg.inline(line(theme.LIGHT["ink"]), "prices", "t", "d")
    assert re.search(r'd="M[\d.]+ [\d.]+ L', drawn)
    assert not re.search(r"[dxy]=\"[^\"]*\d\.\d\d", drawn)
    assert "-0 " not in drawn


def test_a_colour_that_is_not_the_themes_is_refused():
    with pytest.raises(BadInput, match=r"'prices'.*#123456.*theme.LIGHT"):
        svg.inline(line("#123456"), "prices", "t", "d")


def test_names_in_a_title_are_escaped():
    drawn = svg.inline(line(theme.LIGHT["ink"]), "prices", showcase.ATTACK, showcase.ATTACK)
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") == 2
