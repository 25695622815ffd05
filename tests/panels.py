"""Real panels: networks of the world outside, which are no part of the product and may be absent."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def panel(name: str) -> Path:
    """The folder of the real panel `name`, in $BARBERLAB_PANELS or else beside the repository, in ../shared/data.

    Where it is absent the test is skipped; where $BARBERLAB_PANELS_REQUIRED is set, it fails.
    """
    folder = Path(os.environ.get("BARBERLAB_PANELS") or BESIDE) / name
    if folder.is_dir():
        return folder
    reason = f"the real panel {name!r} is not at {folder}; BARBERLAB_PANELS may name the folder that holds it"
    if os.environ.get("BARBERLAB_PANELS_REQUIRED"):
        pytest.fail(f"{reason}, and BARBERLAB_PANELS_REQUIRED says that it must", pytrace=False)
    pytest.skip(reason)
