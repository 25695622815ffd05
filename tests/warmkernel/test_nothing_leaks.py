"""Does a kernel begin as if no other had ever run? What one changes, the next does not see."""

import os
import resource

import asking
import pytest

from warmkernel import provisioner

# Each fact as a kernel finds it, in literals.
FACTS = """
import decimal, locale, os, resource, signal, sys, tempfile, threading, time, warnings
import matplotlib, numpy, pandas

def open_files():
    links = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    # IPython's own history is open for a moment as a journal beside it.
    return sorted(link for link in links if os.path.isfile(link) and "history.sqlite" not in link)

facts = {
    "globals": sorted(name for name in globals() if not name.startswith("_")),
    "environment": dict(os.environ),
    "rcParams": {name: repr(value) for name, value in matplotlib.rcParams.items() if name != "backend"},
    "backend": matplotlib.get_backend(),
    "pandas options": [pandas.get_option(name) for name in ("display.max_rows", "display.precision")],
    "numpy print options": repr(numpy.get_printoptions()),
    "modules": sorted(sys.modules),
    "search path": list(sys.path),
    "working directory": os.getcwd(),
    "open files": open_files(),
    "signal handlers": [repr(signal.getsignal(n)) for n in (signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD)],
    "threads": sorted(thread.name.split(" ")[0] for thread in threading.enumerate()),
    "umask": oct(os.umask(0o22)),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "warnings": len(warnings.filters),
    "time zone": time.tzname,
    "decimals": decimal.getcontext().prec,
    "recursion limit": sys.getrecursionlimit(),
    "temporary folder": tempfile.gettempdir(),
    "functions of libraries": pandas.DataFrame.head.__module__,
    "locale": locale.setlocale(locale.LC_NUMERIC),
}
"""

CHANGES = """
import decimal, locale, os, resource, signal, sys, tempfile, threading, time, types, warnings
import matplotlib, numpy, pandas

client = "somebody"
os.environ["NETWORK"] = "north"
matplotlib.rcParams["figure.dpi"] = 31
matplotlib.use("svg")
pandas.set_option("display.max_rows", 3)
numpy.set_printoptions(precision=2)
sys.modules["leaked"] = types.ModuleType("leaked")
sys.path.insert(0, "/leaked")
os.chdir("/")
kept = open("/proc/self/status")
kept_file = open(os.__file__)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(60,), name="leaked", daemon=True).start()
os.umask(0o77)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
warnings.simplefilter("error")
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()
decimal.getcontext().prec = 5
sys.setrecursionlimit(2000)
tempfile.tempdir = "/leaked"
def head(self): return self
pandas.DataFrame.head = head
locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
"""
NAMES = [line.split('"')[1] for line in FACTS.splitlines() if line.startswith('    "')]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Facts as they were found: by a kernel before, by the one that changes everything, and by one after it."""
    found = []
    for code in (FACTS, CHANGES + FACTS, FACTS):
        with asking.started(tmp_path_factory.getbasetemp()) as kernel:
            found.append(kernel.value("facts", after=code))
    return found


@pytest.mark.parametrize("fact", NAMES)
def test_what_one_kernel_changes_the_next_does_not_see(seen, fact):
    before, changed, after = (facts[fact] for facts in seen)
    assert changed != before, "the change is one that a kernel can see"
    assert after == before


def test_a_kernel_has_no_file_of_its_parent_open(seen):
    assert seen[0]["open files"] == seen[2]["open files"]
    assert not [path for path in seen[2]["open files"] if "site-packages" in path]


def test_every_kernel_draws_random_numbers_of_its_own(start):
    draw = "[random.random(), numpy.random.rand(), numpy.random.default_rng().random(), str(uuid.uuid4())]"
    first, second = (start().value(draw, after="import random, numpy, uuid") for _ in range(2))
    assert not set(first) & set(second)


def test_a_kernel_has_the_environment_and_the_place_it_was_started_with(start, tmp_path):
    kernel = start(tmp_path, SHOP="corner", PYTHONPATH=str(tmp_path), TZ="Asia/Tokyo")
    (tmp_path / "shop_of_mine.py").write_text("name = 'corner'")
    after = "import os, sys, time, shop_of_mine"
    assert kernel.value("os.environ['SHOP'], os.getcwd(), time.tzname[0]", after) == ("corner", str(tmp_path), "JST")
    assert kernel.value("sys.path[0], shop_of_mine.name") == (str(tmp_path), "corner")
    assert "SHOP" not in start().value("dict(os.environ)", after="import os")


def test_a_kernel_has_the_limits_and_the_umask_of_whoever_started_it(start):
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, limit[1]))
    mask = os.umask(0o027)
    try:
        kernel = start()
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_CORE, limit)
    after = "import os, resource"
    assert kernel.value("os.umask(0o22), resource.getrlimit(resource.RLIMIT_CORE)", after) == (0o027, (0, limit[1]))


@pytest.mark.parametrize("backend", ["svg", "module://matplotlib_inline.backend_inline"])
def test_a_kernel_draws_with_the_backend_it_was_started_with(start, backend):
    assert start(MPLBACKEND=backend).value("matplotlib.get_backend()", after="import matplotlib") == backend


def test_edited_code_is_what_the_next_kernel_runs(start, tmp_path):
    module = tmp_path / "tariff.py"
    for price in (30, 35):
        module.write_text(f"price = {price}")
        os.utime(module, (price, price))
        assert start(tmp_path).value("tariff.price", after="import tariff") == price


def test_code_outside_site_packages_is_never_loaded_before_a_kernel(start):
    kernel = start(WARMKERNEL_IMPORTS="barberlab json")
    assert kernel.is_warm
    foreign = "[name for name in sys.modules if name.partition('.')[0] in ('barberlab', 'warmkernel')]"
    assert kernel.value(foreign, after="import sys") == []


def test_a_figure_and_a_table_are_the_same_from_a_warm_and_an_ordinary_kernel(start, monkeypatch):
    code = """
import io, hashlib
import numpy as np, pandas as pd, seaborn as sns
frame = pd.DataFrame({"week": pd.date_range("2025-01-06", periods=20, freq="7D"), "visits": np.arange(20) % 7})
figure = sns.lineplot(frame, x="week", y="visits").set(title="Visits, $n=20$")[0].figure
buffer = io.BytesIO()
figure.savefig(buffer, format="png", metadata={"Software": None})
"""
    shown = "hashlib.sha256(buffer.getvalue()).hexdigest(), frame.describe()._repr_html_()"
    warm = start()
    monkeypatch.setattr(provisioner, "forks", lambda: False)
    ordinary = start()
    assert (warm.is_warm, ordinary.is_warm) == (True, False)
    assert warm.value(shown, after=code) == ordinary.value(shown, after=code)
