"""What does a network hand over? Every table, column, unit and rule, in one place.

A pandera schema per table is the rule table: ingest validates by it, `data/README.md` is tested against it. One
network per extract; ids are opaque text; money is Int64 in minor units of the network's currency; an instant is UTC,
local time is derived from the location's zone; a null means unknown, never zero, and switches off what needs it.

The frames validated here also carry `as_of` (UTC), so that rules about the future can be written as row rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import available_timezones

import pandas as pd
import pandera.pandas as pa

from barberlab.data.columns import count, day, enum, flag, instant, money, number, text

SCHEMA_VERSION = 1
ZONES = frozenset(available_timezones())


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    `key` identifies a row; `level` says who must bring it: "visit" and "day" are the two entry levels, "both", or
    "optional"; each of `overlaps` is (who, start, end, only): rows of the same `who` must not overlap in time, looked
    at only where the SQL condition `only` holds.
    """

    number: int
    name: str
    about: str
    key: tuple[str, ...]
    columns: dict[str, pa.Column]
    rules: tuple[pa.Check, ...] = ()
    level: str = "optional"
    overlaps: tuple[tuple[tuple[str, ...], str, str, str], ...] = ()
    schema: pa.DataFrameSchema = field(init=False)

    def __post_init__(self):
        schema = pa.DataFrameSchema(self.columns, checks=list(self.rules), strict=False, name=self.name)
        object.__setattr__(self, "schema", schema)

    def kind(self, column: str) -> str:
        """The contract's word for a column's type: text, enum, flag, count, money, number, day or instant."""
        return self.columns[column].metadata["kind"]

    def required(self) -> list[str]:
        """Columns that a mapping must select: those that may be neither null nor defaulted."""
        return [c for c, col in self.columns.items() if not col.nullable and col.default is None and c != "network_id"]


def rule(words: str, holds: Callable[[pd.DataFrame], pd.Series], compares: tuple[str, ...] = ()) -> pa.Check:
    """A row rule. `words` starts with the column that quarantine names; where one of `compares` is null, it holds.

    Said of columns, because NaT compares as false where Int64's null stays null.
    """

    def check(frame: pd.DataFrame) -> pd.Series:
        open_ = frame[list(compares)].isna().any(axis=1)
        return holds(frame).astype("boolean").fillna(True) | open_

    return pa.Check(check, error=words)


def _after(late: str, early: str) -> pa.Check:
    return rule(f"{late} > {early}", lambda f: f[late] > f[early], (late, early))


def _past_if_done(f: pd.DataFrame) -> pd.Series:
    return ~f["status"].isin(["completed", "no_show"]) | (f["start"] < f["as_of"])


def _refunded_in_full(f: pd.DataFrame) -> pd.Series:
    return (f["status"] == "refunded") == ((f["refund_cents"] - f["gross_cents"]).abs() <= 1) & (f["refund_cents"] > 0)


def _only_key_if_erased(f: pd.DataFrame) -> pd.Series:
    others = ["first_seen_on", "home_location_id", "acquisition_channel", "consent_profiling", "consent_marketing"]
    return f["erased_on"].isna() | f[others].isna().all(axis=1)


def _known_unless_erased(f: pd.DataFrame) -> pd.Series:
    return f["first_seen_on"].notna() & f["acquisition_channel"].notna() | f["erased_on"].notna()


_ZONE = pa.Check.isin(ZONES, error="an IANA time zone")
_CURRENCY = pa.Check.str_matches(r"^[A-Z]{3}$", error="three capital letters of ISO 4217")
_COUNTRY = pa.Check.str_matches(r"^[A-Z]{2}$", error="two capital letters of ISO 3166")
_NETWORK = {"network_id": text("the extract's own network")}
_DURATION = {"duration_min": count(5, 480, null=True, about="minutes")}


def _networks() -> Table:
    return Table(
        1,
        "networks",
        "the network itself: exactly one row",
        key=("network_id",),
        level="both",
        columns=_NETWORK
        | {
            "name": text("trading name shown on pages", null=True),
            "currency": text("ISO 4217", checks=[_CURRENCY]),
            "country": text("ISO 3166", checks=[_COUNTRY]),
            "benchmark_opt_in": flag(),
            "status": enum("active", "suspended", "closed"),
        },
    )


