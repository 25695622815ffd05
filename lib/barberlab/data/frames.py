"""Arrow to tidy pandas: one set of types everywhere (Int64, boolean, str, UTC instants, local days at midnight)."""

import pandas as pd
import pyarrow as pa

PANDAS_TYPE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
    pa.null(): pd.StringDtype(na_value=float("nan")),
}

ARROW_TYPE = {
    "text": pa.string(),
    "enum": pa.string(),
    "flag": pa.bool_(),
    "count": pa.int64(),
    "money": pa.int64(),
    "number": pa.float64(),
    "day": pa.date32(),
    "instant": pa.timestamp("us", tz="UTC"),
}

SQL_TYPE = {
    "text": "VARCHAR",
    "enum": "VARCHAR",
    "flag": "BOOLEAN",
    "count": "BIGINT",
    "money": "BIGINT",
    "number": "DOUBLE",
    "day": "DATE",
    "instant": "TIMESTAMPTZ",
}


def to_pandas(table: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """The same rows as a pandas frame; a day becomes datetime64 at midnight, a null stays unknown."""
    frame = table.to_pandas(types_mapper=PANDAS_TYPE.get, date_as_object=False)
    days = [f.name for f in table.schema if pa.types.is_date(f.type)]
    return frame.assign(**{name: frame[name].astype("datetime64[us]") for name in days})


def to_arrow(frame: pd.DataFrame, kinds: dict[str, str]) -> pa.Table:
    """The columns named in `kinds` (contract words for types), in that order, as Arrow."""
    schema = pa.schema([(name, ARROW_TYPE[kind]) for name, kind in kinds.items()])
    return pa.Table.from_pandas(frame[list(kinds)], schema=schema, preserve_index=False)
