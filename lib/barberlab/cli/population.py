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
