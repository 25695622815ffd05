"""How soon does the executive page stand there? Beside a stock Voila on the same notebook, medians of one run.

    python tests/benchmarks/boards.py WORKSPACE NETWORK [--tries 10]

WORKSPACE: one in which `barberlab run NETWORK` has published the executive page. Both are opened in one Chromium, turn
by turn (CHROMIUM= names one): the published page behind its gate, without a kernel, until it was first painted and
until all of its first screen stands; a stock Voila on the extract that the board was made of, until its last cell.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Instead of this folder.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from barberlab.runs import extract, published  # noqa: E402
from barberlab.runs.jobs import BOARDS  # noqa: E402
from barberlab.scope import Scope  # noqa: E402
from barberlab.serve.people import Person  # noqa: E402
from barberlab.serve.users import Users  # noqa: E402
from barberlab.workspace import Workspace  # noqa: E402
from serve import house  # noqa: E402

BOARD = BOARDS[0]
LAST = "What we cannot tell you"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# Whatever of the page begins above the fold is laid out with its pictures, and the browser has nothing left to load.
STANDS = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> None:
    """Measure, and print a line each."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("workspace", type=Path)
    asked.add_argument("network")
    asked.add_argument("--tries", type=int, default=10)
    given = asked.parse_args()
    place = Workspace(given.workspace.resolve())
    with (
        tempfile.TemporaryDirectory(prefix="bl-") as root,
        serving(place, given.network, Path(root)) as own,
        stock(place, given.network, Path(root)) as theirs,
        sync_playwright() as browsers,
    ):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ours, plain = browser.new_page(), browser.new_page()
        sign_in(ours, own)
        seen = [(*opened(ours, own, given.network), executed(plain, theirs)) for _ in range(given.tries + 1)]
        browser.close()
    told(seen)


def told(seen: list[tuple[float, float, float]]) -> None:
    """The medians; the first opens, in which Chromium fetches scripts, are told apart."""
    painted, stands, last = (statistics.median(times) for times in zip(*seen[1:], strict=True))
    first = seen[0]
    print(f"executive page, first contentful paint: {painted:.3f} s (first {first[0]:.3f})")
    print(f"executive page, first screen complete: {stands:.3f} s (first {first[1]:.3f})")
    print(f"stock Voila to its last cell: {last:.2f} s (first {first[2]:.2f}): {last / stands:.1f} x")


def opened(page: Page, port: int, network: str) -> tuple[float, float]:
    """Seconds to the first contentful paint and to the whole page, from the address of the network on."""
    page.goto(f"http://127.0.0.1:{port}/n/{network}/", wait_until="load")
    page.get_by_role("heading", name=LAST).wait_for()
    page.wait_for_function(f"{PAINTED} > 0 && {STANDS} > 0")
    return page.evaluate(PAINTED) / 1000, page.evaluate(STANDS) / 1000


def executed(page: Page, port: int) -> float:
    """Seconds until a stock Voila shows the last cell of the same notebook."""
    since = time.perf_counter()
    page.goto(f"http://127.0.0.1:{port}/", wait_until="commit", timeout=180_000)
    page.get_by_text(LAST).first.wait_for(timeout=180_000)
    return time.perf_counter() - since


def sign_in(page: Page, port: int) -> None:
    """Through the form."""
    page.goto(f"http://127.0.0.1:{port}/login")
    page.fill("#name", "fran")
    page.fill("#password", house.PASSWORD)
    page.click("button")
    page.wait_for_url("**/")


@contextmanager
def serving(place: Workspace, network: str, root: Path) -> Iterator[int]:
    """The house's own server over the workspace, with a franchisor of the network."""
    users, port = Users(root / "state" / "users.json"), house.free_port()
    users.add(Person("fran", "franchisor", {network: None}), house.PASSWORD)
    words = ["-m", "barberlab", "serve", "--root", str(place.root), "--port", str(port)]
    (root / "warm").mkdir(mode=0o700)
    own = {"BARBERLAB_USERS": str(users.place), "WARMKERNEL_IMPORTS": "pandas", "WARMKERNEL_DIR": str(root / "warm")}
    with running(words, own, root / "own.log"):
        wait(port)
        yield port


@contextmanager
def stock(place: Workspace, network: str, root: Path) -> Iterator[int]:
    """A stock Voila with the same notebook and what the board was made of, one kernel anew for each view."""
    standing = published.reports(Scope(network), place)
    made = extract.write([run for name, run in standing.items() if name not in BOARDS], root / "extract")
    notebook = root / f"{BOARD}.ipynb"
    source = (house.REPO / "notebooks" / "dashboards" / f"{BOARD}.ipynb").read_text(encoding="utf-8")
    notebook.write_text(
        source.replace('network: str = \\"north\\"', f'network: str = \\"{network}\\"'), encoding="utf-8"
    )
    port = house.free_port()
    words = ["-m", "voila", "--no-browser", f"--port={port}", str(notebook)]
    with running(words, {"BARBERLAB_ROOT": str(made.root)}, root / "stock.log"):
        wait(port)
        yield port


def wait(port: int) -> None:
    """Until something listens there."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing came up on port {port}")


@contextmanager
def running(words: list[str], own: dict[str, str], log: Path) -> Iterator[None]:
    """A Python process until the end of the block."""
    environment = os.environ | {"PYTHONPATH": str(house.REPO / "lib")} | own
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, *words], env=environment, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
