"""`barberlab population ...`: hyperparameters that all networks share."""

from typing import Annotated

import typer

from barberlab.cli.terminal import Root, err, out
from barberlab.errors import BadInput
from barberlab.workspace import find

app = typer.Typer(no_args_is_help=True, help="Hyperparameters that all networks share, as a versioned file.")


@app.callback()
def _population() -> None:
    """What networks have in common: hyperparameters with their covariance, and never a row."""


@app.command("fit")
def fit_population(
    model: Annotated[str, typer.Argument(help="revenue or churn")] = "revenue",
    seed: Annotated[int, typer.Option("--seed", help="of the simulated networks and the sampler")] = 1,
    method: Annotated[str, typer.Option("--method", help="revenue alone: laplace, or nuts (minutes)")] = "laplace",
    root: Root = None,
):
    """Fit a model's population on simulated networks and write params/populations/<model>.json.

    Example: barberlab population fit
    Example: barberlab population fit revenue --method nuts
    Example: barberlab population fit churn
    """
    from barberlab.runs import population as populations
    from barberlab.runs import population_churn

    fits = {
        "revenue": lambda say: populations.fit(find(root), seed, method, say=say),
        "churn": lambda say: population_churn.fit(find(root), seed, say=say),
    }
    if model not in fits:
        raise BadInput(f"population {model!r}: it is {' or '.join(fits)}")
    if method not in ("laplace", "nuts"):
        raise BadInput(f"--method {method!r}: it is laplace or nuts")
    if model == "churn" and method != "laplace":
        raise BadInput(f"--method {method}: churn has no other than laplace; leave it out")
    with err.status("simulating networks") as status:
        found = fits[model](status.update)
    out.print(f"{found.model}: version {found.version}, from {found.networks} {found.source} networks")
