"""What is published? The one reader of finished runs, for pages, dashboards and notebooks alike.

A scope names one network, so no other network's run can be asked for. Everything handed out was compared with the run's
manifest first. The index pages name all reports with their failures; they hold no network's rows.
"""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from barberlab import files
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.runs import manifest as manifests
from barberlab.runs import outputs
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import Outputs
from barberlab.runs.pages import Pages, Standing, house_pages
from barberlab.scope import Scope
from barberlab.workspace import Workspace

SHOP = "location_id"


@dataclass(frozen=True)
class Published:
    """The published run of one report, as `scope` may see it."""

    scope: Scope
    manifest: Manifest
    folder: Path

    def pages(self) -> list[str]:
        """Paths of the pages that the scope may see: of some shops only their own, named by `files.safe_name`."""
        found = [path for path in self.manifest.files if path.endswith(".html")]
        shops = self.scope.locations
        if shops is None:
            return found
        own = {files.safe_name(shop) for shop in shops}
        return [path for path in found if "/" in path and Path(path).stem in own]

    def page(self, path: str = outputs.PAGE) -> str:
        """The HTML of a page; raises NotAvailable for one that does not exist, or not for this scope."""
        if path not in self.pages():
            raise NotAvailable(f"page {path} of {self.manifest.report}", "a run that makes it, seen by who may see it")
        return self._content(path).decode()

    def tables(self) -> list[str]:
        """Names of the tables that the notebook kept."""
        return [Path(path).stem for path in self.manifest.files if path.endswith(".parquet")]

    def table(self, name: str) -> pd.DataFrame:
        """A table that the notebook kept, with its attrs; for a scope of some shops only their rows."""
        if name not in self.tables():
            raise BadInput(f"{self.manifest.report} keeps no table {name!r}; it keeps {', '.join(self.tables())}")
        frame = pd.read_parquet(io.BytesIO(self._content(f"tables/{name}.parquet")))
        if self.scope.locations is None:
            return frame
        if SHOP not in frame:
            raise NotAvailable(
                f"table {name} of {self.manifest.report}", f"the whole network's scope: it has no {SHOP}"
            )
        return frame[frame[SHOP].isin(self.scope.locations)].reset_index(drop=True)

    def _content(self, path: str) -> bytes:
        return manifests.verified(self.folder, self.manifest, path)


def latest(workspace: Workspace, scope: Scope, report: str) -> Published:
    """The published run of `report` in the scope's network.

    Raises NotAvailable before the first, Damaged where any of its files is not what was written, and BadInput for the
    operator, who sees runs and no network's rows.
    """
    if scope.role == "operator":
        raise BadInput("the role operator sees runs and failures, and no network's rows")
    home = outputs.of(workspace, scope.network)
    manifest = home.published(report)
    if manifest is None:
        raise NotAvailable(f"report {report!r} of {scope.network!r}", f"a run: barberlab run {scope.network}")
    return Published(scope, manifest, home.run(manifest.run_id))


def standings(workspace: Workspace, network: str) -> list[Standing]:
    """Each report of `network` that was ever run: what stands, and what failed since."""
    home = outputs.of(workspace, network)
    return [_standing(home, report) for report in home.reports()]


def index(workspace: Workspace, pages: Pages | None = None, now: datetime | None = None) -> Path:
    """Write outputs/<network>/index.html and, for the operator of this machine, outputs/index.html; gives the latter.

    now: the clock's time, against which the data's age is told.
    """
    render, now = (pages or house_pages()).index, now or datetime.now(UTC)
    with files.locked(workspace.outputs / ".lock", "outputs", wait=True):
        found = {network: standings(workspace, network) for network in outputs.networks(workspace)}
        for network, own in found.items():
            _write(workspace.outputs / network / "index.html", render(own, network, now))
        everything = [standing for own in found.values() for standing in own]
        _write(workspace.outputs / "index.html", render(everything, None, now))
    return workspace.outputs / "index.html"


def _standing(home: Outputs, report: str) -> Standing:
    try:
        to = home.pointers().get(report)
        done = manifests.read_alone(home.run(to["run_id"]), to["manifest_sha256"]) if to else None
        spoilt = ""
    except Damaged as error:
        done, spoilt = None, str(error)
    failed = home.last_failure(report)
    facts = (done or failed).data["facts"] if done or failed else {}
    return Standing(
        network=home.network,
        name=facts.get("name") or home.network,
        report=report,
        page=f"{done.run_id}/{outputs.PAGE}" if done else None,
        run_id=done.run_id if done else None,
        period=str(done.parameters.get("period", "")) if done else "",
        as_of=datetime.fromisoformat(done.as_of) if done else None,
        timezone=facts.get("timezone", "UTC"),
        reason=spoilt or (failed.reason if failed else ""),
    )


def _write(path: Path, page: str) -> None:
    # Untouched where nothing changed, so that a run with nothing to do leaves nothing behind.
    if not path.exists() or path.read_bytes() != page.encode():
        files.write(path, page.encode())
