"""Whatever breaks while reports are published, readers find old ones or new ones, whole; the next run puts all right.

Beside the faults at each single step, which the runs' own tests go through: a disk that stays full, kills at any
moment, several runs at once, bits that flip, clocks that jump, and a batch in which some networks are poisoned.
Notebooks are executed already (a pretend kernel): publication is what is under test. Nothing is flushed to the disk,
because what a killed process wrote outlives it all the same.
"""

import contextlib
import errno
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from barberlab import files
from barberlab.data.lab import open_lab
from barberlab.errors import Damaged
from barberlab.runs import inside, kernel, manifest, outputs, published, runner
from barberlab.runs.task import Limits
from barberlab.scope import Scope
from barberlab.workspace import Workspace
from runs import bench

NO_FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
STEPS = ("_store", "_flush", "_rename", "_make")


# The bench: one network whose report changes whenever it is asked to


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Code that does not change meanwhile and is not asked for its history, and a disk that does not wait."""
    monkeypatch.setattr(manifest, "_lib_sha256", lambda: "c0de" * 16)
    monkeypatch.setattr(manifest, "_git", lambda *words: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Workspace:
    """A network whose report says "0 visits"."""
    made = bench.workspace(tmp_path / "w")
    bench.add_data(made, "north")
    says(made, monkeypatch, 0)
    assert run(made).state == "published"
    return made


def says(place: Workspace, patch: pytest.MonkeyPatch, visits: int) -> None:
    """From now on the report says so: on its page, its shops' pages, in its table and its notebook."""

    def printed(values):
        folder = files.make_folder(Path(os.environ[inside.RUN_DIR]) / "tables")
        files.write(folder / "shops.csv", f"visits\n{visits}\n".encode())
        return f"{visits} visits"

    bench.add_report(place, "performance", bench.notebook(str(visits)))
    bench.pretend(patch, printed)


def shop_pages(tables, context) -> dict[str, str]:
    """A page for each of two shops."""
    return {f"shop/{shop}.html": f"<h1>{shop} of {context.network}</h1>" for shop in ("ny", "la")}


PAGES = bench.pages(makers={"performance": shop_pages})


def run(place: Workspace, **options) -> runner.Outcome:
    [outcome] = runner.run(place, ["north"], ["performance"], pages=PAGES, limits=bench.ONCE, **options)
    return outcome


def read(place: Workspace) -> int:
    """The visits that a reader finds, after every file was compared with its sum and all of them agree."""
    found = published.latest(place, Scope("north"), "performance")
    assert sorted(found.pages()) == ["report.html", "shop/la.html", "shop/ny.html"]
    cells = json.loads((found.folder / "notebooks" / "performance.ipynb").read_bytes())["cells"]
    [printed] = ["".join(out["text"]) for cell in cells for out in cell.get("outputs", [])]
    visits = int(printed.removesuffix(" visits"))
    assert f">{printed}<" in found.page()
    assert (found.folder / "tables" / "shops.csv").read_text() == f"visits\n{visits}\n"
    return visits


def litter(place: Workspace) -> list[str]:
    """What an interrupted run left in the network's folder."""
    paths = (place.outputs / "north").rglob(".*")
    return sorted(path.name for path in paths if path.name.startswith(outputs.STAGING) or path.suffix == ".tmp")


def recovered(place: Workspace, visits: int) -> bool:
    """Whether the next run, whatever was left to do, ends with the new report published and nothing lying about."""
    return run(place).state in ("published", "unchanged") and read(place) == visits and litter(place) == []


# A disk that is full, or broken, and stays so


def broken_from(patch: pytest.MonkeyPatch, first: int, number: int) -> list[int]:
    """Every step of `files` fails from the `first` on; gives a list of those that did."""
    taken, failed = itertools.count(), []

    def fails(step):
        def take(*where):
            if (now := next(taken)) >= first:
                failed.append(now)
                raise OSError(number, os.strerror(number))
            return step(*where)

        return take

    for name in STEPS:
        patch.setattr(files, name, fails(getattr(files, name)))
    return failed


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["no space", "i/o error"])
def test_a_disk_that_fails_from_any_step_on_leaves_the_old_report_or_the_new_one(place, monkeypatch, number):
    seen = set()
    for visits in itertools.count(1):
        before = read(place)
        says(place, monkeypatch, visits)
        with pytest.MonkeyPatch.context() as patch:
            failed, outcome = broken_from(patch, visits - 1, number), None
            # The index pages come last and belong to no network: what fails there is the caller's to know.
            with contextlib.suppress(OSError):
                outcome = run(place)
        found = read(place)
        assert found in (before, visits)
        if outcome and failed:
            assert (outcome.state, os.strerror(number) in outcome.reason, found) == ("failed", True, before)
        seen.add(found == before)
        assert recovered(place, visits)
        if not failed:
            break
    assert seen == {True, False}
    assert visits > 30