def _locations() -> Table:
    return Table(
        2,
        "locations",
        "shops, past and present",
        key=("location_id",),
        level="both",
        columns=_NETWORK
        | {
            "location_id": text(),
            "name": text("trading name shown on pages", null=True),
            "region_id": text(null=True),
            "franchisee_id": text(null=True),
            "timezone": text("IANA", checks=[_ZONE]),
            "currency": text("ISO 4217; the network's own", checks=[_CURRENCY]),
            "opened_on": day(null=True),
            "closed_on": day(null=True),
            "status": enum("planned", "open", "closed"),
            "chairs": count(1, null=True, about="chairs in use"),
            "compensation_model": enum("commission", "booth_rental", "hybrid", "salary", "unknown"),
            "postal_code": text(null=True),
            "country": text("ISO 3166", checks=[_COUNTRY]),
            "lat": number(-90, 90, null=True, about="degrees"),
            "lon": number(-180, 180, null=True, about="degrees"),
        },
        rules=(_after("closed_on", "opened_on"),),
    )


def _staff_assignments() -> Table:
    return Table(
        3,
        "staff_assignments",
        "who worked where, from when to when (half-open)",
        key=("staff_id", "location_id", "valid_from"),
        level="visit",
        columns=_NETWORK
        | {
            "staff_id": text("pseudonym"),
            "location_id": text(),
            "role": enum("barber", "apprentice", "manager", "reception"),
            "valid_from": day(),
            "valid_to": day(null=True),
            "is_primary": flag(),
            "commission_bp": count(0, 10_000, null=True, about="the barber's share, basis points"),
            "chair_rent_cents_week": money(null=True, about="minor units a week"),
            "annual_target_cents": money(default=10_000_000),
        },
        rules=(_after("valid_to", "valid_from"),),
        overlaps=(
            (("staff_id", "location_id"), "valid_from", "valid_to", "true"),
            (("staff_id",), "valid_from", "valid_to", "is_primary"),
        ),
    )


def _clients() -> Table:
    return Table(
        4,
        "clients",
        "clients by pseudonym; no name, contact or birth date",
        key=("client_id",),
        level="visit",
        columns=_NETWORK
        | {
            "client_id": text("pseudonym"),
            "first_seen_on": day(null=True),
            "home_location_id": text(null=True),
            "acquisition_channel": enum(
                "walk_in", "referral", "online", "marketplace", "paid", "import", "unknown", null=True
            ),
            "consent_profiling": flag(null=True),
            "consent_marketing": flag(null=True),
            "erased_on": day(null=True),
        },
        rules=(
            rule("erased_on: an erased client keeps no other value", _only_key_if_erased),
            rule("first_seen_on and acquisition_channel are known unless erased", _known_unless_erased),
        ),
    )


def _services() -> Table:
    return Table(
        5,
        "services",
        "the price list",
        key=("service_id",),
        level="visit",
        columns=_NETWORK
        | {"service_id": text(), "name": text()}
        | {"category": enum("haircut", "shave", "beard", "hair_treatment", "styling", "color", "package", "other")}
        | _DURATION
        | {
            "buffer_min": count(0, 480, null=True, about="minutes"),
            "list_price_cents": money(null=True),
            "is_addon": flag(null=True),
            "is_premium": flag(null=True),
        },
    )


def _appointments() -> Table:
    return Table(
        6,
        "appointments",
        "every booking and walk-in, whatever became of it",
        key=("appointment_id",),
        level="visit",
        columns=_NETWORK
        | {
            "appointment_id": text(),
            "location_id": text(),
            "staff_id": text("pseudonym", null=True),
            "client_id": text("pseudonym", null=True),
            "service_id": text(null=True),
            "booked_at": instant(null=True),
            "start": instant(),
        }
        | _DURATION
        | {
            "status": enum("booked", "completed", "cancelled", "no_show", "unresolved"),
            "status_inferred": flag(),
            "cancelled_at": instant(null=True),
            "price_cents": money(null=True),
            "discount_cents": money(default=0),
            "channel": enum("online", "phone", "walk_in", "recurring", "unknown"),
            "is_recurring": flag(null=True),
            "experiment_arm": text(null=True),
        },
        rules=(
            rule("start < as_of + 180 days", lambda f: f["start"] < f["as_of"] + pd.Timedelta(days=180)),
            rule("status: completed and no_show lie before as_of", _past_if_done),
            rule(
                "cancelled_at >= booked_at",
                lambda f: f["cancelled_at"] >= f["booked_at"],
                ("cancelled_at", "booked_at"),
            ),
            rule("discount_cents <= price_cents", lambda f: f["discount_cents"] <= f["price_cents"]),
        ),
    )


