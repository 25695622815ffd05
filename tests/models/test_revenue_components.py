"""Parts of a network's path: they add up, and find what was planted."""

from pathlib import Path

import numpy as np
import pytest

from barberlab.models.population import Population
from barberlab.models.revenue_components import components
from weekly_panels import shops, with_known, with_revenue

SHIPPED = Path(__file__).resolve().parents[2] / "params" / "populations" / "revenue.json"


@pytest.fixture(scope="module")
def population() -> Population:
    return Population.read(SHIPPED.read_text(), SHIPPED.name)


def test_parts_add_up_to_the_path_week_by_week(population):
    found = components(shops(shops_each=5), 13, population, draws=50)
    assert found.draws.shape == (5, 133, 50)
    change = found.change(slice(104, 117), slice(52, 65))
    whole = found.path[104:117].mean(axis=0) - found.path[52:65].mean(axis=0)
    np.testing.assert_allclose(change.sum(axis=0), whole, atol=1e-9)


def test_a_planted_wave_is_season_and_a_planted_growth_is_trend(population):
    """`shops` plants a wave of .08 over the year and .10 a year of growth."""
    found = components(shops(shops_each=12, weeks=156, trend=0.10), 4, population, draws=200)
    parts = dict(zip(found.names, found.draws.mean(axis=2), strict=True))
    wave = 0.08 * np.cos(2 * np.pi * np.arange(156) / 52.18)
    assert np.corrcoef(parts["season"][:156], wave)[0, 1] > 0.8
    growth = found.change(slice(104, 156), slice(52, 104))[found.names.index("trend")]
    assert np.mean(growth) == pytest.approx(0.10, abs=0.03)


def test_a_planted_holiday_is_calendar(population):
    panel = shops(shops_each=10, weeks=120, seed=5)
    holiday = np.zeros((10, 124, 1))
    holiday[:, ::9] = 1.0
    up = panel.revenue * np.exp(0.15 * holiday[:, :120, 0])
    found = components(with_known(with_revenue(panel, up), holiday, "x_holiday"), 4, population, draws=200)
    calendar = found.draws[found.names.index("calendar")].mean(axis=1)
    assert calendar[9] - calendar[8] == pytest.approx(0.15, abs=0.03)
