"""Whose kernel is it, what may it read, and how long does it live?

A kernel is started for one session, on a warm parent, over sockets in a folder of this user alone, confined to an
extract of what its person may see. It ends with its session, when nobody is connected to it, or when a newer one of the
same person needs its place. Nothing that the browser sent is in its environment.
"""

import asyncio
import contextlib
import contextvars
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from traitlets import default

from barberlab.errors import Busy
from barberlab.runs import confine
from barberlab.serve.sessions import Session
from warmkernel import contact, provisioner, settings, spec

MOST_OF_ONE, MOST = 2, 20
ALONE_S, IDLE_S = 60.0, 1200.0
# What an interpreter needs of this process's environment; keys, tokens and the users' file are not among it.
_HANDED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "XDG_RUNTIME_DIR", "TMPDIR")
_HANDED_ON_LIKE = ("OMP_", "OPENBLAS_", "MKL_", "WARMKERNEL_", "NUMBA_", "PYTENSOR", "MPL")


@dataclass(frozen=True)
class Order:
    """A kernel that is wanted: for which session, and what fills its folder and tells its environment."""

    session: Session
    lay_out: Callable[[Path], dict[str, str]]


@dataclass
class _Owned:
    owner: str
    person: str
    scratch: Path


_ORDER: contextvars.ContextVar[Order | None] = contextvars.ContextVar("order", default=None)


@contextlib.contextmanager
def ordered(order: Order) -> Iterator[None]:
    """Kernels that are started meanwhile, in this task, are this order's."""
    token = _ORDER.set(order)
    try:
        yield
    finally:
        _ORDER.reset(token)


