"""`barberlab backtest ...`: the models scored on anybody's own data."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from barberlab.cli.terminal import day_of, err, out, progress

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Score the models on anybody's own data.")


@app.command("revenue")
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
    with progress() as tell:
        result = harness.backtest(panel, request, backtest_forecast, tell)
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


@app.command("churn")
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

    day = day_of(cutoff, "--cutoff")
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
