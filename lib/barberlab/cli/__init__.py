"""`barberlab ...`: the workspace from a terminal. 0 = all done, 1 = some networks failed (named), 2 = bad input.

A module for each noun; `terminal` is what they share.
"""

import sys

import typer
from typer.exceptions import TyperException

from barberlab.cli import backtest, benchmark, data, keeping, population, running, serving, users
from barberlab.cli.terminal import err
from barberlab.errors import BadInput, BarberlabError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)


@app.callback()
def barberlab() -> None:
    """Research and reporting for barbershop franchise networks."""


for _part in (data, running, keeping, serving):
    app.add_typer(_part.app)
for _noun, _part in {"population": population, "benchmark": benchmark, "backtest": backtest, "users": users}.items():
    app.add_typer(_part.app, name=_noun)


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
