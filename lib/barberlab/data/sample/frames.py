"""Columns of numbers become a table of the contract: its columns, in its order, of its types."""

import numpy as np
import pandas as pd

from barberlab.data.contract import TABLES

_DTYPES = {
    "text": "str",
    "enum": "str",
    "flag": "boolean",
    "count": "Int64",
    "money": "Int64",
    "number": "float64",
    "day": "datetime64[us]",
    "instant": "datetime64[us, UTC]",
}


def table(name: str, network: str, /, **columns) -> pd.DataFrame:
    """The table `name` of the contract for one network; a column that is not given is null, or the contract's default.

    Days and instants are naive datetime64[us] (instants in UTC). A column that the contract does not know comes last.
    """
    rows = len(next(iter(columns.values())))
    known = TABLES[name].columns
    given = {"network_id": np.full(rows, network, dtype=object)} | columns
    frame = {c: _column(TABLES[name].kind(c), given.get(c), known[c].default, rows) for c in known}
    extra = {c: pd.Series(v, dtype="str") for c, v in columns.items() if c not in known}
    return pd.DataFrame(frame | extra)


def _column(kind: str, values, default, rows: int) -> pd.Series:
    dtype = _DTYPES[kind]
    if values is None:
        return pd.Series([default] * rows, dtype=dtype)
    if kind == "instant":
        return pd.Series(np.asarray(values, "datetime64[us]")).dt.tz_localize("UTC")
    if isinstance(values, pd.Series):
        values = values.array
    return pd.Series(values, dtype=dtype)


def ids(form: str, numbers: np.ndarray) -> pd.array:
    """Ids like `form` for each number; a negative number is unknown. Builds each different id once."""
    numbers = np.maximum(numbers, -1)
    each = pd.array([form.format(i) for i in range(numbers.max(initial=-1) + 1)], dtype="str")
    return each.take(numbers, allow_fill=True)


def words(choices: tuple[str, ...] | list[str], index: np.ndarray) -> pd.array:
    """The word of each index; a negative index is unknown."""
    return pd.array(list(choices), dtype="str").take(np.asarray(index), allow_fill=True)


def known(values: np.ndarray, where: np.ndarray) -> pd.array:
    """Whole numbers where they are known, null elsewhere."""
    return pd.arrays.IntegerArray(np.asarray(values).astype("int64"), ~np.asarray(where, dtype=bool))
