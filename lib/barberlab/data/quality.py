"""May these data be trusted? The ten gates of the contract, measured on each data version; a failed one is a banner.

Each gate is one SQL question over the version's tables that answers with one number, its limit and what was counted.
A gate that has nothing to look at says so and is neither passed nor failed. DQ-7 and DQ-9 act before: a client's second
row and absurd amounts go to quarantine, and the gates report how many did.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
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


# A column of this name points at that table's first key, wherever it stands.
_TARGETS = {
    "location_id": "locations",
    "home_location_id": "locations",
    "staff_id": "staff_assignments",
    "client_id": "clients",
    "service_id": "services",
    "appointment_id": "appointments",
    "experiment_id": "experiments",
}
_REFERENCES = tuple(
    (table.name, column, target)
    for table in TABLES.values()
    for column, target in _TARGETS.items()
    if column in table.columns and table.name != target
)


def gates(con: duckdb.DuckDBPyConnection, as_of: datetime, outliers: int, repeated_clients: int = 0) -> list[Gate]:
    """All ten, in order. `outliers` and `repeated_clients` are the rows that DQ-9 and DQ-7 sent to quarantine."""
    moment = f"TIMESTAMPTZ '{as_of.isoformat()}'"
    return [
        _orphans(con),
        _unresolved(con, moment),
        _outside_shifts(con),
        _reconciled(con),
        _month_gaps(con, moment),
        _unassigned(con),
        _repeated_clients(con, repeated_clients),
        _paid_twice(con),
        _absurd(con, outliers),
        _fresh(con, moment),
    ]


def _share(gate: str, words: str, limit: float, hits: int, total: int, counted: str) -> Gate:
    """A gate on a share; with nothing to count it does not judge."""
    value = hits / total if total else None
    passed = None if value is None else value <= limit
    return Gate(gate, words, passed, value, limit, "share", f"{hits:,} of {total:,} {counted}")


def _row(con, sql: str) -> tuple:
    return con.sql(sql).fetchall()[0]


def _worst(rows: list[tuple]) -> tuple:
    """The row (hits, total, ...) with the highest share; of equal ones the one that counted most."""
    return max((row for row in rows if row[1]), key=lambda row: (row[0] / row[1], row[1]), default=(0, 0, None))


def _orphans(con) -> Gate:
    """Judged by the worst column: a small table that points nowhere would drown in the visits of a large one."""
    rows = [
        _row(
            con,
            f"SELECT count(*) FILTER (t.{column} NOT IN (SELECT {TABLES[target].key[0]} FROM {target})), count(*), "
            f"'{table}.{column}' FROM {table} t WHERE t.{column} IS NOT NULL",
        )
        for table, column, target in _REFERENCES
    ]
    hits, total, name = _worst(rows)
    if not hits:
        total, name = sum(row[1] for row in rows), "all columns"
    return _share("DQ-1", "references without a target are at most 1%", 0.01, hits, total, f"references in {name}")


def _unresolved(con, moment: str) -> Gate:
    """A visit that is still `booked` after its time has no outcome either."""
    hits, inferred, total = _row(
        con,
        "SELECT count(*) FILTER (status IN ('unresolved', 'booked')), count(*) FILTER (status_inferred), count(*) "
        f"FROM appointments WHERE start < {moment}",
    )
    words = "past visits without an outcome are at most 2%"
    return _share("DQ-2", words, 0.02, hits, total, f"past visits; outcome inferred for {inferred:,}")


def _outside_shifts(con) -> Gate:
    """A time-zone mistake shows here first: did the visit begin while anybody was on the shop's floor?

    Judged by the worst shop, and from a shop's first to its last day with shifts: of other days nothing is known. A
    shift is looked up by its UTC days; at most 16 hours long, it has one or two.
    """
    rows = con.sql("""
        WITH days AS (
            SELECT *, unnest([CAST(start AS DATE), CAST("end" AS DATE)]) AS day FROM shifts
        ), known AS (
            SELECT location_id, min(local_date) AS first, max(local_date) AS last
            FROM shifts WHERE kind = 'available' GROUP BY ALL
        ), visits AS (
            SELECT appointment_id, location_id, start, CAST(start AS DATE) AS day
            FROM appointments JOIN known USING (location_id)
            WHERE status IN ('completed', 'no_show') AND local_date BETWEEN first AND last
        ), rostered AS (
            SELECT v.*, d.staff_id FROM visits v JOIN days d USING (location_id, day)
            WHERE d.kind = 'available' AND d.start <= v.start AND v.start < d."end"
        ), staffed AS (
            SELECT DISTINCT appointment_id FROM rostered r WHERE NOT EXISTS (
                FROM days d WHERE d.kind <> 'available' AND (d.staff_id, d.day) = (r.staff_id, r.day)
                AND d.start <= r.start AND r.start < d."end"
            )
        )
        SELECT count(*) FILTER (s.appointment_id IS NULL), count(*), location_id
        FROM visits LEFT JOIN staffed s USING (appointment_id) GROUP BY location_id
    """).fetchall()
    hits, total, _shop = _worst(rows)
    return _share("DQ-3", "visits outside a shop's shifts are at most 2%", 0.02, hits, total, "visits, worst shop")


def _reconciled(con) -> Gate:
    """Service payments against completed visits, per shop and month, from a shop's first to its last such visit.

    A month with a visit of unknown price cannot be judged. Paid ahead for a visit still to come is not yet owed.
    """
    hits, total = _row(
        con,
        """
        WITH asked AS (
            SELECT location_id, date_trunc('month', local_date) AS month, sum(price_cents - discount_cents) AS cents,
                count(*) = count(price_cents) AS priced
            FROM appointments WHERE status = 'completed' GROUP BY ALL
        ), paid AS (
            SELECT p.location_id, date_trunc('month', p.local_date) AS month,
                sum(p.gross_cents - p.discount_cents) AS cents
            FROM payments p LEFT JOIN appointments a USING (appointment_id)
            WHERE p.kind = 'service' AND p.status IN ('completed', 'refunded', 'partially_refunded')
                AND a.status IS DISTINCT FROM 'booked'
            GROUP BY ALL
        ), spans AS (
            SELECT location_id, min(month) AS first, max(month) AS last FROM asked GROUP BY ALL
        ), months AS (
            SELECT coalesce(asked.cents, 0) AS asked, coalesce(paid.cents, 0) AS paid
            FROM asked FULL JOIN paid USING (location_id, month) JOIN spans USING (location_id)
            WHERE coalesce(priced, true) AND month BETWEEN first AND last
        )
        SELECT count(*) FILTER (abs(paid - asked) > 0.01 * asked), count(*) FROM months WHERE asked > 0 OR paid > 0
        """,
    )
    return _share("DQ-4", "service payments agree with visits within 1%", 0.0, hits, total, "shop-months disagree")


def _month_gaps(con, moment: str) -> Gate:
    """Whole months without one visit, payment or day's total, from a shop's first month until it closed or until now.

    A shop that is open and has fallen silent is the gap that matters most. Shifts alone are no activity, but a month
    for which a shop has shifts and all are time off or closures was planned so.
    """
    hits, total = _row(
        con,
        f"""
        WITH seen AS (
            SELECT DISTINCT location_id, date_trunc('month', local_date) AS month FROM (
                SELECT location_id, local_date FROM appointments WHERE start < {moment}
                UNION ALL SELECT location_id, local_date FROM payments
                UNION ALL SELECT location_id, local_date FROM location_day
            )
        ), shut AS (
            SELECT location_id, date_trunc('month', local_date) AS month FROM shifts
            GROUP BY ALL HAVING count(*) FILTER (kind = 'available') = 0
        ), spans AS (
            SELECT location_id, min(month) AS first, least(
                date_trunc('month', timezone(any_value(timezone), {moment})),
                date_trunc('month', any_value(closed_on)),
                CASE WHEN any_value(status) = 'closed' THEN max(month) + INTERVAL 1 MONTH END
            ) AS until
            FROM seen JOIN locations USING (location_id) GROUP BY ALL
        ), due AS (
            SELECT location_id, unnest(range(first, until, INTERVAL 1 MONTH)) AS month FROM spans
        )
        SELECT count(*) FILTER (seen.month IS NULL), count(*)
        FROM due ANTI JOIN shut USING (location_id, month) LEFT JOIN seen USING (location_id, month)
        """,
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


def _repeated_clients(con, repeated: int) -> Gate:
    """One code spelt in two ways is one pseudonym, so it shows as a second row of the same client."""
    total = _row(con, "SELECT count(*) FROM clients")[0] + repeated
    return _share("DQ-7", "clients filed twice are at most 1%", 0.01, repeated, total, "clients")


def _paid_twice(con) -> Gate:
    """Payments that follow one of the same shop, barber and amount within 10 minutes, client and visit permitting.

    A till and a card terminal that both report a payment seldom both know the client; an unknown one may be the same.
    Where the barber is unknown too, the client must be known. Neighbours are found by their slots of 10 minutes.
    """
    hits, total = _row(
        con,
        """
        WITH p AS (
            SELECT *, epoch_ms(paid_at) // 600000 AS slot FROM payments WHERE kind = 'service' AND gross_cents > 0
        ), near AS (
            SELECT *, unnest([slot, slot + 1]) AS next_slot FROM p
        )
        SELECT count(DISTINCT later.payment_id), (SELECT count(*) FROM p)
        FROM p later JOIN near earlier ON later.slot = earlier.next_slot
            AND (later.location_id, later.gross_cents) = (earlier.location_id, earlier.gross_cents)
            AND later.staff_id IS NOT DISTINCT FROM earlier.staff_id
        WHERE (earlier.paid_at, earlier.payment_id) < (later.paid_at, later.payment_id)
            AND later.paid_at - earlier.paid_at <= INTERVAL 10 MINUTE
            AND coalesce(later.client_id = earlier.client_id, later.staff_id IS NOT NULL)
            AND coalesce(later.appointment_id = earlier.appointment_id, true)
        """,
    )
    words = "payments that look entered twice (same barber, client and amount within 10 minutes) are at most 1%"
    return _share("DQ-8", words, 0.01, hits, total, "service payments")


def _absurd(con, outliers: int) -> Gate:
    """Holds by what was done before: whatever was absurd is in quarantine, and this says how much."""
    kept = _row(
        con,
        "SELECT (SELECT count(*) FROM payments WHERE gross_cents > 0) + "
        "(SELECT count(*) FROM appointments WHERE price_cents > 0)",
    )[0]
    total = kept + outliers
    words = "amounts over 50 times the median go to quarantine"
    counted = f"{outliers:,} of {total:,} amounts"
    return Gate("DQ-9", words, True if total else None, float(outliers) if total else None, 0.0, "rows", counted)


def _fresh(con, moment: str) -> Gate:
    """Level "day" knows the day only, so a visit counts from the end of its day; a day of zeros has none."""
    hours = _row(
        con,
        f"""
        WITH visits AS (
            SELECT start AS seen_at FROM appointments WHERE status = 'completed'
            UNION ALL
            SELECT timezone(l.timezone, CAST(d.local_date + 1 AS TIMESTAMP))
            FROM location_day d JOIN locations l USING (location_id)
            WHERE greatest(completed, bookings, clients, net_service_cents) > 0
        )
        SELECT (epoch({moment}) - epoch(max(seen_at))) / 3600 FROM visits
        """,
    )[0]
    words = "the newest visit is at most 48 hours before the data's own date"
    if hours is None:
        return Gate("DQ-10", words, None, None, 48.0, "hours", "no visits")
    hours = max(0.0, hours)
    return Gate("DQ-10", words, hours <= 48, hours, 48.0, "hours", f"{hours:.1f} hours since the newest visit")
