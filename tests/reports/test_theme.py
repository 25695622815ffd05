"""The table of colours is the published one, and what is read on it can be read."""

import pytest

from barberlab.reports import theme

# design/look, section 1: contrast as printed there, to one decimal: name, ground, light, dark.
PUBLISHED = [
    ("ink", "surface", 16.5, 14.5), ("ink", "bg", 15.2, 15.7),
    ("ink2", "surface", 8.0, 9.1), ("ink2", "bg", 7.4, 9.9),
    ("ink3", "surface", 5.4, 6.1), ("ink3", "bg", 5.0, 6.6),
    ("line2", "surface", 3.5, 3.6), ("line2", "bg", 3.2, 4.0),
    ("accent", "surface", 6.1, 8.0), ("accent", "bg", 5.6, 8.7), ("accent", "accent-soft", 5.3, 6.4),
    ("med", "surface", 10.1, 14.4), ("med", "bg", 9.4, 15.6), ("med", "b50", 4.6, 4.4),
    ("good", "good-soft", 5.2, 6.3), ("bad", "bad-soft", 5.6, 6.0),
    ("stale", "stale-soft", 5.5, 7.0), ("learn", "learn-soft", 6.1, 6.7),
    ("on1", "seg1", 8.9, 11.5), ("on2", "seg2", 5.3, 5.3), ("on3", "seg3", 9.8, 4.9),
    ("on4", "seg4", 7.6, 5.4), ("on5", "seg5", 5.8, 8.5), ("onq6", "q6", 5.1, 8.9),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ground", "light", "dark"), PUBLISHED)
def test_the_contrasts_are_the_published_ones(name, ground, light, dark):
    """Printed to one decimal, so within half of one and a hair for 5.649, printed as 5.6."""
    assert theme.contrast(theme.LIGHT[name], theme.LIGHT[ground]) == pytest.approx(light, abs=0.051)
    assert theme.contrast(theme.DARK[name], theme.DARK[ground]) == pytest.approx(dark, abs=0.051)


def test_contrast_runs_from_none_to_black_on_white_and_has_no_direction():
    """WCAG 2.2: white on black is 21 to 1; #767676 on white is the lightest grey that passes, 4.54."""
    assert theme.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert theme.contrast("#16202A", "#16202A") == pytest.approx(1)
    assert (
        theme.contrast("#767676", "#FFFFFF") == theme.contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.005)
    )


@pytest.mark.parametrize("table", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_what_they_stand_on(table):
    dim = [pair for pair in theme.PAIRS if theme.contrast(table[pair.name], table[pair.ground]) < pair.least]
    assert dim == []


def test_each_colour_has_its_own_light_value_so_that_a_drawing_can_be_named_back():
    assert theme.LIGHT.keys() == theme.DARK.keys()
    assert len(set(theme.LIGHT.values())) == len(theme.LIGHT)
    assert [theme.name_of(value.lower()) for value in theme.LIGHT.values()] == list(theme.LIGHT)
    assert theme.name_of("#123456") is None


def test_paper_is_light_whatever_the_reader_prefers():
    light, *dark = theme.css_properties().strip().split("\n")
    assert light.startswith(":root{color-scheme:light;--bg:#F6F6F3;")
    assert all(rule.startswith("@media screen") and "--ink:#E8EDF0;" in rule for rule in dark)
    assert "data-theme=dark" in dark[1]
    assert "not([data-theme=light])" in dark[0]


def test_dollar_signs_are_money_and_never_mathematics():
    assert theme.rc()["text.parse_math"] is False
