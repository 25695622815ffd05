"""A workspace with a schedule, runs that only pretend, and runs that stand there already: what these tests stand on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import bench
import pyarrow as pa
import pyarrow.parquet as pq

from barberlab import files
from barberlab.data import versions
from barberlab.runs import due, outputs
from barberlab.runs.manifest import Manifest
from barberlab.workspace import Workspace

DAILY = """
reports:
  performance:
    cron: "30 6 * * *"
    timezone: Europe/Berlin
"""


def workspace(root: Path, schedule: str = DAILY) -> Workspace:
    """Two networks with data, two reports, and a schedule."""
    made = bench.workspace(root)
    for report in ("performance", "shop"):
        bench.add_report(made, report, bench.notebook("1"))
    bench.add_data(made, "north", "south")
    (made.params / "schedule.yaml").write_text(schedule)
    return made


def utc(said: str) -> datetime:
    """An instant, said in UTC."""
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


RUN = Manifest(
    run_id="",
    network="",
    report="",
    state="published",
    reason="",
    content_key="key",
    seed=1,
    as_of=bench.AS_OF,
    parameters={"period": ""},
    params={},
    data={},
    notebook_sha256="0" * 64,
    code={},
    gates=[],
    durations={},
    started="",
    finished="",
)


def add_run(
    place: Workspace,
    network: str,
    started: str,
    report: str = "performance",
    reason: str = "",
    seconds: float = 8.0,
    cells: tuple[float, ...] = (),
) -> str:
    """A run that stands there: published on the newest data, or failed for a reason. Gives its id."""
    home, version = outputs.of(place, network), versions.latest(place, network)
    with home.locked():
        run_id, staging = home.stage(report)
        files.write(staging / "report.html", f"<h1>{network} {run_id}</h1>".encode())
        run = replace(
            RUN,
            run_id=run_id,
            network=network,
            report=report,
            state="failed" if reason else "published",
            reason=reason,
            data={"version": version.number, "as_of": version.as_of.isoformat(), "facts": bench.FACTS},
            durations={"total": seconds, "execute": seconds - 1, "render": 0.5, "cells": list(cells)},
            started=utc(started).isoformat(),
            finished=(utc(started) + timedelta(seconds=seconds)).isoformat(),
        )
        (home.keep_failed if reason else home.publish)(staging, run)
    return run_id


def add_version(place: Workspace, number: int, network: str = "north") -> versions.Version:
    """A data version with a table of two files, one of which other versions have as well, and a quarantine."""
    folder = files.make_folder(place.network(network))
    named = []
    for name in (f"own{number}", "shared"):
        path = files.make_folder(folder / "tables" / "visits") / f"{name}.parquet"
        pq.write_table(pa.table({"name": [name]}), path)
        named.append({"path": path.relative_to(folder).as_posix(), "sha256": files.sha256(path)})
    quarantine = files.make_folder(folder / "quarantine") / f"v{number:06}.parquet"
    quarantine.write_bytes(b"refused")
    tables = {"visits": {"rows": 2, "files": named}}
    kept = {"path": f"quarantine/{quarantine.name}", "sha256": files.sha256(quarantine), "rows": {}}
    content = {"as_of": bench.AS_OF, "facts": bench.FACTS, "tables": tables, "quarantine": kept}
    return versions.publish(folder, folder / "staged", content, versions.newest(place, network))


class Ended(NamedTuple):
    """As much of a runner's outcome as the schedule looks at."""

    network: str
    report: str
    state: str
    reason: str


class Runner:
    """Stands in for `runner.run`: remembers what it was asked for; `ends` says how a report of a network ends."""

    def __init__(self):
        self.asked: list[tuple[list[str], list[str]]] = []
        self.ends: dict[tuple[str, str], tuple[str, str]] = {}

    def __call__(self, place, networks, reports, **options):
        """One outcome for each report of each network, published if nothing else was said."""
        self.asked.append((networks, reports))
        pairs = [(network, report) for network in networks for report in reports]
        return [Ended(*pair, *self.ends.get(pair, ("published", ""))) for pair in pairs]

    @property
    def ran(self) -> list[tuple[str, str]]:
        """(network, report) of every run asked for, in order."""
        return [(network, report) for networks, reports in self.asked for network in networks for report in reports]


def at(place: Workspace, runner: Runner, *times: str) -> list[list[tuple[str, str]]]:
    """What ran when `due` was called at each of these times, in UTC."""
    found = []
    for said in times:
        before = len(runner.ran)
        due.run(place, utc(said), runner)
        found.append(runner.ran[before:])
    return found
