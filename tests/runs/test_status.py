"""The status says what stands, what fails since when and why, what is late, and how old the data are."""

import json
import sys
from datetime import datetime

import pytest
import scheduled
from scheduled import utc

from barberlab import cli
from barberlab.cli import running
from barberlab.runs import status

NOW = utc("2025-07-03T12:00")


@pytest.fixture
def place(tmp_path):
    """Two networks with data to 1 July 2025, 04:00 UTC, and a daily report at 04:30 UTC."""
    return scheduled.workspace(tmp_path / "w")


def standing(place, now=NOW, network="north"):
    return next(one for one in status.read(place, now).standings if one.network == network)


def test_a_published_report_is_well_and_says_when_it_comes_next(place):
    scheduled.add_run(place, "north", "2025-07-03T04:30", seconds=90)
    found = standing(place)
    assert (found.state, found.reason, found.failed_since) == ("ok", "", None)
    assert (found.last_success, found.seconds) == (utc("2025-07-03T04:31:30"), 90)
    assert found.next_due == utc("2025-07-04T04:30")


def test_the_datas_age_is_told_against_the_clock(place):
    """From 1 July, 04:00 to 3 July, 12:00 are 56 hours."""
    found = standing(place)
    assert (found.data_as_of, found.data_age_days) == (utc("2025-07-01T04:00"), 2.3)


def test_a_failed_report_says_since_when_and_why_though_its_old_page_stands(place):
    scheduled.add_run(place, "north", "2025-07-03T04:30")
    scheduled.add_run(place, "north", "2025-07-03T05:00", reason="ZeroDivisionError: division by zero")
    found = standing(place)
    assert (found.state, found.reason) == ("failed", "ZeroDivisionError: division by zero")
    assert (found.failed_since, found.last_success) == (utc("2025-07-03T05:00"), utc("2025-07-03T04:30:08"))
    assert status.read(place, NOW).exit_code == 1
    scheduled.add_run(place, "north", "2025-07-03T06:00")
    assert standing(place).state == "ok"


def test_a_run_by_hand_ends_what_a_scheduled_one_began(place):
    ran = scheduled.Runner()
    ran.ends["north", "performance"] = "refused", "why"
    scheduled.at(place, ran, "2025-07-03T04:30")
    assert standing(place).state == "failed"
    scheduled.add_run(place, "north", "2025-07-03T06:00")
    assert standing(place).state == "ok"


def test_a_failure_is_dated_to_its_incidents_first_run(place):
    ran = scheduled.Runner()
    ran.ends["north", "performance"] = "refused", "north.yaml: unknown key 'targts'"
    scheduled.at(place, ran, "2025-07-01T04:30", "2025-07-02T04:30", "2025-07-03T04:30")
    found = standing(place)
    assert (found.state, found.reason) == ("failed", "north.yaml: unknown key 'targts'")
    assert found.failed_since == utc("2025-07-01T04:30")
    ran.ends.clear()
    scheduled.at(place, ran, "2025-07-04T04:30")
    assert standing(place, utc("2025-07-04T05:00")).reason == ""


def test_an_unchanged_run_counts_as_the_last_success(place):
    scheduled.add_run(place, "north", "2025-07-02T04:30")
    ran = scheduled.Runner()
    ran.ends["north", "performance"] = "unchanged", ""
    scheduled.at(place, ran, "2025-07-03T04:30")
    assert standing(place).last_success == utc("2025-07-03T04:30")


def test_a_report_whose_time_is_long_past_is_late(place):
    scheduled.at(place, scheduled.Runner(), "2025-07-02T04:30")
    assert standing(place, utc("2025-07-03T05:29")).state == "never", "an hour's grace"
    late = status.read(place, utc("2025-07-03T05:31"))
    assert {one.state for one in late.standings} == {"late"}
    assert late.exit_code == 1


def test_a_report_that_is_not_scheduled_is_never_late(place):
    (place.params / "schedule.yaml").unlink()
    scheduled.add_run(place, "north", "2025-07-02T04:30")
    found = standing(place, utc("2027-07-02T04:30"))
    assert (found.state, found.next_due) == ("ok", None)


def test_a_spoilt_manifest_is_a_failure_and_the_others_are_still_told(place):
    for network in ("north", "south"):
        scheduled.add_run(place, network, "2025-07-03T04:30")
    path = place.outputs / "north" / "r000001-performance" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 2'))
    assert standing(place).state == "failed"
    assert standing(place).reason.startswith("run r000001-performance: its manifest was altered")
    assert standing(place, network="south").state == "ok"


def test_a_wrong_schedule_is_said_and_what_ran_is_still_told(place):
    scheduled.add_run(place, "north", "2025-07-03T04:30")
    (place.params / "schedule.yaml").write_text(scheduled.DAILY.replace("30 6", "61 6"))
    found = status.read(place, NOW)
    assert found.exit_code == 2
    assert found.unscheduled.startswith("schedule.yaml, line 4: reports.performance.cron: minute '61'")
    assert [one.state for one in found.standings] == ["ok"]


def test_a_clock_that_is_behind_and_a_message_that_waits_are_noted(place, tmp_path):
    text = f"{scheduled.DAILY}\non_failure:\n  command: [{tmp_path}/nowhere]\n"
    (place.params / "schedule.yaml").write_text(text)
    ran = scheduled.Runner()
    ran.ends["north", "performance"] = "failed", "why"
    scheduled.at(place, ran, "2025-07-03T04:30")
    notes = status.read(place, utc("2025-07-03T01:00")).notes
    assert notes == (
        "the clock is behind times that are recorded as done, up to 2025-07-03 04:30 UTC",
        "north performance: command is still to be told that it failed",
    )


def test_disk_is_counted_to_the_byte(place):
    scheduled.add_run(place, "north", "2025-07-03T04:30")
    found = status.read(place, NOW).disk
    folders = {place.root / "data" / "networks": found.data, place.outputs: found.outputs}
    for folder, told in folders.items():
        assert told == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert found.free > 0


def test_as_json_a_program_reads_what_a_person_does(place):
    found = json.loads(json.dumps(status.read(place, NOW).to_json()))
    assert (found["schema"], found["now"], found["unscheduled"]) == (1, NOW.isoformat(), "")
    assert [(one["network"], one["report"], one["state"]) for one in found["reports"]] == [
        ("north", "performance", "late"),
        ("south", "performance", "late"),
    ]
    assert found["reports"][0]["next_due"] == "2025-07-04T04:30:00+00:00"
    assert found["reports"][0]["seconds"] is None


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_command_prints_plainly_where_nobody_watches_and_ends_with_1(place, monkeypatch, capsys, words):
    class AtNoon(datetime):
        """The clock, which stands long after the report's hour."""

        @classmethod
        def now(cls, tz=None):
            return NOW

    monkeypatch.setattr(running, "datetime", AtNoon)
    monkeypatch.setattr(sys, "argv", ["barberlab", "status", *words, "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert end.value.code == 1
    if words:
        assert len(json.loads(said)["reports"]) == 2
    else:
        assert said.splitlines()[0].split("\t")[:3] == ["network", "report", "state"]
        assert "north\tperformance\tlate" in said
        assert "\x1b" not in said
