"""Every page that each role can reach: it opens, is quiet, keeps to itself, is readable by all, and fits its window.

Pages are found by following links from the first one, so that a page which is new is looked at from its first day.
"""

from urllib.parse import urlsplit

import pytest

from barberlab.serve import gate
from serve import house

LIVE = "/what-if"


def reached(window, looks, role: str) -> tuple[list[str], list[str]]:
    """(paths of all pages that were shown where links lead, what is wrong with any of them)."""
    to_do, seen, shown, wrong = ["/"], [], [], []
    while to_do:
        path = to_do.pop(0)
        seen.append(path)
        answer = window.open(path)
        shown.append(urlsplit(answer.url).path)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        live = path.endswith(LIVE) and window.page.locator("#base").count()
        if live:
            window.page.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
        wrong += looks.at(window, role, "" if live else answer.text())
        to_do += [door for door in window.doors() if door not in seen and door not in to_do]
    return shown, wrong


@pytest.mark.parametrize("name", list(house.PEOPLE))
def test_every_page_that_a_role_reaches_is_quiet_and_readable_by_all_on_phone_and_desktop(window, looks, name):
    role = house.PEOPLE[name].role
    shown, wrong = reached(window(name), looks, role)
    assert not wrong, "\n".join(wrong)
    kinds = {gate.page_at("", "/".join(path.split("/")[4:])).kind for path in shown if path.count("/") > 3}
    assert kinds <= set(gate.ACCESS[role])
