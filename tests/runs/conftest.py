"""What all tests of runs stand on."""

import tempfile
from collections.abc import Iterator

import bench
import pytest

from barberlab.runs import manifest


@pytest.fixture(autouse=True)
def steady_code(monkeypatch):
    """The code does not change under a test, even if somebody is editing it meanwhile."""
    monkeypatch.setattr(manifest, "_lib_sha256", lambda: bench.CODE)


@pytest.fixture(scope="module")
def light_kernels() -> Iterator[None]:
    """Warm kernels whose parent has imported next to nothing, so that it is there at once; it ends with the module."""
    command_line = pytest.importorskip("warmkernel.__main__")
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WARMKERNEL_DIR", folder)
        patch.setenv("WARMKERNEL_IMPORTS", "json")
        yield
        command_line.main(["stop"])
