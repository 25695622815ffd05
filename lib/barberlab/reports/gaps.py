"""Which shops differ, and by how much? Each with its range, in colour only where the gap is real (a caterpillar)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from barberlab.reports import prose
from barberlab.reports.blocks import Figure
from barberlab.reports.canvas import INK, Sheet, Words, check, figure, note, shortened, text_width
from barberlab.reports.tables import Column
from barberlab.reports.ticks import nice_ticks

MOST_ROWS, MOST_ROWS_ON_A_PHONE = 40, 20
_ROW, _LINE = 20, 14  # px
_NAME, _NAME_ON_A_PHONE = 200, 118  # px
_COLUMNS = ["label", "mid", "low80", "high80", "low95", "high95", "real"]
_CHANGE = prose.Change()


def ranges(
    frame: pd.DataFrame,
    label: str,
    mid: str,
    low80: str,
    high80: str,
    low95: str,
    high95: str,
    real: str,
    *,
    title: str,
    subtitle: str,
    centre: float = 0.0,
    centre_name: str = "network",
    band: float = 0.0,
    better: str = "higher",
    form: prose.Format = _CHANGE,
    **words: str,
) -> Figure:
    """Shops sorted by their gap, each with its dot, thick 8 in 10 and thin 19 in 20 (a caterpillar).

    Only rows whose column `real` is true are in colour and bold: blue where they are `better` ("higher" or "lower"),
    orange where they fall short. `band` is the half width of practical equality around `centre`. Over 40 rows (20 on a
    phone) the real ones stay, with shops at even steps of the rest, and the figure says so.
    """
    check("ranges", frame, (label, mid, low80, high80, low95, high95, real))
    data = frame[[label, mid, low80, high80, low95, high95, real]].set_axis(_COLUMNS, axis=1)
    data = data.sort_values("mid", ascending=False, kind="stable").reset_index(drop=True)
    data["real"] = data["real"].eq(True).fillna(False).astype(bool)
    whole = data.dropna()
    check("ranges", whole, ())
    shown = {on_phone: _shown(whole, most) for on_phone, most in ((False, MOST_ROWS), (True, MOST_ROWS_ON_A_PHONE))}
    plan = _Caterpillar(centre, centre_name, band, better, form)

    def draw(sheet: Sheet) -> None:
        _caterpillar(sheet, shown[sheet.phone], plan)

    heights = tuple(len(rows) * _row(rows, on_phone) + 34 for on_phone, rows in shown.items())
    notes = {"wide_note": _left_out(data, shown[False]), "phone_note": _left_out(data, shown[True])}
    columns = [Column("label", label.replace("_", " ").capitalize()), Column("mid", "Middle", form.table)]
    columns += [
        Column("low80", "8 in 10", form.table, unit="from"), Column("high80", "8 in 10", form.table, unit="to"),
        Column("low95", "19 in 20", form.table, unit="from", secondary=True),
        Column("high95", "19 in 20", form.table, unit="to", secondary=True),
        Column("real", "Real", lambda yes: "yes" if yes else "could be chance", right=False),
    ]  # fmt: skip
    alt = f"{title}. {_said_of_ranges(whole, plan)}"
    return figure(Words(title, subtitle, **words), alt, draw, heights, data, columns, **notes)


@dataclass(frozen=True)
class _Caterpillar:
    centre: float
    centre_name: str
    band: float
    better: str
    form: prose.Format

    def colour(self, mid: float) -> str:
        return INK["seg1"] if (mid > self.centre) == (self.better == "higher") else INK["seg5"]


def _shown(data: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows if they fit; else the real ones (the outermost, if even they are too many) and quantiles of the rest."""
    if len(data) <= most:
        return data
    real, rest = data[data["real"]], data[~data["real"]]
    if len(real) > most - 5:
        half = (most - 5) // 2
        real = pd.concat([real.iloc[:half], real.iloc[-half:]])
    steps = min(len(rest), max(5, min(most - len(real), most // 2)))
    # The middles of equal shares: of nine steps the 5th is the median of the rest.
    places = np.unique(((np.arange(steps) + 0.5) / steps * len(rest)).astype(int)) if steps else []
    return pd.concat([real, rest.iloc[places]]).sort_values("mid", ascending=False)


def _left_out(data: pd.DataFrame, shown: pd.DataFrame) -> str:
    """What is not drawn, in a sentence or two: rows without a range, and those that quantiles stand for."""
    whole = data.dropna()
    absent = len(data) - len(whole)
    unknown = f"{absent} without a range {'is' if absent == 1 else 'are'} not drawn." if absent else ""
    return f"{_chosen(whole, shown)} {unknown}".strip()


def _chosen(data: pd.DataFrame, shown: pd.DataFrame) -> str:
    if len(shown) == len(data):
        return ""
    real, all_real = int(shown["real"].sum()), int(data["real"].sum())
    first = (
        f"the {prose.spelled(real)} that differ"
        if real == all_real
        else f"the {real} outermost of {prose.count(all_real)} that differ"
    )
    rest = f"{prose.spelled(len(shown) - real)} at even steps of the rest"
    parts = rest if real == 0 else f"{first} and {rest}"
    return f"{len(shown)} of {prose.count(len(data))} shown: {parts}."


def _caterpillar(sheet: Sheet, rows: pd.DataFrame, plan: _Caterpillar) -> None:
    names = [_lines(row, sheet.phone) for row in rows.itertuples()]
    left = 14 + max(
        text_width(one, bold=row.real) for row, name in zip(rows.itertuples(), names, strict=True) for one in name
    )
    ax = sheet.axes(left, 4, 26, 8)
    places = np.arange(len(rows))[::-1]
    ax.set_ylim(-0.5, len(rows) - 0.5)
    _across_axis(ax, rows, plan, sheet, left)
    bars = [plan.colour(row.mid) if row.real else INK["ref50"] for row in rows.itertuples()]
    dots = [plan.colour(row.mid) if row.real else INK["ink3"] for row in rows.itertuples()]
    ax.hlines(places, rows["low95"], rows["high95"], colors=bars, linewidth=1)
    ax.hlines(places, rows["low80"], rows["high80"], colors=bars, linewidth=4)
    ax.scatter(rows["mid"], places, s=38, c=dots, edgecolors=INK["surface"], linewidths=1.3, zorder=3)
    for place, name, row in zip(places, names, rows.itertuples(), strict=True):
        bold = {"weight": "bold", "color": INK["ink"]} if row.real else {}
        for up, line in zip((0,) if len(name) == 1 else (_LINE / 2, -_LINE / 2), name, strict=True):
            note(ax, (0, place), line, shift=(-10, up), xycoords=ax.get_yaxis_transform(), ha="right", **bold)
        if row.real:
            _value(ax, place, row, plan)


def _lines(row: object, on_phone: bool) -> list[str]:
    """A row's name; one that is too long for a phone breaks after its comma, and what is too long still is cut."""
    most, name = _NAME_ON_A_PHONE if on_phone else _NAME, str(row.label)
    first, comma, rest = name.partition(", ")
    whole = not on_phone or not comma or text_width(name, bold=row.real) <= most
    return [shortened(line, most, bold=row.real) for line in ([name] if whole else [f"{first},", rest])]


def _row(rows: pd.DataFrame, on_phone: bool) -> int:
    """Height of a row in px, as high as the name with most lines."""
    return _ROW + _LINE * (max(len(_lines(row, on_phone)) for row in rows.itertuples()) - 1)


def _value(ax: Axes, place: int, row: object, plan: _Caterpillar) -> None:
    """A real gap's size, on the side that turns away from the network's line."""
    above = row.mid > plan.centre
    end, shift, anchor = (row.high95, 6, "left") if above else (row.low95, -6, "right")
    how = {"color": plan.colour(row.mid), "weight": "bold", "ha": anchor}
    note(ax, (end, place), plan.form(row.mid), shift=(shift, 0), **how)


def _across_axis(ax: Axes, rows: pd.DataFrame, plan: _Caterpillar, sheet: Sheet, left: float) -> None:
    """Ticks on top, vertical grid, the band of practical equality and the line of the network."""
    low, high = _reach(rows, plan, sheet.width - left)
    ticks = [t for t in nice_ticks(low, high, most=5 if sheet.phone else 7) if low <= t <= high]
    labels = [
        plan.centre_name if abs(tick - plan.centre) < 1e-12 else text
        for tick, text in zip(ticks, plan.form.ticks(ticks), strict=True)
    ]
    ax.set_xlim(low, high)
    ax.set_xticks(ticks, labels)
    ax.set_yticks([])
    ax.xaxis.tick_top()
    ax.tick_params(axis="x", length=0, pad=6)
    ax.spines["bottom"].set_visible(False)
    ax.grid(visible=True, axis="x")
    if plan.band:
        ax.axvspan(plan.centre - plan.band, plan.centre + plan.band, color=INK["sunk"], zorder=0.4)
    ax.axvline(plan.centre, color=INK["line2"], linewidth=1, zorder=1.5)


def _reach(rows: pd.DataFrame, plan: _Caterpillar, width: float) -> tuple[float, float]:
    """Limits that hold all ranges, the band, and at either side the sizes of the real gaps."""
    low = min(float(rows["low95"].min()), plan.centre - plan.band)
    high = max(float(rows["high95"].max()), plan.centre + plan.band)
    real = rows[rows["real"]]
    label = 8 + max((text_width(plan.form(mid), bold=True) for mid in real["mid"]), default=0)
    per_px = (high - low or 1) / (width - 2 * label)
    above = real["mid"] > plan.centre
    ends = [real.loc[~above, "low95"].min() - label * per_px, real.loc[above, "high95"].max() + label * per_px]
    return float(np.nanmin([low, ends[0]])), float(np.nanmax([high, ends[1]]))


def _said_of_ranges(data: pd.DataFrame, plan: _Caterpillar) -> str:
    real = data[data["real"]]
    above, below = real[real["mid"] > plan.centre], real[real["mid"] <= plan.centre]

    def told(rows: pd.DataFrame, side: str) -> str:
        if rows.empty:
            return f"None clearly {side} the {plan.centre_name}."
        first = [f"{r.label} {plan.form(r.mid)} (8 in 10: {prose.span(r.low80, r.high80, plan.form)})" for r in
                 rows.head(3).itertuples()]  # fmt: skip
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        return f"Clearly {side} the {plan.centre_name}: {prose.listed(first) if not more else ', '.join(first) + more}."

    rest = len(data) - len(real)
    others = "All" if real.empty else "The other"
    chance = f"{others} {prose.plural(rest, 'gap') if rest > 1 else 'gap'} could be chance." if rest else ""
    head = f"{prose.plural(len(data), 'row')} sorted from highest to lowest."
    return f"{head} {told(above, 'above')} {told(below.iloc[::-1], 'below')} {chance}".strip()
