"""Killed at any step of a publication, a run leaves the old report or the new one; the next run puts all in order."""

import contextlib
import errno
import json
import os
import shutil
import signal
from pathlib import Path

import bench
import pytest

from barberlab import files
from barberlab.errors import Damaged
from barberlab.runs import published, runner
from barberlab.runs.outputs import Outputs
from barberlab.scope import Scope
from barberlab.workspace import Workspace

STEPS = ("_store", "_flush", "_rename", "_make")
PRINTED = {"old": "410 visits", "new": "420 visits"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A network whose report was published once and then changed."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north")
    bench.pretend(monkeypatch, lambda values: PRINTED["old"])
    run(made)
    bench.add_report(made, "performance", bench.notebook("2"))
    bench.pretend(monkeypatch, lambda values: PRINTED["new"])
    return made


def run(place):
    return runner.run(place, ["north"], pages=bench.pages(), limits=bench.ONCE)[0]


def count_steps(patch, stop_at=None, stop=None):
    """Counts the steps that write; calls `stop` just before step `stop_at`."""
    taken = []

    def counted(name, step):
        def take(*where):
            taken.append((name, *(str(path) for path in where if not isinstance(path, bytes))))
            if len(taken) - 1 == stop_at:
                stop()
            return step(*where)

        return take

    for name in STEPS:
        patch.setattr(files, name, counted(name, getattr(files, name)))
    return taken


def killed(place, step):
    """Run in a process of its own that is killed before its k-th step; whether that happened."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            with pytest.MonkeyPatch.context() as patch:
                count_steps(patch, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
                run(place)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def read(place):
    """(printed, run id) as a reader finds them; raises Damaged if anything does not belong together."""
    found = published.latest(place, Scope("north"), "performance")
    notebook = json.loads((found.folder / "notebooks" / "performance.ipynb").read_bytes())
    [printed] = {"".join(cell["outputs"][0]["text"]) for cell in notebook["cells"] if cell.get("outputs")}
    assert printed in found.page()
    return printed, found.manifest.run_id


def rehearsed(place, tmp_path):
    """The steps of an undisturbed run, and which of them names the run's folder and which moves the pointer."""
    with pytest.MonkeyPatch.context() as patch:
        taken = count_steps(patch)
        run(Workspace(shutil.copytree(place.root, tmp_path / "rehearsal")))
    renames = {Path(step[2]).name: k for k, step in enumerate(taken) if step[0] == "_rename"}
    named, pointed = renames["r000002-performance"], renames["latest.json"]
    assert 5 <= named < pointed < len(taken)
    return range(len(taken)), pointed


OLD, NEW = (PRINTED["old"], "r000001-performance"), (PRINTED["new"], "r000002-performance")


# pyarrow keeps a thread, of which a fork warns; the child touches no Arrow table.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_kill_at_any_step_leaves_the_old_or_the_new_report_and_the_next_run_recovers(place, tmp_path):
    steps, pointed = rehearsed(place, tmp_path)
    for step in steps:
        tried = Workspace(shutil.copytree(place.root, tmp_path / f"try-{step}"))
        assert killed(tried, step)
        assert read(tried) == (NEW if step > pointed else OLD)
        recovered = run(tried)
        assert (recovered.state, recovered.run_id) == ("unchanged" if step > pointed else "published", NEW[1])
        assert read(tried) == NEW
        assert [path.name for path in (tried.outputs / "north").glob(".*")] == [".lease"]


def test_a_write_error_at_any_step_leaves_the_old_or_the_new_report_and_the_next_run_recovers(place, tmp_path):
    def broken():
        raise OSError(errno.EIO, "Input/output error")

    steps, pointed = rehearsed(place, tmp_path)
    for step in steps:
        tried = Workspace(shutil.copytree(place.root, tmp_path / f"try-{step}"))
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError):
            count_steps(patch, step, broken)
            outcome = run(tried)
            assert (outcome.state, "Input/output error" in outcome.reason) == ("failed", True)
        assert read(tried) == (NEW if step > pointed else OLD)
        assert run(tried).state == ("unchanged" if step > pointed else "published")
        assert read(tried)[0] == PRINTED["new"]
        assert [path.name for path in (tried.outputs / "north").glob(".*")] == [".lease"]


def test_a_run_that_only_lacks_its_pointer_is_not_executed_again(place, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Outputs, "point", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        stopped = run(place)
    assert (stopped.state, stopped.reason) == ("failed", "OSError: [Errno 5] Input/output error")
    assert read(place)[0] == PRINTED["old"]
    ran = bench.pretend(monkeypatch, lambda values: "430 visits")
    assert run(place).state == "published"
    assert ran == []
    assert read(place)[0] == PRINTED["new"]


SPOILT = ["", "[]", '{"performance": 5}', "\x00", '{"performance": {"run_id": "../x", "manifest_sha256": ""}}']


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_pointer_is_written_anew_from_the_runs_themselves(place, spoilt):
    bench.add_report(place, "shop", bench.notebook("3"))
    runner.run(place, ["north"], pages=bench.pages())
    before = (place.outputs / "north" / "latest.json").read_bytes()
    (place.outputs / "north" / "latest.json").write_text(spoilt)
    with pytest.raises(Damaged, match=r"network 'north': latest.json cannot be read"):
        read(place)
    published.index(place, bench.pages())
    assert "latest.json cannot be read" in (place.outputs / "index.html").read_text()
    assert runner.run(place, ["north"], reports=["shop"], pages=bench.pages())[0].state == "unchanged"
    assert (place.outputs / "north" / "latest.json").read_bytes() == before
