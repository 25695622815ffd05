"""How fast does an export become a data version, and how far is that from the disk and the engine alone?

    .venv/bin/python tests/benchmarks/ingest.py                  a shop, eight shops, a thousand shops of daily totals
    .venv/bin/python tests/benchmarks/ingest.py --large          and ten thousand
    .venv/bin/python tests/benchmarks/ingest.py --profile        where the time of eight shops goes

The peer is DuckDB itself, which reads the same Parquet, casts every column to the contract's type and writes it as we
do (zstd, the same row groups), without a rule, a pseudonym, a rollup or a sum: the floor under any ingest. Each
measurement is a process of its own, ours and the peer's in turn; of several the fastest counts. Memory is that of the
whole process, of which the libraries take some 250 MB.
"""

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from barberlab.data import build
from barberlab.data.contract import TABLES
from barberlab.data.frames import SQL_TYPE
from barberlab.data.ingest import ingest
from barberlab.data.sample import export, simulate
from barberlab.workspace import Workspace

REPO = Path(__file__).parents[2]
UNTIL = date(2025, 6, 30)
# name: (source, how its export is made)
CASES: dict[str, tuple[str, Callable[[Path], list[Path]]]] = {
    "1 shop": ("contract", lambda folder: _visits(folder, shops=1)),
    "8 shops": ("contract", lambda folder: _visits(folder, shops=8)),
    "1,000 shops, days": ("contract-day", lambda folder: export.write_days(folder, 1_000, seed=1, name="plains")),
    "10,000 shops, days": ("contract-day", lambda folder: export.write_days(folder, 10_000, seed=1, name="plains")),
}
LARGE = "10,000 shops, days"


def _visits(folder: Path, shops: int) -> list[Path]:
    return export.write(simulate("plains", seed=1, shops=shops, months=36, until=UNTIL), folder)


def exported(case: str, place: Path) -> list[Path]:
    """The case's files, made once for each `place`."""
    folder = place / case.replace(" ", "-").replace(",", "")
    if not (folder / "locations.parquet").exists():
        CASES[case][1](folder)
    return sorted(folder.glob("*.parquet"))


# The two that are measured, each in a process of its own


def ours(case: str, paths: list[Path], scratch: Path) -> int:
    """Ingest into an empty workspace; gives the rows."""
    source = REPO / "params" / "sources" / f"{CASES[case][0]}.yaml"
    return ingest(Workspace(scratch), "plains", source, paths, UNTIL.isoformat()).rows


def duckdb_copy(_case: str, paths: list[Path], scratch: Path) -> int:
    """Read, cast and write the same files with DuckDB alone; gives the rows."""
    con, rows = build.connect(scratch), 0
    for path in paths:
        table = TABLES[path.stem]
        there = [name for name in con.sql(f"FROM '{path}'").columns if name in table.columns]
        casts = ", ".join(f'TRY_CAST("{name}" AS {SQL_TYPE[table.kind(name)]}) AS "{name}"' for name in there)
        rows += con.execute(
            f"COPY (SELECT {casts} FROM '{path}') TO '{scratch / path.name}' "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {build.ROW_GROUP})"
        ).fetchall()[0][0]
    return rows


WAYS = {"ours": ours, "duckdb_copy": duckdb_copy}


def measure_here(way: str, case: str, place: Path) -> dict[str, float]:
    """rows, wall and CPU seconds, and the peak memory in MB of this process; start-up and imports left out."""
    paths = exported(case, place)
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        wall, cpu = time.perf_counter(), time.process_time()
        rows = WAYS[way](case, paths, Path(scratch))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "wall": wall, "cpu": cpu, "peak": peak}


def measured(way: str, case: str, place: Path) -> dict[str, float]:
    """The same in a process of its own."""
    words = [sys.executable, __file__, "--here", way, case, "--place", str(place)]
    return json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)


def best(runs: list[dict[str, float]]) -> dict[str, float]:
    """The fastest of several runs."""
    return min(runs, key=lambda run: run["wall"])


COLUMNS = f"{'wall s':>8}{'CPU s':>8}{'MB':>7}"
HEAD = f"{'':20}{'rows':>12}{'rows/s':>10}{COLUMNS} | DuckDB COPY{COLUMNS}"


def line(case: str, place: Path, repeats: int) -> str:
    """One case: ours, the peer, and how many times the peer's wall and CPU time ours is."""
    exported(case, place)
    pairs = [(measured("ours", case, place), measured("duckdb_copy", case, place)) for _ in range(repeats)]
    our, peer = best([a for a, _b in pairs]), best([b for _a, b in pairs])
    left = f"{case:20}{our['rows']:>12,}{our['rows'] / our['wall']:>10,.0f}{our['wall']:>8.2f}{our['cpu']:>8.2f}"
    right = f"{our['peak']:>7.0f} |{'':12}{peer['wall']:>8.2f}{peer['cpu']:>8.2f}{peer['peak']:>7.0f}"
    return f"{left}{right} | x{our['wall'] / peer['wall']:.1f} wall, x{our['cpu'] / peer['cpu']:.1f} CPU"


def profile(case: str, place: Path, top: int = 25) -> None:
    """Where the time of an ingest goes: the functions of ours and the libraries' calls that took longest in all."""
    paths = exported(case, place)
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        profiler.runcall(ours, case, paths, Path(scratch))
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(r"barberlab|duckdb|pandera/api/pandas/container", top)


def main() -> None:
    """Measure, and print a table."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--large", action="store_true", help="also ten thousand shops, 11 million rows")
    said.add_argument("--profile", action="store_true", help="profile eight shops instead")
    said.add_argument("--repeats", type=int, default=3)
    said.add_argument("--place", type=Path, help="where exports are kept for the next time")
    said.add_argument("--here", nargs=2, metavar=("WAY", "CASE"), help=argparse.SUPPRESS)
    given = said.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = given.place or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if given.here:
            print(json.dumps(measure_here(*given.here, place)))
        elif given.profile:
            profile("8 shops", place)
        else:
            print(HEAD)
            for case in CASES:
                if case != LARGE or given.large:
                    print(line(case, place, given.repeats), flush=True)


if __name__ == "__main__":
    main()
