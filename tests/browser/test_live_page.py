"""The what-if page with its controls: numbers and picture follow the lever, and kernels are nobody else's."""

import re

from browser.looks import SIZES
from browser.open_house import NETWORK
from browser.reading import OWN, published, rows, within

LIVE = f"/n/{NETWORK}/what-if"


def ready(window) -> None:
    """Open it and wait for its levers."""
    window.open(LIVE)
    window.page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)


def year(place, shops: list[str]) -> dict[str, int]:
    """Cents of the last twelve months of these shops, by month."""
    months = published(place, "shop", "months", shops)
    summed = months.groupby("period")["value"].sum().sort_index().tail(12)
    return {f"{month:%B %Y}": int(cents) for month, cents in summed.items()}


def test_a_lever_changes_numbers_and_picture_by_what_the_published_year_says(window, place):
    shown = window("owen")
    ready(shown)
    page, months = shown.page, year(place, OWN["owen"])
    assert page.locator("h1").inner_text() == "Nothing would change"
    before = page.locator(".answer svg.chart").first.inner_html()
    page.get_by_role("slider", name="Price, change in %").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator(".answer .lede", has_text="prices +10.0%").wait_for()
    more = re.search(r"brought (\S+) more", page.locator(".answer h1").inner_text())[1]
    assert within(more, sum(months.values()) / 10)
    assert page.locator(".answer svg.chart").first.inner_html() != before
    page.locator(".answer details summary").click()
    said = rows(page.locator(".answer details table"))
    was, would = ({month: int(re.sub(r"\D", "", row[at])) for month, row in said.items()} for at in (0, 1))
    assert was == {month: (cents + 50) // 100 for month, cents in months.items()}
    assert would == {month: (cents * 11 + 500) // 1000 for month, cents in months.items()}


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
