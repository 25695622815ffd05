"""How much faster is a notebook on a warm kernel than on an ordinary one? Both in one run, turn about, as ratios.

    python tests/benchmarks/kernels.py [--pairs 5] [--workspace .] [--network north]

Nothing of the workspace is changed: reports run as in JupyterLab, outside a run, and their outputs are thrown away.
The exit code is 1 if a bar is missed.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from traitlets.config import Config

from warmkernel.engine import WarmClient, WarmManager

REPO = Path(__file__).resolve().parents[2]
REPORTS = ("performance", "shop")
IMPORTS = "import pandas as pd\nimport pyarrow\nimport pymc as pm\nimport arviz as az\nimport seaborn as sns"
# Memory of this process alone, in MB.
OWN = """
lines = open("/proc/self/smaps_rollup").read().splitlines()
print(sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024)
"""
WORKERS = 2
BAR_RATIO, BAR_OWN_MB, BAR_OVERHEAD_S, GOAL_OVERHEAD_S = 12, 90, 0.8, 0.5


@dataclass
class Measured:
    """One run in seconds: from the launch to the end of the imports, all of it, its cells, and each stage."""

    imports: float
    whole: float
    cells: float
    own_mb: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def overhead(self) -> float:
        """What it took besides its cells."""
        return self.whole - self.cells


def notebook() -> nbformat.NotebookNode:
    """A report that only imports, and says how much memory it has for itself."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("network: str = 'a'", IMPORTS, OWN)]
    cells[0].metadata.tags = ["parameters"]
    return nbformat.v4.new_notebook(cells=cells)


def timed(base: type, stages: dict[str, float]) -> type:
    """The kernel manager `base`, which notes how long its kernel took to start and to end."""

    async def noted(stage: str, coroutine):
        since = time.perf_counter()
        try:
            return await coroutine
        finally:
            stages[stage] = stages.get(stage, 0.0) + time.perf_counter() - since

    class Timed(base):
        def __init__(self, *args, **kwargs):
            stages["created"] = time.perf_counter()
            super().__init__(*args, **kwargs)

        async def start_kernel(self, **kwargs):
            await noted("kernel starts", super().start_kernel(**kwargs))

        async def shutdown_kernel(self, **kwargs):
            await noted("kernel ends", super().shutdown_kernel(**kwargs))

        def client(self, **kwargs):
            made = super().client(**kwargs)
            wait = made.wait_for_ready
            made.wait_for_ready = lambda timeout=None: noted("kernel answers", wait(timeout=timeout))
            return made

    if issubclass(base, WarmManager):
        Timed.client_factory = WarmClient
    return Timed


def measure(source: nbformat.NotebookNode, warm: bool, cwd: str, parameters: dict[str, str]) -> Measured:
    """One run of a notebook from the call of Papermill to its return."""
    stages: dict[str, float] = {}
    base = WarmManager if warm else AsyncKernelManager
    launched, since = time.time(), time.perf_counter()
    ran = papermill.execute_notebook(
        nbformat.from_dict(source),
        None,
        parameters,
        engine_name="warm" if warm else None,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        cwd=cwd,
        kernel_manager_class=timed(base, stages),
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
        extra_arguments=["--IPKernelApp.log_level=50"],
    )
    whole = time.perf_counter() - since
    code = [cell for cell in ran.cells if cell.cell_type == "code"]
    cells = sum(cell.metadata.papermill.duration for cell in code)
    stages["Papermill prepares"] = stages.pop("created") - since
    stages["the rest"] = whole - cells - sum(stages.values())
    imported = next(cell for cell in code if "import " in cell.source)
    ended = datetime.fromisoformat(imported.metadata.papermill.end_time).timestamp()
    own = float(code[-1].outputs[0].text) if code[-1].source == OWN else 0.0
    return Measured(ended - launched, whole, cells, own, stages)


def pairs(run: Callable[[bool], Measured], count: int) -> tuple[list[Measured], list[Measured]]:
    """`count` runs on ordinary and on warm kernels, turn about, so that what else runs hits both alike."""
    plain, warm = [], []
    for _ in range(count):
        plain.append(run(False))
        warm.append(run(True))
    return plain, warm


