"""Where does the network stand among others? Its own posterior against an anonymous release, the errors of both kept.

The release is the same file for every member; the position is computed here, from it and from the network's own draws.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable as Lacking
from barberlab.models import benchmark_ranks
from barberlab.models.benchmark_kpis import Ranked
from barberlab.models.benchmark_ranks import SEGMENTS
from barberlab.models.release import SIMULATED, Release
from barberlab.reports import benchmark_segments, marks, prose, tables
from barberlab.reports.benchmark import Judged
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock
from barberlab.reports.measures import form

NAME = "Against other networks"
WHY = "A network’s position is computed here, from its own rows and that file alone"
_MIDDLE = 50.0


@dataclass(frozen=True)
class Pool:
    """A release, or what it needs for there to be one."""

    release: Release | None
    needs: str = ""


def asked(reader: Callable[[str], Release], network: str) -> Pool:
    """What `reader` gives the network, or what it needs."""
    try:
        return Pool(reader(network))
    except Lacking as lacking:
        return Pool(None, lacking.needs)


def positions(pool: Pool, found: Judged, shops: int) -> pd.DataFrame:
    """What is kept of the network's place: a row a figure with own, better, low80, high80 (per cent of shops), needs.

    least and most: what the release can tell at all. attrs: needs, where, months, simulated, dark (suppressed circles).
    """
    rows, told = [], {"needs": pool.needs, "currency": found.currency}
    try:
        cell = pool.release.cell_of(shops) if pool.release else None
        rows = [_placed(pool.release, cell.name, found, kpi) for kpi in pool.release.spec.kpis] if cell else []
    except Lacking as lacking:
        told, cell = told | {"needs": lacking.needs}, None
    if cell:
        dark = {one.name for one in pool.release.dark()}
        told["dark"] = [one.label for one in pool.release.spec.cells_of(shops) if one.name in dark]
        told["where"] = f"{cell.label}, {pool.release.networks(cell.name)} networks"
        told |= {"month": _ends(pool.release)[0], "simulated": pool.release.source == SIMULATED}
    frame = pd.DataFrame(
        rows, columns=["metric", "label", "own", "better", "low80", "high80", "least", "most", "needs"]
    )
    frame.attrs = told
    return frame


def _placed(release: Release, cell: str, found: Judged, kpi) -> dict[str, object]:
    own = found.ranked.get(kpi.name)
    line = {"metric": kpi.name, "label": kpi.label, "needs": ""}
    if own is None:
        return line | {"needs": "the figure itself"}
    line["own"] = float(np.median(own.network))
    try:
        (mid, low, high), (least, most), _ = _place(release, cell, own.network, kpi, found.currency)
    except Lacking as lacking:
        return line | {"needs": lacking.needs}
    return line | {"better": mid, "low80": low, "high80": high, "least": least, "most": most}


def _place(
    release: Release, cell: str, network: np.ndarray, kpi, currency: str
) -> tuple[np.ndarray, tuple[float, float], pd.DataFrame]:
    """(middle, low, high) per cent of shops that the network does better than, the ends told, and the cut-points."""
    place = release.position(kpi.name, network, currency, cell).iloc[0]
    cuts = release.cutpoints(kpi.name, currency, cell)
    better = place[["percentile", "low80", "high80"]].to_numpy(float)
    ends = (float(cuts.index.min()), float(cuts.index.max()))
    if kpi.better == "low":
        better, ends = (100 - better)[[0, 2, 1]], (100 - ends[1], 100 - ends[0])
    return better, ends, cuts


def position_table(pool: Pool, found: Judged, shops: int) -> Block:
    """Of each key figure: the network's own value, what part of the pool's shops it is better than, and how sure.

    shops: how many the network has, which says with whom it is compared. What is suppressed stands in its place.
    """
    if pool.release is None:
        return NotAvailable(NAME, pool.needs, WHY)
    try:
        cell = pool.release.cell_of(shops)
    except Lacking as lacking:
        return NotAvailable(NAME, lacking.needs, WHY)
    rows = [_row(pool.release, cell.name, found, kpi) for kpi in pool.release.spec.kpis]
    frame = pd.DataFrame(rows + _suppressed(pool.release, shops))
    where = f"{cell.label}, {pool.release.networks(cell.name).replace('-', '–')} networks"
    subtitle = _said(pool.release, where)
    placed = bool(frame["segment"].astype(bool).any())
    note = f"{_NOTE} {_BY_SEGMENT if placed else _NO_SEGMENT}"
    return TableBlock(_title(frame), tables.table(frame, _columns(placed)), subtitle=subtitle, note=note)


def _columns(placed: bool) -> list[tables.Column]:
    segment = tables.Column("segment", "Segment of the pool", unit="chance it is right")
    return [
        tables.Column("measure", "Measure"),
        tables.Column("own", "This network", right=True, missing="not known of this network"),
        tables.Column("better", "Better than", right=True, missing="not told"),
        tables.Column("range", "8 in 10", right=True, missing="not told"),
        tables.Column("track", "0 to 100%", unit="of shops", secondary=True),
        *([segment] if placed else []),
        tables.Column("quarters", "The pool", unit="its three quarters", secondary=True, right=True),
    ]


_NOTE = (
    "Each percentage holds the error of both sides: our own range, and the noise that hides every member. Where few "
    "networks take part only the quarters are told: 75% or more says no more than that. Where a market lies far from "
    "the public centres, the pool’s figures lie too near to them and their ranges hold less often. Suppressed: for "
    "privacy, too few networks."
)
_BY_SEGMENT = "Segments are the pool’s bands of 10, 20, 40, 20 and 10%; the two extremes need a chance of 80%."
_NO_SEGMENT = "A segment of the pool is told from 50 networks on, because fewer do not tell its tails."


def _row(release: Release, cell: str, found: Judged, kpi) -> dict[str, object]:
    """A key figure's line; without own value or a centre for the currency only its name and the reason."""
    empty = {
        "measure": kpi.label,
        "own": None,
        "better": None,
        "range": None,
        "track": "",
        "segment": "",
        "quarters": "",
        "above": None,
    }
    own = found.ranked.get(kpi.name)
    if own is None:
        return empty
    printed = form(kpi.name, found.currency)
    mine = {"own": printed.table(float(np.median(own.network)))}
    try:
        (mid, low, high), ends, cuts = _place(release, cell, own.network, kpi, found.currency)
    except Lacking as lacking:
        return empty | mine | {"better": marks.tag(f"needs {lacking.needs}", "na")}
    quarters = " · ".join(printed(float(cuts.loc[p, "value"])) for p in (25, 50, 75))
    said = f"better than {mid:.0f}%, 8 in 10: {low:.0f} to {high:.0f}"
    track = marks.range_track(mid, (low, high), (low, high), (0, 100), said, _MIDDLE, ticks=(25, 75))
    told = {"better": part(mid, ends), "range": f"{low:.0f}–{high:.0f}%", "track": track, "quarters": quarters}
    return empty | mine | told | {"above": low > _MIDDLE, "segment": _segment(release, kpi.name, own, found, cell)}


