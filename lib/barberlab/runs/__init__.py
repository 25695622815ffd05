"""Running: notebooks executed per network, gated and published.

runs.latest(scope)["performance"].table("shops")      what is published, for all who read it
runs.keep("shops", frame)                             inside a notebook: what outlives it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from barberlab.runs.inside import earlier, keep, keep_posterior, keep_result, report_gate

if TYPE_CHECKING:
    from barberlab.models.population import Population
    from barberlab.runs.published import Reports
    from barberlab.scope import Scope
    from barberlab.workspace import Workspace

__all__ = ["earlier", "keep", "keep_posterior", "keep_result", "latest", "population_of", "report_gate"]


def latest(scope: Scope, workspace: Workspace | None = None) -> Reports:
    """The published reports of the scope's network, by name; see `published.reports`."""
    from barberlab.runs.published import reports  # noqa: PLC0415

    return reports(scope, workspace)


def population_of(model: str, workspace: Workspace | None = None) -> Population:
    """The population that `model` ("revenue") starts from, of the workspace; see `population.read`."""
    from barberlab.runs.population import read  # noqa: PLC0415
    from barberlab.workspace import find  # noqa: PLC0415

    return read(workspace or find(), model)