def broken_once(patch: pytest.MonkeyPatch, at: int) -> list[int]:
    """The step number `at` of `files` fails, and no other; gives a list of it, once it did."""
    taken, failed = itertools.count(), []

    def fails(step):
        def take(*where):
            if (now := next(taken)) == at:
                failed.append(now)
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return step(*where)

        return take

    for name in STEPS:
        patch.setattr(files, name, fails(getattr(files, name)))
    return failed


def test_a_disk_that_fails_at_any_one_step_costs_no_report_its_run(place, monkeypatch):
    for visits in itertools.count(1):
        says(place, monkeypatch, visits)
        with pytest.MonkeyPatch.context() as patch:
            failed, outcomes = broken_once(patch, visits - 1), []
            # The index pages come last and belong to no network: what fails there is the caller's to know.
            with contextlib.suppress(OSError):
                runner.run(place, ["north"], pages=PAGES, limits=Limits(backoff_s=0), each=outcomes.append)
        assert [one.state for one in outcomes] == ["published"]
        assert read(place) == visits
        assert recovered(place, visits)
        if not failed:
            break
    assert visits > 30


RAISED = 99


@NO_FORK_WARNING
def test_a_quota_that_is_used_up_leaves_the_old_report(place, monkeypatch):
    """RLIMIT_FSIZE: a file may grow to so many bytes; the manifest has some 2,000."""

    def limited(size: int) -> int:
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            code = RAISED
            try:
                code = runner.exit_code([run(place)])
            except OSError as error:
                # The index pages belong to no network: what fails there is the caller's to know.
                code = 1 if error.errno == errno.EFBIG else RAISED
            finally:
                # Whatever it was: this must not go on as a second pytest
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    codes = []
    for visits, size in enumerate((0, 10, 100, 500, 1_000, 1_500, 100_000), 1):
        says(place, monkeypatch, visits)
        codes.append(limited(size))
        assert read(place) == (visits - 1 if codes[-1] else visits)
        assert recovered(place, visits)
    assert codes == [1, 1, 1, 1, 1, 1, 0]


# Kills


def told_of(patch: pytest.MonkeyPatch, pipe: int) -> None:
    """One byte down the pipe before each step; each takes a moment, so that a kill can come in the middle of things."""

    def told(step):
        def take(*where):
            os.write(pipe, b".")
            time.sleep(0.0002)
            return step(*where)

        return take

    for name in STEPS:
        patch.setattr(files, name, told(getattr(files, name)))


def killed(place: Workspace, step: int, late_s: float) -> bool:
    """Run in a process that is killed `late_s` seconds after its step number `step` began; whether it was at work."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.close(ours)
        try:
            with pytest.MonkeyPatch.context() as patch:
                told_of(patch, theirs)
                run(place)
        finally:
            os._exit(0)
    os.close(theirs)
    for _ in range(step + 1):
        os.read(ours, 1)
    time.sleep(late_s)
    os.kill(child, signal.SIGKILL)
    os.close(ours)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def rehearsed(place: Workspace, tmp_path: Path) -> tuple[int, int]:
    """How many steps a run takes, and which of them gives its first bytes their final name."""
    taken = []
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            step = getattr(files, name)
            patch.setattr(files, name, lambda *where, step=step: (taken.append(where), step(*where))[1])
        run(Workspace(shutil.copytree(place.root, tmp_path / "rehearsal")), force=True)
    final = tmp_path / "rehearsal" / "outputs" / "north" / "r000002-performance"
    return len(taken), next(k for k, where in enumerate(taken) if where[-1] == final)


@NO_FORK_WARNING
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_no_kill_leaves_half_a_report_and_the_next_run_puts_each_right(place, monkeypatch, tmp_path, kills):
    steps, named = rehearsed(place, tmp_path)
    chance, after, late, visits = random.Random(7), 0, 0, 0
    while visits - late < kills:
        visits += 1
        before, there = read(place), set((place.outputs / "north").glob("r*"))
        says(place, monkeypatch, visits)
        # Four in ten are aimed at what follows the first published byte, which is a fifth of the steps.
        aim = chance.randrange(named, steps - 1) if visits % 10 < 4 else chance.randrange(named)
        if killed(place, aim, chance.uniform(0, 0.001)):
            after += set((place.outputs / "north").glob("r*")) != there
        else:
            late += 1
        assert read(place) in (before, visits)
        assert recovered(place, visits)
    print(f"{kills} kills, {after} of them after the first published byte; {late} more came too late")
    assert late < kills / 4
    assert after >= kills / 5


# Two at once


def started(place: Workspace, go: float) -> int:
    """A process that runs the report at the moment `go`; its exit code says what became of it."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        code = RAISED
        try:
            time.sleep(max(0.0, go - time.monotonic()))
            code = 10 + ("published", "unchanged", "busy").index(run(place).state)
        finally:
            os._exit(code)
    return child


