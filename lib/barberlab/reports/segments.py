"""Which segment does each shop belong to, and has it been so for long? A bar of all shops, and a grid of months."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from barberlab.errors import BadInput
from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.reports import prose
from barberlab.reports.blocks import Figure, Key
from barberlab.reports.canvas import INK, Sheet, Words, check, figure, note, shortened, text_width
from barberlab.reports.tables import Column

COLOURS = dict(zip(SEGMENTS, ("seg1", "seg2", "seg3", "seg4", "seg5"), strict=True))
MOST_ROWS = 40
_ROW, _BAR, _GAP = 22, 44, 2  # px


def segment_bar(counts: pd.Series, *, title: str, subtitle: str, **words: str) -> Figure:
    """All shops in one bar: five segments from best to worst and the uncertain last, each with its number.

    counts: shops by segment, UNCERTAIN among them; absent ones are none.
    """
    data = pd.DataFrame({"segment": [*SEGMENTS, UNCERTAIN]})
    data["shops"] = counts.reindex(data["segment"]).fillna(0).astype(int).to_numpy()
    if not data["shops"].sum():
        raise BadInput("segment bar: there is no shop in it; show blocks.NotAvailable instead")

    def draw(sheet: Sheet) -> None:
        ax = _blank(sheet.axes(1, 1, 1, 1))
        ax.set_xlim(0, sheet.width - 2)
        ax.set_ylim(0, _BAR)
        left = 0.0
        for row, width in zip(data.itertuples(), _widths(data["shops"], sheet.width - 2), strict=True):
            if row.shops:
                _block(ax, row.segment, (left, 0, width, _BAR), prose.count(row.shops))
                left += width + _GAP

    key = tuple(_key(row.segment, f"{row.segment} {prose.count(row.shops)}") for row in data.itertuples())
    columns = [Column("segment", "Segment"), Column("shops", "Shops", prose.count)]
    listed = prose.listed([f"{row.shops} {row.segment.lower()}" for row in data.itertuples() if row.shops])
    alt = f"{title}. One bar of {prose.plural(int(data['shops'].sum()), 'shop')}: {listed}."
    return figure(Words(title, subtitle, **words), alt, draw, (_BAR + 2, _BAR + 2), data, columns, key=key)


def stability(frame: pd.DataFrame, *, title: str, subtitle: str, **words: str) -> Figure:
    """The segment of each shop in each month, a shop a row; an uncertain month is empty.

    frame: shop, period, segment. Over 40 shops those that changed most often stay, and the figure says so. On a phone
    the last six months.
    """
    check("stability", frame, ("shop", "period", "segment"))
    wide = frame.pivot(index="shop", columns="period", values="segment")
    shown, left_out = _most_changed(wide)

    def draw(sheet: Sheet) -> None:
        months = shown.iloc[:, -6:] if sheet.phone else shown
        names = [shortened(str(name), 118 if sheet.phone else 200) for name in months.index]
        left = 12 + max(map(text_width, names))
        ax = _blank(sheet.axes(left, 2, 26, 2))
        ax.set_xlim(0, len(months.columns))
        ax.set_ylim(len(months), 0)
        for row, name in enumerate(names):
            note(ax, (0, row + 0.5), name, shift=(-10, 0), ha="right")
            for place, segment in enumerate(months.iloc[row]):
                _block(ax, segment, (place + 0.04, row + 0.1, 0.92, 0.8))
        _month_names(ax, list(months.columns), sheet.width - left)

    key = tuple(_key(name, name) for name in (*SEGMENTS, UNCERTAIN) if (wide == name).any(axis=None))
    columns = [
        Column("shop", "Shop"),
        Column("period", "Month to", prose.month, right=False),
        Column("segment", "Segment"),
    ]
    changed = int(_changes(wide).gt(0).sum())
    alt = (
        f"{title}. {prose.plural(len(wide), 'shop')} over {prose.plural(len(wide.columns), 'month')}; "
        f"{prose.spelled(changed)} changed segment at least once."
    )
    height = len(shown) * _ROW + 30
    numbers = frame[["shop", "period", "segment"]].sort_values(["shop", "period"])
    return figure(
        Words(title, subtitle, **words),
        alt,
        draw,
        (height, height),
        numbers,
        columns,
        key=key,
        wide_note=left_out,
        phone_note=f"{left_out} The last six months.".strip() if len(wide.columns) > 6 else left_out,
    )


def _month_names(ax: Axes, months: list[pd.Timestamp], width: float) -> None:
    """The months over their columns, the last one's year where there is room."""
    cell = width / len(months)
    step = -(-34 // int(cell)) if cell < 34 else 1
    for place in range((len(months) - 1) % step, len(months), step):
        last = place == len(months) - 1
        label = prose.short_month(months[place])
        if last and step * cell >= 50:
            note(ax, (place + 1, 0), f"{label} {months[place].year}", shift=(0, 12), ha="right", color=INK["ink3"])
        else:
            note(ax, (place + 0.5, 0), label, shift=(0, 12), ha="center", color=INK["ink3"])


def flips(frame: pd.DataFrame) -> float:
    """Share of neighbouring months in which a shop's segment changed; uncertain is one of them. NaN for one month."""
    wide = frame.pivot(index="shop", columns="period", values="segment")
    pairs = wide.notna().iloc[:, 1:].to_numpy() & wide.notna().iloc[:, :-1].to_numpy()
    differ = (wide.iloc[:, 1:].to_numpy() != wide.iloc[:, :-1].to_numpy()) & pairs
    return float(differ.sum() / pairs.sum()) if pairs.any() else float("nan")


def _changes(wide: pd.DataFrame) -> pd.Series:
    known = wide.notna().iloc[:, 1:].to_numpy() & wide.notna().iloc[:, :-1].to_numpy()
    differ = (wide.iloc[:, 1:].to_numpy() != wide.iloc[:, :-1].to_numpy()) & known
    return pd.Series(differ.sum(axis=1), index=wide.index)


def _most_changed(wide: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    if len(wide) <= MOST_ROWS:
        return wide, ""
    kept = _changes(wide).sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    return wide.loc[sorted(kept)], f"{MOST_ROWS} of {prose.count(len(wide))} shown: those that changed most often."


def _widths(counts: Sequence[int], width: float) -> np.ndarray:
    """px of each block: by its count, and never too narrow for its number."""
    counts = np.asarray(counts, float)
    least = np.array([text_width(prose.count(n), bold=True) + 12 if n else 0 for n in counts])
    room = width - _GAP * (np.count_nonzero(counts) - 1)
    wanted = counts / counts.sum() * room
    short = wanted < least
    rest = room - least[short].sum()
    return np.where(short, least, counts / max(counts[~short].sum(), 1) * rest)


def _blank(ax: Axes) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)
    return ax


def _block(ax: Axes, segment: object, box: tuple[float, float, float, float], text: str = "") -> None:
    """A filled block, hatched with an edge where uncertain, nothing where not known."""
    left, foot, width, height = box
    if segment == UNCERTAIN:
        how = {"facecolor": INK["surface"], "edgecolor": INK["line2"], "linewidth": 1, "linestyle": (0, (3, 2))}
        ax.add_patch(Rectangle((left, foot), width, height, **how))
    elif segment in COLOURS:
        ax.add_patch(Rectangle((left, foot), width, height, facecolor=INK[COLOURS[segment]], linewidth=0))
    if text:
        colour = INK["ink2"] if segment == UNCERTAIN else INK[COLOURS[segment].replace("seg", "on")]
        note(ax, (left + width / 2, foot + height / 2), text, ha="center", color=colour, weight="bold")


def _key(segment: str, label: str) -> Key:
    return Key(label, "line2", "outline") if segment == UNCERTAIN else Key(label, COLOURS[segment])
