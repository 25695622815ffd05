"""`barberlab ...`: the workspace from a terminal. 0 = all done, 1 = some networks failed (named), 2 = bad input."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.exceptions import TyperException

from barberlab.errors import BadInput, BarberlabError
from barberlab.workspace import Workspace, find

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)

Root = Annotated[Path | None, typer.Option("--root", help="the workspace; by default the one above this folder")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="2025-06-30 (that day's end) or an instant with its zone")]


@app.callback()
def barberlab() -> None:
    """Research and reporting for barbershop franchise networks."""


@app.command()
def ingest(
    network: Annotated[str, typer.Argument(help="the network's id: a-z, 0-9 and _")],
    files: Annotated[list[Path], typer.Argument(help="the export's files")],
    source: Annotated[Path, typer.Option("--source", help="the mapping file of the exporting system")],
    as_of: AsOf = None,
    replace: Annotated[bool, typer.Option("--replace", help="start from these files alone")] = False,
    root: Root = None,
):
    """Bring any system's export into a network, by a mapping file.

    Example: barberlab ingest salon --source params/sources/salon-2018.yaml export/*.csv
    """
    from barberlab.data.ingest import ingest as bring

    with err.status(f"{network}: reading {len(files)} files"):
        receipt = bring(find(root), network, source, files, as_of, afresh=replace)
    _say_receipt(network, receipt)


def _say_receipt(network: str, receipt) -> None:
    version = receipt.version
    if not receipt.changed:
        out.print(f"{network}: nothing changed; data version {version.number} already holds these files")
        return
    out.print(f"{network}: data version {version.number}, as of {version.as_of:%Y-%m-%d %H:%M} UTC")
    for table in receipt.checked:
        refused = f", {table.bad:,} to quarantine" if table.bad else ""
        out.print(f"  {table.table}: {table.good:,} rows{refused}")
    for note in receipt.notes:
        out.print(f"  note: {note}")
    for gate in version.manifest["quality"]:
        if gate["passed"] is False:
            out.print(f"  {gate['gate']} failed: {gate['words']}: {gate['counted']}")
    if receipt.bad:
        out.print(f"  reasons: {version.folder / version.manifest['quarantine']['path']}")


def main() -> None:
    """The entry point: our own errors become one line on stderr and an exit code, never a traceback."""
    try:
        app(standalone_mode=False)
    except TyperException as error:
        err.print(f"barberlab: {error}", markup=False)
        sys.exit(2)
    except BadInput as error:
        err.print(f"barberlab: {error}", markup=False)
        sys.exit(2)
    except BarberlabError as error:
        err.print(f"barberlab: {error}", markup=False)
        sys.exit(1)
