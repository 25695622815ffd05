"""Old runs and old data go; what is published, named by a kept run, or at work stays, and no number is used twice."""

import multiprocessing
import sys
from dataclasses import replace

import pytest
import scheduled

from barberlab import cli, files
from barberlab.data import versions
from barberlab.errors import BadInput
from barberlab.runs import housekeeping, manifest, operations, outputs
from barberlab.runs.outputs import STAGING


@pytest.fixture
def place(tmp_path):
    """Two networks with data."""
    return scheduled.workspace(tmp_path / "w")


def add(place, *reasons, report="performance"):
    """Runs of the north, one an hour; an empty reason is a published one."""
    for hour, reason in enumerate(reasons):
        scheduled.add_run(place, "north", f"2025-07-01T{hour:02}:00", report, reason)


def runs(place, network="north"):
    home = outputs.of(place, network)
    return sorted(path.name for path in home.folder.rglob("r0*") if path.is_dir())


def of_north(done):
    return next(one for one in done if one.network == "north")


def test_the_last_runs_of_each_report_stay_whether_published_or_failed(place):
    add(place, "", "", "why", "", "why")
    add(place, "", "", "", report="shop")
    done = of_north(housekeeping.prune(place, keep=2))
    assert runs(place) == ["r000004-performance", "r000005-performance", "r000007-shop", "r000008-shop"]
    assert set(done.runs) == {"r000001-performance", "r000002-performance", "r000003-performance", "r000006-shop"}
    assert outputs.of(place, "north").published("performance").run_id == "r000004-performance"


def test_what_is_published_stays_however_many_failed_since(place):
    add(place, "", *["why"] * 5)
    housekeeping.prune(place, keep=2)
    assert runs(place) == ["r000001-performance", "r000005-performance", "r000006-performance"]
    assert outputs.of(place, "north").published("performance").run_id == "r000001-performance"


def test_no_run_number_is_ever_used_again(place):
    add(place, "", "why", "why")
    housekeeping.prune(place, keep=1)
    assert scheduled.add_run(place, "north", "2025-07-02T00:00") == "r000004-performance"
    add(place, "", report="shop")
    housekeeping.prune(place, keep=1)
    assert scheduled.add_run(place, "north", "2025-07-03T00:00") == "r000006-performance"


def test_to_keep_none_is_refused(place):
    with pytest.raises(BadInput, match="--keep 0: at least the last run of each report stays"):
        housekeeping.prune(place, keep=0)


def stored(place):
    folder = place.network("north")
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.[jp]*") if path.is_file())


def test_data_versions_stay_that_are_newest_or_named_by_a_kept_run(place):
    """Version 1 is bench's; 2 is named by the kept run; 3 and 4 are not, and 5 is the newest."""
    scheduled.add_version(place, 2)
    add(place, "")
    for number in (3, 4, 5):
        scheduled.add_version(place, number)
    done = of_north(housekeeping.prune(place, keep=1))
    assert done.versions == (1, 3, 4)
    assert stored(place) == [
        *("quarantine/v000002.parquet", "quarantine/v000005.parquet"),
        *("tables/visits/own2.parquet", "tables/visits/own5.parquet", "tables/visits/shared.parquet"),
        *("versions/v000002.json", "versions/v000005.json"),
    ]
    for number in (2, 5):
        assert len(versions.numbered(place, "north", number).paths("visits")) == 2, "whole, every file verified"
    assert scheduled.add_version(place, 6).number == 6


def test_a_run_that_goes_takes_the_data_version_along_that_it_alone_named(place):
    add(place, "")
    scheduled.add_version(place, 2)
    add(place, "", "")
    assert of_north(housekeeping.prune(place, keep=3)).versions == ()
    assert of_north(housekeeping.prune(place, keep=2)).versions == (1,)


