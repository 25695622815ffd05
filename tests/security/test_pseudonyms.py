"""Who is who stays with the shop: no list of codes, no second network and no file of the workspace gives a client away.

The attacker of these tests holds everything that an analyst could: all files of the workspace but the key's, the
scheme itself, and a list of every code, e-mail address and telephone number that a client could have.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import stat
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

import corner
from barberlab.cli import main
from barberlab.data import pseudonyms
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab
from barberlab.data.pseudonyms import CLIENT, STAFF, Key
from barberlab.errors import BadInput
from barberlab.scope import Scope

MAIL, PHONE, NAME = "jane.doe@example.com", "+1 415 555 0132", "Jane Doe"
KEY = Key("k1", bytes(range(32)))


def pseudonym_of(lab, table: str, row: str, column: str) -> str:
    key = {"appointments": "appointment_id", "staff_assignments": "location_id"}[table]
    return lab[table].set_index(key).loc[row, column]


def texts(folder: Path) -> str:
    """Every text that the files below could show: raw bytes, and what is packed inside Parquet."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            found += [str(value) for column in pq.read_table(path).columns for value in column.unique().to_pylist()]
    return "\n".join(found)


# The attack with a list


def guesses(code: str) -> list[bytes]:
    """What an attacker would make of a code: plain sums, and keyed ones with every key that could be guessed."""
    words = [code, code.lower(), code.strip(), f"client|{code}", f"client|{code.lower()}", f"corner|{code}"]
    keys = [b"", b"k1", b"corner", b"client", b"fingerprint", bytes(32)]
    plain = [hashlib.new(kind, word.encode()).digest() for kind in ("sha256", "sha1", "md5") for word in words]
    return plain + [hmac.digest(key, word.encode(), "sha256") for key in keys for word in words]


def read_with(book: dict[str, str], seen: set[str]) -> set[str]:
    """The clients whom a book of sum -> code names."""
    return {book[name] for name in seen if name in book}


def as_name(digest: bytes) -> str:
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def test_a_list_of_all_codes_names_nobody_where_plain_sums_would_name_everybody(corner_workspace):
    codes = [f"{word}-{number:04}" for word in ("JONES", "SMITH", "BROWN", "GREEN") for number in range(10_000)]
    real = set(corner.CODES.values())
    assert real <= set(codes)
    naive = {as_name(hashlib.sha256(code.encode()).digest()) for code in real}
    assert read_with({as_name(hashlib.sha256(c.encode()).digest()): c for c in codes}, naive) == real

    ours = {name.removeprefix("k1_") for name in open_lab(corner_workspace, Scope("corner"))["clients"]["client_id"]}
    assert len(ours) == len(real)
    book = {as_name(guess): code for code in codes[::7] + list(real) for guess in guesses(code)}
    assert read_with(book, ours) == set()


def test_only_who_holds_the_key_can_tell(corner_workspace):
    """RFC 2104, FIPS 198-1: the scheme is HMAC-SHA-256, so the key alone is what protects, and all that is needed."""
    _kid, secret = corner_workspace.key("corner").read_text().split()
    told = {
        "k1_" + as_name(hmac.digest(bytes.fromhex(secret), f"client|{code}".encode(), "sha256")): code
        for code in corner.CODES.values()
    }
    seen = set(open_lab(corner_workspace, Scope("corner"))["clients"]["client_id"])
    assert read_with(told, seen) == set(corner.CODES.values())


def test_a_key_is_32_random_bytes_and_two_networks_never_share_one(tmp_path):
    keys = {pseudonyms.key(tmp_path / f"{n}.key", may_create=True).secret for n in range(50)}
    assert len(keys) == 50
    assert {len(secret) for secret in keys} == {32}


# Who is the same, and who is not


@pytest.mark.parametrize("spelt", ["SMITH-0002", " SMITH-0002", "SMITH-0002  ", "\tSMITH-0002\n"])
def test_a_code_with_blanks_around_it_is_the_same_client(spelt):
    assert KEY.pseudonym(CLIENT, spelt) == KEY.pseudonym(CLIENT, "SMITH-0002")


@pytest.mark.parametrize("other", ["smith-0002", "SMITH -0002", "SMITH-002", "SMITH-0002a"])
def test_any_other_difference_is_another_client(other):
    """Ids are opaque: whether `a7` and `A7` are one person is for the source to say."""
    assert KEY.pseudonym(CLIENT, other) != KEY.pseudonym(CLIENT, "SMITH-0002")


