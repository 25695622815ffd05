"""What stops a publication, and what does not."""

import base64
import hashlib
import json
from pathlib import Path

import bench
import nbformat
import pandas as pd
import pytest

from barberlab.runs import gates
from barberlab.runs.scan import Forbidden, disguises, scan

CANARY = "Zephyrine Quill & Söhne"
FORBIDDEN = Forbidden((CANARY,), (Path("/srv/barberlab"),))


def executed(*outputs):
    node = bench.notebook("1", "2")
    for count, cell in enumerate((c for c in node.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    node.cells[-1].outputs = list(outputs)
    return node


def kinds(folder):
    return {path.name: found for path, found in scan(folder, FORBIDDEN)}


def test_a_notebook_passes_when_every_cell_ran_and_none_raised():
    assert gates.cells_ran(executed()).passed


def test_a_cell_that_raised_stops_publication_even_where_a_tag_allows_it():
    node = executed(nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[]))
    node.cells[-1].metadata["tags"] = ["raises-exception"]
    assert gates.cells_ran(node) == gates.GateResult("cells", False, "code cell 3 raised")


def test_a_cell_that_was_not_reached_stops_publication():
    node = executed()
    node.cells[-1].execution_count = None
    assert gates.cells_ran(node).what == "code cell 3 did not run"


def test_many_findings_are_counted_after_the_first_three():
    found = gates.fit_to_read({"report.html": "x"}, lambda page: list("abcde"))
    assert found.what == "report.html: a; report.html: b; report.html: c and 2 more"


DISGUISES = {
    "as it is": CANARY,
    "in capitals": CANARY.upper(),
    "in JSON": json.dumps({"who": CANARY}),
    "in HTML": "Zephyrine Quill &amp; Söhne",
    "in an address": "?who=Zephyrine%20Quill%20%26%20S%C3%B6hne",
    "in base64": base64.b64encode(CANARY.encode()).decode(),
    "in base64 behind one byte": base64.b64encode(b"1" + CANARY.encode() + b"1").decode(),
    "in base64 behind two bytes": base64.b64encode(b"22" + CANARY.encode() + b"2").decode(),
    "as MD5": hashlib.md5(CANARY.encode()).hexdigest(),
    "as SHA-256": hashlib.sha256(CANARY.encode()).hexdigest().upper(),
}


@pytest.mark.parametrize("how", DISGUISES)
def test_a_canary_is_found_in_its_disguises_and_hidden_in_messages(how):
    assert "canary" in FORBIDDEN.kinds(f"<{DISGUISES[how]}>")
    assert FORBIDDEN.hide(f"<{CANARY}>") == "<[canary]>"


def test_a_part_of_a_canary_is_not_the_canary():
    assert FORBIDDEN.kinds("Zephyrine and Quill") == []
    assert Forbidden().kinds(CANARY) == []
    assert len(disguises(CANARY)) == 10


def test_paths_of_this_machine_are_found_as_whole_paths():
    assert FORBIDDEN.kinds("File /srv/barberlab/data/x.py") == ["path of this machine"]
    assert FORBIDDEN.kinds("/srv/barberlab2/x") == []
    assert FORBIDDEN.hide("File /srv/barberlab/data/x.py") == "File .../data/x.py"
    assert Forbidden((), (Path("/"),)).kinds("1/2 and /") == []


def test_every_kind_of_file_is_read(tmp_path):
    number = "+49 170 1234567"
    node = executed(
        nbformat.v4.new_output("display_data", data={"text/html": f"<td>{number}</td>", "image/png": "+49170123" * 9}),
        nbformat.v4.new_output("display_data", data={"application/json": {"tel": {number: 1}}}),
    )
    (tmp_path / "run.ipynb").write_text(nbformat.writes(node))
    pd.DataFrame({"who": ["x", number]}).to_parquet(tmp_path / "text.parquet")
    pd.DataFrame({number: [1]}).to_parquet(tmp_path / "heading.parquet")
    labelled = pd.DataFrame({"visits": [1]})
    labelled.attrs = {"made by": number}
    labelled.to_parquet(tmp_path / "attrs.parquet")
    (tmp_path / "page.html").write_text(f'<img alt="ring {number}">')
    (tmp_path / "drawing.svg").write_text(f"<text>{number.replace(' ', '&#160;')}</text>")
    (tmp_path / "table.csv").write_text(f"s1,{number},3")
    (tmp_path / "values.json").write_text(json.dumps([number]))
    assert kinds(tmp_path) == {path.name: ["telephone number"] for path in tmp_path.iterdir()}


def test_numbers_drawings_and_pictures_are_not_taken_for_people(tmp_path):
    cents = pd.DataFrame({"cents": [5550101234, 491701234567], "at": pd.to_datetime(["2025-06-30", "2025-07-01"])})
    cents.to_parquet(tmp_path / "cents.parquet")
    drawing = '<svg viewBox="0 0 212 555"><path d="M 212 555 2123 0170 1234567"/><g transform="+49 170 1234567"/></svg>'
    picture = f'<img alt="" src="data:image/png;base64,{base64.b64encode(bytes(range(256)) * 40).decode()}">'
    (tmp_path / "page.html").write_text(f"{drawing}{picture}<td>0170</td><td>1234567</td>")
    (tmp_path / "figure.png").write_bytes(b"ann@example.org +49 170 1234567")
    assert kinds(tmp_path) == {}


def test_a_canary_is_found_even_in_a_picture(tmp_path):
    (tmp_path / "figure.png").write_bytes(b"\x89PNG tEXt Zephyrine Quill &amp; S")
    assert list(scan(tmp_path, Forbidden(("zephyrine quill",), ()))) == [(tmp_path / "figure.png", ["canary"])]


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"name": "x"}', '{"name": "x", "passed": true, "what": "", "z": 1}']
)
def test_gates_that_cannot_be_read_do_not_pass(tmp_path, line):
    (tmp_path / "gates.jsonl").write_text(line + "\n")
    assert not gates.reported(tmp_path)[0].passed
