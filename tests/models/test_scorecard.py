"""How earlier forecasts fared: judged as they stood, in weeks with trade, and never with what came later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import futures_made
from barberlab.models import futures, rates, scorecard
from barberlab.models.scorecard import Record

HORIZON = 6


def told(history, run_id="r000001-revenue", mid=None, **options):
    """A forecast's kept tables: by_week and totals of made futures, or with all middles `mid`."""
    found = futures_made.made(history, HORIZON, **options)
    made = {"made_on": pd.Timestamp(found.last_known), "run_id": run_id}
    weeks, totals = found.by_week().assign(**made), found.totals().assign(**made)
    return (weeks, totals) if mid is None else (weeks.assign(mid=mid), totals.assign(mid=mid * HORIZON))


def flat(shops=2, weeks=80, level=100.0):
    """Shops that take the same every week."""
    panel = futures_made.panel(shops, weeks)
    panel.revenue[:] = level
    return panel


def judged(weeks, totals, panel) -> Record:
    return scorecard.judged(scorecard.published(weeks, totals, panel), panel)


def test_errors_by_hand():
    """Two shops take 100 a week; one is foreseen with 110 in all its weeks, the other, and both together, rightly."""
    panel = flat()
    weeks, totals = told(panel.until(70, 1))
    weeks["mid"] = weeks["location_id"].map({"": 200.0, "s0": 110.0, "s1": 100.0})
    totals["mid"] = totals["location_id"].map({"": 1260.0, "s0": 660.0, "s1": 600.0})
    found = judged(weeks, totals, panel)
    bands = scorecard.by_horizon(found, HORIZON)
    assert bands[["first", "last", "n"]].to_numpy().tolist() == [[1, 6, 12]]
    np.testing.assert_allclose(bands["error"], 10 / 200)
    np.testing.assert_allclose(bands["naive_error"], 0, atol=1e-12)
    shops = scorecard.by_shop(found).set_index("location_id")
    np.testing.assert_allclose(shops.loc[["s0", "s1"], "error"], [0.1, 0])
    np.testing.assert_allclose(shops.loc[["s0", "s1"], "total_error"], [0.1, 0])
    assert shops["totals"].tolist() == [1, 1]
    [total] = scorecard.totals(found).to_dict("records")
    assert (total["actual"], total["shut"], total["kind"]) == (1200, 0, "published")
    assert total["error"] == pytest.approx(0.05)
    assert total["naive_error"] == pytest.approx(0)


def test_weeks_that_were_shut_are_not_judged_and_are_told_in_the_total():
    """One of two shops is shut in two of six weeks: what was foreseen for them is no error, and is named."""
    panel = flat()
    weeks, totals = told(panel.until(70, 1), mid=100.0)
    weeks.loc[weeks["location_id"] == "", "mid"] = 200.0
    totals.loc[totals["location_id"] == "", "mid"] = 1200.0
    panel.revenue[0, 72:74] = np.nan
    found = judged(weeks, totals, panel)
    assert scorecard.by_shop(found).set_index("location_id")["n"].to_dict() == {"s0": 4, "s1": 6}
    [total] = scorecard.totals(found).to_dict("records")
    assert (total["actual"], total["shut"], total["error"], total["naive_error"]) == (1000, 200, 0, 0)


def test_weeks_ahead_are_counted_from_the_last_known_one():
    panel = flat()
    found = judged(*told(panel.until(70, 1)), panel)
    assert sorted(found.weeks["ahead"].unique()) == [1, 2, 3, 4, 5, 6]
    assert (found.weeks.query("ahead == 1")["period"] == pd.Timestamp(panel.weeks[70])).all()


def test_a_horizon_that_has_not_passed_has_weeks_and_no_total():
    panel = flat(weeks=73)
    found = judged(*told(panel.until(70, 1)), panel)
    assert sorted(found.weeks["ahead"].unique()) == [1, 2, 3]
    assert scorecard.totals(found).empty


def test_of_runs_that_knew_the_same_weeks_the_first_one_counts():
    panel = flat()
    first, again = told(panel.until(70, 1), mid=100.0), told(panel.until(70, 1), "r000002-revenue", mid=500.0)
    both = [pd.concat(parts, ignore_index=True) for parts in zip(again, first, strict=True)]
    found = judged(*both, panel)
    assert set(found.weeks["mid"]) == {100.0}
    assert len(found.made) == 1


def test_a_forecast_of_shops_that_the_data_no_longer_hold_is_left_out():
    panel = flat(3)
    weeks, totals = told(panel.until(70, 1))
    gone = panel.take(np.array([0, 1]))
    assert judged(weeks, totals, gone).weeks.empty
    later = replace(panel, weeks=panel.weeks[72:], revenue=panel.revenue[:, 72:], known=panel.known[:, 72:])
    assert judged(weeks, totals, later).weeks.empty


