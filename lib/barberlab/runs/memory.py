"""How much memory is there, and how much does a kernel take with all that it started? As Linux tells it in /proc.

What a process shares with others, as a forked kernel does with its parent, counts for each in part (PSS), so that what
is told of several processes can be added up.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# What a worker takes with its Chromium and a cold kernel that has imported pymc and seaborn, measured, with room for a
# model; no kernel is given less.
WORKER_BYTES = 1_000_000_000
# The rest is for the system, for workers and for their browsers.
_FOR_KERNELS = 3 / 4
_PROC, _GROUP = Path("/proc"), Path("/sys/fs/cgroup")


def is_known() -> bool:
    """Whether this system tells what a process takes."""
    return (_PROC / "self" / "smaps_rollup").exists()


def free() -> list[int]:
    """Bytes that the system has left, and that our control group may still take; nothing where nobody says."""
    found = [told["MemAvailable"]] if (told := _table(_PROC / "meminfo")) else []
    limit = _group_limit()
    return found if limit is None else [*found, limit - int((_GROUP / "memory.current").read_text())]


def share(workers: int = 1) -> int:
    """Bytes that each kernel may take where so many work side by side."""
    carried = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *filter(None, [_group_limit()])]
    return max(WORKER_BYTES, int(_FOR_KERNELS * min(carried) / workers))


def family(pid: int) -> set[int]:
    """The process, what it started, what that started, and who else is in its session."""
    found, parents = {pid}, dict(_parents())
    while more := {one for one, (parent, session) in parents.items() if parent in found or session == pid} - found:
        found |= more
    return found


def used(pid: int, above: float = 0) -> int:
    """Bytes that the process and its family take; only those above `above` are counted exactly."""
    members = family(pid)
    # Exact is dear: each page is looked at.
    at_most = sum(map(_whole, members))
    return at_most if at_most <= above else sum(map(_proportionate, members))


def _whole(pid: int) -> int:
    told = _table(_PROC / str(pid) / "status")
    return told.get("VmRSS", 0) + told.get("VmSwap", 0)


def _proportionate(pid: int) -> int:
    told = _table(_PROC / str(pid) / "smaps_rollup")
    return told["Pss"] + told.get("SwapPss", 0) if "Pss" in told else _whole(pid)


def _parents() -> Iterator[tuple[int, tuple[int, int]]]:
    """Each process with its parent and its session."""
    # Asked for several times a second, and pathlib is slow at it.
    for pid in filter(str.isdigit, os.listdir(_PROC) if _PROC.is_dir() else ()):  # noqa: PTH208
        # It may have ended meanwhile.
        with contextlib.suppress(OSError), open(f"{_PROC}/{pid}/stat", "rb", buffering=0) as stat:  # noqa: PTH123
            # The name stands in brackets and may hold anything.
            fields = stat.read().rpartition(b")")[2].split()
            yield int(pid), (int(fields[1]), int(fields[3]))


def _table(path: Path) -> dict[str, int]:
    """Bytes by name, of the lines that say how many kB; empty for a process that has ended."""
    lines = []
    with contextlib.suppress(OSError):
        lines = path.read_text(errors="replace").splitlines()
    words = (line.replace(":", " ").split() for line in lines if line.endswith(" kB"))
    return {word[0]: int(word[-2]) * 1024 for word in words}


def _group_limit() -> int | None:
    path = _GROUP / "memory.max"
    said = path.read_text().strip() if path.exists() else "max"
    return None if said == "max" else int(said)
