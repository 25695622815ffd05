"""What may a notebook hand to its run? Tables that outlive it, and gates of its own.

Both find the run by BARBERLAB_RUN_DIR, which the runner sets for the kernel. Outside a run, in JupyterLab, they only
give back what they were given, so that a notebook reads the same in both places.
"""

import io
import json
import os
import re
from pathlib import Path

import pandas as pd

from barberlab import files
from barberlab.errors import BadInput

RUN_DIR = "BARBERLAB_RUN_DIR"
GATES = "gates.jsonl"
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A spreadsheet runs a cell that begins like this, also in full-width letters and after blanks.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*\s?%?")


def keep(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` itself; inside a run it is also kept as tables/<name>.parquet and .csv, for pages and other readers.

    A named index becomes columns. Units and other `attrs` are kept with the Parquet file. Raises BadInput for a name
    that is not lower-case letters, digits and _, and for columns without names of their own.
    """
    if not TABLE_NAME.fullmatch(name):
        raise BadInput(f"table name {name!r} must be lower-case letters, digits and _, beginning with a letter")
    if not all(isinstance(column, str) for column in frame.columns) or not frame.columns.is_unique:
        raise BadInput(f"table {name!r}: its columns must have names, each its own")
    if RUN_DIR in os.environ:
        folder = files.make_folder(Path(os.environ[RUN_DIR]) / "tables")
        flat = frame.reset_index() if any(frame.index.names) else frame
        files.write(folder / f"{name}.parquet", _parquet(flat))
        files.write(folder / f"{name}.csv", csv_text(flat).encode())
    return frame


def report_gate(name: str, passed: bool, what: str) -> bool:
    """`passed` itself; inside a run a gate that did not pass keeps the run from being published.

    `what` says in one line what was found, without any row of data: it is printed and kept.
    """
    if RUN_DIR in os.environ:
        path = Path(os.environ[RUN_DIR]) / GATES
        before = path.read_bytes() if path.exists() else b""
        line = json.dumps({"name": str(name), "passed": bool(passed), "what": str(what)})
        files.write(path, before + line.encode() + b"\n")
    return bool(passed)


def csv_text(frame: pd.DataFrame) -> str:
    """`frame` as CSV that no spreadsheet takes for a formula: such a text, or column name, gets a leading apostrophe.

    Numbers stay numbers, negative ones too.
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "boolean", "datetime", "datetimetz", "timedelta"])
    safe = frame.assign(**{column: texts[column].map(_plain, na_action="ignore") for column in texts})
    return safe.rename(columns=_plain).to_csv(index=False, lineterminator="\n")


def _plain(value: object) -> object:
    if isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _parquet(frame: pd.DataFrame) -> bytes:
    kept = frame.copy(deep=False)
    kept.attrs = json.loads(json.dumps(frame.attrs, default=str))
    buffer = io.BytesIO()
    kept.to_parquet(buffer, index=False, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()
