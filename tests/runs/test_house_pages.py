"""The seam to the pages of the house: a notebook's words, its run at the foot, and an index that leads to it."""

from datetime import UTC, datetime

import bench
import nbformat
import pytest

from barberlab.reports import accessible
from barberlab.runs import kernel, published, runner
from barberlab.runs.kernel import Executed
from barberlab.runs.pages import house_pages


@pytest.fixture
def place(tmp_path):
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north", "south")
    return made


def show(monkeypatch, html):
    """Notebooks end at once, their last cell displaying `html`."""

    def execute(node, parameters, cwd, environment, *_):
        done = nbformat.from_dict(node)
        for count, cell in enumerate((cell for cell in done.cells if cell.cell_type == "code"), 1):
            cell.execution_count = count
        done.cells[-1].outputs = [nbformat.v4.new_output("display_data", data={"text/html": html})]
        return Executed(done, (0.1,))

    monkeypatch.setattr(kernel, "execute", execute)


def test_a_page_carries_its_run_and_passes_the_houses_own_check(place, monkeypatch):
    show(monkeypatch, "<p>1,234 visits</p>")
    [outcome] = runner.run(place, ["north"], parameters={"period": "2025-06"})
    assert (outcome.state, outcome.reason) == ("published", "")
    page = outcome.page.read_text()
    assert accessible.check(page) == []
    for words in ("1,234 visits", "How did we do?", "Corner Barbers", "Run r000001-performance"):
        assert words in page
    for words in ("Data to Mon 30 Jun 2025", "Data version 1", "period 2025-06", '<a href="../../index.html">'):
        assert words in page
    assert "network: str" not in page


@pytest.mark.parametrize(
    "html", ['<img alt="x" src="https://cdn.example/x.png">', "<p onclick='x()'>x</p>", "<svg></svg>"]
)
def test_a_page_that_fetches_or_runs_or_hides_something_is_not_published(place, monkeypatch, html):
    show(monkeypatch, html)
    [outcome] = runner.run(place, ["north"])
    assert outcome.state == "failed"
    assert outcome.reason


def test_the_index_leads_to_each_page_and_says_what_is_old_or_failed(place, monkeypatch):
    show(monkeypatch, "<p>1</p>")
    runner.run(place, ["north", "south"])
    show(monkeypatch, "<svg></svg>")
    runner.run(place, ["south"], force=True)
    path = published.index(place, house_pages(), now=datetime(2025, 7, 1, 12, tzinfo=UTC))
    page = path.read_text()
    assert accessible.check(page) == []
    assert 'href="north/r000001-performance/report.html"' in page
    assert 'href="south/r000001-performance/report.html"' in page
    assert "Mon 30 Jun 2025" in page
    assert "2 reports, 1 of them could not be renewed" in page
    assert page.count(">not renewed<") == page.count("picture: an svg") == 1
    own = (place.outputs / "north" / "index.html").read_text()
    assert 'href="r000001-performance/report.html"' in own
    assert "south" not in own
    later = published.index(place, house_pages(), now=datetime(2025, 7, 11, 12, tzinfo=UTC)).read_text()
    assert "data 10 days old" in later
