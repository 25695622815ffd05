"""How does a frame become a table that can be read, heard and printed?

Every cell is escaped; numbers stand right and in one unit a column; a missing value says so, and why if that is known.
On a phone only the columns remain that are not `secondary`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from barberlab.errors import BadInput
from barberlab.reports import prose


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `key` is the frame's column, `label` its heading, `unit` a second line under it. `form` prints a value: a `Format`,
    any function of the value, or None for text. `missing` is why a value may be absent ("needs table 8, shifts"), read
    by whoever points at the n/a. `secondary` columns are left out on a phone. A mark (tag, link,
    sparkline) is put in as it is; all else is escaped.
    """

    key: str
    label: str
    form: Callable[[object], str] | None = None
    unit: str = ""
    secondary: bool = False
    missing: str = "no value"
    right: bool | None = None

    @property
    def classes(self) -> str:
        """The CSS classes of its cells."""
        right = self.form is not None if self.right is None else self.right
        return " ".join(name for name, on in (("r", right), ("secondary", self.secondary)) if on)


def table(frame: pd.DataFrame, columns: Sequence[Column], caption: str = "") -> Markup:
    """`frame` as an HTML table, its rows in the frame's order, the first column as the rows' headings.

    Raises BadInput for no columns and for a column that the frame does not have.
    """
    unknown = [column.key for column in columns if column.key not in frame.columns]
    if not columns or unknown:
        have = ", ".join(map(str, frame.columns))
        raise BadInput(f"table: no column {', '.join(map(repr, unknown)) or 'asked for'}; the frame has {have}")
    head = Markup("").join(_heading(column) for column in columns)
    cells = [[_cell(value, column) for value in frame[column.key]] for column in columns]
    before = _opened(columns)
    rows = Markup("".join(_row(before, values) for values in zip(*cells, strict=True)))
    title = Markup("<caption>{}</caption>").format(caption) if caption else ""
    return Markup('<table class="t">{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(title, head, rows)


def columns_of(frame: pd.DataFrame) -> list[Column]:
    """Columns for a frame nobody described: labels from its names, numbers with thousands and to two decimals."""
    return [
        Column(name, str(name).replace("_", " ").capitalize(), _plain if pd.api.types.is_numeric_dtype(kind) else None)
        for name, kind in frame.dtypes.items()
    ]


def _plain(value: float) -> str:
    whole = float(value).is_integer()
    return prose.count(value) if whole else prose.Number(2).table(value)


def _attributes(classes: str) -> Markup:
    return Markup(' class="{}"').format(classes) if classes else Markup("")


def _heading(column: Column) -> Markup:
    unit = Markup("<small>{}</small>").format(column.unit) if column.unit else ""
    return Markup('<th scope="col"{}>{}{}</th>').format(_attributes(column.classes), column.label, unit)


def _opened(columns: Sequence[Column]) -> list[Markup]:
    first, *rest = (_attributes(column.classes) for column in columns)
    return [Markup('<th scope="row"{}>').format(first), *(Markup("<td{}>").format(classes) for classes in rest)]


def _row(before: Sequence[Markup], values: Sequence[Markup]) -> str:
    # Joined as text, because all of it is escaped: a list of hundreds of shops is made while somebody waits.
    rest = "".join(f"{opened}{value}</td>" for opened, value in zip(before[1:], values[1:], strict=True))
    return f"<tr>{before[0]}{values[0]}</th>{rest}</tr>"


def _cell(value: object, column: Column) -> Markup:
    if hasattr(value, "__html__"):
        return escape(value)
    text = prose.MISSING if prose.missing(value) else column.form(value) if column.form else _text(value)
    if text == prose.MISSING:
        return Markup('<span class="dim" title="{}">{}</span>').format(column.missing, text)
    return escape(text)


def _text(value: object) -> str:
    return prose.day(value) if isinstance(value, pd.Timestamp) else str(value)
