"""Workspaces to work in: empty ones made for a test, and the corner network made once."""

import shutil
from pathlib import Path

import pytest

import corner
from barberlab.data.lab import Lab, open_lab
from barberlab.scope import Scope
from barberlab.workspace import Workspace


def make_workspace(root: Path) -> Workspace:
    """A workspace at `root` with the house's own parameters and notebooks, and no data."""
    for name in ("params", "notebooks"):
        if (corner.REPO / name).is_dir():
            shutil.copytree(corner.REPO / name, root / name)
    return Workspace(root)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """An empty workspace of this test's own."""
    return make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def corner_workspace(tmp_path_factory) -> Workspace:
    """A workspace that holds the corner network; read it, don't write to it."""
    root = tmp_path_factory.mktemp("corner")
    made = make_workspace(root / "workspace")
    corner.bring(made, root / "export")
    return made


@pytest.fixture
def lab(corner_workspace) -> Lab:
    """The corner network as a data scientist opens it."""
    return open_lab(corner_workspace, Scope("corner"))
