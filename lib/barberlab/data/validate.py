"""Which rows of an extract keep the contract? Good rows go on, bad rows go to quarantine with the reason; none is lost.

Rows are checked three times: each value for its type (DuckDB), each row for the contract's rules (pandera, in batches
so that memory stays bounded), and all rows of a table together for unique keys, overlaps and absurd amounts (DuckDB).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.parquet as pq

from barberlab.data.contract import Table
from barberlab.data.frames import ARROW_TYPE, SQL_TYPE, to_arrow, to_pandas
from barberlab.errors import BadInput
from barberlab.personal import find_personal, mask

BATCH_ROWS = 250_000
OUTLIER = 50  # DQ-9: an amount over 50 times the median of its kind is a typing error until somebody says otherwise
TRACE = {"row": pa.int64(), "source_file": pa.string(), "source_row": pa.int64()}
QUARANTINE = pa.schema(
    [("table", pa.string()), *TRACE.items()] + [(c, pa.string()) for c in ("column", "value", "rule")]
)

_TYPE_RULE = {
    "flag": "is true or false",
    "count": "is a whole number",
    "money": "is a whole number of minor units",
    "number": "is a finite number",
    "day": "is a date",
    "instant": "is a moment with its zone, such as 2025-06-30T18:00Z",
}
_WHOLE = "TRY_CAST({words} AS DECIMAL(30, 6))"
_CASTS = {
    "count": f"CASE WHEN {_WHOLE} % 1 = 0 THEN TRY_CAST({_WHOLE} AS BIGINT) END",
    "money": f"CASE WHEN {_WHOLE} % 1 = 0 THEN TRY_CAST({_WHOLE} AS BIGINT) END",
    "number": "CASE WHEN isfinite(TRY_CAST({words} AS DOUBLE)) THEN TRY_CAST({words} AS DOUBLE) END",
    "flag": 'TRY_CAST("{column}" AS BOOLEAN)',
    "day": 'TRY_CAST("{column}" AS DATE)',
    # Text without a zone could be any moment of a day.
    "instant": r"CASE WHEN regexp_matches({words}, '\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$') "
    "THEN TRY_CAST({words} AS TIMESTAMPTZ) END",
}
# Types of a source that cannot fail to become the contract's; text always may.
_ALREADY = {
    "flag": ("BOOLEAN",),
    "count": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "money": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "day": ("DATE",),
    "instant": ("TIMESTAMP WITH TIME ZONE",),
}
_FREE_TEXT = {"name", "requirement", "evidence_ref", "plan", "campaign_type", "owner"}


@dataclass(frozen=True)
class Checked:
    """What became of one table's rows: `good` and `bad` add up to `rows`."""

    table: str
    rows: int
    good: int
    bad: int
    notes: tuple[str, ...]


def check(con: duckdb.DuckDBPyConnection, table: Table, mapped: str, as_of: datetime, folder: Path) -> Checked:
    """Split the SQL table `mapped` into `folder`/good/<table>.parquet and `folder`/bad/<table>.parquet.

    Raises BadInput when a required column is missing or an instant has no time zone: then no row could be trusted.
    """
    have = {name: str(kind) for name, kind in zip(*_shape(con, mapped), strict=True)}
    notes = _check_columns(con, table, mapped, have)
    typed = {name: _typed(table.kind(name), name, have.get(name)) for name in table.columns}
    trace = _trace(have)
    failures = _type_failures(con, table, mapped, have, typed, trace)
    rows = con.sql(f'SELECT count(*) FROM "{mapped}"').fetchall()[0][0]
    good_path, bad_path = folder / "good" / f"{table.name}.parquet", folder / "bad" / f"{table.name}.parquet"
    columns = ", ".join([trace, *(f'{sql} AS "{name}"' for name, sql in typed.items())])
    con.register("mistyped", failures)
    batches = con.sql(
        f'SELECT {columns} FROM "{mapped}" WHERE "row" NOT IN (SELECT "row" FROM mistyped) ORDER BY "row"'
    ).to_arrow_reader(BATCH_ROWS)
    with pq.ParquetWriter(good_path, good_schema(table)) as good, pq.ParquetWriter(bad_path, QUARANTINE) as bad:
        bad.write_table(failures)
        kept = 0
        for keep, reject in _batches(table, batches, as_of):
            good.write_table(keep)
            bad.write_table(reject)
            kept += keep.num_rows
    con.unregister("mistyped")
    return Checked(table.name, rows, kept, rows - kept, tuple(notes))


def _shape(con, mapped: str) -> tuple[list[str], list[str]]:
    relation = con.table(mapped)
    return relation.columns, relation.types


