"""Figures whose reader asks how something went: one line against the year before, or up to nine side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import dates as mdates
from matplotlib.axes import Axes

from barberlab.errors import BadInput
from barberlab.reports import panels, prose
from barberlab.reports.blocks import Figure
from barberlab.reports.canvas import (
    INK,
    LINE_HEIGHT,
    Sheet,
    Words,
    as_dates,
    check,
    figure,
    grain_of,
    in_pixels,
    kept_apart,
    note,
    short_period,
    text_width,
    time_axis,
    time_foot,
    value_axis,
)
from barberlab.reports.tables import Column
from barberlab.reports.ticks import nice_ticks

_COUNT = prose.Count()
FEW_POINTS = 8  # up to here each value has its dot


@dataclass(frozen=True)
class _Course:
    """One measure over time, and how it is printed. `partial` is said of a last period that is not over."""

    data: pd.DataFrame  # period, value, and before: the same period a year earlier, or NaN
    form: prose.Format
    grain: str
    before_name: str = ""
    partial: str = ""

    @property
    def last(self) -> pd.Series:
        return self.data.iloc[-1]

    @property
    def compared(self) -> bool:
        return bool(self.data["before"].notna().any())


def trend(
    frame: pd.DataFrame,
    period: str,
    value: str,
    *,
    title: str,
    subtitle: str,
    reference: str | None = None,
    reference_name: str = "a year before",
    partial_last: str | None = None,
    form: prose.Format = _COUNT,
    **words: str,
) -> Figure:
    """One measure over time, the last value named at the line's end.

    frame: one row a period. `reference` is a column with the value of the same period a year before, drawn in grey.
    `partial_last` ("June, 18 of 30 days") says that the last period is not over: it is dashed. A missing value is a
    gap. `words` are slug, note, alt, what. Raises BadInput for a column that is not there and for no value at all.
    """
    check("trend", frame, (period, value, reference))
    data = _in_order(frame, period, value, reference)
    course = _Course(data, form, grain_of(data["period"]), reference_name, partial_last or "")

    def draw(sheet: Sheet) -> None:
        ticks = nice_ticks(*_reach(data), most=6 if sheet.phone else 7)
        labels, ends = form.ticks(list(ticks)), _ends(course)
        left = 10 + max(map(text_width, labels))
        right = 14 + max(text_width(line, bold=k == 0) for _, lines, _ in ends for k, line in enumerate(lines))
        ax = sheet.axes(left, right, 10, time_foot(data["period"], sheet.width - left - right))
        value_axis(ax, ticks, labels)
        _lines(ax, course)
        ax.margins(x=0)
        time_axis(ax, data["period"], sheet.width - left - right)
        _name_ends(ax, course.last["period"], ends)

    alt = f"{title}. {_said(course)}"
    return figure(Words(title, subtitle, **words), alt, draw, (280, 240), *_numbers(course))


def small_multiples(
    frame: pd.DataFrame,
    panel: str,
    period: str,
    value: str,
    *,
    title: str,
    subtitle: str,
    results: Mapping[str, str] | None = None,
    reference: str | None = None,
    reference_name: str = "a year before",
    partial_last: str | None = None,
    form: prose.Format = _COUNT,
    **words: str,
) -> Figure:
    """The same measure for up to nine shops or regions, all on one scale, in the order in which they come.

    `results` is a line under each name ("+6%"). The rest as in `trend`. Order by place or by size, never by result.
    """
    check("small multiples", frame, (panel, period, value, reference))
    names = list(frame[panel].drop_duplicates())
    panels.check_count(len(names))
    parts = {name: _in_order(frame[frame[panel] == name], period, value, reference) for name in names}
    everything = pd.concat(parts.values())
    grain = grain_of(everything["period"])
    courses = {name: _Course(part, form, grain, reference_name, partial_last or "") for name, part in parts.items()}
    lines = {name: (results or {}).get(name) or form(course.last["value"]) for name, course in courses.items()}

    def draw(sheet: Sheet) -> None:
        ticks = nice_ticks(*_reach(everything), most=4)
        labels = form.ticks(list(ticks))
        places = panels.places(sheet, len(names), 10 + max(map(text_width, labels)))
        for (name, course), place in zip(courses.items(), places, strict=True):
            _lines(panels.framed(sheet, place, (str(name), lines[name]), ticks, labels, everything["period"]), course)

    said = "; ".join(f"{name}: {line}" for name, line in lines.items())
    alt = f"{title}. {prose.plural(len(names), 'small line chart')} on one scale. {said}."
    tall = panels.heights(len(names))
    numbers, columns = _numbers(_Course(pd.concat(parts, names=["panel"]).reset_index("panel"), form, grain,
                                        reference_name))  # fmt: skip
    columns.insert(0, Column("panel", panel.replace("_", " ").capitalize()))
    return figure(Words(title, subtitle, **words), alt, draw, tall, numbers, columns)


def _in_order(frame: pd.DataFrame, period: str, value: str, reference: str | None) -> pd.DataFrame:
    if frame[value].isna().all():
        raise BadInput(f"figure: column {value!r} holds no value; show blocks.NotAvailable instead")
    before = frame[reference] if reference else np.nan
    data = pd.DataFrame({"period": as_dates(frame[period]), "value": frame[value], "before": before})
    data[["value", "before"]] = data[["value", "before"]].astype("float64")
    return data.sort_values("period").reset_index(drop=True)


def _reach(data: pd.DataFrame) -> tuple[float, float]:
    known = data[["value", "before"]].to_numpy()
    return float(np.nanmin(known)), float(np.nanmax(known))


def _numbers(course: _Course) -> tuple[pd.DataFrame, list[Column]]:
    columns = [
        Column("period", course.grain.capitalize(), lambda d: prose.period(d, course.grain), right=False),
        Column("value", "Value", course.form.table),
    ]
    if course.compared:
        columns.append(Column("before", course.before_name.capitalize(), course.form.table))
    return course.data, columns


def _lines(ax: Axes, course: _Course) -> None:
    """The line in ink, the year before in grey; a last period that is not over is dashed and its dot hollow."""
    data, is_open = course.data, bool(course.partial)
    whole = data.iloc[:-1] if is_open else data
    if course.compared:
        _line(ax, data, "before", INK["line2"], 1.4)
    _line(ax, whole, "value", INK["ink"], 2.2)
    if is_open:
        last = data.iloc[-2:]
        ax.plot(last["period"], last["value"], color=INK["ink"], linestyle=(0, (2, 2)), linewidth=1.8, clip_on=False)
    if len(data) <= FEW_POINTS:
        ax.plot(whole["period"], whole["value"], "o", color=INK["ink"], markersize=6, clip_on=False)
    if ax.get_ylim()[0] < 0 < ax.get_ylim()[1]:
        ax.axhline(0, color=INK["line2"], linewidth=1)
    fill, edge = (INK["surface"], INK["ink"]) if is_open else (INK["ink"], INK["surface"])
    end = data.iloc[-1:]
    ax.plot(end["period"], end["value"], "o", markerfacecolor=fill, markeredgecolor=edge, clip_on=False)


def _line(ax: Axes, data: pd.DataFrame, value: str, colour: str, width: float) -> None:
    # seaborn leaves missing values out and so would bridge them; each unbroken run is its own unit.
    run = data[value].isna().cumsum()
    sns.lineplot(
        data, x="period", y=value, units=run, estimator=None, color=colour, linewidth=width, legend=False, ax=ax,
        clip_on=False, solid_capstyle="round",
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")


def _ends(course: _Course) -> list[tuple[float, list[str], str]]:
    """What is written at the lines' ends: height, lines of text (the first bold), colour."""
    last = course.last
    when = course.partial.split(", ") if course.partial else [short_period(last["period"], course.grain)]
    ends = [(last["value"], [course.form(last["value"]), *when], INK["ink"])]
    ends.append((last["before"], [course.form(last["before"]), course.before_name], INK["ink3"]))
    known = [end for end in ends if not np.isnan(end[0])]
    return known or [(float(course.data["value"].dropna().iloc[-1]), [prose.MISSING, *when], INK["ink3"])]


