"""One server, one Chromium and one set of real pages for all browser tests; a context of its own for each person.

`make browser` runs them with the system's Chromium; CHROMIUM names another, and BARBERLAB_BROWSER=required fails
without one. Screenshots stay in BARBERLAB_SCREENSHOTS, by default screenshots/ in this checkout.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from browser import open_house
from browser.looks import Looks, Window
from serve import house

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NEEDED = os.environ.get("BARBERLAB_BROWSER") == "required"
SCREENSHOTS = Path(os.environ.get("BARBERLAB_SCREENSHOTS") or house.REPO / "screenshots")
HERE, STARTED = Path(__file__).parent, time.time()


def pytest_collection_modifyitems(items) -> None:
    """All tests of this folder are slow, and pointless without a browser unless one is asked for."""
    reason = "there is no Chromium here: install one, or name one with CHROMIUM="
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.slow)
            if not CHROMIUM and not NEEDED:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session) -> None:
    """Where a browser is required, a test that was skipped has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NEEDED and reporter and reporter.stats.get("skipped"):
        reporter.write_line(f"{len(reporter.stats['skipped'])} browser tests were skipped, and none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def place(request):
    """The published workspace."""
    return open_house.kept(Path(request.config.cache.mkdir("browser")))


@pytest.fixture(scope="session")
def server(place) -> Iterator[house.Served]:
    """Its server, with a user of each role."""
    with open_house.serving(place) as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium: install Debian's package, or name one with CHROMIUM="
    with sync_playwright() as browsers:
        found = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def looks() -> Looks:
    """What was looked at already, and where its pictures are; an earlier day's are put away."""
    for picture in SCREENSHOTS.glob("*.png"):
        if picture.stat().st_mtime < STARTED:
            picture.unlink(missing_ok=True)
    return Looks(SCREENSHOTS)


@pytest.fixture(scope="session")
def contexts(browser):
    """Browser contexts by name of who is signed in; "" is a stranger."""
    found = {}
    yield found
    for context in found.values():
        context.close()


@pytest.fixture
def window(browser, server, contexts) -> Iterator[Callable[[str], Window]]:
    """Opens a window of somebody, signed in; in the end nothing may have gone wrong in any of them."""
    opened: list[Window] = []

    def open_one(name: str = "") -> Window:
        if name not in contexts:
            contexts[name] = browser.new_context(viewport={"width": 1280, "height": 900})
            cookies = server.visitor(name).cookies if name else {}
            address = f"http://127.0.0.1:{server.port}"
            contexts[name].add_cookies([{"name": k, "value": v, "url": address} for k, v in cookies.items()])
        opened.append(Window(contexts[name].new_page(), server.port))
        return opened[-1]

    yield open_one
    for one in opened:
        one.page.close()
    assert [what for one in opened for what in one.wrong] == []
