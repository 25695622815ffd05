"""What did each shop take in each week? A file of anybody's weekly revenue, read and checked before a model sees it.

The file is Parquet or CSV: `network_id`, `location_id`, `week` (a Monday), `revenue` in any one unit of money, and as
many columns `x_*` as are known in advance (holidays, school breaks, planned offers). A week without a row, without a
revenue or with a revenue of zero is a week in which the shop was closed: it is missing and never zero.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from barberlab.errors import BadInput
from barberlab.personal import mask

KEYS = ("network_id", "location_id", "week")
COLUMNS = (*KEYS, "revenue")
KNOWN = "x_"
_NAMED = 3  # as many culprits as a message names; the rest are counted


def read(path: Path) -> pd.DataFrame:
    """The checked table of `path`: the ids as text, week (datetime64[us]), revenue and x_* as float64.

    Sorted by network, location and week, each location and week once. Revenue is NaN where the shop was closed. x_* is
    finite wherever a row has a revenue or lies after the file's last revenue, and may be NaN in other rows. Raises
    BadInput with every defect found, each with its count, its first row (1 = first row of data) and its names.
    """
    return checked(_loaded(path), path.name)


def checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The same for a table that was read already; `name` is what messages call it."""
    _require_columns(table, name)
    raw = table.reset_index(drop=True)
    typed = _typed(raw, name)
    problems = [words for check in _CHECKS for words in check(typed)]
    if problems:
        raise BadInput(f"{name}: " + "; ".join(problems))
    typed["revenue"] = typed["revenue"].where(typed["revenue"] > 0)
    return typed.sort_values(list(KEYS), ignore_index=True)


def _loaded(path: Path) -> pd.DataFrame:
    readers = {".parquet": pd.read_parquet, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise BadInput(f"{path.name}: is neither .parquet nor .csv; write the table as one of them")
    if not path.is_file():
        raise BadInput(f"{path.name}: there is no such file in {path.parent}")
    try:
        return readers[path.suffix.lower()](path)
    except (pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise BadInput(f"{path.name}: cannot be read as {path.suffix[1:].lower()}: {mask(first)}") from None


def _csv(path: Path) -> pd.DataFrame:
    # As text, so that location 01 stays 01 and every value that is no number can be counted.
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])


def _require_columns(table: pd.DataFrame, name: str) -> None:
    twice = sorted(set(map(str, table.columns[table.columns.duplicated()])))
    missing = [column for column in COLUMNS if column not in table.columns]
    unknown = [str(c) for c in table.columns if c not in COLUMNS and not str(c).startswith(KNOWN)]
    said = [f"column {', '.join(twice)} is there twice"] if twice else []
    said += [f"column {', '.join(missing)} is missing"] if missing else []
    said += [f"column {mask(', '.join(unknown))} is unknown"] if unknown else []
    if said:
        wanted = f"expected are {', '.join(COLUMNS)} and any number of {KNOWN}*"
        raise BadInput(f"{name}: {'; '.join(said)}; {wanted}. Rename or remove columns")
    if table.empty:
        raise BadInput(f"{name}: holds no row; at least one week of one location is needed")