@NO_FORK_WARNING
def test_of_runs_at_once_exactly_one_publishes(place, monkeypatch):
    ends = set()
    for visits in range(1, 13):
        says(place, monkeypatch, visits)
        now = time.monotonic() + 0.05
        children = [started(place, now + late * visits / 1_000) for late in range(3)]
        codes = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
        assert codes[0] == 10
        assert set(codes[1:]) <= {11, 12}
        ends.update(codes)
        assert len(list((place.outputs / "north").glob("r*-performance"))) == 1 + visits
        assert recovered(place, visits)
    assert 12 in ends


# Bits that flip


def flip(path: Path, share: float) -> None:
    """Turn one bit, that far into the file."""
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 0b100
    path.write_bytes(content)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", ["manifest.json", "tables/visits.parquet"])
def test_a_report_with_a_flipped_bit_is_not_read_and_made_again(place, monkeypatch, name, share):
    frame = pd.DataFrame({"location_id": ["ny", "la"], "visits": [410, 420]})
    bench.add_report(place, "performance", bench.notebook("keep('visits', frame)"))
    bench.pretend(monkeypatch, lambda values: f"{inside.keep('visits', frame).visits.sum()} visits")
    folder = run(place).page.parent
    flip(folder / name, share)
    with pytest.raises(Damaged, match=r"run r000002-performance: .*run the report again"):
        published.latest(place, Scope("north"), "performance").table("visits")
    again = run(place)
    assert (again.state, again.run_id) == ("published", "r000003-performance")
    assert published.latest(place, Scope("north"), "performance").table("visits")["visits"].tolist() == [410, 420]


def test_a_manifest_that_names_another_seed_is_not_taken_for_the_one_that_was_published(place):
    path = published.latest(place, Scope("north"), "performance").folder / "manifest.json"
    content = path.read_bytes()
    flip(path, re.search(rb'"seed": \d', content).end() / len(content))
    with pytest.raises(Damaged, match="its manifest was altered"):
        read(place)
    assert (run(place).run_id, read(place)) == ("r000002-performance", 0)


FILES = {"manifest": "versions/v000001.json", "Parquet file": "tables/payments/**/*.parquet"}


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("manifest", "refused", r"v000001\.json of network 'corner' (was altered|cannot be read)"),
        ("Parquet file", "failed", r"Damaged: tables/payments/.*parquet of network 'corner' is missing or altered"),
    ],
)
def test_data_with_a_flipped_bit_fail_their_own_network_and_its_last_report_stays(
    corner_workspace, tmp_path, monkeypatch, kind, state, reason
):
    place = Workspace(shutil.copytree(corner_workspace.root, tmp_path / "w"))
    bench.add_data(place, "north")

    def printed(values):
        lab = open_lab(place, Scope("corner")) if values["network"] == "corner" else {"payments": []}
        return f"{len(lab['payments'])} payments"

    bench.pretend(monkeypatch, printed)

    def tried():
        done = runner.run(
            place, ["corner", "north"], ["performance"], force=True, pages=bench.pages(), limits=bench.ONCE
        )
        return [outcome for outcome in done if outcome.report == "performance"]

    assert bench.states(tried()) == {"corner": "published", "north": "published"}
    page = published.latest(place, Scope("corner"), "performance").page()
    path = next(place.network("corner").glob(FILES[kind]))
    whole = path.read_bytes()
    flip(path, 0.5)
    of_corner, of_north = tried()
    assert (of_corner.state, of_north.state) == (state, "published")
    assert runner.exit_code([of_corner]) == 1, "nobody handed in anything wrong"
    assert re.search(reason, of_corner.reason), of_corner.reason
    assert published.latest(place, Scope("corner"), "performance").page() == page
    path.write_bytes(whole)
    assert bench.states(tried()) == {"corner": "published", "north": "published"}


# Clocks that jump


