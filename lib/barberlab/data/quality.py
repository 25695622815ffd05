"""May these data be trusted? The ten gates of the contract, measured on each data version; a failed one is a banner.

Each gate is one SQL question over the version's tables that answers with one number, its limit and what was counted.
A gate that has nothing to look at says so and is neither passed nor failed. DQ-9 acts before: absurd amounts go to
quarantine, and the gate reports how many did.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from barberlab.data.contract import TABLES


@dataclass(frozen=True)
class Gate:
    """A gate's finding. `passed` is None where there was nothing to judge; `value` and `limit` share `unit`."""

    gate: str
    words: str
    passed: bool | None
    value: float | None
    limit: float
    unit: str
    counted: str

    def as_dict(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return asdict(self)


_REFERENCES = (
    ("appointments", "location_id", "locations"),
    ("appointments", "client_id", "clients"),
    ("appointments", "service_id", "services"),
    ("payments", "location_id", "locations"),
    ("payments", "appointment_id", "appointments"),
    ("shifts", "location_id", "locations"),
    ("staff_assignments", "location_id", "locations"),
    ("location_day", "location_id", "locations"),
)


def gates(con: duckdb.DuckDBPyConnection, as_of: datetime, outliers: int) -> list[Gate]:
    """All ten, in order. `outliers` is how many amounts DQ-9 sent to quarantine."""
    moment = f"TIMESTAMPTZ '{as_of.isoformat()}'"
    return [
        _orphans(con),
        _unresolved(con, moment),
        _outside_shifts(con),
        _reconciled(con),
        _month_gaps(con, as_of),
        _unassigned(con),
        _repeated_clients(con),
        _paid_twice(con),
        Gate(
            "DQ-9", "amounts over 50 times the median go to quarantine", True, float(outliers), 0.0, "rows", "amounts"
        ),
        _fresh(con, as_of),
    ]


def _share(gate: str, words: str, limit: float, hits: int, total: int, counted: str) -> Gate:
    """A gate on a share; with nothing to count it does not judge."""
    value = hits / total if total else None
    passed = None if value is None else value <= limit
    return Gate(gate, words, passed, value, limit, "share", f"{hits:,} of {total:,} {counted}")


def _row(con, sql: str) -> tuple:
    return con.sql(sql).fetchall()[0]


def _orphans(con) -> Gate:
    hits = total = 0
    for table, column, parent in _REFERENCES:
        key = TABLES[parent].key[0]
        found = _row(
            con,
            f"SELECT count(*) FILTER (p.{key} IS NULL), count(*) FROM {table} t "
            f"LEFT JOIN {parent} p ON t.{column} = p.{key} WHERE t.{column} IS NOT NULL",
        )
        hits, total = hits + found[0], total + found[1]
    return _share("DQ-1", "references without a target are at most 1%", 0.01, hits, total, "references")


def _unresolved(con, moment: str) -> Gate:
    hits, inferred, total = _row(
        con,
        "SELECT count(*) FILTER (status = 'unresolved'), count(*) FILTER (status_inferred), count(*) "
        f"FROM appointments WHERE start < {moment}",
    )
    words = "past visits without an outcome are at most 2%"
    return _share("DQ-2", words, 0.02, hits, total, f"past visits; outcome inferred for {inferred:,}")


def _outside_shifts(con) -> Gate:
    """A time-zone mistake shows here first. Judged by the worst shop, among shops that have shifts."""
    rows = con.sql(
        'WITH spans AS (SELECT location_id, local_date, min(start) AS opens, max("end") AS closes FROM shifts '
        "WHERE kind = 'available' GROUP BY ALL), "
        "visits AS (SELECT location_id, local_date, start FROM appointments WHERE status IN ('completed', 'no_show') "
        "AND location_id IN (SELECT location_id FROM spans)) "
        "SELECT count(*) FILTER (opens IS NULL OR start < opens OR start >= closes), count(*) "
        "FROM visits LEFT JOIN spans USING (location_id, local_date) GROUP BY location_id"
    ).fetchall()
    hits, total = max(rows, key=lambda row: row[0] / row[1], default=(0, 0))
    return _share("DQ-3", "visits outside a shop's shifts are at most 2%", 0.02, hits, total, "visits, worst shop")


def _reconciled(con) -> Gate:
    """Service payments against completed visits with a price, per shop and whole month; share of months within 1%."""
    hits, total = _row(
        con,
        "WITH asked AS (SELECT location_id, date_trunc('month', local_date) AS month, "
        "sum(price_cents - discount_cents) AS cents FROM appointments "
        "WHERE status = 'completed' AND price_cents IS NOT NULL GROUP BY ALL), "
        "paid AS (SELECT location_id, date_trunc('month', local_date) AS month, "
        "sum(gross_cents - discount_cents) AS cents FROM payments WHERE kind = 'service' "
        "AND status IN ('completed', 'refunded', 'partially_refunded') GROUP BY ALL) "
        "SELECT count(*) FILTER (abs(coalesce(paid.cents, 0) - asked.cents) > 0.01 * asked.cents), count(*) "
        "FROM asked LEFT JOIN paid USING (location_id, month) WHERE asked.cents > 0",
    )
    return _share("DQ-4", "service payments agree with visits within 1%", 0.0, hits, total, "shop-months disagree")


def _month_gaps(con, as_of: datetime) -> Gate:
    """Months between a shop's first and last in which nothing at all happened."""
    hits, total = _row(
        con,
        "WITH seen AS (SELECT DISTINCT location_id, year(local_date) * 12 + month(local_date) AS month FROM daily), "
        "spans AS (SELECT location_id, max(month) - min(month) + 1 AS months, count(*) AS present "
        "FROM seen GROUP BY ALL) "
        "SELECT coalesce(sum(months - present), 0)::BIGINT, coalesce(sum(months), 0)::BIGINT FROM spans",
    )
    return _share("DQ-5", "no month is missing inside a shop's history", 0.0, hits, total, "shop-months")


def _unassigned(con) -> Gate:
    hits, total = _row(
        con,
        "SELECT count(*) FILTER (NOT EXISTS (SELECT 1 FROM staff_assignments s WHERE s.staff_id = a.staff_id AND "
        "s.location_id = a.location_id AND s.valid_from <= a.local_date AND "
        "(s.valid_to IS NULL OR a.local_date < s.valid_to))), count(*) "
        "FROM appointments a WHERE a.staff_id IS NOT NULL",
    )
    return _share("DQ-6", "visits by a barber not assigned to the shop are at most 1%", 0.01, hits, total, "visits")


def _repeated_clients(con) -> Gate:
    """Clients are keyed by their pseudonym, so a second row of one person would have gone to quarantine."""
    hits, total = _row(con, "SELECT count(*) - count(DISTINCT client_id), count(*) FROM clients")
    return _share("DQ-7", "clients filed twice are at most 1%", 0.01, hits, total, "clients")


def _paid_twice(con) -> Gate:
    hits, total = _row(
        con,
        "WITH p AS (SELECT *, lag(paid_at) OVER w AS before, lag(appointment_id) OVER w AS visit_before FROM payments "
        "WHERE kind = 'service' AND gross_cents > 0 AND client_id IS NOT NULL "
        "WINDOW w AS (PARTITION BY location_id, staff_id, client_id, gross_cents ORDER BY paid_at, payment_id)) "
        "SELECT count(*) FILTER (paid_at - before <= INTERVAL 10 MINUTE "
        "AND (appointment_id IS NULL OR visit_before IS NULL OR appointment_id = visit_before)), count(*) FROM p",
    )
    words = "payments that look entered twice (same barber, client and amount within 10 minutes) are at most 1%"
    return _share("DQ-8", words, 0.01, hits, total, "service payments")


def _fresh(con, as_of: datetime) -> Gate:
    """Level "day" knows the day only, so a visit counts from the end of its day."""
    last = _row(
        con,
        "SELECT max(seconds) FROM (SELECT epoch(max(start)) AS seconds FROM appointments "
        "WHERE status = 'completed' UNION ALL "
        "SELECT epoch(CAST(max(local_date) + 1 AS TIMESTAMPTZ)) FROM location_day)",
    )[0]
    words = "the newest visit is at most 48 hours before the data's own date"
    if last is None:
        return Gate("DQ-10", words, None, None, 48.0, "hours", "no visits")
    hours = max(0.0, (as_of.timestamp() - last) / timedelta(hours=1).total_seconds())
    return Gate("DQ-10", words, hours <= 48, round(hours, 1), 48.0, "hours", "since the newest visit")
