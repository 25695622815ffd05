"""What is due now, and was it dealt with? Safe to ask every minute, twice at once, after a month off, under any clock.

A scheduled time is dealt with once it was tried: whether its page was published, nothing had changed or its notebook
failed, the next try is at the next time. So it is where it had to be refused: a notebook that cannot be read, or a
network that has no data any more, is told like a failure and costs no other report its run. Times that were missed are
caught up by one run, and it says how many. What was interrupted, or found its network busy, is due still.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from barberlab.errors import BadInput, BarberlabError, Busy
from barberlab.personal import mask
from barberlab.runs import journal as journals
from barberlab.runs import notify, schedule
from barberlab.runs.journal import Journal, Record
from barberlab.runs.schedule import Schedule
from barberlab.workspace import Workspace

MOST_COUNTED = 100
LOOKED = timedelta(minutes=10)  # how exactly it is remembered when anybody last looked


@dataclass(frozen=True)
class Due:
    """A report of a network whose time has come: the latest such time, and how many before it were missed."""

    network: str
    report: str
    slot: datetime
    missed: int = 0


@dataclass
class Done:
    """What a look at the schedule led to.

    refused: outcomes of what could not even begin. notes: about the clock. untold: messages and index pages that did
    not get out.
    """

    due: list[Due] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: all done, or nothing to do. 1: a report failed, or something was not told. 2: some could not begin."""
        if self.refused:
            return 2
        failed = any(outcome.state in ("failed", "refused") for outcome in self.outcomes)
        return 1 if failed or self.untold else 0


type Run = Callable[..., list[Any]]
type Batch = tuple[list[str], list[str]]  # networks, reports
type Place = Callable[[int], AbstractContextManager[Executor | None]]


def look(workspace: Workspace, now: datetime) -> Done:
    """What is due at `now`, and nothing done about it. Raises BadInput for a schedule that is wrong."""
    plan, book = schedule.load(workspace), journals.read(workspace)
    notes = _set_right(plan, book, now)
    return Done(_due(workspace, plan, book, now), notes=notes)


def run(
    workspace: Workspace, now: datetime, run: Run | None = None, place: Place | None = None, **options: Any
) -> Done:
    """Run what is due at `now` and tell whom the schedule names; does nothing while another process is at it.

    run: what runs networks' reports, by default `runner.run`, handed `options`. place: where so many networks are run,
    opened only when something is due; by default this process. Raises BadInput for a schedule that is wrong, before
    anything runs.
    """
    plan = schedule.load(workspace)
    try:
        with journals.locked(workspace):
            return _run(workspace, plan, now, run, place, options)
    except Busy:
        return Done()


def _run(
    workspace: Workspace, plan: Schedule, now: datetime, run: Run | None, place: Place | None, options: dict[str, Any]
) -> Done:
    book = journals.read(workspace)
    looked = book.clock
    done = Done(notes=_set_right(plan, book, now))
    done.due = _due(workspace, plan, book, now)
    if done.due:
        # On a full disk nothing runs: what cannot be remembered would run again every minute.
        _keep(workspace, book)
    done.refused = _refused(workspace, done.due)
    _record(plan, book, done.due, done.refused, now)
    options = {"unwritten": done.untold.append} | options
    for outcomes in _outcomes(workspace, _batches(_others(done.due, done.refused)), run, place, options):
        done.outcomes += outcomes
        _record(plan, book, done.due, outcomes, now)
        _keep(workspace, book)
    waiting = len(book.outbox)
    done.untold += notify.send(plan, book, now)
    if done.due or done.notes or waiting or looked is None or now - looked >= LOOKED:
        _keep(workspace, book)
    return done


