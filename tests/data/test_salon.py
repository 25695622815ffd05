"""A real salon's point-of-sale export comes in through its mapping file alone, and agrees with the raw files.

The raw files are read here a second time, with the csv module and exact decimals, by rules written anew. What counts is
that both readings give the same rows and the same cents.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import corner
from barberlab.data import pseudonyms
from barberlab.data.ingest import Receipt, ingest
from barberlab.data.lab import Lab, open_lab
from barberlab.scope import Scope
from barberlab.workspace import Workspace
from corner import make_workspace
from panels import panel

MAPPING = corner.REPO / "params" / "sources" / "salon-2018.yaml"
ZONE = "America/Toronto"
LAST = date(2018, 7, 29)  # the last receipt and the last no-show
BUNDLE, NOBODY, SHOP = "Blow dry bundle 5+1", "WALK_IN", "HOUSE"
NUMBER = "is a whole number of minor units"


@dataclass(frozen=True)
class Raw:
    """The export as its files say it: a list of {column: text} per file, receipt lines with numbers and an id."""

    receipts: list[dict]
    bookings: list[dict]
    cancellations: list[dict]
    no_shows: list[dict]
    services: list[dict]

    def __post_init__(self):
        count = Counter()
        for line in self.receipts:
            count[line["Receipt"]] += 1
            line |= {"id": f"{line['Receipt']}-{count[line['Receipt']]}", "day": day(line["Date"])}
            line |= {name: Decimal(line[name]) for name in ("Amount", "GST", "PST", "Quantity")}

    @property
    def codes(self) -> set[str]:
        found = {row["Code"] for row in self.bookings + self.cancellations + self.no_shows}
        return (found | {line["Client"] for line in self.receipts}) - {"", NOBODY}

    @property
    def staff(self) -> set[str]:
        return {row["Staff"] for row in self.receipts + self.bookings + self.cancellations} - {SHOP}

    @cached_property
    def below(self) -> dict[str, str]:
        """Receipt line below zero -> what it is: a bundle's use, a return or a discount."""
        return {line["id"]: self._reason(line) for line in self.receipts if line["Amount"] < 0}

    def _reason(self, line: dict) -> str:
        if line["Quantity"] < 0:
            return "return"
        sales = (o for o in self.receipts if (o["Client"], o["Description"]) == (line["Client"], BUNDLE))
        return "bundle" if any(sale["day"] <= line["day"] for sale in sales) else "discount"


FILES = ("Receipt Transactions", "Future Bookings", "Client Cancellations", "No-Show Report", "Service Listing")


def read(folder: Path) -> Raw:
    paths = (next(folder.glob(f"{name}*.csv")) for name in FILES)
    return Raw(*(list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for path in paths))


def day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


@dataclass(frozen=True)
class Salon:
    """The salon in a workspace, beside its raw files."""

    workspace: Workspace
    raw: Raw
    receipt: Receipt
    lab: Lab

    @cached_property
    def visits(self) -> pd.DataFrame:
        """Appointments with their local clock and the barber's own name."""
        return self._named(self.lab["appointments"]).assign(
            at=lambda f: f["start"].dt.tz_convert(ZONE).dt.tz_localize(None),
            client=lambda f: f["client_id"].fillna(""),
        )

    @cached_property
    def payments(self) -> pd.DataFrame:
        """Payments with the barber's own name, what remained after every reduction, and the month."""
        frame = self._named(self.lab["payments"])
        cents = frame["gross_cents"] - frame["discount_cents"] - frame["refund_cents"] - frame["gift_card_cents"]
        return frame.assign(kept=cents, month=frame["local_date"].dt.month)

    def pseudonym(self, code: str) -> str:
        key = pseudonyms.key(self.workspace.key("salon"), may_create=False)
        return key.pseudonym("client", code) if code else ""

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = self.lab["staff_names"].set_index("staff_id")["display_name"]
        return frame.assign(staff=frame["staff_id"].map(names).fillna(SHOP))


def bring(workspace: Workspace, folder: Path) -> Receipt:
    return ingest(workspace, "salon", MAPPING, sorted(folder.glob("*.csv")))


@pytest.fixture(scope="module")
def salon(tmp_path_factory) -> Salon:
    folder = panel("salon-2018")
    workspace = make_workspace(tmp_path_factory.mktemp("salon") / "workspace")
    receipt = bring(workspace, folder)
    return Salon(workspace, read(folder), receipt, open_lab(workspace, Scope("salon")))


