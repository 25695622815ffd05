"""What exactly is this run? One manifest per run names its data, parameters, code and every file with its sum.

The manifest is written last, so a folder that holds one is complete, and nothing is read from a run before its files
were compared with it. It carries a sum of itself, so that it is known to be what was written even where no pointer
names it: of the newest run after a crash, and of those that failed.
"""

import json
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import barberlab
from barberlab import files
from barberlab.data.versions import seal
from barberlab.errors import Damaged

NAME = "manifest.json"
SCHEMA = 1
LIB = Path(barberlab.__file__).parent
LOCK, POPULATIONS = "requirements.lock", "params/populations"
PACKAGES = (
    *("arviz", "duckdb", "ibis-framework", "ipykernel", "matplotlib", "nbclient", "nbconvert", "numpy", "pandas"),
    *("papermill", "pyarrow", "pymc", "seaborn"),
)


@dataclass(frozen=True)
class Manifest:
    """One run. Instants are ISO 8601 in UTC; `started` and `finished` are the clock's, `as_of` is the data's.

    data: version, sha256, as_of, facts. code: commit, dirty, lib_sha256, lock_sha256, populations,
    python, packages. gates: name,
    passed, what. files: sha256 and bytes by path inside the run's folder. durations: seconds, `cells` in their order.
    confinement: what kept the kernel from other networks' files, or why nothing did; empty where no kernel was started.
    earlier: the runs whose forecasts it could look back at, with the sums of their manifests.
    engine: what started it. retried: why earlier tries of this run did not finish. notes: what is missing, and why.
    """

    run_id: str
    network: str
    report: str
    state: str
    reason: str
    content_key: str
    seed: int
    as_of: str
    parameters: dict[str, Any]
    params: dict[str, Any]
    data: dict[str, Any]
    notebook_sha256: str
    code: dict[str, Any]
    gates: list[dict[str, Any]]
    durations: dict[str, Any]
    started: str
    finished: str
    confinement: str = ""
    engine: str = ""
    retried: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    earlier: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    schema: int = SCHEMA


def write(folder: Path, manifest: Manifest) -> str:
    """Write the manifest of a finished folder, with the sums of all that is in it; gives the manifest's own sum."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    sums = {
        path.relative_to(folder).as_posix(): {"sha256": files.sha256(path), "bytes": path.stat().st_size}
        for path in paths
    }
    said = asdict(manifest) | {"files": sums}
    content = files.json_bytes(said | {"seal": seal(said)})
    files.write(folder / NAME, content)
    return files.sha256_bytes(content)


def read(folder: Path, sha256: str | None = None) -> Manifest:
    """The manifest of the run in `folder`; raises Damaged if it, or any file it names, is not what was written.

    sha256: the manifest's own sum, where the caller knows it.
    """
    manifest = read_alone(folder, sha256)
    for path in manifest.files:
        verified(folder, manifest, path)
    return manifest


def read_alone(folder: Path, sha256: str | None = None) -> Manifest:
    """The manifest without a look at the files it names."""
    try:
        content = (folder / NAME).read_bytes()
        said = json.loads(content)
        sealed, manifest = said.pop("seal"), Manifest(**said)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise Damaged(f"run {folder.name}: its manifest is missing or unreadable; run the report again") from None
    if sealed != seal(said) or sha256 not in (None, files.sha256_bytes(content)):
        raise Damaged(f"run {folder.name}: its manifest was altered after publication; run the report again")
    return manifest


def verified(folder: Path, manifest: Manifest, path: str) -> bytes:
    """The content of one file of the run, compared with its sum; raises Damaged."""
    try:
        content = (folder / path).read_bytes()
    except OSError:
        content = None
    if content is None or files.sha256_bytes(content) != manifest.files[path]["sha256"]:
        raise Damaged(f"run {manifest.run_id}: {path} is missing or altered; run the report again")
    return content


def code_facts(root: Path) -> dict[str, Any]:
    """Commit, sums of lib/barberlab and of the workspace's lock and population files, and the versions that run it."""
    return code_sums(root) | _commit() | {"packages": {name: _version(name) for name in PACKAGES}}


def code_sums(root: Path) -> dict[str, Any]:
    """Of these facts the ones that a run's numbers depend on, at once."""
    lock, populations = root / LOCK, sorted((root / POPULATIONS).glob("*.json"))
    return {
        "lib_sha256": _lib_sha256(),
        "lock_sha256": files.sha256(lock) if lock.is_file() else None,
        "populations": {path.stem: files.sha256(path) for path in populations},
        "python": platform.python_version(),
    }


def _lib_sha256() -> str:
    paths = sorted(p for p in LIB.rglob("*") if p.is_file() and p.suffix != ".pyc")
    return files.sha256_bytes(files.json_bytes([[p.relative_to(LIB).as_posix(), files.sha256(p)] for p in paths]))


def _commit() -> dict[str, Any]:
    commit = _git("rev-parse", "--verify", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": bool(changed) if commit else None}


def _git(*words: str) -> str | None:
    try:
        said = subprocess.run(["git", "-C", LIB, *words], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
