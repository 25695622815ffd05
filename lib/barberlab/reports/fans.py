"""What comes next, and how sure is that? What is known as a line, what is not as a fan of three bands."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib.axes import Axes

from barberlab.errors import BadInput
from barberlab.reports import panels, prose
from barberlab.reports.blocks import Figure, Key
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

BANDS: Mapping[str, tuple[str, str]] = {"95": ("b95", "19 in 20"), "80": ("b80", "8 in 10"), "50": ("b50", "1 in 2")}
ENDS = tuple(f"{side}{inside}" for inside in BANDS for side in ("low", "high"))
_KEY = tuple(Key(words, colour) for colour, words in reversed(BANDS.values()))
_COUNT = prose.Count()


def fan(
    frame: pd.DataFrame,
    *,
    title: str,
    subtitle: str,
    form: prose.Format = _COUNT,
    scenario: pd.DataFrame | None = None,
    scenario_name: str = "",
    **words: str,
) -> Figure:
    """What was counted and what is foreseen of it, on one axis of time.

    frame: period, then `value` where it is known and `mid`, low50, high50, low80, high80, low95, high95 where it is
    foreseen; each row has the one or the other, known periods first. `scenario`, over the same periods ahead, is drawn
    as the outline of its 80 % over the plan's bands and on the same scale. `words` are slug, note, alt, what. Raises
    BadInput for a column that is not there, for nothing known and for nothing foreseen.
    """
    check("fan", frame, ("period", "value", "mid", *ENDS))
    data = frame.assign(period=as_dates(frame["period"])).astype({"value": float, "mid": float}).reset_index(drop=True)
    known, ahead = data[data["value"].notna()], data[data["mid"].notna()]
    if known.empty or ahead.empty or known.index[-1] > ahead.index[0]:
        raise BadInput("fan: needs known periods and then foreseen ones; show blocks.NotAvailable instead")

    def draw(sheet: Sheet) -> None:
        columns = [data["value"], data["low95"], data["high95"], *([] if scenario is None else [scenario["low80"]])]
        ticks = nice_ticks(*_reach(columns + ([] if scenario is None else [scenario["high80"]])), most=6)
        labels, ends = form.ticks(list(ticks)), _ends(ahead.iloc[-1], form, grain_of(data["period"]), sheet.phone)
        left, right = 10 + max(map(text_width, labels)), 14 + max(text_width(text, bold) for _, text, _, bold in ends)
        ax = sheet.axes(left, right, 24, time_foot(data["period"], sheet.width - left - right))
        value_axis(ax, ticks, labels)
        _bands(ax, known, ahead)
        if scenario is not None:
            _outline(ax, known, scenario.assign(period=as_dates(scenario["period"])))
        ax.margins(x=0)
        _parting(ax, known.iloc[-2:], form, sheet.phone)
        time_axis(ax, data["period"], sheet.width - left - right)
        _name_ends(ax, ahead["period"].iloc[-1], ends)

    key = _KEY + ((Key(scenario_name, "ink", "outline"),) if scenario is not None else ())
    alt = f"{title}. {_said(known, ahead, form)}"
    return figure(Words(title, subtitle, **words), alt, draw, (300, 260), *_numbers(data, form), key=key)


def fans(
    frame: pd.DataFrame, panel: str, *, title: str, subtitle: str, form: prose.Format = _COUNT, **words: str
) -> Figure:
    """The fans of up to nine shops on one scale, in the order in which they come; `frame` as of `fan`, by `panel`.

    Above each stands its last foreseen period with its 8 in 10. Raises BadInput as `fan` does, and for too many panels.
    """
    check("fans", frame, (panel, "period", "value", "mid", *ENDS))
    data = frame.assign(period=as_dates(frame["period"])).astype({"value": float, "mid": float})
    parts = {name: data[data[panel] == name].reset_index(drop=True) for name in data[panel].drop_duplicates()}
    panels.check_count(len(parts))
    split = {name: (part[part["value"].notna()], part[part["mid"].notna()]) for name, part in parts.items()}
    if any(known.empty or ahead.empty or known.index[-1] > ahead.index[0] for known, ahead in split.values()):
        raise BadInput("fans: each needs known periods and then foreseen ones; leave out those without")
    lasts = {name: ahead.iloc[-1] for name, (_, ahead) in split.items()}
    lines = {name: prose.span(last["low80"], last["high80"], form) for name, last in lasts.items()}

    def draw(sheet: Sheet) -> None:
        ticks = nice_ticks(*_reach([data["value"], data["low95"], data["high95"]]), most=4)
        labels = form.ticks(list(ticks))
        places = panels.places(sheet, len(parts), 10 + max(map(text_width, labels)))
        for (name, (known, ahead)), place in zip(split.items(), places, strict=True):
            ax = panels.framed(sheet, place, (str(name), lines[name]), ticks, labels, data["period"])
            _bands(ax, known, ahead)
            ax.axvline(known["period"].iloc[-1], color=INK["line2"], linewidth=1, dashes=(3, 3))

    said = "; ".join(f"{name}: {line}" for name, line in lines.items())
    alt = f"{title}. {prose.plural(len(parts), 'small fan')} on one scale, each with its last 8 in 10. {said}."
    numbers, columns = _numbers(data, form)
    columns = [Column(panel, panel.replace("_", " ").capitalize()), *columns]
    heights = panels.heights(len(parts))
    return figure(
        Words(title, subtitle, **words), alt, draw, heights, numbers.assign(**{panel: data[panel]}), columns, key=_KEY
    )


def _reach(columns: list[pd.Series]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(column, float) for column in columns])
    return float(np.nanmin(values)), float(np.nanmax(values))


def _bands(ax: Axes, known: pd.DataFrame, ahead: pd.DataFrame) -> None:
    """The bands open from the last known point: there is no gap between what was and what may come."""
    last = known.iloc[-1]
    when = [last["period"], *ahead["period"]]
    for inside, (colour, _) in BANDS.items():
        low, high = ([last["value"], *ahead[f"{side}{inside}"]] for side in ("low", "high"))
        ax.fill_between(when, low, high, color=INK[colour], linewidth=0)
    ax.plot(when, [last["value"], *ahead["mid"]], color=INK["med"], linewidth=2)
    ax.plot(known["period"], known["value"], color=INK["ink"], solid_capstyle="round", clip_on=False)
    ax.plot([last["period"]], [last["value"]], "o", color=INK["ink"], markeredgecolor=INK["surface"], clip_on=False)


def _outline(ax: Axes, known: pd.DataFrame, scenario: pd.DataFrame) -> None:
    last = known.iloc[-1]
    when = [last["period"], *scenario["period"]]
    for end in ("low80", "high80"):
        ax.plot(when, [last["value"], *scenario[end]], color=INK["ink"], linewidth=1.4, linestyle=(0, (4, 2)))


def _parting(ax: Axes, latest: pd.DataFrame, form: prose.Format, phone: bool) -> None:
    """The dashed line between known and forecast, with the last known value where the line does not run."""
    last, falls = latest.iloc[-1], latest["value"].iloc[0] > latest["value"].iloc[-1]
    ax.axvline(last["period"], color=INK["line2"], linewidth=1, linestyle=(0, (3, 3)))
    when, how = mdates.date2num(last["period"]), {"xycoords": ax.get_xaxis_transform(), "color": INK["ink3"]}
    note(ax, (when, 1), "known", shift=(-6, 8), ha="right", **how)
    note(ax, (when, 1), "forecast", shift=(6, 8), ha="left", **how)
    if not phone:
        at, shift = (when, last["value"]), (-9, -16 if falls else 6)
        note(ax, at, form(last["value"]), shift=shift, ha="right", weight="bold", color=INK["ink"])


def _ends(last: pd.Series, form: prose.Format, grain: str, phone: bool) -> list[tuple[float, str, str, bool]]:
    """What is written at the fan's right edge: height, text, colour, whether bold."""
    when = short_period(last["period"], grain).split(" ")[0] if grain == "month" else ""
    middle = (last["mid"], f"{when} {form(last['mid'])}".strip(), INK["med"], True)
    said = [("high95", "19 in 20"), ("high80", "8 in 10"), ("low80", ""), ("low95", "")]
    sides = [
        (last[end], f"{form(last[end])}{f', {words}' if words and not phone else ''}", INK["ink3"], False)
        for end, words in said
    ]
    return [middle, *sides]


