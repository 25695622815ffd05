"""A bench to try runs on: a small workspace, two-cell notebooks, plain pages, and a kernel that only pretends."""

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from pathlib import Path

import nbformat
import pytest

from barberlab import files
from barberlab.data import versions
from barberlab.runs import jobs, kernel, manifest
from barberlab.runs.inside import RUN_DIR
from barberlab.runs.kernel import Executed
from barberlab.runs.pages import Pages
from barberlab.runs.pdf import NotPrinted
from barberlab.runs.task import Limits, Task
from barberlab.workspace import Workspace

DEFAULTS = Path(__file__).parents[2] / "params" / "defaults.yaml"
PARAMETERS = 'network: str = "north"\nas_of: str = ""\nperiod: str = ""'
AS_OF = "2025-07-01T04:00:00+00:00"
FACTS = {"name": "Corner Barbers", "currency": "USD", "timezone": "America/New_York", "country": "US"}

ONCE = Limits(retries=0)
CODE = "c0de" * 16


def notebook(*sources: str, parameters: str | None = PARAMETERS) -> nbformat.NotebookNode:
    """A report notebook: a title, its parameters cell, and code cells."""
    cells = [nbformat.v4.new_markdown_cell("# How did we do?", id="title")]
    if parameters is not None:
        cells.append(nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source.strip(), id=f"cell-{i}") for i, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


def workspace(root: Path) -> Workspace:
    """A workspace with the house's settings and nothing else."""
    (root / "params" / "networks").mkdir(parents=True)
    (root / "notebooks" / "reports").mkdir(parents=True)
    files.write(root / "params" / "defaults.yaml", DEFAULTS.read_bytes())
    return Workspace(root)


def add_report(place: Workspace, name: str, node: nbformat.NotebookNode) -> None:
    """Put a report notebook into the workspace, or replace it."""
    files.write(place.notebooks / "reports" / f"{name}.ipynb", nbformat.writes(node).encode())


def add_data(place: Workspace, *networks: str, as_of: str = AS_OF, **more: str) -> None:
    """A new data version for each network, with no tables in it, and `more` in its manifest."""
    for network in networks:
        folder = files.make_folder(place.network(network))
        manifest = {"as_of": as_of, "facts": FACTS, "tables": {}} | more
        versions.publish(folder, folder / "staged", manifest, versions.newest(place, network))


def text_page(node: nbformat.NotebookNode, context) -> str:
    """What the cells printed, as a page."""
    said = [out.text for cell in node.cells for out in cell.get("outputs", []) if out.output_type == "stream"]
    said += [out.data["text/html"] for cell in node.cells for out in cell.get("outputs", []) if "data" in out]
    return f"<html lang=en><h1>{context.facts['name']}</h1>{''.join(said)}</html>"


def links(standings, network: str | None, now: datetime) -> str:
    """One line per report."""
    lines = [f"{s.network} {s.report} {s.page or 'no page'} {s.reason}".strip() for s in standings]
    return "\n".join([f"index of {network}", *lines])


def nothing_wrong(page: str) -> list[str]:
    """A check that finds nothing."""
    return []


def no_figures(node: nbformat.NotebookNode) -> dict[str, str]:
    """A notebook without any."""
    return {}


def no_pdf(page: str, at: datetime) -> bytes:
    """A machine without Chromium."""
    raise NotPrinted("nobody prints in tests")


def pages(**changed) -> Pages:
    """Plain pages, nothing wrong with any of them."""
    plain = {"render": text_page, "check": nothing_wrong, "makers": {}, "index": links}
    return Pages(**plain | {"figures": no_figures, "pdf": no_pdf} | changed)


def pretend(monkeypatch, printed: Callable[[dict], str] = lambda values: "1,234 visits"):
    """Notebooks end at once, having printed what `printed` makes of their parameters; gives the list of runs."""
    ran = []

    def execute(node, parameters, cwd, environment, *_):
        ran.append(dict(parameters))
        done = nbformat.from_dict(node)
        code = [cell for cell in done.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, 1):
            cell.execution_count = count
        os.environ[RUN_DIR] = environment[RUN_DIR]
        try:
            text = printed(dict(parameters))
        finally:
            del os.environ[RUN_DIR]
        code[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        return Executed(done, (0.1,) * len(done.cells))

    monkeypatch.setattr(kernel, "execute", execute)
    return ran


class Pretending(Executor):
    """Another executor whose workers pretend as `pretend` does, and whose code is that of `task`."""

    def __init__(self, inner: Executor):
        self._inner = inner

    def submit(self, fn: Callable, /, *args, **kwargs) -> Future:
        """As the other executor's."""
        return self._inner.submit(_pretended, fn, *args, **kwargs)


def _pretended(fn: Callable, *args, **kwargs):
    """In a worker: do it with kernels that only pretend."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "_lib_sha256", lambda: CODE)
        pretend(patch, lambda values: f"{values['network']} had 410 visits")
        return fn(*args, **kwargs)


def task(place: Workspace, network: str, **changed) -> Task:
    """All reports of one network as the runner hands them out, tried once, with plain pages."""
    common = {"as_of": None, "parameters": {}, "code": manifest.code_facts(place.root), "engine": "papermill"}
    once = {"force": True, "pages": pages(), "limits": ONCE, "batch": "batch"}
    return Task(place, network, tuple(jobs.known_reports(place, None)), **common | once | changed)


def states(outcomes) -> dict[str, str]:
    """network -> state, where each network has one report."""
    return {outcome.network: outcome.state for outcome in outcomes}