# Rows


def test_every_row_of_the_export_is_good_or_in_quarantine(salon):
    raw, checked = salon.raw, {table.table: table for table in salon.receipt.checked}
    bundles = sum(row["Service"] == "SBD5+1" for row in raw.bookings)
    assert (len(raw.bookings), len(raw.cancellations), len(raw.receipts)) == (1906, 243, 1934)
    assert checked["appointments"].rows == len(raw.bookings) - bundles + len(raw.cancellations)
    assert checked["payments"].rows == len(raw.receipts) - len(raw.below)
    assert checked["clients"].rows == len(raw.codes) == 821
    assert checked["services"].rows == len(raw.services) == 33
    assert checked["staff_assignments"].rows == len(raw.staff) == 6
    assert {name: table.bad for name, table in checked.items() if table.bad} == {"appointments": 1}
    for table in checked.values():
        assert table.good + table.bad == table.rows
        assert len(salon.lab[table.table]) == table.good


def test_only_the_booking_more_than_180_days_ahead_is_quarantined(salon):
    manifest = salon.receipt.version.manifest
    (reason,) = pq.read_table(salon.receipt.version.folder / manifest["quarantine"]["path"]).to_pylist()
    far = salon.raw.bookings[reason["source_row"] - 1]
    assert (reason["table"], reason["column"], reason["rule"]) == ("appointments", "start", "start < as_of + 180 days")
    assert reason["source_file"].startswith("Future Bookings")
    assert [row for row in salon.raw.bookings if (day(row["Date"]) - LAST).days > 180] == [far]


def test_the_data_end_with_the_last_receipt_and_the_last_no_show(salon):
    raw = salon.raw
    assert max(line["day"] for line in raw.receipts) == max(day(row["Date"]) for row in raw.no_shows) == LAST
    assert salon.lab.today == LAST
    assert salon.lab.as_of.isoformat() == "2018-07-30T04:00:00+00:00"


# Bookings, no-shows and cancellations


def _outcomes(salon) -> Counter:
    """(client, barber, service, local start, status) of each booking within reach, from the raw files."""
    raw = salon.raw
    missed = {(row["Code"], row["Date"], row["Service"], row["Staff"]) for row in raw.no_shows}
    paid = {(line["Client"], line["Date"]) for line in raw.receipts}
    found = Counter()
    for row in raw.bookings:
        start = datetime.strptime(f"{row['Date']} {row['Time']}", "%m/%d/%Y %I:%M:%S %p")
        if row["Service"] == "SBD5+1" or (start.date() - LAST).days > 180:
            continue
        if (row["Code"], row["Date"], row["Service"], row["Staff"]) in missed:
            status = "no_show"
        elif (row["Code"], row["Date"]) in paid:
            status = "completed"
        else:
            status = "booked" if start.date() > LAST else "unresolved"
        found[salon.pseudonym(row["Code"]), row["Staff"], row["Service"], start, status] += 1
    return found


def test_each_booking_has_the_outcome_that_the_till_tells(salon):
    rows = salon.visits[salon.visits["status"] != "cancelled"]
    ours = Counter(zip(rows["client"], rows["staff"], rows["service_id"], rows["at"], rows["status"], strict=True))
    assert ours == _outcomes(salon)


def test_completed_no_show_booked_and_unresolved_add_up_to_the_bookings(salon):
    """And only a completed visit is inferred."""
    status = Counter(salon.visits["status"])
    assert status == {"completed": 1637, "cancelled": 243, "booked": 188, "no_show": 60, "unresolved": 1}
    assert status["no_show"] == len(salon.raw.no_shows)
    assert status.total() - status["cancelled"] == len(salon.raw.bookings) - 19 - 1  # bundle sales, one too far ahead
    assert (salon.visits["status_inferred"] == (salon.visits["status"] == "completed")).all()


def test_each_cancellation_is_one_cancelled_appointment_at_noon(salon):
    rows = salon.visits[salon.visits["status"] == "cancelled"]
    struck = rows["cancelled_at"].dt.tz_convert(ZONE)
    ours = zip(rows["client"], rows["staff"], rows["service_id"], rows["at"].dt.date, struck.dt.date, strict=True)
    theirs = (
        (salon.pseudonym(r["Code"]), r["Staff"], r["Service"], day(r["Booking Date"]), day(r["Cancel Date"]))
        for r in salon.raw.cancellations
    )
    assert Counter(ours) == Counter(theirs)
    assert set(rows["at"].dt.hour) == set(struck.dt.hour) == {12}


