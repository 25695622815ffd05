"""How is a figure of the house laid out? Sheets in pixels, axes by their margins, ticks, labels that keep apart.

A figure is drawn twice, 720 px wide and 358 px for phones: drawn, not scaled, so text is 12 px on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib import dates as mdates
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from barberlab.errors import BadInput
from barberlab.reports import blocks, prose, svg, tables, theme

WIDE, PHONE = 720, 358
LINE_HEIGHT = 15  # px from one line of 12 px text to the next
INK = theme.LIGHT
_GRAINS = ((360, "year"), (85, "quarter"), (28, "month"), (7, "week"), (0, "day"))  # least days between neighbours


@dataclass(frozen=True)
class Sheet:
    """What is drawn on: a drawing of `width` x `height` px."""

    drawing: Drawing
    width: int
    height: int

    @property
    def phone(self) -> bool:
        """Whether this is the narrow one."""
        return self.width == PHONE

    def axes(self, left: float, right: float, top: float, bottom: float) -> Axes:
        """Axes by their margins in px."""
        box = (left / self.width, bottom / self.height)
        size = ((self.width - left - right) / self.width, (self.height - top - bottom) / self.height)
        return self.drawing.add_axes((*box, *size))


@dataclass(frozen=True)
class Words:
    """What is written around a figure: slug, finding, how to read it, source, and the text for those who do not see it.

    `what` names the chart (the first sentence of the subtitle, if it is not given).
    """

    title: str
    subtitle: str
    slug: str = ""
    note: str = ""
    alt: str = ""
    what: str = ""


def figure(
    words: Words,
    alt: str,
    draw: Callable[[Sheet], None],
    heights: tuple[int, int],
    numbers: pd.DataFrame,
    columns: Sequence[tables.Column],
    **rest: object,
) -> blocks.Figure:
    """The block of a figure that `draw` draws on a wide and on a narrow sheet; `rest` is key and notes."""
    slug, alt = words.slug or blocks.slug(words.title), words.alt or alt
    what = words.what or words.subtitle.split(". ")[0].rstrip(".") or words.title
    wide, phone = (
        _drawn(draw, size, f"{slug}-{letter}", what, alt)
        for size, letter in (((WIDE, heights[0]), "w"), ((PHONE, heights[1]), "n"))
    )
    return blocks.Figure(
        slug, words.title, words.subtitle, wide, phone, alt,
        note=words.note, numbers=numbers, columns=tuple(columns), **rest,
    )  # fmt: skip


def _drawn(draw: Callable[[Sheet], None], size: tuple[int, int], slug: str, what: str, alt: str) -> Markup:
    width, height = size
    with rc_context(theme.rc()):
        drawing = Drawing(figsize=(width / 72, height / 72))
        draw(Sheet(drawing, width, height))
        return svg.inline(drawing, slug, what, alt)


def check(name: str, frame: pd.DataFrame, columns: Sequence[str | None]) -> None:
    """Raises BadInput for a column that `frame` does not have, or for no rows at all."""
    unknown = [column for column in columns if column is not None and column not in frame.columns]
    if unknown:
        have = ", ".join(map(str, frame.columns))
        raise BadInput(f"{name}: no column {', '.join(map(repr, unknown))}; the frame has {have}")
    if frame.empty:
        raise BadInput(f"{name}: the frame has no rows; show blocks.NotAvailable instead")


@cache
def text_width(text: str, bold: bool = False) -> float:
    """Width in px of `text` at 12 px in the figure font, which is wider than the pages' fonts."""
    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return TextPath((0, 0), text, size=12, prop=font, usetex=False).get_extents().x1


def shortened(text: str, width: float, bold: bool = False) -> str:
    """`text`, or its beginning and an ellipsis, so that it fits into `width` px."""
    if text_width(text, bold) <= width:
        return text
    kept = next(k for k in range(len(text) - 1, -1, -1) if text_width(f"{text[:k]}…", bold) <= width or k == 0)
    return f"{text[:kept].rstrip()}…"


def note(ax: Axes, at: tuple[float, float], text: str, *, shift: tuple[float, float] = (0, 0), **how: object) -> None:
    """One line of text at a point of the data, `shift` px away from it. More lines are more notes, 15 px apart."""
    how = {"color": INK["ink2"], "va": "center_baseline", "annotation_clip": False, **how}
    ax.annotate(text, at, xytext=shift, textcoords="offset points", **how)


def value_axis(ax: Axes, ticks: np.ndarray, labels: Sequence[str]) -> None:
    """The vertical scale: limits at the outer ticks, the unit on each."""
    ax.set_ylim(ticks[0], ticks[-1])
    ax.set_yticks(ticks, labels)
    ax.tick_params(axis="y", pad=8)


