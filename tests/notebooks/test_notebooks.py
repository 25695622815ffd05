"""Does every page still run? The committed notebooks, in real kernels, on the small sample and the corner network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

import corner
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab
from barberlab.runs import jobs, published, runner
from barberlab.scope import Scope

NOTEBOOKS = corner.REPO / "notebooks"
REPORTS = sorted((NOTEBOOKS / "reports").glob("*.ipynb"))
BOARDS = [NOTEBOOKS / "dashboards" / f"{name}.ipynb" for name in jobs.BOARDS]
START = NOTEBOOKS / "research" / "00-start-here.ipynb"
CELL_TIMEOUT_S = 120


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A workspace with two networks: the committed sample under its own name, and corner."""
    root = tmp_path_factory.mktemp("notebooks")
    made = corner.make_workspace(root / "workspace")
    ingest(made, "tiny", corner.MAPPING, sorted((corner.REPO / "data" / "sample").glob("*.parquet")))
    corner.bring(made, root / "export")
    return made


def on_network(path: Path, network: str, folder: Path) -> Path:
    """A copy of a notebook that reads `network`."""
    changed = parameterize_notebook(load_notebook_node(str(path)), {"network": network})
    nbformat.write(changed, folder / path.name)
    return folder / path.name


def nbval(path: Path, root: Path) -> int:
    """How many cells of a notebook ran without an error; fails with nbval's own words where one did not."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "-q"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "BARBERLAB_"))}
    environment |= {"BARBERLAB_ROOT": str(root), "IPYTHONDIR": str(path.parent / "ipython")}
    done = subprocess.run(
        [*command, f"--nbval-cell-timeout={CELL_TIMEOUT_S}", path.name],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def code_cells(path: Path) -> int:
    """How many code cells a notebook has."""
    return sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)


@pytest.mark.parametrize("path", [*REPORTS, *BOARDS], ids=lambda path: path.stem)
def test_a_report_runs_cell_by_cell_on_the_small_sample(path, place, tmp_path):
    copy = on_network(path, "tiny", tmp_path)
    assert nbval(copy, place.root) == code_cells(copy) == code_cells(path) + 1


def test_the_first_notebook_runs_as_it_is_committed(place, tmp_path):
    copy = Path(shutil.copy(START, tmp_path))
    assert nbval(copy, place.root) == code_cells(START)


@pytest.mark.slow
def test_the_criticism_of_the_revenue_model_runs_as_it_is_committed(place, tmp_path):
    copy = Path(shutil.copy(NOTEBOOKS / "research" / "2026-11-23-revenue-model.ipynb", tmp_path))
    assert nbval(copy, place.root) == code_cells(copy)


def test_a_notebook_that_raises_does_not_pass(place, tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 + 1 == 3, 'shops add up'")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    with pytest.raises(AssertionError, match="shops add up"):
        nbval(tmp_path / "broken.ipynb", place.root)


def test_the_first_notebook_tells_the_truth_about_its_network(place):
    """Its second shop lost a barber: half the minutes of the month before were booked, on a third of the floor."""
    lab = open_lab(place, Scope("tiny"))
    assert (len(lab["locations"]), len(lab["staff_names"])) == (2, 4)
    months = lab.metric("utilisation", by="shop", grain="month").set_index(["location_id", "period"])
    shop = months.loc["tiny-02"]
    before, last = shop.iloc[-2], shop.iloc[-1]
    assert len(shop) == 4
    assert last["value"] > 1.4 * before["value"]
    assert last["numerator"] / before["numerator"] == pytest.approx(1 / 2, abs=0.05)
    assert last["denominator"] / before["denominator"] == pytest.approx(1 / 3, abs=0.05)
    left = lab["staff_assignments"]["valid_to"].dropna()
    assert left.dt.strftime("%Y-%m").tolist() == ["2025-03"]
    assert lab.metrics().loc["new_clients", "needs"] == "180 days of history before the period"


@pytest.mark.parametrize("report", [path.stem for path in REPORTS])
def test_a_report_is_published_for_a_second_network(report, place):
    outcome, *boards = runner.run(place, ["corner"], [report], timeout_s=CELL_TIMEOUT_S)
    assert (outcome.state, outcome.reason) == ("published", "")
    assert [(board.report, board.state, board.reason) for board in boards] == [
        (name, "published", "") for name in jobs.BOARDS
    ]
    assert f"../{outcome.run_id}/report.html" in boards[0].page.read_text(encoding="utf-8")
    page = outcome.page.read_text(encoding="utf-8")
    assert "Corner Barbers" in page
    assert "Tiny Barbers" not in page
    assert re.fullmatch(rf"outputs/corner/r\d{{6}}-{report}/report\.html", str(outcome.page.relative_to(place.root)))


def test_a_network_without_half_a_year_of_trade_is_told_what_a_forecast_needs(place):
    """Corner's open shop traded in six weeks of its year."""
    outcome, *_ = runner.run(place, ["corner"], ["revenue"], timeout_s=CELL_TIMEOUT_S)
    assert outcome.state in ("published", "unchanged")
    page = outcome.page.read_text(encoding="utf-8")
    assert "There is no forecast yet" in page
    boxes = re.findall(r'<div class="empty"><b>([^<]+)</b>Not available: needs ([^<]+)</div>', page)
    assert len(boxes) >= len(sections("revenue"))
    assert re.findall(r"<h2>([^<]+)</h2>", page) == sections("revenue")
    told = published.latest(place, Scope("corner"), "revenue").results()["results"]
    assert [(result["value"], result["note"][:6]) for result in told] == [(None, "needs ")] * 2


