"""Notebooks in a real kernel: what they find there, what they leave, and what becomes of the ones that break."""

import json
import os
import sys

import bench
import nbformat
import pytest

from barberlab.runs import kernel, outputs, published, runner
from barberlab.scope import Scope
from warmkernel import settings

FOUND = """
import os, sys, warnings
print("kernel of", network, "as of", as_of, "in", os.path.basename(os.getcwd()))
print("ours" if sys.executable == os.environ["EXPECTED"] else "another python", os.environ["TZ"])
warnings.warn("a library is unhappy")
print("noise", file=sys.stderr)
"""
SHOPS = """
import pandas as pd
from barberlab import runs
runs.keep("shops", pd.DataFrame({"location_id": ["s1"], "visits": [410]}))
"""
BROKEN = """
def ratio(visits, weeks):
    return visits / weeks
secret = "Mr Quill"
ratio(410, 0) if network == "south" else None
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, light_kernels):
    """One run of two networks with real kernels; the second network's last cell breaks. (workspace, outcomes)"""
    place = bench.workspace(tmp_path_factory.mktemp("runs") / "w")
    bench.add_report(place, "performance", bench.notebook(FOUND, SHOPS, BROKEN))
    bench.add_data(place, "north", "south")
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPECTED", sys.executable)
        patch.setenv("MPLBACKEND", "Agg")
        changed = dict(os.environ)
        outcomes = runner.run(place, ["north", "south"], pages=bench.pages())
        assert dict(os.environ) == changed
    assert dict(os.environ) == before
    return place, outcomes


def test_a_notebook_runs_in_this_python_at_the_workspace_and_as_of_its_data(finished):
    place, [north, _south] = finished
    assert north.state == "published"
    page = north.page.read_text()
    assert f"kernel of north as of {bench.AS_OF} in {place.root.name}" in page
    assert "ours UTC" in page


def test_what_a_notebook_prints_to_stderr_is_published_nowhere(finished):
    _place, [north, _south] = finished
    for path in north.page.parent.rglob("*"):
        assert path.is_dir() or not any(w in path.read_bytes() for w in (b"is unhappy\\n", b"noise\\n", b'"stderr"'))


def test_the_executed_notebook_holds_no_times_and_no_paths(finished):
    place, [north, _south] = finished
    text = (north.page.parent / "notebooks" / "performance.ipynb").read_text()
    node = nbformat.reads(text, as_version=4)
    nbformat.validate(node)
    assert str(place.root) not in text
    assert "papermill" not in node.metadata
    assert all(set(cell.metadata) <= {"tags"} for cell in node.cells)
    assert [cell.id for cell in node.cells][2] == "injected-parameters"


def test_a_kept_table_is_read_by_the_one_reader(finished):
    place, _ = finished
    found = published.latest(place, Scope("north"), "performance")
    assert found.table("shops").to_dict("list") == {"location_id": ["s1"], "visits": [410]}
    assert len(found.manifest.durations["cells"]) == 6


def test_a_broken_cell_is_kept_apart_with_its_place_and_none_of_its_data(finished):
    place, [_north, south] = finished
    assert (south.state, south.page) == ("failed", None)
    assert south.reason == "ZeroDivisionError: division by zero (cell 5)"
    folder = outputs.of(place, "south").failed(south.run_id)
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) == [
        "error.json",
        "manifest.json",
        "notebooks/performance.ipynb",
    ]
    error = json.loads((folder / "error.json").read_text())
    assert error["where"] == ["cell 5, line 4", "cell 5, line 2"]
    assert "noise" in error["stderr"]
    node = nbformat.read(folder / "notebooks" / "performance.ipynb", as_version=4)
    assert node.cells[-1].outputs == [
        {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "", "traceback": []}
    ]
    assert "kernel of south" in node.cells[3].outputs[0].text


@pytest.mark.parametrize(
    ("source", "timeout_s", "kind"),
    [("import os; os._exit(3)", 20, "DeadKernelError"), ("while True: pass", 1, "CellTimeoutError")],
)
def test_a_kernel_that_dies_or_hangs_is_a_failure_with_a_name(tmp_path, source, timeout_s, kind):
    done = kernel.execute(bench.notebook(source), {"network": "north"}, tmp_path, {}, timeout_s)
    assert (done.notebook, done.failure.kind) == (None, kind)
    assert done.failure.message


def test_a_kernel_that_ends_leaves_the_sockets_of_another_alone(tmp_path, light_kernels):
    """The parent of warm kernels removes what begins with the ended one's name and lies in its own folder."""
    others = [settings.folder() / name for name in ("k-1", "k-beef-2", "kernel-1")]
    for path in others:
        path.touch()
    try:
        done = kernel.execute(bench.notebook("pass"), {"network": "north"}, tmp_path, {}, 60, engine=kernel.WARM)
        assert done.failure is None
        assert [path.name for path in others if not path.exists()] == []
    finally:
        for path in others:
            path.unlink(missing_ok=True)
