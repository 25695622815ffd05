"""Every metric by hand on the corner network, and the laws that hold for any network."""

from datetime import UTC, date, datetime

import ibis
import pandas as pd
import pytest

import corner
from barberlab.data import metrics, rollup
from barberlab.data.frames import to_pandas
from barberlab.data.lab import open_lab, require
from barberlab.errors import BadInput, NotAvailable
from barberlab.scope import Scope

APRIL = {"since": "2025-04-01", "until": "2025-05-01"}

# name: (numerator, denominator, value) of April 2025, network. Worked by hand from tests/corner.py.
BY_HAND = {
    "net_service_revenue": (8500, None, 8500),  # 3,000 + (3,000 - 500) in New York, 3,000 in Los Angeles
    "net_retail_revenue": (1200, None, 1200),
    "visits": (3, None, 3),  # a2, a3, a7: half past eight in the evening of the 21st in Los Angeles
    "bookings": (4, None, 4),
    "new_clients": (2, None, 2),  # c2 and c4; c1 came before, c3 never
    "average_ticket": (8500, 3, 8500 / 3),
    "utilisation": (140, 2100, 140 / 2100),  # four visits of 30 + 5 minutes; 1,620 + 480 minutes on the floor
    "revenue_per_available_hour": (8500, 35, 8500 / 35),
    "no_show_rate": (1, 4, 1 / 4),
    "cancellation_rate": (0, 4, 0),
    "rebook_rate": (2, 3, 2 / 3),  # c1 booked five minutes after the cut, c4 the day before; c2 two days after
    "prebook_rate": (1, 3, 1 / 3),  # c4 alone had the next one already, whatever became of it
    "retention_42": (1, 3, 1 / 3),  # c1 after 28 days; c2 after 49; c4 cancelled
}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_metric_is_what_a_pencil_gives(lab, name):
    numerator, denominator, value = BY_HAND[name]
    row = lab.metric(name, **APRIL).iloc[0]
    assert row["numerator"] == numerator
    assert row["value"] == pytest.approx(value, rel=1e-12)
    assert pd.isna(row["denominator"]) if denominator is None else row["denominator"] == denominator


def test_every_metric_of_the_catalogue_is_worked_by_hand_or_shown_to_be_unknown():
    assert set(metrics.METRICS) - set(BY_HAND) == {"retention_90"}


def test_retention_within_90_days_waits_until_the_whole_month_had_its_chance(lab):
    april = lab.metric("retention_90", **APRIL)
    assert april["value"].isna().all()
    assert lab.metric("retention_90", grain="total", until="2025-04-01")["denominator"].item() == 1


def test_a_client_of_the_last_weeks_is_not_counted_as_lost(lab):
    """May's clients have not had 42 days by 30 June, so May has no retention; those who returned do not make one."""
    may = lab.metric("retention_42", since="2025-05-01", until="2025-06-01")
    assert may["value"].isna().all()
    assert "base month" in may.attrs["needs"]


def test_nobody_is_new_in_the_first_half_year_of_history(lab):
    first = lab.metric("new_clients", since="2024-06-01", until="2024-07-01")
    assert first["value"].isna().all()
    assert first.attrs["needs"] == "180 days of history before the period"


def test_a_refund_takes_the_money_back_but_not_the_visit(lab):
    may = {"since": "2025-05-30", "until": "2025-05-31"}
    assert lab.metric("net_service_revenue", **may)["value"].item() == 0
    assert lab.metric("visits", **may)["value"].item() == 1


def test_a_visit_without_a_client_is_a_visit_but_nobody_rebooks(lab):
    june = {"since": "2025-06-30", "until": "2025-07-01"}
    assert lab.metric("visits", **june)["value"].item() == 1
    assert lab.metric("rebook_rate", **june)["denominator"].item() == 0


@pytest.mark.parametrize("name", metrics.METRICS)
@pytest.mark.parametrize("by", ["shop", "barber", "region"])
def test_a_network_is_the_sum_of_its_parts(lab, name, by):
    whole = lab.metric(name, grain="total").iloc[0]
    parts = lab.metric(name, by=by, grain="total")
    assert parts["numerator"].sum() == whole["numerator"]
    assert parts["denominator"].sum() == (0 if pd.isna(whole["denominator"]) else whole["denominator"])


