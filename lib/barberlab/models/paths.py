"""What may the weeks to come bring? Joint draws of one network's shops: a total is the sum of the same draws."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from barberlab.models.panel import Panel


@dataclass(frozen=True)
class NetworkPaths:
    """Draws of weekly revenue: location (L,) ids, paths (L, H, S) over weeks and draws, in the panel's money
    (float32 will do).

    Draw s of one network belongs with draw s of every other, so that sums over networks are draws too.
    """

    network: str
    location: np.ndarray
    paths: np.ndarray


# forecast(panel, horizon, seed, draws) gives the networks it can forecast, in the panel's order, each once.
Forecaster = Callable[[Panel, int, int, int], Iterator[NetworkPaths]]
