"""Where does each shop stand, and how sure is that? The pieces of the benchmark report.

Ranks are not printed: a shop has a gap to its network with a range, and a segment with its chance. What is not known
has its reason, in the place where it would stand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable as Lacking
from barberlab.models import benchmark_kpis, benchmark_ranks, insight
from barberlab.models.benchmark_kpis import Ranked, Score
from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.params import Methodology
from barberlab.periods import Period
from barberlab.reports import compared, prose
from barberlab.reports.blocks import Block, FiveLines, Headline, Paragraph
from barberlab.reports.measures import LOWER_IS_BETTER, label

METRICS = (
    *("revenue_per_available_hour", "average_ticket", "utilisation", "retention_42", "rebook_rate", "no_show_rate"),
)
SCORED = {"utilisation": "utilisation", "retention_42": "retention_42", "average_ticket": "premium_ticket_cents"}
MONTHS = 6  # what a shop is judged by: long enough to tell, short enough to be about now
STABLE = 12  # months of the stability figure
DRAWS, FEWER = 2000, 400  # of the page's own period; of each earlier month, and of very many shops
MOST_VALUES = 4_000_000  # draws times shops that a figure may keep: 32 MB
MOST_ROWS = 40
QUARTER = timedelta(weeks=13)  # of growth: a month swings too much, and of halves of years there are too few
GROWTH, NEW_CLIENTS = "growth", "new_clients"


@dataclass(frozen=True, eq=False)
class Judged:
    """Every KPI that could be ranked, and why the others could not."""

    ranked: Mapping[str, Ranked]
    needs: Mapping[str, str]
    currency: str

    def gaps(self) -> pd.DataFrame:
        """One row a KPI and shop: gap, ranges, chances, real. Kept with the run."""
        parts = [insight.gaps(found).reset_index().assign(metric=name) for name, found in self.ranked.items()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["unit", "metric", "real", "mid"])

    def ranks(self) -> pd.DataFrame:
        """One row a KPI and shop: expected and median rank, its 8 in 10 and 19 in 20, the chance to be best."""
        parts = []
        for name, found in self.ranked.items():
            better = "lower" if name in LOWER_IS_BETTER else "higher"
            ranked = benchmark_ranks.ranks(found.value, better)
            parts.append(benchmark_ranks.standing(ranked, found.names).reset_index().assign(metric=name))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["unit", "metric"])


@dataclass(frozen=True, eq=False)
class Placed:
    """Shops in segments: draws (draw, shop), the chances and what they lead to, and by what the segments are cut.

    `needs` instead of all of it where nothing can be placed. `score` is None where bands are of one KPI.
    """

    names: tuple[str, ...] = ()
    segments: np.ndarray | None = None
    given: pd.DataFrame | None = None
    by: str = ""
    score: Score | None = None
    needs: str = ""

    def table(self) -> pd.DataFrame:
        """One row a shop: segment, the one it leans to, chance, the chances of all five. Kept with the run."""
        columns = ["unit", *SEGMENTS, "leaning", "chance", "segment"]
        found = pd.DataFrame(columns=columns) if self.given is None else self.given.rename_axis("unit").reset_index()
        found.attrs = {"by": self.by, "needs": self.needs}
        return found


def judged(frames: Mapping[str, pd.DataFrame], months: int = MONTHS, skip: int = 0, draws: int = DRAWS) -> Judged:
    """Every KPI over its last `months` known months, `skip` months ago.

    frames: metric -> what `lab.metric(metric, by="shop")` gives by month.
    """
    found, needs = {}, {}
    for seed, (name, frame) in enumerate(frames.items()):
        try:
            room = max(FEWER, MOST_VALUES // max(frame["location_id"].nunique(), 1))
            found[name] = benchmark_kpis.ranked(recent(frame, months, skip), draws=min(draws, room), seed=seed)
        except Lacking as lacking:
            needs[name] = lacking.needs
    currency = next(iter(frames.values())).attrs["currency"]
    return Judged(found, needs, currency)


def further(new_clients: pd.DataFrame, hourly: pd.DataFrame, daily: pd.DataFrame, span: Period) -> Judged:
    """What the catalogue holds no ratio of: new clients in a hundred available hours, and growth on last year.

    new_clients, hourly: by shop and month. daily: what is growing, by shop and day; its last quarter is compared
    with the same weeks of the year before.
    """
    quarter = Period(span.end - QUARTER, span.end, span.end, f"13 weeks up to {prose.day(span.last)}")
    ways: dict[str, Callable[[], Ranked]] = {
        NEW_CLIENTS: lambda: benchmark_kpis.ranked(recent(benchmark_kpis.over_hours(new_clients, hourly)), draws=DRAWS),
        GROWTH: lambda: benchmark_kpis.of_changes(compared.moved(daily, quarter), draws=DRAWS, seed=1),
    }
    found, needs = {}, {}
    for name, way in ways.items():
        try:
            found[name] = way()
        except Lacking as lacking:
            needs[name] = lacking.needs
    return Judged(found, needs, daily.attrs["currency"])


def recent(frame: pd.DataFrame, months: int = MONTHS, skip: int = 0) -> pd.DataFrame:
    """The `months` up to the newest in which anything is known, or to the one `skip` months before that."""
    known = frame.loc[frame["denominator"] > 0, "period"]
    end = known.max() - pd.DateOffset(months=skip) if len(known) else pd.NaT
    part = frame[(frame["period"] <= end) & (frame["period"] > end - pd.DateOffset(months=months))]
    part.attrs = dict(frame.attrs)
    if part.empty and not part.attrs.get("needs"):
        part.attrs["needs"] = "more months of history"
    return part


def placed(found: Judged, targets: Methodology) -> Placed:
    """Shops in segments, by bands of the network where it has twenty of them, else by cut-offs of the score."""
    aims = {metric: float(getattr(targets, target)) for metric, target in SCORED.items()}
    try:
        scored = benchmark_kpis.score(list(found.ranked.values()), aims)
    except Lacking as lacking:
        return _by_one_kpi(found, lacking.needs)
    if len(scored.names) < benchmark_ranks.FEWEST_FOR_BANDS:
        segments, by = benchmark_ranks.scored(scored.draws), "cut-offs 90, 75, 60 and 40 of the score"
    else:
        segments, by = benchmark_ranks.banded(benchmark_ranks.ranks(scored.draws)), "bands of the network's scores"
    return _placed(scored.names, segments, by, scored)


def _by_one_kpi(found: Judged, needs: str) -> Placed:
    """Where there is no score: bands of the first KPI that enough shops have."""
    for name, ranked in found.ranked.items():
        if len(ranked.names) >= benchmark_ranks.FEWEST_FOR_BANDS:
            better = "lower" if name in LOWER_IS_BETTER else "higher"
            segments = benchmark_ranks.banded(benchmark_ranks.ranks(ranked.value, better))
            return _placed(ranked.names, segments, f"bands of {label(name).lower()}", None)
    return Placed(needs=f"{needs}, or twenty shops with one figure of the list")


def _placed(names: tuple[str, ...], segments: np.ndarray, by: str, scored: Score | None) -> Placed:
    given = benchmark_ranks.assigned(benchmark_ranks.chances(segments), names)
    return Placed(names, segments, given, by, scored)


def course(frames: Mapping[str, pd.DataFrame], targets: Methodology, months: int = STABLE) -> pd.DataFrame:
    """The segment of each shop at the end of each of the last `months`: unit, period, segment, chance."""
    needed = {name: frame for name, frame in frames.items() if name in SCORED} or frames
    newest = max(frame["period"].max() for frame in needed.values() if len(frame))
    rows = []
    for skip in range(months):
        there = placed(judged(needed, skip=skip, draws=FEWER), targets)
        if not there.needs:
            when = newest - pd.DateOffset(months=skip)
            rows.append(there.given[["segment", "chance"]].reset_index().assign(period=when))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["unit", "segment", "chance", "period"])


# Words


def opening(found: Judged, there: Placed, span: Period) -> Headline:
    """The page's answer: how many gaps of its first KPI are real, and how many shops cannot be placed."""
    lede = (
        f"Judged by the last {MONTHS} months that are known up to {prose.day(span.last)}. Each figure is drawn towards "
        "the network as far as chance may have made it; “8 in 10” means right eight times out of ten."
    )
    return Headline(_answer(found, there), lede, eyebrow=f"Benchmark report · {span.name}")


