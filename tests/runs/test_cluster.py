"""The same networks on a Dask cluster: two worker processes, each with its own working directory, and one that dies."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import bench
import pytest

from barberlab.errors import BadInput
from barberlab.runs import outputs, pool, runner
from barberlab.runs.task import Limits

pytest.importorskip("distributed")
NETWORKS = ["east", "north", "south"]


@pytest.fixture
def steady_code():
    """The code as it is: the workers are other processes, and compare it with their own."""


class Cluster:
    """A scheduler and its workers; whoever is left ends with it."""

    def __init__(self, folder: Path):
        self._folder, self._started = folder, []
        self._file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", cwd=folder)

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        until = time.monotonic() + 60
        while not self._file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return json.loads(self._file.read_bytes())["address"]

    def add_worker(self) -> Path:
        """One more worker process; gives its working directory."""
        cwd = self._folder / f"worker-{len(self._started)}"
        cwd.mkdir()
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(cwd))
        self._start("worker", *words, cwd=cwd)
        return cwd

    def end(self) -> None:
        """End them all."""
        for process in reversed(self._started):
            process.kill()
            process.wait()

    def _start(self, *words: str, cwd: Path) -> None:
        words = (sys.executable, "-m", "dask", *words, "--scheduler-file", str(self._file))
        path = {"PYTHONPATH": os.pathsep.join(map(str, filter(None, sys.path)))}
        with (self._folder / "log").open("a") as log:
            self._started.append(subprocess.Popen(words, cwd=cwd, env=os.environ | path, stdout=log, stderr=log))


@pytest.fixture
def cluster(tmp_path, light_kernels):
    """A cluster without workers as yet."""
    made = Cluster(tmp_path)
    yield made
    made.end()


def deadly_page(died: Path, node, context) -> str:
    """A page whose making says where it was made, and kills its first worker at the south."""
    if context.network == "south" and not died.exists():
        died.write_text(str(Path.cwd()))
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    (died.parent / f"{context.network}.cwd").write_text(str(Path.cwd()))
    return bench.text_page(node, context)


@pytest.fixture
def place(tmp_path):
    """Three networks with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("print(network, 'had 410 visits')"))
    bench.add_data(made, *NETWORKS)
    return made


def test_networks_run_on_the_workers_of_an_existing_scheduler(place, monkeypatch):
    from distributed import LocalCluster

    bench.pretend(monkeypatch, lambda values: f"{values['network']} had 410 visits")
    quiet = {"processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=0, threads_per_worker=1, **quiet) as cluster:
        address = cluster.scheduler_address
        with (
            pytest.raises(BadInput, match="has no workers; start some with `dask worker inproc://"),
            pool.cluster(address),
        ):
            pass
        cluster.scale(1)
        with pool.cluster(_with_workers(address, 1)) as executor:
            outcomes = runner.run(place, NETWORKS, pages=bench.pages(), executor=executor)
            assert bench.states(outcomes) == dict.fromkeys(NETWORKS, "published")
            # Asked the same again, it is not a remembered answer that comes.
            again = runner.run(place, ["south"], pages=bench.pages(), executor=executor, force=True)
    assert [(outcome.state, outcome.run_id) for outcome in again] == [("published", "r000002-performance")]


@pytest.mark.slow
def test_networks_run_on_a_cluster_and_a_worker_killed_in_mid_run_costs_a_retry(place, tmp_path, cluster):
    pages = bench.pages(render=partial(deadly_page, tmp_path / "died"))
    folders = {str(cluster.add_worker()), str(cluster.add_worker())}
    with pool.cluster(_with_workers(cluster.address, 2)) as executor:
        outcomes = runner.run(place, NETWORKS, pages=pages, executor=executor, limits=Limits(), engine="warm")
        assert [(outcome.network, outcome.reason) for outcome in outcomes] == [(network, "") for network in NETWORKS]
        died, made = (tmp_path / "died").read_text(), (tmp_path / "south.cwd").read_text()
        assert {died, made} == folders
        for network in NETWORKS:
            assert [path.name for path in (place.outputs / network).glob("r*")] == ["r000001-performance"]
            assert f"{network} had 410 visits" in outputs.of(place, network).page("performance").read_text()


def _with_workers(address: str, count: int) -> str:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)
    return address
