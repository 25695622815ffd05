"""What may go? Old runs and old data versions, never what is published, named by a kept run, or at work.

What a published run foresaw stays, apart from it: see forecasts.py. A run is renamed to what the next run sweeps before
it is taken apart, a data version loses its name before its files: whenever this is interrupted, what can still be read
is whole.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from barberlab import files
from barberlab.data import versions
from barberlab.data.versions import Version
from barberlab.errors import BadInput, BarberlabError, Busy, Damaged
from barberlab.runs import forecasts, operations, outputs
from barberlab.runs import manifest as manifests
from barberlab.runs.outputs import RUN_ID, STAGING, Outputs
from barberlab.runs.status import size
from barberlab.workspace import Workspace

KEEP = 30


@dataclass(frozen=True)
class Pruned:
    """What went of one network, or would: ids of runs, numbers of data versions, bytes.

    state: pruned, or, with nothing gone and a `reason`, busy (it is at work) or damaged (something cannot be read).
    """

    network: str
    state: str = "pruned"
    runs: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    bytes: int = 0
    reason: str = ""


def prune(workspace: Workspace, keep: int = KEEP, dry_run: bool = False) -> list[Pruned]:
    """Keep the last `keep` runs of each report, failed ones among them, and what is published; remove the others.

    Of data versions stay the newest and those that a kept run names, with their quarantine. A network that is at work,
    or in which something cannot be read, is left as it is and says so. Raises BadInput for keep < 1: the highest run
    number must stay, so that none is ever used twice.
    """
    if keep < 1:
        raise BadInput(f"--keep {keep}: at least the last run of each report stays")
    known = sorted({*workspace.networks(), *outputs.networks(workspace)})
    done = [_network(workspace, network, keep, dry_run) for network in known]
    return [*done, _operators(workspace, keep, dry_run)]


def _network(workspace: Workspace, network: str, keep: int, dry_run: bool) -> Pruned:
    home, data = outputs.of(workspace, network), workspace.network(network)
    try:
        with ExitStack() as locks:
            if home.folder.is_dir():
                locks.enter_context(home.locked())
            if data.is_dir():
                locks.enter_context(versions.exclusive(workspace, network))
            runs = [*_old_runs(home, keep), *_old_runs(home.asides, keep)]
            gone = _old_versions(data, home, runs)
            freed = sum(size(run) - _stays(home, run) for run in runs) + _size_of(data, gone)
            if not dry_run:
                _remove_runs(home, runs)
                _remove_versions(data, gone)
    except (Busy, Damaged) as error:
        return _left(network, error)
    numbers = tuple(version.number for version in gone)
    return Pruned(network, runs=tuple(run.name for run in runs), versions=numbers, bytes=freed)


def _operators(workspace: Workspace, keep: int, dry_run: bool) -> Pruned:
    home = operations.of(workspace)
    if not home.folder.is_dir():
        return Pruned(home.network)
    try:
        with operations.locked(workspace):
            runs = _old_runs(home, keep)
            freed = sum(map(size, runs))
            if not dry_run:
                _remove_runs(home, runs)
    except (Busy, Damaged) as error:
        return _left(home.network, error)
    return Pruned(home.network, runs=tuple(run.name for run in runs), bytes=freed)


def _left(network: str, error: BarberlabError) -> Pruned:
    return Pruned(network, "busy" if isinstance(error, Busy) else "damaged", reason=str(error))


def _runs(home: Outputs) -> list[Path]:
    found = [*home.folder.glob("r*-*"), *(home.folder / "failed").glob("r*-*")]
    return sorted((path for path in found if RUN_ID.fullmatch(path.name)), key=_number, reverse=True)


def _number(run: Path) -> int:
    return int(RUN_ID.fullmatch(run.name)[1])


def _old_runs(home: Outputs, keep: int) -> list[Path]:
    """Runs that may go; raises Damaged where it cannot be told what is published."""
    published = {to["run_id"] for to in home.pointers().values()}
    left: dict[str, int] = {}
    old = []
    for run in _runs(home):
        report = RUN_ID.fullmatch(run.name)[2]
        left[report] = left.get(report, keep) - 1
        if left[report] < 0 and run.name not in published:
            old.append(run)
    return old


def _old_versions(data: Path, home: Outputs, going: Iterable[Path]) -> list[Version]:
    """Data versions that no kept run names; raises Damaged where a run or a version does not say what it needs."""
    found = [Version(data, path) for path in sorted((data / "versions").glob("v*.json"))]
    kept = [run for run in (*_runs(home), *_runs(home.asides)) if run not in set(going)]
    named = {manifests.read_alone(run).data.get("version") for run in kept}
    # Which files stay depends on every version's manifest, so all must be readable before one goes.
    numbers = {version.manifest["number"] for version in found[:-1]} - named
    return [version for version in found[:-1] if version.number in numbers]


def _files(version: Version) -> Iterator[Path]:
    tables = version.manifest["tables"].values()
    yield from (version.folder / file["path"] for table in tables for file in table["files"])


def _size_of(data: Path, gone: list[Version]) -> int:
    left = set((data / "versions").glob("v*.json")) - {version.path for version in gone}
    shared = {file for path in left for file in _files(Version(data, path))}
    own = {file for version in gone for file in _files(version)} - shared
    own |= {path for version in gone for path in (version.path, _quarantine(version))}
    return sum(path.stat().st_size for path in own if path.is_file())


def _quarantine(version: Version) -> Path:
    return version.folder / "quarantine" / f"{version.path.stem}.parquet"


def _stays(home: Outputs, run: Path) -> int:
    """Bytes of a run that are kept for good."""
    return sum((run / path).stat().st_size for path in forecasts.of_run(run)) if run.parent == home.folder else 0


def _remove_runs(home: Outputs, runs: Iterable[Path]) -> None:
    home.sweep()
    for run in runs:
        forecasts.set_aside(home, run)
        aside = home.folder / f"{STAGING}{run.name}"
        run.replace(aside)
        files.remove_folder(aside)


def _remove_versions(data: Path, gone: Iterable[Version]) -> None:
    for version in gone:
        version.path.unlink()
    names = {path.stem for path in (data / "versions").glob("v*.json")}
    for path in (data / "quarantine").glob("v*.parquet"):
        if path.stem not in names:
            path.unlink()
    versions.sweep(data)
