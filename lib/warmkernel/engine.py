"""The Papermill engine `warm`: Papermill's own, with warm kernels whatever Python kernel a notebook names.

Its kernels are started by a manager that knows the kernelspec, so nothing needs to be installed for it.
"""

import time
from queue import Empty
from typing import Any

from jupyter_client import AsyncKernelClient, AsyncKernelManager
from papermill.engines import NBClientEngine

from warmkernel import spec

PYTHON = {"", "python", "python3", spec.NAME, None}


class WarmClient(AsyncKernelClient):
    """A client that begins as soon as the kernel answers, without listening into silence first."""

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = True, hb: bool = False, control: bool = True
    ) -> None:
        """As usual, without a heartbeat: its manager knows when a kernel ends, and to stop the thread takes a while."""
        super().start_channels(shell, iopub, stdin, hb, control)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers and what it publishes arrives. Raises RuntimeError if it does not in time."""
        until = time.monotonic() + (timeout or float("inf"))
        while True:
            asked = self.kernel_info()
            if await self._answered(asked):
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")

    async def _answered(self, asked: str) -> bool:
        """Whether the reply to `asked` arrived, and on the other channel the word that the kernel is idle after it."""
        try:
            self._handle_kernel_info_reply(await self._recv_reply(asked, timeout=1))
            while True:
                message = await self.iopub_channel.get_msg(timeout=0.2)
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == asked:
                    return True
        except (Empty, TimeoutError):
            return False


class WarmManager(spec.AlwaysWarm, AsyncKernelManager):
    """A manager of warm kernels, whatever is installed."""

    client_factory = WarmClient


class WarmEngine(NBClientEngine):
    """Papermill's engine with warm kernels; a notebook in another language gets its own, as ever."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Execute the notebook's cells."""
        if kernel_name in PYTHON:
            kwargs.setdefault("kernel_manager_class", WarmManager)
            kernel_name = spec.NAME
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
