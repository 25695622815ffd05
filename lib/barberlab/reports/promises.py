"""Did the ranges hold as often as they promised, near and far ahead? Kept beside promised, by horizon (coverage)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY
from barberlab.reports import prose
from barberlab.reports.blocks import Figure, Key
from barberlab.reports.canvas import INK, Sheet, Words, check, figure, note, text_width
from barberlab.reports.tables import Column

_ROW, _HEAD, _FOOT = 40, 26, 24  # px
_RATE = prose.Rate()
# The promise, its columns' ending, how high in its row it stands, the colours of its line and dot.
_PROMISES = ((EIGHT_IN_TEN, "80", 0.17, "b50", "accent"), (NINETEEN_IN_TWENTY, "95", -0.17, "ref50", "ink2"))
_NAMES = {"80": "8 in 10", "95": "19 in 20"}


def coverage(frame: pd.DataFrame, *, title: str, subtitle: str, first: str = "Horizon", **words: str) -> Figure:
    """How often what came lay in the 8 in 10 and the 19 in 20, with the 80 % range of that share, row by row.

    frame: label, n, held80, held80_low, held80_high and the same of 95, then columns whose shares are only printed:
    error and naive_error. Dashed lines are what was promised. Raises BadInput for a column that is not there.
    """
    ends = [f"held{inside}{end}" for _, inside, *_ in _PROMISES for end in ("", "_low", "_high")]
    check("coverage", frame, ("label", "n", *ends, "error", "naive_error"))
    data = frame.reset_index(drop=True)

    def draw(sheet: Sheet) -> None:
        left = 14 + max(map(text_width, data["label"]))
        ax = sheet.axes(left, 12, _HEAD, _FOOT)
        _axes(ax, data, float(data[ends].min().min()))
        for promise, inside, shift, line, dot in _PROMISES:
            _kept(ax, data, inside, shift, (line, dot))
            ax.axvline(promise, color=INK[dot], linewidth=1.2, dashes=(4, 3), zorder=1)
            how = {"xycoords": ax.get_xaxis_transform(), "color": INK[dot], "ha": "center"}
            note(ax, (promise, 1), _NAMES[inside], shift=(0, 10), **how)

    heights = (len(data) * _ROW + _HEAD + _FOOT,) * 2
    columns = [
        Column("label", first), Column("n", "Weeks judged", prose.count),
        Column("held80", "In 8 in 10", _RATE), Column("held95", "In 19 in 20", _RATE),
        Column("error", "Error", prose.Rate(1)), Column("naive_error", "“As last year”", prose.Rate(1)),
    ]  # fmt: skip
    key = tuple(Key(f"lay in their {_NAMES[inside]}", line) for _, inside, _, line, _ in _PROMISES)
    return figure(Words(title, subtitle, **words), f"{title}. {_said(data)}", draw, heights, data, columns, key=key)


def _axes(ax: Axes, data: pd.DataFrame, least: float) -> None:
    low = min(np.floor(least * 10 + 1e-9) / 10, 0.7)
    ticks = np.arange(round(low * 10), 11) / 10
    ticks = ticks if len(ticks) <= 6 else ticks[::-1][::2][::-1]
    ax.set(xlim=(low, 1.005), ylim=(-0.5, len(data) - 0.5))
    ax.set_xticks(ticks, _RATE.ticks(list(ticks)))
    ax.set_yticks([])
    ax.tick_params(axis="x", length=0, pad=6)
    ax.spines["bottom"].set_visible(False)
    ax.grid(visible=True, axis="x")
    for place, label in zip(_places(data), data["label"], strict=True):
        note(ax, (0, place), label, shift=(-10, 0), xycoords=ax.get_yaxis_transform(), ha="right", va="center")


def _places(data: pd.DataFrame) -> np.ndarray:
    """The first row stands on top."""
    return np.arange(len(data))[::-1].astype(float)


def _kept(ax: Axes, data: pd.DataFrame, inside: str, shift: float, colours: tuple[str, str]) -> None:
    line, dot = colours
    places = _places(data) + shift
    ax.hlines(places, data[f"held{inside}_low"], data[f"held{inside}_high"], colors=INK[line], linewidth=4, zorder=2)
    ax.scatter(
        data[f"held{inside}"], places, s=38, c=INK[dot], edgecolors=INK["surface"], linewidths=1.3, zorder=3,
        clip_on=False,
    )  # fmt: skip


def _said(data: pd.DataFrame) -> str:
    rows = [
        f"{row.label}: {_RATE(row.held80)} in their 8 in 10 and {_RATE(row.held95)} in their 19 in 20 of "
        f"{prose.count(row.n)}"
        for row in data.itertuples()
    ]
    return f"By horizon, {'; '.join(rows)}."
