"""What ends a notebook that does not end by itself? Its deadline, the memory it takes, or whoever stops the run.

Its kernel is killed with all that it started.

Papermill works in a thread of its own, because it would otherwise take over this process's signals and count Ctrl-C as
one more dead kernel. The thread that called it waits, and so is free to be interrupted.
"""

import asyncio
import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from barberlab.runs import memory

GRACE_S = 30.0
_LOOK_S = 0.1
# Two thousandths of a second each: to look more often would cost the kernels more than it saves the machine.
_MEASURE_S = 0.25


class NotebookTimeoutError(TimeoutError):
    """The notebook as a whole took longer than it may."""


class MemoryLimitError(MemoryError):
    """The kernel, with all that it started, took more memory than it may."""


class Attended:
    """One call that starts kernels with a class that `managed` gave; all of them end with it."""

    def __init__(self):
        self._managers: list[Any] = []
        self._raised: BaseException | None = None

    def managed(self, base: type) -> type:
        """The kernel manager `base`, known here from its first moment."""
        known = self._managers

        class _Known(base):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                known.append(self)

        return _Known

    @property
    def cold(self) -> str:
        """Why a kernel was started the ordinary way though a warm one was wanted; empty where none was."""
        found = (getattr(manager.provisioner, "cold", "") for manager in self._managers)
        return next(filter(None, found), "")

    def run(self, call: Callable[[], None], deadline_s: float, memory_bytes: float = math.inf) -> BaseException | None:
        """What `call` raised, if anything; NotebookTimeoutError after `deadline_s` seconds.

        MemoryLimitError once its kernels take more than `memory_bytes`, where the system tells. Whatever interrupts the
        wait ends the kernel and then goes on upwards.
        """
        thread = threading.Thread(target=self._called, args=(call,), name="notebook", daemon=True)
        thread.start()
        try:
            over = self._awaited(thread, deadline_s, memory_bytes)
        except BaseException:
            self._end(thread)
            raise
        if over:
            self._end(thread)
        return over or self._raised

    def _awaited(self, thread: threading.Thread, deadline_s: float, memory_bytes: float) -> BaseException | None:
        """What is over before the thread ended; None if nothing was."""
        until = time.monotonic() + deadline_s
        while True:
            thread.join(max(0.0, min(_MEASURE_S, until - time.monotonic())))
            if not thread.is_alive():
                return None
            if time.monotonic() >= until:
                return NotebookTimeoutError(f"the notebook took longer than {deadline_s:,.0f} s")
            if sum(memory.used(pid, memory_bytes) for pid in self._kernels()) > memory_bytes:
                return MemoryLimitError(f"the kernel used more than {memory_bytes / 1e6:,.0f} MB")

    def _called(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            # It is looked at by the thread that waits
            self._raised = error
        finally:
            _close_loop()

    def _end(self, thread: threading.Thread) -> None:
        until = time.monotonic() + GRACE_S
        while thread.is_alive() and time.monotonic() < until:
            # Again and again: the kernel may be about to start.
            for pid in self._kernels():
                _kill(pid)
            thread.join(_LOOK_S)

    def _kernels(self) -> list[int]:
        pids = (getattr(manager.provisioner, "pid", None) for manager in self._managers)
        return [pid for pid in pids if pid]


def _close_loop() -> None:
    """End what Jupyter's client left in the loop it made for this thread: after a time-out, whoever listened."""
    from jupyter_core.utils import ensure_event_loop  # noqa: PLC0415

    loop = ensure_event_loop()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def _kill(kernel: int) -> None:
    for pid in memory.family(kernel):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
