"""A kernel that takes more memory than it may ends with all that it started; its network is named, the others go on."""

import json
import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path

import bench
import pytest

from barberlab.runs import memory, outputs, runner
from barberlab.runs.pool import Workers
from barberlab.runs.task import Limits

MB = 1_000_000
GREEDY = f"""
import os, subprocess, sys
if network == "north":
    run = os.environ["BARBERLAB_RUN_DIR"]
    greedy = f"run = {{run!r}}; held = b'x' * {700 * MB}; import time; time.sleep(60)"
    started = subprocess.Popen([sys.executable, "-c", greedy], start_new_session=True)
    print(started.wait())
"""


@pytest.mark.parametrize("engine", ["papermill", "warm"])
def test_a_network_whose_kernel_takes_too_much_is_named_and_the_others_go_on(tmp_path, light_kernels, engine):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook(GREEDY))
    bench.add_data(place, "north", "south")
    limits = Limits(memory_bytes=400 * MB, cell_s=50)
    outcomes = runner.run(place, ["north", "south"], engine=engine, pages=bench.pages(), limits=limits)
    assert bench.states(outcomes) == {"north": "failed", "south": "published"}
    assert outcomes[0].reason == "MemoryLimitError: the kernel used more than 400 MB"
    kept = json.loads((outputs.of(place, "north").failed(outcomes[0].run_id) / "manifest.json").read_bytes())
    assert (kept["retried"], kept["engine"]) == ([], engine)
    assert outcomes[0].seconds < 50
    assert not any(str(tmp_path).encode() in command for command in commands())


def commands() -> list[bytes]:
    """What runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


@contextmanager
def forked(do):
    """A child process that has done something and waits; gives its number."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            held = do()
            os.write(theirs, b"." if held is not None else b"!")
            signal.pause()
        finally:
            os._exit(0)
    try:
        assert os.read(ours, 1) == b"."
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_what_two_processes_share_is_counted_once():
    held = b"x" * (200 * MB)
    before = memory.used(os.getpid())
    with forked(lambda: len(held)) as child:
        assert memory.used(os.getpid()) - before < 50 * MB
        assert memory.used(child) > 90 * MB
    with forked(lambda: b"y" * (100 * MB)):
        assert memory.used(os.getpid()) - before == pytest.approx(100 * MB, abs=50 * MB)
    assert len(held) == 200 * MB


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_below_the_limit_nothing_is_counted_exactly(monkeypatch):
    exact = []
    monkeypatch.setattr(memory, "_proportionate", lambda pid: exact.append(pid) or 5)
    most = memory.used(os.getpid(), above=10**15)
    assert exact == []
    with forked(lambda: 1) as child:
        assert memory.used(child, above=1) == 5
        assert exact == [child]
    assert 10 * MB < most < 10**15


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_the_family_is_what_a_process_started_however_far_down_and_its_session():
    def in_a_session_of_its_own():
        os.setsid()
        return (grandchild := os.fork()) or signal.pause() or grandchild

    with forked(in_a_session_of_its_own) as child:
        family = memory.family(child)
        assert child in family
        assert len(family) == 2
        assert family < memory.family(os.getpid())
        [grandchild] = family - {child}
        os.kill(grandchild, signal.SIGKILL)
    assert memory.family(2**22 + 1) == {2**22 + 1}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A system and a control group that tell what the test wrote."""
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable:    6000000 kB\nHugePages_Free:   0\n")
    return tmp_path


def test_what_is_free_is_told_by_the_system_and_by_the_control_group(told):
    assert memory.free() == [6_000_000 * 1024]
    (told / "memory.max").write_text("max\n")
    assert memory.free() == [6_000_000 * 1024]
    (told / "memory.max").write_text("4000000000\n")
    (told / "memory.current").write_text("1500000000\n")
    assert memory.free() == [6_000_000 * 1024, 2_500_000_000]
    (told / "meminfo").unlink()
    (told / "memory.max").unlink()
    assert memory.free() == []
    assert not memory.is_known()


def test_a_kernels_share_is_three_quarters_of_the_memory_divided_by_the_workers_and_enough_for_a_model(told):
    (told / "memory.max").write_text("8000000000\n")
    assert [memory.share(workers) for workers in (1, 2, 4)] == [6_000_000_000, 3_000_000_000, 1_500_000_000]
    assert memory.share(100) == memory.WORKER_BYTES


def test_workers_side_by_side_share_what_one_alone_would_have(tmp_path, monkeypatch):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("1"))
    bench.add_data(place, "north", "south")
    asked = []
    monkeypatch.setattr(runner, "spread", lambda tasks, _: [(t.network, []) for t in tasks if not asked.append(t)])
    for limits, expected in ((None, memory.share(3)), (Limits(memory_bytes=7), 7)):
        runner.run(place, ["north", "south"], pages=bench.pages(), executor=Workers(3), limits=limits)
        assert {task.limits.memory_bytes for task in asked} == {expected}
        asked.clear()


def test_where_the_system_does_not_tell_the_manifest_says_so(tmp_path, monkeypatch):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("1"))
    bench.add_data(place, "north")
    bench.pretend(monkeypatch)
    monkeypatch.setattr(memory, "is_known", lambda: False)
    [outcome] = runner.run(place, ["north"], pages=bench.pages())
    notes = json.loads((outcome.page.parent / "manifest.json").read_bytes())["notes"]
    assert notes == ["memory not limited: no /proc here", "PDF not made: nobody prints in tests"]
