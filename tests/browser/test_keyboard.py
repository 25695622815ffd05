"""With the keyboard alone: sign in, see where one is, skip what is known, open pages, move a lever, sign out."""

import pytest

from browser.looks import SIZES, Window
from browser.open_house import NETWORK
from browser.reading import OWN, names
from serve import house

# The element that has the keyboard, and how it is marked.
_AT = """() => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    return {
        words: (at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || at.name || "").trim(),
        role: at.getAttribute("role") || (at.type === "range" ? "slider" : at.tagName.toLowerCase()),
        marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        shown: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth
            && box.bottom > 0 && box.top < innerHeight,
    };
}"""
MOST_STEPS = 60


@pytest.fixture
def stranger(browser, server):
    """A window of its own, which nobody is signed in at: what is done in it ends no other test's session."""
    context = browser.new_context(viewport=SIZES["desktop"])
    window = Window(context.new_page(), server.port)
    yield window
    context.close()
    assert window.wrong == []


def signed_in(window: Window, name: str) -> None:
    """Through the form, whose first field is ready to be typed into."""
    window.open("/")
    window.page.locator("input:focus").wait_for()
    window.page.keyboard.type(name)
    window.page.keyboard.press("Tab")
    window.page.keyboard.type(house.PASSWORD)
    window.page.keyboard.press("Enter")
    window.page.get_by_role("heading", name="What you may open").wait_for()


def stepped_to(page, words: str, role: str) -> None:
    """Press Tab until the element is reached; each on the way is in sight and marked."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        at = page.evaluate(_AT)
        assert at["shown"], at
        assert at["marked"], at
        if at["role"] == role and words in at["words"]:
            return
    raise AssertionError(f"{words!r} was not reached in {MOST_STEPS} steps")


def test_a_manager_signs_in_reads_the_own_shop_and_signs_out_without_a_mouse(stranger, place):
    page = stranger.page
    signed_in(stranger, "mina")
    shop = names(place)[OWN["mina"][0]]
    stepped_to(page, "North Line Barbers", "a")
    page.keyboard.press("Enter")
    page.locator("h1", has_text=shop).wait_for()
    stepped_to(page, "All pages", "a")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="North Line Barbers").wait_for()
    stepped_to(page, f"{shop}, in full", "a")
    page.keyboard.press("Enter")
    page.locator("h1", has_text=shop).wait_for()
    stepped_to(page, "Numbers of this figure", "summary")
    page.keyboard.press("Enter")
    assert page.locator("details[open] table").first.is_visible()
    stranger.open(f"/n/{NETWORK}/index.html")
    stepped_to(page, "Sign out", "button")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Sign in").wait_for()
    stranger.open(f"/n/{NETWORK}/")
    assert page.url.endswith("/login")


@pytest.mark.parametrize("path", ["/", f"/n/{NETWORK}/", f"/n/{NETWORK}/performance/report.html"])
def test_the_first_step_offers_to_skip_what_stands_on_every_page(window, path):
    shown = window("fran")
    shown.open(path)
    stepped_to(shown.page, "Skip to the text", "a")
    shown.page.keyboard.press("Enter")
    assert shown.page.evaluate("document.activeElement.id") == "main"


def test_a_form_that_was_wrong_says_so_and_can_be_filled_in_again(stranger):
    page = stranger.page
    stranger.open("/login")
    stranger.expected = 401
    page.keyboard.type("mina")
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    page.get_by_text("Name or password is wrong").wait_for()
    signed_in(stranger, "mina")


def test_a_lever_is_moved_by_keys(window):
    shown = window("rhea")
    shown.open(f"/n/{NETWORK}/what-if")
    shown.page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
    before = shown.page.locator(".answer h1").inner_text()
    stepped_to(shown.page, "Price, change in %", "slider")
    shown.page.keyboard.press("ArrowRight")
    shown.page.locator(".answer h1", has_text="more").wait_for()
    assert shown.page.locator(".answer h1").inner_text() != before