def _check_columns(con, table: Table, mapped: str, have: dict[str, str]) -> list[str]:
    missing = [name for name in table.required() if name not in have]
    if missing:
        raise BadInput(f"{table.name}: the mapping selects no column {missing[0]!r}, which the contract requires")
    for name, kind in have.items():
        if name in table.columns and table.kind(name) == "instant":
            _check_zoned(con, table, mapped, name, kind)
    extra = sorted(set(have) - set(table.columns) - set(TRACE) - {"display_name"})
    notes = [f"{table.name}: column {name!r} is not in the contract and was left out" for name in extra]
    absent = [name for name in table.columns if name not in have and table.columns[name].nullable]
    return notes + ([f"{table.name}: taken as unknown: {', '.join(absent)}"] if absent else [])


def _check_zoned(con, table: Table, mapped: str, name: str, kind: str) -> None:
    if kind in ("TIMESTAMP WITH TIME ZONE", "VARCHAR"):
        return
    if con.sql(f'SELECT count("{name}") FROM "{mapped}"').fetchall()[0][0]:
        raise BadInput(
            f"{table.name}.{name}: is {kind.lower()} without a time zone; "
            f"write `{name} AT TIME ZONE $timezone` (local clock) or `AT TIME ZONE 'UTC'` in the mapping"
        )


def _typed(kind: str, column: str, found: str | None) -> str:
    """SQL of a column as the contract's type; a value that is not of that type becomes null."""
    if found is None:
        return f"NULL::{SQL_TYPE[kind]}"
    if found in _ALREADY.get(kind, ()):
        return f'"{column}"::{SQL_TYPE[kind]}'
    words = f"nullif(trim(CAST(\"{column}\" AS VARCHAR)), '')"
    return _CASTS.get(kind, "{words}").format(words=words, column=column)


def _trace(have: dict[str, str]) -> str:
    """Where a row came from: the file and its row if the mapping carries them along, else the mapping's own row."""
    file = "source_file" if "source_file" in have else "NULL::VARCHAR AS source_file"
    row = "source_row" if "source_row" in have else '"row" AS source_row'
    return f'"row", {file}, {row}'


def _type_failures(con, table: Table, mapped: str, have, typed: dict[str, str], trace: str) -> pa.Table:
    parts = [
        f'SELECT \'{table.name}\' AS "table", {trace}, \'{name}\' AS "column", CAST("{name}" AS VARCHAR) AS value, '
        f"'{_TYPE_RULE[table.kind(name)]}' AS rule FROM \"{mapped}\" "
        f"WHERE nullif(trim(CAST(\"{name}\" AS VARCHAR)), '') IS NOT NULL AND {typed[name]} IS NULL"
        for name, found in have.items()
        if name in table.columns and table.kind(name) in _TYPE_RULE and found not in _ALREADY.get(table.kind(name), ())
    ]
    if not parts:
        return QUARANTINE.empty_table()
    found = con.sql(" UNION ALL ".join(parts)).to_arrow_table().cast(QUARANTINE)
    values = pa.array([mask(value) for value in found["value"].to_pylist()], pa.string())
    return found.set_column(QUARANTINE.get_field_index("value"), "value", values)


def good_schema(table: Table) -> pa.Schema:
    """Columns of a checked table on its way: where each row came from, then the contract's."""
    return pa.schema([*TRACE.items(), *((name, ARROW_TYPE[table.kind(name)]) for name in table.columns)])


def _batches(table: Table, batches: Iterator[pa.RecordBatch], as_of: datetime):
    """(good, bad) Arrow tables of each batch, by the contract's row rules."""
    kinds = {"row": "count", "source_file": "text", "source_row": "count"} | {c: table.kind(c) for c in table.columns}
    defaults = {name: col.default for name, col in table.columns.items() if col.default is not None}
    for batch in batches:
        frame = to_pandas(batch).fillna(defaults).assign(as_of=as_of)
        frame["as_of"] = frame["as_of"].astype("datetime64[us, UTC]")
        cases = pd.concat([_row_failures(table, frame), _personal(table, frame)], ignore_index=True)
        bad = frame.index.isin(cases["index"])
        yield to_arrow(frame[~bad], kinds), _quarantined(table, frame, cases)


