"""Did we keep our word? What was said on earlier days with what was known then, against what happened."""

import numpy as np
import pandas as pd

from barberlab.decisions.outlook import Outlook
from barberlab.models import calibration as measure
from barberlab.models import churn_rules
from barberlab.models.churn_choice import Kept
from barberlab.models.intervals import NINETEEN_IN_TWENTY
from barberlab.models.rates import interval
from barberlab.reports import figures, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock
from barberlab.reports.calibrated import COLUMNS, by_tenths, missed
from barberlab.reports.voices import voice

NEEDS = "a year of visits: three horizons of 90 days, and one before them"
MISSED_BY_CHANCE = 3  # of ten ranges of 8 in 10: more is seen once in eight times
OURS, SIXTY, BASE = "What we say", "60 days of silence", "The likelier outcome for all"
SCORES = ("accuracy", "auc", "skill", "error")


def calibration_table(look: Outlook, published: pd.DataFrame) -> pd.DataFrame:
    """What was said on the last day whose horizon is over, by about tenths (`calibrated.COLUMNS`); empty without one.

    published: as of `foreseen.counted`. Where it is empty, what would have been said on such a day with what was known
    then. Of clients who were current then, here and in `scores`: that who left long ago stays away is no art. attrs:
    cutoff, model, and whether it was published.
    """
    if len(published):
        frame = published[list(COLUMNS)].copy()
        frame.attrs = published.attrs | {"published": True}
        return frame
    last = _last(look)
    there = None if last is None else _current(last, look)
    if there is None or not there.any():
        return pd.DataFrame(columns=list(COLUMNS))
    frame = by_tenths(last.no_visit[there], last.came[there] == 0)
    frame.attrs = {"cutoff": last.histories.cutoff.isoformat(), "model": last.choice.churn, "published": False}
    return frame


def _current(one: Kept, look: Outlook) -> np.ndarray:
    return one.histories.silence <= look.current_days


def calibration_figure(told: pd.DataFrame, look: Outlook) -> Block:
    """The same as a figure, or a dashed box."""
    if told.empty:
        return NotAvailable("Did it come true", look.needs or NEEDS)
    off, when = missed(told), prose.day(pd.Timestamp(told.attrs["cutoff"]))
    we_said = "we said" if told.attrs["published"] else "we would have said"
    said = f"as published on {when}" if told.attrs["published"] else f"as it would have been said on {when}"
    differ = f"{prose.spelled(off).capitalize()} of {len(told)} groups came out differently than {we_said}"
    return figures.calibration(
        told,
        slug="calibration",
        title=f"What {we_said} came true" if off <= MISSED_BY_CHANCE else differ,
        subtitle=(
            f"Chance of no visit in {look.horizon_days} days {said}, by tenths of clients current then, "
            "and the share who did not come. Dashed: said and done alike."
        ),
        above="more left than we said",
        below="fewer left than we said",
        note=_by_whom(told),
    )


def _by_whom(told: pd.DataFrame) -> str:
    known = "" if told.attrs["published"] else " with what was known then, as nothing published is old enough yet"
    return f"Said by {voice(told.attrs['model'])}{known}. Of ten ranges of 8 in 10, two miss by chance."


def scores(look: Outlook) -> pd.DataFrame:
    """A row per earlier origin and voice: cutoff, who, n, rate, accuracy, auc, skill, error, low95 of accuracy."""
    kept = look.predicted.kept if look.predicted else ()
    rows = [line for one in kept if _current(one, look).any() for line in _scored(one, look)]
    return pd.DataFrame(rows, columns=["cutoff", "who", "n", "rate", *SCORES, "low95"])


def _scored(one: Kept, look: Outlook) -> list[tuple]:
    there = _current(one, look)
    lost = (one.came[there] == 0).astype(float)
    rule = churn_rules.sixty_days(one.histories, look.horizon_days, one.previous)
    said = one.no_visit[there]
    voices = (
        (OURS, said, said >= 0.5, said),
        (SIXTY, rule.p[there], rule.lost[there], rule.score[there]),
        (BASE, np.full(len(lost), lost.mean()), np.full(len(lost), lost.mean() >= 0.5), None),
    )
    return [_line(one, lost, *voice) for voice in voices]


def _line(one: Kept, lost: np.ndarray, who: str, p: np.ndarray, yes: np.ndarray, score: np.ndarray | None) -> tuple:
    hits = int((yes == (lost > 0)).sum())
    low, _ = interval(np.array([hits]), np.array([len(lost)]), NINETEEN_IN_TWENTY)
    ranks = np.nan if score is None else measure.auc(score, lost)
    # One number for all is in no groups by what was said; an error of groups would be an accident of their order.
    error = np.nan if score is None else measure.calibration_error(p, lost)
    skill = measure.skill(p, lost)
    told = (hits / len(lost), ranks, skill, error)
    return (pd.Timestamp(one.histories.cutoff), who, len(lost), float(lost.mean()), *told, float(low[0]))


def accuracy_table(found: pd.DataFrame, look: Outlook) -> Block:
    """What "85% accurate" means here: accuracy never without what naming the likelier outcome for all would get."""
    if found.empty:
        return NotAvailable("How accurate", look.needs or NEEDS)
    mean = found.groupby("who", sort=False)[[*SCORES]].mean().reset_index()
    rate = prose.Rate(1)
    columns = [
        tables.Column("who", "Who says it"), tables.Column("accuracy", "Accuracy", rate.table),
        tables.Column("auc", "Ranking", prose.Number(3).table, unit="AUC", missing="it ranks nobody"),
        tables.Column("skill", "Skill", rate.table, unit="Brier"),
        tables.Column("error", "Off by", rate.table, unit="calibration", secondary=True,
                      missing="it says the same of everybody"),
    ]  # fmt: skip
    origins, most = found["cutoff"].drop_duplicates(), prose.count(found["n"].max())
    days = prose.listed([prose.day(day) for day in origins])
    subtitle = (
        f"As it would have been said on {days}, each with what was known by then, and the {look.horizon_days} days "
        f"after counted; mean of {prose.plural(len(origins), 'origin')}, {most} clients at most."
    )
    return TableBlock("How accurate it was", tables.table(mean, columns), subtitle=subtitle, note=claim(found))


def claim(found: pd.DataFrame) -> str:
    """Whether "85% accurate" may be said of this network, and if not, why not."""
    ours = found[found["who"] == OURS].drop(columns="who")
    reasons = [
        f"said on {prose.day(line.cutoff)}, {reason}"
        for line in ours.itertuples()
        for reason in measure.lacking(line.accuracy, line.low95, line.rate, line.error)[:1]
    ]
    base = found.loc[found["who"] == BASE, "accuracy"].mean()
    first = f"Saying the likelier outcome of everybody would be right {prose.Rate(1)(base)} of the time."
    enough = len(ours) >= 3
    if not reasons and enough:
        return f"{first} “85% accurate” may be said here: it held on {len(ours)} origins, beyond that bound."
    why = reasons[0] if reasons else f"it takes three origins, there are {len(ours)}"
    return f"{first} “85% accurate” is not claimed here: {why}."


def _last(look: Outlook) -> Kept | None:
    return look.predicted.kept[-1] if look.predicted and look.predicted.kept else None