@pytest.mark.parametrize("name", metrics.METRICS)
def test_days_weeks_and_quarters_add_up_to_the_same(lab, name):
    span = {"since": "2024-01-01", "until": "2026-01-01"}
    totals = {g: lab.metric(name, grain=g, **span)["numerator"].sum() for g in metrics.METRICS[name].grains}
    assert len(set(totals.values())) == 1


def test_a_week_begins_on_monday(lab):
    weeks = lab.metric("visits", grain="week", **APRIL)["period"]
    assert set(weeks.dt.day_of_week) == {0}


def test_booked_time_beyond_the_shifts_of_another_shop_is_not_held_against_this_one(workspace, tmp_path):
    """Los Angeles keeps no shifts: its bookings must not fill New York's chairs."""
    tables = corner.tables()
    tables["shifts"] = tables["shifts"][tables["shifts"]["location_id"] == "ny"]
    corner.bring(workspace, tmp_path, tables)
    april = open_lab(workspace, Scope("corner")).metric("utilisation", **APRIL).iloc[0]
    assert (april["numerator"], april["denominator"]) == (105, 1620)


def test_without_shifts_chair_time_is_not_available_and_says_why(workspace, tmp_path):
    tables = corner.tables()
    tables["shifts"] = tables["shifts"].head(0)
    corner.bring(workspace, tmp_path, tables)
    frame = open_lab(workspace, Scope("corner")).metric("utilisation", grain="total")
    assert frame.attrs["needs"] == "table 8, shifts"
    with pytest.raises(NotAvailable, match="Chair time used: not available: needs table 8, shifts"):
        require(frame)


def test_a_visit_of_unknown_length_makes_its_day_unknown_not_empty(workspace, tmp_path):
    tables = corner.tables()
    visits = tables["appointments"]
    visits.loc[visits["appointment_id"] == "a7", "duration_min"] = None
    corner.bring(workspace, tmp_path, tables)
    april = open_lab(workspace, Scope("corner")).metric("utilisation", **APRIL).iloc[0]
    assert (april["numerator"], april["denominator"]) == (105, 1620)


def test_a_metric_or_grain_that_is_not_there_is_named_with_those_that_are(lab):
    with pytest.raises(BadInput, match="no metric 'revenue'; there are net_service_revenue"):
        lab.metric("revenue")
    with pytest.raises(BadInput, match="'visits' is told by day, week, month, quarter, year, total, not by fortnight"):
        lab.metric("visits", grain="fortnight")
    with pytest.raises(BadInput, match="by='shops': by is one of network, region, shop"):
        lab.metric("visits", by="shops")


def test_retention_is_told_by_whole_months_however_the_period_is_cut(lab):
    whole = lab.metric("retention_42", until="2025-05-01")
    cut = lab.metric("retention_42", until="2025-05-20")
    assert whole["value"].equals(cut["value"])
    with pytest.raises(BadInput, match="told by month, quarter, year, total, not by week"):
        lab.metric("retention_42", grain="week")


def test_what_is_still_to_come_is_booked_and_nothing_else(lab):
    ahead = {"grain": "total", "since": "2025-07-01", "until": "2025-08-01"}
    assert lab.metric("bookings", **ahead)["value"].item() == 1
    assert lab.metric("visits", **ahead)["numerator"].isna().all()


def test_a_period_before_the_data_is_refused(lab):
    with pytest.raises(BadInput, match="period '2020-01' ends before the data begin, 2024-06-03"):
        lab.period("2020-01")


def test_payments_that_a_source_began_to_keep_late_are_unknown_before_not_zero(workspace, tmp_path):
    tables = corner.tables()
    tables["payments"] = tables["payments"][tables["payments"]["paid_at"] > "2025-05"]
    corner.bring(workspace, tmp_path, tables)
    ny = open_lab(workspace, Scope("corner")).metric("average_ticket", by="shop").set_index(["location_id", "period"])
    assert pd.isna(ny.loc[("ny", "2025-04-01"), "value"])
    assert ny.loc[("ny", "2025-05-01"), "numerator"] == 1500


