"""From checked rows to a data version: merge with what is there, date each row locally, roll up, write partitions."""

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from barberlab import files
from barberlab.data import rollup
from barberlab.data.contract import TABLES, Table
from barberlab.data.frames import SQL_TYPE
from barberlab.data.moments import last_day
from barberlab.data.validate import TRACE
from barberlab.data.versions import Version

SMALL_NETWORK = 20  # under this many shops a year is one file; above, the newest year has a file a month
ROW_GROUP = 122_880
_WIDENED = {"int64": "BIGINT", "float64": "DOUBLE"}
DATED = {"appointments": "start", "payments": "paid_at", "shifts": "start"}  # what gives each its local day
_OWN = {
    "staff_names": {"staff_id": "text", "display_name": "text"},
    "daily": {"location_id": "text", "staff_id": "text", "local_date": "day"} | dict.fromkeys(rollup.MEASURES, "count"),
}


def connect(scratch: Path | None) -> duckdb.DuckDBPyConnection:
    """A connection for our own files; UTC everywhere, no extension is ever fetched."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    con.execute(f"SET temp_directory = '{scratch or tempfile.gettempdir()}'")
    return con


def merge(con: duckdb.DuckDBPyConnection, good: Path, previous: Version | None) -> None:
    """Make each table of the contract: the batch's rows, and older rows whose key the batch does not bring."""
    for table in TABLES.values():
        path = good / f"{table.name}.parquet"
        parts = []
        if path.exists():
            parts.append(f"SELECT * EXCLUDE ({', '.join(TRACE)}) FROM read_parquet('{path}')")
        if previous is not None and previous.has(table.name):
            parts.append(_older(table, previous, path if path.exists() else None))
        con.execute(f'CREATE TABLE "{table.name}" AS ' + " UNION ALL BY NAME ".join([*parts, _undated(table)]))


def _older(table: Table, previous: Version, batch: Path | None) -> str:
    names = ", ".join(f'old."{name}"' for name in table.columns)
    sql = f"SELECT {names} FROM read_parquet({listed(previous.paths(table.name))}) old"
    if batch is None:
        return sql
    same = " AND ".join(f'old."{key}" IS NOT DISTINCT FROM new."{key}"' for key in table.key)
    return f"{sql} WHERE NOT EXISTS (SELECT 1 FROM read_parquet('{batch}') new WHERE {same})"


def _undated(table: Table) -> str:
    """Nothing, with a table's columns and types."""
    return _nothing({column: table.kind(column) for column in table.columns})


def _nothing(kinds: dict[str, str]) -> str:
    columns = ", ".join(f'NULL::{SQL_TYPE[kind]} AS "{column}"' for column, kind in kinds.items())
    return f"SELECT {columns} WHERE false"


def no_rows(name: str) -> str:
    """A SELECT with a table's columns and types, and nothing in it; dated tables have `local_date`, as on disk."""
    kinds = {c: TABLES[name].kind(c) for c in TABLES[name].columns} if name in TABLES else _OWN[name]
    return _nothing(kinds | ({"local_date": "day"} if name in DATED else {}))


def listed(paths: list[Path]) -> str:
    """Paths as a DuckDB list."""
    return "[" + ", ".join(f"'{path}'" for path in paths) + "]"


def keep_names(con: duckdb.DuckDBPyConnection, names: pa.Table, previous: Version | None) -> None:
    """Make `staff_names` (staff_id, display_name): the one table with names, for the tenant's own pages only."""
    con.register("new_names", names)
    sql = "SELECT * FROM new_names"
    if previous is not None and previous.has("staff_names"):
        old = f"read_parquet({listed(previous.paths('staff_names'))})"
        sql += f" UNION ALL SELECT * FROM {old} WHERE staff_id NOT IN (SELECT staff_id FROM new_names)"
    con.execute(f"CREATE TABLE staff_names AS {sql}")


def date_locally(con: duckdb.DuckDBPyConnection, zone: str) -> None:
    """Give visits, payments and shifts their `local_date`: the shop's own calendar day, daylight saving and all.

    A payment takes the day of the visit it pays for, else its own. A row of a shop that is not in `locations` (DQ-1
    counts them) takes the network's zone.
    """
    con.execute("CREATE VIEW zones AS SELECT location_id AS shop, timezone FROM locations")
    for table, at in DATED.items():
        con.execute(
            f'CREATE TABLE "{table}_dated" AS SELECT t.*, '
            f"CAST(timezone(coalesce(z.timezone, '{zone}'), t.\"{at}\") AS DATE) AS local_date "
            f'FROM "{table}" t LEFT JOIN zones z ON t.location_id = z.shop'
        )
        con.execute(f'DROP TABLE "{table}"; ALTER TABLE "{table}_dated" RENAME TO "{table}"')
    con.execute(
        "UPDATE payments SET local_date = a.local_date FROM appointments a "
        "WHERE payments.appointment_id = a.appointment_id"
    )


