"""How does everything stand? Each report of each network: last success, failure, data age, duration, next run; disk."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from barberlab.data import versions
from barberlab.errors import BadInput, Damaged
from barberlab.runs import journal as journals
from barberlab.runs import manifest as manifests
from barberlab.runs import outputs, schedule
from barberlab.runs.journal import Journal, Record
from barberlab.runs.manifest import Manifest
from barberlab.runs.schedule import Schedule
from barberlab.workspace import Workspace

LATE = timedelta(hours=1)  # a time this long past that nobody dealt with: whatever calls `barberlab due` has stopped


type Times = tuple[datetime, datetime]  # the last one and the next


@dataclass(frozen=True)
class Standing:
    """One report of one network. Instants are in UTC, `seconds` is how long the published run took.

    state: ok, failed (its last run, with the first line of its error as `reason`), late (its time is past and nothing
    ran) or never (nothing was published yet). `next_due` is None for a report that the schedule does not name.
    """

    network: str
    report: str
    state: str
    reason: str
    last_success: datetime | None
    failed_since: datetime | None
    data_as_of: datetime | None
    data_age_days: float | None
    seconds: float | None
    next_due: datetime | None

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to look."""
        return self.state in ("ok", "never")


@dataclass(frozen=True)
class Disk:
    """Bytes that the data and the runs take, and that are left on the runs' disk."""

    data: int
    outputs: int
    free: int


@dataclass(frozen=True)
class Status:
    """All of it at `now`. `notes` say what is odd about the clock and who could not be told of a failure.

    `unscheduled` is what is wrong with the schedule, and keeps everything from running by it.
    """

    now: datetime
    standings: tuple[Standing, ...]
    disk: Disk
    notes: tuple[str, ...]
    unscheduled: str = ""

    @property
    def exit_code(self) -> int:
        """0: all well. 1: a report failed or is late. 2: the schedule is wrong."""
        if self.unscheduled:
            return 2
        return 0 if all(standing.is_well for standing in self.standings) else 1

    def to_json(self) -> dict[str, Any]:
        """The status as JSON holds it: instants in ISO 8601, what is not known as null."""
        rows = [{name: _plain(value) for name, value in asdict(one).items()} for one in self.standings]
        rest = {"disk": asdict(self.disk), "notes": [*self.notes], "unscheduled": self.unscheduled}
        return {"schema": 1, "now": _plain(self.now), "reports": rows, **rest}


def read(workspace: Workspace, now: datetime) -> Status:
    """The status at `now`, also under a schedule that is wrong."""
    try:
        plan, wrong = schedule.load(workspace), ""
    except BadInput as error:
        plan, wrong = Schedule(), str(error)
    book = journals.read(workspace)
    known = workspace.networks()
    ages = {network: _data_as_of(workspace, network) for network in known}
    planned = _planned(plan, known, now)
    pairs = sorted({*_run(workspace), *planned})
    standings = [_standing(workspace, book, pair, planned.get(pair), ages.get(pair[0]), now) for pair in pairs]
    return Status(now, tuple(standings), disk(workspace), tuple(_notes(book, now)), wrong)


def disk(workspace: Workspace) -> Disk:
    """What is used and what is left."""
    used = [size(folder) for folder in (workspace.root / "data" / "networks", workspace.outputs)]
    return Disk(*used, shutil.disk_usage(workspace.root).free)


def size(folder: Path) -> int:
    """Bytes of all files under `folder`; what disappears meanwhile is not counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _run(workspace: Workspace) -> Iterator[tuple[str, str]]:
    for network in outputs.networks(workspace):
        yield from ((network, report) for report in outputs.of(workspace, network).reports())


def _planned(plan: Schedule, known: list[str], now: datetime) -> dict[tuple[str, str], Times]:
    found = {}
    for report, entry in plan.reports.items():
        times = entry.times.last(now), entry.times.next(now)
        found |= {(network, report): times for network in plan.networks(report, known)}
    return found


def _data_as_of(workspace: Workspace, network: str) -> datetime | None:
    try:
        version = versions.newest(workspace, network)
        return version.as_of if version else None
    except Damaged:
        return None


def _standing(
    workspace: Workspace,
    book: Journal,
    pair: tuple[str, str],
    times: Times | None,
    as_of: datetime | None,
    now: datetime,
) -> Standing:
    home, record = outputs.of(workspace, pair[0]), book.records.get(pair)
    done, spoilt = _published(home, pair[1])
    failed, reason = _failure(home, pair[1], record, done)
    late = times and not (record and record.slot >= times[0]) and now - times[0] > LATE
    incident = book.incidents.get(pair)
    return Standing(
        *pair,
        state="failed" if reason or spoilt else "late" if late else "ok" if done else "never",
        reason=reason or spoilt,
        last_success=_last_success(done, record),
        failed_since=(incident.since if incident else failed) if reason else None,
        data_as_of=as_of,
        data_age_days=round((now - as_of) / timedelta(days=1), 1) if as_of else None,
        seconds=done.durations.get("total") if done else None,
        next_due=times[1] if times else None,
    )


def _published(home: outputs.Outputs, report: str) -> tuple[Manifest | None, str]:
    """The published run's manifest, or why there is none that can be read."""
    try:
        to = home.pointers().get(report)
        return (manifests.read_alone(home.run(to["run_id"]), to["manifest_sha256"]) if to else None), ""
    except Damaged as error:
        return None, str(error)


def _failure(
    home: outputs.Outputs, report: str, record: Record | None, done: Manifest | None
) -> tuple[datetime | None, str]:
    """Since when and why the newest try failed, if it did."""
    failed = home.last_failure(report)
    at = datetime.fromisoformat(failed.started) if failed else None
    # What was refused, or found unchanged after a failure, left no run behind: only the journal knows.
    if record and all(record.at > moment for moment in (at, done and datetime.fromisoformat(done.finished)) if moment):
        return (None, "") if record.well else (record.at, record.reason)
    return at, failed.reason if failed else ""


def _last_success(done: Manifest | None, record: Record | None) -> datetime | None:
    known = [datetime.fromisoformat(done.finished)] if done else []
    return max([*known, record.at] if record and record.well else known, default=None)


def _notes(book: Journal, now: datetime) -> Iterator[str]:
    ahead = sorted(record.slot for record in book.records.values() if record.slot - now > journals.STEP)
    if ahead:
        yield f"the clock is behind times that are recorded as done, up to {ahead[-1]:%Y-%m-%d %H:%M} UTC"
    for message in book.outbox:
        yield f"{message.network} {message.report}: {message.channel} is still to be told that it {message.event}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
