"""What would a rule of thumb say? The two that every system has: sixty days of silence, and the client's own mean gap.

A rule is a yes or no. To be scored as a probability it is read off the previous origin: the share lost among those of
whom it said yes, and among the others; for the own gap a logistic curve in log(silence / own gap).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from barberlab.models.histories import Histories

LOST_AFTER_DAYS = 60


@dataclass(frozen=True)
class Rule:
    """A rule's verdict on each client (client,): `lost` yes or no, a `score` that ranks, `p`, and expected `visits`."""

    lost: np.ndarray
    score: np.ndarray
    p: np.ndarray
    visits: np.ndarray


type Before = tuple[Histories, np.ndarray] | None


def sixty_days(h: Histories, horizon_days: float, before: Before) -> Rule:
    """Lost who has been silent for over 60 days; the others come as often as they used to.

    before: the previous origin's histories and who of them did not come (0 or 1); without it p is the verdict itself.
    """
    lost = _silent_days(h) > LOST_AFTER_DAYS
    p = lost.astype(float)
    if before is not None:
        earlier, away = _silent_days(before[0]) > LOST_AFTER_DAYS, before[1]
        p = np.where(lost, _share(away[earlier]), _share(away[~earlier]))
    return Rule(lost, _silent_days(h), p, np.where(lost, 0.0, horizon_days / _own_gap(h)))


def own_gap(h: Histories, horizon_days: float, before: Before) -> Rule:
    """Lost in so far as the silence outgrows the client's own mean gap; a client seen once has the network's.

    Without a previous origin that has both lost and kept clients, lost is who is silent for two gaps.
    """
    overdue = _overdue(h)
    p = (overdue > np.log(2)).astype(float)
    if before is not None and 0 < before[1].mean() < 1:
        curve = LogisticRegression(C=np.inf).fit(_overdue(before[0])[:, None], before[1])
        p = expit(curve.decision_function(overdue[:, None]))
    return Rule(p >= 0.5, overdue, p, np.where(p >= 0.5, 0.0, horizon_days / _own_gap(h)))


def _share(lost: np.ndarray) -> float:
    return (lost.sum() + 0.5) / (len(lost) + 1)


def _silent_days(h: Histories) -> np.ndarray:
    return h.silence / h.in_units(1)


def _own_gap(h: Histories) -> np.ndarray:
    """Mean days between a client's visits; of a client seen once, between all clients'."""
    usual = h.t_x.sum() / max(h.x.sum(), 1) or h.in_units(30)
    own = np.divide(h.t_x, h.x, out=np.full(len(h), float(usual)), where=h.x > 0)
    return own / h.in_units(1)


def _overdue(h: Histories) -> np.ndarray:
    return np.log((_silent_days(h) + 1) / _own_gap(h))
