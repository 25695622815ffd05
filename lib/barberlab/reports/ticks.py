"""Where does an axis have its ticks? Known to drawings of every kind, and heavy with none of their libraries."""

import math

import numpy as np


def nice_ticks(low: float, high: float, most: int = 6) -> np.ndarray:
    """At most `most` round ticks that enclose `low` to `high`."""
    if low == high:
        low, high = (min(low, 0.0), max(low, 0.0)) if low else (0.0, 1.0)
    power = math.floor(math.log10((high - low) / most))
    steps = (round_step * 10.0**k for k in (power, power + 1, power + 2) for round_step in (1, 2, 2.5, 5))
    # A hair of slack: 0.3 / 0.1 is 2.9999999999999996.
    ends = ((step, math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)) for step in steps)
    step, first, last = next((s, a, z) for s, a, z in ends if z - a < most)
    return np.round(np.arange(first, last + 1) * step, 12)