def _refused(workspace: Workspace, due: list[Due]) -> list[Any]:
    """An outcome for each report that cannot begin: handed over with others, it would keep the runner from them all."""
    if not due:
        return []
    # Imported only when something is due, as the runner is.
    from barberlab.runs import jobs, work  # noqa: PLC0415

    why = {report: _why(jobs.known_reports, workspace, [report]) for report in {item.report for item in due}}
    gone = {network: _why(jobs.known_networks, workspace, [network]) for network in {item.network for item in due}}
    found = [(item, why[item.report] or gone[item.network]) for item in due]
    return [work.refused(workspace, item.network, item.report, reason) for item, reason in found if reason]


def _why(check: Callable[..., Any], *what: Any) -> str:
    try:
        check(*what)
    except BadInput as error:
        return str(error)
    return ""


def _others(due: list[Due], refused: list[Any]) -> list[Due]:
    out = {(outcome.network, outcome.report) for outcome in refused}
    return [item for item in due if (item.network, item.report) not in out]


def _outcomes(
    workspace: Workspace, batches: list[Batch], run: Run | None, place: Place | None, options: dict[str, Any]
) -> Iterator[list[Any]]:
    """Of each batch its outcomes, all run in the same place."""
    if not batches:
        return
    with place(max(len(networks) for networks, _ in batches)) if place else nullcontext() as executor:
        for networks, reports in batches:
            yield (run or _runner())(workspace, networks, reports, executor=executor, **options)


def _keep(workspace: Workspace, book: Journal) -> None:
    try:
        journals.write(workspace, book)
    except OSError as error:
        raise BarberlabError(f"what is due cannot be remembered: {error.strerror}; nothing more was run") from None


def _runner() -> Run:
    # Imported only when something is due: nearly every call finds nothing to do and should cost nothing.
    from barberlab.runs import runner  # noqa: PLC0415

    return runner.run


def _due(workspace: Workspace, plan: Schedule, book: Journal, now: datetime) -> list[Due]:
    known, found = workspace.networks(), []
    for report, entry in plan.reports.items():
        times = entry.times
        slot = times.last(now)
        for network in plan.networks(report, known):
            record = book.records.get((network, report))
            if record is None:
                found.append(Due(network, report, slot))
            elif record.slot < slot:
                between = takewhile(lambda at, slot=slot: at < slot, times.after(record.slot))
                found.append(Due(network, report, slot, sum(1 for _ in islice(between, MOST_COUNTED))))
    return found


def _set_right(plan: Schedule, book: Journal, now: datetime) -> list[str]:
    """What to say of the clock; records it cannot have written are taken to reach until `now`."""
    notes, looked = [], book.clock
    if looked and looked - now > journals.STEP:
        notes.append(f"the clock was set back from {_said(looked)} to {_said(now)}; what ran is not run again")
    if looked is None or abs(now - looked) >= LOOKED:
        book.clock = now
    wrong = {key: record for key, record in book.records.items() if record.slot - now > journals.BELIEVED}
    for (network, report), record in wrong.items():
        notes.append(
            f"{network} {report}: recorded as done for {_said(record.slot)} by a clock that was ahead; "
            "its next time is taken from now on"
        )
        slot = plan.reports[report].times.last(now) if report in plan.reports else now
        book.records[network, report] = Record(slot, now, record.state, record.reason)
    return notes


def _batches(due: list[Due]) -> list[Batch]:
    """(networks, reports) that cover what is due, reports of the same networks in one go."""
    networks: dict[str, list[str]] = {}
    for item in due:
        networks.setdefault(item.report, []).append(item.network)
    together: dict[tuple[str, ...], list[str]] = {}
    for report, of in networks.items():
        together.setdefault(tuple(of), []).append(report)
    return [(list(of), reports) for of, reports in together.items()]


def _record(plan: Schedule, book: Journal, due: list[Due], outcomes: list[Any], now: datetime) -> None:
    slots = {(item.network, item.report): item.slot for item in due}
    for outcome in outcomes:
        key = outcome.network, outcome.report
        # A board is run along with what it shows and has no times of its own.
        if outcome.state == "busy" or key not in slots:
            continue
        book.records[key] = Record(slots[key], now, outcome.state, mask(outcome.reason))
        notify.note(plan, book, key, now)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
