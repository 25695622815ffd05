"""The Jupyter kernel provisioner: what starts, watches, signals and ends a kernel for JupyterLab, Voila and the others.

Where no warm kernel can be had it is the ordinary provisioner, and says why, once.
"""

import asyncio
import functools
import logging
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Float, List, Unicode

from warmkernel import contact, kernel, settings

_POLL_S = 0.005
# A kernel that was asked to end takes a few hundredths of a second; the manager's own wait follows in any case.
_ENDS_S = 1.0


class WarmProvisioner(LocalProvisioner):
    """A kernel forked from a parent that has imported the heavy libraries, over sockets that only its user can open.

    The traits are what a kernelspec may say in metadata.kernel_provisioner.config.
    """

    imports = List(Unicode(), help='What the parent imports; "+" stands for the usual.').tag(config=True)
    idle_minutes = Float(settings.IDLE_MINUTES, help="A parent without kernels ends after that.").tag(config=True)
    cold = Unicode("", help="Why its kernel was started the ordinary way; empty where it was forked.")
    start_timeout_s = Float(180.0, help="How long a parent may take to load and fork.").tag(config=True)

    @property
    def is_warm(self) -> bool:
        """Whether the kernel was forked, and not started the ordinary way."""
        return isinstance(self.process, contact.Kernel)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """As the ordinary one, but messages go by sockets in a folder of mode 0700 rather than by TCP."""
        manager = self.parent
        if forks() and manager and manager.transport == "tcp" and not any(manager.ports):
            try:
                manager.ip = str(settings.folder() / f"k-{secrets.token_hex(6)}")
                manager.transport = "ipc"
            except (OSError, settings.NoPlace) as error:
                say_once(str(error))
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Have the kernel forked; start it the ordinary way where that cannot be."""
        try:
            self.process = await asyncio.to_thread(self._fork, cmd, kwargs)
        except (contact.Cold, settings.NoPlace, OSError) as error:
            self.cold = str(error)
            say_once(self.cold)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and its process group."""
        if self.is_warm:
            self.process.send_signal(signum)
        else:
            await super().send_signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill, and see it gone: whoever asks next need not wait."""
        await super().kill(restart=restart)
        await self._ended_within(_ENDS_S)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """The kernel was asked to end; look often for a moment, rather than every tenth of a second."""
        await super().shutdown_requested(restart=restart)
        await self._ended_within(_ENDS_S)

    async def wait(self) -> int | None:
        """The exit code, once there is one."""
        if self.is_warm:
            await self._ended_within(float("inf"))
        return await super().wait()

    async def cleanup(self, restart: bool = False) -> None:
        """Give the kernel up; one that still runs is killed."""
        if self.is_warm:
            self.process.close()
        await super().cleanup(restart=restart)

    async def get_provisioner_info(self) -> dict:
        """As the ordinary one, with whether the kernel is warm."""
        return await super().get_provisioner_info() | {"warm": self.is_warm}

    async def _ended_within(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.is_warm and self.process.poll() is None and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)

    def _fork(self, cmd: list[str], kwargs: dict[str, Any]) -> contact.Kernel:
        if not forks():
            raise contact.Cold(f"a warm kernel is forked, which {sys.platform} does not do safely")
        interpreter, arguments = _split(cmd)
        environment = dict(kwargs.get("env") or os.environ)
        needed = settings.needed(interpreter, environment, self.imports)
        request = kernel.Request(
            arguments=arguments,
            environment=environment,
            folder=str(Path(kwargs.get("cwd") or Path.cwd()).absolute()),
            umask=kernel.umask_of_this_process(),
            limits=kernel.limits_of_this_process(),
        )
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - not a path of this machine
            out, err = (
                _descriptor(kwargs.get(name), n, nowhere.fileno()) for n, name in ((1, "stdout"), (2, "stderr"))
            )
            wanted = contact.Wanted(request, out, err, name=Path(self.parent.ip).name)
            place = settings.folder()
            return contact.fork_kernel(needed, place, wanted, self.idle_minutes * 60, self.start_timeout_s)


def forks() -> bool:
    """Whether a process can be forked here after libraries were loaded; on macOS that is not safe."""
    return sys.platform == "linux" and hasattr(os, "fork")


@functools.cache
def say_once(why: str) -> None:
    """Log, once for each reason, that a kernel starts cold."""
    logging.getLogger("warmkernel").warning("Kernels start the ordinary way: %s", why)


def _split(cmd: list[str]) -> tuple[list[str], list[str]]:
    """The interpreter with its options, and the kernel's own arguments."""
    launch = ["-m", kernel.LAUNCHER]
    for at in range(1, len(cmd) - 1):
        if cmd[at : at + 2] == launch:
            return cmd[:at], cmd[at + 2 :]
    raise contact.Cold(f"its command is not `python -m {kernel.LAUNCHER} ..`")


def _descriptor(given: Any, own: int, nowhere: int) -> int:
    """Where raw output goes: what Popen would have been given, or this process's own, if it has one."""
    if given in (subprocess.DEVNULL, subprocess.PIPE):
        return nowhere
    fd = own if given is None else given if isinstance(given, int) else given.fileno()
    try:
        os.fstat(fd)
    except OSError:
        return nowhere
    return fd
