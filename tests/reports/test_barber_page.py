"""A barber's page holds one barber's figures in one shop, and nobody's pay."""

import re
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from barberlab import periods
from barberlab.reports import accessible, barber

FACTS = {"network": "north", "name": "North", "currency": "USD", "timezone": "UTC", "level": "visit"}
AS_OF = datetime(2025, 7, 1, tzinfo=UTC)
SPAN = periods.period("2025-06", date(2025, 6, 30))
METRICS = ("net_service_revenue", "visits", "rebook_rate")


def kept() -> dict[str, pd.DataFrame]:
    """Two barbers, one of them in two shops."""
    rows = []
    for shop, who, visits in (("s1", "p1", 80), ("s2", "p1", 17), ("s1", "p2", 61), ("s1", "p3", 0)):
        for metric, value, n in (
            (METRICS[0], visits * 4300, None),
            (METRICS[1], visits, None),
            (METRICS[2], 0.4, visits),
        ):
            hits = None if n is None else 0.4 * n
            line = {"location_id": shop, "staff_id": who, "metric": metric}
            for prefix in ("", "before_", "year_"):
                line |= {f"{prefix}value": value, f"{prefix}numerator": hits, f"{prefix}denominator": n}
            rows.append(line)
    chairs = pd.DataFrame(rows)
    chairs.attrs = {"currency": "USD", "needs": dict.fromkeys(METRICS)}
    quality = pd.DataFrame({"gate": [], "counted": [], "limit": [], "passed": [], "unit": [], "value": [], "words": []})
    return {
        "chairs": chairs,
        "locations": pd.DataFrame({"location_id": ["s1", "s2"], "name": ["Ash <i>", "Elm"]}),
        "staff": pd.DataFrame({"staff_id": ["p1", "p2"], "display_name": ["Lena <b>", "Goran"]}),
        "quality": quality,
    }


def page(shop: str, who: str) -> str:
    return barber.page(kept(), shop, who, SPAN, FACTS, AS_OF)


def test_it_speaks_of_one_barber_in_one_shop():
    shown = page("s1", "p1")
    assert "Lena &lt;b&gt;: 80 visits in June 2025" in shown
    assert "Ash &lt;i&gt;" in shown
    assert not any(word in shown for word in ("Goran", "Elm", ">17<", ">61<"))
    assert "17 visits" in page("s2", "p1")


def test_a_rate_has_its_range_and_none_is_told_of_a_few_visits():
    rebooked = re.compile(r"Rebook[^<]*</dt><dd[^>]*>([^<]*)</dd>(<dd[^>]*>8 in 10: [^<]+</dd>)?")
    assert rebooked.search(page("s1", "p1"))[2]
    few = rebooked.search(page("s2", "p1"))
    assert (few[1], few[2]) == ("n/a", None)


def test_who_had_no_visit_has_no_page():
    assert barber.worked(kept()["chairs"]) == [("s1", "p1"), ("s2", "p1"), ("s1", "p2")]


def test_the_pages_name_tells_shop_and_barber_apart():
    assert barber.href("s1", "p1") == "barber/s1/p1.html"
    assert barber.href("s/1", "p1") != barber.href("s-1", "p1")


def test_nobodys_pay_is_on_it():
    shown = page("s1", "p1").lower()
    assert not any(word in shown for word in ("commission", "salary", "tip", "wage"))


@pytest.mark.parametrize(("shop", "who"), [("s1", "p1"), ("s2", "p1")])
def test_it_is_fit_to_be_read_by_everybody(shop, who):
    assert accessible.check(page(shop, who)) == []
