"""The operators' page counts runs right, from a handful of runs made by hand."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from barberlab.reports import blocks, operations

NOW = datetime(2025, 7, 3, 12, tzinfo=UTC)


def runs(*rows: tuple) -> pd.DataFrame:
    """Runs from (network, report, day of July and hour, reason, seconds); an empty reason is a published one."""
    frame = pd.DataFrame(
        [
            {
                **{"network": network, "report": report, "run_id": f"r{number:06}-{report}"},
                **{"state": "failed" if reason else "published", "reason": reason, "cause": reason.partition(":")[0]},
                **{"started": pd.Timestamp(f"2025-07-{when}", tz="UTC"), "seconds": seconds},
                **{"execute_s": seconds - 1.0, "render_s": 0.5, "data_version": 1, "bytes": 1_500_000},
                "data_as_of": pd.Timestamp("2025-07-01T04:00", tz="UTC"),
            }
            for number, (network, report, when, reason, seconds) in enumerate(rows, 1)
        ]
    )
    return frame


NORTH_FAILS = runs(
    ("north", "performance", "01T06:00", "", 8.0),
    ("north", "performance", "02T06:00", "KeyError: 'visits'", 2.0),
    ("north", "performance", "03T06:00", "KeyError: 'shops'", 2.0),
    ("south", "performance", "01T06:10", "gate 'pages': no lang", 4.0),
    ("south", "performance", "02T06:10", "", 12.0),
)


def words(block: blocks.Block) -> str:
    """The text of a block, without its tags."""
    return " ".join(pd.Series([str(block.html)]).str.replace(r"<[^>]+>", " ", regex=True).iloc[0].split())


@pytest.mark.parametrize(
    ("frame", "title"),
    [
        (NORTH_FAILS, "2 of 5 runs were published, 1 report cannot be renewed now"),
        (NORTH_FAILS.iloc[[0, 4]], "Every run was published"),
        (NORTH_FAILS.iloc[[3, 4]], "1 of 2 runs were published, and all reports are renewed again"),
        (NORTH_FAILS.head(0), "Nothing ran"),
    ],
)
def test_the_headline_says_how_much_was_published_and_what_fails_now(frame, title):
    found = operations.opening(frame, NOW, 30)
    assert found.title == title
    assert found.eyebrow == "Operations · 30 days to Thu 3 Jul 2025"


def test_a_failure_is_dated_to_the_first_run_since_the_last_good_one():
    [line] = operations.failing(NORTH_FAILS).itertuples()
    assert (line.network, line.since, line.reason) == (
        "north",
        pd.Timestamp("2025-07-02T06:00", tz="UTC"),
        "KeyError: 'shops'",
    )
    [never] = operations.failing(NORTH_FAILS.iloc[1:3]).itertuples()
    assert never.since == pd.Timestamp("2025-07-02T06:00", tz="UTC")


def test_key_figures_print_a_share_only_where_enough_ran():
    few, many = operations.key_figures(NORTH_FAILS), operations.key_figures(pd.concat([NORTH_FAILS] * 8))
    assert [figure.value for figure in few.figures] == ["5", "n/a", "10.0 s", "1"]
    assert few.figures[1].sub == "2 of 5"
    assert few.figures[2].sub == "19 in 20 under 11.8 s", "of 8 and 12 seconds: 8 + 0.95 x 4"
    assert many.figures[1].value == "40%"


def test_causes_are_counted_with_the_last_reason_of_each():
    said = words(operations.causes(NORTH_FAILS))
    assert "3 failed runs by cause" in said
    assert "KeyError 2 1 Thu 3 Jul 2025, 06:00 KeyError: &#39;shops&#39; gate &#39;pages&#39; 1 1" in said


def test_durations_are_those_of_published_runs():
    said = words(operations.durations(NORTH_FAILS))
    assert said.endswith("performance 5 2 10.0 11.8 9.0 0.5 south"), "median of 8 and 12; the south is slower"
    never = operations.durations(NORTH_FAILS.iloc[1:3])
    assert words(never).endswith("performance 2 0 n/a n/a n/a n/a n/a")


def test_the_slowest_cells_come_first_with_their_share():
    """Cell 2 takes 3 s in the middle of 2 and 4, cell 3 takes 1: three quarters and one of the notebook's 4 s."""
    cells = pd.DataFrame(
        [("performance", 1, 0.0), ("performance", 2, 2.0), ("performance", 2, 4.0), ("performance", 3, 1.0)],
        columns=["report", "cell", "seconds"],
    )
    said = words(operations.slowest_cells(cells))
    assert "performance, cell 2 2 3.0 4.0 75% performance, cell 3 1 1.0 1.0 25%" in said
    assert "cell 1" not in said


def test_data_are_as_old_as_the_newest_run_had_them():
    later = NORTH_FAILS.assign(data_as_of=NORTH_FAILS["started"] - pd.Timedelta(hours=60))
    frame = operations.data_ages(later, NOW)
    assert list(zip(frame["network"], frame["days"], strict=True)) == [("south", 3), ("north", 2)]
    assert "1 network with data over 2 days old" in words(operations.ages(later, NOW))
    said = words(operations.status(later, NOW, 80_000_000_000))
    assert said == "1 report failing now Oldest data: 3 days, south 80.0 GB of disk left"


def test_the_course_of_days_shows_each_days_share():
    figure = operations.success_by_day(NORTH_FAILS)
    assert figure.title == "2 of 5 runs were published"
    assert figure.numbers["value"].tolist() == [0.5, 0.5, 0.0]
    assert isinstance(operations.seconds_by_day(NORTH_FAILS), blocks.NotAvailable), "only two days have a published run"


def test_disk_is_told_in_units_one_can_read():
    assert [operations.size(n) for n in (0, 999, 1_000, 1_500_000, 2_340_000_000)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "1.5 MB", "2.3 GB")
    ]
    assert "Runs take 3.0 MB, data 1.0 MB." in words(operations.disk_used(1_000_000, 3_000_000, 5_000_000))
    assert words(operations.disk_by_network(NORTH_FAILS)).endswith("north 3 4.5 MB south 2 3.0 MB")


def test_a_workspace_in_which_nothing_ran_has_a_page_as_well():
    empty, cells = NORTH_FAILS.head(0), pd.DataFrame(columns=["report", "cell", "seconds"])
    tables = ("success_by_day", "seconds_by_day", "durations", "disk_by_network")
    boxes = [getattr(operations, name)(empty) for name in tables]
    boxes += [operations.slowest_cells(cells), operations.ages(empty, NOW)]
    assert all(isinstance(box, blocks.NotAvailable) for box in boxes)
    assert words(operations.failing_now(empty)) == "No report is failing: the newest run of each was published."
    assert words(operations.status(empty, NOW, 10**9)) == "None failing 1.0 GB of disk left"
    assert operations.key_figures(empty).figures[2].value == "n/a"


def test_of_many_networks_the_worst_are_shown_and_the_rest_counted():
    many = runs(*[(f"n{k:03}", "performance", "01T06:00", "KeyError: x", 1.0) for k in range(60)])
    said = words(operations.failing_now(many))
    assert "60 reports cannot be renewed" in said
    assert said.count("KeyError") == operations.MOST_ROWS
    assert "40 of 60 are shown" in said
