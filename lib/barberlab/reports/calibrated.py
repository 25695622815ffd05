"""When a page says 30%, is it 30%? What was said against what happened, by tenths (a calibration plot)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from barberlab.errors import BadInput
from barberlab.models.calibration import BINS
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.models.rates import interval
from barberlab.reports import prose
from barberlab.reports.blocks import Figure, Key
from barberlab.reports.canvas import INK, Sheet, Words, check, figure, note
from barberlab.reports.tables import Column

COLUMNS = ("said", "n", "happened", "share", "low80", "high80")
_TICKS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_RATE = prose.Rate()
_FOOT = 34  # px of the bars of counts under the square


def by_tenths(p: np.ndarray, happened: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """COLUMNS for groups of as many predictions each, by what was said: its mean, n, how many happened, share, range.

    Raises BadInput for probabilities and outcomes of different lengths.
    """
    if np.shape(p) != np.shape(happened):
        raise BadInput(f"calibration: {np.shape(p)} probabilities of {np.shape(happened)} outcomes")
    groups = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    said = [float(np.mean(p[g])) for g in groups]
    n, hits = (np.array(part) for part in ([len(g) for g in groups], [int(np.sum(happened[g])) for g in groups]))
    low, high = interval(hits, n, EIGHT_IN_TEN)
    return pd.DataFrame(dict(zip(COLUMNS, (said, n, hits, hits / n, low, high), strict=True)))


def calibration(
    frame: pd.DataFrame, *, title: str, subtitle: str, above: str, below: str, counted: str = "clients", **words: str
) -> Figure:
    """What happened over what was said, on a square, with the diagonal of keeping one's word (a reliability diagram).

    frame: as of `by_tenths`, or groups of any size. Lines are 8 in 10; bars at the foot are how many each group
    counts. `above` and `below` name in words the two sides on which a prediction is wrong.
    """
    check("calibration", frame, COLUMNS)
    if not frame[["said", "share"]].stack().between(0, 1).all():
        raise BadInput("calibration: a share is not between 0 and 1; hand over shares, not per cent")
    data = frame[list(COLUMNS)].sort_values("said").reset_index(drop=True)

    def draw(sheet: Sheet) -> None:
        _calibration(sheet, data, above, below)

    columns = [
        Column("said", "Said", _RATE.table), Column("share", "Happened", _RATE.table),
        Column("n", counted.capitalize(), prose.count),
        Column("low80", "8 in 10", _RATE.table, unit="from"), Column("high80", "8 in 10", _RATE.table, unit="to"),
    ]  # fmt: skip
    key = (Key("what happened, 8 in 10", "b50"), Key(f"how many {counted}", "ref80"))
    alt = f"{title}. {_said(data, counted)}"
    return figure(Words(title, subtitle, **words), alt, draw, (420, 340), data, columns, key=key)


def missed(frame: pd.DataFrame) -> int:
    """How many groups' 8 in 10 do not hold what was said of them."""
    return int(((frame["said"] < frame["low80"]) | (frame["said"] > frame["high80"])).sum())


def _calibration(sheet: Sheet, data: pd.DataFrame, above: str, below: str) -> None:
    side = min(sheet.width - 56, sheet.height - 40 - _FOOT)
    left = 48 if sheet.phone else (sheet.width - side) / 2 - 24
    right = sheet.width - left - side
    ax = sheet.axes(left, right, 8, sheet.height - 8 - side)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    labels = _RATE.ticks(list(_TICKS))
    ax.set_yticks(_TICKS, labels)
    ax.set_xticks(_TICKS, [""] * len(_TICKS))
    ax.tick_params(axis="x", length=0)
    ax.tick_params(axis="y", pad=8)
    ax.plot([0, 1], [0, 1], color=INK["line2"], linewidth=1.2, dashes=(4, 3), zorder=1)
    _wrong_sides(ax, above, below)
    ax.vlines(data["said"], data["low80"], data["high80"], colors=INK["b50"], linewidth=4, zorder=2)
    ax.scatter(
        data["said"],
        data["share"],
        s=38,
        c=INK["accent"],
        edgecolors=INK["surface"],
        linewidths=1.3,
        zorder=3,
        clip_on=False,
    )
    _counts(sheet, data, (left, right, 8 + side + 4), labels)


def _wrong_sides(ax: Axes, above: str, below: str) -> None:
    note(ax, (0.03, 0.95), above, color=INK["ink3"], ha="left")
    note(ax, (0.97, 0.05), below, color=INK["ink3"], ha="right")


def _counts(sheet: Sheet, data: pd.DataFrame, place: tuple[float, float, float], labels: list[str]) -> None:
    """Bars at the foot, from zero to the largest group."""
    left, right, top = place
    foot = sheet.axes(left, right, top, sheet.height - top - _FOOT + 8)
    foot.set(xlim=(0, 1), ylim=(0, data["n"].max() or 1))
    foot.bar(data["said"], data["n"], width=0.018, color=INK["ref80"])
    foot.set_xticks(_TICKS, labels)
    foot.set_yticks([])
    foot.grid(visible=False)
    foot.tick_params(axis="x", pad=4)


def _said(data: pd.DataFrame, counted: str) -> str:
    off = missed(data)
    widest = data.loc[(data["share"] - data["said"]).abs().idxmax()]
    kept = f"{len(data) - off} of {len(data)} groups hold within their 8 in 10"
    return (
        f"What was said across, what happened up, in {len(data)} groups of {prose.count(data['n'].sum())} {counted}: "
        f"{kept}. Furthest off: said {_RATE(widest['said'])}, happened {_RATE(widest['share'])}."
    )
