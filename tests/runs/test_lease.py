"""Of those who want a network one gets it, keeps it while it lives, and loses it when it does not."""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import bench
import pytest

from barberlab import files
from barberlab.errors import Busy
from barberlab.runs import lease, outputs, runner

NO_FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
WHOSE = "network 'north'"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leases that are looked after in hundredths of a second."""
    monkeypatch.setattr(lease, "BEAT_S", 0.05)
    monkeypatch.setattr(lease, "LASTS_S", 0.5)
    monkeypatch.setattr(lease, "_LOOK_S", 0.01)


def said(home: Path) -> dict:
    """What the newest file says."""
    return lease._newest(home / lease.FOLDER)[1]


def put(home: Path, number: int = 7, **says) -> None:
    """A lease that somebody elsewhere wrote."""
    folder = files.make_folder(home / lease.FOLDER)
    files.write_json(folder / f"{number:06}.json", {"holder": "h", "batch": "b", "host": "elsewhere", "pid": 1} | says)


@contextmanager
def elsewhere(home: Path, beats: int = 10**9):
    """Somebody on another machine, whose clock stands still, and who renews its lease so often."""

    def renew():
        for beat in range(beats):
            put(home, expires=0, beat=beat)
            if over.wait(0.03):
                break

    put(home, expires=0)
    over, thread = threading.Event(), threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def soon(what) -> bool:
    until = time.monotonic() + 10
    while not (true := what()) and time.monotonic() < until:
        time.sleep(0.005)
    return bool(true)


def test_a_held_lease_is_renewed_and_given_back(tmp_path):
    with lease.held(tmp_path, WHOSE) as ours:
        first = said(tmp_path)["expires"]
        assert soon(lambda: said(tmp_path)["expires"] > first)
        ours.check()
        with (
            pytest.raises(Busy, match="network 'north': another run is at work on it; nothing was changed"),
            lease.held(tmp_path, WHOSE),
        ):
            pass
    assert said(tmp_path) == {}
    with lease.held(tmp_path, WHOSE) as ours:
        ours.check()


def test_of_many_that_want_it_at_once_never_two_have_it(tmp_path):
    inside, had, most = [], [], []
    ready = threading.Barrier(8)

    def want():
        ready.wait()
        mine, until = 0, time.monotonic() + 20
        while mine < 3 and time.monotonic() < until:
            try:
                with lease.held(tmp_path, WHOSE):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.002)
                    inside.pop()
                    mine += 1
            except Busy:
                time.sleep(0.001)
        had.append(mine)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert had == [3] * 8


@NO_FORK_WARNING
def test_a_lease_ends_with_its_process_whatever_it_says_itself(tmp_path, monkeypatch):
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with lease.held(tmp_path, WHOSE, "batch"):
                os.write(theirs, b".")
                signal.pause()
        finally:
            os._exit(0)
    os.read(ours, 1)
    monkeypatch.setattr(lease, "LASTS_S", 3_600)
    try:
        with pytest.raises(Busy), lease.held(tmp_path, WHOSE):
            pass
        assert not lease.left_by(tmp_path, "batch")
        os.kill(child, signal.SIGKILL)
    finally:
        os.waitpid(child, 0)
    assert lease.left_by(tmp_path, "batch")
    assert not lease.left_by(tmp_path, "another batch")
    monkeypatch.setattr(lease, "_LOOK_S", 3_600)  # and nobody waits for it
    with lease.held(tmp_path, WHOSE) as taken:
        taken.check()


def test_a_process_that_took_the_number_of_a_dead_one_does_not_hold_its_lease(tmp_path):
    put(tmp_path, host=lease._host(), pid=os.getpid(), born=lease._born(os.getpid()) - 1, expires=time.time() + 0.4)
    with lease.held(tmp_path, WHOSE) as ours:
        ours.check()


def test_a_lease_from_elsewhere_holds_until_it_expires(tmp_path):
    put(tmp_path, expires=time.time() + 0.3)
    with pytest.raises(Busy), lease.held(tmp_path, WHOSE):
        pass
    assert soon(lambda: time.time() > said(tmp_path)["expires"])
    since = time.monotonic()
    with lease.held(tmp_path, WHOSE):
        assert time.monotonic() - since >= 2 * lease.BEAT_S
        assert said(tmp_path)["host"] == lease._host()


def test_a_lease_from_elsewhere_that_is_renewed_holds_though_our_clock_says_it_expired(tmp_path):
    with elsewhere(tmp_path), pytest.raises(Busy), lease.held(tmp_path, WHOSE):
        pass
    with lease.held(tmp_path, WHOSE) as ours:
        ours.check()


@pytest.mark.parametrize("text", ["", "{", "[1", '{"holder": "h"}'])
def test_half_a_lease_and_one_of_a_clock_that_was_set_back_are_not_kept_for_ever(tmp_path, text):
    put(tmp_path, expires=time.time() + 1e6)
    if text:
        (tmp_path / lease.FOLDER / "000007.json").write_text(text)
    with lease.held(tmp_path, WHOSE) as ours:
        ours.check()


def test_tasks_of_one_batch_wait_for_each_other(tmp_path):
    order = []

    def second():
        with lease.held(tmp_path, WHOSE, "batch"):
            order.append("second")

    thread = threading.Thread(target=second)
    with lease.held(tmp_path, WHOSE, "batch"):
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_lost_the_lease_is_told_so_and_does_not_give_back_anothers(tmp_path):
    with lease.held(tmp_path, WHOSE) as ours:
        number = lease._newest(tmp_path / lease.FOLDER)[0]
        put(tmp_path, number + 1, expires=time.time() + 9)
        lease._path(tmp_path / lease.FOLDER, number).unlink()
        with pytest.raises(Busy, match="another run took over while this one could not renew its lease"):
            ours.check()
        time.sleep(2 * lease.BEAT_S)
    assert said(tmp_path)["host"] == "elsewhere"
    assert [path.stem for path in (tmp_path / lease.FOLDER).iterdir()] == [f"{number + 1:06}"]


def test_who_slept_since_it_looked_does_not_get_a_number_that_was_used_up(tmp_path):
    put(tmp_path, 5, expires=time.time() + 9)
    assert not lease._made(tmp_path / lease.FOLDER, 4, {"holder": "late"})
    assert not lease._made(tmp_path / lease.FOLDER, 5, {"holder": "late"})
    assert [path.name for path in (tmp_path / lease.FOLDER).iterdir()] == ["000005.json"]
    assert lease._made(tmp_path / lease.FOLDER, 6, {"holder": "in time"})


def test_who_could_not_renew_for_too_long_has_lost_it(tmp_path, monkeypatch):
    with lease.held(tmp_path, WHOSE) as ours:
        ours.check()

        def gone(folder, said):
            raise OSError("the folder does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(lease, "_beside", gone)
            time.sleep(0.1)
            ours.check()
            time.sleep(0.6)
            with pytest.raises(Busy):
                ours.check()


def test_a_run_whose_lease_was_taken_meanwhile_publishes_nothing_and_leaves_nothing(tmp_path, monkeypatch):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("1"))
    bench.add_report(place, "shop", bench.notebook("2"))
    bench.add_data(place, "north", "south")
    home = outputs.of(place, "north")

    def stolen(values):
        if values["network"] == "north":
            put(home.folder, 99, expires=time.time() + 9)
        return "1 visit"

    ran = bench.pretend(monkeypatch, stolen)
    outcomes = runner.run(place, ["north", "south"], pages=bench.pages())
    assert [outcome.state for outcome in outcomes] == ["busy", "busy", "published", "published"]
    assert "another run took over" in outcomes[0].reason
    assert [values["network"] for values in ran] == ["north", "south", "south"]
    assert runner.exit_code(outcomes) == 0
    left = [path.name for path in home.folder.iterdir()]
    assert left == [lease.FOLDER]
    assert json.loads((home.folder / lease.FOLDER / "000099.json").read_bytes())["host"] == "elsewhere"
