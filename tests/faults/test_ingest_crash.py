"""Whatever breaks an ingest, and wherever, readers find the old data or the new, whole; the next ingest puts all right.

Publication is built on four steps of `barberlab.files` (store, flush, rename, make a folder), so each of them is failed
and killed in turn. What goes round them - DuckDB's COPY, the Parquet writers, the removal of the staging place - works
inside `.staging`, where no reader looks and which every ingest empties first; two kills and a full disk stand for it.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import corner
from barberlab import files
from barberlab.data import ingest as ingesting
from barberlab.data import versions
from barberlab.data.ingest import Receipt, ingest
from barberlab.data.lab import open_lab
from barberlab.errors import BadInput, Busy
from barberlab.scope import Scope
from barberlab.workspace import Workspace

STEPS = ("_store", "_flush", "_rename", "_make")
NO_FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


# The bench: a network with one data version, and an export that makes the second


def changed(cents: int) -> dict:
    """The corner network with another first payment and a visit that goes to quarantine."""
    tables = corner.tables()
    tables["payments"].loc[0, "gross_cents"] = str(cents)
    tables["appointments"].loc[2, "status"] = "nonsense"
    return tables


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Workspace:
    """A workspace that holds version 1; copied, never written to."""
    root = tmp_path_factory.mktemp("crash")
    made = Workspace(root / "workspace")
    shutil.copytree(corner.REPO / "params", made.params)
    corner.bring(made, root / "export")
    return made


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> list[Path]:
    """The files that make version 2."""
    return corner.write(changed(2600), tmp_path_factory.mktemp("second"))


@pytest.fixture
def copies(first, tmp_path):
    """Gives any number of copies of the workspace, each as good as the first."""
    count = iter(range(10_000))
    return lambda: Workspace(shutil.copytree(first.root, tmp_path / f"copy-{next(count)}"))


def bring(place: Workspace, paths: list[Path]) -> Receipt:
    return ingest(place, "corner", corner.MAPPING, paths, corner.AS_OF)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Staging places that are kept: a folder for them, and what stands where."""
    return tmp_path_factory.mktemp("staged"), {}


@pytest.fixture
def staged_once(monkeypatch, shelf):
    """An ingest that does not stage a second time what it staged before: the steps under test all come after it.

    What is staged depends on the files, the key and the last version alone, which are the same in every copy. So the
    first ingest's staging place is kept and laid down again, and a process that was forked needs no DuckDB. The disk is
    not waited for: what a killed process wrote outlives it in the page cache, so a flush shows only to a power cut.
    """
    (folder, made), stage = shelf, ingesting._stage

    def once(mapping, network, paths, said, key, base, number, staged):
        of = (tuple(paths), number)
        if of not in made:
            made[of] = folder / str(len(made)), *stage(mapping, network, paths, said, key, base, number, staged)
            shutil.copytree(staged / "publish", made[of][0])
        kept, checked, manifest = made[of]
        shutil.copytree(kept, staged / "publish", dirs_exist_ok=True)
        return checked, dict(manifest)

    monkeypatch.setattr(ingesting, "_stage", once)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


# What a reader finds


def read(place: Workspace) -> int:
    """The newest version's number, after every byte that belongs to it was checked against the manifest."""
    version = versions.latest(place, "corner")
    for name, table in version.manifest["tables"].items():
        assert sum(pq.read_metadata(path).num_rows for path in version.paths(name)) == table["rows"]
    refused = version.manifest["quarantine"]
    assert refused is None or files.sha256(version.folder / refused["path"]) == refused["sha256"]
    return version.number


def stray(place: Workspace) -> list[str]:
    """Data files that belong to no version."""
    folder = place.network("corner")
    found = {path.relative_to(folder).as_posix() for path in (folder / "tables").rglob("*.parquet")}
    manifests = [json.loads(path.read_bytes()) for path in (folder / "versions").glob("v*.json")]
    return sorted(found - {f["path"] for said in manifests for t in said["tables"].values() for f in t["files"]})


# Breaking it


def count_steps(patch: pytest.MonkeyPatch, stop_at: int | None = None, stop: Callable = lambda: None) -> list[tuple]:
    """Counts the steps that write, as (name, path, ...); calls `stop` just before step `stop_at`."""
    taken = []

    def counted(name, step):
        def take(*where):
            taken.append((name, *(path for path in where if isinstance(path, Path))))
            if len(taken) - 1 == stop_at:
                stop()
            return step(*where)

        return take

    for name in STEPS:
        patch.setattr(files, name, counted(name, getattr(files, name)))
    return taken


def rehearse(copies, paths: list[Path]) -> tuple[int, int, int]:
    """How many steps an undisturbed ingest takes, the first that names a data file, and the one that publishes."""
    bring(copies(), paths)  # stages once
    with pytest.MonkeyPatch.context() as patch:
        taken = count_steps(patch)
        assert bring(copies(), paths).changed
    named = [k for k, step in enumerate(taken) if step[0] == "_rename"]
    published = next(k for k in named if taken[k][2].parent.name == "versions")
    assert named[0] < published == named[-1]
    return len(taken), named[0], published


def recovered(place: Workspace, paths: list[Path], published: bool) -> bool:
    """Whether the next ingest does what is left to do, no more, and leaves nothing of the interrupted one."""
    receipt = bring(place, paths)
    return receipt.changed is not published and read(place) == 2 and not stray(place)


