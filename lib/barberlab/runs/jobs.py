"""What is to be run? Names, parameters, data and settings are checked and summed up in a key before a kernel starts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import nbformat

from barberlab import files, params, periods
from barberlab.data import versions
from barberlab.data.moments import moment
from barberlab.data.versions import Version
from barberlab.errors import BadInput
from barberlab.params import Params
from barberlab.runs import parameters
from barberlab.runs.outputs import report_name
from barberlab.runs.parameters import Parameter
from barberlab.runs.scan import Forbidden
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace


@dataclass(frozen=True)
class Report:
    """A report notebook and the parameters it takes."""

    name: str
    notebook: nbformat.NotebookNode
    sha256: str
    takes: dict[str, Parameter]


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
    forbidden: Forbidden
    key: str

    @property
    def seed(self) -> int:
        """The network's own, the same however the work is spread."""
        return int(files.sha256_bytes(self.network.encode())[:8], 16)


def known_reports(workspace: Workspace, names: Iterable[str] | None) -> list[Report]:
    """The report notebooks named, or all; raises BadInput for one that does not exist or cannot take parameters."""
    paths = {path.stem: path for path in sorted((workspace.notebooks / "reports").glob("*.ipynb"))}
    wanted = list(dict.fromkeys(paths if names is None else names))
    if not wanted:
        raise BadInput("notebooks/reports holds no report notebook")
    for name in wanted:
        if name not in paths:
            raise BadInput(f"report {name!r} is unknown; {_nearest(name, paths)}")
    return [_report(paths[name]) for name in wanted]


def known_networks(workspace: Workspace, networks: Iterable[str]) -> list[str]:
    """The networks named, each once; raises BadInput for one that has no data."""
    known, wanted = workspace.networks(), list(dict.fromkeys(networks))
    if not wanted:
        raise BadInput("no network to run; `barberlab sample` makes some, `barberlab ingest` brings yours")
    for network in wanted:
        if check_network_id(network) not in known:
            raise BadInput(f"network {network!r} has no data; {_nearest(network, known)}")
    return wanted


def check_given(reports: Iterable[Report], given: Mapping[str, Any], as_of: str | None) -> None:
    """Raises BadInput unless every report takes every parameter given; network and as_of are the runner's own."""
    if as_of is not None:
        moment(as_of, "UTC")
    for own in parameters.OWN:
        if own in given:
            raise BadInput(f"parameter {own!r} is set by the run itself; name networks and --as-of instead")
    for report in reports:
        parameters.check(report.takes, given, report.name)
    if given.get("period"):
        periods.period(given["period"], date.max - periods.YEAR)


def jobs(
    workspace: Workspace,
    network: str,
    reports: Iterable[Report],
    as_of: str | None,
    given: Mapping[str, Any],
    code: dict[str, Any],
) -> list[Job]:
    """The jobs of one network; raises BadInput or Damaged where its own data or settings do not allow them."""
    version = versions.latest(workspace, network)
    settings = params.load(workspace, network)
    at = version.as_of if as_of is None else moment(as_of, version.facts["timezone"])
    if at > version.as_of:
        raise BadInput(f"network {network!r}: its data end {version.as_of:%Y-%m-%d %H:%M} UTC, before --as-of {as_of}")
    forbidden = Forbidden(settings.gates.canaries, (workspace.root, Path.home()))
    found = []
    for report in reports:
        values = parameters.check(report.takes, {**given, "network": network, "as_of": at.isoformat()}, report.name)
        key = _key(report, values, version, settings, code)
        found.append(Job(network, report, values, at, version, settings, code, forbidden, key))
    return found


def _report(path: Path) -> Report:
    name = report_name(path.stem)
    notebook = parameters.read_notebook(path)
    return Report(name, notebook, files.sha256(path), parameters.declared(notebook, name))


def _key(report: Report, values: dict[str, Any], version: Version, settings: Params, code: dict[str, Any]) -> str:
    cells = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in report.notebook.cells]
    running = [code["lib_sha256"], code["lock_sha256"], code["python"]]
    parts = [report.name, cells, values, version.sha256, settings.model_dump(mode="json"), running]
    return files.sha256_bytes(files.json_bytes(parts))


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none yet'}"
