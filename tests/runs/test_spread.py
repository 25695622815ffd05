"""Spread over whichever workers, networks come out the same; a worker's death costs the network it was at one try."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import bench
import pytest

from barberlab.runs import outputs, pool, runner
from barberlab.runs.spread import spread
from barberlab.runs.task import Limits
from barberlab.workspace import Workspace

NETWORKS = ["east", "north", "south", "west"]


@pytest.fixture
def place(tmp_path):
    """Four networks with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, *NETWORKS)
    return made


def kept(place, network: str) -> dict[str, bytes]:
    """All that a network published, by its path; of the manifest what does not tell the time."""
    folder = outputs.of(place, network).run("r000001-performance")
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(found.pop("manifest.json"))
    timed = ("started", "finished", "durations", "seal")
    return found | {"manifest": json.dumps({k: v for k, v in manifest.items() if k not in timed}).encode()}


def test_what_comes_out_does_not_depend_on_who_runs_it(place, tmp_path):
    published = {}
    ways = {"alone": None, "a thread": ThreadPoolExecutor(1), "two processes": pool.Workers(2)}
    for name, workers in ways.items():
        copy = Workspace(shutil.copytree(place.root, tmp_path / name))
        executor = workers and bench.Pretending(workers)
        with pytest.MonkeyPatch.context() as patch:
            bench.pretend(patch, lambda values: f"{values['network']} had 410 visits")
            outcomes = runner.run(copy, NETWORKS, pages=bench.pages(), executor=executor)
        if workers:
            workers.shutdown()
        assert bench.states(outcomes) == dict.fromkeys(NETWORKS, "published")
        assert [outcome.network for outcome in outcomes] == NETWORKS
        published[name] = {network: kept(copy, network) for network in NETWORKS}
    assert published["alone"] == published["a thread"] == published["two processes"]


def deadly_page(deaths: Path, node, context) -> str:
    """A page whose making kills its worker, as often as the file `deaths` says."""
    if context.network == "south" and (left := int(deaths.read_text())):
        deaths.write_text(str(left - 1))
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    return bench.text_page(node, context)


@pytest.mark.parametrize(("deaths", "retries", "state"), [(1, 1, "published"), (9, 1, "failed"), (1, 0, "failed")])
def test_a_worker_that_dies_costs_its_own_network_a_try_and_the_others_nothing(place, tmp_path, deaths, retries, state):
    (tmp_path / "deaths").write_text(str(deaths))
    pages = bench.pages(render=partial(deadly_page, tmp_path / "deaths"))
    limits = Limits(retries=retries, backoff_s=0.01)
    with pool.Workers(2) as workers:
        outcomes = runner.run(place, NETWORKS, pages=pages, limits=limits, executor=bench.Pretending(workers))
    states = bench.states(outcomes)
    assert states.pop("south") == state
    # What another worker had published when the pool broke, and could not tell any more, is found unchanged.
    assert set(states.values()) <= {"published", "unchanged"}
    assert int((tmp_path / "deaths").read_text()) == deaths - min(deaths, retries + 1)
    if state == "failed":
        assert outcomes[2].reason == "the process that ran it died, each time"
    for network in NETWORKS:
        runs = sorted(path.name for path in (place.outputs / network).glob("r*"))
        assert runs == ([] if network == "south" and state == "failed" else ["r000001-performance"])


class Odd(Executor):
    """An executor of which one task ends as nobody thought of."""

    def submit(self, fn, /, task):
        future = Future()
        if task.network == "south":
            future.set_exception(ValueError("no visits of ann.lee@example.org\nnor of others"))
        elif task.network == "west":
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(fn(task))
        return future


def test_whatever_an_executor_raises_is_the_failure_of_one_network(place, monkeypatch):
    bench.pretend(monkeypatch)
    outcomes = runner.run(place, NETWORKS, pages=bench.pages(), executor=Odd())
    assert bench.states(outcomes) == dict.fromkeys(NETWORKS, "published") | {"south": "failed", "west": "failed"}
    assert outcomes[2].reason == "ValueError: no visits of [e-mail address]"
    assert outcomes[3].reason.startswith("CancelledError")


def test_whoever_stops_listening_cancels_what_has_not_begun(place):
    class Waiting(Executor):
        futures: list[Future] = []  # noqa: RUF012 - this test's own

        def submit(self, fn, /, task):
            self.futures.append(Future())
            return self.futures[-1]

    waiting = Waiting()
    heard = spread([bench.task(place, network) for network in NETWORKS], waiting)
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(next, heard)
        while len(waiting.futures) < 4:
            time.sleep(0.01)
        waiting.futures[0].set_result([])
        assert first.result(10) == ("east", [])
    heard.close()
    assert [future.cancelled() for future in waiting.futures] == [False, True, True, True]


def test_no_worker_is_started_where_nothing_changed(place, monkeypatch):
    bench.pretend(monkeypatch)
    runner.run(place, NETWORKS, pages=bench.pages())

    class Nobody(Executor):
        def submit(self, fn, /, *args, **kwargs):
            raise AssertionError("nothing was to be done")

    assert {o.state for o in runner.run(place, NETWORKS, pages=bench.pages(), executor=Nobody())} == {"unchanged"}


def test_a_worker_with_other_code_runs_nothing(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    task = bench.task(place, "north")
    monkeypatch.setattr("barberlab.runs.manifest._lib_sha256", lambda: "0" * 64)
    [(_, [outcome])] = spread([task], ThreadPoolExecutor(1))
    assert (outcome.state, ran) == ("failed", [])
    assert outcome.reason == "lib changed since this run began, or differ on this machine; run again"