def test_ranges_hold_what_lies_in_them():
    """Every week took 100: the 80 % of one shop hold it, those of the other end just below."""
    panel = flat()
    weeks, totals = told(panel.until(70, 1))
    weeks = weeks.assign(low80=90.0, high80=110.0, low95=80.0, high95=120.0)
    weeks.loc[weeks["location_id"] == "s1", "high80"] = 99.9
    [band] = scorecard.by_horizon(judged(weeks, totals, panel), HORIZON).to_dict("records")
    assert (band["held80"], band["held95"]) == (0.5, 1.0)


def test_bands_of_the_horizon_hold_each_week_once():
    weeks = pd.DataFrame({"ahead": np.arange(1, 27), "location_id": "s0", "made_on": pd.Timestamp("2024-01-07")})
    weeks = weeks.assign(actual=1.0, mid=1.0, naive=1.0, low80=0.0, high80=2.0, low95=0.0, high95=2.0)
    bands = scorecard.by_horizon(Record(weeks, weeks), 26)
    assert bands["n"].tolist() == (bands["last"] - bands["first"] + 1).tolist() == [5, 5, 4, 4, 4, 4]
    assert (bands["first"].min(), bands["last"].max()) == (1, 26)


def share_of(held: np.ndarray) -> tuple[float, float, float]:
    """held (forecasts, weeks) of one shop: the share, and the range that is told of it."""
    made = pd.date_range("2022-01-02", periods=len(held), freq="91D")
    weeks = pd.DataFrame({"made_on": np.repeat(made, held.shape[1]), "ahead": np.tile(np.arange(1, 4), len(held))})
    weeks = weeks.assign(location_id="s0", actual=1.0, mid=1.0, naive=1.0, low95=0.0, high95=2.0, low80=0.0)
    weeks["high80"] = np.where(held.ravel(), 2.0, 0.5)
    [band] = scorecard.by_horizon(Record(weeks, weeks), 3).to_dict("records")
    return band["held80"], band["held80_low"], band["held80_high"]


def test_weeks_that_hold_or_miss_together_say_less():
    """Twenty forecasts of three weeks: all alike within each say as much as twenty weeks, scattered ones as sixty."""
    together = np.repeat(np.arange(20) < 16, 3).reshape(20, 3)
    apart = np.tile([True, True, True, True, False], 12).reshape(20, 3)
    share, low, high = share_of(together)
    assert share == share_of(apart)[0] == 0.8
    np.testing.assert_allclose((low, high), rates.interval(16, 20, 0.8))
    np.testing.assert_allclose(share_of(apart)[1:], rates.interval(48, 60, 0.8))


def test_a_range_of_coverage_holds_the_truth_as_often_as_it_says():
    """Weeks of one forecast hold with a chance of their own, 80 % on average: 300 records of 24 forecasts."""
    rng = np.random.default_rng(1)
    ends = [share_of(rng.random((24, 3)) < rng.beta(1.6, 0.4, (24, 1)))[1:] for _ in range(300)]
    assert 0.73 < np.mean([low <= 0.8 <= high for low, high in ends]) < 0.87


def test_nothing_told_is_an_empty_record():
    panel = flat()
    empty = judged(pd.DataFrame(), pd.DataFrame(), panel)
    assert empty.made.empty
    assert scorecard.totals(empty).empty
    assert scorecard.by_shop(empty).empty


def test_a_forecast_made_again_knows_nothing_of_what_came():
    panel, other = futures_made.panel(2, 90), futures_made.panel(2, 90)
    other.revenue[:, 70:] *= 3
    one, two = (scorecard.remade(p, HORIZON, futures_made.population(), [70], draws=30) for p in (panel, other))
    pd.testing.assert_frame_equal(one.weeks, two.weeks)
    pd.testing.assert_frame_equal(one.totals, two.totals)
    assert set(one.weeks["kind"]) == {scorecard.REMADE}
    now = futures.foresee(panel.until(70, HORIZON), HORIZON, futures_made.population(), draws=30)
    np.testing.assert_array_equal(one.weeks["mid"], now.by_week()["mid"])


def test_origins_at_which_the_network_was_too_young_are_passed_over():
    panel = futures_made.panel(2, 60)
    found = scorecard.remade(panel, HORIZON, futures_made.population(), [20, 40], draws=20)
    assert found.made.index.tolist() == [pd.Timestamp(panel.weeks[40]) - pd.Timedelta(days=1)]


def test_the_last_origins_have_a_whole_horizon_behind_them():
    assert scorecard.last_origins(130, 26, 26) == [26, 39, 52, 65, 78, 91, 104]
    assert scorecard.last_origins(200, 26, 26, 3) == [148, 161, 174]
    assert scorecard.last_origins(60, 26, 26) == [34]
    assert scorecard.last_origins(51, 26, 26) == []
