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

from barberlab.models import rhythm_ahead
from barberlab.models.churn_posterior import ChurnPosterior, Rhythms
from barberlab.models.histories import DAYS_IN, Histories
from barberlab.models.intervals import EIGHT_IN_TEN, tails

OVERDUE = 0.9  # of a client's own gaps are shorter than the silence at which it is overdue
CENTURY = 36_525  # days


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


def expected_visits(post: ChurnPosterior, h: Histories, days: float) -> np.ndarray:
    """(client,) expected visits in the `days` after the cut-off."""
    return expected_visits_range(post, h, days, draws=post.centre).mean


def expected_visits_range(
    post: ChurnPosterior, h: Histories, days: float, inside: float = EIGHT_IN_TEN, draws: Rhythms | None = None
) -> Range:
    """The same over the draws: how sure the expectation is, not how the visits will scatter around it."""
    order, arrays = np.argsort(h.x, kind="stable"), (draws or post.draws).arrays
    return Range(*rhythm_ahead.visits(*_client(post, h), order, arrays, h.in_units(days), post.first, *tails(inside)))


def next_visit(post: ChurnPosterior, h: Histories, inside: float = EIGHT_IN_TEN) -> Range:
    """When the next visit is due, in days from the cut-off, for a client who has not been lost.

    The middle is the median (`mean` of the Range: the mean may be infinite), low and high leave `inside` between them;
    all mixed over the draws, so that they hold the scatter of the visit itself. Infinite beyond any horizon.
    """
    low, high = tails(inside)
    days = _outlasted(post, h, h.silence, np.array([0.5, 1 - low, 1 - high]))
    return Range(*days.T)


def overdue(post: ChurnPosterior, h: Histories, beyond: float = OVERDUE, draws: Rhythms | None = None) -> np.ndarray:
    """(client,) days from the cut-off to when the client is overdue by its own rhythm; negative where it is already.

    Overdue is a silence longer than a share `beyond` of this client's gaps would be, as known at its last visit. Over
    the draws, unless others are given: at `post.centre` it takes a fiftieth of the time.
    """
    since_last = _outlasted(post, h, np.zeros(len(h)), np.array([1 - beyond]), draws)[:, 0]
    return since_last - h.silence * DAYS_IN[h.unit]


def usual_gap(post: ChurnPosterior, h: Histories) -> np.ndarray:
    """(client,) the median days between this client's visits, as known at its last one, at the posterior's centre."""
    return _outlasted(post, h, np.zeros(len(h)), np.array([0.5]), post.centre)[:, 0]


def dates(h: Histories, days: np.ndarray) -> np.ndarray:
    """The days (datetime64[D]) so many days from the cut-off, a part of a day counted as one; NaT beyond a century."""
    near = np.abs(days) < CENTURY
    moved = np.datetime64(h.cutoff, "D") + np.ceil(np.where(near, days, 0)).astype("timedelta64[D]")
    return np.where(near, moved, np.datetime64("NaT", "D"))


def _outlasted(
    post: ChurnPosterior, h: Histories, since: np.ndarray, shares: np.ndarray, draws: Rhythms | None = None
) -> np.ndarray:
    x, t_x, _silence, *rest = _client(post, h)
    found = rhythm_ahead.outlasted(x, t_x, since, *rest, (draws or post.draws).arrays, shares, post.first)
    return found * DAYS_IN[h.unit]


def _client(post: ChurnPosterior, h: Histories) -> tuple[np.ndarray, ...]:
    return h.x, h.t_x, h.silence, h.log_gaps, post.shop_of(h), post.standardised(h)


def _no_visit(
    post: ChurnPosterior, h: Histories, ahead: float, inside: float, draws: Rhythms
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rhythm_ahead.no_visit(*_client(post, h), draws.arrays, float(ahead), post.first, *tails(inside))
