"""Which model may speak for this network? The one that was right before: compared on earlier days, and named.

Origins lie a horizon apart, so that what came of each is known by the next. At every origin the rhythm models are
recalibrated on the origins before it, the stack takes the rhythm model that was best until then, and only then is
scored what they said of the days to come. For the chance of no visit the stack speaks, unless another's mean Brier
score, over the origins at which all had a say, is better by more than its standard error: of two or three quarters the
best is often the luckiest. For expected visits it is the least absolute error of counts, over the same origins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from barberlab.errors import NotAvailable
from barberlab.models import churn
from barberlab.models.calibration import FURTHEST, Recalibration, log_odds, recalibration
from barberlab.models.churn_origin import LEARNERS, RHYTHMS, Origin, Said, look, some_clients, until
from barberlab.models.histories import Histories
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.population import Population
from barberlab.models.recency import outcomes

STACK = "stack"
CANDIDATES = (*RHYTHMS, *LEARNERS, STACK)
UNTRIED = "real k"  # spoken for by the published fits, where the network has no earlier origin to choose on
# Standard errors by which another must be ahead of the stack (the rule of one standard error: Breiman, Friedman, Olshen
# & Stone 1984, Classification and Regression Trees, 3.4.3).
AHEAD = 1.0
EARLIER = 4  # origins at most: the oldest only corrects, the others are compared
MOST_COMPARED = 30_000  # clients; a Brier score of 30,000 is known to .001


@dataclass(frozen=True)
class Trial:
    """An earlier origin scored: Brier score of each candidate that spoke, absolute error of those that count visits.

    doubt: standard error of each candidate's Brier score less the stack's, paired by client; empty without a stack.
    """

    cutoff: date
    clients: int
    brier: dict[str, float]
    count_error: dict[str, float]
    doubt: dict[str, float] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every candidate had a say."""
        return set(self.brier) == set(CANDIDATES)


@dataclass(frozen=True)
class Choice:
    """The candidates that speak: for the chance of no visit and for counts, with what they were chosen by."""

    churn: str
    counts: str
    trials: tuple[Trial, ...]
    reason: str


@dataclass(frozen=True)
class Kept:
    """What was said on an earlier day with what was known by then, and what came of it: did we keep our word?

    choice: made on the origins before. no_visit, visits, came: (client,) in the order of `histories`; previous: the
    histories of the origin before and who of them did not come.
    """

    histories: Histories
    choice: Choice
    no_visit: np.ndarray
    visits: np.ndarray
    came: np.ndarray
    previous: tuple[Histories, np.ndarray]


@dataclass(frozen=True)
class Predicted:
    """A network's clients on a day, in the order of `origin.histories`, by the models that were chosen.

    said: every candidate's, recalibrated. alive, no_visit with its 80 % range (low, high), visits: (client,).
    rhythm: the rhythm model behind `alive`; corrections: of each rhythm model; previous: the histories of the origin
    before and who of them did not come, where there is one. sd: (client,) of the log odds of `no_visit`. kept: earlier
    origins that had one before them, the oldest first; of the clients compared.
    """

    origin: Origin
    choice: Choice
    said: dict[str, Said]
    rhythm: str
    corrections: dict[str, Recalibration]
    alive: np.ndarray
    no_visit: np.ndarray
    low: np.ndarray
    high: np.ndarray
    visits: np.ndarray
    previous: tuple[Histories, np.ndarray] | None
    sd: np.ndarray
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class _Past:
    """An origin whose horizon is over: who of its clients did not come, and how often the others did."""

    origin: Origin
    lost: np.ndarray
    came: np.ndarray


def predict(
    visits: pd.DataFrame,
    cutoff: date,
    horizon_days: int,
    *,
    seed: int,
    population: Population | None = None,
    compared: int = MOST_COMPARED,
) -> Predicted:
    """Choose on the days before `cutoff`, then say of each client what is expected in the `horizon_days` after.

    visits: one row per client-day of client_id, date and optional location_id, amount, z_*; rows after `cutoff` are
    not read. Earlier origins look at no more than `compared` clients. Raises NotAvailable where there are too few
    clients for any rhythm.
    """
    known = until(visits, cutoff)
    past = _past(some_clients(known, compared, seed), cutoff, horizon_days, seed, population)
    now = look(known, cutoff, horizon_days, seed=seed, population=population)
    trials, best, kept = _tried(past)
    said, corrections = _finished(now, past, best)
    rhythm, chosen = _spoken_for(choose(trials), said, best)
    ours = said[chosen.churn]
    low, high = (expit(ours.log_odds + norm.ppf(q) * ours.sd) for q in tails(EIGHT_IN_TEN))
    alive = churn.probability_alive(now.posteriors[rhythm], now.histories)
    previous = (past[-1].origin.histories, past[-1].lost) if past else None
    return Predicted(
        now, chosen, said, rhythm, corrections, alive, expit(ours.log_odds), low, high, said[chosen.counts].visits,
        previous, ours.sd, kept,
    )  # fmt: skip


def _spoken_for(chosen: Choice, said: dict[str, Said], best: str | None) -> tuple[str, Choice]:
    """The rhythm model behind a choice, and the choice itself, made anew where the chosen one said nothing."""
    rhythm = chosen.churn if chosen.churn in RHYTHMS else best or UNTRIED
    if chosen.churn in said:
        return rhythm, chosen
    return rhythm, replace(chosen, churn=rhythm, reason=f"{chosen.churn} has nothing to learn from at this cut-off")


