"""The published page as a PDF: tagged, with an outline, printed by one Chromium, and left out where there is none."""

import json
import os
import re
import shutil
import signal
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import bench
import pytest

from barberlab import runs
from barberlab.errors import NotAvailable
from barberlab.runs import pdf, runner
from barberlab.scope import Scope

NEEDS_CHROMIUM = pytest.mark.skipif(not any(map(shutil.which, pdf.NAMES)), reason="no Chromium here")
AT = datetime.fromisoformat(bench.AS_OF)
PAGE = """<!doctype html><html lang="en"><head><title>North, June</title><style>@page {{size: A4}}</style></head><body>
<h1>How did we do?</h1><p>{said}</p><h2>Shops</h2><table><tr><th scope="col">shop</th></tr><tr><td>ny</td></tr></table>
</body></html>"""


@pytest.fixture
def browser():
    """No browser before, none after."""
    pdf.close()
    yield
    pdf.close()


@pytest.fixture
def place(tmp_path):
    """Two networks with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north", "south")
    return made


def is_chromium(pid: int) -> bool:
    try:
        return b"remote-debugging-pipe" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@NEEDS_CHROMIUM
def test_a_page_is_printed_tagged_and_with_its_headings_as_outline(browser):
    printed = pdf.printed(PAGE.format(said="410 visits"), AT)
    assert printed.startswith(b"%PDF-")
    for part in (rb"/MarkInfo <<[^>]*/Marked true", rb"/StructTreeRoot", rb"/Lang \(en\)", rb"/S /H1", rb"/S /TH"):
        assert re.search(part, printed), part
    assert re.search(rb"/Type /Outlines", printed)
    assert set(re.findall(rb"/Title \(([^)]*)\)", printed)) >= {b"How did we do?", b"Shops"}
    assert set(pdf._DATES.findall(printed)) == {b"CreationDate", b"ModDate"}
    assert printed.count(b"(D:20250701040000+00'00')") == 2


@NEEDS_CHROMIUM
def test_one_browser_prints_all_pages_of_a_run_and_ends_with_it(place, browser, monkeypatch):
    bench.pretend(monkeypatch, lambda values: f"{values['network']} had 410 visits")
    used = []

    def printed(page, at):
        made = pdf.printed(page, at)
        used.append(pdf._browser._pid)
        return made

    outcomes = runner.run(place, ["north", "south"], pages=bench.pages(pdf=printed))
    assert bench.states(outcomes) == {"north": "published", "south": "published"}
    assert len(used) == 2
    assert len(set(used)) == 1
    assert pdf._browser is None
    assert not is_chromium(used[0])
    found = runs.latest(Scope("north"), place)["performance"]
    assert found.pdf().startswith(b"%PDF-")
    assert found.manifest.notes == []


@NEEDS_CHROMIUM
def test_the_same_page_and_moment_give_the_same_bytes_and_a_browser_that_died_is_replaced(browser):
    page = PAGE.format(said="410 visits")
    first = pdf.printed(page, AT)
    os.killpg(pdf._browser._pid, signal.SIGKILL)
    again = pdf.printed(page, AT)
    assert again == first
    assert pdf.printed(PAGE.format(said="420 visits"), AT) != first


class _Counting(BaseHTTPRequestHandler):
    """Remembers who asked for something."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@NEEDS_CHROMIUM
def test_what_is_printed_runs_no_script_and_fetches_nothing(browser, tmp_path):
    server = HTTPServer(("127.0.0.1", 0), _Counting)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        at = f"http://localhost:{server.server_address[1]}"
        said = (
            f"<img src='{at}/picture'><link rel=stylesheet href='{at}/style'><iframe src='{at}/frame'></iframe>"
            f"<script>fetch('{at}/script'); document.querySelector('h1').textContent = 'Altered'</script>"
        )
        printed = pdf.printed(PAGE.format(said=said), AT)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert server.asked == []
    assert b"(How did we do?)" in printed
    assert b"Altered" not in printed


def test_without_chromium_a_run_succeeds_and_its_manifest_says_what_is_missing(place, browser, monkeypatch, tmp_path):
    bench.pretend(monkeypatch)
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    [outcome] = runner.run(place, ["north"], pages=bench.pages(pdf=pdf.printed))
    assert outcome.state == "published"
    why = "PDF not made: no Chromium here; install it, or name one in CHROMIUM"
    assert json.loads((outcome.page.parent / "manifest.json").read_bytes())["notes"] == [why]
    with pytest.raises(NotAvailable, match=r"PDF of performance: not available: needs PDF not made: no Chromium here"):
        runs.latest(Scope("north"), place)["performance"].pdf()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "what CHROMIUM names is no program here"),
        ("#!/bin/sh\nexit 1\n", "Chromium did not print it: "),
        ("#!/bin/sh\nprintf 'no JSON\\0' >&4\ncat <&3 >/dev/null\n", "Chromium did not print it: "),
    ],
)
def test_a_chromium_that_is_none_is_told(browser, monkeypatch, tmp_path, script, said):
    path = tmp_path / "chromium"
    if script:
        path.write_text(script)
        path.chmod(0o700)
    monkeypatch.setenv(pdf.VARIABLE, str(path))
    with pytest.raises(pdf.NotPrinted, match=said):
        pdf.printed(PAGE, AT)
    assert pdf._browser is None
