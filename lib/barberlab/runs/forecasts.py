"""What did a report foresee before? Published forecasts are kept for good, to be held against what came.

A table whose name begins with `forecast_` is a forecast. While its run stands it lies there; when the run is pruned or
backed up, the run's manifest and these tables alone go on:

    outputs/<network>/forecasts/r000012-revenue/    manifest.json, tables/forecast_*.parquet

Before a notebook starts, the runner lays what the same report of the same network foresaw earlier into its staging
folder, where `runs.earlier` finds it: the kernel needs no right to read other runs. A run that was made as of a day
that lay in the past already, on data that went on, foresaw nothing and is left out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from barberlab import files
from barberlab.errors import Damaged
from barberlab.runs import inside
from barberlab.runs import manifest as manifests
from barberlab.runs.manifest import NAME, Manifest
from barberlab.runs.outputs import RUN_ID, STAGING, Outputs

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "forecasts"
_TABLES = "tables/forecast_*.parquet"


@dataclass(frozen=True)
class Staged:
    """What was laid out for a notebook: run_id -> sum of its manifest; notes of what could not be read."""

    runs: dict[str, str]
    notes: list[str]


def stage(home: Outputs, report: str, before: datetime, staging: Path) -> Staged:
    """Lay the forecasts that `report` made from data up to a moment before `before` into its staging folder.

    One table for each name, with run_id. A run that is not what its manifest says is left out, with a note.
    """
    runs: dict[str, str] = {}
    notes: list[str] = []
    found: dict[str, list[pd.DataFrame]] = {}
    for folder in kept(home, report):
        try:
            manifest = manifests.read_alone(folder)
            if not _foresaw(manifest, before):
                continue
            tables = {path: _table(folder, manifest, path) for path in forecast_files(manifest)}
        except Damaged as error:
            notes.append(f"earlier forecast left out: {error}")
            continue
        runs[manifest.run_id] = files.sha256(folder / NAME)
        for path, frame in ((path, frame) for path, frame in tables.items() if len(frame)):
            found.setdefault(Path(path).name, []).append(frame)
    _lay_out(found, staging / inside.EARLIER)
    return Staged(runs, notes)


def kept(home: Outputs, report: str | None = None) -> Iterator[Path]:
    """Folders of all runs that hold forecasts, standing or set aside, each run once, in order."""
    paths = [*(home.folder / FOLDER).glob("r*-*"), *home.folder.glob("r*-*")]
    found = {path.name: path for path in paths if any(path.glob(_TABLES))}
    named = {name: said for name in found if (said := RUN_ID.fullmatch(name)) and report in (None, said[2])}
    yield from (found[name] for name in sorted(named, key=lambda name: int(named[name][1])))


def set_aside(home: Outputs, run: Path) -> None:
    """Keep the forecasts of a published run that is about to go; nothing where it holds none, or has been kept."""
    aside = home.folder / FOLDER / run.name
    if aside.is_dir() or run.parent != home.folder or not any(run.glob(_TABLES)):
        return
    staging = home.folder / f"{STAGING}{FOLDER}-{run.name}"
    files.remove_folder(staging)
    files.make_folder(staging / "tables")
    for path in of_run(run):
        files.put(staging / path, (run / path).read_bytes())
    files.make_folder(aside.parent)
    files.publish_folder(staging, aside)


def of_run(run: Path) -> list[str]:
    """What of a run's folder is kept for good: its manifest and its forecasts; nothing where it has none."""
    found = sorted(path.relative_to(run).as_posix() for path in run.glob(_TABLES))
    return [NAME, *found] if found else []


def forecast_files(manifest: Manifest) -> list[str]:
    """Paths of a run's forecasts, as its manifest names them."""
    return [path for path in manifest.files if Path(path).match(_TABLES)]


def _foresaw(manifest: Manifest, before: datetime) -> bool:
    at, data = (datetime.fromisoformat(said) for said in (manifest.as_of, manifest.data["as_of"]))
    return manifest.state == "published" and at == data and at < before


def _lay_out(found: dict[str, list[pd.DataFrame]], folder: Path) -> None:
    import pandas as pd  # noqa: PLC0415

    for name, frames in found.items():
        files.make_folder(folder)
        pd.concat(frames, ignore_index=True).to_parquet(folder / name, index=False)


def _table(folder: Path, manifest: Manifest, path: str) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    frame = pd.read_parquet(io.BytesIO(manifests.verified(folder, manifest, path)))
    return frame.assign(run_id=manifest.run_id)
