"""What has the schedule done so far, and what is still to be told? outputs/.schedule/state.json, and how to do without.

Losing it costs nothing but time: the runs' own manifests then say what was tried, and what has not changed is skipped.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from barberlab import files
from barberlab.errors import Damaged
from barberlab.runs import manifest as manifests
from barberlab.runs import outputs
from barberlab.workspace import Workspace

SCHEMA = 1
DONE_WELL = ("published", "unchanged")
# A recorded time may lie this far ahead before the clock is said to have been set back.
STEP = timedelta(hours=1)
# Further ahead than this, the clock was wrong when it was recorded, and reports must not wait until it comes true.
BELIEVED = timedelta(days=1)


@dataclass(frozen=True)
class Record:
    """The last scheduled time that was dealt with for one report of one network, when, and what became of it."""

    slot: datetime
    at: datetime
    state: str = ""
    reason: str = ""

    @property
    def well(self) -> bool:
        """Whether a page stands for it."""
        return self.state in DONE_WELL


@dataclass(frozen=True)
class Incident:
    """A failure that was told, from its first run on until a run passes."""

    since: datetime
    reason: str


@dataclass(frozen=True)
class Message:
    """What one channel is to be told: no data, only which network and report, and the reason, already masked."""

    event: str
    network: str
    report: str
    reason: str
    since: datetime
    at: datetime
    channel: str
    tries: int = 0
    again: datetime | None = None


type Key = tuple[str, str]


@dataclass
class Journal:
    """All that is remembered; keys are (network, report). `clock` is the last time at which anybody looked."""

    records: dict[Key, Record] = field(default_factory=dict)
    incidents: dict[Key, Incident] = field(default_factory=dict)
    outbox: list[Message] = field(default_factory=list)
    clock: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """The journal as JSON holds it, instants in ISO 8601."""
        return {
            "schema": SCHEMA,
            "clock": _said(self.clock),
            "records": [_row(key, record) for key, record in sorted(self.records.items())],
            "incidents": [_row(key, incident) for key, incident in sorted(self.incidents.items())],
            "outbox": [{name: _said(value) for name, value in asdict(message).items()} for message in self.outbox],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """The journal that JSON holds; raises ValueError, KeyError or TypeError for anything else."""
        if found["schema"] != SCHEMA:
            raise ValueError
        return cls(
            {_key(row): Record(**_rest(row)) for row in found["records"]},
            {_key(row): Incident(**_rest(row)) for row in found["incidents"]},
            [Message(**_read(row)) for row in found["outbox"]],
            datetime.fromisoformat(found["clock"]) if found["clock"] else None,
        )


def locked(workspace: Workspace) -> AbstractContextManager[None]:
    """Nobody else goes through the schedule meanwhile; raises Busy."""
    return files.locked(_path(workspace).with_name(".lock"), "the schedule")


def read(workspace: Workspace) -> Journal:
    """The journal; where it is lost or spoilt, what the runs' manifests say of the last run of each report."""
    try:
        return Journal.from_json(json.loads(_path(workspace).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Journal(_from_manifests(workspace))


def write(workspace: Workspace, journal: Journal) -> None:
    """Keep the journal. Only under `locked`."""
    files.make_folder(_path(workspace).parent)
    files.write_json(_path(workspace), journal.to_json())


def _path(workspace: Workspace) -> Path:
    return workspace.outputs / ".schedule" / "state.json"


def _from_manifests(workspace: Workspace) -> dict[Key, Record]:
    found = {}
    for network in outputs.networks(workspace):
        home = outputs.of(workspace, network)
        for report in home.reports():
            tried = home.last_failure(report) or _published(home, report)
            if tried:
                started = datetime.fromisoformat(tried.started)
                found[network, report] = Record(started, started, tried.state, tried.reason)
    return found


def _published(home: outputs.Outputs, report: str) -> manifests.Manifest | None:
    try:
        to = home.pointers().get(report)
        return manifests.read_alone(home.run(to["run_id"]), to["manifest_sha256"]) if to else None
    except Damaged:
        return None


def _row(key: Key, value: Record | Incident) -> dict[str, Any]:
    return {"network": key[0], "report": key[1]} | {name: _said(found) for name, found in asdict(value).items()}


def _key(row: dict[str, Any]) -> Key:
    return row["network"], row["report"]


def _rest(row: dict[str, Any]) -> dict[str, Any]:
    return _read({name: value for name, value in row.items() if name not in ("network", "report")})


def _said(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(row: dict[str, Any]) -> dict[str, Any]:
    instants = ("slot", "at", "since", "again")
    return {name: datetime.fromisoformat(v) if name in instants and v else v for name, v in row.items()}
