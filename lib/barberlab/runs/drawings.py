"""Which figures did a notebook show? Each as a drawing of its own, for slides and for other programs than browsers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import nbformat

# As `blocks.Figure` shows itself: the wide drawing comes first, the phone's after it.
_FIGURE = re.compile(r'<figure class="f" id="([a-z][a-z0-9-]*)">.*?<div class="w"><svg (.*?</svg>)</div>', re.DOTALL)
_COLOUR = re.compile(r"var\(--([\w-]+)\)")


def of(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """slug -> the wide drawing of each figure as an SVG document, in the colours of paper."""
    from barberlab.reports import theme  # noqa: PLC0415

    found = (match for html in _displayed(notebook) for match in _FIGURE.finditer(html))
    # Quotes within the attribute are single ones.
    head = f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{theme.FONTS.replace('"', "'")}" '
    return {match[1]: head + _COLOUR.sub(lambda colour: theme.LIGHT[colour[1]], match[2]) for match in found}


def _displayed(notebook: nbformat.NotebookNode) -> Iterable[str]:
    outputs = (out for cell in notebook.cells for out in cell.get("outputs", []))
    return (out["data"]["text/html"] for out in outputs if "text/html" in out.get("data", {}))
