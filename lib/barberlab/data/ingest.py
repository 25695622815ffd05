"""How does an export become a data version? Map, pseudonymise, check, merge, measure, publish: all or nothing.

Whatever goes wrong before the last step leaves the network as it was. The same files through the same mapping, with
the same rules, change nothing.
"""

import json
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from barberlab import files
from barberlab.data import build, pseudonyms, quality, versions
from barberlab.data.contract import SCHEMA_VERSION, TABLES
from barberlab.data.moments import moment
from barberlab.data.sources import mapping as mappings
from barberlab.data.sources import reader
from barberlab.data.sources.mapping import Facts, Mapping
from barberlab.data.validate import QUARANTINE, Checked, check, check_together, good_schema
from barberlab.data.versions import Version
from barberlab.errors import BadInput, BarberlabError, Damaged
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace


@dataclass(frozen=True)
class Receipt:
    """What an ingest did. `checked` is empty when nothing had changed."""

    version: Version
    changed: bool
    checked: tuple[Checked, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows that the mapping brought, good and bad."""
        return sum(table.rows for table in self.checked)

    @property
    def bad(self) -> int:
        """Rows in quarantine."""
        return sum(table.bad for table in self.checked)


def ingest(
    workspace: Workspace,
    network: str,
    source: Path,
    paths: list[Path],
    as_of: str | None = None,
    afresh: bool = False,
) -> Receipt:
    """Bring `paths` into `network` through the mapping file `source` and publish a new data version.

    `as_of` (a date or an instant) overrides the mapping's. `afresh` starts from these files alone; otherwise rows
    replace older ones of the same key and the rest stays. Raises BadInput, Busy or Damaged; then nothing changed.
    """
    check_network_id(network)
    mapping = mappings.load(source)
    for path in paths:
        if not path.is_file():
            raise BadInput(f"{path}: there is no such file")
    with versions.exclusive(workspace, network) as folder:
        versions.sweep(folder)
        previous = versions.newest(workspace, network)
        key = pseudonyms.key(workspace.key(network), may_create=previous is None)
        batch = _batch(mapping, paths, key, as_of)
        if previous is not None and _is_this(previous, batch, afresh):
            return Receipt(previous, changed=False)
        with _staging(folder) as staged:
            base, number = None if afresh else previous, previous.number + 1 if previous else 1
            checked, manifest = _stage(mapping, network, paths, as_of, key, base, number, staged)
            manifest |= {"batch": batch, "base": base.number if base else None, "inputs": _inputs(paths)}
            pseudonyms.store(key, workspace.key(network))
            version = versions.publish(folder, staged / "publish", manifest, previous)
    return Receipt(version, True, checked, tuple(manifest["notes"]))


def client_codes(
    workspace: Workspace, network: str, source: Path, paths: list[Path], wanted: Set[str], scratch: Path
) -> dict[str, str]:
    """The source's own code of each `wanted` client, read anew from the network's export through its mapping.

    Nothing of it is kept: `scratch` takes what does not fit in memory and is the caller's to remove. Raises BadInput
    for files or a mapping that cannot be used, and where the network has no key.
    """
    mapping = mappings.load(source)
    key = pseudonyms.key(workspace.key(network), may_create=False)
    with reader.opened(mapping, paths, scratch) as con:
        facts = _facts(con, mapping, network)
        asked = {"network": network} | facts.model_dump(include={"timezone", "currency", "country"})
        mapped = _map(con, mapping, network, asked, reader.absent(mapping, paths))
        return pseudonyms.codes(con, mapped, key, wanted)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A place beside the network's tables, empty at the start and gone at the end."""
    staged = folder / ".staging"
    shutil.rmtree(staged, ignore_errors=True)
    for name in ("good", "bad", "scratch", "publish"):
        (staged / name).mkdir(parents=True)
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _batch(mapping: Mapping, paths: list[Path], key: pseudonyms.Key, as_of: str | None) -> str:
    """Names exactly what would be ingested: content of files and mapping, key, rules and date."""
    parts = [mapping.fingerprint, key.fingerprint(), str(as_of), str(SCHEMA_VERSION), package_version("barberlab")]
    return files.sha256_bytes(json.dumps([parts, sorted(files.sha256(path) for path in paths)]).encode())


def _is_this(version: Version, batch: str, afresh: bool) -> bool:
    """Whether the version is made of these files; and, to start afresh, of nothing but these files."""
    if version.manifest["batch"] != batch or (afresh and version.manifest["base"]):
        return False
    try:
        return all(version.paths(table) for table in version.manifest["tables"])
    except Damaged:
        return False  # the same files mend what was damaged


def _inputs(paths: list[Path]) -> list[dict[str, Any]]:
    found = ({"name": p.name, "sha256": files.sha256(p), "bytes": p.stat().st_size} for p in paths)
    return sorted(found, key=lambda entry: entry["name"])


def _stage(mapping, network, paths, said, key, base: Version | None, number: int, staged: Path):
    """Everything but the publication: (what was checked, the manifest)."""
    with reader.opened(mapping, paths, staged / "scratch") as con:
        facts = _facts(con, mapping, network)
        asked = {"network": network} | facts.model_dump(include={"timezone", "currency", "country"})
        mapped = _map(con, mapping, network, asked, reader.absent(mapping, paths))
        _one_currency(con, mapped["locations"], facts)
        staff = pseudonyms.replace(con, mapped, key)
        known = _as_of(con, mapping, asked, said, mapped)
        checked = [check(con, TABLES[name], mapped[name], known, staged) for name in mapped]
    pq.write_table(_network_row(network, facts), staged / "good" / "networks.parquet")
    notes = (*mapping.notes, *(note for table in checked for note in table.notes))
    con = build.connect(staged / "scratch")
    try:
        checked = [_together(con, table, staged) for table in checked]
        _refuse_hopeless(checked, staged)
        manifest = _assemble(con, mapping, facts, known, base, staged, staff)
    finally:
        con.close()
    manifest |= {"network": network, "notes": list(notes), "quarantine": _quarantine(checked, number, staged)}
    return tuple(checked), manifest


def _facts(con, mapping: Mapping, network: str) -> Facts:
    """The network's facts, as the mapping says them or as its SELECT finds them."""
    if isinstance(mapping.network, Facts):
        return mapping.network
    found = reader.query(con, mapping, "network", mapping.network, {"network": network}).to_arrow_table().to_pylist()
    if len(found) != 1:
        raise BadInput(
            f"mapping {mapping.source}: network: the SELECT gives {len(found)} rows for {network!r}, not one"
        )
    return mappings.facts(found[0], mapping.source)


def _map(con, mapping: Mapping, network: str, asked: dict[str, Any], absent: set[str]) -> dict[str, str]:
    """Run the mapping's SELECTs; returns contract table -> SQL table of its rows."""
    mapped = {}
    for name in TABLES:
        if sql := mapping.select(name, absent):
            relation = reader.query(con, mapping, f"tables.{name}", sql, asked)
            _refuse_others(relation, name, network)
            reader.keep(relation, mapping, name, f"mapped_{name}", network)
            mapped[name] = f"mapped_{name}"
    return mapped


def _refuse_others(relation, name: str, network: str) -> None:
    if "network_id" not in relation.columns:
        return
    others = relation.filter(f"network_id IS DISTINCT FROM '{network}'").count("*").fetchall()[0][0]
    if others:
        raise BadInput(f"{name}: {others} rows belong to another network; filter by $network in the mapping")


def _as_of(con, mapping: Mapping, asked: dict[str, Any], said: str | None, mapped: dict[str, str]) -> datetime:
    """What was asked for, else what the mapping says, else the end of the day of the last visit kept or missed."""
    said = said or mapping.as_of or _last_visit(mapped, mapping.level)
    value: Any = said
    if said.lstrip().upper().startswith(("SELECT", "WITH")):
        found = reader.query(con, mapping, "as_of", said, asked).to_arrow_table()
        value = found.column(0)[0].as_py() if found.num_rows == 1 else None
        if value is None:
            raise BadInput(f"mapping {mapping.source}: as_of: no date found; say one with --as-of")
    known = moment(value, asked["timezone"])
    if known > datetime.now(UTC) + timedelta(days=1):
        raise BadInput(f"as_of would be {known:%Y-%m-%d}, which is still to come: a date is mistyped, or say --as-of")
    return known


def _last_visit(mapped: dict[str, str], level: str) -> str:
    if ("location_day" if level == "day" else "appointments") not in mapped:
        raise BadInput("as_of: the source has no visits to take it from; say it in the mapping or with --as-of")
    if level == "day":
        return f"SELECT max(TRY_CAST(local_date AS DATE)) FROM {mapped['location_day']}"
    local = "CAST(TRY_CAST(start AS TIMESTAMPTZ) AT TIME ZONE $timezone AS DATE)"
    return f"SELECT max({local}) FROM {mapped['appointments']} WHERE status IN ('completed', 'no_show')"


def _network_row(network: str, facts: Facts) -> pa.Table:
    row = facts.model_dump(include={"name", "currency", "country", "benchmark_opt_in", "status"})
    trace = {"row": 1, "source_file": None, "source_row": 1}
    return pa.Table.from_pylist([trace | {"network_id": network} | row], schema=good_schema(TABLES["networks"]))


def _together(con: duckdb.DuckDBPyConnection, table: Checked, staged: Path) -> Checked:
    good, bad = (staged / kind / f"{table.table}.parquet" for kind in ("good", "bad"))
    moved = check_together(con, TABLES[table.table], good, bad)
    return replace(table, good=table.good - moved, bad=table.bad + moved)


def _refuse_hopeless(checked: list[Checked], staged: Path) -> None:
    """A table of which nothing is good is a mistake in the mapping, not a bad day at the till."""
    for table in checked:
        if table.rows and not table.good:
            first = pq.read_table(staged / "bad" / f"{table.table}.parquet").slice(0, 1).to_pylist()[0]
            broken = f"row {first['source_row']}, {first['column']} = {first['value']!r}, rule: {first['rule']}"
            raise BadInput(
                f"{table.table}: none of {table.rows:,} rows keeps the contract (first: {broken}); "
                "nothing was changed. Correct the mapping"
            )


def _assemble(
    con, mapping: Mapping, facts: Facts, as_of: datetime, base: Version | None, staged: Path, staff: pa.Table
):
    """Merge, date, roll up, judge and write; returns the manifest without what only the batch knows."""
    build.merge(con, staged / "good", base)
    build.keep_names(con, staff, base)
    build.date_locally(con, facts.timezone)
    at = build.clock(con, as_of, facts.timezone)
    build.roll_up(con, mapping.level, at)
    outliers = _outliers(con, staged / "bad")
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": as_of.isoformat(),
        "facts": facts.model_dump() | {"level": mapping.level, "source": mapping.source},
        "history_start": at.history_start.isoformat(),
        "quality": [gate.as_dict() for gate in quality.gates(con, as_of, outliers)],
        "tables": build.write(con, staged / "publish"),
    }