def test_nobody_came_without_a_booking_but_to_buy_a_product(salon):
    """So nobody came unbooked, and the mapping makes up no visit."""
    booked = {(row["Code"], row["Date"]) for row in salon.raw.bookings}
    unbooked = [line for line in salon.raw.receipts if (line["Client"], line["Date"]) not in booked]
    assert {line["Client"] for line in unbooked} == {NOBODY}
    assert all(line["Amount"] == 0 for line in unbooked if line["Description"] == "miscellaneous")


def test_a_cancellation_is_not_known_before_it_was_made(salon):
    """One booking of April was struck off in May: at the end of April it had no outcome yet."""
    april = open_lab(salon.workspace, Scope("salon"), as_of="2018-04-30")["appointments"]
    made = [
        r for r in salon.raw.cancellations if max(day(r["Cancel Date"]), day(r["Booking Date"])) <= date(2018, 4, 30)
    ]
    assert (april["status"] == "cancelled").sum() == len(made)
    assert april.loc[april["status"] == "cancelled", "cancelled_at"].notna().all()
    assert (april["status"] == "unresolved").sum() == 1


# Money


def test_money_of_every_month_agrees_with_the_till_to_the_cent(salon):
    """Sum of Amount = gross less discount, refund and prepaid. A return lessens its sale: July's, of April."""
    theirs = Counter()
    for line in salon.raw.receipts:
        theirs[_sale(salon, line)["day"].month] += int(100 * line["Amount"])
    assert salon.payments.groupby("month")["kept"].sum().to_dict() == theirs
    assert theirs.total() == 11_580_903


def _sale(salon, line: dict) -> dict:
    """The line itself, or for a return the line by which the client bought the thing."""
    if line["Quantity"] >= 0:
        return line
    what = (line["Client"], line["Description"], -line["Amount"])
    (sale,) = (o for o in salon.raw.receipts if (o["Client"], o["Description"], o["Amount"]) == what)
    return sale


def test_what_each_barber_took_agrees_with_the_till(salon):
    """Before reductions, which the till books under the shop's own name."""
    theirs = Counter()
    for line in salon.raw.receipts:
        theirs[line["Staff"]] += max(0, int(100 * line["Amount"]))
    assert salon.payments.groupby("staff")["gross_cents"].sum().to_dict() == theirs
    assert set(salon.payments["staff_id"].dropna()) == set(salon.lab["staff_assignments"]["staff_id"])


def test_each_line_above_zero_is_a_payment_of_its_own(salon):
    rows = salon.payments
    theirs = {line["id"]: int(100 * line["Amount"]) for line in salon.raw.receipts if line["Amount"] >= 0}
    assert dict(zip(rows["payment_id"], rows["gross_cents"], strict=True)) == theirs
    local = rows["paid_at"].dt.tz_convert(ZONE)
    days = {line["id"]: line["day"] for line in salon.raw.receipts}
    assert (local.dt.date == rows["payment_id"].map(days)).all()
    assert set(local.dt.hour) == {12}


def test_services_products_and_bundles_are_told_apart_by_the_price_lists(salon):
    described = {row["Desc"] for row in salon.raw.services if row["Desc"]}
    theirs = Counter()
    for line in salon.raw.receipts:
        service = "service" if line["Description"] in described else "retail"
        theirs["gift_card_sale" if line["Description"] == BUNDLE else service] += max(0, int(100 * line["Amount"]))
    assert salon.payments.groupby("kind")["gross_cents"].sum().to_dict() == theirs
    assert theirs["gift_card_sale"] == 464_500


def test_lines_below_zero_are_bundles_used_discounts_and_one_return(salon):
    assert Counter(salon.raw.below.values()) == {"bundle": 64, "discount": 6, "return": 1}
    theirs, columns = Counter(), {"bundle": "gift_card_cents", "discount": "discount_cents", "return": "refund_cents"}
    for line in salon.raw.receipts:
        if line["id"] in salon.raw.below:
            theirs[_sale(salon, line)["Receipt"], columns[salon.raw.below[line["id"]]]] -= int(100 * line["Amount"])
    ours = salon.payments.assign(bill=salon.payments["payment_id"].str.split("-").str[0])
    ours = ours.groupby("bill")[list(columns.values())].sum().stack()
    assert ours[ours > 0].to_dict() == theirs
    assert salon.payments[list(columns.values())].sum().to_list() == [321_300, 25_700, 5_040]
    assert Counter(salon.payments["status"]) == {"completed": 1862, "refunded": 1}


