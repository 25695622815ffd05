"""Where do networks run? In processes of this machine, as many as its cores and memory carry, or on a Dask cluster."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from barberlab.errors import BadInput
from barberlab.runs import memory

STOPS_S = 15.0
ANSWERS_S = 10
TOLD_TO_STOP = 128 + signal.SIGTERM
# What takes long to import and starts no thread; pandas would (Arrow's allocator), and a fork must not meet one.
PRELOAD = ("papermill", "nbconvert", "bs4", "jinja2")


def fitting(networks: int | None = None) -> int:
    """How many workers this machine carries: one per core, as far as free memory goes, at most one per network."""
    carried = [os.process_cpu_count() or 1, *(free // memory.WORKER_BYTES for free in memory.free())]
    return max(1, min(carried if networks is None else [*carried, networks]))


class Workers(Executor):
    """A process pool that begins with its first task, and is replaced where a worker's death has broken it.

    Left by an exception, it tells its workers to stop: they end their kernels, give back their leases and go.
    """

    def __init__(self, count: int):
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._others = set(multiprocessing.active_children())

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """As any executor; `fn` and what it is given are pickled on the way, and never on the disk."""
        try:
            return self._begun().submit(_until_told, fn, *args, **kwargs)
        except BrokenExecutor:
            self._pool = None
            return self._begun().submit(_until_told, fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more tasks; by default, when those at work are done."""
        if self._pool:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is not None:
            self._stop()

    def _begun(self) -> ProcessPoolExecutor:
        if self._pool is None:
            start = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
            if sys.platform == "linux":
                start.set_forkserver_preload(list(PRELOAD))
            self._pool = ProcessPoolExecutor(self.count, start, initializer=_begin)
        return self._pool

    def _stop(self) -> None:
        children = set(multiprocessing.active_children()) - self._others
        for child in children:
            child.terminate()
        until = time.monotonic() + STOPS_S
        for child in children:
            child.join(max(0.0, until - time.monotonic()))
            if child.exitcode is None:
                child.kill()


@contextmanager
def workers(count: int | None = None, networks: int | None = None) -> Iterator[Executor | None]:
    """An executor of `count` processes, by default as many as fit; None for one, which is this process itself."""
    count = fitting(networks) if count is None else count
    if count == 1:
        yield None
        return
    with Workers(count) as executor:
        yield executor


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of the Dask scheduler at `address`; each needs this package, the same lock and the workspace's path.

    Raises BadInput where Dask is not installed, nobody answers or there is no worker.
    """
    try:
        from distributed import Client  # noqa: PLC0415
    except ImportError:
        raise BadInput("--scheduler needs Dask: install barberlab[dask]") from None
    try:
        client = Client(address, timeout=ANSWERS_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"--scheduler {address!r}: no Dask scheduler answers there: {type(error).__name__}") from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise BadInput(f"--scheduler {address!r}: has no workers; start some with `dask worker {address}`")
        # Equal arguments are no reason to hand out an earlier answer.
        with client.get_executor(pure=False) as executor:
            yield executor


def _begin() -> None:
    """In a worker: Ctrl-C is for the parent to hear, and whoever loses the parent stops."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _told)
    threading.Thread(target=_outlived, name="parent", daemon=True).start()


def _told(*_: object) -> None:
    # Told again, as by the pool that sees another worker end, it would be cut short in giving back what it holds.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TOLD_TO_STOP)


def _outlived() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def _until_told(fn: Callable, *args: Any, **kwargs: Any) -> Any:
    try:
        return fn(*args, **kwargs)
    except SystemExit:
        # The pool would take it for a result and go on with the next task.
        os._exit(TOLD_TO_STOP)
