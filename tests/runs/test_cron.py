"""A report runs when its line says, once, whatever the clocks of its zone do."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from barberlab.errors import BadInput
from barberlab.runs import cron

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "now", "then"),
    [
        ("30 6 * * *", "2025-07-01T06:29:59", "2025-07-01T06:30"),
        ("30 6 * * *", "2025-07-01T06:30:00", "2025-07-02T06:30"),
        ("30 6 * * mon", "2025-07-01T00:00", "2025-07-07T06:30"),
        ("30 6 * * 7", "2025-07-01T00:00", "2025-07-06T06:30"),
        ("0 7 1,15 * *", "2025-07-02T00:00", "2025-07-15T07:00"),
        ("0 0 1 jan-mar *", "2025-03-02T00:00", "2026-01-01T00:00"),
        ("*/20 8-9 * * mon-fri", "2025-07-04T09:41", "2025-07-07T08:00"),
        ("5-59/25 * * * *", "2025-07-01T10:30", "2025-07-01T10:55"),
        ("0 0 29 2 *", "2025-07-01T00:00", "2028-02-29T00:00"),
        ("0 0 31 * *", "2025-09-01T00:00", "2025-10-31T00:00"),
    ],
)
def test_a_line_fires_next_when_a_calendar_says(line, now, then):
    """1 July 2025 is a Tuesday."""
    assert cron.parse(line, "UTC").next(utc(now)) == utc(then)


def test_of_two_restricted_days_either_is_enough_and_a_star_leaves_the_other():
    """The 13th of June 2025 is a Friday; so are the 6th, 20th and 27th."""
    both, star = cron.parse("0 0 13 6 fri", "UTC"), cron.parse("0 0 */13 6 fri", "UTC")
    fired = both.after(utc("2025-06-01T00:00"))
    assert [next(fired).day for _ in range(4)] == [6, 13, 20, 27]
    assert cron.parse("0 0 14 6 fri", "UTC").next(utc("2025-06-13T00:00")).day == 14
    assert star.next(utc("2025-06-01T00:00")) == utc("2025-06-27T00:00"), "1, 14 and 27: only the last is a Friday"


def test_a_time_that_clocks_skip_fires_right_after_the_gap_and_once():
    """30 March 2025: 02:00 CET becomes 03:00 CEST, which is 01:00 UTC."""
    fired = cron.parse("30 2 * * *", BERLIN).after(utc("2025-03-29T00:00"))
    assert [next(fired) for _ in range(3)] == [
        utc("2025-03-29T01:30"),
        utc("2025-03-30T01:00"),
        utc("2025-03-31T00:30"),
    ]
    several = cron.parse("0,20,40 2-3 * * *", BERLIN).after(utc("2025-03-30T00:00"))
    assert [next(several) for _ in range(3)] == [utc(f"2025-03-30T01:{minute}") for minute in ("00", "20", "40")]


def test_a_time_that_clocks_show_twice_fires_the_first_time_only():
    """26 October 2025: 03:00 CEST becomes 02:00 CET, so 02:30 is at 00:30 and at 01:30 UTC."""
    line = cron.parse("30 2 * * *", BERLIN)
    assert line.next(utc("2025-10-26T00:00")) == utc("2025-10-26T00:30")
    assert line.next(utc("2025-10-26T00:30")) == utc("2025-10-27T01:30")
    for within in ("2025-10-26T00:30", "2025-10-26T01:10", "2025-10-26T01:30", "2025-10-26T12:00"):
        assert line.last(utc(within)) == utc("2025-10-26T00:30")


def test_a_day_that_begins_at_one_o_clock_has_its_midnight_then():
    """Cairo, 25 April 2025: midnight becomes 01:00, which is 22:00 UTC of the day before."""
    line = cron.parse("0 0 * * *", "Africa/Cairo")
    assert line.next(utc("2025-04-24T12:00")) == utc("2025-04-24T22:00")
    assert line.last(utc("2025-04-25T12:00")) == utc("2025-04-24T22:00")


@pytest.mark.parametrize("zone", ["UTC", BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"])
def test_a_daily_line_fires_once_on_each_of_a_years_days(zone):
    for line in ("30 2 * * *", "0 0 * * *", "15 1 * * *"):
        fired = cron.parse(line, zone).after(utc("2025-01-01T12:00"))
        instants = [next(fired) for _ in range(365)]
        days = {at.astimezone(cron.parse(line, zone).zone).date() for at in instants}
        assert len(days) == 365
        assert max(instants) - min(instants) < timedelta(days=365)


def test_between_the_last_time_and_the_next_there_is_no_other():
    draw = random.Random(5)
    lines = ("30 2 * * *", "*/15 * * * *", "0 3 1 * mon", "59 23 * 2 *", "0 1-3 * * sun")
    for _ in range(60):
        line = cron.parse(draw.choice(lines), draw.choice((BERLIN, NEW_YORK, "UTC", "Africa/Cairo")))
        now = utc("2024-01-01T00:00") + timedelta(minutes=draw.randrange(2 * 366 * 24 * 60), seconds=draw.randrange(60))
        before, then = line.last(now), line.next(now)
        assert before <= now < then
        assert line.next(before) == then
        assert line.last(then - timedelta(seconds=1)) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("30 6 * *", "has 4 fields, needs 5: minute, hour, day of month, month, day of week"),
        ("0 30 6 * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("60 6 * * *", "minute '60' must be 0 to 59"),
        ("0 24 * * *", "hour '24' must be 0 to 23"),
        ("0 0 0 * *", "day of month '0' must be 1 to 31"),
        ("0 0 * 13 *", "month '13' must be 1 to 12"),
        ("0 0 * * 8", "day of week '8' must be 0 to 7"),
        ("0 0 * * mond", "day of week 'mond' must be"),
        ("0 jan * * *", "hour 'jan' must be"),
        ("-1 6 * * *", "minute '' must be"),
        ("1.5 6 * * *", r"minute '1\.5' must be"),
        ("٣ 6 * * *", "minute '٣' must be"),
        ("*/0 6 * * *", r"minute '\*/0': a step is a whole number"),
        ("5/10 6 * * *", "minute '5/10': a step is a whole number behind"),
        ("*/ 6 * * *", r"minute '\*/': a step"),
        ("30-10 6 * * *", "minute '30-10': the range runs backwards"),
        ("1,,2 6 * * *", "minute '' must be"),
        ("0 0 31 2 *", "names a day that never comes"),
        ("", "has 0 fields"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_field(line, said):
    with pytest.raises(BadInput, match=said):
        cron.parse(line, "UTC")
