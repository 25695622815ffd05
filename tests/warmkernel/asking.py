"""Kernels to ask: each started as Jupyter starts it, with what a test wants to know of it."""

import ast
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient

from warmkernel import spec

ANSWER_S = 60


class Manager(KernelManager):
    """Jupyter's manager with the warm kernelspec, whatever is installed here."""

    @property
    def kernel_spec(self):
        """The spec that `python -m warmkernel install` registers."""
        return spec.kernel_spec()


class Asked:
    """A running kernel, its manager and its client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient):
        self.manager, self.client = manager, client

    @property
    def pid(self) -> int:
        """The kernel's process."""
        return self.manager.provisioner.pid

    @property
    def is_warm(self) -> bool:
        """Whether it was forked."""
        return self.manager.provisioner.is_warm

    def do(self, code: str) -> dict:
        """Run a cell; gives the content of the reply."""
        return self.client.execute(code, reply=True, timeout=ANSWER_S)["content"]

    def value(self, expression: str, after: str = "") -> object:
        """What a literal expression is there, once the cell `after` has run."""
        reply = self.client.execute(after, user_expressions={"it": expression}, reply=True, timeout=ANSWER_S)
        found = reply["content"]
        assert found["status"] == "ok", found["evalue"]
        assert found["user_expressions"]["it"]["status"] == "ok", found["user_expressions"]["it"]["evalue"]
        return ast.literal_eval(found["user_expressions"]["it"]["data"]["text/plain"])

    def ends(self, seconds: float = 10) -> bool:
        """Whether the manager sees it gone in time."""
        return soon(lambda: not self.manager.is_alive(), seconds)


def soon(what: Callable[[], object], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + seconds
    while not (true := what()) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(true)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be read off does not."""
    try:
        return _stat(pid)[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    """The process that a process belongs to."""
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextlib.contextmanager
def started(cwd: Path | None = None, **environment: str) -> Iterator[Asked]:
    """A kernel with variables of its own and a working directory; ends with the context."""
    manager = Manager()
    manager.start_kernel(env=os.environ | environment, **({"cwd": str(cwd)} if cwd else {}))
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=ANSWER_S)
        yield Asked(manager, client)
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
