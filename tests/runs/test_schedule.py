"""A schedule that is wrong is refused with its line before anything runs; what is due runs once, whatever happens."""

import contextlib
import errno
import multiprocessing
import sys
from datetime import timedelta
from unittest.mock import ANY

import bench
import pytest
import scheduled
from scheduled import utc

from barberlab import cli, files
from barberlab.errors import BadInput, BarberlabError
from barberlab.runs import channels, due, journal, runner, schedule, status

BOTH = [("north", "performance"), ("south", "performance")]


@pytest.fixture
def place(tmp_path):
    """Two networks whose performance report is due at 06:30 in Berlin, which is 04:30 UTC in July."""
    return scheduled.workspace(tmp_path / "w")


@pytest.fixture
def ran():
    """What runs reports here."""
    return scheduled.Runner()


def test_the_committed_schedule_can_be_read_and_names_reports_that_exist(tmp_path):
    place = scheduled.workspace(tmp_path / "w", (bench.DEFAULTS.parent / "schedule.yaml").read_text())
    for path in (bench.DEFAULTS.parents[1] / "notebooks" / "reports").glob("*.ipynb"):
        bench.add_report(place, path.stem, bench.notebook("1"))
    assert set(schedule.load(place).reports) == {"benchmark", "performance", "retention", "revenue", "shop"}


def test_without_a_schedule_nothing_is_due(place, ran):
    (place.params / "schedule.yaml").unlink()
    assert scheduled.at(place, ran, "2025-07-01T12:00") == [[]]


