"""A file of weekly revenue: what is read, and every way in which it is refused, with names and counts."""

import numpy as np
import pandas as pd
import pytest

from barberlab.data import weekly
from barberlab.errors import BadInput


def table(locations=("a", "b"), weeks=4, **columns) -> pd.DataFrame:
    """Two shops of one network with four weeks each, 100 a week."""
    days = pd.date_range("2025-01-06", periods=weeks, freq="7D")
    rows = pd.MultiIndex.from_product([["north"], locations, days], names=weekly.KEYS).to_frame(index=False)
    return rows.assign(**({"revenue": 100.0} | columns))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_both_kinds_of_file_say_the_same(tmp_path, kind):
    given = table(("01", "02"), x_holiday=np.arange(8) / 2)
    path = tmp_path / f"weekly.{kind}"
    given.to_parquet(path) if kind == "parquet" else given.to_csv(path, index=False)
    pd.testing.assert_frame_equal(weekly.read(path), weekly.checked(given, "x"))
    assert weekly.read(path)["location_id"].unique().tolist() == ["01", "02"]


def test_rows_come_in_any_order_and_leave_sorted():
    shuffled = table(x_a=np.arange(8.0)).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(weekly.checked(shuffled, "x"), weekly.checked(table(x_a=np.arange(8.0)), "x"))


def test_a_week_without_revenue_is_closed_and_never_zero():
    given = weekly.checked(table(revenue=[0.0, np.nan, 5, 6, 7, 8, 9, 10]), "x")
    assert given["revenue"].isna().tolist() == [True, True] + 6 * [False]


def _with(column, value, rows=(1,), **more):
    given = table(**more)
    given[column] = given[column].astype(object)
    given.loc[list(rows), column] = value
    return given


TUESDAY = pd.Timestamp("2025-01-14")
REFUSED = {
    r"x: 2 rows \(first: row 9\) are a second one of a location and week \(a\)": lambda: pd.concat(
        [table(), table()[:2]]
    ),
    r"1 row \(first: row 2\) is a week that is not a Monday \(2025-01-14 is a Tuesday\)": lambda: _with(
        "week", TUESDAY
    ),
    r"2 rows \(first: row 2\) are of negative revenue \(a, b\)": lambda: _with("revenue", -1.0, (1, 6)),
    r"1 row \(first: row 2\) is of infinite revenue \(a\)": lambda: _with("revenue", np.inf),
    r"1 row \(first: row 2\) is of negative revenue": lambda: _with("revenue", -np.inf),
    r"1 location is in two networks \(a\)": lambda: _with("network_id", "south"),
    r"1 location is without any revenue \(b\)": lambda: _with("revenue", np.nan, range(4, 8)),
    r"5 locations are without any revenue \(a, b, c and 2 more\)": lambda: table(list("abcde"), revenue=0.0),
    r"x_school: 1 row \(first: row 8\) is missing or infinite \(b\); it must be known": lambda: table(
        x_school=[0.0] * 7 + [np.nan]
    ),
    r"column week is missing; expected are network_id, location_id, week, revenue and any number of x_\*": lambda: (
        table().drop(columns="week")
    ),
    r"column holiday, turnover is unknown": lambda: table(holiday=1, turnover=2),
    r"holds no row": lambda: table()[:0],
    r"revenue: 1 row \(first: row 2\) is not a number": lambda: _with("revenue", "1.000,00"),
    r"x_a: 1 row \(first: row 2\) is not a number": lambda: _with("x_a", "many", x_a=0.0),
    r"week: 1 row \(first: row 2\) is not a date": lambda: _with("week", "week 2"),
    r"week: 8 rows \(first: row 1\) are not a date": lambda: table(week=202501),
    r"week: 1 row \(first: row 2\) is empty": lambda: _with("week", None),
    r"location_id: 1 row \(first: row 2\) is empty": lambda: _with("location_id", None),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_meant_is_refused_with_names_and_counts(words):
    with pytest.raises(BadInput, match=words):
        weekly.checked(REFUSED[words](), "x")


def test_every_defect_is_said_at_once():
    given = _with("revenue", -1.0)
    given.loc[5, "week"] = TUESDAY
    with pytest.raises(BadInput, match=r"not a Monday.*negative revenue"):
        weekly.checked(given, "x")


def test_a_week_with_a_zone_or_a_time_of_day_is_no_date():
    with pytest.raises(BadInput, match=r"8 rows .* are not a date"):
        weekly.checked(table().assign(week=lambda t: t["week"].dt.tz_localize("UTC")), "x")
    with pytest.raises(BadInput, match=r"8 rows .* are not a date"):
        weekly.checked(table().assign(week=lambda t: t["week"] + pd.Timedelta("1h")), "x")


def test_rows_of_the_future_need_what_is_known_in_advance_and_closed_weeks_do_not():
    revenue = [100.0, np.nan, 100, np.nan, 100, 100, 100, np.nan]
    given = weekly.checked(table(revenue=revenue, x_a=[0, np.nan, 0, 1, 0, 0, 0, 1]), "x")
    assert given["x_a"].isna().sum() == 1
    with pytest.raises(BadInput, match=r"x_a: 1 row \(first: row 8\)"):
        weekly.checked(table(revenue=revenue, x_a=[0, np.nan, 0, 1, 0, 0, 0, np.nan]), "x")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("weekly.xlsx", b"", "is neither .parquet nor .csv"),
        ("weekly.parquet", b"not parquet", "cannot be read as parquet"),
        ("weekly.csv", b"", "cannot be read as csv"),
        ("weekly.csv", b"a,b\n1\n1,2,3\n", "cannot be read as csv"),
        ("weekly.csv", b"network_id\n\xff\xfe", "cannot be read as csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=f"{name}: {words}"):
        weekly.read(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.csv: there is no such file"):
        weekly.read(tmp_path / "gone.csv")


def test_an_address_never_enters_a_message():
    with pytest.raises(BadInput, match=r"without any revenue \(\[e-mail address\]\)"):
        weekly.checked(_with("location_id", "ann@example.org", range(4, 8), revenue=[1.0] * 4 + [0.0] * 4), "x")
