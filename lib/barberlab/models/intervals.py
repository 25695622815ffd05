"""The intervals of the house, named once: the middle is the median, ranges are equal-tailed.

Pages say "8 in 10" and "19 in 20". Equal tails, because a reader asks "how low could it be" and "how high" separately,
and because an equal-tailed range of a sum or a logarithm is the sum's or the logarithm's.
"""

import numpy as np

EIGHT_IN_TEN, NINETEEN_IN_TWENTY = 0.80, 0.95
INSIDE = {"50": 0.50, "80": EIGHT_IN_TEN, "95": NINETEEN_IN_TWENTY}


def tails(inside: float) -> tuple[float, float]:
    """The two quantiles that leave `inside` between them: 0.8 -> (0.1, 0.9)."""
    outside = (1 - inside) / 2
    return outside, 1 - outside


def described(draws: np.ndarray) -> dict[str, np.ndarray]:
    """The median of draws (..., S) as `mid`, and the ends of all three ranges: low50, high50 .. low95, high95 (...)."""
    ends = {f"{side}{name}": q for name, p in INSIDE.items() for side, q in zip(("low", "high"), tails(p), strict=True)}
    return dict(zip(["mid", *ends], np.quantile(draws, [0.5, *ends.values()], axis=-1), strict=True))
