"""Every report of every network: executed where something changed, published where all gates pass.

One network's failure is its own: it keeps its last good report, is named with its reason, and the others go on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barberlab.errors import BarberlabError, Busy
from barberlab.runs import jobs, manifest, outputs
from barberlab.runs.attempt import Attempt
from barberlab.runs.jobs import Job
from barberlab.runs.outputs import Outputs
from barberlab.runs.pages import Pages, house_pages
from barberlab.runs.published import index
from barberlab.workspace import Workspace

CELL_TIMEOUT_S = 900

type Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one report of one network. `page` is the published page, the last good one after a failure.

    state: published (a new page stands), unchanged (the old one still holds), failed (kept apart, the old one stands),
    refused (the network's own data or settings are unusable) or busy (another process is running the network).
    """

    network: str
    report: str
    state: str
    reason: str = ""
    page: Path | None = None
    run_id: str | None = None
    seconds: float = 0.0


def run(
    workspace: Workspace,
    networks: Iterable[str],
    reports: Iterable[str] | None = None,
    as_of: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    pages: Pages | None = None,
    timeout_s: int = CELL_TIMEOUT_S,
) -> list[Outcome]:
    """Run the report notebooks of notebooks/reports, or those named, for each network, and write the index pages.

    Parameters
    ----------
    as_of
        A date or instant no later than the data; by default the data's own, never the clock.
    parameters
        Values for the notebooks' parameters cells; every report must take every one of them.
    force
        Run what is unchanged as well.
    progress
        Called with (done, total, what is next) before each report and once at the end.
    timeout_s
        Longest time for one cell.

    Raises BadInput before anything runs for a network, report or parameter that is not known or not of its type.
    """
    known = jobs.known_reports(workspace, reports)
    jobs.check_given(known, parameters or {}, as_of)
    wanted = jobs.known_networks(workspace, networks)
    batch = _Batch(workspace, known, as_of, parameters or {}, force, pages or house_pages(), timeout_s)
    ahead = [f"{network} {report.name}" for network in wanted for report in known]
    tell = progress or (lambda done, total, label: None)
    outcomes: list[Outcome] = []
    tell(0, len(ahead), ahead[0])
    for outcome in (outcome for network in wanted for outcome in batch.network(network)):
        outcomes.append(outcome)
        tell(len(outcomes), len(ahead), "".join(ahead[len(outcomes) :][:1]))
    index(workspace, batch.pages)
    return outcomes


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """0: all done. 1: some networks failed. 2: nothing was run, because all of it was refused."""
    states = {outcome.state for outcome in outcomes}
    if states == {"refused"}:
        return 2
    return 1 if states & {"failed", "refused"} else 0


class _Batch:
    """What all networks of one call have in common."""

    def __init__(self, workspace, reports, as_of, parameters, force, pages, timeout_s):
        self._workspace, self._reports, self._as_of, self._parameters = workspace, reports, as_of, parameters
        self._force, self.pages, self._timeout_s = force, pages, timeout_s
        self._code = manifest.code_facts(workspace.root)

    def network(self, network: str) -> Iterator[Outcome]:
        """All reports of one network, one after the other, with nobody else running it."""
        home = outputs.of(self._workspace, network)
        left = [report.name for report in self._reports]
        try:
            todo = jobs.jobs(self._workspace, network, self._reports, self._as_of, self._parameters, self._code)
            with home.locked():
                home.sweep()
                for job in todo:
                    yield self._report(home, job)
                    left.remove(job.report.name)
        except (BarberlabError, OSError) as error:
            # An OSError here: the disk is full or gone, and not even the failure could be kept. The next run sweeps.
            state = "busy" if isinstance(error, Busy) else "refused" if isinstance(error, BarberlabError) else "failed"
            reason = f"{type(error).__name__}: {error.strerror}" if isinstance(error, OSError) else str(error)
            for report in left:
                yield Outcome(network, report, state, reason, home.page(report))

    def _report(self, home: Outputs, job: Job) -> Outcome:
        since = time.monotonic()
        standing = None if self._force else home.newest(job.report.name)
        if standing and standing[0].content_key == job.key:
            return self._standing(home, job, *standing)
        attempt = Attempt(self._workspace, home, job, self.pages, self._timeout_s)
        state, reason = _tried(attempt)
        seconds = round(time.monotonic() - since, 3)
        page = home.page(job.report.name)
        return Outcome(job.network, job.report.name, state, reason, page, attempt.run_id, seconds)

    def _standing(self, home: Outputs, job: Job, found: manifest.Manifest, sha256: str) -> Outcome:
        """Nothing changed since this run; if a crash or a damaged successor left it without its pointer, it gets it."""
        report = job.report.name
        state = "unchanged"
        if home.pointers().get(report) != {"run_id": found.run_id, "manifest_sha256": sha256}:
            home.point(found, sha256)
            state = "published"
        return Outcome(job.network, report, state, "", home.page(report), found.run_id)


def _tried(attempt: Attempt) -> tuple[str, str]:
    try:
        attempt.publish()
    except Exception as error:
        # Whatever it was, it is this report's own: kept with its reason, and the next one runs
        return "failed", attempt.keep_failed(error)
    return "published", ""
