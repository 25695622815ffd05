"""Is it on disk, whole, or not there at all? Every write that must survive a crash goes through here.

A file is written beside its place, flushed to the disk and renamed; a folder is filled in a staging place, flushed and
renamed. What a reader finds under a final name is therefore complete, old or new. All of it is built on the four steps
at the end of this module, so a fault test can fail or kill at the k-th step of any publication.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from barberlab.errors import Busy

_PLAIN_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,63}")


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, replacing what is there in one step. The folder must exist."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _store(beside, data)
        _flush(beside)
        _rename(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def put(path: Path, data: bytes) -> None:
    """Put `data` at `path` in a staging folder; it is flushed with all the others when `publish_folder` names that."""
    _store(path, data)


def write_json(path: Path, value: Any) -> None:
    """Put `value` at `path` as JSON that a person can read and a diff can show."""
    write(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """`value` as JSON with sorted keys, so that equal values are equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def move(path: Path, to: Path) -> None:
    """Give a finished file its final name, in one step, after its content is on the disk. Same file system only."""
    _flush(path)
    _rename(path, to)
    _flush(to.parent)


def publish_folder(staging: Path, final: Path) -> None:
    """Give a finished folder its final name, in one step, after everything in it is on the disk."""
    for folder, _, names in os.walk(staging, topdown=False):
        for name in names:
            _flush(Path(folder, name))
        _flush(Path(folder))
    _rename(staging, final)
    _flush(final.parent)


def make_folder(path: Path) -> Path:
    """The folder itself, there and known to its parent after a crash."""
    if not path.is_dir():
        make_folder(path.parent)
        _make(path)
        _flush(path.parent)
    return path


def remove_folder(path: Path) -> None:
    """Take a folder away with all that is in it; nothing happens if it is not there."""
    if path.is_dir():
        shutil.rmtree(path)


def safe_name(text: str) -> str:
    """A file name for an id, different for different ids: the id itself if it is a plain one, else with its sum."""
    if _PLAIN_NAME.fullmatch(text):
        return text
    words = "-".join(re.findall("[a-z0-9]+", text.lower()))[:40]
    return f"{words or 'id'}-{sha256_bytes(text.encode())[:10]}"


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def locked(path: Path, whose: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path`; raises Busy if another process does, unless `wait`. Ends with the process."""
    make_folder(path.parent)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{whose}: another run is at work on it; nothing was changed") from None
        yield


def _store(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _flush(path: Path) -> None:
    # A folder is flushed too: a rename is not on the disk until its folder is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(path: Path, to: Path) -> None:
    path.replace(to)


def _make(path: Path) -> None:
    path.mkdir(exist_ok=True)
