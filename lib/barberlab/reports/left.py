"""What have the published runs of a network left? The tables and draws that a page over all reports is made of.

It is handed over whole, as values; a table that no run has left is NotAvailable and names the report that would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import xarray as xr

from barberlab import errors


@dataclass(frozen=True, eq=False)
class Left:
    """What one published run left. as_of: the end of its data, in UTC. facts: of its data version."""

    report: str
    run_id: str
    as_of: datetime
    facts: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    draws: Mapping[str, xr.Dataset] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Everything:
    """What all published runs of one network left, by report."""

    network: str
    runs: Mapping[str, Left]

    def run(self, report: str) -> Left:
        """What the report's run left; raises NotAvailable before the first."""
        if report not in self.runs:
            raise errors.NotAvailable(report.capitalize(), f"a published {report} report")
        return self.runs[report]

    def table(self, report: str, name: str) -> pd.DataFrame:
        """A table that the report's run kept; raises NotAvailable where it kept none of that name."""
        found = self.run(report).tables
        if name not in found:
            raise errors.NotAvailable(report.capitalize(), f"a {report} report published anew, which keeps {name}")
        return found[name]

    def drawn(self, report: str, name: str) -> xr.Dataset:
        """Draws that the report's run kept; raises NotAvailable where it kept none of that name."""
        found = self.run(report).draws
        if name not in found:
            raise errors.NotAvailable(report.capitalize(), f"a {report} report that could be made")
        return found[name]

    @property
    def as_of(self) -> datetime:
        """The end of the newest data behind any of the runs; raises NotAvailable where there is no run."""
        if not self.runs:
            raise errors.NotAvailable("Reports", f"a run: barberlab run {self.network}")
        return max(run.as_of for run in self.runs.values())
