"""How is a notebook executed? By Papermill, in a kernel of this interpreter, in an environment that is put back after.

What comes out is fit to be kept: what was printed to stderr, tracebacks, times and paths are taken out of the notebook.
"""

import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from barberlab import files
from barberlab.runs.manifest import LIB

# What Papermill logs of a dead kernel comes back as the run's reason; without a handler it would be printed as well.
logging.getLogger("papermill").addHandler(logging.NullHandler())
ERROR_MARK = "papermill-error-cell-tag"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(
    r"^(?:File (?P<file>[^\n:]+):(?P<at>\d+)|Cell In\s?\[(?P<cell>\d+)\], line (?P<line>\d+))", re.MULTILINE
)


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not finish: the error's kind and words, its code cell, and where, without any frame's data."""

    kind: str
    message: str
    cell: int | None = None
    where: tuple[str, ...] = ()
    stderr: str = ""


@dataclass(frozen=True)
class Executed:
    """A notebook after its run. `notebook` is None where the kernel took it along; seconds are per cell, in order."""

    notebook: nbformat.NotebookNode | None
    seconds: tuple[float, ...] = ()
    failure: Failure | None = None


def execute(
    notebook: nbformat.NotebookNode,
    parameters: Mapping[str, Any],
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: int,
) -> Executed:
    """Run every cell of `notebook` with `parameters`, at most `timeout_s` seconds each. Not safe beside threads."""
    # Imported here: it takes a second, which a batch of unchanged networks does not have.
    import papermill  # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    with tempfile.TemporaryDirectory(prefix="barberlab-") as scratch, _environment(environment, Path(scratch)):
        output = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                nbformat.from_dict(notebook),
                str(output),
                dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                log_output=False,
                request_save_on_cell_execute=False,
                autosave_cell_every=0,
                execution_timeout=timeout_s,
                cwd=str(cwd),
                config=encrypted,
                # A kernel that is told to stop says so as an error of its own; what matters comes as an output.
                extra_arguments=["--IPKernelApp.log_level=50"],
            )
            raised = None
        except Exception as error:
            # A cell's error, a dead kernel, a time-out: each is this network's own, and the others go on
            raised = error
        ran = nbformat.read(output, as_version=4) if output.exists() else None
    return _executed(ran, raised)


@contextmanager
def _environment(wanted: Mapping[str, str], scratch: Path) -> Iterator[None]:
    """os.environ as a kernel should find it, because Papermill hands it on; afterwards as it was."""
    before = dict(os.environ)
    os.environ.update(wanted)
    # Neither another python3 kernel nor start-up files of whoever is logged in.
    os.environ.update(IPYTHONDIR=str(scratch / "ipython"), JUPYTER_PREFER_ENV_PATH="1")
    for name in ("JUPYTER_PATH", "PYTHONSTARTUP"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _executed(ran: nbformat.NotebookNode | None, raised: Exception | None) -> Executed:
    if ran is None:
        return Executed(None, failure=_failure(raised, None))
    cells = [cell for cell in ran.cells if ERROR_MARK not in cell.metadata.get("tags", [])]
    seconds = tuple(round(cell.metadata.get("papermill", {}).get("duration") or 0.0, 3) for cell in cells)
    failure = _failure(raised, ran) if raised else None
    return Executed(_cleaned(ran, cells), seconds, failure)


def _cleaned(ran: nbformat.NotebookNode, cells: list[nbformat.NotebookNode]) -> nbformat.NotebookNode:
    """The notebook without stderr, tracebacks, times and paths: the same run gives the same bytes."""
    for cell in cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    for out in (out for cell in cells for out in cell.get("outputs", []) if out.output_type == "error"):
        out.evalue, out.traceback = "", []
    ran.metadata.pop("papermill", None)
    ran.cells = cells
    return ran


def _failure(raised: Exception, ran: nbformat.NotebookNode | None) -> Failure:
    outputs = [out for cell in (ran.cells if ran else []) for out in cell.get("outputs", [])]
    stderr = "".join(out.text for out in outputs if out.get("name") == "stderr")
    if not hasattr(raised, "ename"):
        return Failure(type(raised).__name__, str(raised), stderr=stderr)
    where = _frames("\n".join(raised.traceback))
    return Failure(raised.ename, raised.evalue, raised.exec_count, where, stderr)


def _frames(traceback: str) -> tuple[str, ...]:
    found = _FRAME.findall(_COLOUR.sub("", traceback))
    return tuple(f"cell {cell}, line {line}" if cell else f"{_shown(file)}:{at}" for file, at, cell, line in found)


def _shown(file: str) -> str:
    # Our own modules by their place in the house, anybody else's by name: no path of this machine.
    path = Path(file.strip()).expanduser()
    return path.relative_to(LIB.parent).as_posix() if path.is_relative_to(LIB.parent) else path.name


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as it was typed."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return notebook


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Keep an executed notebook in its run."""
    files.make_folder(path.parent)
    files.write(path, (nbformat.writes(notebook) + "\n").encode())
