"""What did each model say on that day? All candidates fitted on a log as it was, and asked about the days after it.

The candidates: the rhythm model with k = 1 (what every package offers), with real k, and as a mixture of k; and the two
learners of `churn_peers`, trained on windows that had ended by that day.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.stats import norm

from barberlab.errors import NotAvailable
from barberlab.models import churn
from barberlab.models.calibration import log_odds
from barberlab.models.churn_fit import fit
from barberlab.models.churn_likelihood import MIXTURE, REAL
from barberlab.models.churn_peers import Learner, Window, learn_boosting, learn_logistic
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.histories import Histories, histories
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.population import Population
from barberlab.models.recency import features, outcomes

K_OF = {"k = 1": 1.0, "real k": REAL, "mixture": MIXTURE}
RHYTHMS = tuple(K_OF)
LEARNERS = ("logistic regression", "gradient boosting")
MOST_LEARNED = 40_000  # clients whose windows the learners see; a sample, so that a large network costs no more
_STEPS = 3  # windows, a third of the horizon apart: half the noise of one, and still of the latest season


@dataclass(frozen=True)
class Said:
    """A candidate's log odds of "does not come" and their standard deviation (client,); `visits` where it counts."""

    log_odds: np.ndarray
    sd: np.ndarray
    visits: np.ndarray | None = None


@dataclass(frozen=True)
class Origin:
    """One day, what its candidates said, and their posteriors; `silent` says why a candidate said nothing."""

    histories: Histories
    horizon_days: int
    said: dict[str, Said]
    posteriors: dict[str, ChurnPosterior]
    silent: dict[str, str]

    @property
    def cutoff(self) -> date:
        """The last day that was seen."""
        return self.histories.cutoff


def until(visits: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """The rows up to and with `cutoff`: all that anything here is allowed to see."""
    return visits[visits["date"] < pd.Timestamp(cutoff + timedelta(days=1))]


def some_clients(visits: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """All visits of at most `most` clients, drawn by `seed`; of all clients where there are no more."""
    ids = np.sort(visits["client_id"].unique())
    if len(ids) <= most:
        return visits
    return visits[visits["client_id"].isin(np.random.default_rng(seed).choice(ids, most, replace=False))]


def look(
    visits: pd.DataFrame,
    cutoff: date,
    horizon_days: int,
    *,
    seed: int,
    population: Population | None = None,
    ranges: bool = True,
) -> Origin:
    """Fit every candidate on the log up to `cutoff` and ask it about the `horizon_days` after.

    visits: as of `data.visits`: one row per client-day of client_id, date and optional location_id, amount, z_*.
    Without `ranges` the standard deviations of the rhythm models are 0, which saves most of the time. Raises
    NotAvailable where there are too few clients for a rhythm; a learner without enough windows is `silent`.
    """
    known = until(visits, cutoff)
    h = histories(known.drop(columns="amount", errors="ignore"), cutoff)
    posteriors = {name: fit(h, k=k, population=population, seed=seed) for name, k in K_OF.items()}
    said = {name: _ask(post, h, horizon_days, ranges) for name, post in posteriors.items()}
    silent = {}
    seen = features(known, cutoff)
    windows = _windows(some_clients(known, MOST_LEARNED, seed), cutoff, horizon_days)
    for name, learn in zip(LEARNERS, (learn_logistic, learn_boosting), strict=True):
        try:
            learner: Learner = learn(windows, seed)
            said[name] = Said(*learner(seen))
        except NotAvailable as reason:
            silent[name] = reason.needs
    return Origin(h, horizon_days, said, posteriors, silent)


def _ask(post: ChurnPosterior, h: Histories, days: int, ranges: bool) -> Said:
    middle = log_odds(churn.probability_no_visit(post, h, days))
    visits = churn.expected_visits(post, h, days)
    if not ranges:
        return Said(middle, np.zeros(len(h)), visits)
    band = churn.probability_no_visit_range(post, h, days, EIGHT_IN_TEN)
    low, high = tails(EIGHT_IN_TEN)
    width = norm.ppf(high) - norm.ppf(low)
    return Said(middle, (log_odds(band.high) - log_odds(band.low)) / width, visits)


def _windows(known: pd.DataFrame, cutoff: date, horizon_days: int) -> list[Window]:
    """What was known on days whose horizon has ended by `cutoff`, with what came of it; the latest first."""
    first = known["date"].min().date() + timedelta(days=horizon_days // 2)
    step = max(horizon_days // _STEPS, 1)
    days = [cutoff - timedelta(days=horizon_days + back * step) for back in range(_STEPS)]
    made = []
    for day in (day for day in days if day >= first):
        seen = features(known, day)
        came = outcomes(known, seen.client, day, horizon_days)
        made.append(Window(seen, (came == 0).astype(int)))
    return made
