"""How is a parent reached, and started if there is none? And a kernel of its, held like a process of one's own.

The starter binds the parent's socket and hands it over, so that a parent can be asked from its first moment: whoever
comes while it is still importing waits in its queue. A lock around that makes it one parent, however many want it.
"""

import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from warmkernel import kernel
from warmkernel.settings import Needed

PACKET = 4096
FDS = 3
LOG = "parent.log"
_LOG_BYTES = 1_000_000
# A parent that ends for idleness as we come resets our connection; twice in a row is something else.
_TRIES = 3


class Cold(Exception):
    """No warm kernel can be had; the words say why."""


class Kernel:
    """A kernel forked for us, with what Jupyter uses of subprocess.Popen. To close it is to kill it."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int):
        self._connection, self.pid = connection, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs; minus a signal's number, as Popen has it."""
        while self.returncode is None and _readable(self._connection, 0):
            self._hear()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once there is one. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None and not self._ends_within(timeout):
            raise subprocess.TimeoutExpired("kernel", timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the kernel and what it started in its process group."""
        # By way of its parent, who knows whether that process is still this kernel: a number may be used again.
        if self.poll() is None:
            with suppress(OSError):
                self._connection.send(json.dumps({"do": "signal", "number": int(number)}).encode())

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Give it up: what still runs is killed."""
        if self.returncode is None:
            self.returncode = -signal.SIGKILL
        self._connection.close()

    def _ends_within(self, timeout: float | None) -> bool:
        until = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if until is None else max(until - time.monotonic(), 0)
            if not _readable(self._connection, left):
                return False
            self._hear()
        return True

    def _hear(self) -> None:
        try:
            self.returncode = _receive(self._connection).get("exit")
        except (EOFError, OSError):
            # A parent that is gone took its kernels along.
            self.returncode = -signal.SIGKILL


@dataclass(frozen=True)
class Wanted:
    """A kernel to be: what it is told, where its raw output goes, and the name that its sockets begin with."""

    request: kernel.Request
    stdout: int
    stderr: int
    name: str


def fork_kernel(needed: Needed, place: Path, wanted: Wanted, idle_s: float, wait_s: float) -> Kernel:
    """A kernel that has bound its sockets, of a parent that is started if need be.

    Raises Cold if the parent refuses to fork, ended while it loaded, or did not answer for `wait_s` seconds.
    """
    for left in reversed(range(_TRIES)):
        connection = connect(needed, place, idle_s)
        connection.settimeout(wait_s)
        try:
            return _asked(connection, wanted)
        except (ConnectionError, EOFError) as error:
            connection.close()
            if not left:
                raise Cold(f"the parent process ended while it loaded; see {place / LOG}") from error
        except TimeoutError as error:
            connection.close()
            raise Cold(f"the parent process did not answer for {wait_s:.0f} s; see {place / LOG}") from error
        except BaseException:
            connection.close()
            raise
    raise AssertionError("the last try returns or raises")


def _asked(connection: socket.socket, wanted: Wanted) -> Kernel:
    request = os.memfd_create("request")
    try:
        with os.fdopen(os.dup(request), "wb") as file:
            file.write(wanted.request.bytes())
        os.lseek(request, 0, os.SEEK_SET)
        message = json.dumps({"do": "kernel", "name": wanted.name}).encode()
        socket.send_fds(connection, [message], [request, wanted.stdout, wanted.stderr])
    finally:
        os.close(request)
    answer = _receive(connection)
    if "refused" in answer:
        raise Cold(answer["refused"])
    forked = Kernel(connection, answer["pid"])
    # Ready, or at its end already: whoever manages it will see which.
    forked.returncode = _receive(connection).get("exit")
    return forked


def connect(needed: Needed, place: Path, idle_s: float) -> socket.socket:
    """A connection to the parent, which may still be loading."""
    address = place / f"{needed.key}.sock"
    found = reach(address)
    if found is None:
        with locked(place):
            found = reach(address) or _start(needed, address, idle_s)
    return found


def reach(address: Path) -> socket.socket | None:
    """A connection to whatever parent listens there; None if there is none, or it is not this user's."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        return None
    if peer(connection)[1] != os.getuid():
        connection.close()
        raise Cold(f"{address} is served by another user")
    return connection


def peer(connection: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end."""
    layout = struct.Struct("3i")
    pid, user, _ = layout.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size))
    return pid, user


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Nobody else binds or unlinks a parent's socket there meanwhile."""
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ask(connection: socket.socket, what: str) -> dict:
    """Ask a parent for its "status", or to "stop"; empty once it is gone."""
    try:
        connection.send(json.dumps({"do": what}).encode())
        return _receive(connection)
    except (OSError, EOFError):
        return {}


def _start(needed: Needed, address: Path, idle_s: float) -> socket.socket:
    for other in address.parent.glob("*.sock"):
        if (found := reach(other)) is None:
            other.unlink(missing_ok=True)
        else:
            found.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen(socket.SOMAXCONN)
        fd = listener.fileno()
        given = {"fd": fd, "address": str(address), "imports": needed.imports, "idle_s": idle_s}
        log = _log(address.with_name(LOG))
        try:
            # It detaches itself and returns at once, so that it is nobody's child and outlives its starter.
            subprocess.run(
                [*needed.command, "-m", "warmkernel.parent", json.dumps(given)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(needed.environment),
                cwd="/",
                start_new_session=True,
                pass_fds=[fd],
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Cold(f"no parent process could be started with {needed.command[0]}: {error}") from error
        finally:
            os.close(log)
        return reach(address)


def _log(path: Path) -> int:
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _receive(connection: socket.socket) -> dict:
    packet = connection.recv(PACKET)
    if not packet:
        raise EOFError("the parent closed the connection")
    return json.loads(packet)


def _readable(connection: socket.socket, timeout_s: float | None) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