def _payments() -> Table:
    return Table(
        7,
        "payments",
        "money taken, per line; dated by the visit it pays for, else by itself",
        key=("payment_id",),
        level="visit",
        columns=_NETWORK
        | {
            "payment_id": text(),
            "location_id": text(),
            "staff_id": text("pseudonym", null=True),
            "client_id": text("pseudonym", null=True),
            "appointment_id": text(null=True),
            "kind": enum("service", "retail", "membership", "gift_card_sale", "fee", "chair_rent"),
            "gross_cents": money(about="before discount, tax and tip; minor units"),
            "discount_cents": money(default=0),
            "tax_cents": money(default=0),
            "tip_cents": money(null=True),
            "refund_cents": money(default=0),
            "gift_card_cents": money(default=0, about="part paid by gift card; minor units"),
            "staff_share_cents": money(null=True),
            "method": enum("card", "cash", "gift_card", "other", "unknown"),
            "status": enum("completed", "pending", "failed", "refunded", "partially_refunded"),
            "paid_at": instant(),
        },
        rules=(
            rule("discount_cents <= gross_cents", lambda f: f["discount_cents"] <= f["gross_cents"]),
            rule(
                "refund_cents <= gross_cents + tax_cents + tip_cents",
                lambda f: f["refund_cents"] <= f["gross_cents"] + f["tax_cents"] + f["tip_cents"].fillna(0),
            ),
            rule("status is refunded exactly when refund_cents = gross_cents (within 1)", _refunded_in_full),
        ),
    )


def _shifts() -> Table:
    return Table(
        8,
        "shifts",
        "when barbers were on the floor, off, or the shop was closed",
        key=("staff_id", "location_id", "start", "kind"),
        level="visit",
        columns=_NETWORK
        | {
            "staff_id": text("pseudonym"),
            "location_id": text(),
            "start": instant(),
            "end": instant(),
            "kind": enum("available", "time_off", "closed"),
        },
        rules=(
            _after("end", "start"),
            rule("end: at most 16 hours after start", lambda f: f["end"] - f["start"] <= pd.Timedelta(hours=16)),
        ),
        overlaps=((("staff_id",), "start", "end", "kind = 'available'"),),
    )


def _location_day() -> Table:
    measures = ("bookings", "completed", "no_shows", "cancellations", "clients", "new_clients")
    amounts = ("net_service_cents", "net_retail_cents", "tips_cents")
    minutes = ("available_min", "booked_min")
    return Table(
        20,
        "location_day",
        "entry level for large networks: one row per shop and local day",
        key=("location_id", "local_date"),
        level="day",
        columns=_NETWORK
        | {"location_id": text(), "local_date": day()}
        | {name: count(null=True) for name in measures}
        | {name: money(null=True) for name in amounts}
        | {name: count(null=True, about="minutes") for name in minutes}
        | {"active_staff": count(null=True)},
        rules=(rule("local_date is not after as_of", lambda f: f["local_date"] <= f["as_of"].dt.tz_localize(None)),),
    )


def _calendar() -> Table:
    return Table(
        9,
        "calendar",
        "holidays, school breaks and events; public holidays come bundled where the table is absent",
        key=("date", "country", "name"),
        columns=_NETWORK
        | {"date": day(), "country": text("ISO 3166", checks=[_COUNTRY]), "region": text(null=True), "name": text()}
        | {"is_closure": flag(), "kind": enum("public_holiday", "school_break", "event")},
    )


def _reviews() -> Table:
    return Table(
        10,
        "reviews",
        "stars given by clients",
        key=("review_id",),
        columns=_NETWORK
        | {"review_id": text(), "location_id": text(), "staff_id": text("pseudonym", null=True)}
        | {"rating": number(1, 5, about="stars"), "created_at": instant()},
    )


def _price_history() -> Table:
    return Table(
        11,
        "price_history",
        "what a service cost, from when",
        key=("service_id", "location_id", "staff_id", "valid_from"),
        columns=_NETWORK
        | {"service_id": text(), "location_id": text(null=True), "staff_id": text("pseudonym", null=True)}
        | {"valid_from": day(), "price_cents": money(), "experiment_id": text(null=True)},
    )


