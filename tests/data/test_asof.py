"""Nothing that happened later can be read at an earlier moment: the future is rewritten and every page stays as it was.

Each test reads a network at a moment twice: as it is, and with everything later made different - as if it had never
happened, or had gone another way. What is read must be the same to the last row.
"""

from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pytest

import corner
from barberlab import params
from barberlab.data import asof, build, metrics
from barberlab.data.contract import TABLES
from barberlab.data.ingest import ingest
from barberlab.data.lab import Lab
from barberlab.data.moments import last_day, moment
from barberlab.data.sample import export, simulate, simulate_days
from barberlab.data.versions import newest
from barberlab.data.warehouse import Warehouse
from barberlab.scope import Scope

ZONE = "America/New_York"
UNTIL = date(2025, 4, 30)
# A month's end, the night the clocks change, an afternoon, and the last day but one.
MOMENTS = ("2024-12-31", "2025-03-08", "2025-02-14T15:30", "2025-04-29")
SHOPS, CLIENT = ("early-01", "early-02"), "c000003"


def planted() -> dict[str, pd.DataFrame]:
    """What the simulated network does not have: advice, tests and markets, of every month of its history."""
    months = pd.date_range("2024-11-04", periods=6, freq="MS").date
    made = {
        "coaching_log": [
            {"recommendation_id": f"r{i}", "scope_id": SHOPS[0], "issued_at": f"{day}T09:00Z", "rule_id": "prebook"}
            | {"status": "done", "decided_at": f"{day + timedelta(days=40)}T09:00Z", "measured_effect": "0.25"}
            for i, day in enumerate(months)
        ],
        "experiments": [
            {"experiment_id": f"e{i}", "unit": "client", "arms": "[]", "metric": "visits", "start": str(day)}
            | {
                "planned_end": str(day + timedelta(days=30)),
                "status": ["decided", "stopped", "running", "draft"][i % 4],
            }
            for i, day in enumerate(months)
        ],
        "experiment_assignments": [
            {"experiment_id": f"e{i}", "unit_id": CLIENT, "arm": "a", "assigned_at": f"{day}T12:00Z"}
            for i, day in enumerate(months)
        ],
        "markets": [
            {"market_id": "m", "population": "9000", "source": "census", "observed_on": str(day)} for day in months
        ],
    }
    return {name: pd.DataFrame(rows, dtype="object").assign(network_id="early") for name, rows in made.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with two simulated networks: `early` of visits, in two time zones, and `plains` of daily totals."""
    root = tmp_path_factory.mktemp("asof")
    made = corner.make_workspace(root / "workspace")
    visits = simulate("early", seed=3, shops=2, months=6, until=UNTIL)
    paths = [*export.write(visits, root / "early"), *corner.write(planted(), root / "planted")]
    ingest(made, "early", made.params / "sources" / "contract.yaml", paths, visits.as_of.isoformat())
    days = simulate_days(locations=2, seed=3, months=6, until=UNTIL)
    ingest(made, "plains", made.params / "sources" / "contract-day.yaml", export.write(days, root / "plains"))
    return made


# How the future went otherwise, in SQL over {rows}: `later` says which rows are not there yet, `changes` which values
# of the other rows are. $moment, $today and $some (one in three rows, by the key) are filled in.
LATER = {
    "appointments": "coalesce(booked_at, start) >= $moment",
    "payments": "paid_at >= $moment",
    "shifts": "start >= $moment",
    "reviews": "created_at >= $moment",
    "contacts": "sent_at >= $moment",
    "experiment_assignments": "assigned_at >= $moment",
    "coaching_log": "issued_at >= $moment",
    "experiments": "start > $today",
    "price_history": "valid_from > $today",
    "markets": "observed_on > $today",
    "staff_assignments": "valid_from > $today",
    "memberships": "started_on > $today",
    "locations": "opened_on > $today",
    "clients": "first_seen_on > $today OR (first_seen_on IS NULL AND erased_on > $today)",
    "costs": "last_day(month) > $today",  # a month's costs are known when it is over
    "compliance_items": "last_checked_on > $today",
    "location_day": "local_date > $today",
}
CHANGED = {
    "appointments": (
        "CASE WHEN start < $moment THEN status WHEN $some THEN 'cancelled' WHEN status = 'no_show' THEN 'completed' "
        "ELSE 'no_show' END AS status",
        "CASE WHEN cancelled_at < $moment THEN cancelled_at WHEN start >= $moment AND $some "
        "THEN $moment + INTERVAL 1 SECOND WHEN start < $moment THEN cancelled_at + INTERVAL 5 DAY END AS cancelled_at",
        "CASE WHEN start < $moment AND (cancelled_at < $moment OR status <> 'cancelled') THEN status_inferred "
        "ELSE $some END AS status_inferred",
    ),
    "locations": (
        "CASE WHEN closed_on <= $today THEN status ELSE 'closed' END AS status",
        "CASE WHEN closed_on <= $today THEN closed_on ELSE $today + 9 END AS closed_on",
    ),
    "staff_assignments": ("CASE WHEN valid_to <= $today THEN valid_to WHEN $some THEN $today + 1 END AS valid_to",),
    "memberships": ("CASE WHEN ended_on <= $today THEN ended_on WHEN $some THEN $today + 1 END AS ended_on",),
    "clients": ("CASE WHEN erased_on <= $today THEN erased_on WHEN $some THEN $today + 1 END AS erased_on",),
    "coaching_log": (
        "CASE WHEN decided_at < $moment THEN status ELSE 'dismissed' END AS status",
        "CASE WHEN decided_at < $moment THEN decided_at WHEN $some THEN $moment END AS decided_at",
        "measured_effect + 1 AS measured_effect",  # of any row: nobody says when it was measured
    ),
    "experiments": ("CASE WHEN status = 'draft' THEN status WHEN $some THEN 'running' ELSE 'stopped' END AS status",),
    "compliance_items": (
        "CASE WHEN status IN ('compliant', 'expired') AND expires_on > $today AND $some THEN 'expired' "
        "WHEN status = 'expired' AND expires_on > $today THEN 'compliant' ELSE status END AS status",
    ),
}


def never_happened(name: str) -> str:
    """SQL: what is later does not exist; what was still to be decided never was."""
    return f"SELECT * FROM {{rows}} WHERE ({LATER[name]}) IS NOT TRUE"


def went_otherwise(name: str) -> str:
    """SQL: what is later is partly missing and partly there twice, and all that was still open ended differently."""
    key = TABLES[name].key[-1]
    later, changes = LATER[name], ", ".join(CHANGED.get(name, ()))
    before = f"SELECT * {f'REPLACE ({changes})' if changes else ''} FROM {{rows}} WHERE ({later}) IS NOT TRUE"
    kept = f"SELECT * FROM {{rows}} WHERE ({later}) AND NOT $some"
    return f"{before} UNION ALL {kept} UNION ALL {kept}".replace("$some", f'hash("{key}") % 3 = 0')


class Rewritten(Warehouse):
    """The same data version, after the future of its own `as_of` was rewritten in every table."""

    def __init__(self, scope, version, as_of, future):
        super().__init__(scope, version, as_of)
        self.future = future

    def _now(self, name: str) -> str:
        plain = super()._now(name)
        if name not in LATER:
            return plain
        sql = self.future(name).format(rows=f'"{plain}"')
        for said, value in (("$moment", f"TIMESTAMPTZ '{self.as_of.isoformat()}'"), ("$today", f"DATE '{self.today}'")):
            sql = sql.replace(said, value)
        return self._view(f"{name} rewritten", sql)


def readers(place, network: str, said: str, future) -> tuple[Warehouse, Rewritten]:
    """The network at a moment: as it is, and with its future rewritten."""
    version, scope, at = newest(place, network), Scope(network), moment(said, ZONE)
    return Warehouse(scope, version, at), Rewritten(scope, version, at, future)


def rows(warehouse: Warehouse, name: str) -> pa.Table:
    """All rows of a table as it is read, in the order of their values."""
    found = warehouse.execute(warehouse.table(name))
    return found.sort_by([(column, "ascending") for column in found.column_names])


@pytest.mark.parametrize("future", [never_happened, went_otherwise])
@pytest.mark.parametrize("said", MOMENTS)
def test_a_rewritten_future_changes_no_row_of_any_table(place, said, future):
    plain, rewritten = readers(place, "early", said, future)
    for name in (*LATER, "daily"):
        assert rows(plain, name).equals(rows(rewritten, name)), name


def test_a_rewritten_future_changes_no_metric_of_any_shop(place):
    settings = params.load(place, "early")
    plain, rewritten = (Lab(read, settings) for read in readers(place, "early", "2025-02-14T15:30", went_otherwise))
    for name in metrics.METRICS:
        ours, theirs = (lab.metric(name, by="shop", until="2026-01-01") for lab in (plain, rewritten))
        pd.testing.assert_frame_equal(ours, theirs, obj=name)


@pytest.mark.parametrize("future", [never_happened, went_otherwise])
@pytest.mark.parametrize("said", [said for said in MOMENTS if "T" not in said])
def test_a_rewritten_future_changes_no_daily_total(place, said, future):
    plain, rewritten = readers(place, "plains", said, future)
    for name in ("location_day", "locations", "daily"):
        assert rows(plain, name).equals(rows(rewritten, name)), name


# Two shops, open all the time, whose barbers all stay; neither network has every table.
_NO_LATER_ROWS = ["staff_assignments", "locations", "location_day"]


@pytest.mark.parametrize(("future", "same"), [(never_happened, _NO_LATER_ROWS), (went_otherwise, ["location_day"])])
def test_the_future_is_really_rewritten(place, future, same):
    """Else the tests above would compare a thing with itself."""
    plain, rewritten = readers(place, "early", "2025-02-14T15:30", future)
    assert [name for name in LATER if _raw(plain, name).equals(_raw(rewritten, name))] == same
    assert all(len(rows(plain, name)) for name in LATER if name != "location_day")


def _raw(warehouse: Warehouse, name: str) -> pa.Table:
    """All rows of the table as the data version has it, or its rewriting."""
    return warehouse._con.sql(f'SELECT * FROM "{warehouse._now(name)}" ORDER BY ALL').to_arrow_table()


def test_every_table_of_the_contract_is_read_back_or_has_no_time():
    assert set(asof.THEN) == set(LATER)
    assert set(asof.THEN) | set(asof.TIMELESS) == set(TABLES) | {"staff_names"}
    assert not set(asof.THEN) & set(asof.TIMELESS)


def test_what_was_known_stays_known(place):
    """From moment to moment rows are added and none is taken away."""
    moments = sorted(MOMENTS, key=lambda said: moment(said, ZONE))
    readings = [Warehouse(Scope("early"), newest(place, "early"), moment(said, ZONE)) for said in moments]
    for name in LATER:
        key = list(TABLES[name].key)
        known = [{tuple(row.values()) for row in rows(read, name).select(key).to_pylist()} for read in readings]
        assert all(early <= late for early, late in pairwise(known)), name


# Worked by hand: one row each, read on the evening of 15 March 2025


def then(name: str, said: str = "2025-03-15", **values: str) -> dict | None:
    """What is read of a row of which only `values` (SQL) are known; None where it is not there."""
    con, at = build.connect(None), moment(said, ZONE)
    con.execute(f"CREATE TABLE planted AS {build.no_rows(name)}")
    con.execute("INSERT INTO planted BY NAME SELECT " + ", ".join(f"{sql} AS {value}" for value, sql in values.items()))
    sql = asof.THEN[name].format(rows="planted").replace("$moment", f"TIMESTAMPTZ '{at.isoformat()}'")
    found = con.sql(sql.replace("$today", f"DATE '{last_day(at, ZONE)}'")).to_arrow_table().to_pylist()
    return found[0] if found else None


def visit(status: str, start: str, cancelled_at: str | None = None, booked_at: str | None = "2025-03-01T12:00Z"):
    """(status, when it was cancelled, whether the outcome was inferred) of a visit as it is read."""
    told = {"start": start, "cancelled_at": cancelled_at, "booked_at": booked_at}
    told = {name: f"TIMESTAMPTZ '{at}'" if at else "NULL::TIMESTAMPTZ" for name, at in told.items()}
    row = then("appointments", status=f"'{status}'", status_inferred="true", **told)
    return row and (row["status"], row["cancelled_at"] is not None, row["status_inferred"])


# The day ends at 04:00Z on 16 March: New York is on summer time.
@pytest.mark.parametrize(
    ("told", "read"),
    [
        (("completed", "2025-03-16T03:59Z"), ("completed", False, True)),
        (("completed", "2025-03-16T04:00Z"), ("booked", False, False)),
        (("cancelled", "2025-03-20T12:00Z", "2025-03-16T03:59Z"), ("cancelled", True, False)),
        (("cancelled", "2025-03-20T12:00Z", "2025-03-16T04:00Z"), ("booked", False, False)),
        # struck off two days after nobody came
        (("cancelled", "2025-03-14T12:00Z", "2025-03-16T12:00Z"), ("unresolved", False, False)),
        # rang an hour before, too late: the shop counts it as a no-show
        (("no_show", "2025-03-14T12:00Z", "2025-03-14T11:00Z"), ("no_show", True, True)),
        (("no_show", "2025-03-17T12:00Z", "2025-03-14T11:00Z"), ("cancelled", True, False)),
        (("completed", "2025-03-16T03:59Z", None, None), ("completed", False, True)),
        (("completed", "2025-03-16T04:00Z", None, None), None),
        (("booked", "2025-03-20T12:00Z", None, "2025-03-16T03:59Z"), ("booked", False, False)),
        (("booked", "2025-03-20T12:00Z", None, "2025-03-16T04:00Z"), None),
    ],
)
def test_a_booking_is_read_as_it_stood(told, read):
    assert visit(*told) == read


@pytest.mark.parametrize(
    ("table", "told", "read"),
    [
        ("locations", {"status": "'closed'", "closed_on": "'2025-03-15'"}, ("closed", date(2025, 3, 15))),
        ("locations", {"status": "'closed'", "closed_on": "'2025-03-16'"}, ("open", None)),
        ("locations", {"opened_on": "'2025-03-16'"}, None),
        ("staff_assignments", {"valid_from": "'2025-03-15'", "valid_to": "'2025-03-16'"}, (date(2025, 3, 15), None)),
        (
            "memberships",
            {"started_on": "'2025-03-01'", "ended_on": "'2025-03-15'"},
            (date(2025, 3, 1), date(2025, 3, 15)),
        ),
        ("clients", {"erased_on": "'2025-03-16'"}, None),
        ("clients", {"erased_on": "'2025-03-15'"}, (date(2025, 3, 15),)),
        ("costs", {"month": "'2025-03-01'"}, None),  # March is half over
        ("costs", {"month": "'2025-02-01'"}, (date(2025, 2, 1),)),
        ("experiments", {"start": "'2025-03-01'", "status": "'decided'"}, (date(2025, 3, 1), "running")),
        ("experiments", {"start": "'2025-03-01'", "status": "'draft'"}, (date(2025, 3, 1), "draft")),
        ("compliance_items", {"status": "'expired'", "expires_on": "'2025-03-16'"}, ("compliant", date(2025, 3, 16))),
        ("compliance_items", {"status": "'expired'", "expires_on": "'2025-03-15'"}, ("expired", date(2025, 3, 15))),
        ("compliance_items", {"status": "'compliant'", "last_checked_on": "'2025-03-16'"}, None),
        ("location_day", {"local_date": "'2025-03-16'"}, None),
    ],
)
def test_what_a_later_day_brought_is_not_read(table, told, read):
    row = then(table, **told)
    assert (row and tuple(row[column] for column in told)) == read


@pytest.mark.parametrize(("decided", "status"), [("2025-03-16T03:59Z", "done"), ("2025-03-16T04:00Z", "new")])
def test_the_effect_of_advice_is_not_known_when_it_is_taken(decided, status):
    at = {"issued_at": "TIMESTAMPTZ '2025-03-01T12:00Z'", "decided_at": f"TIMESTAMPTZ '{decided}'"}
    row = then("coaching_log", status="'done'", measured_effect="0.25", **at)
    assert (row["status"], row["decided_at"] is None, row["measured_effect"]) == (status, status == "new", None)
