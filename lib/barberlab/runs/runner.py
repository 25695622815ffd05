"""Every report of every network: executed where something changed, published where all gates pass.

One network's failure is its own: it keeps its last good report, is named with its reason, and the others go on. A
network in which nothing changed is told from here, and no worker is started for it. The others are one task each, for
this process or for any executor; so what comes out does not depend on how many there are.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from barberlab.runs import jobs, manifest, memory, pdf, work
from barberlab.runs.pages import Pages
from barberlab.runs.pool import Workers
from barberlab.runs.published import index
from barberlab.runs.spread import spread
from barberlab.runs.task import Limits, Outcome, Task
from barberlab.workspace import Workspace

__all__ = ["Limits", "Outcome", "exit_code", "run"]

type Progress = Callable[[int, int, str], None]


def run(
    workspace: Workspace,
    networks: Iterable[str],
    reports: Iterable[str] | None = None,
    as_of: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    pages: Pages | None = None,
    timeout_s: float | None = None,
    limits: Limits | None = None,
    engine: str | None = None,
    executor: Executor | None = None,
    each: Callable[[Outcome], None] | None = None,
    unwritten: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Run the report notebooks of notebooks/reports, or those named, for each network, and write the index pages.

    Parameters
    ----------
    as_of
        A date or instant no later than the data; by default the data's own, never the clock.
    parameters
        Values for the notebooks' parameters cells; reports that are named must take every one of them, and where none
        are named, those run that do.
    force
        Run what is unchanged as well.
    progress
        Called with (done, total, what was done last) in networks, first with (0, total, "").
    pages
        How pages are made; by default the house's.
    timeout_s
        Longest time for one cell, in place of the limits' own.
    engine
        "warm" or "papermill"; by default warm where warmkernel is installed.
    executor
        Where networks are run, any of `concurrent.futures`: `pool.workers`, `pool.cluster`; by default this process.
    each
        Called with each outcome as soon as it is known; the list that comes back is in the order asked for.
    unwritten
        Called with one line where the index pages could not be written; without it that raises OSError, and the
        outcomes are known to `each` alone.

    Raises BadInput before anything runs for a network, report, parameter or engine that is not known or not of its
    type.
    """
    wanted, task = _checked(workspace, networks, reports, as_of, parameters or {}, engine)
    limits = limits or Limits()
    limits = limits if timeout_s is None else replace(limits, cell_s=timeout_s)
    if limits.memory_bytes is None and isinstance(executor, Workers):
        limits = replace(limits, memory_bytes=memory.share(executor.count))
    task = replace(task, force=force, pages=pages, limits=limits)
    found: dict[str, list[Outcome]] = {}
    tell, hear = progress or (lambda done, total, label: None), each or (lambda outcome: None)
    tell(0, len(wanted), "")
    for network, outcomes in _run(task, wanted, executor):
        found[network] = outcomes
        for outcome in outcomes:
            hear(outcome)
        tell(len(found), len(wanted), network)
    _index(workspace, pages, unwritten)
    return [outcome for network in wanted for outcome in found[network]]


def _index(workspace: Workspace, pages: Pages | None, unwritten: Callable[[str], None] | None) -> None:
    """The index pages belong to no network: that they cannot be written takes nothing from what was published."""
    try:
        index(workspace, pages)
    except OSError as error:
        if unwritten is None:
            raise
        unwritten(f"the index pages could not be written, and tell what stood before: {_place(workspace, error)}")


def _place(workspace: Workspace, error: OSError) -> str:
    named = Path(error.filename) if isinstance(error.filename, str) else None
    inside = named and named.is_relative_to(workspace.root)
    return f"{named.relative_to(workspace.root)}: {error.strerror}" if inside else work.said(error)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """0: all done. 1: some networks failed, or their data are damaged. 2: nothing was run, all of it was bad input."""
    outcomes = list(outcomes)
    states = {outcome.state for outcome in outcomes}
    if states == {"refused"} and not any(outcome.damaged for outcome in outcomes):
        return 2
    return 1 if states & {"failed", "refused"} else 0


def _checked(
    workspace: Workspace,
    networks: Iterable[str],
    reports: Iterable[str] | None,
    as_of: str | None,
    parameters: Mapping[str, Any],
    engine: str | None,
) -> tuple[list[str], Task]:
    """The networks, and what all their tasks have in common."""
    known = jobs.known_reports(workspace, reports)
    if parameters or as_of:
        # What stands aside has no board: that is of what everybody sees.
        known = [report for report in known if not report.is_board]
    if reports is None:
        # Of all reports those that can be asked so: a period is nothing to a forecast.
        known = [report for report in known if set(parameters) <= set(report.takes)] or known
    jobs.check_given(known, parameters, as_of)
    wanted = jobs.known_networks(workspace, networks)
    named = jobs.engine_named(engine) if engine else ""
    return wanted, Task(
        workspace,
        network="",
        reports=tuple(known),
        as_of=as_of,
        parameters=dict(parameters),
        code=manifest.code_sums(workspace.root),
        engine=named,
        batch=uuid.uuid4().hex,
    )


def _run(common: Task, networks: Iterable[str], executor: Executor | None) -> Iterator[tuple[str, list[Outcome]]]:
    """Each network with its outcomes, as soon as they are known."""
    ahead = []
    for network in networks:
        task = replace(common, network=network)
        unchanged = work.standing(task)
        if unchanged is None:
            ahead.append(task)
        else:
            yield network, unchanged
    if not ahead:
        return
    code = manifest.code_facts(common.workspace.root) | dict(common.code)
    engine = common.engine or jobs.engine_named(None)
    ahead = [replace(task, code=code, engine=engine) for task in ahead]
    yield from spread(ahead, executor) if executor else _here(ahead)


def _here(tasks: Iterable[Task]) -> Iterator[tuple[str, list[Outcome]]]:
    try:
        yield from ((task.network, work.run(task)) for task in tasks)
    finally:
        pdf.close()
