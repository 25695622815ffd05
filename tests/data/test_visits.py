"""A visit log for back-tests: what is read as it stands, what is counted, and what is refused with row and remedy."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from barberlab.data.visits import NO_LOCATION, check_cutoff, read
from barberlab.errors import BadInput

GOOD = "client_id,date\n0042,2025-01-03\n7,2025-01-05\n0042,2025-02-01\n"


def csv(tmp_path, text: str):
    """The log that a CSV of this text gives."""
    path = tmp_path / "visits.csv"
    path.write_text(text)
    return read(path)


def test_a_plain_log_is_read_as_it_stands(tmp_path):
    log = csv(tmp_path, GOOD)
    assert list(log.visits["client_id"]) == ["0042", "0042", "7"]
    assert (log.first, log.last, log.rows, log.merged, log.notes) == (date(2025, 1, 3), date(2025, 2, 1), 3, 0, ())


def test_true_and_false_of_a_csv_are_one_and_nought(tmp_path):
    log = csv(tmp_path, "client_id,date,z_new\na,2025-01-03,True\nb,2025-01-05,false\nc,2025-01-05,0\n")
    assert log.visits["z_new"].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["datetime64[us]", "datetime64[ns]", "str", "object"])
def test_parquet_of_days_times_words_and_dates_gives_the_same_log(tmp_path, kind):
    moments = pd.to_datetime(["2025-01-03T18:30", "2025-02-01T00:00", "2025-01-05T09:00"])
    frame = pd.DataFrame({"client_id": [1, 1, 2], "date": moments})
    days = frame["date"].dt.date if kind == "object" else frame["date"].astype(kind)
    frame.assign(date=days).to_parquet(tmp_path / "v.parquet")
    log = read(tmp_path / "v.parquet")
    assert [str(d.date()) for d in log.visits["date"]] == ["2025-01-03", "2025-02-01", "2025-01-05"]
    assert log.visits["client_id"].dtype == "int64"


def test_a_moment_with_a_zone_counts_for_its_own_day(tmp_path):
    frame = pd.DataFrame(
        {"client_id": ["a"], "date": pd.to_datetime(["2025-06-30 23:30"]).tz_localize("Europe/Berlin")}
    )
    frame.to_parquet(tmp_path / "v.parquet")
    assert read(tmp_path / "v.parquet").first == date(2025, 6, 30)
    assert csv(tmp_path, "client_id,date\na,2025-06-30T23:30+02:00\n").first == date(2025, 6, 30)


def test_rows_of_a_client_on_one_day_are_one_visit_and_counted(tmp_path):
    log = csv(
        tmp_path,
        "client_id,date,amount\na,2025-01-01,10\na,2025-01-01,5\na,2025-01-01,\nb,2025-01-01,\nb,2025-01-01,\n",
    )
    assert log.merged == 3
    np.testing.assert_array_equal(log.visits["amount"], [15.0, np.nan])
    assert "3 further rows of a client on the same day: merged into one visit" in log.notes


def test_what_is_not_used_is_counted_and_never_dropped_in_silence(tmp_path):
    log = csv(
        tmp_path,
        "client_id,date,amount,location_id,mood\na,2025-01-01,NaN,,x\n,2025-01-01,5,north,x\nb,2025-01-02,-3,north,x\n"
        "b,2025-01-03,twelve,north,x\n",
    )
    assert log.notes == (
        "columns that are not used: mood",
        "1 rows without a client: left out, as nobody can be followed",
        f"1 visits without a location: taken as a location called {NO_LOCATION!r}",
        "3 amounts are empty, negative or no number: the visit counts, its amount not",
    )
    assert len(log.visits) == 3
    assert log.visits["amount"].isna().all()
    assert log.rows == len(log.visits) + log.merged + 1


def test_who_withdrew_consent_in_any_row_is_withheld_and_unknown_is_not_no(tmp_path):
    log = csv(
        tmp_path,
        "client_id,date,consent_profiling\na,2025-01-01,true\na,2025-02-01,False\nb,2025-01-01,\nc,2025-01-01,1\n",
    )
    assert log.withheld == {"a"}
    assert len(log.visits) == 4  # and yet in every total
    assert "1 clients withdrew consent to profiling: in totals, in no output of clients" in log.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("client,date\na,2025-01-01\n", r"visits.csv: no column 'client_id'; needed are client_id and date"),
        ("client_id,date\n", "holds no row"),
        ("client_id,date\n,2025-01-01\n", "no row has a client"),
        ("client_id,date\na,2025-01-01\na,30/06/2025\nb,\n",
         r"2 rows have no readable date .first: row 2, '30/06/2025'"),
        ("client_id,date\na,2025-02-30\n", r"1 rows have no readable date .*write a date as 2025-06-30"),
        ("client_id,date\na,20250130\n", "1 rows have no readable date"),
        ("client_id,date,z_late\na,2025-01-01,0\na,2025-01-02,\n", r"1 values of z_late are empty .* \(first: row 2\)"),
        ("client_id,date,network_id\na,2025-01-01,n\nb,2025-01-01,n\na,2025-01-02,m\n",
         r"1 clients are in two networks \(first: row 1\)"),
        ("client_id,date,consent_profiling\na,2025-01-01,perhaps\n", "consent_profiling are neither true nor false"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_count_row_and_remedy(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        csv(tmp_path, text)


def test_a_date_that_is_a_telephone_number_is_not_repeated(tmp_path):
    with pytest.raises(BadInput) as refused:
        csv(tmp_path, "client_id,date\na,+49 151 23456789\n")
    assert "23456789" not in str(refused.value)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        read(tmp_path / "none.csv")
    (tmp_path / "v.parquet").write_text(GOOD)
    with pytest.raises(BadInput, match="cannot be read"):
        read(tmp_path / "v.parquet")
    with pytest.raises(BadInput, match="is neither"):
        read(tmp_path / "visits.xlsx")


@pytest.mark.parametrize(
    ("cutoff", "horizon", "said"),
    [
        ("2025-01-02", 10, "outside the data, which are from 2025-01-03 to 2025-02-01"),
        ("2025-02-01", 10, "outside the data"),
        ("2025-01-30", 10, "the 10 days after it are not over by 2025-02-01, .* the latest is 2025-01-22"),
        ("2025-01-10", 0, "it is a number of days, at least 1"),
    ],
)
def test_a_cutoff_that_cannot_be_scored_is_refused(tmp_path, cutoff, horizon, said):
    log = csv(tmp_path, GOOD)
    check_cutoff(log, date(2025, 1, 22), 10)
    with pytest.raises(BadInput, match=said):
        check_cutoff(log, date.fromisoformat(cutoff), horizon)
