"""The simulated networks as the files a source system would hand over, the truth beside them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from barberlab import files
from barberlab.data.sample.large import day_chunks, day_network
from barberlab.data.sample.network import Sample


def write(sample: Sample, folder: Path) -> list[Path]:
    """`folder`/<table>.parquet for each table with rows or required, and `folder`/truth/<table>.parquet; same bytes
    for the same sample. Returns the tables' paths, in order."""
    for name, frame in sample.truth.items():
        _write(frame, files.make_folder(folder / "truth") / f"{name}.parquet")
    paths = [files.make_folder(folder) / f"{name}.parquet" for name in sample.tables]
    for path, frame in zip(paths, sample.tables.values(), strict=True):
        _write(frame, path)
    return paths


def write_days(folder: Path, locations: int, seed: int, name: str, months: int = 36) -> list[Path]:
    """A large network of level "day", shop by shop in bounded memory; returns the paths of its three tables."""
    paths = write(day_network(locations, seed, months, name=name), folder)
    days = folder / "location_day.parquet"
    writer = None
    for chunk in day_chunks(locations, seed, months, name=name):
        table = _arrow(chunk)
        writer = writer or pq.ParquetWriter(days, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()
    return [*paths, days]


def _write(frame: pd.DataFrame, path: Path) -> None:
    pq.write_table(_arrow(frame), path, compression="zstd")


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
