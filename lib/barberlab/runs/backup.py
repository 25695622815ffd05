"""Could everything be had back? A copy of data, settings, published runs with a sum of every file, and its way back.

A backup is a folder or a tar file. What it holds belongs together: runs are read before data, so the data versions that
they name are in it, and every file is compared with its sum on the way in and on the way out. Of runs that are not
published any more it holds what they foresaw. Pseudonym keys are secret and go into a file of their own, only when it
is named. Nothing is ever overwritten: not a backup, not a workspace.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from barberlab import files
from barberlab.data.versions import Version
from barberlab.errors import BadInput, Damaged
from barberlab.runs import archive, forecasts, ledger, operations, outputs, published, release
from barberlab.runs import manifest as manifests
from barberlab.runs.archive import Archive
from barberlab.runs.outputs import RUN_ID, Outputs
from barberlab.workspace import MARK, Workspace

STATE = "outputs/.schedule/state.json"
KEYS = "data/keys"
LEDGER = "data/benchmark/ledger.sqlite"
_PLACES = ("params/", "data/networks/", "data/benchmark/", "outputs/")


@dataclass(frozen=True)
class Receipt:
    """What a backup holds: files, bytes, networks. `left_out`: what could not be read, with why. `keys`: how many."""

    path: Path
    files: int
    bytes: int
    networks: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    keys: int = 0


@dataclass(frozen=True)
class _File:
    """One file of a backup: its place in the workspace, and its content or where that lies, with its sum."""

    place: str
    content: bytes | None = None
    path: Path | None = None
    sha256: str = ""

    def read(self) -> bytes:
        data = self.content if self.path is None else self.path.read_bytes()
        if self.sha256 and files.sha256_bytes(data) != self.sha256:
            raise Damaged(f"{self.place} is not what it was when it was written; restore it from an earlier backup")
        return data


def backup(workspace: Workspace, to: Path, now: datetime, keys: Path | None = None) -> Receipt:
    """Copy what cannot be made again to `to`: a tar file where it ends in .tar or .tar.gz, else a folder.

    A network's data or runs that are damaged are left out and named, and the rest goes on. keys: a tar file of its own
    for the pseudonym keys, readable by its owner alone. Raises BadInput for a place that exists or lies in the
    workspace.
    """
    for path in filter(None, (to, keys)):
        _check_target(workspace, path)
    if keys and keys.resolve() == to.resolve():
        raise BadInput(f"{keys}: keys go into a file of their own")
    left_out: dict[str, str] = {}
    found = list(_all(workspace, left_out))
    names = tuple(sorted({one.place.split("/")[2] for one in found if one.place.startswith("data/networks/")}))
    size = _write(to, found, {"made": now.isoformat(), "networks": list(names), "left_out": left_out})
    kept = list(_keys(workspace)) if keys else []
    if keys:
        _write(keys, kept, {"made": now.isoformat(), "keys": True}, tar=True)
    return Receipt(to, len(found), size, names, left_out, len(kept))


def restore(
    root: Path, source: Path, keys: Path | None = None, into_empty: bool = False, now: datetime | None = None
) -> Receipt:
    """Put a backup into the workspace at `root`, all of it compared with its sums before the first file moves.

    into_empty: `root` is a folder that is empty or not there yet, and becomes a workspace. Raises BadInput where `root`
    holds networks, runs, or settings and keys other than the backup's, and Damaged where the backup is not whole. Of
    two benchmark ledgers the one that goes further is kept, and what may have been released since the backup was made,
    by `now` (the clock's), counts as spent.
    """
    place = Workspace(root.resolve())
    if into_empty and place.root.is_dir() and any(place.root.iterdir()):
        raise BadInput(f"{root}: --into-empty takes a folder that is empty or not there yet")
    whole, secret = archive.read(source), archive.read(keys) if keys else None
    _check_content(whole, _PLACES)
    if secret:
        _check_content(secret, (f"{KEYS}/",))
    _check_room(place, whole, secret)
    staging = place.root / ".restore"
    files.remove_folder(staging)
    try:
        size = _stage(staging, whole)
        goes_on = _ledger_goes_on(place, staging)
        secrets = dict(secret.items()) if secret else {}
        _move(place, staging, whole)
        _move_benchmark(place, staging, goes_on)
    finally:
        files.remove_folder(staging)
    for name, content in secrets.items():
        _put_key(place.root / name, content)
    if not goes_on:
        release.burn_unknown(place, now or datetime.now(UTC))
    published.index(place)
    facts = whole.facts
    return Receipt(source, len(whole.files), size, tuple(facts["networks"]), facts["left_out"], len(secrets))


# Out


def _check_target(workspace: Workspace, path: Path) -> None:
    if path.exists():
        raise BadInput(f"{path}: is there already; a backup never replaces anything")
    if path.resolve().is_relative_to(workspace.root):
        raise BadInput(f"{path}: lies in the workspace; a backup belongs elsewhere")
    if not path.resolve().parent.is_dir():
        raise BadInput(f"{path}: its folder is not there")


def _write(to: Path, found: Iterable[_File], facts: dict, tar: bool = False) -> int:
    with archive.writer(to, tar) as sink:
        return sum(sink.add(one.place, one.read()) for one in found) + sink.seal(facts)


def _all(workspace: Workspace, left_out: dict[str, str]) -> Iterator[_File]:
    """Everything, in an order in which what names something comes before what it names."""
    yield from (_File(_place(workspace, path), path=path) for path in _plain_files(workspace.params))
    state = workspace.root / STATE
    if state.is_file():
        yield _File(STATE, state.read_bytes())
    yield from (_File(_place(workspace, path), path=path) for path in _plain_files(workspace.benchmark / "releases"))
    yield from _unless_damaged("benchmark ledger", _ledger(workspace), left_out)
    homes = [outputs.of(workspace, network) for network in outputs.networks(workspace)]
    for home in [*homes, operations.of(workspace)]:
        whole = _unless_damaged(f"runs of {home.network}", _published(workspace, home), left_out)
        yield from whole
        places = {one.place for one in whole}
        for run in forecasts.kept(home):
            if _place(workspace, run / manifests.NAME) not in places:
                what = f"what {run.name} of {home.network} foresaw"
                yield from _unless_damaged(what, _foreseen(workspace, home, run), left_out)
    for network in workspace.networks():
        yield from _unless_damaged(f"data of {network}", _data(workspace, network), left_out)


def _unless_damaged(what: str, found: Iterator[_File], left_out: dict[str, str]) -> list[_File]:
    try:
        return list(found)
    except Damaged as error:
        left_out[what] = str(error)
        return []


def _published(workspace: Workspace, home: Outputs) -> Iterator[_File]:
    """The published runs, and the one with the highest number: no number may be used again after a restore."""
    pointers = home.pointers()
    runs = {home.run(to["run_id"]): to["manifest_sha256"] for to in pointers.values()}
    tried = [path for path in [*home.folder.glob("r*-*"), *home.folder.glob("failed/r*-*")] if RUN_ID.match(path.name)]
    last = max(tried, key=lambda path: int(RUN_ID.match(path.name)[1]), default=None)
    if last is not None and (last / manifests.NAME).is_file():
        runs.setdefault(last, None)
    if pointers:
        yield _File(_place(workspace, home.folder / "latest.json"), files.json_bytes(pointers))
    for run, sha256 in runs.items():
        manifest = manifests.read(run, sha256)
        yield _File(_place(workspace, run / manifests.NAME), (run / manifests.NAME).read_bytes())
        for path, sums in manifest.files.items():
            yield _File(_place(workspace, run / path), path=run / path, sha256=sums["sha256"])


def _foreseen(workspace: Workspace, home: Outputs, run: Path) -> Iterator[_File]:
    """What a run foresaw, as it is kept when the run goes."""
    manifest, aside = manifests.read_alone(run), home.folder / forecasts.FOLDER / run.name
    yield _File(_place(workspace, aside / manifests.NAME), (run / manifests.NAME).read_bytes())
    for path in forecasts.forecast_files(manifest):
        yield _File(_place(workspace, aside / path), manifests.verified(run, manifest, path))


def _data(workspace: Workspace, network: str) -> Iterator[_File]:
    """All data versions of a network and the files that they name, each once."""
    named: dict[str, str] = {}
    folder = workspace.network(network)
    for path in sorted((folder / "versions").glob("v*.json")):
        version = Version(folder, path)
        for table, content in version.manifest["tables"].items():
            version.paths(table)
            named |= {file["path"]: file["sha256"] for file in content["files"]}
        quarantine = version.manifest.get("quarantine")
        named |= {quarantine["path"]: quarantine["sha256"]} if quarantine else {}
        yield _File(_place(workspace, path), path.read_bytes())
    for name, sha256 in named.items():
        yield _File(_place(workspace, folder / name), path=folder / name, sha256=sha256)


def _ledger(workspace: Workspace) -> Iterator[_File]:
    book = release.ledger(workspace)
    if book.entries():
        yield _File(LEDGER, book.copy())


def _keys(workspace: Workspace) -> Iterator[_File]:
    for path in sorted((workspace.root / KEYS).glob("*.key")):
        yield _File(f"{KEYS}/{path.name}", path.read_bytes())


def _plain_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _place(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.root).as_posix()


# And back


def _check_content(whole: Archive, places: tuple[str, ...]) -> None:
    odd = [name for name in whole.files if not name.startswith(places)]
    if odd:
        raise BadInput(f"{whole.path}: holds {odd[0]!r}, which is no part of such a backup")


def _check_room(place: Workspace, whole: Archive, secret: Archive | None) -> None:
    """Nothing may be in the way, and what is there of settings and keys must be the same."""
    if place.networks() or any(RUN_ID.fullmatch(path.name) for path in place.outputs.rglob("r*-*")):
        raise BadInput(
            f"{place.root}: holds networks or runs already; restore into a workspace without, or --into-empty FOLDER"
        )
    if MARK.as_posix() not in whole.files and not (place.root / MARK).is_file():
        raise BadInput(f"{whole.path}: holds no {MARK.as_posix()}, without which {place.root} is no workspace")
    for one in filter(None, (whole, secret)):
        for name in (
            name for name in one.files if not name.startswith(("data/networks/", "data/benchmark/", "outputs/"))
        ):
            path = place.root / name
            if path.is_file() and files.sha256(path) != one.files[name]["sha256"]:
                raise BadInput(f"{name} differs from the backup's; put it away first, or restore --into-empty FOLDER")


def _stage(staging: Path, whole: Archive) -> int:
    size = 0
    for name, content in whole.items():
        files.make_folder((staging / name).parent)
        (staging / name).write_bytes(content)
        size += len(content)
    return size


def _move(place: Workspace, staging: Path, whole: Archive) -> None:
    for name in (name for name in whole.files if name.startswith("params/")):
        files.make_folder((place.root / name).parent)
        files.write(place.root / name, (staging / name).read_bytes())
    for folder in ("data/networks", "outputs"):
        for child in sorted((staging / folder).glob("*")):
            files.make_folder(place.root / folder)
            target = place.root / folder / child.name
            # What is left of a network without versions or runs: locks and empty folders.
            shutil.rmtree(target, ignore_errors=True)
            files.publish_folder(child, target)


def _ledger_goes_on(place: Workspace, staging: Path) -> bool:
    """Whether the workspace's own ledger holds all of the backup's; raises BadInput where neither holds the other."""
    own, stored = release.ledger(place).entries(), ledger.from_copy(staging / LEDGER)
    shorter = min(len(own), len(stored))
    if own[:shorter] != stored[:shorter]:
        raise BadInput(
            f"{LEDGER} and the backup's tell different stories of what was spent; restore --into-empty FOLDER, and ask "
            "who released from where"
        )
    return bool(own) and len(own) >= len(stored)


def _move_benchmark(place: Workspace, staging: Path, goes_on: bool) -> None:
    """Releases that are not there, and the ledger where the workspace's own does not go further."""
    found = [path for path in _plain_files(staging / "data" / "benchmark") if not (goes_on and path.name in LEDGER)]
    for path in found:
        target = place.root / path.relative_to(staging)
        if path.name in LEDGER or not target.exists():
            files.make_folder(target.parent)
            files.write(target, path.read_bytes())


def _put_key(path: Path, content: bytes) -> None:
    if path.exists():
        return
    files.make_folder(path.parent).chmod(0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
