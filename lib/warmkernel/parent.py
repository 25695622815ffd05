"""The parent: one process, one thread, the heavy imports done. It forks a kernel for each that asks, and outlives them.

It reads only short messages from its clients and never runs their code: what a kernel should be is read by the kernel.
A connection is one kernel. Messages are JSON, one to a packet:

    client: {"do": "kernel", "name": ..}, with the descriptors of the request, stdout and stderr
    parent: {"pid": 1}, then {"ready": true} from the kernel itself, at last {"exit": -9};  or {"refused": "why"}
    client: {"do": "signal", "number": 2}, to the kernel's process group; and to close the connection kills it
    client: {"do": "status"} and {"do": "stop"}, of the parent
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from warmkernel import kernel, preload
from warmkernel.contact import FDS, PACKET, locked, peer
from warmkernel.settings import HASH_SEED, SINGLE_THREADED

MODULE = b"warmkernel.parent"
_TICK_S = 5.0


@dataclass
class Child:
    """A kernel at work: its process, which is also its session and group, and the name its sockets begin with."""

    pid: int
    name: str
    since: float


@dataclass
class Client:
    """Who is at the other end: its kernel, if it has one, and why it may have none; empty if it may."""

    barred: str
    child: Child | None = None


class Parent:
    """Serves the socket that its starter bound, until it has been idle for `idle_s` seconds."""

    def __init__(self, listener: socket.socket, address: Path, loaded: preload.Loaded, base_path: list[str]):
        self._listener, self._address, self._loaded, self._base_path = listener, address, loaded, base_path
        self._clients: dict[socket.socket, Client] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._stopping = False

    def serve(self, idle_s: float) -> None:
        """Fork kernels on request."""
        self._watch()
        idle_since = time.monotonic()
        while not self._stopping:
            for event, _ in self._selector.select(min(_TICK_S, idle_s)):
                event.data(event.fileobj)
            if self._clients:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= idle_s:
                break
        self._leave()

    def _watch(self) -> None:
        # A child's end is a byte in a socket: the handler itself does nothing, and no call is interrupted half-way.
        for end in (self._listener, self._woken, self._wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)

    def _leave(self) -> None:
        # Under the lock: a starter must not bind its socket between our closing and our unlinking.
        with locked(self._address.parent):
            self._address.unlink(missing_ok=True)
            self._listener.close()
        log("ends: " + ("told to" if self._stopping else "idle"))

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            pid, user = peer(connection)
            if user != os.getuid():
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection] = Client(_barred(pid))
            self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> None:
        fds: list[int] = []
        try:
            packet, fds, _, _ = socket.recv_fds(connection, PACKET, FDS, socket.MSG_CMSG_CLOEXEC)
            if not packet:
                raise ConnectionResetError("closed")
            self._obey(connection, json.loads(packet), fds)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._close(connection)
        finally:
            for fd in fds:
                os.close(fd)

    def _obey(self, connection: socket.socket, message: dict, fds: list[int]) -> None:
        client = self._clients[connection]
        child = client.child
        if client.barred:
            _tell(connection, {"refused": client.barred})
            return
        match message["do"]:
            case "kernel" if child is None and len(fds) == FDS:
                self._fork(connection, str(message["name"]), fds)
            case "signal" if child:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, int(message["number"]))
            case "status":
                _tell(connection, self._status())
            case "stop":
                self._stopping = True
            case _:
                raise ValueError(message["do"])

    def _status(self) -> dict:
        kernels = len(self._by_pid())
        return {"pid": os.getpid(), "kernels": kernels, "loaded": self._loaded.names, "threads": preload.threads()}

    def _fork(self, connection: socket.socket, name: str, fds: list[int]) -> None:
        threads = preload.threads()
        if len(threads) > 1:
            why = self._loaded.threaded or f"{', '.join(threads[1:])} runs"
            _tell(connection, {"refused": f"a process with more than one thread cannot be forked safely: {why}"})
            return
        try:
            pid = os.fork()
        except OSError as error:
            _tell(connection, {"refused": f"the process could not be forked: {error.strerror}"})
            return
        if pid == 0:
            self._be_kernel(connection, fds)
        self._clients[connection].child = Child(pid, name, time.monotonic())
        _tell(connection, {"pid": pid})
        log(f"kernel {pid} starts")

    def _be_kernel(self, connection: socket.socket, fds: list[int]) -> None:
        """In the child: never returns, whatever happens."""
        code = 1
        try:
            parent = os.getppid()
            self._let_go(connection)
            request, stdout, stderr = fds
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.close(stdout)
            os.close(stderr)
            connection.setblocking(True)
            code = kernel.run(request, self._base_path, parent, connection)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            with suppress(BaseException):
                kernel.finish()
            os._exit(code)

    def _let_go(self, connection: socket.socket) -> None:
        """Close what is the parent's alone: a kernel that held the listener would keep a dead parent's place."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for end in (self._listener, self._woken, self._wake, *self._clients):
            if end is not connection:
                end.close()

    def _reap(self, woken: socket.socket) -> None:
        with suppress(BlockingIOError):
            woken.recv(PACKET)
        by_pid = self._by_pid()
        for pid, status in _gone():
            if pid in by_pid:
                self._ended(by_pid[pid], os.waitstatus_to_exitcode(status))
        # What a kernel leaves behind becomes our child when it ends, however it detached itself.
        for pid in _children() - set(self._by_pid()):
            os.kill(pid, signal.SIGKILL)

    def _by_pid(self) -> dict[int, socket.socket]:
        return {client.child.pid: connection for connection, client in self._clients.items() if client.child}

    def _ended(self, connection: socket.socket, code: int) -> None:
        child, self._clients[connection].child = self._clients[connection].child, None
        for path in self._address.parent.glob(f"{child.name}-*"):
            path.unlink(missing_ok=True)
        log(f"kernel {child.pid} ended with {code} after {time.monotonic() - child.since:.1f} s")
        _tell(connection, {"exit": code})
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        if child := self._clients[connection].child:
            # Its end is told by the operating system; until then it stays in the list, to be known for what it is.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            self._selector.unregister(connection)
            return
        del self._clients[connection]
        with suppress(KeyError):
            self._selector.unregister(connection)
        connection.close()


