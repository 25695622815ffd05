"""Does the page that attacks the benchmark run as it is committed, and find what its words say?"""

import shutil

from test_notebooks import NOTEBOOKS, code_cells, nbval

import corner

PAGE = NOTEBOOKS / "research" / "2026-11-23-benchmark-attacks.ipynb"


def test_the_page_of_attacks_runs_as_it_is_committed(tmp_path):
    made = corner.make_workspace(tmp_path / "workspace")
    copy = shutil.copy(PAGE, tmp_path)
    assert nbval(tmp_path / PAGE.name, made.root) == code_cells(PAGE), copy