def two_at_once(count: int, cwd: str) -> tuple[list[Measured], list[Measured]]:
    """The same in two worker processes; both have only the one or only the other at any time."""
    plain: list[Measured] = []
    warm: list[Measured] = []
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        list(pool.map(_job, [True] * WORKERS, [cwd] * WORKERS))  # each worker has imported what it needs
        for _ in range(count):
            plain += pool.map(_job, [False] * WORKERS, [cwd] * WORKERS)
            warm += pool.map(_job, [True] * WORKERS, [cwd] * WORKERS)
    return plain, warm


def _job(warm: bool, cwd: str) -> Measured:
    return measure(notebook(), warm, cwd, {"network": "b"})


def ratio(plain: Iterable[float], warm: Iterable[float]) -> float:
    """How many times faster, of the medians."""
    return statistics.median(plain) / statistics.median(warm)


def row(name: str, plain: list[float], warm: list[float], bar: str = "") -> str:
    """A line of the table: medians in seconds, and their ratio."""
    medians = statistics.median(plain), statistics.median(warm)
    return f"{name:46}{medians[0]:8.2f}{medians[1]:8.2f}{medians[0] / medians[1]:8.1f}x  {bar}"


def reports(workspace: Path, network: str, count: int) -> Iterator[str]:
    """A line for each report of the workspace, whole."""
    if not (workspace / "data" / "networks" / network).is_dir():
        yield f"reports: {workspace} has no network {network!r}; `barberlab sample` makes it"
        return
    for name in REPORTS:
        source = nbformat.read(workspace / "notebooks" / "reports" / f"{name}.ipynb", as_version=4)
        plain, warm = pairs(lambda kind: measure(source, kind, str(workspace), {"network": network}), count)  # noqa: B023
        yield row(f"{name}, whole report", [run.whole for run in plain], [run.whole for run in warm])
        yield row(f"{name}, above its cells", [run.overhead for run in plain], [run.overhead for run in warm])


def stages(runs: list[Measured]) -> str:
    """Where the time above the cells goes."""
    parts = (f"{stage} {statistics.median(run.stages[stage] for run in runs):.3f}" for stage in runs[0].stages)
    return ", ".join(parts)


def main() -> int:
    """Measure and print; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--workspace", type=Path, default=REPO)
    parser.add_argument("--network", default="north")
    given = parser.parse_args()
    os.environ["BARBERLAB_ROOT"] = str(given.workspace.resolve())
    with tempfile.TemporaryDirectory() as cwd:
        os.environ["IPYTHONDIR"] = cwd
        loading = _job(True, cwd).whole
        print(f"a parent loads, once for all kernels: {loading:.1f} s\n\n{'median seconds':46}   plain    warm   ratio")
        plain, warm = pairs(lambda kind: _job(kind, cwd), given.pairs)
        first = ratio((run.imports for run in plain), (run.imports for run in warm))
        print(row("launch to end of imports, one after another", *_each("imports", plain, warm), f"bar {BAR_RATIO}x"))
        print(row("above the cells", *_each("overhead", plain, warm), f"bar {BAR_OVERHEAD_S}, goal {GOAL_OVERHEAD_S}"))
        beside, beside_warm = two_at_once(given.pairs, cwd)
        second = ratio((run.imports for run in beside), (run.imports for run in beside_warm))
        print(row("launch to end of imports, two at once", *_each("imports", beside, beside_warm), f"bar {BAR_RATIO}x"))
        print(row("above the cells, two at once", *_each("overhead", beside, beside_warm)))
        for line in reports(given.workspace.resolve(), given.network, given.pairs):
            print(line)
    own, own_plain = (max(run.own_mb for run in runs) for runs in (warm + beside_warm, plain + beside))
    print(f"\nown memory after the imports: {own_plain:.0f} MB plain, {own:.0f} MB warm (bar {BAR_OWN_MB})")
    print(f"stages, plain: {stages(plain)}\nstages, warm:  {stages(warm)}")
    overhead = statistics.median(run.overhead for run in warm)
    met = first >= BAR_RATIO and second >= BAR_RATIO and own <= BAR_OWN_MB and overhead <= BAR_OVERHEAD_S
    print("every bar is met" if met else "a bar is missed")
    return 0 if met else 1


def _each(what: str, *both: list[Measured]) -> Iterator[list[float]]:
    yield from ([getattr(run, what) for run in runs] for runs in both)


if __name__ == "__main__":
    sys.exit(main())
