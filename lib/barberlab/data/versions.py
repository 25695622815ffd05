"""What is the data, exactly? A network's data versions: immutable Parquet files and one manifest that names them.

    data/networks/<network>/tables/<table>/year=2025/month=06/<sha256>.parquet    rows; never rewritten
    data/networks/<network>/quarantine/v000001.parquet                            rows refused, with reasons
    data/networks/<network>/versions/v000001.json                                 what belongs together

A version exists from the moment its manifest has its name; until then nothing of it can be read. Files are named by
their content, so an unchanged partition is shared between versions, and a file that was altered is refused when read.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from barberlab import files
from barberlab.errors import BadInput, Damaged
from barberlab.workspace import Workspace


@dataclass(frozen=True)
class Version:
    """One data version of one network, as its manifest tells it."""

    folder: Path
    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest's content; raises Damaged if it is not what was written."""
        try:
            manifest = json.loads(self.path.read_bytes())
            sealed = manifest.pop("seal")
        except (OSError, ValueError, KeyError):
            raise Damaged(f"{self.path.name} of network {self.network!r} cannot be read as a manifest") from None
        if sealed != seal(manifest):
            raise Damaged(f"{self.path.name} of network {self.network!r} was altered after it was published")
        return manifest

    @property
    def network(self) -> str:
        """The network's id."""
        return self.folder.name

    @property
    def number(self) -> int:
        """1, 2, 3, ... in the order of publication."""
        return int(self.path.stem[1:])

    @property
    def sha256(self) -> str:
        """The manifest's own sum; names the data of a run exactly."""
        return files.sha256(self.path)

    @property
    def as_of(self) -> datetime:
        """The moment (UTC) up to which the extract knew; a fact of the data."""
        return datetime.fromisoformat(self.manifest["as_of"])

    @property
    def facts(self) -> dict[str, Any]:
        """name, currency, timezone, country, benchmark_opt_in, status, level, source."""
        return self.manifest["facts"]

    def has(self, table: str) -> bool:
        """Whether the version holds at least one row of `table`."""
        return self.manifest["tables"].get(table, {}).get("rows", 0) > 0

    def paths(self, table: str) -> list[Path]:
        """The table's files, each verified against its sum. DuckDB does not check Parquet's own."""
        return [self._verified(file) for file in self.manifest["tables"].get(table, {}).get("files", [])]

    def _verified(self, file: dict[str, Any]) -> Path:
        path = self.folder / file["path"]
        stamp = _stamp(path)
        if _seen.get(path) != (stamp, file["sha256"]):
            if stamp is None or files.sha256(path) != file["sha256"]:
                raise Damaged(
                    f"{file['path']} of network {self.network!r} is missing or altered; "
                    "restore it from a backup or ingest its files again with --replace"
                )
            _seen[path] = (stamp, file["sha256"])
        return path


# A file that was verified is verified again only when its size, time or inode has changed.
_seen: dict[Path, tuple] = {}


def _stamp(path: Path) -> tuple | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def seal(manifest: dict[str, Any]) -> str:
    """The sum that a manifest carries of itself, over its canonical JSON."""
    return files.sha256_bytes(files.json_bytes(manifest))


def newest(workspace: Workspace, network: str) -> Version | None:
    """The newest published version, or None before the first."""
    folder = workspace.network(network)
    paths = sorted((folder / "versions").glob("v*.json"))
    return Version(folder, paths[-1]) if paths else None


def latest(workspace: Workspace, network: str) -> Version:
    """The newest published version; raises BadInput if the network has none."""
    found = newest(workspace, network)
    if found is None:
        known = ", ".join(workspace.networks()) or "none yet"
        raise BadInput(f"network {network!r} has no data; networks with data: {known}. See `barberlab ingest --help`")
    return found


def numbered(workspace: Workspace, network: str, number: int) -> Version:
    """The version `number`; raises BadInput if there is none."""
    folder = workspace.network(network)
    path = folder / "versions" / f"v{number:06}.json"
    if not path.exists():
        raise BadInput(f"network {network!r} has no data version {number}")
    return Version(folder, path)


@contextmanager
def exclusive(workspace: Workspace, network: str) -> Iterator[Path]:
    """The network's folder with nobody else writing to it; raises Busy otherwise. Ends with the process."""
    folder = workspace.network(network)
    with files.locked(folder / ".lock", f"the data of network {network!r}"):
        yield folder


def publish(folder: Path, staged: Path, manifest: dict[str, Any], previous: Version | None) -> Version:
    """Move the staged files to their places and make the manifest visible; the last rename is the publication."""
    for file in sorted(path for path in staged.rglob("*.parquet")):
        place = folder / file.relative_to(staged)
        files.make_folder(place.parent)
        files.move(file, place)
    number = previous.number + 1 if previous else 1
    manifest = manifest | {"number": number, "ingested_at": datetime.now(UTC).isoformat(timespec="seconds")}
    path = files.make_folder(folder / "versions") / f"v{number:06}.json"
    files.write_json(path, manifest | {"seal": seal(manifest)})
    return Version(folder, path)


def sweep(folder: Path) -> None:
    """Remove what an interrupted ingest left: files no manifest names. Only under `exclusive`."""
    named = set()
    for path in (folder / "versions").glob("v*.json"):
        manifest = Version(folder, path).manifest
        named |= {file["path"] for table in manifest["tables"].values() for file in table["files"]}
    for path in (folder / "tables").rglob("*.parquet"):
        if path.relative_to(folder).as_posix() not in named:
            path.unlink()
