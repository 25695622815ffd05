"""What does a mapping file say? Which files an export has, what the network's facts are, and a SELECT per table."""

import hashlib
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from barberlab.data.contract import TABLES, tables_for
from barberlab.errors import BadInput


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone, such as America/New_York")
    return name


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Facts(_Closed):
    """What holds for a network as a whole; becomes its row of table 1."""

    currency: str
    country: str
    timezone: Annotated[str, AfterValidator(_known_zone)]
    name: str | None = None
    benchmark_opt_in: bool = False
    status: Literal["active", "suspended", "closed"] = "active"


class File(_Closed):
    """One kind of file in the export: whichever files match `pattern` become one SQL table.

    Without `format` the file's ending says it. Without an `optional` file, the tables selected from it are not there.
    """

    pattern: str
    format: Literal["csv", "parquet", "excel", "json"] | None = None
    optional: bool = False
    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None


class Mapping(_Closed):
    """A whole mapping file.

    `network` is the facts themselves or a SELECT of one row that holds them. `notes` are what a reader of the numbers
    should know of the source; they stand on the pages.
    """

    source: str
    level: Literal["visit", "day"] = "visit"
    network: Facts | str
    as_of: str | None = None
    files: dict[str, File]
    tables: dict[str, str | None]
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    def select(self, table: str, absent: set[str] = frozenset()) -> str | None:
        """The SELECT of one contract table; None where the source has no such rows, or its file is `absent`."""
        sql = self.tables.get(table)
        return None if sql is None or absent & set(re.findall(r"\w+", sql)) else sql


def load(path: Path) -> Mapping:
    """Read and check a mapping file; raises BadInput that names the file, the key and what is allowed."""
    try:
        raw = path.read_bytes()
        said = yaml.safe_load(raw)
        if not isinstance(said, dict):
            raise BadInput(f"{path.name}: a mapping file holds keys such as source, network, files and tables")
        mapping = Mapping(**_as_text(said), fingerprint=hashlib.sha256(raw).hexdigest())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path.name}: is not YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        raise BadInput(_first_problem(path, error)) from None
    _check_tables(path, mapping)
    return mapping


def facts(found: dict[str, Any], source: str) -> Facts:
    """A network's facts as a SELECT found them; raises BadInput that names what is wrong."""
    try:
        return Facts(**{name: value for name, value in found.items() if value is not None})
    except ValidationError as error:
        raise BadInput(_first_problem(Path(f"mapping {source}: network"), error)) from None


def _as_text(said: dict[str, Any]) -> dict[str, Any]:
    """YAML reads `as_of: 2025-06-30` as a date; the mapping keeps it as it was typed."""
    return said | ({"as_of": str(said["as_of"])} if said.get("as_of") is not None else {})


def _first_problem(path: Path, error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in ("Facts", "str"))
    return f"{path.name}: {where}: {problem['msg']}"


def _check_tables(path: Path, mapping: Mapping) -> None:
    unknown = sorted(set(mapping.tables) - set(TABLES))
    if unknown:
        raise BadInput(f"{path.name}: tables.{unknown[0]} is no table of the contract; those are {', '.join(TABLES)}")
    if "networks" in mapping.tables:
        raise BadInput(f"{path.name}: tables.networks is made from `network:`; say the facts there")
    needed = [t.name for t in tables_for(mapping.level) if t.name != "networks"]
    missing = [name for name in needed if name not in mapping.tables]
    if missing:
        raise BadInput(
            f"{path.name}: level {mapping.level!r} needs a SELECT for {', '.join(missing)} "
            "(or an explicit null where the source has no such rows)"
        )


_ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".json": "json", ".jsonl": "json"}
_ENDINGS |= dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), "excel")


def format_of(file: File, path: Path) -> str:
    """csv, parquet, excel or json; raises BadInput where neither the mapping nor the ending tells."""
    found = file.format or _ENDINGS.get(path.suffix.lower())
    if found is None:
        raise BadInput(f"{path.name}: its ending tells no format; the mapping may say csv, parquet, excel or json")
    return found


def match(mapping: Mapping, files: list[Path]) -> dict[str, list[Path]]:
    """Which of `files` is which of the mapping's files. Every file must match one pattern, every pattern a file."""
    found: dict[str, list[Path]] = {name: [] for name in mapping.files}
    for path in sorted(files):
        names = [name for name, file in mapping.files.items() if fnmatchcase(path.name, file.pattern)]
        if len(names) != 1:
            patterns = ", ".join(file.pattern for file in mapping.files.values())
            raise BadInput(f"{path.name}: matches {len(names)} of the mapping's file patterns, not one: {patterns}")
        found[names[0]].append(path)
    for name, paths in found.items():
        if not paths and not mapping.files[name].optional:
            raise BadInput(
                f"no file given for {name!r}: the mapping expects one that matches {mapping.files[name].pattern}"
            )
    return found
