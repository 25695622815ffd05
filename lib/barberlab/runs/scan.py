"""What in a run's files may not be there? Personal data, keys, canaries and paths, read out of every kind of file.

Names of kinds are all that comes back: what was found is never repeated.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from barberlab.personal import find_personal, mask


@dataclass(frozen=True)
class Forbidden:
    """What no output may hold beside personal data: canaries in any of their disguises, and paths of this machine."""

    canaries: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    def kinds(self, text: str) -> list[str]:
        """The kinds of forbidden text in `text`."""
        found = find_personal(text)
        found += ["canary"] if self.canary_in(text) else []
        return found + (["path of this machine"] if any(p.search(text) for p in self._path_patterns) else [])

    def canary_in(self, text: str) -> bool:
        """Whether a canary is in `text`, in whatever case."""
        folded = text.casefold() if self.canaries else ""
        return any(word.casefold() in folded for word in self._disguised)

    def hide(self, text: str) -> str:
        """`text` fit to be printed and kept."""
        for pattern in self._path_patterns:
            text = pattern.sub("...", text)
        for word in self._disguised:
            text = re.sub(re.escape(word), "[canary]", text, flags=re.IGNORECASE)
        return mask(text)

    @cached_property
    def _path_patterns(self) -> list[re.Pattern]:
        known = [str(path) for path in self.paths if len(path.parts) > 1]
        return [re.compile(rf"{re.escape(path)}(?![\w-])") for path in known]

    @cached_property
    def _disguised(self) -> list[str]:
        return [disguise for canary in self.canaries for disguise in disguises(canary)]


def disguises(canary: str) -> list[str]:
    """`canary` as it is and as JSON, HTML, an address, base64 at any offset or a plain hash would hold it."""
    data = canary.encode()
    hashes = [hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in ("md5", "sha1", "sha256")]
    blobs = [_base64_core(data, offset) for offset in range(3)]
    return [*dict.fromkeys((canary, json.dumps(canary)[1:-1], html.escape(canary), quote(canary), *hashes, *blobs))]


def _base64_core(data: bytes, offset: int) -> str:
    # The characters that do not depend on what stands before or after the canary in the encoded bytes.
    encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
    return encoded[(0, 2, 3)[offset] : len(encoded) - ((offset + len(data)) % 3 > 0)]


def scan(folder: Path, forbidden: Forbidden) -> Iterator[tuple[Path, list[str]]]:
    """Each file under `folder` that holds something forbidden, with its kinds."""
    clean: set[str] = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kinds = sorted(_kinds_in(path, forbidden, clean))
        if kinds:
            yield path, kinds


def _kinds_in(path: Path, forbidden: Forbidden, clean: set[str]) -> set[str]:
    """The kinds in one file. Lines in `clean` were found to hold nothing; a page repeats most of its notebook's."""
    match path.suffix:
        case ".ipynb":
            text = "\n".join(_strings(json.loads(path.read_bytes())))
        case ".parquet":
            text = "\n".join(_table_texts(pd.read_parquet(path)))
        case ".html" | ".svg":
            text = _page_text(path.read_text(encoding="utf-8"))
        case ".csv" | ".json" | ".jsonl" | ".txt" | ".md":
            text = path.read_text(encoding="utf-8", errors="replace")
        case _:
            # Compressed bytes look like anything now and then; only an exact text means something in them.
            return {"canary"} if forbidden.canary_in(path.read_bytes().decode("latin-1")) else set()
    # No pattern reaches over the end of a line.
    lines = {line.strip() for line in text.split("\n")} - clean
    kinds = set(forbidden.kinds("\n".join(lines)))
    if not kinds:
        clean |= lines
    return kinds | ({"canary"} if forbidden.canary_in(text) else set())


def _strings(node: Any, key: str = "") -> Iterator[str]:
    """All texts of a notebook's JSON, its pictures' bytes left out."""
    match node:
        case str() if key in ("text/html", "image/svg+xml"):
            yield _page_text(node)
        case str() if not key.startswith("image/"):
            yield node
        case [str(), *_]:
            yield from _strings("".join(map(str, node)), key)
        case list():
            yield from (text for child in node for text in _strings(child))
        case dict():
            yield from node
            yield from (text for name, child in node.items() for text in _strings(child, name))


def _table_texts(frame: pd.DataFrame) -> Iterator[str]:
    yield from map(str, frame.columns)
    yield json.dumps(frame.attrs)
    for column in frame.select_dtypes(exclude=["number", "bool", "boolean", "datetime", "datetimetz", "timedelta"]):
        yield from frame[column].dropna().astype(str).unique()


_DATA_URI = re.compile(r"data:[\w.+/-]+;base64,[\w+/=\s]+")
_GEOMETRY = re.compile(r"\s(?:d|points|transform|viewBox|x[12]?|y[12]?|r[xy]?|c[xy]|width|height)=\"[^\"]*\"")


def _page_text(page: str) -> str:
    """Texts and attribute values of a page, each on lines of its own, without what only draws."""
    page = _GEOMETRY.sub("", _DATA_URI.sub("", page))
    return html.unescape(re.sub(r"[<>\"]", "\n", page))
