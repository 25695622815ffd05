"""One run of one report of one network: from an empty folder to a published run, or to one kept as failed."""

import re
import time
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from barberlab import files
from barberlab.data import versions
from barberlab.errors import GateFailed
from barberlab.runs import gates, inside, kernel, scan
from barberlab.runs.gates import GateResult
from barberlab.runs.jobs import Job
from barberlab.runs.kernel import Failure
from barberlab.runs.manifest import LIB, Manifest
from barberlab.runs.outputs import PAGE, Outputs
from barberlab.runs.pages import Context, Pages
from barberlab.workspace import Workspace

PAGE_PATH = re.compile(r"(?:[a-z0-9_-]+/){0,2}[a-z0-9_-]+\.html")
STDERR_KEPT = 4_000


class Stopped(Exception):
    """The notebook did not finish."""

    def __init__(self, failure: Failure):
        super().__init__(failure.kind)
        self.failure = failure


class Attempt:
    """One run at work in its staging folder."""

    def __init__(self, workspace: Workspace, outputs: Outputs, job: Job, pages: Pages, timeout_s: int):
        self._workspace, self._outputs, self._job, self._pages = workspace, outputs, job, pages
        self._timeout_s = timeout_s
        self.run_id, self._staging = outputs.stage(job.report.name)
        self._started, self._since = datetime.now(UTC), time.monotonic()
        self._durations: dict[str, Any] = {}
        self._gates: list[GateResult] = []

    def publish(self) -> None:
        """Execute, render, pass the gates and publish; whatever it raises, nothing was published."""
        notebook = self._execute()
        pages = self._render(notebook)
        self._pass_gates(notebook, pages)
        self._outputs.publish(self._staging, self._manifest("published", ""))

    def keep_failed(self, error: Exception) -> str:
        """Keep what happened, with nothing in it that a gate would stop; gives the reason in one line."""
        failure = error.failure if isinstance(error, Stopped) else _failure(error)
        reason = self._hide(_reason(failure))
        if self._staging.is_dir():
            self._strip()
            hidden = {k: self._hide(v) for k, v in asdict(failure).items()}
            files.write_json(self._staging / "error.json", hidden)
            self._censor()
            self._outputs.keep_failed(self._staging, self._manifest("failed", reason))
        return reason

    def _execute(self) -> nbformat.NotebookNode:
        job = self._job
        environment = {
            "BARBERLAB_ROOT": str(self._workspace.root),
            inside.RUN_DIR: str(self._staging),
            # The kernel's own choice, said aloud: one inherited from outside would draw nothing.
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONHASHSEED": str(job.seed),
            "SOURCE_DATE_EPOCH": str(int(job.as_of.timestamp())),
            "TZ": "UTC",
        }
        since = time.monotonic()
        ran = kernel.execute(job.report.notebook, job.parameters, self._workspace.root, environment, self._timeout_s)
        self._durations |= {"execute": _seconds(since), "cells": list(ran.seconds)}
        if ran.notebook is not None:
            kernel.save(ran.notebook, self._notebook_path)
        if ran.failure:
            raise Stopped(ran.failure)
        return ran.notebook

    def _render(self, notebook: nbformat.NotebookNode) -> dict[str, str]:
        since, context = time.monotonic(), self._context()
        maker = self._pages.makers.get(self._job.report.name)
        further = maker(self._tables(), context) if maker else {}
        pages = further | {PAGE: self._pages.render(notebook, context)}
        for path, page in pages.items():
            if not PAGE_PATH.fullmatch(path):
                raise GateFailed(f"page {path!r} must be named by lower-case letters, digits, - and _, ending in .html")
            files.make_folder((self._staging / path).parent)
            files.write(self._staging / path, page.encode())
        self._durations["render"] = _seconds(since)
        return pages

    def _pass_gates(self, notebook: nbformat.NotebookNode, pages: dict[str, str]) -> None:
        newest = versions.latest(self._workspace, self._job.network)
        self._gates = [
            gates.cells_ran(notebook),
            *gates.reported(self._staging),
            gates.same_data(self._job.version.sha256, newest.sha256),
            gates.fit_to_read(pages, self._pages.check),
            gates.nothing_personal(self._staging, self._job.forbidden),
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
            code=job.code,
            gates=[asdict(gate) for gate in self._gates],
            durations=self._durations | {"total": _seconds(self._since)},
            started=self._started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )

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
        )

    @property
    def _notebook_path(self) -> Path:
        return self._staging / "notebooks" / f"{self._job.report.name}.ipynb"

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {path.stem: pd.read_parquet(path) for path in sorted((self._staging / "tables").glob("*.parquet"))}

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._job.forbidden.hide(value)[-STDERR_KEPT:]
        return [self._hide(item) for item in value] if isinstance(value, list | tuple) else value

    def _strip(self) -> None:
        """Of a failed run only the notebook stays; tables and pages nobody checked are not kept."""
        for path in self._staging.iterdir():
            if path.is_dir() and path.name != "notebooks":
                files.remove_folder(path)
            elif path.is_file():
                path.unlink()

    def _censor(self) -> None:
        """What holds something forbidden loses its outputs, and is not kept at all if that does not help."""
        for path, _ in list(scan.scan(self._staging, self._job.forbidden)):
            if path.suffix == ".ipynb":
                kernel.save(kernel.without_outputs(nbformat.read(path, as_version=4)), path)
        for path, _ in list(scan.scan(self._staging, self._job.forbidden)):
            path.unlink()


def _failure(error: Exception) -> Failure:
    """What stopped a run after its notebook: kind, words, and the places in our own code."""
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