def test_polars_gives_the_same_numbers_as_duckdb(lab):
    """The definitions are portable: a second engine, cell by cell, from the followed visits to every metric."""
    names = ("appointments", "services", "clients", "payments", "shifts")
    tables = {name: lab.table(name) for name in names}
    tables["appointments"] = _followed(tables["appointments"])
    ours, theirs = (_on_engine(engine, tables) for engine in ("duckdb", "polars"))
    for name, frame in ours.items():
        pd.testing.assert_frame_equal(frame, theirs[name], check_dtype=False, obj=name)


def _followed(visits: pd.DataFrame) -> pd.DataFrame:
    return to_pandas(ibis.duckdb.connect().to_pyarrow(rollup.followed(ibis.memtable(_plain(visits)))))


def test_what_follows_a_visit_is_what_a_plain_loop_finds(lab):
    """Ibis has no windows on Polars, so the one function that uses them is checked against its words."""
    visits = _followed(lab.table("appointments")).sort_values("start")
    for _, visit in visits[visits["client_id"].notna()].iterrows():
        later = visits[(visits["client_id"] == visit["client_id"]) & (visits["start"] > visit["start"])]
        assert visit["next_booked"] == later["booked_at"].min() or (pd.isna(visit["next_booked"]) and later.empty)
        stood = later.loc[~(later["cancelled_at"] < visit["start"]), "booked_at"]
        assert visit["next_standing"] == stood.min() or (pd.isna(visit["next_standing"]) and stood.isna().all())
        if visit["status"] == "completed":
            came = later.loc[later["status"] == "completed", "local_date"]
            assert visit["next_date"] == came.min() or (pd.isna(visit["next_date"]) and came.empty)


def _on_engine(engine: str, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    clock = rollup.Clock(datetime(2025, 7, 1, 4, tzinfo=UTC), date(2025, 6, 30), date(2024, 6, 3))
    connection = getattr(ibis, engine).connect()
    rows = connection.to_pyarrow(rollup.daily({n: ibis.memtable(_plain(t)) for n, t in tables.items()}, clock))
    found = {"daily": _sorted(rows, list(rollup.KEYS))}
    for metric in metrics.METRICS.values():
        over, keys = metrics.over_time(ibis.memtable(rows), "shop", "month", None, None)
        found[metric.name] = _sorted(connection.to_pyarrow(metrics.expression(over, keys, [metric])), keys)
    return found


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    days = [c for c in frame if str(frame[c].dtype) == "datetime64[us]"]
    return frame.assign(**{c: frame[c].dt.date for c in days})


def _sorted(rows, keys: list[str]) -> pd.DataFrame:
    frame = rows.to_pandas()
    return frame.astype(dict.fromkeys(keys, "str")).sort_values(keys).reset_index(drop=True)


def test_a_comparison_is_the_metric_over_each_of_three_periods(lab):
    """May against 26 March to 25 April, and against 52 weeks before: by hand, two visits, two, and none."""
    span = lab.period("2025-05")
    frame = lab.compare(["visits", "no_show_rate"], span).set_index("metric")
    assert (span.before.start, span.before.end) == (date(2025, 3, 27), date(2025, 4, 27))
    assert frame.loc["visits", ["value", "before_value"]].tolist() == [2, 3]
    assert frame.loc["no_show_rate", ["numerator", "before_numerator", "before_denominator"]].tolist() == [0, 1, 4]
    alone = lab.metric("visits", grain="total", since=span.before.start, until=span.before.end)
    assert alone["value"].item() == frame.loc["visits", "before_value"]


def test_only_shops_that_worked_all_through_are_compared(lab):
    april = lab.period("2025-04")
    assert lab.open_through(april) == ["ny"]  # Los Angeles had one visit in all, on the 21st
    assert lab.open_through(april, april.year_before) == []  # New York began in June 2024
