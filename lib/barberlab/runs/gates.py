"""May this run be published? Each gate is a small function over the finished notebook, its pages or its folder.

A gate says what it found by kind and place and never repeats it: its words are printed and kept.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat

from barberlab.runs.inside import GATES
from barberlab.runs.scan import Forbidden, scan


@dataclass(frozen=True)
class GateResult:
    """One gate: its name, whether it passed, and what was found, in one line without any data."""

    name: str
    passed: bool
    what: str = ""


def cells_ran(notebook: nbformat.NotebookNode) -> GateResult:
    """Every code cell was executed and none raised, not even where a tag allows it."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    raised = [i for i, cell in enumerate(code, 1) if any(out.output_type == "error" for out in cell.outputs)]
    skipped = [i for i, cell in enumerate(code, 1) if cell.execution_count is None]
    what = f"code cell {raised[0]} raised" if raised else f"code cell {skipped[0]} did not run" if skipped else ""
    return GateResult("cells", not what, what)


def same_data(before: str, after: str) -> GateResult:
    """The newest data version is still the one that the run's manifest names."""
    return GateResult("same data", before == after, "" if before == after else "new data arrived meanwhile; run again")


def fit_to_read(pages: Mapping[str, str], check: Callable[[str], list[str]]) -> GateResult:
    """The pages are accessible, run nothing and fetch nothing from elsewhere."""
    found = [f"{path}: {problem}" for path, page in pages.items() for problem in check(page)]
    return GateResult("pages", not found, _first(found))


def nothing_personal(folder: Path, forbidden: Forbidden) -> GateResult:
    """No file of the run holds an address, a number, a key, a canary or a path of this machine."""
    found = [f"{path.relative_to(folder).as_posix()}: {', '.join(kinds)}" for path, kinds in scan(folder, forbidden)]
    return GateResult("personal data", not found, _first(found))


def reported(folder: Path) -> list[GateResult]:
    """What the notebook itself reported by `report_gate`."""
    path = folder / GATES
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [GateResult(**json.loads(line)) for line in lines]
    except (ValueError, TypeError):
        return [GateResult("reported", False, f"{GATES} was not written by report_gate")]


def _first(found: list[str]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return "; ".join(found[:3]) + more
