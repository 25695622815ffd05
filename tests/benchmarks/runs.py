"""What does running reports cost above the reports themselves?

    .venv/bin/python tests/benchmarks/runs.py                    all of it, some minutes
    .venv/bin/python tests/benchmarks/runs.py unchanged          200 networks in which nothing changed
    .venv/bin/python tests/benchmarks/runs.py overhead           per network, above its notebook's cells, by engine
    .venv/bin/python tests/benchmarks/runs.py workers            two workers against one

One simulated network of eight shops is made, and copied under as many names as are needed. `unchanged` runs the command
line as a user types it, imports and all; every published file is read and compared. `overhead` is a report's whole time
less its cells' own by Papermill's count: kernel, page, checks, PDF, publication; the first network of each turn, which
pays for imports and for Chromium's start, is told apart. `workers` compares whole commands, start-up and all.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from barberlab import files
from barberlab.data.ingest import ingest
from barberlab.data.sample import export, simulate
from barberlab.errors import BadInput
from barberlab.runs import jobs, manifest, outputs, runner
from barberlab.workspace import Workspace

REPO = Path(__file__).parents[2]
FIRST = "north"


def workspace(root: Path, networks: int) -> Workspace:
    """`networks` networks with the same data and no runs."""
    for name in ("params", "notebooks"):
        shutil.copytree(REPO / name, root / name)
    shutil.copy(REPO / manifest.LOCK, root)
    place = Workspace(root)
    made = simulate("north", seed=1, shops=8, months=36)
    paths = export.write(made, root / "export")
    ingest(place, FIRST, place.params / "sources" / "contract.yaml", paths, made.as_of.isoformat())
    for number in range(1, networks):
        shutil.copytree(place.network(FIRST), place.network(f"n{number:03}"), copy_function=os.link)
    return place


def publish_everywhere(place: Workspace) -> None:
    """Give every network the first one's published runs as its own, as if it had been run."""
    known = jobs.known_reports(place, None)
    code = manifest.code_facts(place.root)
    origin = outputs.of(place, FIRST)
    for network in set(place.networks()) - {FIRST}:
        home = outputs.of(place, network)
        with home.locked():
            for job in jobs.jobs(place, network, known, None, {}, code):
                found = origin.published(job.report.name)
                run_id, staging = home.stage(job.report.name)
                shutil.copytree(origin.run(found.run_id), staging, dirs_exist_ok=True)
                own = {"run_id": run_id, "network": network, "parameters": job.parameters, "content_key": job.key}
                home.publish(staging, replace(found, **own))


def command(place: Workspace, *words: str) -> tuple[float, float]:
    """Wall and CPU seconds of `barberlab run` with these words, its children's CPU included."""
    line = [Path(sys.executable).with_name("barberlab"), "run", "--all", "--root", place.root, *words]
    before, since = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(line, check=True, capture_output=True)
    wall, after = time.perf_counter() - since, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def unchanged(root: Path, networks: int, repeats: int) -> Iterator[str]:
    """How long the command takes that finds nothing to do."""
    place = workspace(root, networks)
    runner.run(place, [FIRST])
    publish_everywhere(place)
    command(place)  # writes the index pages
    times = [command(place) for _ in range(repeats)]
    size = sum(path.stat().st_size for path in place.outputs.rglob("r*/**/*") if path.is_file())
    wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    best = min(wall for wall, _ in times)
    yield (
        f"{networks} unchanged networks, {networks * len(jobs.known_reports(place, None))} reports, "
        f"{size / 1e6:,.0f} MB compared: {wall:.2f} s wall (best {best:.2f}), {cpu:.2f} s CPU; bar 2 s"
    )


def engines() -> list[str]:
    """Those that can be had here."""
    try:
        return [jobs.PAPERMILL, jobs.engine_named(jobs.WARM)]
    except BadInput:
        return [jobs.PAPERMILL]


def seconds_above_cells(place: Workspace, outcomes: Iterable[runner.Outcome]) -> list[float]:
    """Of each outcome, its time less its cells'."""
    found = []
    for outcome in outcomes:
        if outcome.state != "published":
            raise SystemExit(f"{outcome.network} {outcome.report}: {outcome.state}: {outcome.reason}")
        said = json.loads((outputs.of(place, outcome.network).run(outcome.run_id) / manifest.NAME).read_bytes())
        found.append(outcome.seconds - sum(said["durations"]["cells"]))
    return found


def overhead(root: Path, networks: int, repeats: int) -> Iterator[str]:
    """What a network costs above its cells, the engines in turn."""
    place = workspace(root, networks)
    above: dict[str, list[float]] = {engine: [] for engine in engines()}
    first: dict[str, list[float]] = {engine: [] for engine in above}
    for _ in range(repeats):
        for engine in above:
            outcomes = runner.run(place, place.networks(), ["performance"], force=True, engine=engine)
            beginning, *rest = seconds_above_cells(place, outcomes)
            first[engine].append(beginning)
            above[engine] += rest
    for engine, each in above.items():
        yield (
            f"overhead per network, {engine}: {statistics.median(each):.2f} s (best {min(each):.2f} of {len(each)}), "
            f"the first of a run {statistics.median(first[engine]):.2f} s; bar 0.8 s"
        )
    if jobs.WARM in above:
        ratio = statistics.median(above[jobs.PAPERMILL]) / statistics.median(above[jobs.WARM])
        yield f"overhead, papermill / warm: x{ratio:.1f}"


def workers(root: Path, networks: int, repeats: int) -> Iterator[str]:
    """Two workers against one, in turn."""
    place = workspace(root, networks)
    command(place, "--workers", "1", "--force")  # whoever is warm is so for both
    pairs = [
        [command(place, "--force", "--workers", str(count), "--report", "performance")[0] for count in (1, 2)]
        for _ in range(repeats)
    ]
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    yield f"{networks} networks, one worker {one:.1f} s, two workers {two:.1f} s: x{one / two:.2f}"


PARTS = {"unchanged": (unchanged, 200, 5), "overhead": (overhead, 5, 3), "workers": (workers, 6, 2)}


def main() -> None:
    """Measure, and print a line for each figure."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all by default")
    said.add_argument("--networks", type=int)
    said.add_argument("--repeats", type=int)
    given = said.parse_args()
    for part in given.part or PARTS:
        measure, networks, repeats = PARTS[part]
        with tempfile.TemporaryDirectory(prefix="barberlab-bench-") as folder:
            for line in measure(
                files.make_folder(Path(folder) / "w"), given.networks or networks, given.repeats or repeats
            ):
                print(line, flush=True)


if __name__ == "__main__":
    main()
