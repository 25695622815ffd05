"""What was known on an earlier day? Each table as it stood then, so that a back-test sees nothing later.

SQL over a table, given `$moment` (UTC) and `$today` (local date). What the contract does not date cannot be read back:
when a refund was given or a pending payment settled (a refunded payment is refunded from the start), how a roster stood
before it was worked (shifts are shown only up to the moment), what a booking or a service cost before its price was
changed, and what was on file of a client who has since been erased.
"""

# A visit not yet due is booked, or cancelled if that was known; a booking without a time is known from its start. One
# struck off after its day had passed was, until then, without an outcome. A no-show may have rung before: it is one.
_APPOINTMENTS = """
SELECT * REPLACE (
    CASE WHEN start >= $moment AND cancelled_at < $moment THEN 'cancelled' WHEN start >= $moment THEN 'booked'
         WHEN status = 'cancelled' AND cancelled_at >= $moment THEN 'unresolved' ELSE status END AS status,
    CASE WHEN cancelled_at < $moment THEN cancelled_at END AS cancelled_at,
    status_inferred AND start < $moment AND (status <> 'cancelled' OR coalesce(cancelled_at < $moment, true))
        AS status_inferred)
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
# An effect is measured some time after the decision, and nobody says when.
_LOG = """
SELECT * REPLACE (
    CASE WHEN decided_at < $moment THEN status ELSE 'new' END AS status,
    CASE WHEN decided_at < $moment THEN decided_at END AS decided_at,
    NULL::DOUBLE AS measured_effect)
FROM {rows} WHERE issued_at < $moment
"""
# How and when a test ended is not dated; from its start it runs.
_EXPERIMENTS = """
SELECT * REPLACE (CASE WHEN status = 'draft' THEN status ELSE 'running' END AS status)
FROM {rows} WHERE start <= $today
"""
# What has expired since was in order until then.
_COMPLIANCE = """
SELECT * REPLACE (CASE WHEN status = 'expired' AND expires_on > $today THEN 'compliant' ELSE status END AS status)
FROM {rows} WHERE coalesce(last_checked_on, $today) <= $today
"""


def _before(column: str, limit: str) -> str:
    return f"SELECT * FROM {{rows}} WHERE {column} {limit}"


THEN = {
    "appointments": _APPOINTMENTS,
    "locations": _LOCATIONS,
    "clients": _CLIENTS,
    "coaching_log": _LOG,
    "experiments": _EXPERIMENTS,
    "compliance_items": _COMPLIANCE,
    "staff_assignments": _KNOWN_UNTIL.format(start="valid_from", end="valid_to"),
    "memberships": _KNOWN_UNTIL.format(start="started_on", end="ended_on"),
    "payments": _before("paid_at", "< $moment"),
    "shifts": _before("start", "< $moment"),
    "reviews": _before("created_at", "< $moment"),
    "contacts": _before("sent_at", "< $moment"),
    "experiment_assignments": _before("assigned_at", "< $moment"),
    "price_history": _before("valid_from", "<= $today"),
    "markets": _before("observed_on", "<= $today"),
    "costs": _before("last_day(month)", "<= $today"),  # the sum of a month is known when it is over
    "location_day": _before("local_date", "<= $today"),
}
TIMELESS = ("networks", "services", "calendar", "staff_names")
