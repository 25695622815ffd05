"""One folder of parents for the whole session, which ends with it, and kernels that end with their test."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asking
import pytest

from warmkernel import __main__ as command_line
from warmkernel import provisioner


@pytest.fixture(scope="session", autouse=True)
def place() -> Iterator[Path]:
    """The folder of this session's parents."""
    folder = tempfile.mkdtemp(prefix="warm-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WARMKERNEL_DIR", folder)
        patch.setenv("IPYTHONDIR", f"{folder}/ipython")
        for name in [name for name in os.environ if name.startswith("BARBERLAB_")]:
            patch.delenv(name)
        yield Path(folder)
        command_line.main(["stop"])
    shutil.rmtree(folder)


@pytest.fixture
def start() -> Iterator[Callable[..., asking.Asked]]:
    """Starts kernels, as `asking.started` does; they end after the test."""
    provisioner.say_once.cache_clear()
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(asking.started(*args, **kwargs))
