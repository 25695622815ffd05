"""Who is on the list, for those who run the shop? The source's own client codes beside a contact list's pseudonyms.

The keyed ids are computed anew over the network's own export, so no table of who is who exists anywhere. What is
written holds the clients of the list and nobody else, lies outside the workspace, and can be read by its owner alone;
nothing of it is stored or logged here.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from barberlab.data.ingest import client_codes
from barberlab.errors import BadInput
from barberlab.personal import mask
from barberlab.runs.inside import csv_text
from barberlab.scope import Scope
from barberlab.workspace import Workspace

ROLES = ("owner", "manager")
CODE = "client_code"


@dataclass(frozen=True)
class Resolved:
    """How many clients of the list were found in the export, and how many were not."""

    found: int
    missing: int


def resolve(workspace: Workspace, scope: Scope, wanted: Path, source: Path, exports: list[Path], out: Path) -> Resolved:
    """Write `wanted` with the column client_code to the new file `out`, mode 0600.

    wanted: CSV or Parquet with client_id, as a run keeps it (tables/contacts); of a scope of some shops, the rows of
    those shops alone, by location_id. Clients that the export does not hold are left out and counted. Raises BadInput
    for another role than owner or manager, for a place inside the workspace, a link or a file that is there, and where
    no client of the list is found: then nothing is written.
    """
    if scope.role not in ROLES:
        raise BadInput(f"the role {scope.role} may not see clients' codes; {' and '.join(ROLES)} may")
    if scope.network not in workspace.networks():
        raise BadInput(f"network {scope.network!r} has no data here")
    folder, name = _place(workspace, out)
    rows = _within(_read(wanted), scope, wanted.name)
    for path in exports:
        if not path.is_file():
            raise BadInput(f"{path.name}: there is no such file")
    with tempfile.TemporaryDirectory() as scratch:
        ids = frozenset(rows["client_id"])
        codes = client_codes(workspace, scope.network, source, exports, ids, Path(scratch))
    if not codes:
        raise BadInput(
            f"{wanted.name}: none of its {len(ids):,} clients is in the export under the key of {scope.network!r}; "
            "is it this network's list, and the export of the same system?"
        )
    told = rows[rows["client_id"].isin(codes)]
    told = told.assign(**{CODE: told["client_id"].map(codes)})
    _write(folder, name, csv_text(told[[CODE, *(c for c in told.columns if c != CODE)]]).encode())
    return Resolved(len(codes), len(ids) - len(codes))


def _read(wanted: Path) -> pd.DataFrame:
    """The list as text, so that nothing of it changes its looks."""
    readers = {".csv": lambda path: pd.read_csv(path, dtype=str), ".parquet": pd.read_parquet}
    if wanted.suffix.lower() not in readers or not wanted.is_file():
        raise BadInput(f"{wanted.name}: there is no such list; it is a .csv or .parquet with client_id")
    try:
        rows = readers[wanted.suffix.lower()](wanted)
    except (ValueError, pa.ArrowException, OSError) as error:
        raise BadInput(f"{wanted.name}: cannot be read: {mask(str(error).splitlines()[0])}") from None
    if "client_id" not in rows or rows["client_id"].isna().any() or rows.empty:
        raise BadInput(f"{wanted.name}: needs a client_id in every row; give the table `contacts` of a retention run")
    return rows.astype({"client_id": str})


def _within(rows: pd.DataFrame, scope: Scope, name: str) -> pd.DataFrame:
    """The rows of the shops that the scope sees."""
    if scope.locations is None:
        return rows
    if "location_id" not in rows:
        raise BadInput(f"{name}: has no location_id, so it cannot be told which rows are of {scope.role}'s shops")
    own = rows[rows["location_id"].isin(scope.locations)]
    if own.empty:
        raise BadInput(f"{name}: has no row of the {scope.role}'s shops")
    return own


def _place(workspace: Workspace, out: Path) -> tuple[Path, str]:
    """The real folder and the name of a file that is not there yet, outside of everything that is the workspace's."""
    try:
        folder = out.parent.resolve(strict=True)
    except (OSError, RuntimeError):
        raise BadInput(f"--out {out.name}: its folder does not exist; make it first") from None
    if any(folder.is_relative_to(place) for place in _ours(workspace)):
        raise BadInput(f"--out {out.name}: lies inside the workspace, where codes must not be; choose another folder")
    if os.path.lexists(folder / out.name):
        raise BadInput(f"--out {out.name}: is there already; name a new file")
    return folder, out.name


def _ours(workspace: Workspace) -> set[Path]:
    """The workspace, and wherever its folders lead by links."""
    below = [path for pattern in ("*", "*/*", "*/*/*") for path in workspace.root.glob(pattern) if path.is_symlink()]
    return {path.resolve() for path in (workspace.root, *below)}


def _write(folder: Path, name: str, data: bytes) -> None:
    """Make the file, for its owner alone from its first byte on; a link put there meanwhile is not followed."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=inside)
        try:
            with os.fdopen(file, "wb") as target:
                target.write(data)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            os.unlink(name, dir_fd=inside)
            raise
    except OSError as error:
        raise BadInput(f"--out {name}: cannot be written: {error.strerror}") from None
    finally:
        os.close(inside)