def clock(con: duckdb.DuckDBPyConnection, as_of, zone: str) -> rollup.Clock:
    """What may be said at `as_of` given the data at hand."""
    first = con.sql(
        "SELECT min(local_date) FROM (SELECT local_date FROM appointments UNION ALL "
        "SELECT local_date FROM payments UNION ALL SELECT local_date FROM location_day)"
    ).fetchall()[0][0]
    today = last_day(as_of, zone)
    return rollup.Clock(as_of, today, first or today)


def roll_up(con: duckdb.DuckDBPyConnection, level: str, at: rollup.Clock) -> None:
    """Make the table `daily` from the tables of the network's entry level."""
    tables = ibis.duckdb.from_connection(con)
    if level == "day":
        rows = rollup.from_days(tables.table("location_day"))
    else:
        names = ("appointments", "services", "clients", "payments", "shifts")
        rows = rollup.from_visits({name: tables.table(name) for name in names}, at)
    con.execute(f"CREATE TABLE daily AS {sql(rows)}")


def sql(expression: ibis.Table) -> str:
    """DuckDB's SQL of an Ibis table, in the types that Ibis promises: DuckDB itself widens each sum to 128 bits."""
    types = {name: _WIDENED.get(str(kind)) for name, kind in expression.schema().items()}
    columns = (f'CAST("{name}" AS {kind}) AS "{name}"' if kind else f'"{name}"' for name, kind in types.items())
    return f"SELECT {', '.join(columns)} FROM ({ibis.to_sql(expression, dialect='duckdb')})"


def write(con: duckdb.DuckDBPyConnection, staged: Path) -> dict[str, dict[str, Any]]:
    """Write every table that has rows into `staged`/tables; returns the manifest's `tables`."""
    names = [row[0] for row in con.sql("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
    shops = con.sql("SELECT count(*) FROM locations").fetchall()[0][0]
    held = [name for name in names if con.sql(f'SELECT 1 FROM "{name}" LIMIT 1').fetchall()]
    return {name: _write_table(con, name, staged, shops) for name in held}


def _write_table(con, name: str, staged: Path, shops: int) -> dict[str, Any]:
    parts = [_write_part(con, name, folder, where, staged) for folder, where in _partitions(con, name, shops)]
    return {"rows": sum(part["rows"] for part in parts), "files": parts}


def _partitions(con, name: str, shops: int) -> list[tuple[str, str]]:
    """(folder, SQL condition) of each file of a table: dated tables by year, the newest year by month if large."""
    columns = con.table(name).columns
    if "local_date" not in columns or name == "daily":
        return [("all", "true")]
    months = con.sql(f'SELECT DISTINCT year(local_date), month(local_date) FROM "{name}" ORDER BY 1, 2').fetchall()
    newest = max((year for year, _month in months), default=None)
    by_month = [(y, m) for y, m in months if y == newest and shops >= SMALL_NETWORK]
    by_year = sorted({y for y, _m in months} - {y for y, _m in by_month})
    return [(f"year={y}", f"year(local_date) = {y}") for y in by_year] + [
        (f"year={y}/month={m:02}", f"year(local_date) = {y} AND month(local_date) = {m}") for y, m in by_month
    ]


def _write_part(con, name: str, folder: str, where: str, staged: Path) -> dict[str, Any]:
    columns = con.table(name).columns
    first = [c for c in ("location_id", "staff_id", "local_date", "start", "paid_at") if c in columns]
    order = [f'"{c}"' for c in [*first, *(c for c in columns if c not in first)]]  # every column: the same bytes always
    target = staged / "tables" / name / folder
    target.mkdir(parents=True)
    draft = target / "draft.parquet"
    con.execute(
        f'COPY (SELECT * FROM "{name}" WHERE {where} ORDER BY {", ".join(order)}) '
        f"TO '{draft}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )
    digest = files.sha256(draft)
    path = draft.rename(target / f"{digest[:24]}.parquet")
    rows = con.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0]
    return {"path": path.relative_to(staged).as_posix(), "sha256": digest, "bytes": path.stat().st_size, "rows": rows}
