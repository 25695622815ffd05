"""`barberlab ...`: the workspace from a terminal. 0 = all done, 1 = some networks failed (named), 2 = bad input."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer.exceptions import TyperException

from barberlab.errors import BadInput, BarberlabError
from barberlab.workspace import Workspace, find

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

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
    from barberlab.data import sample as simulator
    from barberlab.data.sample import export

    workspace = find(root)
    if tiny:
        made = simulator.tiny()
        export.write(made, workspace.sample)
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


@app.command()
def run(
    networks: Annotated[list[str] | None, typer.Argument(help="networks to run")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every network that has data")] = False,
    report: Annotated[list[str] | None, typer.Option("--report", help="only this report; may be repeated")] = None,
    period: Annotated[str | None, typer.Option("--period", help="2025-06, 2025-Q2 or 2025-06-01..2025-06-15")] = None,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="run what is unchanged as well")] = False,
    root: Root = None,
):
    """Execute the report notebooks for networks and publish what passes every gate.

    Example: barberlab run --all
    Example: barberlab run north valley --report performance --period 2025-Q2
    """
    from barberlab.runs import runner

    workspace = find(root)
    if bool(networks) == everything:
        raise BadInput("name the networks to run, or say --all")
    parameters = {"period": period} if period else {}
    with Progress(*_COLUMNS, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        outcomes = runner.run(
            workspace,
            workspace.networks() if everything else networks,
            report or None,
            as_of,
            parameters,
            force=force,
            progress=lambda done, total, label: bar.update(task, completed=done, total=total, description=label),
        )
    _say_outcomes(outcomes)
    out.print(f"open {workspace.outputs / 'index.html'}")
    raise SystemExit(runner.exit_code(outcomes))


def _say_outcomes(outcomes: list) -> None:
    for outcome in outcomes:
        took = f" ({outcome.seconds:.1f} s)" if outcome.seconds else ""
        why = f": {outcome.reason}" if outcome.reason else ""
        out.print(f"{outcome.network} {outcome.report}: {outcome.state}{took}{why}", markup=False)


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
