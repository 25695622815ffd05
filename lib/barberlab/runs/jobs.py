"""What is to be run? Names, parameters, data and settings are checked and summed up in a key before a kernel starts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from barberlab import files, params, periods
from barberlab.data import versions
from barberlab.data.moments import last_day, moment
from barberlab.data.versions import Version
from barberlab.errors import BadInput
from barberlab.params import Params
from barberlab.personal import mask
from barberlab.runs import parameters
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import report_name
from barberlab.runs.parameters import Parameter
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace

PAPERMILL, WARM = "papermill", "warm"
# Pages of dashboards/ that a run finishes: each reads what the reports of its network have published, and no rows.
BOARDS = ("executive", "manager")


@dataclass(frozen=True)
class Report:
    """A report notebook and the parameters it takes. `cells`: the sum of all that is executed and shown of it.

    is_board: it is made of what other reports have published, after them, and is not handed the network's data.
    """

    name: str
    notebook: dict[str, Any]
    sha256: str
    cells: str
    takes: dict[str, Parameter]
    is_board: bool = False


@dataclass(frozen=True)
class Job:
    """One report of one network: all that its numbers depend on. `key` is equal where all of that is equal."""

    network: str
    report: Report
    parameters: dict[str, Any]
    as_of: datetime
    version: Version
    params: Params
    code: dict[str, Any]
    key: str

    @property
    def seed(self) -> int:
        """The network's own, the same however the work is spread."""
        return int(files.sha256_bytes(self.network.encode())[:8], 16)


def known_reports(workspace: Workspace, names: Iterable[str] | None) -> list[Report]:
    """The report notebooks named, or all; raises BadInput for one that does not exist or cannot take parameters.

    The boards of the workspace come last, whatever is named: they show what the others leave.
    """
    paths = {path.stem: path for path in sorted((workspace.notebooks / "reports").glob("*.ipynb"))}
    boards = {name: path for name in BOARDS if (path := workspace.notebooks / "dashboards" / f"{name}.ipynb").is_file()}
    asked = list(dict.fromkeys(paths if names is None else names))
    if not asked:
        raise BadInput("notebooks/reports holds no report notebook")
    wanted = [name for name in asked if name not in boards]
    for name in wanted:
        if name not in paths:
            raise BadInput(f"report {name!r} is unknown; {_nearest(name, [*paths, *boards])}")
    return [*(_report(paths[name]) for name in wanted), *(_report(path, is_board=True) for path in boards.values())]


def known_networks(workspace: Workspace, networks: Iterable[str]) -> list[str]:
    """The networks named, each once; raises BadInput for one that has no data."""
    known, wanted = workspace.networks(), list(dict.fromkeys(networks))
    if not wanted:
        raise BadInput("no network to run; `barberlab sample` makes some, `barberlab ingest` brings yours")
    for network in wanted:
        if check_network_id(network) not in known:
            raise BadInput(f"network {network!r} has no data; {_nearest(network, known)}")
    return wanted


def typed(workspace: Workspace, names: Iterable[str] | None, said: Iterable[str]) -> dict[str, Any]:
    """Parameters said as `name=value`, typed by the parameters cells of the reports named, or of all.

    Raises BadInput for one that is not said so, is said twice or is not known to every report.
    """
    texts: dict[str, str] = {}
    for one in said:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise BadInput(f"--param {mask(one[:60])!r}: write name=value")
        if name in texts:
            raise BadInput(f"parameter {name!r} is given twice; give it once")
        texts[name] = text
    reports = known_reports(workspace, names) if texts else []
    given = parameters.typed({name: kind for report in reports for name, kind in report.takes.items()}, texts)
    check_given(reports, given, None)
    return given


def check_given(reports: Iterable[Report], given: Mapping[str, Any], as_of: str | None) -> None:
    """Raises BadInput unless every report takes every parameter given; network and as_of are the runner's own."""
    if as_of is not None:
        moment(as_of, "UTC")
    for own in parameters.OWN:
        if own in given:
            raise BadInput(f"parameter {own!r} is set by the run itself; name networks and --as-of instead")
    for report in reports:
        parameters.check(report.takes, given, report.name)
    if (period := given.get("period")) and isinstance(period, str):
        periods.period(period, date.max - periods.YEAR)


