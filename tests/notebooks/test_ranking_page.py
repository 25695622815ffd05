"""Does the page that holds the nightly fit against NUTS run as it is committed, on a network of its own?"""

import pytest
from test_notebooks import NOTEBOOKS, code_cells, nbval, on_network

import corner
from barberlab.data.ingest import ingest

PAGE = NOTEBOOKS / "research" / "2026-11-23-benchmark-ranking.ipynb"


@pytest.mark.slow
def test_the_page_of_the_audit_runs_and_agrees(tmp_path):
    made = corner.make_workspace(tmp_path / "workspace")
    ingest(made, "tiny", corner.MAPPING, sorted((corner.REPO / "data" / "sample").glob("*.parquet")))
    assert nbval(on_network(PAGE, "tiny", tmp_path), made.root) == code_cells(PAGE) + 1
