"""One server for the tests that only look."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve import house


@pytest.fixture(scope="session")
def served() -> Iterator[house.Served]:
    """A server with everybody of house.PEOPLE."""
    # Sockets have short names, and pytest's own folders long ones.
    with tempfile.TemporaryDirectory(prefix="bl-") as root, house.serving(Path(root)) as found:
        yield found
