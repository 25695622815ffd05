"""Where does each of several small charts stand? Up to nine on one scale, three abreast, two on a phone."""

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib.axes import Axes

from barberlab.errors import BadInput
from barberlab.reports.canvas import INK, Sheet, note, shortened, time_axis, value_axis

MOST = 9
_ABREAST = (3, 2)  # wide, on a phone
_PLOT, _ABOVE, _FOOT, _BETWEEN = 84, 54, 40, 22  # px: plot, its name above it, the time axis, the gap beside it

type Place = tuple[float, float, float, bool, bool]


def check_count(panels: int) -> None:
    """Raises BadInput for more panels than can be read."""
    if panels > MOST:
        raise BadInput(f"small multiples: {panels} panels, at most {MOST} can be read; choose or group them")


def heights(panels: int) -> tuple[int, int]:
    """The figure's height in px, wide and on a phone."""
    wide, phone = (-(-panels // abreast) * (_PLOT + _ABOVE) + _FOOT for abreast in _ABREAST)
    return wide, phone


def places(sheet: Sheet, panels: int, left: float) -> list[Place]:
    """Of each panel: left and top in px, width, whether it stands at the left, and at the foot of its column."""
    columns = _ABREAST[sheet.phone]
    width = (sheet.width - left - 8 - _BETWEEN * (columns - 1)) / columns
    return [
        (
            left + (k % columns) * (width + _BETWEEN),
            (k // columns) * (_PLOT + _ABOVE) + _ABOVE,
            width,
            k % columns == 0,
            k + columns >= panels,
        )
        for k in range(panels)
    ]


def framed(
    sheet: Sheet, place: Place, named: tuple[str, str], ticks: np.ndarray, labels: list[str], dates: pd.Series
) -> Axes:
    """A panel's axes, with its name and result above it; what is drawn on them comes after."""
    left, top, width, at_left, at_foot = place
    ax = sheet.axes(left, sheet.width - left - width, top, sheet.height - top - _PLOT)
    value_axis(ax, ticks, labels)
    ax.set_xlim(*mdates.date2num([dates.min(), dates.max()]))
    time_axis(ax, dates, width, named=at_foot)
    ax.tick_params(labelleft=at_left)
    name = shortened(named[0], width, bold=True)
    note(ax, (0, 1), name, shift=(0, 30), xycoords="axes fraction", weight="bold", color=INK["ink"])
    note(ax, (0, 1), named[1], shift=(0, 15), xycoords="axes fraction")
    return ax