def choose(trials: Sequence[Trial]) -> Choice:
    """Who speaks, by mean Brier score over earlier origins; for counts by mean absolute error.

    Compared are the origins at which all candidates spoke: the stack, unless the best is ahead of it by more than
    AHEAD standard errors. Where there is no such origin, the best of the rhythm models alone, over all.
    """
    complete = [trial for trial in trials if trial.complete]
    judged, names = (complete, CANDIDATES) if complete else (list(trials), RHYTHMS)
    if not judged:
        return Choice(UNTRIED, UNTRIED, (), "the log is too short for an earlier origin to choose on")
    mean = {name: float(np.mean([trial.brier[name] for trial in judged])) for name in names}
    error = {name: float(np.mean([trial.count_error[name] for trial in judged])) for name in RHYTHMS}
    best = min(mean, key=mean.__getitem__)
    by_chance = bool(complete) and mean[STACK] - mean[best] <= AHEAD * _doubt(judged, best)
    churn_by = STACK if by_chance else best
    reason = _reason(churn_by, mean, len(judged))
    return Choice(churn_by, min(error, key=error.__getitem__), tuple(trials), reason)


def _doubt(judged: Sequence[Trial], name: str) -> float:
    """Standard error of a candidate's mean Brier score less the stack's."""
    return float(np.sqrt(sum(trial.doubt.get(name, 0.0) ** 2 for trial in judged))) / len(judged)


def _reason(chosen: str, mean: dict[str, float], judged: int) -> str:
    origins = f"{judged} earlier origin{'s' * (judged > 1)}"
    first, second = sorted(mean, key=mean.__getitem__)[:2]
    if chosen == first:
        return f"best by Brier score on {origins}: {mean[first]:.4f}, then {second} {mean[second]:.4f}"
    ours = f"Brier score {mean[chosen]:.4f}, {first} {mean[first]:.4f}"
    return f"on {origins} no other was better beyond chance: {ours}"


def _past(
    known: pd.DataFrame, cutoff: date, horizon_days: int, seed: int, population: Population | None
) -> list[_Past]:
    """Origins a horizon apart, the oldest first, each with at least a horizon of log before it."""
    begin = known["date"].min().date() + timedelta(days=horizon_days)
    days = [cutoff - timedelta(days=horizon_days * back) for back in range(1, EARLIER + 1)]
    found = []
    for day in sorted(day for day in days if day >= begin):
        try:
            origin = look(known, day, horizon_days, seed=seed, population=population, ranges=False)
        except NotAvailable:
            continue  # nobody had come back by then: there was no rhythm to be right or wrong about
        came = outcomes(known, origin.histories.client, day, horizon_days)
        found.append(_Past(origin, (came == 0).astype(float), came))
    return found


def _tried(past: Sequence[_Past]) -> tuple[list[Trial], str | None, tuple[Kept, ...]]:
    """Each origin scored with what was known by then, the rhythm model that did best over all, and words kept."""
    trials: list[Trial] = []
    kept: list[Kept] = []
    best = None
    for at, one in enumerate(past):
        said, _ = _finished(one.origin, past[:at], best)
        if at:
            _, chosen = _spoken_for(choose(trials), said, best)
            p, visits = expit(said[chosen.churn].log_odds), said[chosen.counts].visits
            before = past[at - 1].origin.histories, past[at - 1].lost
            kept.append(Kept(one.origin.histories, chosen, p, visits, one.came, before))
        trials.append(_trial(one, said))
        mean = {name: np.mean([trial.brier[name] for trial in trials]) for name in RHYTHMS}
        best = min(mean, key=mean.__getitem__)
    return trials, best, tuple(kept)


def _trial(one: _Past, said: dict[str, Said]) -> Trial:
    """What candidates said at an origin, against what came of it."""
    losses = {name: np.square(expit(its.log_odds) - one.lost) for name, its in said.items()}
    errors = {name: float(np.abs(one.came - said[name].visits).mean()) for name in RHYTHMS}
    n, doubt = len(one.lost), {}
    if STACK in said:
        doubt = {name: float(np.std(loss - losses[STACK]) / np.sqrt(n)) for name, loss in losses.items()}
    return Trial(one.origin.cutoff, n, {name: float(loss.mean()) for name, loss in losses.items()}, errors, doubt)


def _finished(
    origin: Origin, before: Sequence[_Past], best: str | None
) -> tuple[dict[str, Said], dict[str, Recalibration]]:
    """All candidates at an origin: rhythm models recalibrated on the origins `before`, and the stack."""
    said, corrections = dict(origin.said), {}
    for name in RHYTHMS:
        corrections[name] = recalibration([(one.origin.said[name].log_odds, one.lost) for one in before])
        said[name] = replace(said[name], **_applied(corrections[name], said[name]))
    if all(name in said for name in LEARNERS):
        rhythms = RHYTHMS if best is None else (best,)
        said[STACK] = _pool([_pool([said[name] for name in rhythms]), *(said[name] for name in LEARNERS)])
    return said, corrections


def _applied(correction: Recalibration, said: Said) -> dict[str, np.ndarray]:
    odds, sd = correction(said.log_odds, said.sd)
    return {"log_odds": odds, "sd": sd}


def _pool(views: Sequence[Said]) -> Said:
    """The views' mean probability; deviations as if the views erred together, as they look at the same few visits.

    Equal weights, because weights learned on one origin were worse on the next; of probabilities and not of log odds,
    because one view's "never" would outvote the others' doubt.
    """
    p = np.array([expit(one.log_odds) for one in views])
    slope = p * (1 - p)
    mean = p.mean(axis=0)
    sd = np.mean(slope * np.array([one.sd for one in views]), axis=0) / np.maximum(mean * (1 - mean), FURTHEST)
    return Said(log_odds(mean), sd)