LACKING = {
    "shifts": ("table 8, shifts", {"Chair time used", "Revenue per available hour"}),
    "payments": ("table 7, payments", {"Service revenue", "Average ticket", "Revenue per available hour"}),
}


@pytest.mark.parametrize("table", LACKING)
def test_a_report_without_a_table_says_so_where_it_is_missing_and_goes_on(table, workspace, tmp_path):
    found = corner.tables()
    corner.bring(workspace, tmp_path / "export", found | {table: found[table].head(0)})
    outcome, *_ = runner.run(workspace, ["corner"], ["performance"], timeout_s=CELL_TIMEOUT_S)
    assert (outcome.state, outcome.reason) == ("published", "")
    page = outcome.page.read_text(encoding="utf-8")
    needed, lacking = LACKING[table]
    boxes = dict(re.findall(r'<div class="empty"><b>([^<]+)</b>Not available: needs ([^<]+)</div>', page))
    assert {name for name, needs in boxes.items() if needs == needed} == lacking
    assert re.findall(r"<h2>([^<]+)</h2>", page) == sections("performance")
    assert 'id="visits-by-month"' in page


def sections(report: str) -> list[str]:
    """The headings that a report's notebook has."""
    cells = nbformat.read(NOTEBOOKS / "reports" / f"{report}.ipynb", as_version=4).cells
    words = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"(?m)^## (.+)$", words)


def test_a_network_that_only_hands_over_payments_is_published_with_them(workspace, tmp_path):
    found = corner.tables()
    corner.bring(workspace, tmp_path / "export", found | {"appointments": found["appointments"].head(0)})
    reports, april = ["performance", "shop"], {"period": "2025-04"}
    outcomes = runner.run(workspace, ["corner"], reports, parameters=april, timeout_s=CELL_TIMEOUT_S)
    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("published", "")] * 2
    page = outcomes[0].page.read_text(encoding="utf-8")
    assert "Revenue was $85.00 in April 2025" in page
    assert "Not available: needs table 6, appointments" in page


@pytest.mark.slow
def test_who_withdrew_consent_to_profiling_is_in_no_file_of_a_retention_run(place):
    """They came lately and count in totals; no table, page or manifest, also of boards, holds their pseudonym."""
    outcomes = runner.run(place, ["tiny"], ["retention"], timeout_s=CELL_TIMEOUT_S)
    assert {one.state for one in outcomes} <= {"published", "unchanged"}
    lab = open_lab(place, Scope("tiny"))
    clients, log = lab["clients"], lab.visits()
    lately = log.visits.loc[log.visits["date"] > log.visits["date"].max() - pd.Timedelta(days=60), "client_id"]
    refused = set(clients.loc[clients["consent_profiling"].eq(False).fillna(False), "client_id"]) & set(lately)
    assert len(refused) > 3
    run = published.reports(Scope("tiny"), place)["retention"]
    files = [path for one in outcomes for path in one.page.parent.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in files if path.suffix not in (".pdf", ".parquet"))
    assert run.table("contacts")["client_id"].iloc[0].encode() in held, "those who may be asked are in it"
    assert not [client for client in refused if client.encode() in held]
    tables = [pd.read_parquet(path) for path in files if path.suffix == ".parquet"]
    assert len(tables) >= 6
    assert not any(table.astype(str).isin(refused).any(axis=None) for table in tables)