class OwnedKernels(AsyncMappingKernelManager):
    """Jupyter's kernels, each with an owner, a scope and an end."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.owned: dict[str, _Owned] = {}
        # Persons whose kernels are on their way: many that are asked for at once must not all find room.
        self._starting: list[str] = []
        # Its own culler knows one time for both; see `cull`.
        self.cull_idle_timeout = 0
        self.kernel_manager_class = f"{__name__}.{'Warm' if provisioner.forks() else 'Served'}"

    def owner(self, kernel_id: str) -> str | None:
        """The token of the session that the kernel is for."""
        found = self.owned.get(kernel_id)
        return found.owner if found else None

    async def _async_start_kernel(self, *, kernel_id=None, path=None, **kwargs: Any) -> str:
        """A kernel for the order of this task; whatever its caller says of environment and folder does not count.

        Raises Busy where all places are taken by others.
        """
        order = _ORDER.get()
        if order is None:
            raise Busy("a kernel is started for a session, and nobody asked for one")
        person = order.session.person.name
        self._check_room(person)
        self._starting.append(person)
        try:
            await self._end_oldest(person)
            return await self._started(order)
        finally:
            self._starting.remove(person)

    async def _started(self, order: Order) -> str:
        scratch = Path(tempfile.mkdtemp(prefix="barberlab-"))
        try:
            # Reading and writing tables takes a moment, in which pages are served.
            wanted = await asyncio.to_thread(order.lay_out, scratch)
            environment = _environment() | wanted | confine.prepare(wanted, scratch)
            started = await super()._async_start_kernel(
                kernel_name=self.default_kernel_name, env=environment, cwd=str(confine.own_folder(scratch))
            )
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        self.owned[started] = _Owned(order.session.token, order.session.person.name, scratch)
        return started

    start_kernel = _async_start_kernel

    def pre_start_kernel(self, kernel_name, kwargs):
        """As Jupyter's, with sockets and connection file in the kernel's own folder."""
        manager, name, kernel_id = super().pre_start_kernel(kernel_name, kwargs)
        own = Path(kwargs["cwd"])
        manager.transport, manager.ip = "ipc", str(own / f"k{secrets.token_hex(3)}")
        manager.connection_file = str(own / "kernel.json")
        return manager, name, kernel_id

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel, and remove its folder."""
        gone = self.owned.pop(kernel_id, None)
        if gone:
            shutil.rmtree(gone.scratch, ignore_errors=True)
        return super().remove_kernel(kernel_id)

    def confinement(self, kernel_id: str) -> str:
        """What the kernel could not forge of its confinement; see `confine.said`."""
        return confine.said({confine.ALLOWED: ""}, self.owned[kernel_id].scratch)

    async def end(self, kernel_id: str) -> None:
        """End a kernel now; nothing in it is worth a wait."""
        with contextlib.suppress(KeyError):
            await self.shutdown_kernel(kernel_id, now=True)

    async def end_of(self, token: str) -> int:
        """End all kernels of a session; gives how many."""
        own = [kernel_id for kernel_id, owned in self.owned.items() if owned.owner == token]
        for kernel_id in own:
            await self.end(kernel_id)
        return len(own)

    async def cull(self, now: datetime | None = None) -> int:
        """End the kernels that nobody is connected to, or that nobody has used for long; gives how many."""
        now = now or datetime.now(UTC)
        old = [kernel_id for kernel_id in list(self.owned) if self._is_old(kernel_id, now)]
        for kernel_id in old:
            await self.end(kernel_id)
        return len(old)

    def _is_old(self, kernel_id: str, now: datetime) -> bool:
        if kernel_id not in self._kernels:
            return False
        kernel = self._kernels[kernel_id]
        unused = (now - kernel.last_activity).total_seconds()
        # A busy one counts as well: a page's computation takes moments, and one that does not end must not stay.
        return unused > (IDLE_S if self._kernel_connections.get(kernel_id, 0) else ALONE_S)

    def _of(self, person: str) -> list[str]:
        return [kernel_id for kernel_id, owned in self.owned.items() if owned.person == person]

    def _check_room(self, person: str) -> None:
        """Raises Busy where a person's own places are all about to be taken, or everybody's are."""
        coming = self._starting.count(person)
        if coming >= MOST_OF_ONE:
            raise Busy("your live pages are still starting; wait a moment")
        leaving = max(0, len(self._of(person)) + coming + 1 - MOST_OF_ONE)
        if len(self.owned) + len(self._starting) - leaving >= MOST:
            raise Busy(f"all {MOST} places for live pages are taken; try again in a few minutes")

    async def _end_oldest(self, person: str) -> None:
        """Make room among a person's own, those on their way counted."""
        own = self._of(person)
        for kernel_id in own[: max(0, len(own) + self._starting.count(person) - MOST_OF_ONE)]:
            await self.end(kernel_id)


class Served(ServerKernelManager):
    """A kernel of the server. One that died is not started again: its page's state would be gone, and unsaid."""

    @default("autorestart")
    def _no_autorestart(self) -> bool:
        return False


class Warm(spec.AlwaysWarm, Served):
    """The same, forked from a parent that has imported the heavy libraries, whatever kernelspecs are installed."""


def warm_up() -> socket.socket | None:
    """A connection to the parent of warm kernels, which is started if need be and stays while the connection is open.

    None where kernels start the ordinary way. A parent takes seconds to load; it answers when it has.
    """
    if not provisioner.forks():
        return None
    try:
        command = (sys.executable, *spec.kernel_spec().argv[1:2])
        connection = contact.connect(
            settings.needed(command, _environment()), settings.folder(), settings.IDLE_MINUTES * 60
        )
    except (contact.Cold, settings.NoPlace, OSError):
        return None
    contact.ask(connection, "status")
    return connection


def _environment() -> dict[str, str]:
    known = {k: v for k, v in os.environ.items() if k in _HANDED_ON or k.startswith(_HANDED_ON_LIKE)}
    # The same code as this process's, wherever the kernel stands.
    paths = [confine.LIB, *map(Path, filter(None, known.get("PYTHONPATH", "").split(os.pathsep)))]
    whole = os.pathsep.join(dict.fromkeys(str(path.absolute()) for path in paths))
    return known | {"PYTHONPATH": whole, "JUPYTER_PREFER_ENV_PATH": "1"}
