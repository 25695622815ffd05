"""Are pages there at once, and how long does a live one take? Each bar beside what was seen, ratios to a stock Voila.

    python tests/benchmarks/serve.py [--readers 50] [--shops 300] [--tries 10]

Pages: so many readers at once, each asking for the report, a shop, the shops together and the list, at so many shops in
a network and at 10,000 shops in all; and what an answer costs the server in processor time, which other work on the
machine does not change. Live: the what-if page in Chromium (CHROMIUM= names one) until its levers are there, beside a
stock Voila that executes the same notebook on the same extract; then a lever until its picture has changed.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# Instead of this folder, in which `serve` would be this file.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from barberlab.scope import Scope  # noqa: E402
from barberlab.serve import whatif  # noqa: E402
from barberlab.serve.people import Person  # noqa: E402
from barberlab.serve.shelf import Shelf  # noqa: E402
from serve import house  # noqa: E402

ALL_SHOPS = 10_000
IDLE_S = 0.05  # processor time in three seconds of a server that has nothing to do
REPORT_BYTES, SHOP_BYTES = 200_000, 48_000  # as the house's own pages are


def main() -> None:
    """Measure, and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--readers", type=int, default=50)
    asked.add_argument("--shops", type=int, default=300)
    asked.add_argument("--tries", type=int, default=10)
    given = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bl-") as root,
        large(given.shops),
        house.serving(Path(root), WARMKERNEL_IMPORTS="+") as served,
    ):
        served.users.add(Person("wide", "analyst", dict.fromkeys(house.SHOPS)), house.PASSWORD)
        pages(served, given)
        live(served, given.tries, Path(root))


