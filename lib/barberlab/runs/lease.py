"""Who is running this network? One lease per network, so that two schedulers never run it at once, wherever they are.

    outputs/<network>/.lease/000012.json     the highest number says who holds the lease, or that nobody does

Whoever wants it makes the file with the next number, which only one can; so it needs no lock that both sides honour,
only a shared folder in which a name is made once. The holder renews its file every few seconds. On its own machine a
lease ends with its process, whatever the clock says. From elsewhere it ends when it was not renewed: by its own expiry,
and because two machines' clocks may differ, only after it was watched for two further beats and did not move.

A task finds its own batch's lease only where a cluster took its worker for dead and handed it out again; it then waits.
"""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from barberlab import files
from barberlab.errors import Busy

FOLDER = ".lease"
BEAT_S = 10.0
LASTS_S = 60.0
_LOOK_S = 0.2


class Lease:
    """A held lease. `check` raises Busy once it was lost; nothing may be published without it."""

    def __init__(self, folder: Path, number: int, said: dict[str, Any], whose: str):
        self._folder, self._number, self._said, self._whose = folder, number, said, whose
        self._renewed, self._ended = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises Busy unless this process still holds the lease."""
        late = time.monotonic() - self._renewed > LASTS_S
        if late or _newest(self._folder)[0] != self._number:
            raise Busy(f"{self._whose}: another run took over while this one could not renew its lease")

    def release(self) -> None:
        """Let others have it at once."""
        self._ended.set()
        self._thread.join()
        # What cannot be given back is given back by its expiry.
        with contextlib.suppress(OSError):
            self._write({})

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            # A folder that does not answer now may answer next time; `check` knows when it was too long.
            with contextlib.suppress(OSError):
                self._write(self._said | _expiry())
                self._renewed = time.monotonic()

    def _write(self, said: dict[str, Any]) -> None:
        if _newest(self._folder)[0] == self._number:
            beside = _beside(self._folder, said)
            beside.replace(_path(self._folder, self._number))


@contextmanager
def held(home: Path, whose: str, batch: str = "") -> Iterator[Lease]:
    """Hold the lease of the network whose runs lie in `home`; raises Busy while another run does.

    batch: names all tasks of one call; one of them waits for another instead of raising.
    """
    folder = files.make_folder(home / FOLDER)
    lease = None
    while lease is None:
        lease = _tried(folder, whose, batch)
    try:
        yield lease
    finally:
        lease.release()


def left_by(home: Path, batch: str) -> bool:
    """Whether a process of `batch` on this machine ended while it held the lease."""
    said = _newest(home / FOLDER)[1]
    return said.get("batch") == batch and said.get("host") == _host() and not _alive(said)


def _tried(folder: Path, whose: str, batch: str) -> Lease | None:
    """The lease, or None if another look is worth it; raises Busy."""
    number, found = _newest(folder)
    if found and _holds(folder, number, found):
        if not batch or found.get("batch") != batch:
            raise Busy(f"{whose}: another run is at work on it; nothing was changed")
        time.sleep(_LOOK_S)
        return None
    said = {"holder": uuid.uuid4().hex, "batch": batch, "host": _host(), "pid": os.getpid(), "born": _born(os.getpid())}
    if not _made(folder, number + 1, said | _expiry()):
        return None
    for path in folder.iterdir():
        if path != _path(folder, number + 1):
            path.unlink(missing_ok=True)
    return Lease(folder, number + 1, said, whose)


def _made(folder: Path, number: int, said: dict[str, Any]) -> bool:
    """Make the file of that number, whole from its first moment; False if another was faster."""
    beside = _beside(folder, said)
    try:
        _path(folder, number).hardlink_to(beside)
    except (FileExistsError, FileNotFoundError):
        return False
    finally:
        beside.unlink(missing_ok=True)
    # Who slept since it looked may have made a number that was used up long ago.
    if _newest(folder)[0] > number:
        _path(folder, number).unlink(missing_ok=True)
        return False
    return True


def _holds(folder: Path, number: int, said: dict[str, Any]) -> bool:
    if said.get("host") == _host():
        return _alive(said)
    if _unexpired(said):
        return True
    until = time.monotonic() + 2 * BEAT_S
    while time.monotonic() < until:
        time.sleep(_LOOK_S)
        if _newest(folder) != (number, said):
            return bool(_newest(folder)[1])
    return False


def _unexpired(said: dict[str, Any]) -> bool:
    # A clock that was set back would make it last for hours.
    return 0 < said.get("expires", 0) - time.time() <= LASTS_S


def _expiry() -> dict[str, float]:
    return {"expires": time.time() + LASTS_S}


def _newest(folder: Path) -> tuple[int, dict[str, Any]]:
    """The highest number and what its file says; nothing if it was released."""
    try:
        number = max((int(path.stem) for path in folder.glob("[0-9]*.json")), default=0)
        said = json.loads(_path(folder, number).read_bytes()) if number else {}
    except FileNotFoundError:
        return _newest(folder)
    except ValueError:
        # Only a crash of the machine leaves half a file; whoever wrote it is gone.
        said = {"holder": "unreadable"}
    return number, said


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.json"


def _beside(folder: Path, said: dict[str, Any]) -> Path:
    path = folder / f".{uuid.uuid4().hex}.tmp"
    path.write_bytes(files.json_bytes(said))
    return path


@cache
def _host() -> str:
    """This machine since its start, and this container on it: where a process number means one process."""
    known = [socket.gethostname()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(known)


def _alive(said: dict[str, Any]) -> bool:
    born = _born(said["pid"])
    return born is not None and born == said["born"]


def _born(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine's start; None if it has ended.

    Without /proc it is 0 for each one that exists.
    """
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return 0
    try:
        # The name stands in brackets and may hold anything; the state is the first field after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])
