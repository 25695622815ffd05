"""What is handed to whoever runs a network, and what comes back: plain values, the same here and far away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from barberlab.runs import outputs
from barberlab.runs.jobs import Report
from barberlab.runs.outputs import Outputs
from barberlab.runs.pages import Pages
from barberlab.workspace import Workspace


@dataclass(frozen=True)
class Limits:
    """How long a cell and a notebook may take, how much memory its kernel, and what is tried again.

    memory_bytes: of the kernel and all that it started; None for a share of the machine's, see `memory.share`.

    A kernel that died, a time-out and a failed read or write are tried `retries` times more, after backoff_s, twice
    that, four times that, at most `longest_backoff_s`. An error of a cell is the notebook's own, and so is its want of
    memory: neither is tried again.
    """

    cell_s: float = 900
    notebook_s: float = 3_600
    memory_bytes: int | None = None
    retries: int = 2
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0

    def wait_s(self, tried: int) -> float:
        """How long to wait after the `tried`-th try, in seconds."""
        return min(self.backoff_s * 2 ** (tried - 1), self.longest_backoff_s)


@dataclass(frozen=True)
class Task:
    """All reports of one network, one after the other: what its numbers are does not depend on who runs it.

    code: `manifest.code_sums` and, where something is to be run, `manifest.code_facts`. pages: None for the house's.
    batch: names all tasks of one call.
    """

    workspace: Workspace
    network: str
    reports: tuple[Report, ...]
    as_of: str | None
    parameters: Mapping[str, Any]
    code: Mapping[str, Any]
    engine: str
    batch: str
    force: bool = False
    pages: Pages | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def home(self) -> Outputs:
        """Where its runs are kept: what asks for another period or moment than the usual stands aside."""
        home = outputs.of(self.workspace, self.network)
        return home.asides if self.parameters or self.as_of else home


@dataclass(frozen=True)
class Outcome:
    """What became of one report of one network. `page` is the published page, the last good one after a failure.

    state: published (a new page stands), unchanged (the old one still holds), failed (kept apart, the old one stands),
    refused (the network's own data or settings are unusable) or busy (another process is running the network).
    damaged: it was refused because its data are not what was ingested, which is nobody's wrong input.
    """

    network: str
    report: str
    state: str
    reason: str = ""
    page: Path | None = None
    run_id: str | None = None
    seconds: float = 0.0
    damaged: bool = False