def _one_currency(con, locations: str, facts: Facts) -> None:
    """Amounts of two currencies would be added up; there is no table of rates to prevent it. No shop is no network."""
    if "currency" not in con.table(locations).columns:
        return  # the contract says what is missing
    found = [row[0] for row in con.sql(f'SELECT DISTINCT currency::VARCHAR FROM "{locations}" ORDER BY 1').fetchall()]
    if not found:
        raise BadInput("locations: the mapping brings no shop; is the network's id spelt as in the files?")
    if found != [facts.currency]:
        said = ", ".join(map(str, found))
        raise BadInput(f"locations: currency is {said}, but the network's is {facts.currency}; one per network")


def _outliers(con, bad: Path) -> int:
    sql = f"SELECT count(*) FROM read_parquet('{bad}/*.parquet') WHERE rule LIKE 'at most % times the median%'"
    return con.sql(sql).fetchall()[0][0]


def _quarantine(checked: list[Checked], number: int, staged: Path) -> dict[str, Any] | None:
    """Write the batch's quarantine file and account for every row: good + quarantined = input."""
    tables = [pq.read_table(staged / "bad" / f"{table.table}.parquet") for table in checked]
    reasons = pa.concat_tables([QUARANTINE.empty_table(), *tables])
    for table, found in zip(checked, tables, strict=True):
        if table.good + table.bad != table.rows or len(set(found["row"].to_pylist())) != table.bad:
            raise BarberlabError(
                f"{table.table}: {table.rows} rows in, {table.good} good, {table.bad} quarantined: "
                "they do not add up, so nothing was published"
            )
    if not reasons.num_rows:
        return None
    path = files.make_folder(staged / "publish" / "quarantine") / f"v{number:06}.parquet"
    pq.write_table(reasons, path)
    by_table = {table.table: table.bad for table in checked if table.bad}
    return {"path": f"quarantine/{path.name}", "sha256": files.sha256(path), "rows": by_table}