def test_a_bundle_pays_blow_dries_in_full_and_at_most_six(salon):
    used = salon.payments[salon.payments["gift_card_cents"] > 0]
    described = {line["id"]: line["Description"] for line in salon.raw.receipts}
    assert (used["gift_card_cents"] == used["gross_cents"]).all()
    assert set(used["payment_id"].map(described)) == {"Blowdry"}
    bought = Counter(salon.pseudonym(line["Client"]) for line in salon.raw.receipts if line["Description"] == BUNDLE)
    assert all(count <= 6 * bought[client] for client, count in Counter(used["client_id"]).items())


def test_tax_agrees_with_the_till_to_the_cent(salon):
    """The file has fractions of cents. None is lost: the total is right, no month nor line is off by a whole cent."""
    exact = {line["id"]: 100 * (line["GST"] + line["PST"]) for line in salon.raw.receipts}
    assert sum(exact.values()) / 100 == Decimal("15053.1739")
    assert salon.payments["tax_cents"].sum() == 1_505_317
    plain = salon.payments[salon.payments[["discount_cents", "refund_cents", "gift_card_cents"]].sum(axis=1) == 0]
    for payment, cents in zip(plain["payment_id"], plain["tax_cents"], strict=True):
        assert abs(cents - exact[payment]) < 1
    assert salon.payments.loc[salon.payments["gift_card_cents"] > 0, "tax_cents"].max() == 0
    months = Counter()
    for line in salon.raw.receipts:
        months[_sale(salon, line)["day"].month] += exact[line["id"]]
    ours = salon.payments.groupby("month")["tax_cents"].sum()
    assert all(abs(ours[month] - cents) < 1 for month, cents in months.items())


def test_a_service_is_paid_for_at_the_clients_own_visit_of_that_day(salon):
    paid = salon.payments[salon.payments["kind"] == "service"]
    nobody = paid[paid["appointment_id"].isna()]
    assert (len(nobody), nobody["client_id"].notna().sum(), nobody["gross_cents"].sum()) == (2, 0, 0)
    both = paid.merge(salon.visits, on="appointment_id", suffixes=("", "_visit"))
    assert len(both) == len(paid) - 2
    assert (both["client_id"] == both["client_id_visit"]).all()
    assert (both["local_date"] == both["local_date_visit"]).all()
    assert (both["staff"] != both["staff_visit"]).sum() == 1
    assert set(both["status"].eq("completed") | both["status_visit"].eq("no_show")) == {True}


# Metrics


def test_average_ticket_of_may_is_its_services_over_its_visits(salon):
    """31,845.50 over 472: bundles count when used, discounts are taken off, products are apart."""
    described = {row["Desc"] for row in salon.raw.services if row["Desc"]} - {BUNDLE}
    may = [line for line in salon.raw.receipts if line["day"].month == 5 and line["Description"] in described]
    cents = sum(int(100 * line["Amount"]) for line in may if salon.raw.below.get(line["id"]) != "bundle")
    visits = sum(
        n for (_c, _b, _s, at, status), n in _outcomes(salon).items() if (at.month, status) == (5, "completed")
    )
    assert (cents, visits) == (3_184_550, 472)
    shown = salon.lab.metric("average_ticket", since="2018-05-01", until="2018-06-01")
    assert shown["value"].item() == pytest.approx(cents / visits)


def test_rates_of_the_whole_export_are_the_tills(salon):
    """60 of 1,697 did not come; of 1,933 appointments up to the last day, those struck off before or on it."""
    struck = sum(day(row["Booking Date"]) <= LAST for row in salon.raw.cancellations)
    assert salon.lab.metric("no_show_rate", grain="total")["value"].item() == pytest.approx(60 / 1697)
    shown = salon.lab.metric("cancellation_rate", grain="total")
    assert (shown["numerator"].item(), shown["denominator"].item()) == (struck, struck + 1637 + 60 + 1)


