"""What is published? The one reader of finished runs, for pages, dashboards, notebooks and programs alike.

A scope names one network, so no other network's run can be asked for. Everything handed out was compared with the run's
manifest first. The index pages name all reports with their failures; they hold no network's rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barberlab import files
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.runs import manifest as manifests
from barberlab.runs import outputs, results
from barberlab.runs.manifest import Manifest
from barberlab.runs.outputs import Outputs
from barberlab.runs.pages import Pages, Standing, house_pages
from barberlab.scope import Scope
from barberlab.workspace import Workspace, find

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SHOP, PLACE = "location_id", "location"  # a table's column, a draw's dimension
_REMEMBERED = ".index.json"


@dataclass(frozen=True)
class Published:
    """The published run of one report, as `scope` may see it."""

    scope: Scope
    manifest: Manifest
    folder: Path

    def pages(self) -> list[str]:
        """Paths of the pages that the scope may see.

        Of some shops these are theirs, named by `files.safe_name`: shop/<shop>.html, clients/<shop>.html and
        barber/<shop>/<barber>.html.
        Which barber's is for the server's gate to say: a scope knows shops.
        """
        found = [path for path in self.manifest.files if path.endswith(".html")]
        shops = self.scope.locations
        if shops is None:
            return found
        own = {files.safe_name(shop) for shop in shops}
        return [path for path in found if _shop_of(path) in own]

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
        import pandas as pd  # noqa: PLC0415

        content = io.BytesIO(self._content(f"tables/{name}.parquet"))
        if self.scope.locations is None:
            return pd.read_parquet(content)
        return self._own_rows(name, content)

    def results(self) -> dict[str, Any]:
        """The run's results.json: numbers with unit, moment and intervals; see results.py. Of the whole network."""
        return results.read(self._whole(results.NAME), self.manifest.run_id)

    def pdf(self) -> bytes:
        """The report's page as PDF; raises NotAvailable where it could not be made."""
        if outputs.PDF not in self.manifest.files:
            needs = next(iter(self.manifest.notes), "a run that makes it")
            raise NotAvailable(f"PDF of {self.manifest.report}", needs)
        return self._whole(outputs.PDF)

    def figures(self) -> list[str]:
        """Slugs of the figures that the notebook showed."""
        return [Path(path).stem for path in self.manifest.files if path.startswith("figures/")]

    def figure(self, slug: str) -> str:
        """A figure as an SVG document, in the colours of paper."""
        if slug not in self.figures():
            raise BadInput(f"{self.manifest.report} has no figure {slug!r}; it has {', '.join(self.figures())}")
        return self._whole(f"figures/{slug}.svg").decode()

    def posterior(self, name: str) -> xr.Dataset:
        """Draws that the notebook kept, over (chain, draw, ...); for a scope of some shops only theirs, and no other.

        They are joint: the total of any set of shops is the sum of each draw.
        """
        if name not in self.posteriors():
            known = ", ".join(self.posteriors()) or "none"
            raise BadInput(f"{self.manifest.report} keeps no posterior {name!r}; it keeps {known}")
        import xarray as xr  # noqa: PLC0415

        found = xr.load_dataset(io.BytesIO(self._content(f"posterior/{name}.nc")), engine="scipy")
        if self.scope.locations is None:
            return found
        # What is not of a shop is the network's, and no part of it is for those who see some of it.
        own = [variable for variable in found.data_vars if PLACE in found[variable].dims]
        if not own:
            raise NotAvailable(f"draws {name} of {self.manifest.report}", "the whole network's scope: no shop has any")
        here = [shop in self.scope.locations for shop in found[PLACE].values.tolist()]
        return found[own].isel({PLACE: here}).drop_attrs()

    def posteriors(self) -> list[str]:
        """Names of the draws that the notebook kept."""
        return [Path(path).stem for path in self.manifest.files if path.startswith("posterior/")]

    def _own_rows(self, name: str, content: io.BytesIO) -> pd.DataFrame:
        """The rows of the scope's shops; others' are left out while the file is read, and never become a frame."""
        import pandas as pd  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if SHOP not in pq.read_schema(content).names:
            needs = f"the whole network's scope: it has no {SHOP}"
            raise NotAvailable(f"table {name} of {self.manifest.report}", needs)
        content.seek(0)
        frame = pd.read_parquet(content, filters=[(SHOP, "in", sorted(self.scope.locations))])
        # A categorical column names all its categories, whichever rows are left.
        spare = frame.select_dtypes("category").columns
        return frame.assign(**{one: frame[one].cat.remove_unused_categories() for one in spare})

    def _whole(self, path: str) -> bytes:
        if self.scope.locations is not None:
            raise NotAvailable(f"{path} of {self.manifest.report}", "the whole network's scope")
        return self._content(path)

    def _content(self, path: str) -> bytes:
        return manifests.verified(self.folder, self.manifest, path)


