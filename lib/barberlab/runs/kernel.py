"""How is a notebook executed? By Papermill, in a kernel of this interpreter, in an environment that is put back after.

What comes out is fit to be kept: what was printed to stderr, tracebacks, times and paths are taken out of the notebook.
"""

import logging
import math
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from barberlab import files
from barberlab.runs import confine
from barberlab.runs.attended import Attended
from barberlab.runs.jobs import PAPERMILL, WARM
from barberlab.runs.manifest import LIB

# What Papermill logs of a dead kernel comes back as the run's reason; without a handler it would be printed as well.
logging.getLogger("papermill").addHandler(logging.NullHandler())
ERROR_MARK = "papermill-error-cell-tag"
_ONE_AT_A_TIME = threading.Lock()
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(
    r"^(?:File (?P<file>[^\n:]+):(?P<at>\d+)|Cell In\s?\[(?P<cell>\d+)\], line (?P<line>\d+))", re.MULTILINE
)


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not finish: the error's kind and words, its code cell, and where, without any frame's data.

    passing: it was not the notebook's own, and trying again may help: the kernel died, or time was up.
    """

    kind: str
    message: str
    cell: int | None = None
    where: tuple[str, ...] = ()
    stderr: str = ""
    passing: bool = False


@dataclass(frozen=True)
class Executed:
    """A notebook after its run. `notebook` is None where the kernel took it along; seconds are per cell, in order.

    cold: why its kernel was started the ordinary way though a warm one was wanted.
    """

    notebook: nbformat.NotebookNode | None
    seconds: tuple[float, ...] = ()
    failure: Failure | None = None
    confinement: str = confine.NOBODY_ASKED
    cold: str = ""


def execute(
    notebook: Mapping[str, Any],
    parameters: Mapping[str, Any],
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    deadline_s: float = math.inf,
    engine: str = PAPERMILL,
    memory_bytes: float = math.inf,
) -> Executed:
    """Run every cell of `notebook` with `parameters`: each at most `timeout_s` seconds, all at most `deadline_s`.

    The kernel is ended when it takes more than `memory_bytes` with all that it started. One at a time in a process,
    whose working directory and environment are the kernel's meanwhile.
    """
    with (
        _ONE_AT_A_TIME,
        tempfile.TemporaryDirectory(prefix="barberlab-") as scratch,
        _environment(environment, Path(scratch)),
    ):
        output, attended = Path(scratch) / "executed.ipynb", Attended()
        options = _options(engine, attended, Path(scratch)) | {"execution_timeout": timeout_s, "cwd": str(cwd)}
        raised = attended.run(lambda: _papermill(notebook, output, parameters, options), deadline_s, memory_bytes)
        ran = nbformat.read(output, as_version=4) if output.exists() else None
        confinement = confine.said(environment, Path(scratch))
    return replace(_executed(ran, raised), confinement=confinement, cold=attended.cold)


def _papermill(
    notebook: Mapping[str, Any], output: Path, parameters: Mapping[str, Any], options: dict[str, Any]
) -> None:
    # Imported here: it takes a second, which a batch of unchanged networks does not have.
    import papermill  # noqa: PLC0415

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
        **options,
    )


def _options(engine: str, attended: Attended, scratch: Path) -> dict[str, Any]:
    """What Papermill hands on to the engine and its kernel."""
    # Papermill imports its engines; whoever imports an engine first would have it import itself half made.
    import papermill  # noqa: F401, PLC0415
    from jupyter_client import AsyncKernelManager  # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    base, own = AsyncKernelManager, confine.own_folder(scratch)
    if engine == WARM:
        from warmkernel.engine import WarmManager as base  # noqa: PLC0415, N813
    # Sockets in a folder of this user alone, instead of ports that everybody on the machine can listen to. Their name
    # is no other kernel's: a parent of warm kernels removes by its name what an ended one has left.
    sockets = own / f"k{secrets.token_hex(6)}"
    manager = {"transport": "ipc", "ip": str(sockets), "connection_file": str(own / "kernel.json")}
    return {
        "engine_name": None if engine == PAPERMILL else engine,
        "kernel_manager_class": attended.managed(base),
        "config": Config({"KernelManager": manager}),
        # A kernel has nothing to finish: what it keeps is on the disk, whole, when its cell ends.
        "shutdown_kernel": "immediate",
        # A kernel that is told to stop says so as an error of its own; what matters comes as an output.
        "extra_arguments": ["--IPKernelApp.log_level=50"],
    }


@contextmanager
def _environment(wanted: Mapping[str, str], scratch: Path) -> Iterator[None]:
    """os.environ as a kernel should find it, because Papermill hands it on; afterwards as it was."""
    before = dict(os.environ)
    os.environ.update(wanted)
    # Neither another python3 kernel nor start-up files of whoever is logged in.
    os.environ.update(confine.prepare(wanted, scratch), JUPYTER_PREFER_ENV_PATH="1")
    for name in ("JUPYTER_PATH", "PYTHONSTARTUP"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _executed(ran: nbformat.NotebookNode | None, raised: BaseException | None) -> Executed:
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


def _failure(raised: BaseException, ran: nbformat.NotebookNode | None) -> Failure:
    outputs = [out for cell in (ran.cells if ran else []) for out in cell.get("outputs", [])]
    stderr = "".join(out.text for out in outputs if out.get("name") == "stderr")
    if not hasattr(raised, "ename"):
        # Dead kernels are RuntimeErrors; a kernel that is not there or a name that is not known is not.
        passing = isinstance(raised, RuntimeError | OSError)
        return Failure(type(raised).__name__, str(raised), stderr=stderr, passing=passing)
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
    files.put(path, (nbformat.writes(notebook) + "\n").encode())
