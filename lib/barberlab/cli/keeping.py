"""Commands for what has piled up and must not be lost: prune, backup, restore."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from barberlab.cli.terminal import Root, err, out
from barberlab.workspace import find

app = typer.Typer()

Keys = Annotated[Path | None, typer.Option("--keys", help="the pseudonym keys, in a tar file of their own")]


@app.command("prune")
def prune_old(
    keep: Annotated[int, typer.Option("--keep", help="runs of each report, failed ones among them")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    root: Root = None,
):
    """Remove old runs and the data versions that no kept run names; what is published always stays.

    Example: barberlab prune --keep 30 --dry-run
    """
    from barberlab.runs import housekeeping

    done = housekeeping.prune(find(root), keep, dry_run)
    for one in done:
        gone = [f"{len(one.runs)} runs"] if one.runs else []
        gone += [f"data versions {', '.join(map(str, one.versions))}"] if one.versions else []
        if gone:
            out.print(f"{one.network}: {' and '.join(gone)}, {decimal(one.bytes)}")
        elif one.reason:
            out.print(f"{one.network}: left as it is: {one.reason}", markup=False)
    total = decimal(sum(one.bytes for one in done))
    out.print(f"{total} would be freed" if dry_run else f"{total} freed")
    raise SystemExit(any(one.state == "damaged" for one in done))


@app.command("backup")
def back_up(
    path: Annotated[Path, typer.Argument(help="a new folder, or a new file ending in .tar or .tar.gz")],
    keys: Keys = None,
    root: Root = None,
):
    """Copy data, settings and published runs, with a sum of every file. Keys only to a file of their own.

    Example: barberlab backup /backup/barberlab-2025-06-30.tar --keys /safe/keys-2025-06-30.tar
    """
    from barberlab.runs import backup

    with err.status("copying"):
        done = backup.backup(find(root), path, datetime.now(UTC), keys)
    out.print(f"{path}: {done.files:,} files, {decimal(done.bytes)}, networks {', '.join(done.networks) or 'none'}")
    if keys:
        out.print(f"{keys}: {done.keys} pseudonym keys, readable by you alone; keep them apart from the data")
    else:
        out.print("pseudonym keys are not in it: without them no new data can be added. --keys FILE keeps them apart")
    _say_left_out(done)


@app.command("restore")
def bring_back(
    path: Annotated[Path, typer.Argument(help="what barberlab backup made")],
    keys: Keys = None,
    into_empty: Annotated[
        Path | None, typer.Option("--into-empty", help="an empty or new folder that becomes a workspace")
    ] = None,
    root: Root = None,
):
    """Put a backup back, after all of it was compared with its sums; only where no network and no run is in the way.

    Example: barberlab restore /backup/barberlab-2025-06-30.tar --keys /safe/keys-2025-06-30.tar
    Example: barberlab restore /backup/barberlab-2025-06-30.tar --into-empty trial
    """
    from barberlab.runs import backup

    target = into_empty or find(root).root
    with err.status("comparing and copying"):
        done = backup.restore(target, path, keys, into_empty=into_empty is not None, now=datetime.now(UTC))
    out.print(f"{target}: {done.files:,} files, {decimal(done.bytes)}, networks {', '.join(done.networks) or 'none'}")
    _say_left_out(done)


def _say_left_out(done) -> None:
    for what, why in done.left_out.items():
        out.print(f"{what}: left out: {why}", markup=False)
    raise SystemExit(bool(done.left_out))
