"""What all commands share: the two consoles, options with one meaning, and how times are written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from barberlab.errors import BadInput

out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)

Root = Annotated[Path | None, typer.Option("--root", help="the workspace; by default the one above this folder")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="2025-06-30 (that day's end) or an instant with its zone")]

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr while a long thing lasts, where a person looks on; gone afterwards.

    Yields what tells it how far things are: how many are done, of how many, and which one is next.
    """
    with Progress(*_COLUMNS, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, label: bar.update(task, completed=done, total=total, description=label)


def minute(at: datetime | None) -> str:
    """An instant to the minute, as in 2025-06-30 23:15; nothing where there is none."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def day_of(said: str, option: str) -> date:
    """The day that was typed for an option."""
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise BadInput(f"{option} {said!r}: is not a day; write it as 2025-06-30") from None