def _name_ends(ax: Axes, last: pd.Timestamp, ends: Sequence[tuple[float, list[str], str]]) -> None:
    heights = [LINE_HEIGHT * len(lines) + 4 for _, lines, _ in ends]
    wanted = [in_pixels(ax, height) for height, _, _ in ends]
    centres = kept_apart(wanted, heights, -8, in_pixels(ax, ax.get_ylim()[1]) + 8)
    for (height, lines, colour), centre in zip(ends, centres, strict=True):
        top = centre - in_pixels(ax, height) + LINE_HEIGHT * (len(lines) - 1) / 2
        for k, line in enumerate(lines):
            how = {"color": colour, "weight": "bold"} if k == 0 else {"color": INK["ink3"]}
            note(ax, (mdates.date2num(last), height), line, shift=(10, top - LINE_HEIGHT * k), ha="left", **how)


def _said(course: _Course) -> str:
    """Alt text: how many periods, the lowest, the highest, the last, and the year before."""

    def at(place: int) -> str:
        row = course.data.loc[place]
        before = {"day": "on", "week": "in the"}.get(course.grain, "in")
        return f"{course.form(row['value'])} {before} {prose.period(row['period'], course.grain)}"

    values = course.data["value"]
    ends = f"last {at(course.data.index[-1])}" + (f" ({course.partial})" if course.partial else "")
    reach = f"lowest {at(values.idxmin())}, highest {at(values.idxmax())}"
    before = course.last["before"]
    compared = "" if np.isnan(before) else f" The last, {course.before_name}: {course.form(before)}."
    return f"Line of {prose.plural(len(values), course.grain)}: {reach}, {ends}.{compared}"