def test_what_would_go_is_said_to_the_byte_and_nothing_is_touched(place):
    scheduled.add_version(place, 2)
    scheduled.add_version(place, 3)
    add(place, "", "", "")
    before = {path: path.read_bytes() for path in place.root.rglob("*") if path.is_file() and ".l" not in path.name}
    said = of_north(housekeeping.prune(place, keep=1, dry_run=True))
    after = {path: path.read_bytes() for path in place.root.rglob("*") if path.is_file() and ".l" not in path.name}
    assert {path for path in before if ".lease" not in path.parts} <= set(after)
    assert all(after[path] == before[path] for path in before if ".lease" not in path.parts)
    done = of_north(housekeeping.prune(place, keep=1))
    assert done == said
    gone = [path for path in before if not path.exists() and ".lease" not in path.parts]
    assert done.bytes == sum(len(before[path]) for path in gone) > 0


def _hold(place, what, begun, end):
    locks = {"runs": outputs.of(place, "north").locked, "data": lambda: versions.exclusive(place, "north")}
    with locks[what]():
        begun.set()
        end.wait(20)


@pytest.mark.parametrize("what", ["runs", "data"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_network_at_work_is_left_alone_and_the_others_are_not(place, what):
    add(place, "", "")
    for _ in range(2):
        scheduled.add_run(place, "south", "2025-07-01T00:00")
    fork = multiprocessing.get_context("fork")
    begun, end = fork.Event(), fork.Event()
    other = fork.Process(target=_hold, args=(place, what, begun, end))
    other.start()
    assert begun.wait(20)
    done = {one.network: one for one in housekeeping.prune(place, keep=1)}
    end.set()
    other.join(20)
    assert done["north"].state == "busy"
    assert runs(place) == ["r000001-performance", "r000002-performance"]
    assert runs(place, "south") == ["r000002-performance"]
    assert of_north(housekeeping.prune(place, keep=1)).runs == ("r000001-performance",)


@pytest.mark.parametrize("path", ["outputs/north/latest.json", "data/networks/north/versions/v000001.json"])
def test_where_something_cannot_be_read_nothing_goes(place, path):
    add(place, "", "")
    scheduled.add_version(place, 2)
    scheduled.add_version(place, 3)
    (place.root / path).write_text("{")
    before = runs(place), stored(place)
    done = of_north(housekeeping.prune(place, keep=1))
    assert (done.state, done.runs, done.versions) == ("damaged", (), ())
    assert "cannot be read" in done.reason
    assert (runs(place), stored(place)) == before


def test_data_stay_where_a_kept_run_does_not_say_what_it_needs(place):
    add(place, "", "")
    scheduled.add_version(place, 2)
    (place.outputs / "north" / "r000002-performance" / manifest.NAME).write_text("{")
    assert of_north(housekeeping.prune(place, keep=1)).state == "damaged"
    assert "versions/v000001.json" in stored(place)


def test_an_interrupted_pruning_leaves_nothing_half_readable(place, monkeypatch):
    add(place, "", "", "")

    def killed(path):
        next(path.rglob("report.html")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "remove_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            housekeeping.prune(place, keep=1)
    home = outputs.of(place, "north")
    assert [path.name for path in home.folder.glob(f"{STAGING}*")], "half a run, under no run's name"
    for run_id in runs(place):
        assert manifest.read(home.run(run_id)).run_id == run_id
    housekeeping.prune(place, keep=1)
    assert list(home.folder.glob(f"{STAGING}*")) == []
    assert runs(place) == ["r000003-performance"]


def test_old_runs_of_the_operators_page_go_as_well(place):
    home = operations.of(place)
    for number in (1, 2, 3):
        run_id, staging = home.stage("operations")
        run = replace(scheduled.RUN, run_id=run_id, network="all-networks", report="operations")
        home.publish(staging, run)
        assert run_id == f"r{number:06}-operations"
    done = housekeeping.prune(place, keep=1)[-1]
    assert (done.network, len(done.runs)) == ("all-networks", 2)
    assert home.published("operations").run_id == "r000003-operations"
    assert "all-networks" not in outputs.networks(place)


def test_the_command_says_what_went(place, monkeypatch, capsys):
    add(place, "", "", "")
    monkeypatch.setattr(sys, "argv", ["barberlab", "prune", "--keep", "1", "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert said.startswith("north: 2 runs, ")
    assert said.splitlines()[-1].endswith("freed")
