"""What may a notebook hand to its run? Tables, results and draws that outlive it, and gates of its own.

And what does it find there? The forecasts that earlier runs of the same report made.

All find the run by BARBERLAB_RUN_DIR, which the runner sets for the kernel. Outside a run, in JupyterLab, they only
give back what they were given, so that a notebook reads the same in both places.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from barberlab import files
from barberlab.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

RUN_DIR = "BARBERLAB_RUN_DIR"
GATES, RESULTS, EARLIER = "gates.jsonl", "results.jsonl", "earlier"
FORECAST = "forecast_"
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A spreadsheet runs a cell that begins like this, also in full-width letters and after blanks.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*\s?%?")


def keep(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` itself; inside a run it is also kept as tables/<name>.parquet and .csv, for pages and other readers.

    A named index becomes columns. Units and other `attrs` are kept with the Parquet file. One whose name begins with
    `forecast_` stays when its run is pruned, and later runs find it again by `earlier`. Raises BadInput for a name
    that is not lower-case letters, digits and _, and for columns without names of their own.
    """
    _check_name("table", name)
    if not all(isinstance(column, str) for column in frame.columns) or not frame.columns.is_unique:
        raise BadInput(f"table {name!r}: its columns must have names, each its own")
    if RUN_DIR in os.environ:
        folder = files.make_folder(Path(os.environ[RUN_DIR]) / "tables")
        flat = frame.reset_index() if any(frame.index.names) else frame
        files.write(folder / f"{name}.parquet", parquet(flat))
        files.write(folder / f"{name}.csv", csv_text(flat).encode())
    return frame


def earlier(name: str) -> pd.DataFrame:
    """The tables `name` that earlier published runs of this report kept, with their run_id; empty outside a run.

    `name` begins with `forecast_`. Raises BadInput for one that does not: of other tables only the newest run's stay.
    """
    import pandas as pd  # noqa: PLC0415

    _check_name("table", name)
    if not name.startswith(FORECAST):
        raise BadInput(f"table {name!r}: earlier runs are asked for forecasts, whose names begin with {FORECAST!r}")
    path = Path(os.environ.get(RUN_DIR, "")) / EARLIER / f"{name}.parquet"
    return pd.read_parquet(path) if RUN_DIR in os.environ and path.is_file() else pd.DataFrame()


def keep_result(
    name: str,
    value: float | None,
    unit: str,
    as_of: str = "",
    *,
    low80: float | None = None,
    high80: float | None = None,
    low95: float | None = None,
    high95: float | None = None,
    note: str = "",
) -> float | None:
    """`value` itself; inside a run it is also kept in results.json, for programs that read numbers and no pages.

    Parameters
    ----------
    name
        Lower-case letters, digits and _; once in a notebook.
    value
        A finite number; None where it is not available, and `note` then says what it needs.
    unit
        "cents", "share", "visits": what one of `value` is.
    as_of
        The moment it speaks of, in ISO 8601; by default the run's.
    low80, high80, low95, high95
        Equal-tailed intervals of an estimate; None for what was counted.

    Raises BadInput for a number that is none, an interval with one end or out of order, and a name kept twice.
    """
    _check_name("result", name)
    numbers = {"value": value, "low80": low80, "high80": high80, "low95": low95, "high95": high95}
    numbers = {key: None if number is None else _finite(name, key, number) for key, number in numbers.items()}
    _check_intervals(name, numbers)
    if value is None and not note:
        raise BadInput(f"result {name!r}: has no value; say in `note` what it needs")
    _append(RESULTS, {"name": name, "unit": str(unit), "as_of": str(as_of), **numbers, "note": str(note)})
    return value


def keep_posterior(name: str, draws: xr.Dataset) -> xr.Dataset:
    """`draws` itself; inside a run it is also kept as posterior/<name>.nc (netCDF), for whoever goes on with it.

    Raises BadInput unless (chain, draw) are among its dimensions.
    """
    _check_name("posterior", name)
    if not {"chain", "draw"} <= set(draws.dims):
        raise BadInput(
            f"posterior {name!r}: has the dimensions {', '.join(map(str, draws.dims))}, needs chain and draw"
        )
    if RUN_DIR in os.environ:
        folder = files.make_folder(Path(os.environ[RUN_DIR]) / "posterior")
        files.write(folder / f"{name}.nc", netcdf(draws))
    return draws


def report_gate(name: str, passed: bool, what: str) -> bool:
    """`passed` itself; inside a run a gate that did not pass keeps the run from being published.

    `what` says in one line what was found, without any row of data: it is printed and kept.
    """
    _append(GATES, {"name": str(name), "passed": bool(passed), "what": str(what)})
    return bool(passed)


def csv_text(frame: pd.DataFrame) -> str:
    """`frame` as CSV that no spreadsheet takes for a formula: such a text, or column name, gets a leading apostrophe.

    Numbers stay numbers, negative ones too.
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "boolean", "datetime", "datetimetz", "timedelta"])
    safe = frame.assign(**{column: texts[column].map(_plain, na_action="ignore") for column in texts})
    return safe.rename(columns=_plain).to_csv(index=False, lineterminator="\n")


def _check_name(kind: str, name: str) -> None:
    if not TABLE_NAME.fullmatch(name):
        raise BadInput(f"{kind} name {name!r} must be lower-case letters, digits and _, beginning with a letter")


def _finite(name: str, key: str, number: float) -> float:
    if isinstance(number, bool) or not hasattr(number, "__float__") or not math.isfinite(number):
        raise BadInput(f"result {name!r}: its {key} must be a finite number, or None where there is none")
    return int(number) if float(number).is_integer() and not isinstance(number, float) else float(number)


def _check_intervals(name: str, numbers: dict[str, float | None]) -> None:
    ends = [numbers[key] for key in ("low95", "low80", "high80", "high95")]
    inner, outer = ends[1:3], ends[::3]
    known = [end for end in ends if end is not None]
    if any(pair.count(None) == 1 for pair in (inner, outer)) or known != sorted(known):
        raise BadInput(f"result {name!r}: needs both ends of an interval, in order: low95, low80, high80, high95")


def _append(file: str, line: dict) -> None:
    if RUN_DIR not in os.environ:
        return
    path = Path(os.environ[RUN_DIR]) / file
    before = path.read_bytes() if path.exists() else b""
    if file == RESULTS and line["name"] in {json.loads(kept)["name"] for kept in before.splitlines()}:
        raise BadInput(f"result {line['name']!r}: was kept before; a name stands for one number")
    files.write(path, before + json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _plain(value: object) -> object:
    if isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def parquet(frame: pd.DataFrame) -> bytes:
    """`frame` with its attrs as a Parquet file whose pages carry sums; equal frames give equal bytes."""
    kept = frame.copy(deep=False)
    kept.attrs = json.loads(json.dumps(frame.attrs, default=str))
    buffer = io.BytesIO()
    kept.to_parquet(buffer, index=False, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def netcdf(draws: xr.Dataset) -> bytes:
    """`draws` as a netCDF file."""
    return bytes(draws.to_netcdf(engine="scipy"))
