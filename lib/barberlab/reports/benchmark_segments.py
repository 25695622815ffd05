"""Which segment does each shop belong to, how sure is that, and has it been so for long?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from barberlab.models import benchmark_ranks
from barberlab.models.benchmark_kpis import WEIGHTS, Score
from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.params import Methodology
from barberlab.reports import figures, marks, prose, tables
from barberlab.reports.benchmark import MONTHS, MOST_ROWS, Placed
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock
from barberlab.reports.measures import label
from barberlab.reports.segments import flips

FEW_CHANCES = 0.01


def segment_figure(there: Placed) -> Block:
    """All shops by segment, the uncertain last."""
    if there.needs:
        return NotAvailable("Segments", there.needs)
    counts = there.given["segment"].value_counts()
    unsure = int(counts.get(UNCERTAIN, 0))
    cannot = f"{prose.spelled(unsure).capitalize()} of {prose.count(len(there.names))} shops cannot be placed yet"
    cover = "" if there.score is None else f" The score knows {prose.Rate()(there.score.coverage)} of its weight."
    return figures.segment_bar(
        counts,
        slug="segments",
        title=cannot if unsure else f"All {prose.count(len(there.names))} shops can be placed",
        subtitle=(
            f"Shops by segment: {there.by}.{cover} Elite and Underperforming need a chance of 80%, the others of 50%; "
            "the rest is uncertain."
        ),
        note=_few(there),
    )


def _few(there: Placed) -> str:
    if there.score is None or len(there.names) >= benchmark_ranks.FEWEST_FOR_BANDS:
        return ""
    return (
        f"Under {benchmark_ranks.FEWEST_FOR_BANDS} shops there are no bands of 10, 20, 40, 20 and 10%: fixed cut-offs."
    )


def moves(there: Placed, before: Placed) -> tuple[dict[str, int], float]:
    """Shop -> 1 risen, -1 fallen, 0 neither at a chance of 80%, between two periods that share no month.

    And what share of those risen or fallen is expected to be wrong, NaN where there is none.
    """
    if there.needs or before.needs:
        return {}, float("nan")
    shared = [name for name in there.names if name in before.names]
    now, then = (p.segments[:, [p.names.index(name) for name in shared]] for p in (there, before))
    found = benchmark_ranks.moved(now, then)
    return dict(zip(shared, found.said, strict=True)), found.wrong


def segment_table(there: Placed, before: Placed, names: Mapping[str, str]) -> Block:
    """Every shop with its segment, the chance it is right, all five chances, its score, and whether it moved."""
    if there.needs:
        return NotAvailable("Every shop's segment", there.needs)
    frame = there.given.copy()
    moved, wrong = moves(there, before)
    frame["shop"] = [names[unit] for unit in frame.index]
    frame["tag"] = [tag(row.segment, row.leaning, row.chance) for row in frame.itertuples()]
    frame["move"] = [_move(moved.get(unit)) for unit in frame.index]
    columns = [tables.Column("shop", "Shop"), tables.Column("tag", "Segment, chance it is right")]
    if there.score is not None:
        frame["score"] = _scores(there.score)
        columns.append(tables.Column("score", "Score", str, unit="8 in 10"))
    frame["all"] = [_all_chances(row) for _, row in frame[list(SEGMENTS)].iterrows()]
    columns.append(tables.Column("all", "All chances over 1%", secondary=True))
    columns.append(
        tables.Column("move", f"In {MONTHS} months", right=True, missing="not there before, or too little history")
    )
    worked, frame = len(frame), frame.sort_values("shop").head(MOST_ROWS)
    which = (
        f"The first {MOST_ROWS} of {prose.count(worked)} shops by name; the run’s table holds them all. "
        if worked > MOST_ROWS
        else ""
    )
    subtitle = f"{which}By name. A move is shown only where its chance is at least 80%."
    return TableBlock(
        "Every shop’s segment", tables.table(frame, columns), subtitle=subtitle, note=_list_errors(there, wrong)
    )


def tag(segment: str, leaning: str, chance: float) -> marks.Mark:
    """A segment with the chance that it is right; of an uncertain shop where it leans, and how much."""
    if segment == UNCERTAIN:
        return marks.together(marks.segment(UNCERTAIN), f"{prose.chance(chance)} {leaning.lower()}")
    return marks.together(marks.segment(segment, SEGMENTS.index(segment) + 1), prose.chance(chance))


def _all_chances(row: pd.Series) -> str:
    """96% high performer, 4% average."""
    likely = row[row >= FEW_CHANCES].sort_values(ascending=False)
    return ", ".join(f"{prose.chance(float(p))} {name.lower()}" for name, p in likely.items())


def _move(said: int | None) -> marks.Mark | str | None:
    if said is None:
        return None
    return marks.verdict("rose" if said > 0 else "fell", "good" if said > 0 else "bad", said > 0) if said else "● none"


def _scores(score: Score) -> list[str]:
    low, mid, high = np.quantile(score.draws, [0.1, 0.5, 0.9], axis=0)
    said = (prose.estimate(m, a, b, prose.Number(0), "table") for m, a, b in zip(mid, low, high, strict=True))
    return [f"{one.value} ({one.eight_in_ten.removeprefix('8 in 10: ')})" for one in said]


def _list_errors(there: Placed, of_moves: float) -> str:
    """Of each list, what share of it is expected to be wrong."""
    wrong = benchmark_ranks.lists(there.given).dropna()
    if wrong.empty:
        return "No list has a shop on it."
    parts = [f"{name.lower()} {prose.chance(float(row.wrong))}" for name, row in wrong.iterrows()]
    parts += [] if np.isnan(of_moves) else [f"moves {prose.chance(of_moves)}"]
    return f"By our own reckoning so much of each list is wrong: {prose.listed(parts)}."


def stability_figure(course_of: pd.DataFrame, names: Mapping[str, str]) -> Block:
    """Each shop's segment at the end of each month; dashed where it was uncertain."""
    if course_of["period"].nunique() < 2:
        return NotAvailable("Segments over time", f"at least {MONTHS + 1} months of history")
    frame = course_of.assign(shop=course_of["unit"].map(names))
    share, months = flips(frame), frame["period"].nunique()
    return figures.stability(
        frame,
        slug="stability",
        title=f"{prose.Rate()(share)} of shops change segment from one month to the next",
        subtitle=(
            f"The segment of each shop by the {MONTHS} months up to each of the last {months}. Empty: not there yet. "
            "Dashed: uncertain. Neighbouring months share most of their visits."
        ),
    )


def targets_said(there: Placed, targets: Methodology, currency: str) -> Paragraph:
    """What the score is made of, and what it could not know."""
    if there.needs or there.score is None:
        return Paragraph("There is no score in these data; segments, where there are any, are of one figure.")
    aims = {
        "utilisation": f"chair time used of {prose.Rate()(targets.utilisation)}",
        "retention_42": f"clients back within 42 days of {prose.Rate()(targets.retention_42)}",
        "average_ticket": f"a ticket of {prose.money(targets.premium_ticket_cents, currency, 'table')}",
    }
    listed = prose.listed([aims[part] for part in there.score.parts])
    weights = prose.listed([f"{100 * WEIGHTS[part]:.0f}" for part in there.score.parts])
    unknown = prose.listed([label(name).lower() for name in aims if name not in there.score.parts])
    return Paragraph(
        f"The score is 100 for {listed}, each counted up to its target and weighted {weights} as in the Six Figure "
        f"Barber documents{f'; {unknown} is not known here' if unknown else ''}. Growth and service quality, the other "
        "35, are left out: the one has a target by month only, which would measure the season, and the data hold no "
        "whole measure of the other."
    )