WRONG = [
    ("30 6", "61 6", "line 4: reports.performance.cron: minute '61' must be 0 to 59"),
    ("30 6 * * *", "30 6 * *", "line 4: reports.performance.cron: cron line '30 6 . .' has 4 fields"),
    ('"30 6 * * *"', "30", "line 4: reports.performance.cron is 30: must be text"),
    ("cron:", "crom:", "line 4: unknown key 'reports.performance.crom'; known are cron, timezone, networks, on_fail"),
    ("Berlin", "Berln", "line 5: reports.performance.timezone: 'Europe/Berln' is no IANA time zone"),
    ("  performance:", "  performence:", "line 3: report 'performence' is unknown; did you mean 'performance'"),
    ("timezone: Europe/Berlin", "networks: [../x]", "line 5: .*network id '../x' must be 2 to 32 of a-z, 0-9 and _"),
    ("timezone: Europe/Berlin", "networks: some", "line 5: reports.performance.networks is 'some': must be a list"),
    ("timezone: Europe/Berlin", "networks: []", "line 5: reports.performance.networks is .*: must name at least one"),
    ("timezone: Europe/Berlin", "cron: '* * * * *'", "line 5: key 'cron' is there twice"),
    ("reports:", "report:", "line 2: unknown key 'report'; known are reports, on_failure"),
    ("reports:", "on_failure: {mail: x}\nreports:", "line 2: unknown key 'on_failure.mail'; known are command, email"),
    ("reports:", "on_failure: {command: ls}\nreports:", "line 2: on_failure.command is 'ls': must be a list"),
    ("reports:", "on_failure: {webhook: {}}\nreports:", "line 2: on_failure.webhook: name either url or url_file"),
    (
        "reports:",
        "on_failure:\n  email: {host: a, sender: b, to: [c], user: d}\nreports:",
        "line 3: on_failure.email: user and password_file belong together",
    ),
    (
        "reports:",
        "on_failure:\n  email: {host: a, sender: b, to: [c], user: d, password_file: /p, security: none}\nreports:",
        "line 3: on_failure.email: a password is sent over starttls or tls only",
    ),
    (
        "reports:",
        "on_failure:\n  webhook:\n    url_file: secret\nreports:",
        "line 4: on_failure.webhook.url_file: 'secret' must be a whole path, outside the workspace",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_in_a_schedule_is_refused_with_its_line(place, ran, old, new, said):
    text = scheduled.DAILY.replace(old, new, 1)
    (place.params / "schedule.yaml").write_text(text)
    with pytest.raises(BadInput, match=f"schedule.yaml, {said}"):
        due.run(place, utc("2025-07-01T12:00"), ran)
    assert ran.asked == []
    assert not place.outputs.exists()


def test_a_secret_in_the_workspace_is_refused(place):
    text = f"{scheduled.DAILY}\non_failure:\n  webhook:\n    url_file: {place.root}/hook\n"
    (place.params / "schedule.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"schedule.yaml, line 9: url_file must lie outside the workspace"):
        schedule.load(place)


def told(place, monkeypatch, capsys, *words):
    """The exit code of `barberlab due`, and what it said on stderr."""
    monkeypatch.setattr(sys, "argv", ["barberlab", "due", *words, "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err


def test_on_the_command_line_a_wrong_schedule_ends_with_2_and_one_line(place, monkeypatch, capsys):
    (place.params / "schedule.yaml").write_text(scheduled.DAILY.replace("30 6", "61 6"))
    code, said = told(place, monkeypatch, capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "schedule.yaml, line 4: reports.performance.cron: minute '61' must be 0 to 59" in said


def test_what_is_due_runs_once_however_often_one_asks(place, ran):
    times = ("2025-07-01T04:29", "2025-07-01T04:30", "2025-07-01T04:30", "2025-07-01T04:31", "2025-07-02T04:29:59")
    first, *later = scheduled.at(place, ran, *times)
    assert first == BOTH, "what never ran is due at once"
    assert later == [BOTH, [], [], []]


def test_after_a_week_off_a_report_is_caught_up_once_and_says_what_was_missed(place, ran):
    scheduled.at(place, ran, "2025-07-01T04:30")
    done = due.run(place, utc("2025-07-08T12:00"), ran)
    assert [(item.slot, item.missed) for item in done.due] == [(utc("2025-07-08T04:30"), 6)] * 2
    assert scheduled.at(place, ran, "2025-07-08T12:01", "2025-07-09T04:30") == [[], BOTH]


def test_a_year_of_missed_minutes_is_counted_to_a_hundred(tmp_path, ran):
    place = scheduled.workspace(tmp_path / "w", 'reports:\n  shop:\n    cron: "* * * * *"\n    networks: [north]\n')
    scheduled.at(place, ran, "2025-07-01T04:30")
    [item] = due.look(place, utc("2026-07-01T04:30")).due
    assert item.missed == due.MOST_COUNTED


def test_asking_what_is_due_changes_nothing(place, ran):
    found = due.look(place, utc("2025-07-01T12:00"))
    assert [(item.network, item.report, item.slot) for item in found.due] == [
        (network, "performance", utc("2025-07-01T04:30")) for network in ("north", "south")
    ]
    assert not place.outputs.exists()


@pytest.mark.parametrize("state", ["published", "unchanged", "failed", "refused"])
def test_a_time_that_was_tried_is_not_tried_again(place, ran, state):
    ran.ends[BOTH[0]] = state, "why"
    assert scheduled.at(place, ran, "2025-07-01T04:30", "2025-07-01T04:31") == [BOTH, []]


def test_a_network_that_was_busy_is_due_still(place, ran):
    ran.ends[BOTH[0]] = "busy", ""
    assert scheduled.at(place, ran, "2025-07-01T04:30", "2025-07-01T04:31") == [BOTH, BOTH[:1]]


def test_a_run_that_was_killed_is_due_still(place, ran):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        due.run(place, utc("2025-07-01T04:30"), killed)
    assert scheduled.at(place, ran, "2025-07-01T04:31") == [BOTH]


def test_a_network_that_joins_gets_its_report_with_the_next_look(place, ran):
    scheduled.at(place, ran, "2025-07-01T04:30")
    bench.add_data(place, "west")
    assert scheduled.at(place, ran, "2025-07-01T09:00") == [[("west", "performance")]]


def test_reports_of_the_same_networks_run_in_one_go(tmp_path, ran):
    text = scheduled.DAILY + '  shop:\n    cron: "0 4 * * *"\n'
    place = scheduled.workspace(tmp_path / "w", text)
    scheduled.at(place, ran, "2025-07-01T04:30")
    assert ran.asked == [(["north", "south"], ["performance", "shop"])]


def test_a_clock_that_is_set_back_runs_nothing_twice_and_is_told_once(place, ran):
    scheduled.at(place, ran, "2025-07-01T04:30")
    notes = [due.run(place, utc(said), ran).notes for said in ("2025-07-01T02:30", "2025-07-01T02:31")]
    assert notes == [
        ["the clock was set back from 2025-07-01 04:30 UTC to 2025-07-01 02:30 UTC; what ran is not run again"],
        [],
    ]
    assert scheduled.at(place, ran, "2025-07-01T04:30", "2025-07-01T04:31", "2025-07-02T04:30") == [[], [], BOTH]


def test_a_clock_that_leaps_ahead_and_comes_back_leaves_no_report_waiting_for_years(place, ran):
    scheduled.at(place, ran, "2025-07-01T04:30", "2035-07-01T12:00")
    done = due.run(place, utc("2025-07-01T12:00"), ran)
    assert done.due == []
    assert done.notes[1:] == [
        f"{network} performance: recorded as done for 2035-07-01 04:30 UTC by a clock that was ahead; "
        "its next time is taken from now on"
        for network in ("north", "south")
    ]
    assert scheduled.at(place, ran, "2025-07-01T12:01", "2025-07-02T04:30") == [[], BOTH]


def test_a_clock_set_forward_skips_nothing_in_silence(place, ran):
    """Two hours ahead at once: the time in between is caught up. Nothing is missed by it, so none is counted."""
    scheduled.at(place, ran, "2025-07-01T04:30", "2025-07-02T03:30")
    [item, _] = due.run(place, utc("2025-07-02T05:30"), ran).due
    assert (item.slot, item.missed) == (utc("2025-07-02T04:30"), 0)
    [item, _] = due.run(place, utc("2025-07-04T05:30"), ran).due
    assert (item.slot, item.missed) == (utc("2025-07-04T04:30"), 1)


@pytest.mark.parametrize(("day", "runs_at"), [("2025-03-30", "2025-03-30T01:00"), ("2025-10-26", "2025-10-26T00:30")])
def test_on_the_days_on_which_clocks_change_a_report_runs_once(tmp_path, ran, day, runs_at):
    """Asked every five minutes from the evening before to the next noon, in UTC."""
    place = scheduled.workspace(tmp_path / "w", scheduled.DAILY.replace("30 6", "30 2"))
    start = utc(f"{day}T00:00") - timedelta(hours=3)
    due.run(place, start - timedelta(hours=12), ran)
    asked, before = [start + timedelta(minutes=5 * k) for k in range(180)], len(ran.asked)
    fired = [now for now in asked if due.run(place, now, ran).due]
    assert fired == [utc(runs_at)]
    assert len(ran.asked) - before == 1


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"schema": 9}', '{"schema": 1, "records": [{}]}'])
def test_a_lost_journal_costs_a_look_at_the_manifests_and_runs_nothing_again(place, ran, spoilt):
    scheduled.add_run(place, "north", "2025-07-01T04:30:01")
    scheduled.add_run(place, "south", "2025-06-30T04:30:01")
    scheduled.add_run(place, "south", "2025-07-01T04:30:01", reason="why")
    (place.outputs / ".schedule").mkdir()
    (place.outputs / ".schedule" / "state.json").write_text(spoilt)
    assert scheduled.at(place, ran, "2025-07-01T05:00", "2025-07-02T04:30") == [[], BOTH]


def test_a_failed_run_counts_as_tried_where_the_journal_is_lost(place):
    scheduled.add_run(place, "north", "2025-07-01T04:30", reason="ZeroDivisionError: division by zero")
    found = journal.read(place).records["north", "performance"]
    assert (found.state, found.reason) == ("failed", "ZeroDivisionError: division by zero")


def test_the_journal_comes_back_as_it_was_written(place):
    at = utc("2025-07-01T04:30")
    book = journal.Journal(
        {("north", "shop"): journal.Record(at, at, "failed", "why")},
        {("north", "shop"): journal.Incident(at, "why")},
        [journal.Message("failed", "north", "shop", "why", at, at, "email", 2, at)],
        at,
    )
    journal.write(place, book)
    assert journal.read(place) == book


def test_what_is_due_is_executed_and_published_by_the_runner(place, monkeypatch):
    bench.pretend(monkeypatch)
    first = due.run(place, utc("2025-07-01T04:30"), pages=bench.pages())
    again = due.run(place, utc("2025-07-02T04:30"), pages=bench.pages())
    assert [outcome.state for outcome in first.outcomes] == ["published"] * 2
    assert [outcome.state for outcome in again.outcomes] == ["unchanged"] * 2, "nothing new in the data is done, too"
    assert due.look(place, utc("2025-07-02T04:31")).due == []
    assert (first.exit_code, again.exit_code) == (0, 0)


MORE = """
on_failure:
  command: [cat]
"""


def sent(monkeypatch) -> list:
    """What was told, to whomever."""
    found = []
    monkeypatch.setattr(channels, "send", lambda channel, message: found.append(message))
    return found


def test_a_broken_notebook_is_refused_and_told_and_the_other_reports_run(tmp_path, ran, monkeypatch):
    text = scheduled.DAILY + '  shop:\n    cron: "0 4 * * *"\n' + MORE
    place, heard = scheduled.workspace(tmp_path / "w", text), sent(monkeypatch)
    bench.add_report(place, "shop", bench.notebook("1", parameters=None))
    done = due.run(place, utc("2025-07-01T04:30"), ran)
    why = "shop: has 0 code cells tagged 'parameters', needs exactly one"
    assert ran.ran == BOTH
    assert [(one.network, one.report, one.state, one.reason) for one in done.refused] == [
        (network, "shop", "refused", why) for network in ("north", "south")
    ]
    assert done.exit_code == 2
    assert [(m.event, m.network, m.report, m.reason) for m in heard] == [
        ("failed", network, "shop", why) for network in ("north", "south")
    ]
    again = due.run(place, utc("2025-07-01T04:31"), ran)
    assert (again.due, again.refused, again.exit_code, len(heard)) == ([], [], 0, 2)
    shop, *_ = [one for one in status.read(place, utc("2025-07-01T05:00")).standings if one.report == "shop"]
    assert (shop.state, shop.reason) == ("failed", why)
    bench.add_report(place, "shop", bench.notebook("1"))
    done = due.run(place, utc("2025-07-02T04:30"), ran)
    assert (done.exit_code, len(done.outcomes)) == (0, 4)
    assert [m.event for m in heard[2:]] == ["recovered"] * 2


def test_a_network_that_was_dropped_from_the_data_is_refused_and_the_others_run(tmp_path, ran, monkeypatch):
    text = scheduled.DAILY + "    networks: [north, nort]\n" + MORE
    place, heard = scheduled.workspace(tmp_path / "w", text), sent(monkeypatch)
    done = due.run(place, utc("2025-07-01T04:30"), ran)
    assert ran.ran == BOTH[:1]
    [refused] = done.refused
    assert (refused.network, refused.state, done.exit_code) == ("nort", "refused", 2)
    assert refused.reason == "network 'nort' has no data; did you mean 'north'?"
    assert [(m.network, m.event) for m in heard] == [("nort", "failed")]
    standings = {one.network: one for one in status.read(place, utc("2025-07-01T05:00")).standings}
    assert (standings["nort"].state, standings["nort"].reason) == ("failed", refused.reason)


def test_on_the_command_line_what_is_refused_is_named_and_ends_with_2(place, monkeypatch, capsys):
    bench.add_report(place, "performance", bench.notebook("1", parameters=None))
    monkeypatch.setattr(sys, "argv", ["barberlab", "due", "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "north performance: refused: performance: has 0 code cells tagged 'parameters'" in capsys.readouterr().out


class Recorded:
    """A place to run in that says when it was opened, for how many networks, and whether it was left."""

    def __init__(self):
        self.opened, self.left, self.handed = [], 0, []

    @contextlib.contextmanager
    def __call__(self, networks):
        self.opened.append(networks)
        yield self
        self.left += 1

    def run(self, place, networks, reports, executor, **options):
        """Stands in for the runner and remembers where it was told to run, and how."""
        self.handed.append((executor, options))
        return [scheduled.Ended(network, report, "published", "") for network in networks for report in reports]


def test_workers_are_there_once_for_all_that_is_due_and_not_at_all_where_nothing_is(tmp_path):
    text = scheduled.DAILY + '  shop:\n    cron: "0 4 * * *"\n    networks: [south]\n'
    place, workers = scheduled.workspace(tmp_path / "w", text), Recorded()
    due.run(place, utc("2025-07-01T04:30"), workers.run, place=workers, engine="papermill")
    assert (workers.opened, workers.left) == ([2], 1)
    assert workers.handed == [(workers, {"engine": "papermill", "unwritten": ANY})] * 2
    due.run(place, utc("2025-07-01T04:31"), workers.run, place=workers)
    assert workers.opened == [2]


def test_what_is_due_runs_where_and_how_the_command_line_says(place, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(runner, "run", lambda *what, **how: asked.append(how) or [])
    words = ("--workers", "3", "--memory-mb", "2500", "--engine", "papermill")
    assert told(place, monkeypatch, capsys, *words) == (0, "")
    [how] = asked
    assert (how["executor"].count, how["engine"], how["limits"].memory_bytes) == (3, "papermill", 2_500_000_000)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--workers", "2", "--scheduler", "tcp://127.0.0.1:9"), "--workers is for this machine"),
        (("--engine", "steam"), "engine 'steam' is unknown"),
    ],
)
def test_a_place_that_cannot_be_is_refused_and_what_was_due_is_due_still(place, monkeypatch, capsys, words, line):
    code, said = told(place, monkeypatch, capsys, *words)
    assert (code, said.count("\n")) == (2, 1)
    assert line in said
    assert len(due.look(place, utc("2025-07-01T12:00")).due) == 2


def test_an_index_page_that_cannot_be_written_is_told_and_what_ran_is_remembered(place, monkeypatch):
    bench.pretend(monkeypatch)
    (place.outputs / "index.html").mkdir(parents=True)
    done = due.run(place, utc("2025-07-01T04:30"), pages=bench.pages())
    assert [outcome.state for outcome in done.outcomes] == ["published"] * 2
    assert [line.endswith("outputs/index.html: Is a directory") for line in done.untold] == [True]
    assert done.exit_code == 1
    assert due.look(place, utc("2025-07-01T04:31")).due == []


def _hold(place, begun, end):
    with journal.locked(place):
        begun.set()
        end.wait(20)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_of_two_looks_at_once_one_does_nothing_and_ends_well(place, ran):
    fork = multiprocessing.get_context("fork")
    begun, end = fork.Event(), fork.Event()
    other = fork.Process(target=_hold, args=(place, begun, end))
    other.start()
    assert begun.wait(20)
    done = due.run(place, utc("2025-07-01T04:30"), ran)
    end.set()
    other.join(20)
    assert (done.due, done.outcomes, done.exit_code, ran.asked) == ([], [], 0, [])
    assert scheduled.at(place, ran, "2025-07-01T04:31") == [BOTH]


def test_on_a_full_disk_nothing_runs_rather_than_every_minute(place, ran, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(files, "_store", full)
        with pytest.raises(BarberlabError, match="cannot be remembered: No space left on device; nothing more was run"):
            due.run(place, utc("2025-07-01T04:30"), ran)
    assert ran.asked == []
    assert scheduled.at(place, ran, "2025-07-01T04:31") == [BOTH]


def test_a_quiet_minute_writes_nothing(place, ran):
    scheduled.at(place, ran, "2025-07-01T04:30")
    state = place.outputs / ".schedule" / "state.json"
    before = state.stat().st_mtime_ns, files.sha256(state)
    scheduled.at(place, ran, *(f"2025-07-01T04:3{minute}" for minute in range(1, 9)))
    assert (state.stat().st_mtime_ns, files.sha256(state)) == before