def _row_failures(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """index, column, rule of every contract rule that a row breaks; one line per row and rule."""
    try:
        table.schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        broken = cases[cases["index"].isna()]
        if len(broken):
            raise BadInput(f"{table.name}: {broken['column'].iloc[0]} {broken['check'].iloc[0]}") from None
        whole_row = cases["schema_context"] == "DataFrameSchema"
        named = cases["check"].astype(str).str.split(r"[: ]", n=1).str[0]
        cases = cases.assign(column=cases["column"].where(~whole_row, named), rule=cases["check"].astype(str))
        cases["rule"] = cases["rule"].replace("not_nullable", "is known")
        return cases[["index", "column", "rule"]].drop_duplicates()
    return pd.DataFrame(
        {"index": pd.Series(dtype="int64"), "column": pd.Series(dtype="str"), "rule": pd.Series(dtype="str")}
    )


def _personal(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Free text that holds an e-mail address or a phone number never enters the workspace."""
    found = []
    for column in _FREE_TEXT & set(table.columns):
        texts = frame[column].dropna()
        personal = [text for text in texts.unique() if find_personal(text)]
        hits = texts.index[texts.isin(personal)]
        found.append(pd.DataFrame({"index": hits, "column": column, "rule": "holds no personal data"}))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["index", "column", "rule"])


def _quarantined(table: Table, frame: pd.DataFrame, cases: pd.DataFrame) -> pa.Table:
    at = frame.loc[cases["index"].astype("int64")]
    values = [_value(at[c].iloc[i] if c in at else None) for i, c in enumerate(cases["column"])]
    columns = {
        "table": pa.array([table.name] * len(cases), pa.string()),
        "row": pa.array(at["row"].astype("int64"), pa.int64()),
        "source_file": pa.array(at["source_file"].astype("object").where(at["source_file"].notna(), None), pa.string()),
        "source_row": pa.array(at["source_row"].astype("int64"), pa.int64()),
        "column": pa.array(cases["column"].astype("object"), pa.string()),
        "value": pa.array(values, pa.string()),
        "rule": pa.array(cases["rule"].astype("object"), pa.string()),
    }
    return pa.table(columns, schema=QUARANTINE)


def _value(value) -> str | None:
    return None if value is None or pd.isna(value) else mask(str(value))


def check_together(con: duckdb.DuckDBPyConnection, table: Table, good: Path, bad: Path) -> int:
    """Quarantine rows that only the whole table shows to be wrong; rewrites both files, returns how many rows moved."""
    rows = f"read_parquet('{good}')"
    found = [_repeated(table, rows), *(_overlapping(table, rows, overlap) for overlap in table.overlaps)]
    found += [_absurd(table, rows, c, by) for t, c, by in _AMOUNTS if t == table.name]
    moved = con.sql(" UNION ALL ".join(found)).to_arrow_table().cast(QUARANTINE)
    if not moved.num_rows:
        return 0
    con.register("moved", moved)
    kept = con.sql(f'SELECT * FROM {rows} WHERE "row" NOT IN (SELECT "row" FROM moved) ORDER BY "row"').to_arrow_table()
    con.unregister("moved")
    pq.write_table(pa.concat_tables([pq.read_table(bad), moved]), bad)
    pq.write_table(kept.cast(good_schema(table)), good)
    return len(set(moved["row"].to_pylist()))


_AMOUNTS = (("payments", "gross_cents", "kind"), ("appointments", "price_cents", "service_id"))


def _finding(table: Table, column: str, rule: str) -> str:
    return (
        f'SELECT \'{table.name}\' AS "table", "row", source_file, source_row, \'{column}\' AS "column", '
        f"CAST(\"{column}\" AS VARCHAR) AS value, '{rule}' AS rule"
    )


def _repeated(table: Table, rows: str) -> str:
    key = ", ".join(f'"{name}"' for name in table.key)
    return (
        f"{_finding(table, table.key[0], 'key is unique: ' + ', '.join(table.key))} FROM {rows} "
        f'QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY "row") > 1'
    )


def _overlapping(table: Table, rows: str, overlap) -> str:
    who, start, end, only = overlap
    rule = f"no overlap of {start} to {end} per {', '.join(who)}" + (f" where {only}" if only != "true" else "")
    window = f'PARTITION BY {", ".join(who)} ORDER BY "{start}", "row" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING'
    before = f"max(coalesce(\"{end}\", 'infinity')) OVER ({window})"
    return f'{_finding(table, start, rule.replace(chr(39), ""))} FROM {rows} WHERE {only} QUALIFY "{start}" < {before}'


def _absurd(table: Table, rows: str, column: str, by: str) -> str:
    """DQ-9; a kind with under 30 amounts has no median worth the name."""
    return (
        f"{_finding(table, column, f'at most {OUTLIER} times the median of its {by}')} FROM {rows} WHERE {column} > 0 "
        f"WINDOW each AS (PARTITION BY {by}) "
        f"QUALIFY count(*) OVER each >= 30 AND {column} > {OUTLIER} * median({column}) OVER each"
    )
