"""Running: notebooks executed per network, gated and published.

runs.latest(scope)["performance"].table("shops")      what is published, for all who read it
runs.keep("shops", frame)                             inside a notebook: what outlives it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from barberlab.runs.inside import keep, keep_posterior, keep_result, report_gate
from barberlab.runs.population import population

if TYPE_CHECKING:
    from barberlab.runs.published import Reports
    from barberlab.scope import Scope
    from barberlab.workspace import Workspace

__all__ = ["keep", "keep_posterior", "keep_result", "latest", "population", "report_gate"]


def latest(scope: Scope, workspace: Workspace | None = None) -> Reports:
    """The published reports of the scope's network, by name; see `published.reports`."""
    from barberlab.runs.published import reports  # noqa: PLC0415

    return reports(scope, workspace)
