"""Commands that publish reports: run, due, status."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from barberlab.cli.terminal import AsOf, Root, err, minute, out, progress
from barberlab.errors import BadInput
from barberlab.workspace import find

app = typer.Typer()

Count = Annotated[int | None, typer.Option("--workers", min=1, help="processes; by default what fits")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="address of a Dask cluster to run on")]
Engine = Annotated[str | None, typer.Option("--engine", help="warm or papermill; by default the faster")]
MemoryMb = Annotated[
    int | None, typer.Option("--memory-mb", min=1, help="most for one kernel; by default a worker's share of 3/4")
]


@app.command()
def run(
    networks: Annotated[list[str] | None, typer.Argument(help="networks to run")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every network that has data")] = False,
    report: Annotated[list[str] | None, typer.Option("--report", help="only this report; may be repeated")] = None,
    period: Annotated[str | None, typer.Option("--period", help="2025-06, 2025-Q2 or 2025-06-01..2025-06-15")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="name=value of the parameters cell; repeatable")
    ] = None,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="run what is unchanged as well")] = False,
    workers: Count = None,
    scheduler: Scheduler = None,
    engine: Engine = None,
    memory_mb: MemoryMb = None,
    root: Root = None,
):
    """Execute the report notebooks for networks and publish what passes every gate.

    Example: barberlab run --all
    Example: barberlab run north valley --report performance --period 2025-Q2
    Example: barberlab run north --report revenue --param horizon_weeks=13
    Example: barberlab run --all --scheduler tcp://10.0.0.5:8786
    """
    from barberlab.runs import jobs, runner

    workspace = find(root)
    if bool(networks) == everything:
        raise BadInput("name the networks to run, or say --all")
    _check_place(workers, scheduler)
    said = [*([f"period={period}"] if period else []), *(param or [])]
    parameters = jobs.typed(workspace, report or None, said)
    wanted = workspace.networks() if everything else networks
    unwritten: list[str] = []
    with _place(workers, scheduler, len(wanted)) as executor, progress() as tell:
        outcomes = runner.run(
            workspace,
            wanted,
            report or None,
            as_of,
            parameters=parameters,
            force=force,
            engine=engine,
            limits=_limits(memory_mb),
            executor=executor,
            progress=tell,
            unwritten=unwritten.append,
        )
    _say_outcomes(outcomes)
    for line in unwritten:
        err.print(f"barberlab: {line}", markup=False)
    asides = [outcome.page for outcome in outcomes if outcome.page] if as_of or parameters else []
    nothing = bool(outcomes) and all(outcome.state == "refused" for outcome in outcomes)
    for page in [] if nothing else asides or [workspace.outputs / "index.html"]:
        out.print(f"open {page}", markup=False)
    raise SystemExit(runner.exit_code(outcomes) or int(bool(unwritten)))


def _check_place(workers: int | None, scheduler: str | None) -> None:
    if workers and scheduler:
        raise BadInput("--workers is for this machine; a cluster has its own")


def _place(workers: int | None, scheduler: str | None, networks: int):
    """Where so many networks are run: the cluster named, else processes of this machine."""
    from barberlab.runs import pool

    return pool.cluster(scheduler) if scheduler else pool.workers(workers, networks)


def _limits(memory_mb: int | None):
    from barberlab.runs.task import Limits

    return Limits(memory_bytes=memory_mb and memory_mb * 1_000_000)


def _say_outcomes(outcomes: list) -> None:
    for outcome in outcomes:
        took = f" ({outcome.seconds:.1f} s)" if outcome.seconds else ""
        why = f": {outcome.reason}" if outcome.reason else ""
        out.print(f"{outcome.network} {outcome.report}: {outcome.state}{took}{why}", markup=False)


@app.command("due")
def run_due(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what is due")] = False,
    workers: Count = None,
    scheduler: Scheduler = None,
    engine: Engine = None,
    memory_mb: MemoryMb = None,
    root: Root = None,
):
    """Run what params/schedule.yaml says is due now; for cron or systemd to call every minute.

    Where nothing is due it says nothing and ends with 0. What was missed is caught up once.

    Example: barberlab due
    Example: barberlab due --dry-run
    Example: barberlab due --scheduler tcp://10.0.0.5:8786
    """
    from barberlab.runs import due, jobs

    workspace, now = find(root), datetime.now(UTC)
    _check_place(workers, scheduler)
    jobs.engine_named(engine)
    if dry_run:
        done = due.look(workspace, now)
    else:
        place = partial(_place, workers, scheduler)
        done = due.run(workspace, now, place=place, engine=engine, limits=_limits(memory_mb))
    for note in done.notes:
        out.print(f"note: {note}", markup=False)
    for item in done.due:
        missed = f", after {item.missed} missed" if item.missed else ""
        out.print(f"{item.network} {item.report}: due since {minute(item.slot)} UTC{missed}", markup=False)
    _say_outcomes(done.refused + done.outcomes)
    for line in done.untold:
        err.print(line, markup=False)
    raise SystemExit(done.exit_code)


@app.command("status")
def show_status(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    report: Annotated[bool, typer.Option("--report", help="also publish the operators' page of all runs")] = False,
    root: Root = None,
):
    """Say how every report of every network stands: last success, failure, data age, next run. Times are in UTC.

    Ends with 1 where a report failed or is late, with 2 where the schedule is wrong.

    Example: barberlab status
    Example: barberlab status --json
    Example: barberlab status --report
    """
    import json

    from barberlab.runs import status

    workspace, now = find(root), datetime.now(UTC)
    found = status.read(workspace, now)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        _say_status(found)
    if report:
        from barberlab.runs import operations

        with err.status("operators' page"):
            page = operations.publish(workspace, now)
        (err if as_json else out).print(f"open {page}", markup=False)
    raise SystemExit(found.exit_code)


_STATUS = ("network", "report", "state", "last success", "data age", "took", "next due", "reason")
_COLOURS = {"ok": "green", "failed": "red", "late": "yellow", "never": "dim"}


def _say_status(found) -> None:
    rows = [_status_row(one) for one in found.standings]
    if out.is_terminal:
        table = Table(*_STATUS, box=None, header_style="bold")
        for row in rows:
            table.add_row(*map(escape, row), style=_COLOURS[row[2]] if row[2] != "ok" else None)
        out.print(table)
    else:
        for row in (_STATUS, *rows):
            typer.echo("\t".join(row))
    disk = found.disk
    out.print(f"data {decimal(disk.data)}, runs {decimal(disk.outputs)}, {decimal(disk.free)} left")
    for note in found.notes:
        out.print(f"note: {note}", markup=False)
    if found.unscheduled:
        err.print(f"barberlab: nothing runs by schedule: {found.unscheduled}", markup=False)


def _status_row(one) -> tuple[str, ...]:
    age = "" if one.data_age_days is None else f"{one.data_age_days:.1f} d"
    took = "" if one.seconds is None else f"{one.seconds:.1f} s"
    reason = f"since {minute(one.failed_since)}: {one.reason}" if one.failed_since else one.reason
    return one.network, one.report, one.state, minute(one.last_success), age, took, minute(one.next_due), reason
