"""Commands that bring data in, and one that takes it out: ingest, resolve, sample."""

from pathlib import Path
from typing import Annotated

import typer

from barberlab.cli.terminal import AsOf, Root, err, out
from barberlab.errors import BadInput
from barberlab.workspace import Workspace, find

app = typer.Typer()


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


@app.command("resolve")
def resolve_list(
    network: Annotated[str, typer.Argument(help="the network whose list it is")],
    wanted: Annotated[Path, typer.Argument(metavar="LIST", help="a contact list: CSV or Parquet with client_id")],
    files: Annotated[list[Path], typer.Argument(help="the network's own export, as for ingest")],
    source: Annotated[Path, typer.Option("--source", help="the mapping file of the exporting system")],
    out_path: Annotated[Path, typer.Option("--out", help="a new CSV file outside the workspace")],
    shop: Annotated[list[str] | None, typer.Option("--shop", help="as manager of this shop: its rows alone")] = None,
    root: Root = None,
):
    """Add the source's own client codes to a contact list, in a file that only you can read. For owners and managers.

    Whoever may read the network's key may do this. The file is yours to delete.

    Example: barberlab resolve north outputs/north/r000004-retention/tables/contacts.csv export/*.parquet
             --source params/sources/contract.yaml --out ~/this-week.csv
    """
    from barberlab.runs.resolve import resolve
    from barberlab.scope import Scope

    scope = Scope(network, "manager", frozenset(shop)) if shop else Scope(network, "owner")
    with err.status(f"{network}: reading {len(files)} files"):
        done = resolve(find(root), scope, wanted, source, files, out_path)
    lost = f"; {done.missing:,} are not in these files" if done.missing else ""
    out.print(f"{out_path}: {done.found:,} clients{lost}. Delete it when the week is over", markup=False)


@app.command()
def sample(
    level: Annotated[str, typer.Option(help="visit, or day for a large network of daily totals")] = "visit",
    locations: Annotated[int, typer.Option(help="shops: of each network, or of the one of level day")] = 8,
    months: Annotated[int, typer.Option(help="length of the history")] = 36,
    tiny: Annotated[bool, typer.Option("--tiny", help="only rebuild the small committed sample, data/sample/")] = False,
    root: Root = None,
):
    """Make networks with known truth and ingest them: north, harbour and valley, or one of level day.

    Example: barberlab sample            (the export and its truth are kept in data/exports/)
    Example: barberlab sample --level day --locations 10000
    """
    from barberlab import files
    from barberlab.data import sample as simulator
    from barberlab.data.sample import export
    from barberlab.runs import release, release_sample

    workspace = find(root)
    if tiny:
        made = simulator.tiny()
        export.write(made, workspace.sample)
        files.write(workspace.sample / release.SAMPLE, release_sample.release(release.rules(workspace)).text().encode())
        out.print(f"{made.name}: {len(made.tables)} tables in {workspace.sample}")
        return
    if level not in ("visit", "day"):
        raise BadInput(f"--level {level!r}: it is visit or day")
    if level == "day":
        with err.status(f"plains: simulating {locations:,} shops"):
            paths = export.write_days(workspace.export("plains"), locations, seed=1, name="plains", months=months)
        _bring(workspace, "plains", "contract-day", paths)
        return
    for name in simulator.NETWORKS:
        with err.status(f"{name}: simulating {locations} shops over {months} months"):
            made = simulator.simulate(name, seed=1, shops=locations, months=months)
            paths = export.write(made, workspace.export(name))
        _bring(workspace, name, "contract", paths, as_of=made.as_of.isoformat())


def _bring(workspace: Workspace, network: str, source: str, paths: list[Path], as_of: str | None = None) -> None:
    from barberlab.data.ingest import ingest as bring

    with err.status(f"{network}: ingesting"):
        receipt = bring(workspace, network, workspace.params / "sources" / f"{source}.yaml", paths, as_of, afresh=True)
    _say_receipt(network, receipt)