@dataclass(frozen=True)
class Reports(Mapping[str, Published]):
    """All published reports of the scope's network, by name; each is read, and compared, when it is asked for."""

    workspace: Workspace
    scope: Scope

    def __getitem__(self, report: str) -> Published:
        if report not in self._names():
            raise KeyError(report)
        return latest(self.workspace, self.scope, report)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        return sorted(outputs.of(self.workspace, self.scope.network).pointers())


def _shop_of(path: str) -> str | None:
    match path.removesuffix(".html").split("/"):
        case ["shop" | "clients", shop] | ["barber", shop, _]:
            return shop
    return None


def reports(scope: Scope, workspace: Workspace | None = None) -> Reports:
    """What is published in the scope's network: `runs.latest(scope)["performance"].table("shops")`.

    workspace: by default the one that the working directory lies in. Raises BadInput for the operator.
    """
    _refuse_operator(scope)
    return Reports(workspace or find(), scope)


def latest(workspace: Workspace, scope: Scope, report: str) -> Published:
    """The published run of `report` in the scope's network.

    Raises NotAvailable before the first, Damaged where any of its files is not what was written, and BadInput for the
    operator, who sees runs and no network's rows.
    """
    _refuse_operator(scope)
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
        said = _said(found, now, render)
        if _is_written(workspace, said):
            return workspace.outputs / "index.html"
        for left in [*workspace.outputs.glob(".index.*.tmp"), *workspace.outputs.glob("*/.index.html.*.tmp")]:
            left.unlink()
        for network, own in found.items():
            _write(workspace.outputs / network / "index.html", render(own, network, now))
        everything = [standing for own in found.values() for standing in own]
        _write(workspace.outputs / "index.html", render(everything, None, now))
        _remember(workspace, said, found)
    return workspace.outputs / "index.html"


def _said(found: dict[str, list[Standing]], now: datetime, render: Callable) -> str:
    """A sum of all that the index pages say: how reports stand, their age in days, and who says it how."""
    rows = [asdict(s) | {"age": (now - s.as_of).days if s.as_of else None} for own in found.values() for s in own]
    how = [f"{render.__module__}.{render.__qualname__}", manifests.code_sums(manifests.LIB)]
    return files.sha256_bytes(json.dumps([rows, how], default=str).encode())


def _is_written(workspace: Workspace, said: str) -> bool:
    """Whether the pages that stand say just that, told without making them anew."""
    try:
        known = json.loads((workspace.outputs / _REMEMBERED).read_bytes())
        sums = {path: files.sha256(workspace.outputs / path) for path in known["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return known == {"said": said, "files": sums}


def _remember(workspace: Workspace, said: str, found: Mapping[str, Any]) -> None:
    paths = ["index.html", *(f"{network}/index.html" for network in found)]
    known = {"said": said, "files": {path: files.sha256(workspace.outputs / path) for path in paths}}
    files.write_json(workspace.outputs / _REMEMBERED, known)


def _refuse_operator(scope: Scope) -> None:
    if scope.role == "operator":
        raise BadInput("the role operator sees runs and failures, and no network's rows")


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