def _answer(found: Judged, there: Placed) -> str:
    if not found.ranked:
        return "Shops cannot be compared yet"
    name, first = next(iter(found.ranked.items()))
    real = int(insight.gaps(first)["real"].sum())
    what = label(name).lower()
    counted = f"{prose.spelled(real).capitalize()} of {prose.count(len(first.names))} shops truly differ in {what}"
    said = counted if real else f"No shop truly differs in {what}"
    if there.needs:
        return said
    unsure = int((there.given["segment"] == UNCERTAIN).sum())
    return f"{said}; {prose.spelled(unsure)} cannot be placed yet" if unsure else said


def five_lines(found: Judged, there: Placed, ranks: pd.DataFrame, names: Mapping[str, str]) -> Block:
    """The page in a few sentences: real gaps, ranks, segments, what is left out."""
    lines = [
        _gap_line(found),
        _rank_line(found, ranks, names),
        _segment_line(there),
        _left_out_line(found, names),
    ]
    said = tuple(line for line in lines if line)
    return FiveLines(said) if said else Paragraph("Nothing here can be told of these data yet.")


def _gap_line(found: Judged) -> tuple[str, str] | None:
    table = found.gaps()
    if table.empty:
        return None
    real = table[table["real"]]
    if real.empty:
        return f"None of {prose.count(len(table))} gaps is real.", "What a league table would show here is chance."
    per = real.groupby("metric", sort=False).size()
    parts = prose.listed([f"{label(metric).lower()} {prose.count(n)}" for metric, n in per.items()])
    first = f"{prose.count(len(real))} of {prose.count(len(table))} gaps between a shop and the network are real."
    wrong = prose.chance(insight.wrong(table))
    return first, f"{_sentence(parts)}. By our own reckoning {wrong} of this list is chance."


