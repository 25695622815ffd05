"""What does a board read? All that the published runs of one network left, handed over as values.

Inside a run the workspace is an extract of this network's published runs and nothing else; at a desk it is the ordinary
one. Both are read through `runs.latest`.
"""

from datetime import datetime
from pathlib import Path

from barberlab.reports.left import Everything, Left
from barberlab.runs.jobs import BOARDS
from barberlab.runs.published import Published, reports
from barberlab.scope import Scope
from barberlab.workspace import Workspace


def left(network: str, workspace: Workspace | None = None) -> Everything:
    """Tables and draws of every published report of `network`; of boards none. Raises Damaged where one was altered."""
    standing = reports(Scope(network), workspace)
    return Everything(network, {name: _left(standing[name]) for name in standing if name not in BOARDS})


def _left(one: Published) -> Left:
    said = one.manifest
    drawn = [Path(path).stem for path in said.files if path.startswith("posterior/")]
    return Left(
        report=said.report,
        run_id=said.run_id,
        as_of=datetime.fromisoformat(said.as_of),
        facts={"network": said.network} | said.data["facts"],
        tables={name: one.table(name) for name in one.tables()},
        draws={name: one.posterior(name) for name in drawn},
    )
