"""What a report foresaw is kept for good and found again by its next run, and by no other network's."""

import bench
import pandas as pd
import pytest
import scheduled

from barberlab import files, runs
from barberlab.errors import BadInput
from barberlab.runs import backup, forecasts, housekeeping, inside, manifest, outputs, runner
from barberlab.workspace import Workspace

DAYS = ("2025-05-01", "2025-05-08", "2025-05-15")
FORECAST = "forecast_weeks"


@pytest.fixture
def place(tmp_path):
    """Two networks whose revenue report was run three times, a week apart, each on new data."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "revenue", bench.notebook("1"))
    bench.add_report(made, "shop", bench.notebook("1"))
    return made


def foresee(place, monkeypatch, days=DAYS, networks=("north", "south"), report="revenue", **options) -> list[list[str]]:
    """Runs of a report that foresees one row and looks at the earlier ones; gives the run ids it saw, run by run."""
    seen = []

    def printed(values):
        earlier = runs.earlier(FORECAST)
        seen.append(earlier.get("run_id", pd.Series(dtype=str)).tolist())
        runs.keep(FORECAST, pd.DataFrame({"location_id": ["a"], "mid": [1.0], "network": [values["network"]]}))
        runs.keep("shops", pd.DataFrame({"location_id": ["a"]}))
        return "410 visits"

    bench.pretend(monkeypatch, printed)
    for day in days:
        bench.add_data(place, *networks, as_of=f"{day}T04:00:00+00:00")
        done = runner.run(place, networks, [report], pages=bench.pages(), **options)
        assert {outcome.state for outcome in done} == {"published"}
    return seen


def home(place, network="north"):
    return outputs.of(place, network)


def kept(place, network="north"):
    return [path.relative_to(home(place, network).folder).as_posix() for path in forecasts.kept(home(place, network))]


def test_each_run_sees_what_its_own_network_foresaw_before(place, monkeypatch):
    seen = foresee(place, monkeypatch)
    assert seen[::2] == [[], ["r000001-revenue"], ["r000001-revenue", "r000002-revenue"]]
    assert seen[1::2] == seen[::2]


def test_another_report_sees_none_of_it(place, monkeypatch):
    foresee(place, monkeypatch, DAYS[:1])
    assert foresee(place, monkeypatch, DAYS[1:], report="shop") == [[], [], ["r000002-shop"], ["r000002-shop"]]


def test_the_manifest_names_the_runs_that_were_looked_back_at_and_the_run_holds_no_copy(place, monkeypatch):
    foresee(place, monkeypatch)
    run = home(place).run("r000003-revenue")
    told = manifest.read(run)
    sums = {
        name: files.sha256(home(place).run(name) / manifest.NAME) for name in ("r000001-revenue", "r000002-revenue")
    }
    assert told.earlier == sums
    assert not any(inside.EARLIER in path for path in told.files)
    assert not (run / inside.EARLIER).exists()


def test_what_is_foreseen_for_the_same_moment_or_in_hindsight_is_not_an_earlier_forecast(place, monkeypatch):
    """A second run on the same data, and one as of a day long past, foresaw nothing that could be judged."""
    foresee(place, monkeypatch, DAYS[:2])
    again = foresee(place, monkeypatch, DAYS[2:], force=True)
    assert again[0] == ["r000001-revenue", "r000002-revenue"]
    past = foresee(place, monkeypatch, ("2025-05-22",), as_of="2025-05-02")
    assert past[0] == ["r000001-revenue"]
    after = foresee(place, monkeypatch, ("2025-05-29",))
    assert after[0] == ["r000001-revenue", "r000002-revenue", "r000003-revenue"]


def test_when_a_run_goes_its_forecasts_stay(place, monkeypatch):
    foresee(place, monkeypatch)
    before = manifest.verified(
        home(place).run("r000001-revenue"),
        manifest.read(home(place).run("r000001-revenue")),
        f"tables/{FORECAST}.parquet",
    )
    said = housekeeping.prune(place, keep=1, dry_run=True)
    sizes = sum(path.stat().st_size for path in place.outputs.rglob("*") if path.is_file())
    done = housekeeping.prune(place, keep=1)
    assert [one.runs for one in done] == [one.runs for one in said]
    assert kept(place) == ["forecasts/r000001-revenue", "forecasts/r000002-revenue", "r000003-revenue"]
    aside = home(place).folder / "forecasts" / "r000001-revenue"
    found = sorted(path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file())
    assert found == ["manifest.json", f"tables/{FORECAST}.parquet"]
    assert (aside / "tables" / f"{FORECAST}.parquet").read_bytes() == before
    left = sum(path.stat().st_size for path in place.outputs.rglob("*") if path.is_file())
    versions = sum(one.bytes for one in done) - (sizes - left)
    assert versions >= 0, "what is said to be freed is what went: runs without their forecasts, and data versions"
    assert foresee(place, monkeypatch, ("2025-05-22",))[0] == [f"r00000{n}-revenue" for n in (1, 2, 3)]


def test_a_prune_that_was_interrupted_loses_no_forecast(place, monkeypatch):
    foresee(place, monkeypatch, DAYS[:2])
    first = home(place).run("r000001-revenue")
    forecasts.set_aside(home(place), first)
    assert kept(place) == ["r000001-revenue", "r000002-revenue"]
    housekeeping.prune(place, keep=1)
    assert kept(place) == ["forecasts/r000001-revenue", "r000002-revenue"]


def test_failed_runs_and_runs_without_forecasts_leave_nothing(place):
    bench.add_data(place, "north", "south")
    for reason in ("why", "", ""):
        scheduled.add_run(place, "north", "2025-07-01T00:00", "shop", reason)
    housekeeping.prune(place, keep=1)
    assert not (home(place).folder / "forecasts").exists()


def test_a_forecast_that_was_altered_is_left_out_and_the_run_says_so(place, monkeypatch):
    foresee(place, monkeypatch, DAYS[:2])
    path = home(place).run("r000001-revenue") / "tables" / f"{FORECAST}.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert foresee(place, monkeypatch, DAYS[2:])[0] == ["r000002-revenue"]
    told = manifest.read(home(place).run("r000003-revenue"))
    assert list(told.earlier) == ["r000002-revenue"]
    assert any("earlier forecast left out: run r000001-revenue" in note for note in told.notes)


def test_a_backup_brings_all_forecasts_back(place, monkeypatch, tmp_path):
    foresee(place, monkeypatch)
    housekeeping.prune(place, keep=2)
    made = backup.backup(place, tmp_path / "b.tar", scheduled.utc("2025-07-03T02:00"))
    assert made.left_out == {}
    back = Workspace(tmp_path / "back")
    backup.restore(back.root, tmp_path / "b.tar", into_empty=True)
    assert kept(back) == ["forecasts/r000001-revenue", "forecasts/r000002-revenue", "r000003-revenue"]
    files.make_folder(back.notebooks / "reports")
    bench.add_report(back, "revenue", bench.notebook("1"))
    assert foresee(back, monkeypatch, ("2025-05-22",))[0] == [f"r00000{n}-revenue" for n in (1, 2, 3)]


def test_a_damaged_forecast_costs_a_backup_only_itself(place, monkeypatch, tmp_path):
    foresee(place, monkeypatch)
    (home(place).run("r000001-revenue") / "tables" / f"{FORECAST}.parquet").write_bytes(b"x")
    made = backup.backup(place, tmp_path / "b", scheduled.utc("2025-07-03T02:00"))
    assert list(made.left_out) == ["what r000001-revenue of north foresaw"]
    assert (tmp_path / "b" / "outputs" / "north" / "r000003-revenue" / "report.html").is_file()
    assert (tmp_path / "b" / "outputs" / "north" / "forecasts" / "r000002-revenue" / manifest.NAME).is_file()


def test_outside_a_run_nothing_was_foreseen(monkeypatch):
    monkeypatch.delenv(inside.RUN_DIR, raising=False)
    assert runs.earlier(FORECAST).empty
    with pytest.raises(BadInput, match="table 'shops': earlier runs are asked for forecasts"):
        runs.earlier("shops")