def _segment(release: Release, kpi: str, own: Ranked, found: Judged, cell: str) -> marks.Mark | str:
    """The network's segment by one figure with its chance; empty where the pool is too small to have any."""
    try:
        chance = release.segments(kpi, own.network, found.currency, cell)
    except Lacking:
        return ""
    one = benchmark_ranks.assigned(chance[list(range(len(SEGMENTS), 0, -1))].to_numpy(), (kpi,)).iloc[0]
    return benchmark_segments.tag(one["segment"], one["leaning"], float(one["chance"]))


def part(mid: float, ends: tuple[float, float]) -> str:
    """In whole per cent, within what the release tells."""
    if mid >= ends[1] - 0.5:
        return f"{ends[1]:.0f}% or more"
    return f"{ends[0]:.0f}% or less" if mid <= ends[0] + 0.5 else f"{mid:.0f}%"


def _suppressed(release: Release, shops: int) -> list[dict[str, object]]:
    """The narrower circles of a network of this size that hold too few networks."""
    dark = {cell.name for cell in release.dark()}
    nothing = dict.fromkeys(("own", "range", "quarters", "segment"), "")
    nothing |= {"better": marks.tag("Suppressed", "na"), "track": marks.hatched("suppressed: too few networks")}
    own = [cell for cell in release.spec.cells_of(shops) if cell.name in dark]
    return [{"measure": f"Among {cell.label.lower()}"} | nothing for cell in own]


def _title(frame: pd.DataFrame) -> str:
    known = frame["above"].dropna()
    above = int(known.astype(bool).sum())
    if known.empty:
        return "This network has no figure that the release tells"
    return f"Likely above the pool’s middle in {prose.spelled(above)} of {prose.plural(len(known), 'figure')}"


def _said(release: Release, where: str) -> str:
    simulated = "Simulated networks, to show how the page reads: no market. " if release.source == SIMULATED else ""
    newest, oldest = (prose.month(pd.Timestamp(f"{month}-01")) for month in _ends(release))
    lag = f"; money of {oldest}, a quarter late on purpose" if newest != oldest else ""
    return f"{simulated}Release of {newest}{lag}. {where}, each counting alike. Own values are those of this page."


def _ends(release: Release) -> tuple[str, str]:
    months = sorted(release.months.values())
    return months[-1], months[0]


def suppressed_said(pool: Pool) -> Paragraph:
    """What is suppressed and why, in words."""
    if pool.release is None:
        return Paragraph("Nothing is compared yet, so nothing is suppressed.")
    dark = [cell.label.lower() for cell in pool.release.dark()]
    circles = (
        f"Suppressed in this release: {prose.listed(dark)}. " if dark else "Nothing is suppressed in this release. "
    )
    return Paragraph(
        f"{circles} A circle with too few networks would tell of each of them, so it says nothing at all, not even how "
        "many there are. The same file goes to every member, each network counts alike, and every number carries noise "
        "made once: neither leaving, nor asking again, nor comparing notes with another member tells who is in it."
    )