def engine_named(name: str | None) -> str:
    """The engine itself; by default warm where it can be had. Raises BadInput for one that is unknown or not there."""
    if name not in (None, PAPERMILL, WARM):
        raise BadInput(f"engine {name!r} is unknown; engines are {WARM} and {PAPERMILL}")
    warm = any(entry_points(group="jupyter_client.kernel_provisioners", name="warm-provisioner"))
    if name == WARM and not warm:
        raise BadInput(f"engine {WARM!r}: warmkernel is not installed in this environment; use {PAPERMILL}")
    return name or (WARM if warm else PAPERMILL)


def jobs(
    workspace: Workspace,
    network: str,
    reports: Iterable[Report],
    as_of: str | None,
    given: Mapping[str, Any],
    code: dict[str, Any],
    published: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Job]:
    """The jobs of one network; raises BadInput or Damaged where its own data or settings do not allow them.

    published: the pointers of what stands there now, of which boards are made.
    """
    version = versions.latest(workspace, network)
    own = settings(workspace, network)
    at = version.as_of if as_of is None else moment(as_of, version.facts["timezone"])
    if at > version.as_of:
        raise BadInput(f"network {network!r}: its data end {version.as_of:%Y-%m-%d %H:%M} UTC, before --as-of {as_of}")
    found = []
    for report in reports:
        values = _values(report, network, at, given)
        _check_period(values.get("period"), version, at)
        key = _key(report, values, version.sha256, own, code, published or {})
        found.append(Job(network, report, values, at, version, own, code, key))
    return found


def is_done(
    done: Manifest,
    report: Report,
    newest: Version,
    settings: Params,
    as_of: str | None,
    given: Mapping[str, Any],
    code: dict[str, Any],
    published: Mapping[str, Mapping[str, str]] | None = None,
) -> bool:
    """Whether the run `done` is what `report` would be on the `newest` data, told without reading the data's manifest.

    The run knows the sum of the one it was made from; where that is the newest one's, its facts hold as well.
    """
    if done.data["sha256"] != newest.sha256:
        return False
    known = datetime.fromisoformat(done.data["as_of"])
    at = known if as_of is None else moment(as_of, done.data["facts"]["timezone"])
    values = _values(report, done.network, at, given)
    return at <= known and done.content_key == _key(report, values, newest.sha256, settings, code, published or {})


def settings(workspace: Workspace, network: str) -> Params:
    """The network's settings; those without any of their own share what was read once."""
    if (workspace.params / "networks" / f"{network}.yaml").is_file():
        return params.load(workspace, network)
    stamp = (workspace.params / "defaults.yaml").stat()
    return _defaults(workspace, (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino))


@lru_cache(maxsize=1)
def _defaults(workspace: Workspace, stamp: tuple) -> Params:
    return params.load(workspace)


def _report(path: Path, is_board: bool = False) -> Report:
    name = report_name(path.stem)
    notebook = parameters.read_notebook(path)
    cells = [[cell["cell_type"], cell["source"], cell["metadata"].get("tags", [])] for cell in notebook["cells"]]
    summed = files.sha256_bytes(files.json_bytes(cells))
    return Report(name, notebook, files.sha256(path), summed, parameters.declared(notebook, name), is_board)


def _check_period(said: Any, version: Version, at: datetime) -> None:
    """Raises BadInput for a period of which the data hold no day."""
    if not said or not isinstance(said, str):
        return
    last, which = last_day(at, version.facts["timezone"]), f"network {version.network!r}: period {said!r}"
    span = periods.period(said, date.max - periods.YEAR)
    if span.start > last:
        raise BadInput(f"{which} begins after {'its data end' if at == version.as_of else 'the as-of day'}, {last}")
    first = version.manifest.get("history_start")
    if first and span.end <= date.fromisoformat(first):
        raise BadInput(f"{which} ends before its data begin, {first}")


def _values(report: Report, network: str, at: datetime, given: Mapping[str, Any]) -> dict[str, Any]:
    return parameters.check(report.takes, {**given, "network": network, "as_of": at.isoformat()}, report.name)


def _key(
    report: Report,
    values: dict[str, Any],
    data_sha256: str,
    settings: Params,
    code: dict[str, Any],
    published: Mapping[str, Mapping[str, str]],
) -> str:
    running = [code["lib_sha256"], code["lock_sha256"], code["python"], code["populations"]]
    parts = [report.name, report.cells, values, data_sha256, settings.model_dump(mode="json"), running]
    if report.is_board:
        parts.append({name: dict(to) for name, to in published.items() if name not in BOARDS})
    return files.sha256_bytes(files.json_bytes(parts))


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none yet'}"
