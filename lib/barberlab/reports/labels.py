"""Where can a label stand without hiding anything? A pen that remembers what is taken."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from barberlab.reports.canvas import LINE_HEIGHT, note, text_width

_GAP, _DOT = 9, 5  # px from a point to its label; half of a dot's side

Box = tuple[float, float, float, float]  # left, foot, right, top in px within the axes


class Pen:
    """Writes labels beside points of one plot, where there is room; what finds none is left to the table."""

    def __init__(self, ax: Axes):
        self._ax = ax
        frame = ax.get_window_extent()
        scale = 72 / ax.figure.dpi
        self._width, self._height = frame.width * scale, frame.height * scale
        self._taken: list[Box] = []

    def _place(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1), (y0, y1) = self._ax.get_xlim(), self._ax.get_ylim()
        return (x - x0) / (x1 - x0) * self._width, (y - y0) / (y1 - y0) * self._height

    def keep_free(self, x: float, y: float) -> None:
        """Nothing may be written over the dot at a point of the data."""
        px, py = self._place(x, y)
        self._taken.append((px - _DOT, py - _DOT, px + _DOT, py + _DOT))

    def write(self, x: float, y: float, lines: Sequence[str], colour: str, weight: str = "normal") -> bool:
        """`lines` right of a point, else left, above or below it; False if there is no room."""
        px, py = self._place(x, y)
        wide = max(text_width(line, weight == "bold") for line in lines)
        tall = LINE_HEIGHT * len(lines)
        corners = {
            "left": ((px + _GAP, py - tall / 2), (px - wide / 2, py + _GAP), (px - wide / 2, py - _GAP - tall)),
            "right": ((px - _GAP - wide, py - tall / 2),),
        }
        options = [("left", *corners["left"][0]), ("right", *corners["right"][0])]
        options += [("left", *corner) for corner in corners["left"][1:]]
        for anchor, left, foot in options:
            box = (left, foot, left + wide, foot + tall)
            if self._free(box):
                self._write(box, anchor, lines, colour, weight)
                return True
        return False

    def _free(self, box: Box) -> bool:
        left, foot, right, top = box
        inside = left >= 0 and foot >= 0 and right <= self._width + 10 and top <= self._height
        return inside and not any(
            left < r + 2 and l - 2 < right and foot < t and f < top
            for l, f, r, t in self._taken  # noqa: E741
        )

    def _write(self, box: Box, anchor: str, lines: Sequence[str], colour: str, weight: str) -> None:
        left, _, right, top = box
        self._taken.append(box)
        for k, line in enumerate(lines):
            at = (left if anchor == "left" else right, top - LINE_HEIGHT * (k + 0.5))
            note(self._ax, (0, 0), line, shift=at, xycoords="axes fraction", ha=anchor, color=colour, weight=weight)