def log(words: str) -> None:
    """One line in the log, which is this process's stderr."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} parent {os.getpid()} {words}\n")
    sys.stderr.flush()


def _tell(connection: socket.socket, message: dict) -> None:
    # A client that is gone, or does not read, is no reason to stop serving the others.
    with suppress(OSError):
        connection.send(json.dumps(message).encode())


def _barred(pid: int) -> str:
    """Why a process gets no kernel: code that was confined after its start would get itself one that is not."""
    if _is_kernels_own(pid):
        return "a kernel may not ask for kernels"
    return "a process that gave up privileges may not ask for kernels that have them" if _gave_up_more(pid) else ""


def _gave_up_more(pid: int) -> bool:
    """Whether a process can gain no new privileges, as who confines itself cannot, while this one can."""
    return _no_new_privileges(str(pid)) and not _no_new_privileges("self")


def _no_new_privileges(pid: str) -> bool:
    try:
        return "NoNewPrivs:\t1\n" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def _is_kernels_own(pid: int) -> bool:
    """Whether a process descends from a parent like this one; also if that cannot be told.

    Nothing that a kernel starts gets out of that line: what loses its own parent falls to the kernel, or to us.
    """
    try:
        while pid > 1:
            if MODULE in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return True
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return True
    return False


def _gone() -> Iterator[tuple[int, int]]:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            yield ended


def _children() -> set[int]:
    try:
        return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    except OSError:
        # A kernel of Linux may be built without this file; then what kernels leave behind stays with us to the end.
        return set()


def main() -> None:
    """Load, then serve: `python -m warmkernel.parent '{"fd":..,"address":..,"imports":[..],"idle_s":..}'`."""
    given = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    os.environ.update(SINGLE_THREADED | HASH_SEED)
    os.umask(0o077)
    base_path = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    sys.path[:] = base_path
    listener = socket.socket(fileno=given["fd"])
    listener.set_inheritable(False)
    gc.disable()
    since = time.monotonic()
    loaded = preload.load(given["imports"])
    kernel.adopt_orphans()
    gc.collect()
    gc.freeze()
    for reason in (*loaded.left_out, *filter(None, [loaded.threaded])):
        log(reason)
    log(f"ready after {time.monotonic() - since:.1f} s with {len(loaded.names)} imports")
    Parent(listener, Path(given["address"]), loaded, base_path).serve(given["idle_s"])


if __name__ == "__main__":
    main()