def _name_ends(ax: Axes, last: pd.Timestamp, ends: list[tuple[float, str, str, bool]]) -> None:
    wanted = [in_pixels(ax, height) for height, *_ in ends]
    centres = kept_apart(wanted, [LINE_HEIGHT] * len(ends), -8, in_pixels(ax, ax.get_ylim()[1]) + 8)
    for (height, text, colour, bold), centre in zip(ends, centres, strict=True):
        how = {"color": colour, "weight": "bold"} if bold else {"color": colour}
        shift = (9, centre - in_pixels(ax, height))
        note(ax, (mdates.date2num(last), height), text, shift=shift, ha="left", va="center", **how)


def _said(known: pd.DataFrame, ahead: pd.DataFrame, form: prose.Format) -> str:
    grain = grain_of(pd.concat([known["period"], ahead["period"]]))
    first, last = known.iloc[-1], ahead.iloc[-1]
    return (
        f"Known to {prose.period(first['period'], grain)} ({form(first['value'])}), foreseen to "
        f"{prose.period(last['period'], grain)}: {form(last['mid'])}, 8 in 10 from {form(last['low80'])} to "
        f"{form(last['high80'])}, 19 in 20 from {form(last['low95'])} to {form(last['high95'])}."
    )


def _numbers(data: pd.DataFrame, form: prose.Format) -> tuple[pd.DataFrame, list[Column]]:
    grain = grain_of(data["period"])
    columns = [
        Column("period", grain.capitalize(), lambda d: prose.period(d, grain), right=False),
        Column("value", "Counted", form.table),
        Column("mid", "Foreseen", form.table),
    ]
    for inside, (_, words) in reversed(BANDS.items()):
        columns += [
            Column(f"{side}{inside}", words, form.table, unit=unit, secondary=inside == "95")
            for side, unit in (("low", "from"), ("high", "to"))
        ]
    return data[["period", "value", "mid", *ENDS]], columns
