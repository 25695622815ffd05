"""The intervals of the house, named once: the middle is the median, ranges are equal-tailed.

Pages say "8 in 10" and "19 in 20". Equal tails, because a reader asks "how low could it be" and "how high" separately,
and because an equal-tailed range of a sum or a logarithm is the sum's or the logarithm's.
"""

EIGHT_IN_TEN, NINETEEN_IN_TWENTY = 0.80, 0.95


def tails(inside: float) -> tuple[float, float]:
    """The two quantiles that leave `inside` between them: 0.8 -> (0.1, 0.9)."""
    outside = (1 - inside) / 2
    return outside, 1 - outside
