"""Weekly panels made by hand for the tests of the revenue model, from rules that are not the model's own."""

import numpy as np

from barberlab.models.panel import WEEK, Panel

MONDAY = np.datetime64("2022-01-03")


def shops(
    networks: int = 1, shops_each: int = 6, weeks: int = 120, seed: int = 0, noise: float = 0.06, trend: float = 0.04
) -> Panel:
    """Shops with levels, a year's wave, a trend, weeks that the network shares, and noise with a few bad weeks."""
    rng = np.random.default_rng(seed)
    count, year = networks * shops_each, np.arange(weeks) / 52.18
    of = np.repeat(np.arange(networks), shops_each)
    shared = 0.03 * rng.standard_normal((networks, weeks)) + trend * year + 0.08 * np.cos(2 * np.pi * year)
    log = 8 + 0.4 * rng.standard_normal((count, 1)) + shared[of] + noise * rng.standard_t(5, (count, weeks))
    names = np.array([f"net{i}" for i in of])
    ids = np.array([f"shop{i:03d}" for i in range(count)])
    return Panel(MONDAY + WEEK * np.arange(weeks), names, ids, np.exp(log), np.zeros((count, weeks, 0)), ())


def with_revenue(panel: Panel, revenue: np.ndarray) -> Panel:
    """The same panel with other revenue."""
    return Panel(panel.weeks, panel.network, panel.location, revenue, panel.known, panel.known_names)


def with_known(panel: Panel, known: np.ndarray, *names: str) -> Panel:
    """The same panel with known columns (L, T + H, K)."""
    return Panel(panel.weeks, panel.network, panel.location, panel.revenue, known, names)
