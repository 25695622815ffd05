"""What would be is arithmetic on what was counted, and the levers end where they say."""

import pandas as pd
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.reports import accessible, doors, whatif
from barberlab.reports.whatif import PRICE, VISITS

MONTHS = pd.date_range("2024-07-01", periods=12, freq="MS")


def by_shop(months=MONTHS, shops=("a", "b"), metric="net_service_revenue", needs=None) -> pd.DataFrame:
    """Revenue of 1,000.00 by shop and month."""
    frame = pd.DataFrame([(shop, month, 100_000) for shop in shops for month in months])
    frame.columns = ["location_id", "period", "value"]
    frame.attrs = {"metric": metric, "needs": needs, "currency": "USD"}
    return frame


BASE = whatif.base(by_shop())


def test_the_base_is_the_last_twelve_months_of_all_shops():
    longer = whatif.base(by_shop(pd.date_range("2023-01-01", periods=18, freq="MS")))
    assert (BASE.year, BASE.shops, longer.year) == (2_400_000, 2, 2_400_000)
    assert longer.months["period"].min() == pd.Timestamp("2023-07-01")


def test_levers_that_stand_still_change_nothing():
    assert whatif.effect(BASE, 0, 0) == 0
    assert "Nothing would change" in whatif.blocks(BASE, 0, 0)[0].html


@pytest.mark.parametrize(("price", "visits", "cents"), [(10, 0, 240_000), (0, -10, -240_000), (10, -10, -24_000)])
def test_price_and_visits_multiply(price, visits, cents):
    """1.1 x 0.9 = 0.99: a rise that a tenth of the visits answers loses one in a hundred."""
    assert whatif.effect(BASE, price, visits) == cents


@pytest.mark.parametrize("price", [-20, -1, 5, 30])
def test_at_the_break_even_nothing_is_won_or_lost(price):
    assert (1 + price / 100) * (1 + whatif.breaks_even(price)) == pytest.approx(1)


def test_a_higher_price_never_brings_less_at_equal_visits():
    effects = [whatif.effect(BASE, price, -7) for price in range(PRICE.low, PRICE.high + 1)]
    assert effects == sorted(effects)


@pytest.mark.parametrize("lever", [PRICE, VISITS])
@pytest.mark.parametrize("value", [31, -31, 2**70, 1.0, "9", None, True, [3]])
def test_a_lever_stands_nowhere_but_between_its_ends(lever, value):
    with pytest.raises(BadInput, match=rf"{lever.name}: must be a whole number from {lever.low} to {lever.high}"):
        lever.check(value)


def test_without_money_or_a_whole_year_it_says_what_it_needs():
    with pytest.raises(NotAvailable, match="needs prices and payments"):
        whatif.base(by_shop(metric="visits"))
    with pytest.raises(NotAvailable, match="needs 12 months of revenue; there are 11"):
        whatif.base(by_shop(MONTHS[:11]))


def test_the_answer_says_more_or_less_and_what_cannot_be_said():
    said = "".join(block.html for block in whatif.blocks(BASE, 10, 0))
    assert "The year would have brought $2,400 more" in said or "The year would have brought $2.40k more" in said
    assert "Not available: needs draws of a demand model" in said
    assert "less" in whatif.blocks(BASE, -5, 0)[0].html


def test_the_picture_has_a_pair_of_bars_for_each_month_and_says_so_in_words():
    figure = whatif.course(BASE, 10, 0)
    assert figure.wide.count("<rect") == figure.phone.count("<rect") == 24
    assert "as it would have been" in figure.alt


@pytest.mark.parametrize(
    "page",
    [
        doors.sign_in("token", provider=True, said="Name or password is wrong"),
        doors.house("North", "", [doors.Group("Reports", [doors.Door("Shop", "/n/x", "good", "good")])], "token"),
        doors.house("North", "", [doors.Group("Reports", [], "a run")], "token"),
        doors.message(404),
        doors.message(599),
        doors.nothing_yet("What if", "a run", "North", ("/", "All networks")),
    ],
)
def test_the_servers_own_pages_are_fit_to_be_read_by_everybody(page):
    # Unlike a report, these may send a form, to this server.
    forms = ("script: a page may not hold <form>", "'/login'", "'/logout'")
    assert [found for found in accessible.check(page) if not found.endswith(forms)] == []


def test_an_error_says_no_more_than_its_number():
    assert doors.message(500) == doors.message(599)
