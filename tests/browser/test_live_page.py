"""The what-if page with its controls: numbers and picture follow the lever, and kernels are nobody else's."""

import re

import numpy as np

from barberlab.models import scenario_months, scenarios
from barberlab.runs.published import latest
from barberlab.scope import Scope
from barberlab.serve import ahead
from browser.looks import SIZES
from browser.open_house import NETWORK
from browser.reading import OWN

LIVE = f"/n/{NETWORK}/what-if"


def ready(window) -> None:
    """Open it and wait for its levers."""
    window.open(LIVE)
    window.page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)


def kept(place, shops: list[str]) -> scenario_months.Ahead:
    """The joint draws of the months ahead that the last run kept of these shops."""
    found = latest(place, Scope(NETWORK, "owner", frozenset(shops)), ahead.DRAWN)
    return ahead.kept(found).after(ahead.day_of(found))


def cents(text: str) -> int:
    """An amount in whole money, as a figure's table has it."""
    return int(re.sub(r"\D", "", text)) * 100


def test_a_lever_changes_numbers_and_picture_by_what_the_scenarios_say_of_the_kept_draws(window, place):
    shown = window("owen")
    ready(shown)
    page, own = shown.page, kept(place, OWN["owen"])
    assert page.locator("h1").inner_text() == "Nothing would change"
    before = page.locator(".answer svg.chart").first.inner_html()
    page.get_by_role("slider", name="Price, change in %").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator(".answer .lede", has_text="Prices +10.0%").wait_for()
    assert page.locator(".answer svg.chart").first.inner_html() != before
    page.locator(".answer figure details summary").click()
    # The page's numbers are those of the kept draws, played by the scenarios themselves.
    would = np.median(scenario_months.play(own, [scenarios.Price(0.1)], 0).paths.sum(axis=0), axis=-1)
    said = [cents(cell) for cell in page.locator(".answer figure details td:nth-child(5)").all_inner_texts()]
    np.testing.assert_allclose(said, would, atol=50)


def test_a_phone_shows_the_answer_above_the_levers(window):
    shown = window("mina")
    shown.page.set_viewport_size(SIZES["phone"])
    ready(shown)
    answer, levers = (shown.page.locator(one).bounding_box() for one in (".answer", ".levers"))
    assert answer["y"] < levers["y"]


def test_a_page_that_was_left_gives_its_kernel_back_to_nobody_else(window):
    """The page of another person opens a kernel of its own, and never one that was left."""
    ids = []
    for name in ("mina", "owen"):
        shown = window(name)
        ready(shown)
        ids.append(re.search(r'"kernelId": "([\w-]+)"', shown.page.content())[1])
    assert ids[0] != ids[1]
