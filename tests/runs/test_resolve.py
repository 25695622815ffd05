"""A contact list turned back into the source's own codes: of those on it, of nobody else, in one new file."""

import stat

import pandas as pd
import pytest

import corner
from barberlab.cli import main
from barberlab.data.lab import open_lab
from barberlab.errors import BadInput
from barberlab.runs.resolve import Resolved, resolve
from barberlab.scope import Scope

OWNER = Scope("corner", "owner")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with the corner network, its export, and its clients by pseudonym."""
    root = tmp_path_factory.mktemp("resolve")
    made = corner.make_workspace(root / "workspace")
    corner.bring(made, root / "export")
    seen = open_lab(made, Scope("corner"))["appointments"].set_index("appointment_id")["client_id"]
    return made, sorted((root / "export").glob("*.csv")), {"c1": seen["a1"], "c2": seen["a3"], "c4": seen["a7"]}


def list_of(folder, *clients, **columns):
    """A list of these pseudonyms as a run keeps it."""
    frame = pd.DataFrame({"client_id": clients, "why": "silent for 40 days", **columns})
    frame.to_csv(folder / "contacts.csv", index=False)
    return folder / "contacts.csv"


def test_the_codes_of_the_list_are_added_and_nobody_elses(place, tmp_path):
    made, export, who = place
    done = resolve(made, OWNER, list_of(tmp_path, who["c4"], who["c1"]), corner.MAPPING, export, tmp_path / "out.csv")
    assert done == Resolved(found=2, missing=0)
    told = pd.read_csv(tmp_path / "out.csv")
    assert told.columns.tolist() == ["client_code", "client_id", "why"]
    assert told["client_code"].tolist() == [corner.CODES["c4"], corner.CODES["c1"]]
    text = (tmp_path / "out.csv").read_text()
    assert not any(corner.CODES[other] in text for other in ("c2", "c3"))


def test_the_file_is_its_owners_alone(place, tmp_path):
    made, export, who = place
    resolve(made, OWNER, list_of(tmp_path, who["c1"]), corner.MAPPING, export, tmp_path / "out.csv")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


def test_a_parquet_list_does_as_well(place, tmp_path):
    made, export, who = place
    pd.DataFrame({"client_id": [who["c2"]]}).to_parquet(tmp_path / "contacts.parquet")
    resolve(made, OWNER, tmp_path / "contacts.parquet", corner.MAPPING, export, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["client_code"].tolist() == [corner.CODES["c2"]]


def test_clients_whom_the_export_lacks_are_counted(place, tmp_path):
    made, export, who = place
    gone = "k1_" + "a" * 26
    done = resolve(made, OWNER, list_of(tmp_path, who["c1"], gone), corner.MAPPING, export, tmp_path / "out.csv")
    assert done == Resolved(found=1, missing=1)
    assert gone not in (tmp_path / "out.csv").read_text()


def test_a_manager_gets_the_rows_of_the_own_shop(place, tmp_path):
    made, export, who = place
    wanted = list_of(tmp_path, who["c1"], who["c4"], location_id=["ny", "la"])
    resolve(made, Scope("corner", "manager", frozenset({"la"})), wanted, corner.MAPPING, export, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["client_code"].tolist() == [corner.CODES["c4"]]


def test_a_list_without_shops_is_not_a_managers(place, tmp_path):
    made, export, who = place
    with pytest.raises(BadInput, match="has no location_id"):
        resolve(
            made, Scope("corner", "manager", frozenset({"la"})), list_of(tmp_path, who["c1"]), corner.MAPPING, export,
            tmp_path / "out.csv",
        )  # fmt: skip


NO_LISTS = {
    "client_code\nx\n": "needs a client_id in every row",
    "client_id,why\n,late\n": "needs a client_id in every row",
    "": "cannot be read",
}


@pytest.mark.parametrize(("content", "said"), NO_LISTS.items())
def test_what_is_no_list_is_refused(place, tmp_path, content, said):
    made, export, _ = place
    (tmp_path / "contacts.csv").write_text(content)
    with pytest.raises(BadInput, match=said):
        resolve(made, OWNER, tmp_path / "contacts.csv", corner.MAPPING, export, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_there_is_never_written_over(place, tmp_path):
    made, export, who = place
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(BadInput, match="is there already"):
        resolve(made, OWNER, list_of(tmp_path, who["c1"]), corner.MAPPING, export, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_the_command_says_how_many_and_no_code(place, tmp_path, capsys, monkeypatch):
    made, export, who = place
    words = ["resolve", "corner", list_of(tmp_path, who["c1"]), *export, "--source", corner.MAPPING]
    words += ["--out", tmp_path / "out.csv", "--root", made.root]
    monkeypatch.setattr("sys.argv", ["barberlab", *map(str, words)])
    main()
    said = "".join(capsys.readouterr())
    assert "1 clients" in said or "1 client" in said
    assert not any(code in said for code in corner.CODES.values())