def test_one_code_with_blanks_in_a_file_is_one_client_in_every_table(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[2, "client_id"] = " SMITH-0002 "
    tables["appointments"].loc[5, "client_id"] = "SMITH-0002\t"
    corner.bring(workspace, tmp_path, tables)
    lab = open_lab(workspace, Scope("corner"))
    assert pseudonym_of(lab, "appointments", "a3", "client_id") == pseudonym_of(lab, "appointments", "a6", "client_id")
    assert set(lab["appointments"]["client_id"].dropna()) == set(lab["clients"]["client_id"])


def test_a_barber_who_is_also_a_client_is_two_people_here():
    assert KEY.pseudonym(CLIENT, "0815") != KEY.pseudonym(STAFF, "0815")


def test_a_pseudonym_does_not_depend_on_the_day_or_the_batch(workspace, tmp_path):
    first = corner.bring(workspace, tmp_path / "one").version
    tables = corner.tables()
    tables["appointments"] = tables["appointments"].iloc[::-1]
    corner.bring(workspace, tmp_path / "two", tables)
    before, after = (open_lab(workspace, Scope("corner"), version=number) for number in (first.number, 2))
    for table, row, column in (("appointments", "a3", "client_id"), ("staff_assignments", "ny", "staff_id")):
        assert pseudonym_of(before, table, row, column) == pseudonym_of(after, table, row, column)


def test_no_value_that_names_a_person_joins_two_networks(workspace, tmp_path):
    """The same export in two networks: shops and prices are the same, nobody is."""
    corner.bring(workspace, tmp_path / "one")
    tables = {name: frame.assign(network_id="rival") for name, frame in corner.tables().items()}
    ingest(workspace, "rival", corner.MAPPING, corner.write(tables, tmp_path / "two"), as_of=corner.AS_OF)
    labs = [open_lab(workspace, Scope(network)) for network in ("corner", "rival")]
    for table in labs[0].tables().index:
        ours, theirs = (lab[table] for lab in labs)
        for column in {"client_id", "staff_id", "scope_id", "unit_id"} & set(ours):
            assert not set(ours[column].dropna()) & set(theirs[column].dropna()), (table, column)
    assert set(labs[0]["locations"]["location_id"]) == set(labs[1]["locations"]["location_id"])


# The key


def test_the_key_is_its_owners_alone_whatever_the_umask_says(workspace, tmp_path):
    before = os.umask(0)
    try:
        corner.bring(workspace, tmp_path)
    finally:
        os.umask(before)
    key = workspace.key("corner")
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_a_key_that_is_there_is_never_written_over(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    key = workspace.key("corner")
    before = key.read_bytes(), key.stat().st_ino, key.stat().st_mtime_ns
    pseudonyms.store(Key("k2", bytes(32)), key)
    tables = corner.tables()
    tables["payments"] = tables["payments"].head(3)
    corner.bring(workspace, tmp_path / "two", tables, afresh=True)
    assert (key.read_bytes(), key.stat().st_ino, key.stat().st_mtime_ns) == before


def test_the_key_is_in_no_other_file_no_output_no_log_and_no_variable(workspace, tmp_path, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    receipt = corner.bring(workspace, tmp_path / "one")
    tables = corner.tables()
    tables["services"].loc[1, "name"] = MAIL
    with pytest.raises(BadInput) as refused:
        corner.bring(workspace, tmp_path / "two", tables | {"payments": tables["payments"].drop(columns="paid_at")})
    said = capsys.readouterr()
    shown = [repr(receipt), repr(refused.value), said.out, said.err, caplog.text, json.dumps(dict(os.environ))]
    shown += [repr(open_lab(workspace, Scope("corner"))), texts(workspace.root / "data" / "networks")]
    secret = bytes.fromhex(workspace.key("corner").read_text().split()[1])
    forms = [secret.hex(), secret.hex().upper(), secret.decode("latin-1"), repr(secret)]
    forms += [base64.b64encode(secret).decode().rstrip("="), base64.b32encode(secret).decode().rstrip("=")]
    everything = "\n".join(shown)
    assert [form for form in forms if form in everything] == []


def test_a_key_cannot_be_read_off_its_object():
    assert KEY.secret.hex() not in repr(KEY) + str(KEY) + f"{KEY}" + repr([KEY]) + repr({"key": KEY})
    assert repr(KEY.secret) not in repr(KEY) + str(KEY)


def test_two_fingerprints_tell_two_keys_apart_and_neither_is_a_pseudonym():
    prints = {Key("k1", bytes([n] * 32)).fingerprint() for n in range(9)}
    assert len(prints) == 9
    assert KEY.fingerprint() != KEY.secret.hex()[:16]
    assert as_name(bytes.fromhex(KEY.fingerprint())) not in KEY.pseudonym(CLIENT, "")


# Names


def test_a_display_name_is_in_the_file_of_staff_names_and_in_no_other_byte(workspace, tmp_path):
    version = corner.bring(workspace, tmp_path).version
    [own] = version.paths("staff_names")
    assert "Ann Quill" in texts(own.parent)
    own.unlink()
    rest = texts(workspace.root / "data")
    assert [name for name in ("Ann Quill", "Bob Marrow", "Quill", "Marrow") if name in rest] == []


def test_no_code_is_in_any_file(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[3, "status"] = "nonsense"  # goes to quarantine, pseudonym and all
    tables["shifts"].loc[0, "end"] = "never"
    tables["compliance_items"] = pd.DataFrame(
        [
            {"item_id": "i1", "network_id": "corner", "scope": "staff", "scope_id": corner.STAFF["ann"]}
            | {"jurisdiction": "US", "category": "licence", "requirement": "Barber licence"}
            | {"status": "compliant", "risk": "high"}
        ]
    )
    corner.bring(workspace, tmp_path, tables)
    everything = texts(workspace.root / "data")
    assert [code for code in [*corner.CODES.values(), *corner.STAFF.values()] if code in everything] == []


# Quarantine and messages


def test_quarantine_never_repeats_an_address_or_a_number(workspace, tmp_path):
    """Wherever a till let somebody type: in a text, in an enumeration, in a number and in a time."""
    tables = corner.tables()
    tables["services"].loc[1, "name"] = f"Beard, ask {MAIL}"
    tables["appointments"].loc[2, "status"] = f"call {PHONE}"
    tables["appointments"].loc[4, "price_cents"] = PHONE
    tables["appointments"].loc[5, "booked_at"] = f"{MAIL} 10:00Z"
    tables["clients"].loc[1, "acquisition_channel"] = MAIL
    receipt = corner.bring(workspace, tmp_path, tables)
    refused = receipt.version.manifest["quarantine"]["rows"]
    assert refused == {"services": 1, "appointments": 3, "clients": 1}
    everything = texts(workspace.root / "data")
    assert [word for word in (MAIL, "jane.doe", PHONE, "555 0132", "4155550132") if word in everything] == []
    assert "[e-mail address]" in everything
    assert "[telephone number]" in everything


def mapped(tmp_path, table: str, sql: str) -> Path:
    """The contract's mapping with another SELECT for one table."""
    said = yaml.safe_load(corner.MAPPING.read_text())
    said["tables"][table] = sql
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def refusal(workspace, tmp_path, sql: str, value: str) -> str:
    """What an analyst is told whose SELECT of `clients` cannot read a value."""
    tables = corner.tables()
    tables["clients"]["acquisition_channel"] = value
    paths = corner.write(tables, tmp_path / "export")
    with pytest.raises(BadInput) as refused:
        ingest(workspace, "corner", mapped(tmp_path, "clients", sql), paths, corner.AS_OF)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__  # a traceback would print DuckDB's own words
    return str(refused.value)


@pytest.mark.parametrize("kind", ["INTEGER", "DATE", "TIMESTAMPTZ", "ENUM('a', 'b')"])
@pytest.mark.parametrize("value", [NAME, 'O\'Hara "Jo" Doe', MAIL, PHONE])
def test_a_failed_conversion_names_the_column_and_not_the_value(workspace, tmp_path, kind, value):
    sql = f"SELECT * REPLACE (CAST(acquisition_channel AS {kind}) AS acquisition_channel) FROM clients"
    said = refusal(workspace, tmp_path, sql, value)
    assert said.startswith("mapping contract: tables.clients: Conversion Error")
    assert not any(part in said for part in (*value.split(), "Hara", "Doe", "jane", "0132"))


def test_the_command_line_says_the_same_and_no_more(workspace, tmp_path, capsys, monkeypatch):
    tables = corner.tables()
    tables["clients"]["acquisition_channel"] = NAME
    sql = "SELECT * REPLACE (CAST(acquisition_channel AS DATE) AS acquisition_channel) FROM clients"
    words = ["ingest", "corner", "--root", workspace.root, "--source", mapped(tmp_path, "clients", sql)]
    paths = corner.write(tables, tmp_path / "export")
    monkeypatch.setattr("sys.argv", ["barberlab", *map(str, [*words, *paths])])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "tables.clients: Conversion Error" in said.err
    assert "Jane" not in said.out + said.err
