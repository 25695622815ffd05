"""Will this client come back, when, and how often? Read off each client's own rhythm.

MBG/CNBD-k and BG/CNBD-k, hierarchical over shops, with any real k: clients visit at gamma-distributed gaps around
their own rate and are lost after a visit with their own chance (Platzer & Reutterer 2016, Marketing Science 35(5);
Reutterer, Platzer & Schroeder 2021, IJRM 38(4)). `churn_fit.fit` makes the posterior; here are its quantities, each
exact given the parameters.

A plain function gives the value at the posterior's centre; its `..._range` averages over the draws and adds their
equal-tailed interval. Draws are worked through client by client, so no array ever holds draws x clients.
"""

from typing import NamedTuple

import numpy as np

from barberlab.models import rhythm
from barberlab.models.churn_posterior import ChurnPosterior, Rhythms
from barberlab.models.histories import Histories
from barberlab.models.intervals import EIGHT_IN_TEN, tails


class Range(NamedTuple):
    """mean, low and high over the posterior, each (client,)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def probability_alive(post: ChurnPosterior, h: Histories) -> np.ndarray:
    """(client,) the chance that a client has not been lost for good, as of the cut-off.

    Not the complement of churn: a client may well be alive and not come for three months.
    """
    return probability_alive_range(post, h, draws=post.centre).mean


def probability_alive_range(
    post: ChurnPosterior, h: Histories, inside: float = EIGHT_IN_TEN, draws: Rhythms | None = None
) -> Range:
    """The same over the draws."""
    mean, low, high = _no_visit(post, h, np.inf, inside, draws or post.draws)
    return Range(1 - mean, 1 - high, 1 - low)


def probability_no_visit(post: ChurnPosterior, h: Histories, days: float) -> np.ndarray:
    """(client,) the chance of no visit in the `days` after the cut-off: that is churn."""
    return probability_no_visit_range(post, h, days, draws=post.centre).mean


def probability_no_visit_range(
    post: ChurnPosterior, h: Histories, days: float, inside: float = EIGHT_IN_TEN, draws: Rhythms | None = None
) -> Range:
    """The same over the draws."""
    return Range(*_no_visit(post, h, h.in_units(days), inside, draws or post.draws))


def _no_visit(
    post: ChurnPosterior, h: Histories, ahead: float, inside: float, draws: Rhythms
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    client = (h.x, h.t_x, h.silence, h.log_gaps, post.shop_of(h), post.standardised(h))
    return rhythm.no_visit(*client, draws.arrays, float(ahead), post.first, *tails(inside))
