"""The back-test on a real panel: the same scores as others print for the same forecast."""

import pytest

from barberlab.data import weekly
from barberlab.models import naive
from barberlab.runs.backtest import PEER, Request, backtest, panel_of
from barberlab.runs.origins import origins
from panels import panel


def test_seasonal_naive_on_walmart_scores_as_that_of_statsforecast():
    """statsforecast 2.0.1, SeasonalNaive(season_length=52), h = 26: tests/benchmarks/revenue_peers.py, four decimals.

    WAPE and MASE need the median alone, which is exact; CRPS and coverage come from 400 draws.
    """
    walmart = panel_of(weekly.read(panel("walmart") / "weekly.parquet"), "walmart")
    told = backtest(walmart, Request(26, origins("3", len(walmart.weeks), 26)), naive.forecast).scores
    assert told["origins"] == [91, 104, 117]
    overall = told["overall"][PEER]["location"]["weeks"]
    assert (overall["wape"], overall["mase"]) == (pytest.approx(0.0562, abs=5e-5), pytest.approx(0.8023, abs=5e-5))
    each = [fold["models"][PEER]["location"]["weeks"]["scaled_crps"] for fold in told["folds"]]
    assert each == pytest.approx([0.0307, 0.0291, 0.0258], rel=0.01)
    assert (overall["coverage80"], overall["coverage95"]) == pytest.approx((0.7974, 0.9385), abs=0.01)
