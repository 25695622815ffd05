"""Real gaps, their worth and what goes along with them: planted ones are found, and where none are, none is told."""

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import insight
from barberlab.models.benchmark_kpis import Ranked, ranked
from kpis import rate, simulated

PRACTICES = ("addon_share", "open_hours", "price_level", "prebook_rate", "lead_days", "tenure_years")


def test_where_shops_do_not_differ_at_most_one_in_ten_is_flagged():
    """Twelve networks of 33 equal shops by money, and twelve by a rate."""
    rng = np.random.default_rng(1)
    flagged = [insight.gaps(ranked(simulated(rng, np.zeros(33)), draws=400))["real"].mean() for _ in range(12)]
    assert np.mean(flagged) <= 0.10
    alike = []
    for _ in range(20):
        shops = {f"s{k}": [(int(h), 150) for h in rng.binomial(150, 0.6, 6)] for k in range(33)}
        alike.append(insight.gaps(ranked(rate(shops), draws=400))["real"].mean())
    assert np.mean(alike) <= 0.10


@pytest.mark.parametrize("size", [0.2, -0.2])
def test_a_planted_gap_of_a_fifth_is_found_in_four_of_five_networks(size):
    rng = np.random.default_rng(2)
    found = []
    for _ in range(20):
        gap = np.zeros(33)
        gap[5] = np.log1p(size)
        table = insight.gaps(ranked(simulated(rng, gap), draws=400))
        found.append(table.loc["s05", "real"] and (table.loc["s05", "mid"] > 0) == (size > 0))
    assert np.mean(found) >= 0.8


def _known(gap, unit="money_per_hour", value=None) -> Ranked:
    gap = np.atleast_2d(np.asarray(gap, float))
    value = gap if value is None else np.atleast_2d(np.asarray(value, float))
    names = tuple(f"s{k:02d}" for k in range(gap.shape[1]))
    return Ranked(
        "revenue_per_available_hour", unit, names, value, value.mean(axis=1), gap, gap[0], np.ones(len(names)), {}, None
    )


def test_a_gap_is_real_beyond_its_margin_at_nine_in_ten_only():
    draws = np.zeros((100, 3))
    draws[:91, 0], draws[:90, 1], draws[:, 2] = 0.2, 0.2, 0.029
    table = insight.gaps(_known(draws))
    assert table["real"].tolist() == [True, False, False]
    assert table["p_above"].tolist() == [0.91, 0.90, 0.0]


def test_a_gap_is_worth_its_size_times_a_years_hours():
    """4,600 and 4,400 an hour around 4,500: 100 either way, over 2,000 hours."""
    found = _known([[0.02, -0.02]] * 3, value=[[4600, 4400]] * 3)
    table = insight.worth(found, {"s00": 2000})
    assert table.loc["s00", "mid"] == 200_000
    assert np.isnan(table.loc["s01", "mid"])
    missed = insight.worth(_known([[0.01, -0.01]], "rate", [[0.06, 0.04]]), {"s00": 1000, "s01": 1000}, each=-4500)
    assert missed["mid"].tolist() == [pytest.approx(-45_000), pytest.approx(45_000)]
    with pytest.raises(BadInput, match="a year's exposure cannot be negative"):
        insight.worth(found, {"s00": -1})


def _habits(rng, shops=33) -> pd.DataFrame:
    frame = pd.DataFrame(rng.normal(size=(shops, 6)), columns=list(PRACTICES))
    return frame.set_index(pd.Index([f"s{k:02d}" for k in range(shops)]))


@pytest.mark.parametrize("shops", [7, 33])
def test_where_no_practice_matters_nine_networks_in_ten_are_told_of_none(shops):
    rng = np.random.default_rng(3)
    told = []
    for _ in range(100):
        found = _known(rng.normal(0, 0.1, shops) + rng.normal(0, 0.03, (50, shops)))
        told.append(insight.associations(found, _habits(rng, shops), deals=500)["found"].any())
    assert np.mean(told) <= 0.10


def test_a_practice_that_goes_along_with_a_third_of_the_gap_is_found_with_its_size():
    rng = np.random.default_rng(4)
    hits, slopes = [], []
    for _ in range(20):
        habits = _habits(rng)
        gap = 0.08 * habits["prebook_rate"].to_numpy() + rng.normal(0, 0.1, 33)
        table = insight.associations(_known(gap + rng.normal(0, 0.02, (50, 33))), habits, deals=500)
        hits.append(table.loc["prebook_rate", "found"])
        slopes.append(table.loc["prebook_rate", "slope"] / habits["prebook_rate"].std())
    assert np.mean(hits) >= 0.8
    assert np.mean(slopes) == pytest.approx(0.08, abs=0.02)


def test_the_order_of_shops_and_the_unit_of_a_practice_change_nothing():
    rng = np.random.default_rng(5)
    found, habits = _known(rng.normal(0, 0.1, (20, 12))), _habits(rng, 12)
    one = insight.associations(found, habits)
    other = insight.associations(found, (habits * 60 + 7).iloc[::-1])
    assert one["slope"].to_dict() == pytest.approx(other["slope"].to_dict())
    assert one["p"].to_dict() == pytest.approx(other["p"].to_dict(), abs=0.03)


def test_a_practice_not_known_everywhere_is_left_out_and_few_shops_tell_nothing():
    rng = np.random.default_rng(6)
    habits = _habits(rng, 8)
    habits.loc["s03", "lead_days"] = np.nan
    habits["open_hours"] = 50.0
    table = insight.associations(_known(rng.normal(size=(5, 8))), habits)
    assert set(PRACTICES) - set(table.index) == {"lead_days", "open_hours"}
    with pytest.raises(NotAvailable, match="at least 6 comparable shops; found 5"):
        insight.associations(_known(rng.normal(size=(5, 8))), habits.head(5))
    with pytest.raises(NotAvailable, match="a practice in which the shops differ"):
        insight.associations(_known(rng.normal(size=(5, 8))), habits[["open_hours"]])