class Clock:
    """The clock that runs see; `jump` sets it."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.ahead, clock, real = timedelta(), self, time.time

        class Jumping(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(real(), tz) + clock.ahead

        patch.setattr(time, "time", lambda: real() + clock.ahead.total_seconds())
        ours = [module for name, module in sys.modules.items() if name.startswith("barberlab.runs")]
        for module in (module for module in ours if getattr(module, "datetime", None) is datetime):
            patch.setattr(module, "datetime", Jumping)

    def jump(self, **by: float) -> None:
        """Forward, or back, by so much of `timedelta`."""
        self.ahead += timedelta(**by)


JUMPS = [{"hours": -2}, {"days": 1}, {"days": -40_000 // 2}, {"days": 40_000}]


@pytest.mark.parametrize("by", JUMPS, ids=lambda by: " ".join(f"{n} {unit}" for unit, n in by.items()))
def test_the_newest_report_is_the_one_run_last_whatever_the_clock_said(place, monkeypatch, by):
    clock = Clock(monkeypatch)
    for visits in (1, 2):
        says(place, monkeypatch, visits)
        clock.jump(**by)
        assert (run(place).run_id, read(place)) == (f"r00000{visits + 1}-performance", visits)
        assert run(place).state == "unchanged"
    assert manifest.read(place.outputs / "north" / "r000003-performance").as_of == bench.AS_OF


@pytest.mark.parametrize("by", JUMPS, ids=lambda by: " ".join(f"{n} {unit}" for unit, n in by.items()))
def test_a_clock_that_jumps_during_a_run_does_not_disturb_it(place, monkeypatch, by):
    clock = Clock(monkeypatch)
    says(place, monkeypatch, 1)
    execute = kernel.execute
    monkeypatch.setattr(kernel, "execute", lambda *what, **how: (clock.jump(**by), execute(*what, **how))[1])
    assert (run(place).state, read(place)) == ("published", 1)
    assert manifest.read(place.outputs / "north" / "r000002-performance").durations["total"] < 60


def test_a_failure_older_than_the_last_success_is_not_shown_even_if_its_clock_was_ahead(place, monkeypatch):
    clock = Clock(monkeypatch)
    clock.jump(days=1)
    bench.pretend(monkeypatch, lambda values: str(1 / 0))
    assert run(place, force=True).state == "failed"
    assert "division by zero" in (place.outputs / "index.html").read_text()
    clock.jump(days=-2)
    says(place, monkeypatch, 1)
    assert run(place).state == "published"
    assert "division by zero" not in (place.outputs / "index.html").read_text()
    # The house's own page tells ages, which may now be negative.
    for now in (datetime(1970, 1, 2, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)):
        assert "Corner Barbers" in published.index(place, now=now).read_text()


# A batch of which a twentieth is poisoned


def poison(place: Workspace, networks: list[str]) -> None:
    """Spoil the data of a fifth of them and the settings of another fifth; of the others see `poisoned`."""
    for network in networks[3::5]:
        flip(place.network(network) / "versions" / "v000001.json", 0.5)
    for network in networks[4::5]:
        (place.params / "networks" / f"{network}.yaml").write_text("methodology:\n  no_show: 5\n")


def poisoned(networks: list[str]) -> Callable[[dict], str]:
    """What the notebooks print: some raise, some name a person, some fail to write."""
    kinds = dict(zip(networks, itertools.cycle(range(5)), strict=False))

    def printed(values):
        match kinds.get(values["network"]):
            case 0:
                raise ZeroDivisionError("weekly visits: division by zero")
            case 1:
                return "no visits of ann.lee@example.org"
            case 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return f"{values['network']} had 410 visits"

    return printed


REASONS = ("ZeroDivisionError: weekly", "gate 'personal data'", "OSError", "v000001.json", "methodology.no_show is 5")


def test_of_300_networks_the_15_poisoned_are_named_and_the_others_are_published(tmp_path, monkeypatch):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("1"))
    networks = [f"n{number:03}" for number in range(300)]
    bench.add_data(place, *networks)
    spoilt = networks[7::20]
    poison(place, spoilt)
    bench.pretend(monkeypatch, poisoned(spoilt))
    outcomes = {
        outcome.network: outcome for outcome in runner.run(place, networks, pages=bench.pages(), limits=bench.ONCE)
    }
    assert list(outcomes) == networks
    bad = [network for network, outcome in outcomes.items() if outcome.state != "published"]
    assert bad == spoilt
    assert len(bad) == 15
    for network, reason in zip(bad, itertools.cycle(REASONS), strict=False):
        assert reason in outcomes[network].reason, network
        assert outcomes[network].page is None
    assert runner.exit_code(outcomes.values()) == 1
    for network in set(networks) - set(spoilt):
        page = published.latest(place, Scope(network), "performance").page()
        assert f"{network} had 410 visits" in page
    cured(place, spoilt)
    bench.pretend(monkeypatch, poisoned([]))
    again = bench.states(runner.run(place, networks, pages=bench.pages(), limits=bench.ONCE))
    assert again == dict.fromkeys(networks, "unchanged") | dict.fromkeys(spoilt, "published")


def cured(place: Workspace, networks: list[str]) -> None:
    """Take the poison out of data and settings."""
    poison(place, networks)  # the same bit once more
    for path in (place.params / "networks").iterdir():
        path.unlink()
