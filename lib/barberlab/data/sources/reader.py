"""The export's files as SQL tables, in a DuckDB that can read those files and nothing else.

Every CSV column is text: only the mapping's SQL decides what a value means. Each table also has `source_file` and
`source_row` (1 = first row of data), which a SELECT may carry along so that quarantine can point into the file.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from python_calamine import CalamineWorkbook

from barberlab.data.sources.mapping import File, Mapping, format_of, match
from barberlab.errors import BadInput
from barberlab.personal import mask

_READERS = {"csv": "read_csv", "parquet": "read_parquet", "json": "read_json"}


@contextmanager
def opened(mapping: Mapping, files: list[Path], scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked connection that holds the mapping's files as tables. `scratch` takes what does not fit in memory."""
    found = match(mapping, files)
    sheets = {path: _sheet(path, mapping.files[name]) for name, path in _excel(mapping, found)}
    con = duckdb.connect()
    try:
        _lock(con, [p for ps in found.values() for p in ps], scratch)
        for name, paths in found.items():
            _load(con, name, paths, mapping.files[name], sheets)
        yield con
    finally:
        con.close()


def _excel(mapping: Mapping, found: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    pairs = [(name, path) for name, paths in found.items() for path in paths]
    return [(name, path) for name, path in pairs if format_of(mapping.files[name], path) == "excel"]


def absent(mapping: Mapping, files: list[Path]) -> set[str]:
    """Names of the mapping's optional files that were not given."""
    return {name for name, paths in match(mapping, files).items() if not paths}


def _lock(con: duckdb.DuckDBPyConnection, paths: list[Path], scratch: Path) -> None:
    """From here on the connection reads the files named and cannot be talked out of it."""
    allowed = ", ".join(_quoted(str(path)) for path in paths)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    con.execute(f"SET temp_directory = {_quoted(str(scratch))}")
    con.execute(f"SET allowed_paths = [{allowed}]")
    con.execute("SET python_enable_replacements = false")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _load(con, name: str, paths: list[Path], file: File, sheets: dict[Path, pa.Table]) -> None:
    if not paths:
        return
    parts = [_one(con, path, file, sheets) for path in paths]
    con.execute(f'CREATE TEMP TABLE "{name}" AS ' + " UNION ALL BY NAME ".join(parts))


def _one(con, path: Path, file: File, sheets: dict[Path, pa.Table]) -> str:
    """One file's SELECT, tried on the spot so that an unreadable file is named."""
    if path in sheets:
        reader = f'"sheet of {path.name}"'
        con.register(reader.strip('"'), sheets[path])
    else:
        kind = format_of(file, path)
        reader = f"{_READERS[kind]}({_quoted(str(path))}{_options(file) if kind == 'csv' else ''})"
    try:
        con.execute(f"SELECT count(*) FROM {reader}")
    except duckdb.Error as error:
        raise BadInput(f"{path.name}: cannot be read as {format_of(file, path)}: {said(error)}") from None
    return f"SELECT *, {_quoted(path.name)} AS source_file, row_number() OVER () AS source_row FROM {reader}"


def _options(file: File) -> str:
    chosen = {"delim": file.delimiter, "encoding": file.encoding}
    given = "".join(f", {key} = {_quoted(value)}" for key, value in chosen.items() if value)
    return f", header = true, all_varchar = true, null_padding = false{given}"


def _sheet(path: Path, file: File) -> pa.Table:
    """An Excel sheet as an Arrow table of text; DuckDB reads no Excel without downloading an extension."""
    try:
        book = CalamineWorkbook.from_path(str(path))
        rows = book.get_sheet_by_name(file.sheet or book.sheet_names[0]).to_python(skip_empty_area=True)
    except Exception as error:
        # calamine raises a kind of its own per defect; whichever it is, the file cannot be used
        raise BadInput(f"{path.name}: cannot be read as Excel: {mask(str(error))}") from None
    if not rows:
        raise BadInput(f"{path.name}: the sheet is empty; its first row must hold the column names")
    header = [str(cell).strip() for cell in rows[0]]
    columns = [[_cell(row[i]) for row in rows[1:]] for i in range(len(header))]
    return pa.table(dict(zip(header, (pa.array(c, pa.string()) for c in columns), strict=True)))


def _cell(value: Any) -> str | None:
    """A cell as text: 1001.0 is the code 1001, an empty cell is unknown."""
    if value == "" or value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def query(con: duckdb.DuckDBPyConnection, mapping: Mapping, where: str, sql: str, facts: dict[str, Any]):
    """Run one SELECT of the mapping with the parameters it names ($network, $timezone, $currency, $country)."""
    statements = _statements(con, mapping, where, sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadInput(f"mapping {mapping.source}: {where} must be one SELECT")
    named = set(re.findall(r"\$([a-z_]+)", sql))
    if unknown := sorted(named - set(facts)):
        raise BadInput(f"mapping {mapping.source}: {where} asks for ${unknown[0]}; there are ${', $'.join(facts)}")
    try:
        return con.sql(sql, params={name: facts[name] for name in named})
    except duckdb.Error as error:
        raise BadInput(f"mapping {mapping.source}: {where}: {said(error)}") from None


def keep(relation, mapping: Mapping, table: str, name: str, network: str) -> None:
    """Run a table's SELECT and hold its rows as the SQL table `name`, numbered by `row`, all of `network`."""
    columns = ", ".join(f'"{column}"' for column in relation.columns if column not in ("network_id", "row"))
    try:
        relation.project(f"row_number() OVER () AS \"row\", '{network}' AS network_id, {columns}").create(name)
    except duckdb.Error as error:
        raise BadInput(f"mapping {mapping.source}: tables.{table}: {said(error)}") from None


def _statements(con, mapping: Mapping, where: str, sql: str):
    try:
        return con.extract_statements(sql)
    except duckdb.Error as error:
        raise BadInput(f"mapping {mapping.source}: {where}: {said(error)}") from None


def said(error: duckdb.Error) -> str:
    """The first line of DuckDB's message without values from the data, which may be anybody's name."""
    first = str(error).splitlines()[0]
    if isinstance(error, duckdb.ConversionException):
        first = re.sub(r"(['\"]).*\1", "a value", first)
    return mask(first)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
