"""What may pass is tried again, what will not is not, and nothing takes longer than it may."""

import errno
import json
import math
import os
import time

import bench
import nbformat
import pytest

from barberlab.runs import kernel, outputs, runner, work
from barberlab.runs.kernel import Executed, Failure
from barberlab.runs.task import Limits

DEAD = Failure("DeadKernelError", "Kernel died", passing=True)
LATE = Failure("CellTimeoutError", "A cell timed out", passing=True)
BROKEN = Failure("KeyError", "'visits'", cell=3)
GREEDY = Failure("MemoryLimitError", "the kernel used more than 400 MB")
QUICK = Limits(retries=2, backoff_s=0.001)


@pytest.fixture
def place(tmp_path):
    """Two networks with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north", "south")
    return made


def failing(monkeypatch, *first):
    """Kernels of north that end so, one after the other, before one that ends well; gives the list of runs."""
    ran = bench.pretend(monkeypatch)
    well, ends = kernel.execute, iter(first)

    def execute(node, parameters, *rest):
        end = next(ends, None) if parameters["network"] == "north" else None
        if end is None:
            return well(node, parameters, *rest)
        ran.append(dict(parameters))
        if isinstance(end, Exception):
            raise end
        return Executed(None, failure=end)

    monkeypatch.setattr(kernel, "execute", execute)
    return ran


def run(place, **options):
    return runner.run(place, ["north", "south"], pages=bench.pages(), **{"limits": QUICK} | options)


@pytest.mark.parametrize("end", [DEAD, LATE, OSError(errno.EIO, "Input/output error")], ids=lambda end: repr(end)[:30])
def test_what_may_pass_is_tried_again_and_the_manifest_says_why(place, monkeypatch, end):
    ran = failing(monkeypatch, end)
    outcomes = run(place)
    assert bench.states(outcomes) == {"north": "published", "south": "published"}
    assert [values["network"] for values in ran] == ["north", "north", "south"]
    [why] = json.loads((outcomes[0].page.parent / "manifest.json").read_bytes())["retried"]
    assert why.startswith(getattr(end, "kind", "OSError"))
    assert sorted(path.name for path in (place.outputs / "north").glob("r*")) == ["r000001-performance"]
    assert not list((place.outputs / "north").glob(f"{outputs.STAGING}*"))


@pytest.mark.parametrize(
    "end", [BROKEN, GREEDY, OSError(errno.ENOSPC, "No space left on device")], ids=lambda end: repr(end)[:30]
)
def test_what_will_not_pass_is_not_tried_again(place, monkeypatch, end):
    ran = failing(monkeypatch, end)
    assert bench.states(run(place)) == {"north": "failed", "south": "published"}
    assert [values["network"] for values in ran] == ["north", "south"]


def test_a_kernel_that_always_dies_is_given_up_after_its_retries(place, monkeypatch):
    ran = failing(monkeypatch, *[DEAD] * 9)
    outcomes = run(place)
    assert [values["network"] for values in ran] == ["north"] * 3 + ["south"]
    assert (outcomes[0].state, outcomes[0].reason) == ("failed", "DeadKernelError: Kernel died")
    kept = json.loads((outputs.of(place, "north").failed(outcomes[0].run_id) / "manifest.json").read_bytes())
    assert kept["retried"] == ["DeadKernelError: Kernel died"] * 2
    assert run(place, limits=Limits(retries=0))[0].state == "failed"
    assert len(ran) == 5


def test_each_wait_is_twice_the_one_before_up_to_the_longest(place, monkeypatch):
    waits = []
    monkeypatch.setattr(work.time, "sleep", waits.append)
    failing(monkeypatch, *[DEAD] * 4)
    outcomes = run(place, limits=Limits(retries=4, backoff_s=3, longest_backoff_s=10))
    assert outcomes[0].state == "published"
    assert [wait for wait in waits if wait >= 3] == [3, 6, 10, 10]


# In real kernels


def execute(tmp_path, *sources, **limits):
    node = bench.notebook(f"out = {str(tmp_path)!r}", *sources)
    return kernel.execute(node, {"network": "north"}, tmp_path, dict(os.environ), **{"timeout_s": 60} | limits)


SLOW = ["import time\ntime.sleep(0.7)"] * 60


@pytest.mark.parametrize("engine", ["papermill", "warm"])
def test_a_notebook_has_a_deadline_beside_that_of_its_cells(tmp_path, light_kernels, engine):
    pid = "import os\nfrom pathlib import Path\n(Path(out) / 'pid').write_text(str(os.getpid()))"
    since = time.monotonic()
    done = execute(tmp_path, pid, *SLOW, deadline_s=6, engine=engine)
    assert (done.notebook, done.failure.kind, done.failure.passing) == (None, "NotebookTimeoutError", True)
    assert done.failure.message == "the notebook took longer than 6 s"
    assert 6 <= time.monotonic() - since < 0.7 * len(SLOW)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_cell_error_says_that_it_will_not_pass_and_a_dead_kernel_that_it_may(tmp_path, light_kernels):
    broken = execute(tmp_path, "1 / 0", engine="warm")
    assert (broken.failure.kind, broken.failure.passing) == ("ZeroDivisionError", False)
    assert isinstance(broken.notebook, nbformat.NotebookNode)
    dead = execute(tmp_path, "import os\nos.kill(os.getpid(), 9)", engine="warm", deadline_s=math.inf)
    assert (dead.failure.kind, dead.failure.passing) == ("DeadKernelError", True)
