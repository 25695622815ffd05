"""What a person sees and does in a real browser: sign in, read, move a lever, with the keyboard alone.

`make browser` runs it with the system's Chromium; CHROMIUM names another. BARBERLAB_BROWSER=required fails without one.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from barberlab.models import scenario_months, scenarios
from barberlab.models.scenario_months import Ahead
from serve import house

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NEEDED = os.environ.get("BARBERLAB_BROWSER") == "required"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM and not NEEDED, reason="there is no Chromium here")]


@pytest.fixture(scope="module")
def server() -> Iterator[house.Served]:
    """A server of its own: a browser opens kernels."""
    with tempfile.TemporaryDirectory(prefix="bl-") as root, house.serving(Path(root)) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium: install Debian's package, or name one with CHROMIUM="
    with sync_playwright() as browsers:
        found = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser, server):
    """A new browser window that notes what must not happen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.wrong, own = [], f"http://127.0.0.1:{server.port}/"
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((own, "data:", "blob:")) or page.wrong.append(asked.url))
    yield page
    context.close()


def signed_in(page, server, name: str) -> None:
    """With the keyboard alone."""
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(house.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What you may open").wait_for()


def cents(text: str) -> int:
    """The first amount of a line of the figure's table."""
    return int(re.sub(r"\D", "", text)) * 100


def test_a_lever_moved_by_keys_changes_numbers_and_picture_and_nothing_goes_wrong(page, server):
    signed_in(page, server, "fran")
    page.goto(f"http://127.0.0.1:{server.port}/n/north/what-if")
    assert page.locator("h1").inner_text() == "Nothing would change"
    page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
    lever = page.get_by_role("slider", name="Price, change in %")
    lever.focus()
    before = page.locator(".answer svg.chart").first.inner_html()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator(".answer .lede", has_text="Prices +10.0%").wait_for()
    assert page.locator(".answer svg.chart").first.inner_html() != before
    page.locator(".answer figure details summary").click()
    # The page's numbers are those of the kept draws, played by the scenarios themselves.
    drawn = house.draws("north")["revenue"].transpose("location", "month", "chain", "draw").values.reshape(3, 7, 400)
    starts = np.arange("2025-07", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
    own = Ahead(np.array(house.SHOPS["north"]), starts, drawn[:, 1:])
    would = np.median(scenario_months.play(own, [scenarios.Price(0.1)], 0).paths.sum(axis=0), axis=-1)
    shown = [cents(cell) for cell in page.locator(".answer figure details td:nth-child(5)").all_inner_texts()]
    np.testing.assert_allclose(shown, would, atol=50)
    assert page.wrong == []


@pytest.mark.parametrize("name", ["fran", "rhea", "owen", "mina", "bert", "anna"])
def test_every_door_that_a_role_is_shown_opens(page, server, name):
    signed_in(page, server, name)
    for network in page.locator("main table a").evaluate_all("links => links.map(link => link.href)"):
        page.goto(network)
        doors = page.locator("main table a").evaluate_all("links => links.map(link => link.href)")
        assert doors, network
        # A live page that is left while it loads asks for a kernel that is gone; it has tests of its own.
        still = [door for door in doors if not door.endswith("what-if")]
        assert all(page.goto(door).status == 200 for door in still)
    assert page.wrong == []


def test_a_phone_shows_the_answer_above_the_levers_and_scrolls_one_way(page, server):
    signed_in(page, server, "mina")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"http://127.0.0.1:{server.port}/n/north/what-if")
    page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
    answer, levers = page.locator(".answer").bounding_box(), page.locator(".levers").bounding_box()
    assert answer["y"] < levers["y"]
    wide, shown = page.locator("html").evaluate("page => [page.scrollWidth, page.clientWidth]")
    assert wide <= shown


def test_a_page_that_was_left_gives_its_kernel_back_to_nobody_else(page, server):
    """The page of another person opens a kernel of its own, and never one that was left."""
    ids = []
    for name in ("mina", "owen"):
        page.context.clear_cookies()
        signed_in(page, server, name)
        page.goto(f"http://127.0.0.1:{server.port}/n/north/what-if")
        page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
        ids.append(re.search(r'"kernelId": "([\w-]+)"', page.content())[1])
    assert ids[0] != ids[1]
