"""The what-if page with its controls: numbers and picture follow the lever, and kernels are nobody else's."""

import re

import numpy as np

from barberlab.models import scenario_months, scenarios
from barberlab.models.scenario_months import Ahead
from barberlab.reports import prose
from barberlab.runs.published import latest
from barberlab.scope import Scope
from barberlab.serve import ahead
from browser.looks import SIZES
from browser.open_house import NETWORK
from browser.reading import OWN, rows

LIVE = f"/n/{NETWORK}/what-if"


def ready(window) -> None:
    """Open it and wait for its levers."""
    window.open(LIVE)
    window.page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)


def foreseen(place, shops: list[str]) -> Ahead:
    """The kept draws of these shops' months ahead, as their own scope reads them."""
    run = latest(place, Scope(NETWORK, "owner", frozenset(shops)), ahead.DRAWN)
    return ahead.kept(run).after(ahead.day_of(run))


def test_a_lever_changes_numbers_and_picture_by_what_the_kept_draws_say(window, place):
    shown = window("owen")
    ready(shown)
    page = shown.page
    assert page.locator("h1").inner_text() == "Nothing would change"
    before = page.locator(".answer svg.chart").first.inner_html()
    page.get_by_role("slider", name="Price, change in %").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator(".answer .lede", has_text="Prices +10%").wait_for()
    assert page.locator(".answer svg.chart").first.inner_html() != before
    played = scenario_months.play(foreseen(place, OWN["owen"]), [scenarios.Price(0.1)], 0)
    low, middle, high = played.total(0.8)
    assert prose.estimate(middle, low, high, prose.Money("USD")).value in page.locator(".answer h1").inner_text()
    page.locator(".answer figure details summary").click()
    said = rows(page.locator(".answer figure details table"))
    would = [int(re.sub(r"\D", "", row[3])) for row in said.values()]
    np.testing.assert_allclose(would, np.median(played.paths.sum(axis=0), axis=-1) / 100, atol=0.51)


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
        with shown.page.expect_websocket() as opened:
            ready(shown)
        ids.append(re.search(r"/api/kernels/([\w-]+)/channels", opened.value.url)[1])
    assert ids[0] != ids[1]
