"""Small panels made by hand or by seed, for tests of forecasts."""

import numpy as np

from barberlab.models.panel import Panel

FIRST = np.datetime64("2022-01-03")


def made(revenue, network=None, known=None, names=()) -> Panel:
    """A panel of revenue (L, T); shops s000, s001, ... of network `n` unless `network` (L,) says otherwise."""
    revenue = np.asarray(revenue, float)
    shops, weeks = revenue.shape
    network = np.array(["n"] * shops if network is None else network)
    known = np.zeros((shops, weeks, 0)) if known is None else np.asarray(known, float)
    location = np.array([f"s{i:03d}" for i in range(shops)])
    return Panel(FIRST + 7 * np.arange(weeks), network, location, revenue, known, tuple(names))