def _typed(raw: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns as their types. A value that is there and cannot be read is an error; an empty one is missing."""
    numbers = [column for column in raw.columns if column not in KEYS]
    columns = {"network_id": _ids(raw["network_id"]), "location_id": _ids(raw["location_id"])}
    columns |= {"week": _days(raw["week"])} | {column: _numbers(raw[column]) for column in numbers}
    typed = pd.DataFrame(columns)
    read = ((column, raw[column].notna() & typed[column].isna()) for column in ("week", *numbers))
    lost = ((column, raw[column].isna() | (raw[column].astype("str").str.strip() == "")) for column in KEYS)
    said = [
        f"{c}: {_rows(bad)} not a {'date (2025-06-30)' if c == 'week' else 'number'}" for c, bad in read if any(bad)
    ]
    said += [f"{c}: {_rows(bad)} empty" for c, bad in lost if any(bad)]
    if said:
        raise BadInput(f"{name}: {'; '.join(said)}. Correct or remove them")
    return typed


def _ids(column: pd.Series) -> pd.Series:
    text = column.astype("str").str.strip()
    return text.where(column.notna() & (text != ""))


def _days(column: pd.Series) -> pd.Series:
    """Local dates. A time of day or a zone is none: it would let a week begin on two days."""
    zoned = isinstance(column.dtype, pd.DatetimeTZDtype)
    number = pd.api.types.is_numeric_dtype(column.dtype)
    if zoned or number:
        return pd.Series(pd.NaT, column.index, dtype="datetime64[us]")
    days = pd.to_datetime(column, errors="coerce", format="ISO8601")
    if isinstance(days.dtype, pd.DatetimeTZDtype) or days.dtype == object:
        return pd.Series(pd.NaT, column.index, dtype="datetime64[us]")
    return days.where(days == days.dt.normalize()).astype("datetime64[us]")


def _numbers(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return pd.Series(np.nan, column.index)
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _rows(bad: pd.Series) -> str:
    count = int(bad.sum())
    verb = "is" if count == 1 else "are"
    return f"{count:,} row{'s' if count > 1 else ''} (first: row {int(np.argmax(bad)) + 1:,}) {verb}"


def _names(ids: Iterable[str]) -> str:
    named = sorted(set(ids))
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return mask(", ".join(named[:_NAMED])) + more


# What may be wrong with a table of the right types: each yields words, or nothing


def _mondays(table: pd.DataFrame) -> Iterable[str]:
    bad = table["week"].dt.day_of_week != 0
    if bad.any():
        first = table["week"][bad].iloc[0]
        yield f"{_rows(bad)} a week that is not a Monday ({first:%Y-%m-%d} is a {first:%A}); name a week by its Monday"


def _once(table: pd.DataFrame) -> Iterable[str]:
    bad = table.duplicated(list(KEYS))
    if bad.any():
        yield f"{_rows(bad)} a second one of a location and week ({_names(table['location_id'][bad])}); add them up"


def _amounts(table: pd.DataFrame) -> Iterable[str]:
    revenue = table["revenue"]
    for bad, what in ((revenue < 0, "negative"), (np.isinf(revenue) & (revenue > 0), "infinite")):
        if bad.any():
            yield f"{_rows(bad)} of {what} revenue ({_names(table['location_id'][bad])}); correct or remove them"


def _one_network(table: pd.DataFrame) -> Iterable[str]:
    networks = table.groupby("location_id", observed=True)["network_id"].nunique()
    several = networks.index[networks > 1]
    if len(several):
        yield f"{_count(several)} in two networks ({_names(several)}); a location belongs to one: rename the other"


def _traded(table: pd.DataFrame) -> Iterable[str]:
    ever = (table["revenue"] > 0).groupby(table["location_id"]).any()
    never = ever.index[~ever]
    if len(never):
        yield f"{_count(never)} without any revenue ({_names(never)}); leave them out"


def _known_in_advance(table: pd.DataFrame) -> Iterable[str]:
    traded = table["revenue"] > 0
    needed = traded | (table["week"] > table["week"][traded].max())
    for column in table.columns[len(COLUMNS) :]:
        bad = needed & ~np.isfinite(table[column])
        if bad.any():
            names = _names(table["location_id"][bad])
            yield f"{column}: {_rows(bad)} missing or infinite ({names}); it must be known for the horizon's weeks too"


def _count(locations: pd.Index) -> str:
    return f"{len(locations):,} location{'s are' if len(locations) > 1 else ' is'}"


_CHECKS: tuple[Callable[[pd.DataFrame], Iterable[str]], ...] = (
    _mondays,
    _once,
    _amounts,
    _one_network,
    _traded,
    _known_in_advance,
)
