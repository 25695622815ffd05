"""`barberlab ...`: the workspace from a terminal. 0 = all done, 1 = some networks failed (named), 2 = bad input."""

import sys
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.exceptions import TyperException

from barberlab.errors import BadInput, BarberlabError
from barberlab.workspace import Workspace, find

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

Root = Annotated[Path | None, typer.Option("--root", help="the workspace; by default the one above this folder")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="2025-06-30 (that day's end) or an instant with its zone")]
Count = Annotated[int | None, typer.Option("--workers", min=1, help="processes; by default what fits")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="address of a Dask cluster to run on")]
Engine = Annotated[str | None, typer.Option("--engine", help="warm or papermill; by default the faster")]
MemoryMb = Annotated[
    int | None, typer.Option("--memory-mb", min=1, help="most for one kernel; by default a worker's share of 3/4")
]


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
    with (
        _place(workers, scheduler, len(wanted)) as executor,
        Progress(*_COLUMNS, console=err, transient=True, disable=not err.is_terminal) as bar,
    ):
        task = bar.add_task("", total=None)
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
            progress=lambda done, total, label: bar.update(task, completed=done, total=total, description=label),
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
        out.print(f"{item.network} {item.report}: due since {_minute(item.slot)} UTC{missed}", markup=False)
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
    reason = f"since {_minute(one.failed_since)}: {one.reason}" if one.failed_since else one.reason
    return one.network, one.report, one.state, _minute(one.last_success), age, took, _minute(one.next_due), reason


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


population = typer.Typer(no_args_is_help=True, help="Hyperparameters that all networks share, as a versioned file.")
app.add_typer(population, name="population")


@population.callback()
def _population() -> None:
    """What networks have in common: hyperparameters with their covariance, and never a row."""


@population.command("fit")
def fit_population(
    seed: Annotated[int, typer.Option("--seed", help="of the simulated networks and the sampler")] = 1,
    method: Annotated[str, typer.Option("--method", help="laplace, or nuts (minutes)")] = "laplace",
    root: Root = None,
):
    """Fit the revenue model's population on simulated networks and write params/populations/revenue.json.

    Example: barberlab population fit
    Example: barberlab population fit --method nuts
    """
    from barberlab.runs import population as populations

    if method not in ("laplace", "nuts"):
        raise BadInput(f"--method {method!r}: it is laplace or nuts")
    with err.status("simulating networks") as status:
        found = populations.fit(find(root), seed, method, say=status.update)
    out.print(f"{found.model}: version {found.version}, from {found.networks} {found.source} networks")


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


benchmark = typer.Typer(no_args_is_help=True, help="The private benchmark across networks that opted in.")
app.add_typer(benchmark, name="benchmark")


@benchmark.command("release")
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


@benchmark.command("budget")
def show_budget(root: Root = None):
    """Say how much privacy is spent, by year, and how far each release came; every sum of the ledger is compared.

    Example: barberlab benchmark budget
    """
    from barberlab.runs import release

    for line in release.budget(find(root)):
        out.print(line, markup=False)


Keys = Annotated[Path | None, typer.Option("--keys", help="the pseudonym keys, in a tar file of their own")]


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


users_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may sign in, and what they may see.")
app.add_typer(users_app, name="users")

Name = Annotated[str, typer.Argument(help="the name to sign in with")]


@users_app.command("add")
def add_user(
    name: Name,
    role: Annotated[
        str, typer.Option("--role", help="operator, franchisor, region, owner, manager, barber or analyst")
    ],
    network: Annotated[list[str] | None, typer.Option("--network", help="an analyst may have several")] = None,
    shop: Annotated[list[str] | None, typer.Option("--shop", help="a shop's id; may be repeated")] = None,
    barber: Annotated[str, typer.Option("--barber", help="a barber's own pseudonym in the data")] = "",
    subject: Annotated[str, typer.Option("--subject", help="signs in through the provider, who calls them so")] = "",
):
    """Give somebody an account, or replace it. The password is asked for, or is one line of the standard input.

    Example: barberlab users add ann --role franchisor --network north
    Example: barberlab users add bea --role manager --network north --shop north-01 < password
    """
    from barberlab.serve.people import Person
    from barberlab.serve.users import Users

    shops = frozenset(shop) if shop else None
    person = Person(name, role, dict.fromkeys(network or [], shops), barber)
    Users().add(person, None if subject else _asked_password(), subject)
    out.print(f"{name}: {role}" + "".join(f", {one}" for one in network or []), markup=False)


