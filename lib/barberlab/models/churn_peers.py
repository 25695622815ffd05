"""Who will not come, told from recency and frequency alone? Logistic regression and gradient boosting, a second view.

Both learn from windows: features of a day, and who came in the days after it. A window has ended before the cut-off
that is predicted from, so a learner's fit is also its calibration on the latest outcomes there are. Both give log odds
of "does not come" with a standard deviation for what was learned from few clients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from barberlab.errors import NotAvailable
from barberlab.models.calibration import log_odds
from barberlab.models.recency import Features

FEWEST = 30  # clients lost and clients kept; from fewer, some twenty effects would be noise
MOST_ROWS = 100_000  # more change predictions by less than boosting's own noise, and take minutes
BAGS = 5
FURTHEST = 4.0  # standard deviations; a new client beyond them counts as this far
# Ridge on standardised features, of windows that together count as one: .03 to .3 score within .0005 of one another on
# public logs, and the stronger end loses least where a network's history is short.
_RIDGE = 0.1
# Small trees on part of the features: with 1,500 clients deeper ones learn one quarter's weather by heart.
_TREES = {
    "learning_rate": 0.04,
    "max_iter": 100,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 80,
    "l2_regularization": 10.0,
    "max_features": 0.5,
    "max_bins": 63,
    "early_stopping": False,
}

type LogOdds = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Window:
    """What was known on a day, and who did not come after it: `lost` (client,) of 0 and 1."""

    features: Features
    lost: np.ndarray


@dataclass(frozen=True)
class Learner:
    """A fitted learner under its name; called with features it gives log odds of "does not come" and their sd."""

    name: str
    predict: Callable[[np.ndarray], LogOdds]

    def __call__(self, features: Features) -> LogOdds:
        return self.predict(features.values)


def learn_logistic(windows: Sequence[Window], seed: int) -> Learner:
    """Logistic regression with a ridge; its sd is Laplace's. Raises NotAvailable with under 30 lost or 30 kept."""
    x, lost, weight, _ = _stacked(windows, seed)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)

    def standard(values: np.ndarray) -> np.ndarray:
        return np.clip((values - centre) / scale, -FURTHEST, FURTHEST)

    z = standard(x)
    model = LogisticRegression(C=_RIDGE, max_iter=2000).fit(z, lost, sample_weight=weight)
    p = expit(model.decision_function(z))
    line = np.column_stack([np.ones(len(z)), z])
    ridge = np.diag(np.r_[0.0, np.full(z.shape[1], 1 / _RIDGE)])
    covariance = np.linalg.inv(line.T @ (line * (weight * p * (1 - p))[:, None]) + ridge)

    def predict(values: np.ndarray) -> LogOdds:
        asked = standard(values)
        with_one = np.column_stack([np.ones(len(asked)), asked])
        return model.decision_function(asked), np.sqrt(np.sum((with_one @ covariance) * with_one, axis=1))

    return Learner("logistic regression", predict)


def learn_boosting(windows: Sequence[Window], seed: int) -> Learner:
    """Gradient boosting over the Bayesian bootstrap of clients (Rubin 1981): mean and sd of five fits' log odds.

    A client has one weight in all windows. Raises NotAvailable with under 30 lost or 30 kept.
    """
    x, lost, weight, client = _stacked(windows, seed)
    rng = np.random.default_rng(seed)
    models = []
    for bag in range(BAGS):
        drawn = weight * rng.exponential(size=client.max() + 1)[client]
        trees = HistGradientBoostingClassifier(random_state=seed + bag, **_TREES)
        models.append(trees.fit(x, lost, sample_weight=drawn / drawn.mean()))

    def predict(values: np.ndarray) -> LogOdds:
        total, squares = np.zeros(len(values)), np.zeros(len(values))
        for model in models:
            said = log_odds(model.predict_proba(values)[:, 1])
            total += said
            squares += np.square(said)
        mean = total / BAGS
        return mean, np.sqrt(np.maximum(squares / BAGS - np.square(mean), 0.0) * BAGS / (BAGS - 1))

    return Learner("gradient boosting", predict)


def _stacked(windows: Sequence[Window], seed: int) -> tuple[np.ndarray, ...]:
    """(features, lost, weight, client number) of all windows' rows; overlapping windows count together as one."""
    lost = np.concatenate([window.lost for window in windows]) if windows else np.zeros(0)
    few = int(min((lost > 0).sum(), (lost == 0).sum()))
    if few < FEWEST * max(len(windows), 1):
        raise NotAvailable(
            "Churn from recency and frequency",
            f"{FEWEST} clients who stayed away and {FEWEST} who came back in a window before the cut-off",
        )
    x = np.concatenate([window.features.values for window in windows])
    client = np.unique(np.concatenate([window.features.client for window in windows]), return_inverse=True)[1]
    weight = np.full(len(lost), 1 / len(windows))
    if len(lost) > MOST_ROWS:
        some = np.sort(np.random.default_rng(seed).choice(len(lost), MOST_ROWS, replace=False))
        x, lost, weight, client = x[some], lost[some], weight[some], client[some]
    return x, lost.astype(int), weight, client
