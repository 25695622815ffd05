"""Who is who, without saying who: keyed pseudonyms in place of a source's own codes.

pseudonym = kid + "_" + base32(HMAC-SHA256(key of the network, kind + "|" + code)[:16]). The key is one per network, so
that pseudonyms of two networks never join, and a plain list of phone numbers or codes cannot be hashed to find anybody.
It lives in a file of its own (mode 0400), never in the environment, a parameter or a message.
"""

import base64
import hmac
import os
import secrets
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from barberlab.errors import BadInput

CLIENT, STAFF = "client", "staff"


@dataclass(frozen=True, repr=False)
class Key:
    """A network's pseudonym key. Has no readable repr, so that it cannot slip into an output."""

    kid: str
    secret: bytes

    def pseudonym(self, kind: str, code: str) -> str:
        """The pseudonym of a source's code; `kind` is "client" or "staff"."""
        digest = hmac.digest(self.secret, f"{kind}|{code.strip()}".encode(), "sha256")
        return f"{self.kid}_{base64.b32encode(digest[:16]).decode().rstrip('=').lower()}"

    def fingerprint(self) -> str:
        """Tells two keys apart without giving either away."""
        return hmac.digest(self.secret, b"fingerprint", "sha256").hex()[:16]


def key(path: Path, may_create: bool) -> Key:
    """The key in `path`; a new one before a network's first data, never later: its pseudonyms would all change."""
    if path.exists():
        kid, _, secret = path.read_text().strip().partition(" ")
        return Key(kid, bytes.fromhex(secret))
    if may_create:
        return Key("k1", secrets.token_bytes(32))
    raise BadInput(
        f"{path.name} is missing, but the network has data under it: restore the key from its backup; "
        "a new one would give every client a second identity"
    )


def store(key: Key, path: Path) -> None:
    """Keep a new key, for its owner alone, before the first data under it are published; an old one stays as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{key.kid} {key.secret.hex()}\n")
        file.flush()
        os.fsync(file.fileno())


def _in_experiments_on(unit: str) -> str:
    return f"experiment_id IN (SELECT experiment_id FROM mapped_experiments WHERE unit = '{unit}')"


# (contract table, column, kind, SQL condition): every place where a source's own code of a person may stand
_PLACES = (
    *((t, "client_id", CLIENT, "true") for t in ("clients", "appointments", "payments", "contacts", "memberships")),
    *((t, "staff_id", STAFF, "true") for t in ("staff_assignments", "appointments", "payments", "shifts")),
    *((t, "staff_id", STAFF, "true") for t in ("reviews", "price_history")),
    ("compliance_items", "scope_id", STAFF, "scope = 'staff'"),
    ("experiment_assignments", "unit_id", CLIENT, _in_experiments_on("client")),
    ("experiment_assignments", "unit_id", STAFF, _in_experiments_on("staff")),
)


def replace(con: duckdb.DuckDBPyConnection, mapped: dict[str, str], key: Key) -> pa.Table:
    """Put pseudonyms in place of codes in all mapped tables; returns (staff_id, display_name) of the staff.

    `mapped` is contract table -> SQL table. Display names leave the tables here, for one that only the tenant reads.
    """
    for table, column, kind, only in _PLACES:
        if table in mapped and column in con.table(mapped[table]).columns:
            _replace_column(con, mapped[table], column, kind, only, key)
    return _staff_names(con, mapped.get("staff_assignments"))


def codes(con: duckdb.DuckDBPyConnection, mapped: dict[str, str], key: Key, wanted: Set[str]) -> dict[str, str]:
    """The source's own code of each `wanted` client pseudonym that the mapped tables hold; of nobody else."""
    found: dict[str, str] = {}
    for table in (table for table, column, kind, _ in _PLACES if (column, kind) == ("client_id", CLIENT)):
        if table in mapped and "client_id" in con.table(mapped[table]).columns:
            rows = con.sql(f'SELECT DISTINCT trim(CAST(client_id AS VARCHAR)) FROM "{mapped[table]}"').fetchall()
            seen = {key.pseudonym(CLIENT, code): code for (code,) in rows if code}
            found |= {who: code for who, code in seen.items() if who in wanted}
    return found


def _replace_column(con, table: str, column: str, kind: str, only: str, key: Key) -> None:
    con.execute(f'ALTER TABLE "{table}" ALTER "{column}" TYPE VARCHAR')
    con.execute(f'UPDATE "{table}" SET "{column}" = nullif(trim("{column}"), \'\')')
    codes = con.sql(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL AND {only}').fetchall()
    pairs = pa.table(
        {"code": [c for (c,) in codes], "pseudonym": [key.pseudonym(kind, c) for (c,) in codes]},
        schema=pa.schema([("code", pa.string()), ("pseudonym", pa.string())]),
    )
    con.register("pairs", pairs)
    con.execute(
        f'UPDATE "{table}" SET "{column}" = pairs.pseudonym FROM pairs WHERE "{column}" = pairs.code AND {only}'
    )
    con.unregister("pairs")


def _staff_names(con, table: str | None) -> pa.Table:
    if table is None or "display_name" not in con.table(table).columns:
        return pa.schema([("staff_id", pa.string()), ("display_name", pa.string())]).empty_table()
    return con.sql(
        f'SELECT staff_id, max(CAST(display_name AS VARCHAR)) AS display_name FROM "{table}" '
        "WHERE staff_id IS NOT NULL AND display_name IS NOT NULL GROUP BY staff_id ORDER BY staff_id"
    ).to_arrow_table()
