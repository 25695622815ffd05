"""The operators' page tells of all networks' runs, holds nobody's rows, and gives way only to one that passes."""

import json
import shutil
import sys

import bench
import nbformat
import pandas as pd
import pytest
import scheduled
from scheduled import utc

from barberlab import cli
from barberlab.errors import GateFailed
from barberlab.reports import accessible
from barberlab.runs import history, kernel, operations, outputs
from barberlab.runs.kernel import Executed, Failure

NOW = utc("2025-07-03T12:00")
NOTEBOOK = bench.DEFAULTS.parents[1] / "notebooks" / "operations" / "operations.ipynb"


@pytest.fixture
def place(tmp_path):
    """Two networks with three days of runs, the committed notebook, and a person's name that no page may hold."""
    made = scheduled.workspace(tmp_path / "w")
    (made.notebooks / "operations").mkdir()
    shutil.copy(NOTEBOOK, made.notebooks / "operations")
    for day in (1, 2, 3):
        scheduled.add_run(made, "north", f"2025-07-0{day}T04:30", seconds=7.0 + day, cells=(0.0, 3.0, 1.0))
        scheduled.add_run(made, "south", f"2025-07-0{day}T04:31", reason="KeyError: 'visits'" if day == 3 else "")
    return made


def test_the_history_holds_every_run_and_its_cells_and_nothing_of_a_network(place):
    found = history.read(place, NOW)
    assert found.runs["state"].tolist() == ["published"] * 5 + ["failed"]
    assert found.runs["cause"].tolist()[-1] == "KeyError"
    assert found.runs["seconds"].tolist()[::2] == [8.0, 9.0, 10.0]
    assert found.cells["seconds"].tolist() == [0.0, 3.0, 1.0] * 3
    assert set(found.runs.columns) == set(history.RUNS)
    assert found.runs["data_as_of"].tolist() == [pd.Timestamp(bench.AS_OF)] * 6
    assert found.runs["bytes"].tolist()[0] == len(b"<h1>north r000001-performance</h1>")


def test_the_last_days_are_those_before_now(place):
    recent = history.read(place, NOW).since(2)
    assert recent.runs["started"].min() == pd.Timestamp("2025-07-02T04:30", tz="UTC")
    assert (len(recent.runs), len(recent.cells)) == (4, 6)


def test_a_spoilt_manifest_is_a_run_of_its_own_kind(place):
    (place.outputs / "north" / "r000002-performance" / "manifest.json").write_text("{")
    found = history.read(place, NOW).runs.set_index("run_id").loc["r000002-performance"]
    damaged = found[found["state"] == "damaged"].iloc[0]
    assert (damaged["report"], damaged["cause"], damaged["bytes"]) == ("performance", "Damaged", 0)


def test_an_empty_workspace_has_a_history_of_nothing(tmp_path):
    found = history.read(bench.workspace(tmp_path / "w"), NOW).since(30)
    assert (len(found.runs), len(found.cells)) == (0, 0)


def test_the_committed_notebook_makes_a_page_that_passes_its_gates(place):
    page = operations.publish(place, NOW)
    said = page.read_text(encoding="utf-8")
    assert page == place.outputs / "all-networks" / "operations" / "r000001-operations" / "report.html"
    assert "5 of 6 runs were published, 1 report cannot be renewed now" in said
    assert "Operations · 30 days to Thu 3 Jul 2025" in said
    assert accessible.check(said) == []
    assert (page.parent / "../../../index.html").resolve().parent == place.outputs
    manifest = json.loads((page.parent / "manifest.json").read_text())
    assert {gate["name"]: gate["passed"] for gate in manifest["gates"]} == dict.fromkeys(
        ("cells", "pages", "personal data"), True
    )
    assert manifest["parameters"] == {"now": NOW.isoformat(), "days": 30}
    assert outputs.networks(place) == ["north", "south"], "the page's folder is no network"


def pretend(monkeypatch, printed="", failure=None):
    def execute(notebook, parameters, *_, **__):
        done = nbformat.from_dict(notebook)
        code = [cell for cell in done.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, 1):
            cell.execution_count = count
        code[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
        return Executed(done, (0.1,), failure)

    monkeypatch.setattr(kernel, "execute", execute)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"printed": "ring +49 170 1234567"},
            "operations: gate 'personal data': notebooks/operations.ipynb: telephone",
        ),
        ({"printed": "Zephyrine Quill"}, "operations: gate 'personal data': notebooks/operations.ipynb: canary"),
        ({"failure": Failure("KeyError", "'x'\nmore")}, "operations: KeyError: 'x'"),
    ],
)
def test_a_page_that_must_not_be_published_leaves_the_last_good_one(place, monkeypatch, how, said):
    (place.params / "networks" / "south.yaml").write_text("gates:\n  canaries: ['Zephyrine Quill']\n")
    (place.params / "networks" / "north.yaml").write_text("gates: {}\nunknown: 1\n")
    pretend(monkeypatch)
    first = operations.publish(place, NOW)
    pretend(monkeypatch, **how)
    with pytest.raises(GateFailed, match=said):
        operations.publish(place, NOW)
    home = operations.of(place)
    assert home.page("operations") == first
    assert sorted(path.name for path in home.folder.glob("*r0*")) == ["r000001-operations"]


def test_the_command_publishes_the_page_beside_the_status(place, monkeypatch, capsys):
    pretend(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["barberlab", "status", "--report", "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert end.value.code == 1, "the south fails"
    assert "all-networks/operations/r000001-operations/report.html" in said