def test_what_the_till_does_not_know_is_said_and_not_made_up(salon):
    needs = salon.lab.metrics()["needs"]
    assert needs["utilisation"] == needs["revenue_per_available_hour"] == "table 8, shifts"
    assert needs["rebook_rate"] == needs["prebook_rate"] == "booking times (appointments.booked_at) of known clients"
    assert needs["new_clients"] == "180 days of history before the period"
    assert needs[["net_service_revenue", "visits", "average_ticket", "no_show_rate"]].isna().all()
    for table, column in (
        *(("appointments", name) for name in ("booked_at", "duration_min", "price_cents")),
        *(("services", name) for name in ("duration_min", "buffer_min")),
        *(("payments", name) for name in ("tip_cents", "staff_share_cents")),
        *(("locations", name) for name in ("chairs", "opened_on")),
    ):
        assert salon.lab[table][column].isna().all()
    assert "shifts" not in salon.lab.tables().index


def test_a_list_price_of_zero_is_no_price(salon):
    ours = salon.lab["services"].set_index("service_id")["list_price_cents"]
    for row in salon.raw.services:
        cents = ours[row["Code"]]
        assert pd.isna(cents) if row["Price"] == "0" else cents == 100 * Decimal(row["Price"])


def test_no_quality_gate_fails(salon):
    gates = salon.lab.quality()["passed"]
    assert not (gates == False).any()  # noqa: E712  null is neither
    assert sorted(gates.index[gates.isna()]) == ["DQ-3", "DQ-4"]


# Repeats, privacy and faults


def test_the_same_files_again_change_nothing(salon):
    data = salon.workspace.root / "data"
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    again = bring(salon.workspace, panel("salon-2018"))
    assert (again.changed, again.version.number) == (False, 1)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def _texts(path: Path) -> set[str]:
    """Every text that a reader of the file could find."""
    if path.suffix != ".parquet":
        return {path.read_text()}
    table = pq.read_table(path)
    return {str(value) for column in table.columns for value in set(column.to_pylist()) if isinstance(value, str)}


def test_no_client_code_and_no_barbers_name_is_in_the_network(salon):
    """But in staff_names, for the tenant's own pages. Packed bytes may hold a short code by chance: texts are read."""
    folder = salon.workspace.network("salon")
    found = [path for path in folder.rglob("*") if path.is_file() and "staff_names" not in path.parts]
    assert {"tables", "versions", "quarantine"} <= {path.relative_to(folder).parts[0] for path in found}
    secret = salon.raw.codes | {name for name in salon.raw.staff if len(name) > 2}
    long = [code.encode() for code in secret if len(code) >= 6]
    for path in found:
        texts = "\n".join(_texts(path) | {path.name})
        assert not [code for code in secret if code in texts]
        assert not salon.raw.staff & set(texts.replace("-", " ").split())
        packed = path.read_bytes()
        assert not [code for code in long if code in packed]
    names = salon.lab["staff_names"]["display_name"]
    assert set(names) == salon.raw.staff


def _refused(workspace: Workspace, export: Path, old: str, new: str) -> list[list]:
    """column, value and rule of the payments in quarantine after one receipt line has changed."""
    for path in panel("salon-2018").glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == path.name.startswith("Receipt")
        (export / path.name).write_text(text.replace(old, new), encoding="utf-8")
    receipt = bring(workspace, export)
    assert receipt.version.manifest["quarantine"]["rows"] == {"appointments": 1, "payments": 1}
    reasons = pq.read_table(receipt.version.folder / receipt.version.manifest["quarantine"]["path"]).to_pylist()
    return [[row["column"], row["value"], row["rule"]] for row in reasons if row["table"] == "payments"]


def test_a_line_below_zero_that_fits_no_other_goes_to_quarantine(workspace, tmp_path):
    """A product brought back at another price than it was bought for."""
    reasons = _refused(workspace, tmp_path, ",-1,-50.4,-2.52,-4.032", ",-1,-51,-2.55,-4.08")
    assert ["gross_cents", "-5100", ">= 0"] in reasons


@pytest.mark.parametrize(
    ("line", "changed", "reason"),
    [
        ("1,205,10.25,16.4", "1,2O5,10.25,16.4", ["gross_cents", "2O5", NUMBER]),
        ("1,205,10.25,16.4", "1,205,10.25,n/a", ["tax_cents", "10.25 + n/a", NUMBER]),
        ("\n1770,", "\n,", ["payment_id", None, "is known"]),
    ],
)
def test_a_line_that_cannot_be_read_goes_to_quarantine_as_it_stands(workspace, tmp_path, line, changed, reason):
    assert _refused(workspace, tmp_path, line, changed) == [reason]
