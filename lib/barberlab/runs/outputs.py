"""Where do the runs of a network stand? One run per report, a pointer to the published ones, and nothing in between.

    outputs/<network>/r000012-performance/    a published run: manifest.json, notebooks/, tables/, figures/, report.*
    outputs/<network>/failed/r000013-shop/    one that did not pass: manifest.json, error.json, notebooks/
    outputs/<network>/.staging-r000014-shop-ab12cd34/  one at work, or left by a crash and swept by the next run
    outputs/<network>/latest.json             report -> run_id and the sum of its manifest; what is published
    outputs/<network>/forecasts/              what runs foresaw that are no longer there, see forecasts.py
    outputs/<network>/.lease/                 who is running it, see lease.py

A run per report, so that one report's failure leaves its own last good one in place and the others move on. The number
rises with every run of the network, whatever the clock says.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from barberlab import files
from barberlab.errors import BadInput, Damaged
from barberlab.runs import lease
from barberlab.runs import manifest as manifests
from barberlab.runs.lease import Lease
from barberlab.runs.manifest import Manifest
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace

RUN_ID = re.compile(r"r(\d{6,})-([a-z][a-z0-9_-]{0,63})")
REPORT = re.compile(r"[a-z][a-z0-9_-]{0,63}")
STAGING = ".staging-"
ASIDES = "asides"
PAGE, PDF = "report.html", "report.pdf"


@dataclass(frozen=True)
class Outputs:
    """The runs of one network: its published reports, or `aside` of them what somebody asked for by hand."""

    folder: Path
    network: str
    aside: bool = False

    def locked(self, batch: str = "") -> AbstractContextManager[Lease]:
        """Nobody else runs this network meanwhile; raises Busy. Tasks of one `batch` wait for each other instead."""
        return lease.held(self.leased, f"network {self.network!r}", batch)

    @property
    def leased(self) -> Path:
        """The folder of the network's lease: there is one, whatever is run."""
        return self.folder.parent if self.aside else self.folder

    @property
    def asides(self) -> Outputs:
        """Runs of another period or moment than the usual: kept, read by their path, never in the reports' place."""
        return Outputs(self.folder / ASIDES, self.network, aside=True)

    def is_settled(self, report: str) -> bool:
        """Whether the published run of `report` is its newest, and no crash has left anything behind."""
        paths = list(self.folder.iterdir()) if self.folder.is_dir() else []
        newest = next(iter(_newest_first(paths, report)), None)
        if newest is None or any(path.name.startswith((STAGING, ".latest.json.")) for path in paths):
            return False
        return self.pointers().get(report, {}).get("run_id") == newest.name

    def pointers(self) -> dict[str, dict[str, str]]:
        """run_id and manifest_sha256 of each published report; raises Damaged."""
        path = self.folder / "latest.json"
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_bytes())
            pointers = {r: {k: str(to[k]) for k in ("run_id", "manifest_sha256")} for r, to in found.items()}
            if not all(RUN_ID.fullmatch(to["run_id"]) for to in pointers.values()):
                raise ValueError
            return pointers
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Damaged(f"network {self.network!r}: latest.json cannot be read; run its reports again") from None

    def published(self, report: str) -> Manifest | None:
        """The manifest of the published run, all its files compared; None before the first. Raises Damaged."""
        to = self.pointers().get(report)
        if to is None:
            return None
        found = manifests.read(self.run(to["run_id"]), to["manifest_sha256"])
        if (found.network, found.report) != (self.network, report):
            raise Damaged(f"run {found.run_id}: belongs to {found.network!r}, {found.report!r}; run the report again")
        return found

    def run(self, run_id: str) -> Path:
        """The folder of a published run."""
        return self.folder / run_id

    def failed(self, run_id: str) -> Path:
        """The folder of a run that was not published."""
        return self.folder / "failed" / run_id

    def reports(self) -> list[str]:
        """Names of the reports that were run here, published or failed, in order."""
        paths = [*self.folder.glob("r*-*"), *(self.folder / "failed").glob("r*-*")]
        return sorted({RUN_ID.fullmatch(path.name)[2] for path in paths if _number(path)})

    def page(self, report: str) -> Path | None:
        """Where the published page of `report` lies; None before the first. Not compared with its manifest."""
        to = self._pointers_or_rebuilt().get(report)
        return self.run(to["run_id"]) / PAGE if to else None

    def newest(self, report: str) -> tuple[Manifest, str] | None:
        """The newest whole run of `report` and its manifest's sum, whether latest.json knows it or not.

        After a crash between the folder's rename and the pointer's this is the run that lacks its pointer.
        """
        for path in _newest_first(self.folder.glob("r*"), report):
            try:
                return manifests.read(path), files.sha256(path / manifests.NAME)
            except Damaged:
                continue
        return None

    def last_failure(self, report: str) -> Manifest | None:
        """The newest failed run of `report`, if it is newer than the published one."""
        published = self._pointers_or_rebuilt().get(report, {}).get("run_id", "r000000-none")
        for path in _newest_first((self.folder / "failed").glob("r*"), report):
            if _number(path) < _number(Path(published)):
                return None
            try:
                return manifests.read_alone(path)
            except Damaged:
                continue
        return None

    def stage(self, report: str) -> tuple[str, Path]:
        """A new run id and its empty folder, which is nobody else's. Only under `locked`.

        Who lost the lease without knowing may still be writing: another run's folder of that number is not its own.
        """
        homes = (self.leased, self.leased / ASIDES)
        known = [path for home in homes for folder in (home, home / "failed") for path in folder.glob("r*-*")]
        known += [Path(to["run_id"]) for to in self.pointers().values()]
        run_id = f"r{max(map(_number, known), default=0) + 1:06}-{report}"
        return run_id, files.make_folder(self.folder / f"{STAGING}{run_id}-{uuid.uuid4().hex[:8]}")

    def publish(self, staging: Path, manifest: Manifest) -> None:
        """Seal the staged folder with its manifest, name it, then move the pointer: the last step publishes."""
        sha256 = manifests.write(staging, manifest)
        files.publish_folder(staging, self.run(manifest.run_id))
        self.point(manifest, sha256)

    def point(self, manifest: Manifest, sha256: str) -> None:
        """Make a whole run the published one of its report."""
        to = {"run_id": manifest.run_id, "manifest_sha256": sha256}
        files.write_json(self.folder / "latest.json", self.pointers() | {manifest.report: to})

    def keep_failed(self, staging: Path, manifest: Manifest) -> None:
        """Put the staged folder among the failed runs."""
        manifests.write(staging, manifest)
        files.make_folder(self.folder / "failed")
        files.publish_folder(staging, self.failed(manifest.run_id))

    def sweep(self) -> None:
        """Remove what a crashed run left, and write a spoilt latest.json anew. Only under `locked`."""
        for folder in (self.leased, self.leased / ASIDES):
            for path in folder.glob(f"{STAGING}*"):
                files.remove_folder(path)
        for path in self.folder.glob(".latest.json.*.tmp"):
            path.unlink()
        try:
            self.pointers()
        except Damaged:
            files.write_json(self.folder / "latest.json", self._pointers_or_rebuilt())

    def _pointers_or_rebuilt(self) -> dict[str, dict[str, str]]:
        # A spoilt latest.json must not cost the other reports their pages: the runs themselves say what they are.
        try:
            return self.pointers()
        except Damaged:
            found = {report: self.newest(report) for report in self.reports()}
            return {r: {"run_id": f[0].run_id, "manifest_sha256": f[1]} for r, f in found.items() if f}


def of(workspace: Workspace, network: str) -> Outputs:
    """The runs of `network`."""
    return Outputs(workspace.outputs / check_network_id(network), network)


def networks(workspace: Workspace) -> list[str]:
    """Networks that have been run, in order."""
    marks = [*workspace.outputs.glob("*/latest.json"), *workspace.outputs.glob("*/failed")]
    return sorted({path.parent.name for path in marks})


def report_name(said: str) -> str:
    """The name itself, if it can be one: it becomes part of a folder's name."""
    if not REPORT.fullmatch(said):
        raise BadInput(f"report {said!r} must be lower-case letters, digits, - and _, beginning with a letter")
    return said


def _newest_first(paths: Iterable[Path], report: str) -> list[Path]:
    own = [path for path in paths if (found := RUN_ID.fullmatch(path.name)) and found[2] == report]
    return sorted(own, key=_number, reverse=True)


def _number(path: Path) -> int:
    found = RUN_ID.fullmatch(path.name)
    return int(found[1]) if found else 0