def broken(number: int) -> Callable:
    """Something that fails as a disk does."""

    def fail():
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["no space", "i/o error"])
def test_a_write_error_at_any_step_leaves_the_old_version_and_the_next_ingest_succeeds(
    copies, export, staged_once, number
):
    steps, _named, published = rehearse(copies, export)
    for step in range(steps):
        place = copies()
        with pytest.MonkeyPatch.context() as patch:
            count_steps(patch, step, broken(number))
            with pytest.raises(OSError, match=os.strerror(number)):
                bring(place, export)
        assert read(place) == (2 if step > published else 1)
        assert recovered(place, export, published=step > published)


def killed(place: Workspace, paths: list[Path], step: int) -> bool:
    """Ingest in a process of its own that is killed before its k-th step; whether that happened."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        try:
            with pytest.MonkeyPatch.context() as patch:
                count_steps(patch, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
                bring(place, paths)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


@NO_FORK_WARNING
def test_a_kill_at_any_step_leaves_the_old_version_or_the_new_one_and_the_next_ingest_recovers(
    copies, export, staged_once
):
    steps, named, published = rehearse(copies, export)
    assert steps - named > steps / 5  # the kills are aimed: most come after the first data file has its final name
    for step in range(steps):
        place = copies()
        assert killed(place, export, step)
        assert read(place) == (2 if step > published else 1)
        assert recovered(place, export, published=step > published)


@NO_FORK_WARNING
def test_a_first_ingest_that_was_killed_leaves_no_network_and_can_be_repeated(copies, export, staged_once):
    def fresh() -> Workspace:
        place = copies()
        shutil.rmtree(place.network("corner"))
        return place

    steps, named, published = rehearse(fresh, export)
    for step in [0, 1, 2, *range(named, steps, 5), published, steps - 1]:
        place = fresh()
        assert killed(place, export, step)
        assert place.networks() == (["corner"] if step > published else [])
        assert bring(place, export).changed is (step <= published)
        assert (read(place), stray(place)) == (1, [])


# Two at once


def started(place: Workspace, paths: list[Path], go: float) -> int:
    """A process that ingests at the moment `go`; exits with 0 if it published, with 3 if another one was at work."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        code = 99
        try:
            time.sleep(max(0.0, go - time.monotonic()))
            bring(place, paths)
            code = 0
        except Busy:
            code = 3
        finally:
            os._exit(code)
    return child


@NO_FORK_WARNING
def test_of_two_ingests_at_once_each_publishes_in_turn_or_is_told_to_wait(copies, export, staged_once, tmp_path):
    other = corner.write(corner.tables() | {"payments": corner.tables()["payments"].head(7)}, tmp_path / "other")
    for one, then in ((export, other), (other, export)):  # stages all that may come
        place = copies()
        assert bring(place, one).changed
        assert bring(place, then).changed
    ends = set()
    for late in range(12):
        place, now = copies(), time.monotonic() + 0.05
        children = [started(place, export, now), started(place, other, now + late / 200)]
        codes = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
        assert codes in ([0, 0], [0, 3])
        assert read(place) == 1 + codes.count(0)
        assert stray(place) == []
        ends.add(tuple(codes))
    assert (0, 3) in ends


# Outside the four steps, in a process of its own: killed in staging, and on a full disk

CHILD = """
import os, resource, signal, sys
from pathlib import Path
from barberlab.data import build, validate
from barberlab.data.ingest import ingest
from barberlab.workspace import Workspace

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def write_two_and_die(*where, write=build._write_part, written=[]):
    if len(written) == 2:
        die()
    written.append(write(*where))
    return written[-1]

root, mapping, as_of, how, *paths = sys.argv[1:]
if how == "killed while it checks rows":
    validate._repeated = die
elif how == "killed while it writes data files":
    build._write_part = write_two_and_die
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
ingest(Workspace(Path(root)), "corner", Path(mapping), [Path(path) for path in paths], as_of)
"""


@pytest.mark.parametrize(
    "how", ["killed while it checks rows", "killed while it writes data files", "stopped by a full disk"]
)
def test_an_ingest_that_breaks_in_staging_has_changed_nothing(copies, export, how):
    place = copies()
    words = [sys.executable, "-c", CHILD, place.root, corner.MAPPING, corner.AS_OF, how, *export]
    ended = subprocess.run(words, capture_output=True, check=False, timeout=300)
    assert ended.returncode == (-signal.SIGKILL if how.startswith("killed") else 1), ended.stderr.decode()
    assert read(place) == 1
    assert (place.network("corner") / ".staging").is_dir() is how.startswith("killed")
    assert recovered(place, export, published=False)
    lab = open_lab(place, Scope("corner"))
    assert lab["payments"].set_index("payment_id").loc["p1", "gross_cents"] == 2600


# Files that are not what they were


def torn(folder: Path, name: str, damage: Callable[[bytes], bytes]) -> list[Path]:
    """The second export as Parquet, one file of it damaged."""
    folder.mkdir()
    paths = []
    for table, frame in changed(2600).items():
        paths.append(folder / f"{table}.parquet")
        frame.to_parquet(paths[-1])
    path = folder / f"{name}.parquet"
    path.write_bytes(damage(path.read_bytes()))
    return paths


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_refused_by_name_and_nothing_changes(copies, tmp_path, kept):
    paths = torn(tmp_path / "torn", "payments", lambda whole: whole[: kept if kept > 1 else int(len(whole) * kept)])
    place = copies()
    before = {path: path.stat().st_mtime_ns for path in place.root.rglob("*") if path.is_file()}
    with pytest.raises(BadInput, match=r"payments\.parquet: cannot be read as parquet"):
        bring(place, paths)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (read(place), stray(place)) == (1, [])
