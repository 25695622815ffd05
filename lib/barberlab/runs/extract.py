"""What may a reader take along? A workspace of its own, in which nothing stands but what one scope may see.

A kernel that is confined to such a folder reads what is published by the ordinary way, `runs.latest(scope)`, and has no
other rows to find: a manager's holds one shop's.
"""

import json
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from barberlab import files
from barberlab.errors import BadInput, NotAvailable
from barberlab.runs import inside, outputs
from barberlab.runs import manifest as manifests
from barberlab.runs.published import Published
from barberlab.scope import Scope
from barberlab.workspace import MARK, Workspace

SCOPE = "BARBERLAB_SCOPE"


def write(found: Iterable[Published], root: Path, only: Collection[str] | None = None) -> Workspace:
    """Put tables and draws of published runs into `root`, as their scope sees them; gives the workspace that it is.

    only: the tables and draws that are wanted, by default all. For a scope of some shops what is not of a shop is left
    out; for all, what the manifest says of the run beside its data and period.
    """
    files.make_folder((root / MARK).parent)
    files.put(root / MARK, b"{}\n")
    for one in found:
        folder = files.make_folder(root / "outputs" / one.manifest.network / one.manifest.run_id)
        _fill(one, folder, only)
        said = {"gates": [], "notes": [], "retried": [], "durations": {}, "code": {}, "params": {}, "files": {}}
        sha256 = manifests.write(folder, replace(one.manifest, **said))
        _point(folder.parent, one, sha256)
    return Workspace(root)


def environment(scope: Scope, root: Path) -> dict[str, str]:
    """What a kernel must be told, so that `open_own` finds its extract."""
    shops = None if scope.locations is None else sorted(scope.locations)
    said = {"network": scope.network, "role": scope.role, "locations": shops}
    return {SCOPE: json.dumps(said), "BARBERLAB_ROOT": str(root)}


def own_scope() -> Scope:
    """The scope that whoever started this process gave it; raises BadInput where nobody did."""
    try:
        said = json.loads(os.environ[SCOPE])
    except (KeyError, ValueError):
        raise BadInput(
            "this process serves nobody in particular: `barberlab serve` starts a dashboard's kernel with a scope"
        ) from None
    shops = said["locations"]
    return Scope(said["network"], said["role"], None if shops is None else frozenset(shops))


def _fill(one: Published, folder: Path, only: Collection[str] | None) -> None:
    whole, wanted = one.scope.locations is None, (lambda name: only is None or name in only)
    for name in filter(wanted, one.tables()):
        with suppress(NotAvailable):
            files.put(files.make_folder(folder / "tables") / f"{name}.parquet", inside.parquet(one.table(name)))
    for name in filter(wanted, one.posteriors()):
        path = f"posterior/{name}.nc"
        with suppress(NotAvailable):
            drawn = manifests.verified(one.folder, one.manifest, path) if whole else inside.netcdf(one.posterior(name))
            files.put(files.make_folder(folder / "posterior") / f"{name}.nc", drawn)


def _point(folder: Path, one: Published, sha256: str) -> None:
    home = outputs.Outputs(folder, one.manifest.network)
    to = {"run_id": one.manifest.run_id, "manifest_sha256": sha256}
    files.put(folder / "latest.json", files.json_bytes(home.pointers() | {one.manifest.report: to}))
