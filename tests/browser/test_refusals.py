"""What is not one's own does not exist: pages of other shops, roles and networks, and the pages that say so."""

import pytest

from browser.open_house import NETWORK, SMALL
from browser.reading import ALL, OWN, names
from serve import house

WHOLE = ("fran", "anna")
OF_A_SHOP = ("shop/shop", "manager/shop", "manager/clients")
REPORTS = ("executive", "manager", "performance", "revenue", "retention", "benchmark", "shop")


def foreign(name: str) -> list[str]:
    """Addresses of what this person may not see."""
    not_own = [shop for shop in ALL if shop not in OWN.get(name, [])]
    shops = [f"/n/{NETWORK}/{of}/{shop}.html" for of in OF_A_SHOP for shop in not_own]
    # The clients of a franchisee's shop are nobody's in the head office.
    shops += [f"/n/{NETWORK}/manager/clients/{shop}.html" for shop in ALL] if name == "fran" else []
    others = [] if name == "anna" else [f"/n/{SMALL}/", f"/n/{SMALL}/performance/report.html"]
    operations = [] if name == "olga" else ["/operations"]
    live = [f"/n/{NETWORK}/what-if"] if name in ("bert", "olga") else []
    return [*shops, *others, *operations, *live, "/n/nowhere/", f"/n/{NETWORK}/shop/shop/north-99.html"]


@pytest.mark.parametrize("name", list(house.PEOPLE))
def test_what_is_foreign_is_not_there_and_names_nothing(window, place, name):
    shown = window(name)
    theirs = {called for shop, called in names(place).items() if shop not in OWN.get(name, [])}
    for path in foreign(name):
        answer = shown.page.request.get(f"{shown.own}{path}", max_redirects=0)
        assert answer.status == 404, path
        assert not [called for called in theirs if called in answer.text()], path
    shown.open(foreign(name)[0], status=404)
    assert shown.page.locator("h1").inner_text() == "Nothing is here"


@pytest.mark.parametrize("name", [name for name in house.PEOPLE if name not in WHOLE])
def test_a_report_of_the_whole_network_leads_those_of_a_part_to_their_own(window, place, name):
    shown = window(name)
    theirs = {called for shop, called in names(place).items() if shop not in OWN.get(name, [])}
    for report in REPORTS:
        answer = shown.page.request.get(f"{shown.own}/n/{NETWORK}/{report}/report.html")
        assert answer.status == (404 if name == "olga" else 200), report
        assert name == "olga" or not answer.url.endswith("/report.html"), report
        assert not [called for called in theirs if called in answer.text()], report


def test_the_pages_of_errors_are_readable_by_all(window, looks):
    shown = window()
    page, wrong = shown.page, []
    shown.open("/login")
    wrong += looks.at(shown, "stranger")
    shown.expected = 401
    page.fill("#name", "nobody-of-that-name")
    page.click("button")
    page.fill("#password", "x")
    page.click("button")
    page.get_by_text("Name or password is wrong").wait_for()
    wrong += looks.at(shown, "stranger", "wrong")
    signed_in = window("anna")
    signed_in.open(f"/n/{SMALL}/revenue/report.html")
    assert "nothing published yet" in signed_in.page.locator("h1").inner_text()
    wrong += looks.at(signed_in, "analyst")
    signed_in.open("/n/nowhere/", status=404)
    wrong += looks.at(signed_in, "analyst")
    assert not wrong, "\n".join(wrong)


def test_a_form_without_its_token_and_a_flood_of_tries_get_pages_that_all_can_read(browser, server, window, looks):
    shown = window()
    page, wrong = shown.page, []
    for tries, status in ((1, 403), (6, 429)):
        for _ in range(tries):
            shown.open("/login")
            page.fill("#name", f"nobody-{status}")
            page.fill("#password", "x")
            if status == 403:
                page.locator("[name=_xsrf]").evaluate("field => field.value = 'forged'")
            shown.expected = status if status == 403 or _ == tries - 1 else 401
            page.click("button")
            page.wait_for_load_state()
        wrong += looks.at(shown, f"stranger-{status}")
    assert not wrong, "\n".join(wrong)
