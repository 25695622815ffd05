"""When in the week? A heat map of weekdays and half-hours in six bins, never a continuous scale."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from barberlab.errors import BadInput
from barberlab.reports import prose
from barberlab.reports.blocks import Figure, Key
from barberlab.reports.canvas import INK, Sheet, Words, check, figure, note
from barberlab.reports.tables import Column

_RATE = prose.Rate()
_CELL_TALL_WIDE, _CELL_TALL_PHONE = 30, 22  # px
_HOT = 5  # the sixth bin, over capacity


def heat(
    frame: pd.DataFrame,
    weekday: str,
    slot: str,
    value: str,
    *,
    title: str,
    subtitle: str,
    edges: Sequence[float],
    over: str = "",
    printed: str | None = None,
    form: prose.Format = _RATE,
    closed: str = "closed",
    **words: str,
) -> Figure:
    """Weekdays (0 is Monday) by `slot` (minutes since midnight), one row of the frame a cell.

    `edges` rise and bound the bins from above, the last bin is open. Five edges make six bins; the sixth is "over
    capacity", is named by `over`, and alone carries the numbers of the column `printed`. Four edges make five bins and
    no alarm. A missing value is a cell that is closed: outlined and empty.
    """
    check("heat", frame, (weekday, slot, value, printed))
    if len(edges) not in (4, 5) or list(edges) != sorted(set(edges)) or (len(edges) == 5) != bool(over):
        raise BadInput("heat: edges must rise; five and a name for what is over the last, or four and none")
    grid = _grid(frame, weekday, slot, value)
    numbers = _grid(frame, weekday, slot, printed) if printed else None

    def draw(sheet: Sheet) -> None:
        turned = [part.T if sheet.phone and part is not None else part for part in (grid, numbers)]
        _heat(sheet, *turned, edges)

    key = _key(edges, over, form, closed, bool(grid.isna().any(axis=None)))
    wide, tall = 26 + 7 * _CELL_TALL_WIDE, 26 + len(grid.columns) * _CELL_TALL_PHONE
    alt = f"{title}. {_said(grid, edges, over, form)}"
    data = frame[[weekday, slot, value, *([printed] if printed else [])]].sort_values([weekday, slot])
    columns = [
        Column(weekday, "Weekday", lambda k: prose.DAYS[int(k)], right=False), Column(slot, "From", _clock),
        Column(value, "Value", form.table, missing=closed),
    ]  # fmt: skip
    columns += [Column(printed, over.capitalize(), prose.count)] if printed else []
    return figure(Words(title, subtitle, **words), alt, draw, (wide, tall), data, columns, key=key)


def _grid(frame: pd.DataFrame, weekday: str, slot: str, value: str) -> pd.DataFrame:
    """All seven days over all slots between the first and the last, at the finest step there is."""
    twice = frame.duplicated([weekday, slot])
    if twice.any() or not frame[weekday].between(0, 6).all() or not pd.api.types.is_numeric_dtype(frame[slot]):
        raise BadInput("heat: one row a weekday (0 to 6) and slot (minutes since midnight); aggregate the frame first")
    slots = np.sort(frame[slot].unique())
    step = int(np.diff(slots).min()) if len(slots) > 1 else 30
    wide = frame.pivot(index=weekday, columns=slot, values=value).astype("float64")
    return wide.reindex(index=range(7), columns=range(int(slots[0]), int(slots[-1]) + step, step))


def _heat(sheet: Sheet, grid: pd.DataFrame, numbers: pd.DataFrame | None, edges: Sequence[float]) -> None:
    """Wide: days run down and time across; phone: the other way round, so that a cell stays large enough."""
    ax = sheet.axes(48 if sheet.phone else 36, 2, 24, 2)
    bins = _bins(grid, edges)
    sns.heatmap(
        bins, cmap=ListedColormap([INK[f"q{k}"] for k in range(1, len(edges) + 2)]), vmin=-0.5, vmax=len(edges) + 0.5,
        cbar=False, ax=ax, linewidths=2, linecolor=INK["surface"], xticklabels=False, yticklabels=False,
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    for row, column in np.argwhere(grid.isna().to_numpy()):
        ax.add_patch(Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, fill=False, edgecolor=INK["line"], linewidth=1))
    days, slots = list(prose.DAYS), [_clock(m) if m % 120 == 0 else "" for m in (grid.index if sheet.phone else grid)]
    _head(ax, days if sheet.phone else slots, centred=sheet.phone)
    _side(ax, slots if sheet.phone else days, centred=not sheet.phone)
    if numbers is not None:
        _print_over(ax, bins, numbers)


def _bins(grid: pd.DataFrame, edges: Sequence[float]) -> pd.DataFrame:
    """The number of each cell's bin from 0; an edge belongs to the bin under it, closed cells stay missing."""
    return grid.apply(lambda column: np.where(column.isna(), np.nan, np.digitize(column, edges, right=True)))


def _head(ax: Axes, labels: Sequence[str], centred: bool) -> None:
    for k, label in enumerate(labels):
        note(ax, (k + 0.5 * centred, 0), label, shift=(0, 12), ha="center" if centred else "left", color=INK["ink3"])


def _side(ax: Axes, labels: Sequence[str], centred: bool) -> None:
    for k, label in enumerate(labels):
        place = k + (0.5 if centred else 0.3)
        note(ax, (0, place), label, shift=(-8, 0), ha="right", color=INK["ink3"])


def _print_over(ax: Axes, bins: pd.DataFrame, numbers: pd.DataFrame) -> None:
    for row, column in np.argwhere((bins == _HOT).to_numpy()):
        number = numbers.iloc[row, column]
        if not pd.isna(number):
            at = (column + 0.5, row + 0.5)
            note(ax, at, prose.count(number), ha="center", color=INK["onq6"], weight="bold")


def _clock(minutes: float) -> str:
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}"


def _key(edges: Sequence[float], over: str, form: prose.Format, closed: str, any_closed: bool) -> tuple[Key, ...]:
    """under 45%, 45–60%, ..., over 100%: turned away, closed."""
    texts = form.ticks(list(edges))
    between = [form.joined(low, high, "–") for low, high in pairwise(texts)]
    last = f"over {texts[-1]}: {over}" if over else f"over {texts[-1]}"
    keys = [Key(text, f"q{k}") for k, text in enumerate([f"under {texts[0]}", *between, last], start=1)]
    return (*keys, *([Key(closed, "line2", "outline")] if any_closed else []))


def _said(grid: pd.DataFrame, edges: Sequence[float], over: str, form: prose.Format) -> str:
    """Alt text: the hours covered, what is over, the fullest and the emptiest cell."""
    cells = grid.stack()
    cells = cells[cells.notna()]

    def at(place: tuple[int, int]) -> str:
        return f"{form(cells[place])} on {prose.DAYS[place[0]]} at {_clock(place[1])}"

    hours = f"Heat map of weekdays by time of day, {_clock(grid.columns[0])} to {_clock(grid.columns[-1])}."
    ends = f"Highest {at(cells.idxmax())}, lowest {at(cells.idxmin())}."
    hot = int((cells > edges[-1]).sum())
    alarm = f" {prose.plural(hot, 'cell')} over {form.ticks(list(edges))[-1]} ({over})." if over else ""
    return f"{hours} {ends}{alarm}"
