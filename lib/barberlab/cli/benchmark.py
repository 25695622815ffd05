"""`barberlab benchmark ...`: the private release across networks, and what it has spent."""

from typing import Annotated

import typer

from barberlab.cli.terminal import Root, err, out
from barberlab.workspace import find

app = typer.Typer(no_args_is_help=True, help="The private benchmark across networks that opted in.")


@app.command("release")
def make_release(
    period: Annotated[str, typer.Option("--period", help="the month, such as 2026-10")],
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="go on without networks that cannot be counted")
    ] = False,
    root: Root = None,
):
    """Release a month of the benchmark, once; asked again, the same bytes are published again.

    Example: barberlab benchmark release --period 2026-10
    """
    from barberlab.runs import release

    workspace = find(root)
    with err.status(f"benchmark {period}: reading the networks that opted in"):
        done = release.build(workspace, period, leave_out)
    for cell in done.release.spec.cells:
        state = done.release.cells[cell.name]
        out.print(f"{cell.label}: {state['state']}{', ' + state['networks'] if 'networks' in state else ''}")
    for network, why in done.left_out.items():
        out.print(f"{network}: left out: {why}", markup=False)
    out.print(f"open {done.path}", markup=False)
    raise SystemExit(bool(done.left_out))


@app.command("budget")
def show_budget(root: Root = None):
    """Say how much privacy is spent, by year, and how far each release came; every sum of the ledger is compared.

    Example: barberlab benchmark budget
    """
    from barberlab.runs import release

    for line in release.budget(find(root)):
        out.print(line, markup=False)
