"""As many workers as the machine carries; one that dies is replaced, and all of them stop when they are told to."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from barberlab.errors import BadInput
from barberlab.runs import memory, pool

GB = memory.WORKER_BYTES


@pytest.mark.parametrize(
    ("cores", "free", "networks", "workers"),
    [
        (4, [64 * GB], None, 4),
        (4, [64 * GB], 3, 3),
        (4, [2.5 * GB], 9, 2),
        (16, [64 * GB, 3 * GB], 9, 3),
        (4, [0.2 * GB], 9, 1),
        (4, [-GB], 9, 1),
        (4, [], 9, 4),
        (None, [], 9, 1),
        (4, [64 * GB], 0, 1),
    ],
)
def test_there_is_a_worker_for_each_core_as_far_as_memory_and_networks_go(monkeypatch, cores, free, networks, workers):
    monkeypatch.setattr(os, "process_cpu_count", lambda: cores)
    monkeypatch.setattr(memory, "free", lambda: list(map(int, free)))
    assert pool.fitting(networks) == workers


def test_one_worker_is_this_process_itself(monkeypatch):
    with pool.workers(1) as executor:
        assert executor is None
    monkeypatch.setattr(pool, "fitting", lambda networks: min(networks, 3))
    with pool.workers(networks=1) as executor:
        assert executor is None
    with pool.workers(networks=9) as executor:
        assert executor.count == 3
    with pool.workers(2, networks=1) as executor:
        assert executor.count == 2


def pid_and_folder() -> tuple[int, str]:
    return os.getpid(), str(Path.cwd())


def nap(path: Path, seconds: float, giving_back: float = 0) -> int:
    """Sleep, having said so; who is told to stop gives back what it holds."""
    path.touch()
    try:
        time.sleep(seconds)
    finally:
        time.sleep(giving_back)
        path.with_suffix(".given-back").touch()
    return os.getpid()


def there(path: Path) -> bool:
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_pool_whose_worker_died_is_replaced_and_its_tasks_are_told(tmp_path):
    with pool.Workers(2) as executor:
        first, folder = executor.submit(pid_and_folder).result()
        assert (first != os.getpid(), folder) == (True, str(Path.cwd()))
        waiting = executor.submit(nap, tmp_path / "nap", 60)
        assert there(tmp_path / "nap")
        os.kill(first, signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            waiting.result()
        assert executor.submit(pid_and_folder).result()[0] not in (first, os.getpid())


def test_a_worker_that_is_told_to_stop_gives_back_what_it_holds_and_no_result(tmp_path):
    with pool.Workers(1) as executor:
        pid, _ = executor.submit(pid_and_folder).result()
        stopped = executor.submit(nap, tmp_path / "nap", 60)
        assert there(tmp_path / "nap")
        os.kill(pid, signal.SIGTERM)
        with pytest.raises(BrokenExecutor):
            stopped.result()
        assert there(tmp_path / "nap.given-back")


def test_a_worker_that_is_told_twice_gives_back_what_it_holds_all_the_same(tmp_path):
    with pool.Workers(1) as executor:
        pid, _ = executor.submit(pid_and_folder).result()
        stopped = executor.submit(nap, tmp_path / "nap", 60, giving_back=1)
        assert there(tmp_path / "nap")
        time.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.3)
        os.kill(pid, signal.SIGTERM)
        with pytest.raises(BrokenExecutor):
            stopped.result()
    assert (tmp_path / "nap.given-back").exists()


def test_whoever_interrupts_a_pool_stops_its_workers_at_once(tmp_path):
    since, tasks = time.monotonic(), []

    def interrupted(executor):
        tasks.extend(executor.submit(nap, tmp_path / name, 60) for name in ("a", "b", "c", "d"))
        assert there(tmp_path / "a")
        assert there(tmp_path / "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pool.Workers(2) as executor:
        interrupted(executor)
    assert time.monotonic() - since < 50
    assert sorted(path.name for path in tmp_path.iterdir())[:4] == ["a", "a.given-back", "b", "b.given-back"]
    assert not (tmp_path / "d").exists()
    assert all(task.done() for task in tasks[2:])


ALONE = """
import os, pathlib, signal, sys
from barberlab.runs import pool
import test_pool

if __name__ == "__main__":
    executor = pool.Workers(2)
    pid, _ = executor.submit(test_pool.pid_and_folder).result()
    executor.submit(test_pool.nap, pathlib.Path(sys.argv[1]), 60)
    assert test_pool.there(pathlib.Path(sys.argv[1]))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_that_lost_their_parent_stop(tmp_path):
    script = tmp_path / "alone.py"
    script.write_text(ALONE)
    path = os.pathsep.join(filter(None, [*sys.path]))
    words, environment = [sys.executable, script, tmp_path / "nap"], os.environ | {"PYTHONPATH": path}
    ended = subprocess.run(words, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert there(tmp_path / "nap.given-back")


# A cluster that is none


def test_a_cluster_where_nobody_answers_is_refused(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "ANSWERS_S", 0.3)
    for address in ("tcp://127.0.0.1:9", "nowhere", "", "telegraph://north"):
        with (
            pytest.raises(BadInput, match=rf"--scheduler '{address}': no Dask scheduler answers there"),
            pool.cluster(address),
        ):
            pass


def test_without_dask_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"--scheduler needs Dask: install barberlab\[dask\]"), pool.cluster("tcp://x:1"):
        pass
