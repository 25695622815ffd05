"""How does the operators' page come about? One notebook, executed over the manifests of all networks' runs.

It is notebooks/operations/operations.ipynb, goes through the same gates as a report of a network and is published the
same way, where no network's runs can be: outputs/all-networks/operations/<run>/report.html.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from barberlab import files, params
from barberlab.errors import BadInput, BarberlabError, GateFailed
from barberlab.runs import gates, kernel, manifest, parameters
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import PAGE, Outputs
from barberlab.runs.scan import Forbidden
from barberlab.workspace import Workspace

REPORT = "operations"
EVERYTHING = "all-networks"  # a hyphen stands in no network's id
TIMEOUT_S = 300


def of(workspace: Workspace) -> Outputs:
    """The runs of the operators' page."""
    # A level deeper than the networks' runs, so that whoever looks for networks does not take it for one.
    return Outputs(workspace.outputs / EVERYTHING / REPORT, EVERYTHING)


def locked(workspace: Workspace) -> AbstractContextManager[None]:
    """Nobody else is at the page meanwhile; raises Busy. Another lock than the networks': it is none."""
    return files.locked(of(workspace).folder / ".lock", "the operators' page")


def publish(workspace: Workspace, now: datetime, days: int = 30) -> Path:
    """Execute the notebook as of `now` over the last `days`, and publish the page; gives its path.

    Raises GateFailed, with the reason, where it must not be published: the last good page stays in place. Raises Busy
    while another process is at it.
    """
    home = of(workspace)
    notebook = parameters.read_notebook(workspace.notebooks / REPORT / f"{REPORT}.ipynb")
    with locked(workspace):
        home.sweep()
        _Attempt(workspace, home, notebook, now, days).publish()
    return home.page(REPORT)


@dataclass
class _Attempt:
    """One run of the page."""

    workspace: Workspace
    home: Outputs
    notebook: nbformat.NotebookNode
    now: datetime
    days: int
    durations: dict[str, Any] = field(default_factory=dict)
    passed: list[gates.GateResult] = field(default_factory=list)

    def publish(self) -> None:
        run_id, staging = self.home.stage(REPORT)
        since = time.monotonic()
        try:
            self._make(run_id, staging)
        except (GateFailed, BadInput) as error:
            files.remove_folder(staging)
            raise GateFailed(f"{REPORT}: {self._forbidden.hide(str(error))}") from None
        self.durations["total"] = round(time.monotonic() - since, 3)
        self.home.publish(staging, self._manifest(run_id))

    def _make(self, run_id: str, staging: Path) -> None:
        # Imported here, as in pages.py: nbconvert takes a second that the other commands do not have.
        from barberlab.reports import accessible  # noqa: PLC0415

        executed = self._execute()
        kernel.save(executed, staging / "notebooks" / f"{REPORT}.ipynb")
        page = self._page(executed, run_id)
        files.write(staging / PAGE, page.encode())
        self.passed = [
            gates.cells_ran(executed),
            gates.fit_to_read({PAGE: page}, accessible.check),
            gates.nothing_personal(staging, self._forbidden),
        ]
        stopped = [f"gate {gate.name!r}: {gate.what}" for gate in self.passed if not gate.passed]
        if stopped:
            raise GateFailed("; ".join(stopped))

    def _execute(self) -> nbformat.NotebookNode:
        environment = {
            "BARBERLAB_ROOT": str(self.workspace.root),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "SOURCE_DATE_EPOCH": str(int(self.now.timestamp())),
            "TZ": "UTC",
        }
        ran = kernel.execute(self.notebook, self._parameters, self.workspace.root, environment, TIMEOUT_S)
        self.durations["cells"] = list(ran.seconds)
        if ran.failure:
            raise GateFailed(f"{ran.failure.kind}: {(ran.failure.message.splitlines() or [''])[0]}")
        return ran.notebook

    def _page(self, executed: nbformat.NotebookNode, run_id: str) -> str:
        from barberlab.reports import blocks, pages  # noqa: PLC0415

        facts = (f"Run {run_id}", f"As of {self.now:%Y-%m-%d %H:%M} UTC", f"The last {self.days} days")
        foot, home = blocks.Foot(facts), ("../../../index.html", "All reports")
        return pages.from_notebook(executed, network="All networks", facts=facts[1:], foot=foot, home=home)

    @property
    def _parameters(self) -> dict[str, Any]:
        return {"now": self.now.isoformat(), "days": self.days}

    @property
    def _forbidden(self) -> Forbidden:
        """What no network's pages may hold. Reasons lost it before they were kept; here it is looked for once more."""
        canaries: list[str] = []
        for network in self.workspace.networks():
            try:
                canaries += params.load(self.workspace, network).gates.canaries
            except BarberlabError:
                # Unreadable settings are what the page is there to show.
                continue
        return Forbidden(tuple(dict.fromkeys(canaries)), (self.workspace.root, Path.home()))

    def _manifest(self, run_id: str) -> Manifest:
        code, at = manifest.code_facts(self.workspace.root), self.now.isoformat()
        notebook = files.sha256(self.workspace.notebooks / REPORT / f"{REPORT}.ipynb")
        return Manifest(
            run_id=run_id,
            network=EVERYTHING,
            report=REPORT,
            state="published",
            reason="",
            content_key=files.sha256_bytes(files.json_bytes([notebook, self._parameters])),
            seed=0,
            as_of=at,
            parameters=self._parameters,
            params={},
            data={},
            notebook_sha256=notebook,
            code=code,
            gates=[asdict(gate) for gate in self.passed],
            durations=self.durations,
            started=at,
            finished=at,
        )
