"""One run of one report of one network: from an empty folder to a published run, or to one kept as failed."""

import contextlib
import re
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from barberlab import files
from barberlab.data import versions
from barberlab.errors import GateFailed
from barberlab.reports.left import Everything
from barberlab.runs import (
    board,
    confine,
    extract,
    forecasts,
    gates,
    inside,
    kernel,
    memory,
    outputs,
    published,
    results,
    scan,
)
from barberlab.runs.gates import GateResult
from barberlab.runs.jobs import BOARDS, PAPERMILL, Job
from barberlab.runs.kernel import Failure
from barberlab.runs.lease import Lease
from barberlab.runs.manifest import LIB, Manifest
from barberlab.runs.outputs import PAGE, PDF, Outputs
from barberlab.runs.pages import Context, Pages
from barberlab.runs.pdf import NotPrinted
from barberlab.runs.scan import Forbidden
from barberlab.runs.task import Task
from barberlab.scope import Scope

PAGE_PATH = re.compile(r"(?:[a-z0-9_-]+/){0,2}[a-z0-9_-]+\.html")
STDERR_KEPT = 4_000


class Stopped(Exception):
    """The notebook did not finish."""

    def __init__(self, failure: Failure):
        super().__init__(failure.kind)
        self.failure = failure


class Attempt:
    """One run, in a staging folder that `publish` makes. `retried`: why earlier tries of it did not finish."""

    def __init__(self, task: Task, outputs: Outputs, lease: Lease, job: Job, pages: Pages, retried: Sequence[str] = ()):
        self._task, self._outputs, self._lease, self._job, self._pages = task, outputs, lease, job, pages
        self._workspace, self._retried = task.workspace, list(retried)
        self._forbidden = Forbidden(job.params.gates.canaries, (task.workspace.root, Path.home()))
        self.run_id: str | None = None
        self._staging: Path | None = None
        self._started, self._since = datetime.now(UTC), time.monotonic()
        self._durations: dict[str, Any] = {}
        self._gates: list[GateResult] = []
        self._engine, self._confinement = task.engine, ""
        self._notes = [] if memory.is_known() else ["memory not limited: no /proc here"]
        self._ran: nbformat.NotebookNode | None = None
        self._earlier: dict[str, str] = {}
        self._left: Everything | None = None

    def publish(self) -> None:
        """Stage, execute, render, pass the gates and publish; whatever it raises, nothing was published."""
        self.run_id, self._staging = self._outputs.stage(self._job.report.name)
        notebook = self._execute()
        pages = self._render(notebook)
        self._keep(notebook)
        with ThreadPoolExecutor(1) as beside:
            printed = beside.submit(self._pages.pdf, pages[PAGE], self._job.as_of)
            self._pass_gates(notebook, pages)
        self._keep_pdf(printed)
        self._lease.check()
        self._outputs.publish(self._staging, self._manifest("published", ""))

    def discard(self, error: BaseException) -> str:
        """Leave nothing of this try; gives in one line why it was none."""
        if self._staging:
            with contextlib.suppress(OSError):
                files.remove_folder(self._staging)
        return self._reason(error)

    def keep_failed(self, error: Exception) -> str:
        """Keep what happened, with nothing in it that a gate would stop; gives the reason in one line.

        Only where `run_id` is set: before that, nothing happened.
        """
        failure, reason = _failure(error), self._reason(error)
        if not self._staging.is_dir():
            # It has its name already and lacks only its pointer, which the next run gives it.
            return reason
        self._strip()
        hidden = {k: self._hide(v) for k, v in asdict(failure).items() if k != "passing"}
        files.write_json(self._staging / "error.json", hidden)
        self._censor()
        self._outputs.keep_failed(self._staging, self._manifest("failed", reason))
        return reason

    def _execute(self) -> nbformat.NotebookNode:
        with self._place() as (root, confined):
            return self._executed_in(root, confined)

    @contextlib.contextmanager
    def _place(self) -> Iterator[tuple[Path, dict[str, str]]]:
        """The workspace that the kernel finds, and what confines it: a board's holds what is published, and no data."""
        workspace, network = self._workspace, self._job.network
        if not self._job.report.is_board:
            yield workspace.root, confine.environment(workspace, network, self._staging)
            return
        with tempfile.TemporaryDirectory(prefix="barberlab-board-") as root:
            standing = published.reports(Scope(network), workspace)
            placed = extract.write([run for name, run in standing.items() if name not in BOARDS], Path(root))
            self._left, own = board.left(network, placed), placed.root
            yield own, confine.environment_of([own], [self._staging])

    def _executed_in(self, root: Path, confined: dict[str, str]) -> nbformat.NotebookNode:
        job = self._job
        environment = {
            "BARBERLAB_ROOT": str(root),
            inside.RUN_DIR: str(self._staging),
            # The kernel's own choice, said aloud: one inherited from outside would draw nothing.
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONHASHSEED": str(job.seed),
            "SOURCE_DATE_EPOCH": str(int(job.as_of.timestamp())),
            "TZ": "UTC",
        } | confined
        self._lay_out_earlier()
        since = time.monotonic()
        limits, what = self._task.limits, (job.report.notebook, job.parameters, root, environment)
        most = limits.memory_bytes or memory.share()
        ran = kernel.execute(*what, limits.cell_s, limits.notebook_s, self._task.engine, most)
        self._durations |= {"execute": _seconds(since), "cells": list(ran.seconds)}
        files.remove_folder(self._staging / inside.EARLIER)
        self._confinement = ran.confinement
        if ran.cold:
            self._engine = PAPERMILL
            self._notes.append(f"the kernel was started cold: {ran.cold}")
        self._ran = ran.notebook
        if self._ran is not None:
            kernel.save(self._ran, self._notebook_path)
        if ran.failure:
            raise Stopped(ran.failure)
        return self._ran

    def _lay_out_earlier(self) -> None:
        """What this report foresaw before; it stays where it is kept, and only the run's manifest names it."""
        usual = outputs.of(self._workspace, self._job.network)
        found = forecasts.stage(usual, self._job.report.name, self._job.as_of, self._staging)
        self._earlier = found.runs
        self._notes += found.notes

    def _render(self, notebook: nbformat.NotebookNode) -> dict[str, str]:
        since, context = time.monotonic(), self._context()
        maker = self._pages.makers.get(self._job.report.name)
        further = maker(self._tables(), context) if maker else {}
        pages = further | {PAGE: self._pages.render(notebook, context)}
        for path, page in pages.items():
            if not PAGE_PATH.fullmatch(path):
                raise GateFailed(f"page {path!r} must be named by lower-case letters, digits, - and _, ending in .html")
            files.make_folder((self._staging / path).parent)
            files.put(self._staging / path, page.encode())
        self._durations["render"] = _seconds(since)
        return pages

    def _keep(self, notebook: nbformat.NotebookNode) -> None:
        """What other programs read: the figures, each by itself, and the results."""
        for slug, drawing in self._pages.figures(notebook).items():
            files.make_folder(self._staging / "figures")
            files.put(self._staging / "figures" / f"{slug}.svg", drawing.encode())
        results.write(self._staging, self._facts())

    def _keep_pdf(self, printed: Future) -> None:
        """The page as a PDF, where that can be had; it shows what has passed the gates."""
        try:
            files.put(self._staging / PDF, printed.result())
        except NotPrinted as error:
            self._notes.append(f"PDF not made: {error}")

    def _pass_gates(self, notebook: nbformat.NotebookNode, pages: dict[str, str]) -> None:
        newest = versions.latest(self._workspace, self._job.network)
        self._gates = [
            gates.cells_ran(notebook),
            *gates.reported(self._staging),
            gates.same_data(self._job.version.sha256, newest.sha256),
            gates.fit_to_read(pages, self._pages.check),
            gates.nothing_personal(self._staging, self._forbidden),
        ]
        self._gates = [replace(gate, what=self._hide(gate.what)) for gate in self._gates]
        (self._staging / inside.GATES).unlink(missing_ok=True)
        stopped = [f"gate {gate.name!r}: {gate.what}" for gate in self._gates if not gate.passed]
        if stopped:
            raise GateFailed("; ".join(stopped))

    def _manifest(self, state: str, reason: str) -> Manifest:
        job, data = self._job, self._job.version
        return Manifest(
            run_id=self.run_id,
            network=job.network,
            report=job.report.name,
            state=state,
            reason=reason,
            content_key=job.key,
            seed=job.seed,
            as_of=job.as_of.isoformat(),
            parameters=job.parameters,
            params=job.params.model_dump(mode="json", exclude={"gates"}),
            data={"version": data.number, "sha256": data.sha256, "as_of": data.as_of.isoformat(), "facts": data.facts},
            notebook_sha256=job.report.sha256,
            code=dict(job.code),
            gates=[asdict(gate) for gate in self._gates],
            durations=self._durations | {"total": _seconds(self._since)},
            confinement=self._confinement,
            engine=self._engine,
            retried=self._retried,
            notes=self._notes,
            earlier=self._earlier,
            started=self._started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _facts(self) -> dict[str, Any]:
        """What the results are about."""
        job, data = self._job, self._job.version
        own = {name: data.facts.get(name) for name in ("name", "currency", "timezone", "country")}
        of = {"network": job.network, "report": job.report.name, "run_id": self.run_id, "as_of": job.as_of.isoformat()}
        return own | of | {"data_version": data.number, "parameters": job.parameters}

    def _context(self) -> Context:
        job, data = self._job, self._job.version
        return Context(
            network=job.network,
            report=job.report.name,
            run_id=self.run_id,
            facts=data.facts,
            as_of=job.as_of,
            version=data.number,
            parameters=job.parameters,
            params=job.params,
            aside=self._outputs.aside,
            left=self._left,
        )

    @property
    def _notebook_path(self) -> Path:
        return self._staging / "notebooks" / f"{self._job.report.name}.ipynb"

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {path.stem: pd.read_parquet(path) for path in sorted((self._staging / "tables").glob("*.parquet"))}

    def _reason(self, error: BaseException) -> str:
        return self._hide(_reason(_failure(error)))

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._forbidden.hide(value)[-STDERR_KEPT:]
        return [self._hide(item) for item in value] if isinstance(value, list | tuple) else value

    def _strip(self) -> None:
        """Of a failed run only the notebook stays, as it came back; what nobody checked, or half of it, does not."""
        for path in self._staging.iterdir():
            if path.is_dir():
                files.remove_folder(path)
            else:
                path.unlink()
        if self._ran is not None:
            kernel.save(self._ran, self._notebook_path)

    def _censor(self) -> None:
        """What holds something forbidden loses its outputs, and is not kept at all if that does not help."""
        for path, _ in list(scan.scan(self._staging, self._forbidden)):
            if path == self._notebook_path:
                kernel.save(kernel.without_outputs(self._ran), path)
        for path, _ in list(scan.scan(self._staging, self._forbidden)):
            path.unlink()


def _failure(error: BaseException) -> Failure:
    """What stopped a run: the notebook's own failure, or kind, words, and the places in our own code."""
    if isinstance(error, Stopped):
        return error.failure
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(LIB)]
    where = tuple(f"{Path(frame.filename).relative_to(LIB.parent).as_posix()}:{frame.lineno}" for frame in ours)
    return Failure(type(error).__name__, str(error), where=where)


def _reason(failure: Failure) -> str:
    words = (failure.message.strip().splitlines() or [""])[0]
    if failure.kind == GateFailed.__name__:
        return words
    return f"{failure.kind}: {words}" + (f" (cell {failure.cell})" if failure.cell else "")


def _seconds(since: float) -> float:
    return round(time.monotonic() - since, 3)
