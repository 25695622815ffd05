"""One network's reports: is there anything to do, and if so, each executed, tried again where that may help, published.

`standing` only reads, and answers in milliseconds; `run` does the work, in this process or wherever it is sent.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from barberlab.data import versions
from barberlab.errors import BarberlabError, Busy, Damaged
from barberlab.personal import mask
from barberlab.runs import jobs, manifest, outputs
from barberlab.runs.jobs import Job
from barberlab.runs.lease import Lease
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import Outputs
from barberlab.runs.pages import house_pages
from barberlab.runs.task import Outcome, Task
from barberlab.workspace import Workspace

if TYPE_CHECKING:
    from barberlab.runs.attempt import Attempt

# A disk that is full, read-only or not ours will still be so in a minute.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def standing(task: Task) -> list[Outcome] | None:
    """An `unchanged` for each report, if all of them still hold, every file of theirs compared; else None."""
    newest = versions.newest(task.workspace, task.network)
    if task.force or newest is None:
        return None
    home = task.home
    try:
        settings = jobs.settings(task.workspace, task.network)
        told = task.as_of, task.parameters, task.code
        done = [home.published(report.name) for report in task.reports if home.is_settled(report.name)]
        if len(done) < len(task.reports):
            return None
        pairs, published = zip(done, task.reports, strict=True), home.pointers()
        if all(jobs.is_done(run, report, newest, settings, *told, published) for run, report in pairs):
            return [_outcome(home, run.report, "unchanged", run_id=run.run_id) for run in done]
    except (BarberlabError, OSError):
        # Whatever it is, it is told by whoever tries to run it
        return None
    return None


def run(task: Task) -> list[Outcome]:
    """What became of each report, in order; never raises what is the network's own."""
    home = task.home
    done: list[Outcome] = []
    if other := _other_code(task):
        return not_run(task, "failed", other)
    try:
        todo = _jobs(task, [report for report in task.reports if not report.is_board])
        with home.locked(task.batch) as lease:
            home.sweep()
            done.extend(_report(task, home, lease, job) for job in todo)
            # What a board is made of is known when all that it reads has run.
            boards = _jobs(task, [report for report in task.reports if report.is_board], home)
            done.extend(_report(task, home, lease, job) for job in boards)
    except Exception as error:
        # Whatever it was, it is this network's own. An OSError: the disk is full or gone, not even a run can begin.
        state = "busy" if isinstance(error, Busy) else "refused" if isinstance(error, BarberlabError) else "failed"
        rest = not_run(task, state, said(error), task.reports[len(done) :])
        done.extend(replace(outcome, damaged=isinstance(error, Damaged)) for outcome in rest)
    return done


def _jobs(task: Task, reports: Iterable[jobs.Report], home: Outputs | None = None) -> list[Job]:
    said = task.as_of, task.parameters, dict(task.code)
    return jobs.jobs(task.workspace, task.network, reports, *said, home.pointers() if home else None)


def not_run(task: Task, state: str, reason: str, reports: Iterable[jobs.Report] | None = None) -> list[Outcome]:
    """The same outcome for all `reports` of a task, or for each of them."""
    home = task.home
    return [_outcome(home, report.name, state, reason) for report in (task.reports if reports is None else reports)]


def refused(workspace: Workspace, network: str, report: str, reason: str) -> Outcome:
    """The outcome of a report that could not even begin."""
    return _outcome(outputs.of(workspace, network), report, "refused", reason)


def said(error: BaseException) -> str:
    """An error in one line, without what it may say of a person."""
    if isinstance(error, BarberlabError):
        return str(error)
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip()
    return mask(f"{type(error).__name__}: {(words.splitlines() or [''])[0]}"[:300])


def _other_code(task: Task) -> str:
    """Whoever edits lib/ meanwhile, or has another one on this machine, would get pages that their manifest belies."""
    here = manifest.code_sums(task.workspace.root)
    other = [name.removesuffix("_sha256") for name, value in here.items() if task.code[name] != value]
    return f"{' and '.join(other)} changed since this run began, or differ on this machine; run again" if other else ""


def _report(task: Task, home: Outputs, lease: Lease, job: Job) -> Outcome:
    since = time.monotonic()
    found = None if task.force else home.newest(job.report.name)
    if found and found[0].content_key == job.key:
        return _standing(home, lease, *found)
    state, reason, run_id = _tried(task, home, lease, job)
    return _outcome(home, job.report.name, state, reason, run_id, round(time.monotonic() - since, 3))


def _tried(task: Task, home: Outputs, lease: Lease, job: Job) -> tuple[str, str, str | None]:
    """State, reason and run id, after as many tries as the limits allow."""
    # Imported here: pandas and nbformat are nothing that a batch of unchanged networks needs.
    from barberlab.runs.attempt import Attempt  # noqa: PLC0415

    retried: list[str] = []
    while True:
        attempt = Attempt(task, home, lease, job, task.pages or house_pages(), retried)
        try:
            attempt.publish()
        except Busy as error:
            # Somebody else is at work on the network by now: whatever is written would be in their way
            attempt.discard(error)
            raise
        except Exception as error:
            # Whatever it was, it is this report's own: kept with its reason, and the next one runs
            if len(retried) == task.limits.retries or not _may_pass(error):
                return _failed(attempt, error)
            retried.append(attempt.discard(error))
        except BaseException as error:
            attempt.discard(error)
            raise
        else:
            return "published", "", attempt.run_id
        time.sleep(task.limits.wait_s(len(retried)))


def _failed(attempt: Attempt, error: Exception) -> tuple[str, str, str | None]:
    """The run kept as failed, or where not even that can be, its reason alone."""
    if attempt.run_id is None:
        return "failed", said(error), None
    try:
        return "failed", attempt.keep_failed(error), attempt.run_id
    except Exception as further:
        return "failed", f"{attempt.discard(error)}; not kept: {said(further)}", None


def _may_pass(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno not in _LASTING
    return getattr(getattr(error, "failure", None), "passing", False)


def _standing(home: Outputs, lease: Lease, found: Manifest, sha256: str) -> Outcome:
    """Nothing changed since this run; if a crash or a damaged successor left it without its pointer, it gets it."""
    state = "unchanged"
    if home.pointers().get(found.report) != {"run_id": found.run_id, "manifest_sha256": sha256}:
        lease.check()
        home.point(found, sha256)
        state = "published"
    return _outcome(home, found.report, state, run_id=found.run_id)


def _outcome(
    home: Outputs, report: str, state: str, reason: str = "", run_id: str | None = None, seconds: float = 0.0
) -> Outcome:
    return Outcome(home.network, report, state, reason, home.page(report), run_id, seconds)
