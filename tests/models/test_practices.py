"""What shops do, by hand on the corner network."""

from datetime import date

import pandas as pd
import pytest

from barberlab.models import practices

SPAN = (date(2025, 4, 1), date(2025, 7, 1))


@pytest.fixture
def found(lab):
    """The corner network's habits from April to June 2025."""
    prebooked = lab.metric("prebook_rate", by="shop", grain="total", since=SPAN[0], until=SPAN[1])
    return practices.of_shops({name: lab[name] for name in practices.TABLES}, prebooked, *SPAN)


def test_habits_of_the_corner_network_by_hand(found):
    """New York: visits a2, a3, a5, a6 booked 9, 1, 28 and 47 days ahead; one line of service each; priced at 3,000 for
    every cut and 1,500 for the beard, as in Los Angeles. Shifts of 8, 8 and 4 hours in one week of April, 8 in another.
    """
    assert found.index.tolist() == ["la", "ny"]
    assert found.loc["ny", "addon_share"] == 0
    assert found.loc["ny", "open_hours"] == pytest.approx((8 + 8 + 4 + 8) / 2)
    assert found["price_level"].tolist() == [1, 1]
    assert found.loc["la", "tenure_years"] == pytest.approx(
        (pd.Timestamp(2025, 7, 1) - pd.Timestamp(2020, 1, 1)).days / 365.25
    )


def test_a_visit_with_two_lines_of_service_has_an_add_on():
    lines = pd.DataFrame(
        {
            "location_id": ["a"] * 5,
            "appointment_id": ["v1", "v1", "v2", "v2", None],
            "kind": ["service", "service", "service", "retail", "service"],
        }
    )
    assert practices.addon_share(lines).to_dict() == {"a": 0.5}


def test_prices_are_compared_for_the_same_services():
    """The dear shop asks a tenth more for each; the other's many cheap beards do not make it cheap."""
    done = pd.DataFrame(
        [("dear", "cut", 3300), ("fair", "cut", 3000), ("dear", "beard", 1650), ("fair", "beard", 1500)],
        columns=["location_id", "service_id", "price_cents"],
    )
    level = practices.price_level(pd.concat([done, done[done["service_id"] == "beard"]]))
    assert level["dear"] / level["fair"] == pytest.approx(1.1)