def _asked_password() -> str:
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


@users_app.command("list")
def list_users():
    """Say who may sign in, and what they may see.

    Example: barberlab users list
    """
    from barberlab.serve.users import Users

    users = Users()
    for name in users.names():
        person = users.person(name)
        shops = [f"{n} ({', '.join(sorted(own))})" if own else n for n, own in person.networks.items()]
        way = "provider" if users.subject(name) else "password"
        typer.echo("\t".join((name, person.role, ", ".join(shops) or "all runs", way)))


@users_app.command("revoke")
def revoke_user(name: Name):
    """Take somebody's account away: open sessions and kernels end within seconds.

    Example: barberlab users revoke ann
    """
    from barberlab.serve.users import Users

    Users().revoke(name)
    out.print(f"{name}: revoked", markup=False)


@app.command("serve")
def serve_pages(
    address: Annotated[str, typer.Option("--address", help="where to listen")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8866,
    public: Annotated[str, typer.Option("--public", help="the https address of the proxy in front, if any")] = "",
    sample_users: Annotated[
        bool, typer.Option("--sample-users", help="make some, where there are no users yet")
    ] = False,
    root: Root = None,
):
    """Show published pages to those who sign in, until stopped. BARBERLAB_MONITOR_TOKEN opens /metrics to a monitor.

    Example: barberlab serve
    Example: barberlab serve --public https://barber.example.com
    """
    import os

    from barberlab.serve import app as server
    from barberlab.serve import demo, watch
    from barberlab.serve.users import Users

    options = server.Options(find(root), address, port, public, os.environ.get("BARBERLAB_MONITOR_TOKEN", ""))
    if sample_users:
        _say_samples(demo.sample_users(options.workspace, Users()))
    if not Users().names():
        err.print("barberlab: nobody has an account yet: barberlab users add NAME --role ROLE --network NETWORK")
    out.print(f"open {options.url}", markup=False)
    watch.to_stderr()
    server.serve(options)


def _say_samples(samples) -> None:
    if samples:
        out.print("Sample users, told this once; `barberlab users revoke NAME` takes one away:")
    for sample in samples:
        out.print(f"  {sample.person.name:<12}{sample.password}", markup=False)


backtest = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Score the models on anybody's own data.")
app.add_typer(backtest, name="backtest")


@backtest.command("revenue")
def backtest_revenue(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV: network_id, location_id, week, revenue, any x_*")],
    horizon: Annotated[int, typer.Option("--horizon", help="weeks ahead")] = 26,
    origins: Annotated[str, typer.Option("--origins", help="a count, or weeks of training data: 91,104,117")] = "3",
    calendar: Annotated[str, typer.Option("--calendar", help="none, country:US or country:US-CA")] = "none",
    forecasts: Annotated[Path | None, typer.Option("--forecasts", help="Parquet: quantiles of each week")] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="JSON: scores of each origin and of all")] = None,
    compare: Annotated[Path | None, typer.Option("--compare", help="an earlier --scores file")] = None,
    draws: Annotated[int, typer.Option("--draws", min=100, help="joint draws")] = 400,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
):
    """Forecast from earlier weeks, and score that against the weeks that followed, with SeasonalNaive beside it.

    Example: barberlab backtest revenue weekly.parquet --horizon 26 --origins 3 --scores new.json --compare old.json
    """
    from barberlab.data import weekly
    from barberlab.models.revenue import backtest_forecast
    from barberlab.runs import backtest as harness
    from barberlab.runs import paired
    from barberlab.runs.origins import origins as numbers

    harness.check_places(forecasts, scores)
    earlier = paired.Earlier.read(compare, harness.MODEL) if compare else None
    panel = harness.panel_of(weekly.read(file), file.name, calendar)
    request = harness.Request(horizon, numbers(origins, len(panel.weeks), horizon), seed, draws)
    if earlier:
        earlier.require_common([harness.fingerprint(panel, origin, horizon) for origin in request.origins])
    with Progress(*_COLUMNS, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        result = harness.backtest(
            panel,
            request,
            backtest_forecast,
            lambda done, total, label: bar.update(task, completed=done, total=total, description=label),
        )
    harness.keep(result, forecasts, scores)
    _say_scores(harness.rows(result.scores), result.scores["overall"])
    if earlier:
        _say_differences(earlier, earlier.differences(result.scores["folds"], harness.MODEL))


def _say_scores(rows, overall: dict) -> None:
    table = Table("level", "of", "model", "n", "WAPE", "MASE", "sCRPS", "80 %", "95 %", box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for level, scope, model, told in rows:
        figures = (told[k] for k in ("wape", "mase", "scaled_crps", "coverage80", "coverage95"))
        table.add_row(level, scope, model, f"{told['n']:,}", *(f"{figure:.3f}" for figure in figures))
    out.print(table)
    for model, told in overall.items():
        out.print(f"{model}: {told['wall_seconds']:.1f} s, {told['cpu_seconds']:.1f} s of CPU", markup=False)


def _say_differences(earlier, differences: list) -> None:
    table = Table(f"against {earlier.name}", "new - old", "19 in 20", "folds", box=None, pad_edge=False)
    for name, told in (pair for pair in differences if "third" not in pair[0]):
        between = f"{told.low:+.4f} to {told.high:+.4f}" if told.n > 1 else "one fold does not say"
        table.add_row(name, f"{told.mean:+.4f}", between, str(told.n))
    out.print(table)


@backtest.command("churn")
def backtest_churn(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV: client_id, date, any location_id, amount, z_*")],
    cutoff: Annotated[str, typer.Option("--cutoff", help="the last day that models may see: 2025-06-30")],
    horizon_days: Annotated[int, typer.Option("--horizon-days", help="days ahead")] = 90,
    scores: Annotated[Path | None, typer.Option("--scores", help="JSON: how right it was, and by which model")] = None,
    clients: Annotated[Path | None, typer.Option("--clients", help="Parquet: what was said of each client")] = None,
    compare: Annotated[Path | None, typer.Option("--compare", help="an earlier --scores file")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
):
    """Say who will not come in the days after a day, and score that against who did, with two rules of thumb beside it.

    Example: barberlab backtest churn visits.parquet --cutoff 2025-06-30 --scores new.json --compare old.json
    """
    from barberlab.data import visits
    from barberlab.runs import backtest_churn as harness
    from barberlab.runs.backtest import check_places

    day = _day(cutoff, "--cutoff")
    check_places(scores, clients)
    earlier = harness.Earlier.read(compare) if compare else None
    log = visits.read(file)
    for note in log.notes:
        err.print(f"{file.name}: {note}", markup=False)
    with err.status(f"{file.name}: choosing and fitting models as of {day}"):
        result = harness.backtest(log, file.name, day, horizon_days, seed)
    differences = list(earlier.differences(result.scores)) if earlier else []
    harness.keep(result, scores, clients)
    _say_churn(result.scores)
    if earlier:
        _say_moved(earlier.name, differences)


def _day(said: str, option: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise BadInput(f"{option} {said!r}: is not a day; write it as 2025-06-30") from None


_CHURN = ("auc", "brier", "skill", "ece", "accuracy", "count_mae")


def _say_churn(scores: dict) -> None:
    table = Table("", "AUC", "Brier", "skill", "ECE", "accuracy", "visits MAE", box=None, pad_edge=False)
    told = (
        {"what is said": scores} | scores["models"] | {f"rule: {name}": rule for name, rule in scores["rules"].items()}
    )
    for name, one in told.items():
        table.add_row(name, *("" if one.get(figure) is None else f"{one[figure]:.4f}" for figure in _CHURN))
    out.print(table)
    used = scores["used"]
    out.print(f"no visit: {used['churn']}, {used['reason']}; visits: {used['counts']}", markup=False)
    out.print(
        f"{scores['clients']:,} clients, of whom {scores['base_rate']:.1%} did not come; {scores['wall_seconds']:.1f} s"
    )


def _say_moved(name: str, differences: list) -> None:
    table = Table(f"against {name}", "new - old", "19 in 20", box=None, pad_edge=False)
    for score, told in differences:
        table.add_row(score, f"{told.mean:+.5f}", f"{told.low:+.5f} to {told.high:+.5f}")
    out.print(table)


def main() -> None:
    """The entry point: our own errors become one line on stderr and an exit code, never a traceback."""
    try:
        # What comes back is the code of an end that typer has told itself: 130 for Ctrl-C.
        if code := app(standalone_mode=False):
            sys.exit(code)
    except TyperException as error:
        # Its words alone do not say which option is meant.
        err.print(f"barberlab: {error.format_message()}", markup=False)
        sys.exit(2)
    except BadInput as error:
        err.print(f"barberlab: {error}", markup=False)
        sys.exit(2)
    except BarberlabError as error:
        err.print(f"barberlab: {error}", markup=False)
        sys.exit(1)