def _experiments() -> Table:
    return Table(
        12,
        "experiments",
        "planned and running tests",
        key=("experiment_id",),
        columns=_NETWORK
        | {"experiment_id": text(), "unit": enum("location", "staff", "client", "daypart"), "arms": text("JSON")}
        | {"metric": text(), "guardrails": text("JSON", null=True), "start": day(), "planned_end": day(null=True)}
        | {"stopping_rule": text(null=True), "owner": text(null=True)}
        | {"status": enum("draft", "running", "stopped", "decided")},
    )


def _experiment_assignments() -> Table:
    return Table(
        13,
        "experiment_assignments",
        "which unit is in which arm",
        key=("experiment_id", "unit_id"),
        columns=_NETWORK | {"experiment_id": text(), "unit_id": text(), "arm": text(), "assigned_at": instant()},
    )


def _contacts() -> Table:
    return Table(
        14,
        "contacts",
        "messages sent to clients, with hold-outs",
        key=("client_id", "campaign_type", "sent_at"),
        columns=_NETWORK
        | {"client_id": text("pseudonym"), "channel": text(), "campaign_type": text(), "sent_at": instant()}
        | {"is_holdout": flag(), "cost_cents": money(null=True)},
    )


def _compliance_items() -> Table:
    return Table(
        15,
        "compliance_items",
        "requirements with their due dates and state",
        key=("item_id",),
        columns=_NETWORK
        | {"item_id": text(), "scope": enum("network", "region", "location", "staff"), "scope_id": text()}
        | {"jurisdiction": text(), "category": enum("licence", "health", "tax", "labour", "brand", "data", "other")}
        | {"requirement": text(), "status": enum("compliant", "non_compliant", "pending", "expired", "waived")}
        | {"risk": enum("low", "medium", "high", "critical"), "due_on": day(null=True), "expires_on": day(null=True)}
        | {"last_checked_on": day(null=True), "evidence_ref": text(null=True)},
    )


def _markets() -> Table:
    return Table(
        16,
        "markets",
        "areas where a shop could open",
        key=("market_id", "observed_on"),
        columns=_NETWORK
        | {"market_id": text(), "postal_codes": text(null=True), "geometry": text("WKT", null=True)}
        | {"population": count(), "target_population": count(null=True), "median_income_cents": money(null=True)}
        | {"competitor_count": count(null=True), "rent_cents_m2_year": money(null=True), "source": text()}
        | {"observed_on": day()},
    )


def _costs() -> Table:
    return Table(
        17,
        "costs",
        "what a shop spent in a month",
        key=("location_id", "month", "category"),
        columns=_NETWORK
        | {"location_id": text(), "month": day(about="first of the month")}
        | {"category": enum("rent", "payroll", "supplies", "marketing", "royalty", "other"), "amount_cents": money()},
    )


def _memberships() -> Table:
    return Table(
        18,
        "memberships",
        "standing plans of clients",
        key=("membership_id",),
        columns=_NETWORK
        | {"membership_id": text(), "client_id": text("pseudonym"), "plan": text(), "started_on": day()}
        | {"ended_on": day(null=True), "price_cents": money(), "period_days": count(1, 400, about="days")},
        rules=(rule("ended_on >= started_on", lambda f: f["ended_on"] >= f["started_on"], ("ended_on", "started_on")),),
    )


def _coaching_log() -> Table:
    return Table(
        19,
        "coaching_log",
        "advice given and what became of it",
        key=("recommendation_id",),
        columns=_NETWORK
        | {"recommendation_id": text(), "scope_id": text(), "issued_at": instant(), "rule_id": text()}
        | {"status": enum("new", "accepted", "done", "dismissed"), "decided_at": instant(null=True)}
        | {"measured_effect": number(null=True)},
    )


_MAKERS = (
    *(_networks, _locations, _staff_assignments, _clients, _services, _appointments, _payments, _shifts),
    *(_location_day, _calendar, _reviews, _price_history, _experiments, _experiment_assignments, _contacts),
    *(_compliance_items, _markets, _costs, _memberships, _coaching_log),
)
TABLES: dict[str, Table] = {table.name: table for table in (make() for make in _MAKERS)}


def tables_for(level: str) -> list[Table]:
    """Tables that an extract of entry level "visit" or "day" must bring, in the contract's order."""
    return [t for t in TABLES.values() if t.level in (level, "both")]


def described(name: str) -> str:
    """How a page names a table: `table 8, shifts`."""
    return f"table {TABLES[name].number}, {name}"
