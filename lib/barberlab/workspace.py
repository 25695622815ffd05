"""Where things stand on disk: one root, and under it the top level of the house."""

import os
from dataclasses import dataclass
from pathlib import Path

from barberlab.errors import BadInput
from barberlab.scope import check_network_id

MARK = Path("params") / "defaults.yaml"


@dataclass(frozen=True)
class Workspace:
    """The folders of one workspace. Paths that hold a network's data are built here and nowhere else."""

    root: Path

    @property
    def params(self) -> Path:
        """Defaults, sources and what differs per network."""
        return self.root / "params"

    @property
    def notebooks(self) -> Path:
        """Research, reports and dashboards."""
        return self.root / "notebooks"

    @property
    def outputs(self) -> Path:
        """Runs and the pages they published."""
        return self.root / "outputs"

    @property
    def sample(self) -> Path:
        """The small network that is committed."""
        return self.root / "data" / "sample"

    def export(self, network: str) -> Path:
        """Where a simulated network's export and truth are put."""
        return self.root / "data" / "exports" / check_network_id(network)

    def network(self, network: str) -> Path:
        """The only folder that holds `network`'s rows."""
        return self.root / "data" / "networks" / check_network_id(network)

    @property
    def benchmark(self) -> Path:
        """The private benchmark: its ledger, and the releases that every member may read."""
        return self.root / "data" / "benchmark"

    def key(self, network: str) -> Path:
        """The pseudonym key of `network`, apart from the rows it protects."""
        return self.root / "data" / "keys" / f"{check_network_id(network)}.key"

    def networks(self) -> list[str]:
        """Networks that have at least one published data version, in order."""
        found = (self.root / "data" / "networks").glob("*/versions/v*.json")
        return sorted({path.parent.parent.name for path in found})


def find(root: str | os.PathLike | None = None) -> Workspace:
    """The workspace at `root`, else at $BARBERLAB_ROOT, else the nearest one above the working directory."""
    named = root or os.environ.get("BARBERLAB_ROOT")
    here = Path(named or ".").resolve()
    candidates = [here] if named else [here, *here.parents]
    for folder in candidates:
        if (folder / MARK).is_file():
            return Workspace(folder)
    raise BadInput(f"{here}: no workspace here: {MARK} is missing. Go into one, or name one with --root")
