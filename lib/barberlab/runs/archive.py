"""How is a backup kept? As a folder or a tar file whose last file holds the sums of all others, and of itself."""

import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from barberlab import files
from barberlab.errors import BadInput, Damaged

LISTING = "backup.json"
SCHEMA = 1
TAR = (".tar", ".tar.gz", ".tgz")


class Writer:
    """Takes files one by one and is sealed with what it took."""

    def __init__(self, put):
        self._put, self._files = put, {}

    def add(self, place: str, content: bytes) -> int:
        """Take a file; gives its size."""
        self._put(place, content)
        self._files[place] = {"sha256": files.sha256_bytes(content), "bytes": len(content)}
        return len(content)

    def seal(self, facts: dict[str, Any]) -> int:
        """Write the listing; nothing without one is a backup. Gives the listing's size."""
        listing = {"schema": SCHEMA, "files": self._files, **facts}
        content = files.json_bytes(listing | {"seal": files.sha256_bytes(files.json_bytes(listing))})
        self._put(LISTING, content)
        return len(content)


@contextmanager
def writer(to: Path, tar: bool = False) -> Iterator[Writer]:
    """A writer to `to`, which gets its name when all is written and on the disk; what fails leaves nothing."""
    beside = to.with_name(f".{to.name}.partial")
    with ExitStack() as undo:
        undo.callback(_discard, beside)
        if tar or to.name.endswith(TAR):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                zipped = "w:gz" if to.name.endswith("gz") else "w"
                with tarfile.open(fileobj=file, mode=zipped) as made:
                    yield Writer(lambda place, content: made.addfile(_member(place, content), BytesIO(content)))
            files.move(beside, to)
        else:
            _discard(beside)
            beside.mkdir(mode=0o700)
            yield Writer(lambda place, content: _put(beside / place, content))
            files.publish_folder(beside, to)
        undo.pop_all()


def _member(place: str, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(place)
    member.size, member.mode = len(content), 0o600
    return member


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _discard(path: Path) -> None:
    files.remove_folder(path)
    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Archive:
    """A backup whose listing was read and believed. `files`: sha256 and bytes by place; `facts`: the rest of it."""

    path: Path
    files: dict[str, dict[str, Any]]
    facts: dict[str, Any]

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every file with its content, as they were put in; raises Damaged where they are not what the listing says."""
        left = set(self.files)
        for place, content in _stored(self.path):
            if place == LISTING:
                continue
            if place not in left or files.sha256_bytes(content) != self.files[place]["sha256"]:
                raise Damaged(f"{self.path}: {place} is not what its listing says; nothing was restored")
            left.remove(place)
            yield place, content
        if left:
            raise Damaged(f"{self.path}: {min(left)} is missing; nothing was restored")


def read(path: Path) -> Archive:
    """The archive at `path`; raises BadInput where there is none and Damaged where its listing is not whole."""
    if not path.exists():
        raise BadInput(f"{path}: is not there")
    try:
        listing = json.loads(_listing(path))
        sealed = listing.pop("seal")
        found = listing.pop("files")
    except (ValueError, KeyError, AttributeError):
        raise Damaged(f"{path}: holds no {LISTING} that can be read; it is no backup, or not a whole one") from None
    if sealed != files.sha256_bytes(files.json_bytes(listing | {"files": found})) or listing["schema"] != SCHEMA:
        raise Damaged(f"{path}: its {LISTING} was altered; nothing was restored")
    for place in found:
        _check_place(path, place)
    return Archive(path, found, listing)


def _check_place(path: Path, place: str) -> None:
    # Sealed is not signed: whoever made the archive could have put any place into it.
    parts = PurePosixPath(place).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in place or "\0" in place:
        raise BadInput(f"{path}: holds {place!r}, which leads out of the workspace")


def _listing(path: Path) -> bytes:
    if path.is_dir():
        return (path / LISTING).read_bytes() if (path / LISTING).is_file() else b""
    return next((content for place, content in _stored(path) if place == LISTING), b"")


def _stored(path: Path) -> Iterator[tuple[str, bytes]]:
    """(place, content) of all regular files, one after the other; nothing that leads elsewhere is followed."""
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
        yield from ((file.relative_to(path).as_posix(), file.read_bytes()) for file in found)
        return
    try:
        with tarfile.open(path) as archive:
            yield from ((one.name, archive.extractfile(one).read()) for one in archive if one.isreg())
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise Damaged(f"{path}: cannot be read to its end ({type(error).__name__}); nothing was restored") from None