def kept_apart(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Centres in px for labels of `heights`: near to `wanted`, without overlap, between `low` and `high`."""
    order = np.argsort(wanted, kind="stable")
    placed = {}
    floor = low
    for k in order:
        placed[k] = max(wanted[k], floor + heights[k] / 2)
        floor = placed[k] + heights[k] / 2
    ceiling = high
    for k in order[::-1]:
        placed[k] = min(placed[k], ceiling - heights[k] / 2)
        ceiling = placed[k] - heights[k] / 2
    return [placed[k] for k in range(len(wanted))]


def in_pixels(ax: Axes, value: float) -> float:
    """Height in px above the foot of `ax`."""
    low, high = ax.get_ylim()
    return (value - low) / (high - low) * ax.get_window_extent().height * 72 / ax.figure.dpi


# Time.


def as_dates(periods: pd.Series) -> pd.Series:
    """First days of periods, from periods, timestamps, dates or their text."""
    if isinstance(periods.dtype, pd.PeriodDtype):
        return periods.dt.to_timestamp()
    return pd.to_datetime(periods)


def grain_of(dates: pd.Series) -> str:
    """day, week, month, quarter or year: the shortest step between neighbours tells."""
    gap = dates.drop_duplicates().sort_values().diff().dt.days.min()
    if pd.isna(gap):
        return "month" if (dates.dt.day == 1).all() else "day"
    return next(grain for days, grain in _GRAINS if gap >= days)


def short_period(when: pd.Timestamp, grain: str) -> str:
    """The shortest name of a period that still says which: Jun 2025, 30 Jun, Q2 2025."""
    if grain in ("quarter", "year"):
        return prose.period(when, grain)
    named = prose.short_month(when)
    return f"{named} {when.year}" if grain == "month" else f"{when.day} {named}"


def time_foot(dates: pd.Series, width: float) -> int:
    """Room in px that `time_axis` takes under the plot: one line of labels, or two if years stand under months."""
    return 22 + LINE_HEIGHT * any(year for _, _, year in _time_ticks(dates, width))


def time_axis(ax: Axes, dates: pd.Series, width: float, named: bool = True) -> None:
    """Ticks of time along the foot: days or months, and the year under the first and under each January."""
    ticks = _time_ticks(dates, width)
    ax.set_xticks(mdates.date2num([when for when, _, _ in ticks]), [label for _, label, _ in ticks])
    ax.tick_params(axis="x", pad=4, labelbottom=named)
    for when, _, year in ticks:
        if year and named:
            at = (mdates.date2num(when), 0)
            how = {"xycoords": ax.get_xaxis_transform(), "ha": "center", "va": "baseline", "color": INK["ink3"]}
            note(ax, at, year, shift=(0, -16 - LINE_HEIGHT), **how)


def _time_ticks(dates: pd.Series, width: float) -> list[tuple[pd.Timestamp, str, str]]:
    """(where, label, year under it or "")."""
    room, grain = max(2, int(width // 48)), grain_of(dates)
    known = sorted(dates.unique())
    if grain == "year":
        return [(when, str(when.year), "") for when in known[:: -(-len(known) // room)]]
    if grain in ("day", "week") and (known[-1] - known[0]).days <= 100:
        return _day_ticks(known[0], known[-1], room, grain)
    return _month_ticks(known[0], known[-1], room)


def _day_ticks(first: pd.Timestamp, last: pd.Timestamp, room: int, grain: str) -> list[tuple[pd.Timestamp, str, str]]:
    """Every day or second day of a short time, else Mondays, or the days on which given weeks begin."""
    steps = (1, 2, 7, 14, 28, 56) if grain == "day" else (7, 14, 28, 56)
    step = next(s for s in steps if (last - first).days // s < room)
    start = first if step < 7 or grain == "week" else first + pd.Timedelta(days=-first.weekday() % 7)
    dates = pd.date_range(start, last, freq=f"{step}D")
    return [(d, f"{d.day} {prose.short_month(d)}", str(d.year) if k == 0 else "") for k, d in enumerate(dates)]


def _month_ticks(first: pd.Timestamp, last: pd.Timestamp, room: int) -> list[tuple[pd.Timestamp, str, str]]:
    start = first if first.day == 1 else first + pd.offsets.MonthBegin()
    months = pd.date_range(start, last, freq="MS")
    step = next((s for s in (1, 2, 3, 6, 12, 24, 60) if len(months) / s <= room), 120)
    kept = [d for d in months if (d.year * 12 + d.month - 1) % step == 0]
    if step >= 12:
        return [(d, str(d.year), "") for d in kept]
    return [(d, prose.short_month(d), str(d.year) if k == 0 or d.month == 1 else "") for k, d in enumerate(kept)]
