"""The small network that is committed: made by one command, the same bytes each time, and small."""

import corner
from barberlab.data import sample
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab
from barberlab.data.sample import export
from barberlab.scope import Scope

COMMITTED = corner.REPO / "data" / "sample"


def test_the_committed_sample_is_what_the_command_makes(tmp_path):
    """`barberlab sample --tiny` after a change of the simulator."""
    export.write(sample.tiny(), tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    held = {path.relative_to(COMMITTED): path.read_bytes() for path in COMMITTED.rglob("*.parquet")}
    assert made.keys() == held.keys()
    assert [str(path) for path in made if made[path] != held[path]] == []
    assert sum(map(len, held.values())) < 300_000


def test_it_comes_in_whole_and_passes_every_check(workspace):
    receipt = ingest(workspace, "tiny", corner.MAPPING, sorted(COMMITTED.glob("*.parquet")))
    assert receipt.bad == 0
    assert [g["gate"] for g in receipt.version.manifest["quality"] if g["passed"] is False] == []
    assert open_lab(workspace, Scope("tiny")).metric("visits", grain="total")["value"].item() > 1000
