"""The rule table: what it takes, what it refuses, and that its words in data/README.md say the same."""

import re

import pandas as pd
import pandera.pandas as pa
import pytest

import corner
from barberlab.data import metrics
from barberlab.data.contract import TABLES, tables_for
from barberlab.data.frames import to_arrow, to_pandas

WORDS = (corner.REPO / "data" / "README.md").read_text()


def _section(number: int, name: str) -> str:
    return WORDS.split(f"### {number} `{name}`")[1].split("\n### ")[0].split("\n## ")[0]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_words_about_a_table_list_its_columns_types_nulls_and_rules(table):
    section = _section(table.number, table.name)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]*) \|$", section, re.M)
    said = {name: (kind, null.strip(), about) for name, kind, null, about in rows}
    assert list(said) == [name for name in table.columns if name != "network_id"]
    for name, (kind, null, about) in said.items():
        column = table.columns[name]
        default = f"default {column.default:,}" if column.default is not None else "no"
        assert (kind, null) == (table.kind(name), "yes" if column.nullable else default)
        assert all(check.error in about for check in column.checks if check.error not in ("is not empty", "is finite"))
    assert all(rule.error in section for rule in table.rules)


def test_the_words_about_metrics_are_the_definitions_themselves():
    for metric in metrics.METRICS.values():
        row = f"| `{metric.name}` | {metric.label} | {metric.unit} | {metric.about} | {metric.null_rule} |"
        assert row in WORDS


def test_the_required_tables_are_the_eight_and_the_day_level():
    assert [t.number for t in tables_for("visit")] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [t.name for t in tables_for("day")] == ["networks", "locations", "location_day"]


GOOD = {
    "appointments": {
        "network_id": "n", "appointment_id": "a", "location_id": "l", "staff_id": "s", "client_id": "c",
        "service_id": "v", "booked_at": "2025-01-01T10:00Z", "start": "2025-01-02T10:00Z", "duration_min": 30,
        "status": "completed", "status_inferred": False, "cancelled_at": None, "price_cents": 3000,
        "discount_cents": 0, "channel": "online", "is_recurring": False, "experiment_arm": None,
    },
    "payments": {
        "network_id": "n", "payment_id": "p", "location_id": "l", "staff_id": None, "client_id": None,
        "appointment_id": None, "kind": "service", "gross_cents": 3000, "discount_cents": 0, "tax_cents": 240,
        "tip_cents": None, "refund_cents": 0, "gift_card_cents": 0, "staff_share_cents": None, "method": "card",
        "status": "completed", "paid_at": "2025-01-02T10:40Z",
    },
    "clients": {
        "network_id": "n", "client_id": "c", "first_seen_on": "2025-01-01", "home_location_id": None,
        "acquisition_channel": "online", "consent_profiling": None, "consent_marketing": True, "erased_on": None,
    },
    "shifts": {
        "network_id": "n", "staff_id": "s", "location_id": "l", "start": "2025-01-02T09:00Z",
        "end": "2025-01-02T17:00Z", "kind": "available",
    },
}  # fmt: skip


def _verdict(name: str, **changes) -> set[str]:
    """The rules that a row breaks."""
    table = TABLES[name]
    row = pd.DataFrame([GOOD[name] | changes], dtype="object")
    for column in table.columns:
        if table.kind(column) in ("instant", "day"):
            row[column] = pd.to_datetime(row[column], utc=table.kind(column) == "instant").astype(
                "datetime64[us, UTC]" if table.kind(column) == "instant" else "datetime64[us]"
            )
    typed = to_pandas(to_arrow(row, {c: table.kind(c) for c in table.columns}))
    as_of = pd.Series([pd.Timestamp("2025-06-30", tz="UTC")], dtype="datetime64[us, UTC]")
    try:
        table.schema.validate(typed.assign(as_of=as_of), lazy=True)
    except pa.errors.SchemaErrors as errors:
        return set(errors.failure_cases["check"].astype(str))
    return set()


@pytest.mark.parametrize("name", GOOD)
def test_a_good_row_is_good(name):
    assert _verdict(name) == set()


@pytest.mark.parametrize(
    ("table", "changes", "rule"),
    [
        ("appointments", {"duration_min": 4}, ">= 5"),
        ("appointments", {"duration_min": 481}, "<= 480"),
        ("appointments", {"status": "done"}, "one of booked"),
        ("appointments", {"start": "2025-12-28T10:00Z", "status": "booked"}, "start < as_of"),
        ("appointments", {"start": "2025-07-01T10:00Z"}, "status: completed and no_show lie before as_of"),
        ("appointments", {"cancelled_at": "2024-12-31T10:00Z"}, "cancelled_at >= booked_at"),
        ("appointments", {"discount_cents": 3001}, "discount_cents <= price_cents"),
        ("appointments", {"location_id": None}, "not_nullable"),
        ("payments", {"gross_cents": -1}, ">= 0"),
        ("payments", {"refund_cents": 3241, "status": "partially_refunded"}, "refund_cents <="),
        ("payments", {"status": "refunded"}, "status is refunded exactly"),
        ("payments", {"refund_cents": 3000}, "status is refunded exactly"),
        ("clients", {"erased_on": "2025-02-01"}, "an erased client keeps no other value"),
        ("clients", {"first_seen_on": None}, "known unless erased"),
        ("shifts", {"end": "2025-01-02T09:00Z"}, "end > start"),
        ("shifts", {"end": "2025-01-03T01:01Z"}, "at most 16 hours"),
    ],
)
def test_a_row_that_breaks_a_rule_is_told_which(table, changes, rule):
    assert any(rule in broken for broken in _verdict(table, **changes))


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("appointments", {"price_cents": None, "duration_min": None, "booked_at": None, "staff_id": None}),
        ("appointments", {"start": "2025-12-20T10:00Z", "status": "booked"}),
        ("payments", {"refund_cents": 3000, "status": "refunded"}),
        ("payments", {"refund_cents": 2999, "status": "refunded"}),
        ("payments", {"tip_cents": 500, "refund_cents": 3740, "status": "partially_refunded"}),
        (
            "clients",
            {"first_seen_on": None, "acquisition_channel": None, "consent_marketing": None, "erased_on": "2025-02-01"},
        ),
        ("shifts", {"end": "2025-01-03T01:00Z"}),
    ],
)
def test_unknown_is_allowed_where_the_contract_says_so(table, changes):
    assert _verdict(table, **changes) == set()
