"""What happens in a process that was just forked, up to its end as an ipykernel.

It takes on all that a kernel started by itself would have had from its manager, and puts back what the parent keeps.
"""

import atexit
import ctypes
import gc
import importlib.util
import io
import json
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Far enough that a kernel that took all memory is ended before the parent, whose pages count for both.
_OOM_MORE = 100
_FAREWELL_S = 0.5
LAUNCHER = "ipykernel_launcher"
INLINE = "module://matplotlib_inline.backend_inline"


@dataclass(frozen=True)
class Request:
    """What the manager would have given to a process of its own. `limits`: soft and hard values by their number."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    umask: int
    limits: dict[str, tuple[int, int]]

    def bytes(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode()


def limits_of_this_process() -> dict[str, tuple[int, int]]:
    """Soft and hard limit of every kind, by its number as text."""
    kinds = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    return {str(kind): resource.getrlimit(kind) for kind in sorted(kinds)}


def umask_of_this_process() -> int:
    """The mode bits that new files do not get, read without changing them for a moment as os.umask would."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask:"))
    return int(line.split()[1], 8)


def run(request: int, base_path: list[str], parent: int, connection: socket.socket) -> int:
    """Be the kernel that the file descriptor `request` describes; gives its exit code.

    `connection` is told {"ready": true} when the kernel can be asked, so that its client need not try and wait.
    """
    with os.fdopen(request, "rb") as file:
        wanted = Request(**json.load(file))
    _belong(parent)
    _become(wanted, base_path)
    _start_afresh(wanted.environment)

    # The manager's side of this module does without.
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415
    from tornado.ioloop import IOLoop  # noqa: PLC0415

    # 1: a kernel whose parent is init neither watches its parent nor tells how to connect from a terminal.
    app = IPKernelApp.instance(parent_handle=1)
    app.initialize(wanted.arguments)
    # Not before its loop runs: a message that arrives while its receivers are being set up can be lost for good.
    IOLoop.current().add_callback(_tell_ready, connection)
    app.start()
    # The thread that was told to end still publishes what it has; ending around it would wait on itself.
    app.control_thread.join(_FAREWELL_S)
    return 0


def adopt_orphans() -> None:
    """Have what a process below this one leaves behind become a child of this one, rather than of init."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def finish() -> None:
    """What Python does at its end, for the kernel's own: threads, exit functions, __del__ methods, files written.

    Python itself would go through all that was inherited as well, which takes longer than most notebooks' cells.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    gc.collect()
    for thing in gc.get_objects():
        if isinstance(thing, io.IOBase) and not thing.closed:
            with suppress(Exception):
                thing.flush()


def _tell_ready(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.send(json.dumps({"ready": True}).encode())
    connection.close()


def _belong(parent: int) -> None:
    """A session of its own; ends with the parent; and what it starts is never left to init."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    adopt_orphans()
    with suppress(OSError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(int(score.read_text()) + _OOM_MORE, 1000)))


def _become(wanted: Request, base_path: list[str]) -> None:
    os.environ.clear()
    os.environ.update(wanted.environment)
    os.environ.pop("JPY_PARENT_PID", None)
    os.umask(wanted.umask)
    for kind, (soft, hard) in wanted.limits.items():
        allowed = resource.getrlimit(int(kind))[1]
        if (soft, hard) != resource.getrlimit(int(kind)):
            resource.setrlimit(int(kind), (_least(soft, allowed), _least(hard, allowed)))
    os.chdir(wanted.folder)
    entries = [entry for entry in wanted.environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*map(os.path.abspath, entries), *base_path]
    sys.argv[:] = [importlib.util.find_spec(LAUNCHER).origin, *wanted.arguments]


def _least(limit: int, allowed: int) -> int:
    finite = [value for value in (limit, allowed) if value != resource.RLIM_INFINITY]
    return min(finite, default=resource.RLIM_INFINITY)


def _start_afresh(environment: Mapping[str, str]) -> None:
    """Put back what a new interpreter would have had: random numbers, time zone, backend, and no module of ours."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    time.tzset()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcParams["backend"] = environment.get("MPLBACKEND") or INLINE
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{__package__}.")]:
        del sys.modules[name]
    gc.enable()