@contextmanager
def large(shops: int) -> Iterator[None]:
    """The house of the tests, with so many shops in each network, 10,000 in all, and pages of a real size."""
    before, page, shop_pages = dict(house.SHOPS), house.page, house.shop_pages
    names = [f"n{k:03}" for k in range(-(-ALL_SHOPS // shops))]
    house.SHOPS.clear()
    house.SHOPS.update({"north": before["north"]} | {n: tuple(f"{n}-{k:04}" for k in range(shops)) for n in names})
    house.page = lambda title, about: page(title, about) + "x" * (SHOP_BYTES if about == (title,) else REPORT_BYTES)
    house.shop_pages = lambda network: {
        "report.html": house.page(network, house.SHOPS[network]),
        **{f"shop/{shop}.html": house.page(shop, (shop,)) for shop in house.SHOPS[network]},
    }
    try:
        yield
    finally:
        house.SHOPS.clear()
        house.SHOPS.update(before)
        house.page, house.shop_pages = page, shop_pages


def pages(served: house.Served, given: argparse.Namespace) -> None:
    """Readers at once; what each waits for, and the server's memory."""
    networks = [network for network in house.SHOPS if network != "north"]
    visitors = [served.visitor("wide") for _ in range(given.readers)]
    asked = (
        (f"{given.shops} shops in a network, first", networks[:1]),
        (f"{given.shops} shops in a network, again", networks[:1]),
        (f"{ALL_SHOPS:,} shops in all, first", networks),
        (f"{ALL_SHOPS:,} shops in all, again", networks),
    )
    for words, which in asked:
        answered(served, visitors, which, words)
    renewed(served, networks)
    answered(served, visitors, networks, f"{ALL_SHOPS:,} shops in all, first after new runs and a rest")
    bar("server without kernels, resident", memory(served.process.pid)["VmRSS"] / 1024, 300, "MB")


def answered(served: house.Served, visitors: list[house.Visitor], networks: list[str], words: str) -> None:
    """One round of all readers: what they waited, what it cost, and how busy the machine was."""
    since = processor_s(served.process.pid)
    took = asked_at_once(visitors, networks)
    each = 1000 * (processor_s(served.process.pid) - since) / len(took)
    bar(f"p95 of {len(visitors)} readers, {words}", p95(took), 500, "ms")
    print(
        f"    median {median(took):.0f} ms, {each:.1f} ms of the server's processor for each of {len(took)} answers, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def renewed(served: house.Served, networks: list[str]) -> None:
    """A new run in each network; then nobody asks until the server has made of it what it makes ahead."""
    for network in networks:
        drawn = {house.DRAWS: house.draws(network)}
        house.publish(served.workspace, network, "revenue", {"report.html": house.page(network, ())}, drawn=drawn)
    began, before = time.monotonic(), -1.0
    while (now := processor_s(served.process.pid)) - before > IDLE_S:
        before = now
        time.sleep(3)
    print(f"    {len(networks)} new runs were read within {time.monotonic() - began:.0f} s in which nobody asked")


def bar(what: str, seen: float, most: float, unit: str) -> None:
    """What was seen beside what must be reached."""
    print(f"{'reached' if seen <= most else 'MISSED '}  {what}: {seen:.3g} {unit} (at most {most:g})")


def processor_s(pid: int) -> float:
    """Seconds that a process has had a core, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked_at_once(visitors: list[house.Visitor], networks: list[str]) -> list[float]:
    """Milliseconds of each answer, when all readers ask at the same moment, five pages each."""
    gate = threading.Barrier(len(visitors))

    def reads(at: int) -> list[float]:
        network = networks[at % len(networks)]
        shop = house.SHOPS[network][at % len(house.SHOPS[network])]
        own = (f"/n/{network}/performance/report.html", f"/n/{network}/shop/shop/{shop}.html", f"/n/{network}/")
        gate.wait()
        return [timed(visitors[at], path) for path in (*own, f"/n/{network}/shops", own[0])]

    with ThreadPoolExecutor(len(visitors)) as pool:
        return [took for times in pool.map(reads, range(len(visitors))) for took in times]


def timed(visitor: house.Visitor, path: str) -> float:
    """Milliseconds until all of an answer is there."""
    since = time.perf_counter()
    status = visitor.get(path).status
    if status != 200:
        raise SystemExit(f"{path}: {status}")
    return 1000 * (time.perf_counter() - since)


def live(served: house.Served, tries: int, root: Path) -> None:
    """The live page beside a stock Voila, in one Chromium, turn by turn."""
    with sync_playwright() as browsers, stock(served, root) as port:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ours, theirs = browser.new_page(), browser.new_page()
        sign_in(ours, served.port)
        own = [], []
        first, ready = [], []
        moved, plain = [], []
        for _ in range(tries + 1):
            since = time.perf_counter()
            ours.goto(f"http://127.0.0.1:{served.port}/n/north/what-if", wait_until="commit")
            ours.locator("main h1").first.wait_for()
            first.append(time.perf_counter() - since)
            ours.locator("#live[data-ready=yes]").wait_for(timeout=120_000)
            ready.append(time.perf_counter() - since)
            moved.append(slid(ours))
            own[0].append(own_memory(served))
            since = time.perf_counter()
            theirs.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
            theirs.locator("[role=slider]").first.wait_for(timeout=120_000)
            theirs.locator(".answer svg").first.wait_for(state="attached", timeout=120_000)
            plain.append(time.perf_counter() - since)
        browser.close()
    # The first opens have Chromium fetch the scripts; from then on they are in its cache, for both.
    ours_s, theirs_s = statistics.median(ready[1:]), statistics.median(plain[1:])
    print(f"what-if, base case read: {statistics.median(first[1:]):.2f} s (first {first[0]:.2f})")
    bar("what-if ready", ours_s, 3.5, "s")
    bar("what-if ready, the first after the server's start", ready[0], 3.5, "s")
    print(f"    stock Voila {theirs_s:.2f} s (first {plain[0]:.2f})")
    bar("ours as a share of stock Voila's time, of 1/3.5", ours_s / theirs_s, 1 / 3.5, "")
    print(f"    {theirs_s / ours_s:.1f} x as fast")
    bar("lever to new picture", 1000 * statistics.median(moved[1:]), 200, "ms")
    bar("own memory of a kernel", statistics.median(own[0]), 100, "MB")


def sign_in(page: Page, port: int) -> None:
    """Through the form."""
    page.goto(f"http://127.0.0.1:{port}/login")
    page.fill("#name", "fran")
    page.fill("#password", house.PASSWORD)
    page.click("button")
    page.wait_for_url("**/")


def slid(page: Page) -> float:
    """Seconds from a key on the lever until the page's answer is another."""
    answer = page.locator(".answer h1")
    before = answer.text_content()
    page.get_by_role("slider").first.focus()
    since = time.perf_counter()
    page.keyboard.press("ArrowRight")
    while answer.text_content() == before:
        time.sleep(0.002)
    return time.perf_counter() - since


@contextmanager
def stock(served: house.Served, root: Path) -> Iterator[int]:
    """A stock Voila with the same notebook and the same rows, one kernel anew for each view."""
    folder = root / "stock"
    folder.mkdir()
    found = Shelf(served.workspace).all_published(Scope("north", "franchisor"), whatif.REPORTS)
    told = whatif.lay_out(found.values(), folder)
    told.pop("BARBERLAB_ALLOWED")
    port = house.free_port()
    notebook = house.REPO / "notebooks" / "dashboards" / "whatif.ipynb"
    words = ["-m", "voila", "--no-browser", f"--port={port}", str(notebook)]
    environment = os.environ | told | {"PYTHONPATH": str(house.REPO / "lib")}
    with (root / "stock.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *words], env=environment, stdout=log, stderr=log)
        try:
            house.wait_for(port, process, root / "stock.log")
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


def own_memory(served: house.Served) -> float:
    """MB that the newest kernel has for itself."""
    found = []
    mark = f"BARBERLAB_ROOT={served.workspace.root.parent}/barberlab-".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes() or mark in kernel_environment(place):
                found.append(
                    sum(own for name, own in memory(int(place.name), "smaps_rollup").items() if "Private" in name)
                )
        except OSError:
            continue
    return max(found, default=float("nan")) / 1024


def kernel_environment(place: Path) -> bytes:
    """A forked kernel's own environment is not where the system looks; its working folder tells as much."""
    return f"BARBERLAB_ROOT={(place / 'cwd').readlink()}".encode()


def memory(pid: int, file: str = "status") -> dict[str, int]:
    """kB by name."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB$", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    return {name: int(value) for name, value in lines}


def p95(times: list[float]) -> float:
    """The time that 19 in 20 stay under."""
    return statistics.quantiles(times, n=20)[-1]


def median(times: list[float]) -> float:
    """The time that half stay under."""
    return statistics.median(times)


if __name__ == "__main__":
    main()
