"""Codes leave only for who holds the key, only to a place outside the workspace, and leave no trace inside it."""

import os
from pathlib import Path

import pandas as pd
import pytest

import corner
from barberlab.data.lab import open_lab
from barberlab.errors import BadInput
from barberlab.runs.resolve import resolve
from barberlab.scope import ROLES, Scope
from barberlab.workspace import Workspace

OWNER = Scope("corner", "owner")


@pytest.fixture
def place(tmp_path):
    """(workspace, export, list of one client): the corner network, in a folder of this test's own."""
    made = corner.make_workspace(tmp_path / "workspace")
    corner.bring(made, tmp_path / "export")
    client = open_lab(made, Scope("corner"))["appointments"]["client_id"].dropna().iloc[0]
    pd.DataFrame({"client_id": [client]}).to_csv(tmp_path / "contacts.csv", index=False)
    return made, sorted((tmp_path / "export").glob("*.csv")), tmp_path / "contacts.csv"


def trace(root: Path) -> dict[str, bytes]:
    """Every file below, with its content."""
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"owner", "manager"}))
def test_no_other_role_sees_a_code(place, tmp_path, role):
    made, export, wanted = place
    with pytest.raises(BadInput, match=f"the role {role} may not see clients' codes"):
        resolve(made, Scope("corner", role), wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("inside", ["out.csv", "data/out.csv", "outputs/out.csv", "notebooks/../params/out.csv"])
def test_nothing_is_written_inside_the_workspace(place, inside):
    made, export, wanted = place
    out = made.root / inside
    out.parent.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BadInput, match="lies inside the workspace"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, out)
    assert not out.exists()


def test_a_link_that_leads_into_the_workspace_is_seen_through(place, tmp_path):
    made, export, wanted = place
    (tmp_path / "innocent").symlink_to(made.root / "data")
    with pytest.raises(BadInput, match="lies inside the workspace"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "innocent" / "out.csv")


def test_a_folder_of_the_workspace_that_lies_elsewhere_is_the_workspaces_too(place, tmp_path):
    made, export, wanted = place
    (tmp_path / "disk").mkdir()
    (made.root / "outputs").symlink_to(tmp_path / "disk")
    with pytest.raises(BadInput, match="lies inside the workspace"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "disk" / "out.csv")


@pytest.mark.parametrize("target", ["elsewhere.csv", "workspace/data/leak.csv"])
def test_a_link_in_the_files_place_is_not_followed(place, tmp_path, target):
    made, export, wanted = place
    (tmp_path / "out.csv").symlink_to(tmp_path / target)
    with pytest.raises(BadInput, match="is there already"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not (tmp_path / target).exists()


def test_another_networks_key_finds_nobody_and_writes_nothing(place, tmp_path):
    """The same codes under another key: the list of one network says nothing to the other."""
    _, export, wanted = place
    other = Workspace(corner.make_workspace(tmp_path / "other").root)
    corner.bring(other, tmp_path / "again")
    with pytest.raises(BadInput, match="none of its 1 clients is in the export under the key of 'corner'"):
        resolve(other, OWNER, wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_without_the_key_nobody_is_found_and_no_key_is_made(place, tmp_path):
    made, export, wanted = place
    made.key("corner").unlink()
    with pytest.raises(BadInput, match="restore the key from its backup"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not made.key("corner").exists()


def test_a_network_that_is_not_there_is_not_made(place, tmp_path):
    made, export, wanted = place
    with pytest.raises(BadInput, match="network 'harbour' has no data here"):
        resolve(made, Scope("harbour", "owner"), wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not made.key("harbour").exists()


def test_resolving_leaves_no_trace_in_the_workspace_and_none_in_the_temporary_folder(
    place, tmp_path, monkeypatch, caplog
):
    made, export, wanted = place
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = trace(made.root)
    resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert trace(made.root) == before
    assert list(scratch.iterdir()) == []
    assert not any(code in caplog.text for code in corner.CODES.values())


def test_a_write_that_fails_leaves_no_half_a_file(place, tmp_path, monkeypatch):
    made, export, wanted = place

    def full(_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="cannot be written: No space left on device"):
        resolve(made, OWNER, wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_code_that_a_spreadsheet_would_run_is_disarmed(tmp_path):
    made = corner.make_workspace(tmp_path / "workspace")
    evil = "=cmd|' /C calc'!A0"
    found = {name: frame.replace({corner.CODES["c1"]: evil}) for name, frame in corner.tables().items()}
    corner.bring(made, tmp_path / "export", found)
    client = open_lab(made, Scope("corner"))["appointments"].set_index("appointment_id").loc["a1", "client_id"]
    pd.DataFrame({"client_id": [client]}).to_csv(tmp_path / "contacts.csv", index=False)
    export = sorted((tmp_path / "export").glob("*.csv"))
    resolve(made, OWNER, tmp_path / "contacts.csv", corner.MAPPING, export, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["client_code"].tolist() == [f"'{evil}"]
