"""Workspaces to work in: empty ones made for a test, and the corner network made once."""

import pytest

import corner
from barberlab.data.lab import Lab, open_lab
from barberlab.scope import Scope
from barberlab.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """An empty workspace of this test's own."""
    return corner.make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def corner_workspace(tmp_path_factory) -> Workspace:
    """A workspace that holds the corner network; read it, don't write to it."""
    root = tmp_path_factory.mktemp("corner")
    made = corner.make_workspace(root / "workspace")
    corner.bring(made, root / "export")
    return made


@pytest.fixture
def lab(corner_workspace) -> Lab:
    """The corner network as a data scientist opens it."""
    return open_lab(corner_workspace, Scope("corner"))
