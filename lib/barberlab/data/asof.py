"""What was known on an earlier day? Each table as it stood then, so that a back-test sees nothing later.

SQL over a table, given `$moment` (UTC) and `$today` (local date). Two things cannot be read back: when a refund was
given (the contract does not date it: a refunded payment is refunded from the start) and how a roster stood before it
was worked (shifts are shown only up to the moment).
"""

# A visit not yet due is booked, or cancelled if that was known; a booking without a time is known from its start. One
# struck off after its day had passed was, until then, without an outcome.
_APPOINTMENTS = """
SELECT * REPLACE (
    CASE WHEN cancelled_at <= $moment THEN 'cancelled' WHEN start >= $moment THEN 'booked'
         WHEN cancelled_at > $moment THEN 'unresolved' ELSE status END AS status,
    CASE WHEN cancelled_at <= $moment THEN cancelled_at END AS cancelled_at,
    status_inferred AND start < $moment AS status_inferred)
FROM {rows} WHERE coalesce(booked_at, start) < $moment
"""
_LOCATIONS = """
SELECT * REPLACE (
    CASE WHEN closed_on > $today THEN NULL ELSE closed_on END AS closed_on,
    CASE WHEN status = 'closed' AND closed_on > $today THEN 'open' ELSE status END AS status)
FROM {rows} WHERE opened_on IS NULL OR opened_on <= $today
"""
_KNOWN_UNTIL = (
    "SELECT * REPLACE (CASE WHEN {end} <= $today THEN {end} END AS {end}) FROM {{rows}} WHERE {start} <= $today"
)
_CLIENTS = """
SELECT * REPLACE (CASE WHEN erased_on <= $today THEN erased_on END AS erased_on)
FROM {rows} WHERE coalesce(first_seen_on, erased_on) <= $today
"""
_LOG = """
SELECT * REPLACE (
    CASE WHEN decided_at < $moment THEN status ELSE 'new' END AS status,
    CASE WHEN decided_at < $moment THEN decided_at END AS decided_at,
    CASE WHEN decided_at < $moment THEN measured_effect END AS measured_effect)
FROM {rows} WHERE issued_at < $moment
"""


def _before(column: str, limit: str) -> str:
    return f"SELECT * FROM {{rows}} WHERE {column} {limit}"


THEN = {
    "appointments": _APPOINTMENTS,
    "locations": _LOCATIONS,
    "clients": _CLIENTS,
    "coaching_log": _LOG,
    "staff_assignments": _KNOWN_UNTIL.format(start="valid_from", end="valid_to"),
    "memberships": _KNOWN_UNTIL.format(start="started_on", end="ended_on"),
    "payments": _before("paid_at", "< $moment"),
    "shifts": _before("start", "< $moment"),
    "reviews": _before("created_at", "< $moment"),
    "contacts": _before("sent_at", "< $moment"),
    "experiment_assignments": _before("assigned_at", "< $moment"),
    "experiments": _before("start", "<= $today"),
    "price_history": _before("valid_from", "<= $today"),
    "markets": _before("observed_on", "<= $today"),
    "costs": _before("month", "<= $today"),
    "location_day": _before("local_date", "<= $today"),
    "compliance_items": _before("coalesce(last_checked_on, $today)", "<= $today"),
}
TIMELESS = ("networks", "services", "calendar", "staff_names")