def _rank_line(found: Judged, ranks: pd.DataFrame, names: Mapping[str, str]) -> tuple[str, str] | None:
    if ranks.empty:
        return None
    metric = next(iter(found.ranked))
    own = ranks[ranks["metric"] == metric]
    width = int((own["high80"] - own["low80"] + 1).median())
    best = own.loc[own["p_best"].idxmax()]
    first = "A rank says less than it seems." if width > 1 else "Here a rank would hold."
    rest = (
        f"By {label(metric).lower()} the usual shop’s place is known to within {prose.plural(width, 'place')} of "
        f"{prose.count(len(own))} (8 in 10). Best of all: {names[best['unit']]}, {prose.chance(float(best['p_best']))}."
    )
    return first, rest


def _segment_line(there: Placed) -> tuple[str, str] | None:
    if there.needs:
        return None
    counts = there.given["segment"].value_counts()
    unsure = int(counts.get(UNCERTAIN, 0))
    listed = prose.listed([_counted(int(counts[name]), name) for name in SEGMENTS if name in counts])
    whole = len(there.names)
    first = f"{prose.count(whole - unsure)} of {prose.count(whole)} shops can be placed."
    return first, f"{listed}; by {there.by}." if listed else f"By {there.by}."


def _counted(shops: int, segment: str) -> str:
    """6 high performers; the other names are no nouns."""
    noun = segment.lower()
    return prose.plural(shops, noun) if segment == SEGMENTS[1] else f"{prose.count(shops)} {noun}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _left_out_line(found: Judged, names: Mapping[str, str]) -> tuple[str, str] | None:
    out = {(shop, why) for ranked in found.ranked.values() for shop, why in ranked.left_out.items()}
    if not out:
        return None
    shops = sorted({names[shop] for shop, _ in out})
    shown = prose.listed(shops[:3]) + (f" and {len(shops) - 3} more" if len(shops) > 3 else "")
    return f"Not compared in all figures: {shown}.", f"Why: {prose.listed(sorted({why for _, why in out}))}."
