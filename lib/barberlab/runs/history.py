"""What do the manifests of all runs say together? Every run that is kept, published or failed, and its cells.

For the operator, over all networks: it reads manifests alone, so that no row of any network is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from barberlab.errors import Damaged
from barberlab.runs import manifest as manifests
from barberlab.runs import outputs
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import Outputs
from barberlab.runs.status import Disk, disk
from barberlab.workspace import Workspace, find

RUNS = ("network", "report", "run_id", "state", "cause", "reason", "started", "seconds", "execute_s", "render_s")
RUNS += ("data_version", "data_as_of", "bytes")
CELLS = ("network", "report", "run_id", "cell", "seconds")


@dataclass(frozen=True)
class History:
    """All runs that are kept, as of `now`.

    runs: a row each, `state` published, failed or damaged (its manifest cannot be read); `cause` is the kind of error
    or the gate that stopped it; instants in UTC, durations in seconds. cells: the notebook's cells, counted from 1.
    """

    now: datetime
    runs: pd.DataFrame
    cells: pd.DataFrame
    disk: Disk

    def since(self, days: int) -> "History":
        """The runs that started in the last `days`."""
        runs = self.runs[self.runs["started"] > pd.Timestamp(self.now) - timedelta(days=days)]
        key = ["network", "run_id"]
        cells = self.cells.merge(runs[key], on=key)
        return History(self.now, runs.reset_index(drop=True), cells, self.disk)


def read(workspace: Workspace, now: datetime) -> History:
    """The history of all networks' runs."""
    found = [one for network in outputs.networks(workspace) for one in _kept(outputs.of(workspace, network))]
    runs = pd.DataFrame([row for row, _ in found], columns=list(RUNS))
    runs = runs.astype({"seconds": float, "execute_s": float, "render_s": float, "data_version": "Int64"})
    for column in ("started", "data_as_of"):
        runs[column] = pd.to_datetime(runs[column], utc=True, format="ISO8601")
    cells = pd.DataFrame([cell for _, cells in found for cell in cells], columns=list(CELLS))
    ordered = runs.sort_values(["started", "network", "run_id"], ignore_index=True)
    return History(now, ordered, cells.astype({"cell": int, "seconds": float}), disk(workspace))


def open_history(now: str = "") -> History:
    """The history of the workspace one works in, as of `now` (ISO 8601) or the clock: what a notebook begins with."""
    return read(find(), datetime.fromisoformat(now) if now else datetime.now(UTC))


def _kept(home: Outputs) -> Iterator[tuple[tuple, list[tuple]]]:
    """Each run that is kept: its row, and its cells'."""
    for path in [*home.folder.glob("r*-*"), *(home.folder / "failed").glob("r*-*")]:
        try:
            manifest = manifests.read_alone(path)
        except Damaged as error:
            yield _damaged(home.network, path, str(error)), []
        else:
            yield _row(manifest), _cells(manifest)


def _damaged(network: str, path: Path, why: str) -> tuple:
    # Its folder's time is all that is known of when it was.
    since = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    known = (network, path.name.partition("-")[2], path.name, "damaged", "Damaged", why, since)
    return known + (None,) * (len(RUNS) - len(known) - 1) + (0,)


def _row(manifest: Manifest) -> tuple:
    took = manifest.durations
    return (
        *(manifest.network, manifest.report, manifest.run_id, manifest.state),
        *(manifest.reason.partition(":")[0], manifest.reason, manifest.started),
        *(took.get("total"), took.get("execute"), took.get("render")),
        *(manifest.data.get("version"), manifest.data.get("as_of")),
        sum(file["bytes"] for file in manifest.files.values()),
    )


def _cells(manifest: Manifest) -> list[tuple]:
    of = manifest.network, manifest.report, manifest.run_id
    return [(*of, cell, seconds) for cell, seconds in enumerate(manifest.durations.get("cells", ()), 1)]
