"""What a notebook hands to its run."""

import datetime
import io
import json

import pandas as pd
import pytest

from barberlab import runs
from barberlab.errors import BadInput
from barberlab.runs.inside import RUN_DIR, csv_text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_DIR, str(tmp_path))
    return tmp_path


def test_outside_a_run_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(RUN_DIR, raising=False)
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"visits": [1]})
    assert runs.keep("visits", frame) is frame
    assert runs.report_gate("divergences", False, "7 draws") is False
    assert list(tmp_path.iterdir()) == []


def test_a_kept_table_holds_its_index_types_and_units(folder):
    frame = pd.DataFrame({"shop": ["s1", "s2"], "visits": pd.array([410, None], dtype="Int64")}).set_index("shop")
    frame.attrs = {"unit": "visits", "as_of": datetime.date(2025, 6, 30)}
    assert runs.keep("visits", frame) is frame
    back = pd.read_parquet(folder / "tables" / "visits.parquet")
    assert back["visits"].tolist() == [410, pd.NA]
    assert back["visits"].dtype == "Int64"
    assert back.attrs == {"unit": "visits", "as_of": "2025-06-30"}
    assert (folder / "tables" / "visits.csv").read_text() == "shop,visits\ns1,410\ns2,\n"


@pytest.mark.parametrize("name", ["", "../visits", "Visits", "a b", "1st", "x" * 65, "visits\n"])
def test_a_table_is_named_like_a_table(folder, name):
    with pytest.raises(BadInput, match="must be lower-case letters"):
        runs.keep(name, pd.DataFrame({"visits": [1]}))


def test_columns_have_names_of_their_own(folder):
    for frame in (pd.DataFrame([[1, 2]]), pd.DataFrame([[1, 2]], columns=["a", "a"])):
        with pytest.raises(BadInput, match="its columns must have names, each its own"):
            runs.keep("visits", frame)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", "＝1+1", "＋cmd", "－2+3", "＠x", "-", "-a"],
)
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    said = csv_text(pd.DataFrame({"note": [text], text: ["x"]}))
    assert pd.read_csv(io.StringIO(said), keep_default_na=False)["note"][0] == f"'{text}"
    assert not said.splitlines()[0].split(",")[1].startswith(text[0])


def test_real_negatives_stay_numbers_in_a_spreadsheet():
    frame = pd.DataFrame(
        {"change": [-1.5, 2.0], "cents": pd.array([-5, None], dtype="Int64"), "text": ["-12.5%", "-3"]}
    )
    assert csv_text(frame) == "change,cents,text\n-1.5,-5,-12.5%\n2.0,,-3\n"


def test_categories_and_days_are_written_as_they_read():
    frame = pd.DataFrame({"kind": pd.Categorical(["@a", "b"]), "day": [datetime.date(2025, 6, 30), None]})
    assert csv_text(frame) == "kind,day\n'@a,2025-06-30\nb,\n"


def test_gates_are_collected_in_their_order(folder):
    assert runs.report_gate("r-hat", True, "1.002") is True
    runs.report_gate("divergences", False, "7 draws\nof 4,000")
    lines = [json.loads(line) for line in (folder / "gates.jsonl").read_text().splitlines()]
    assert [(line["name"], line["passed"]) for line in lines] == [("r-hat", True), ("divergences", False)]
