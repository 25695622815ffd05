"""A kernel opens its own network's files and nobody else's, whatever its notebook tries.

The tries run in one real kernel, each in its turn; every test looks up what became of one of them.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import corner
from barberlab import files
from barberlab.runs import confine, outputs, published, runner
from barberlab.scope import Scope
from barberlab.workspace import Workspace
from runs import bench


def landlock() -> int:
    """The system's Landlock ABI, 0 where it has none."""
    try:
        return confine._abi()
    except OSError:
        return 0


needs_landlock = pytest.mark.skipif(not landlock(), reason="this system has no Landlock")

SECRET = "4,111 visits of the south"
TRY = """
import ctypes, os, queue, shutil, subprocess, sys, tempfile, threading
from pathlib import Path

import duckdb
import pandas as pd
from barberlab.runs import keep

root, staging = Path(os.environ["BARBERLAB_ROOT"]), Path(os.environ["BARBERLAB_RUN_DIR"])
north, south = root / "data" / "networks" / "north", root / "data" / "networks" / "south"
rows = south / "rows.csv"
kernel, runner = get_ipython().kernel, os.getppid()

def became(what):
    try:
        return "did it: " + str(what())[:60]
    except Exception as error:
        return type(error).__name__

def elsewhere(loop, what):
    "What becomes of it in a thread that was there before the first cell."
    told = queue.Queue()
    loop.add_callback(lambda: told.put(became(what)))
    return told.get(timeout=20)

tries = {}
(staging / "swap.csv").touch()
"""

DENIED = {
    "reads another network's file": "rows.read_text()",
    "lists another network's folder": "os.listdir(south)",
    "lists all networks": "os.listdir(south.parent)",
    "goes up from its own folder": "(north / '..' / 'south' / 'rows.csv').read_text()",
    "follows a symlink in its own folder": "(north / 'link.csv').read_text()",
    "follows a symlinked folder": "(north / 'linked' / 'rows.csv').read_text()",
    "goes through its own root": "Path('/proc/self', 'root', *rows.parts[1:]).read_text()",
    "goes through the runner's root": "Path(f'/proc/{runner}', 'root', *rows.parts[1:]).read_text()",
    "goes through the working directory": "Path('/proc/self/cwd/data/networks/south/rows.csv').read_text()",
    "goes through a descriptor of a folder": "os.open('rows.csv', 0, dir_fd=os.open(south, os.O_PATH))",
    "opens a descriptor again": "open(f'/proc/self/fd/{os.open(rows, os.O_PATH)}').read()",
    "asks pandas": "pd.read_csv(rows)",
    "reads the runner's environment": "Path(f'/proc/{runner}/environ').read_bytes()",
    "reads the runner's memory": "open(f'/proc/{runner}/mem', 'rb')",
    "makes a symlink for the runner to follow": "(staging / 'tables').symlink_to(south)",
    "makes a symlink in its own place": "(Path.home() / 'link').symlink_to(rows)",
    "makes a pipe for the runner to wait at": "os.mkfifo(staging / 'report.html')",
    "moves another network's file to itself": "rows.rename(staging / 'rows.csv')",
    "swaps files with another network": "(staging / 'swap.csv').replace(rows)",
    "empties another network's file": "os.truncate(rows, 0)",
    "appends to another network's file": "rows.open('a')",
    "deletes another network's file": "rows.unlink()",
    "reads its own key": "(root / 'data' / 'keys' / 'north.key').read_text()",
    "reads another network's key": "(root / 'data' / 'keys' / 'south.key').read_text()",
    "lists the keys": "os.listdir(root / 'data' / 'keys')",
    "reads another network's settings": "(root / 'params' / 'networks' / 'south.yaml').read_text()",
    "lists the networks that have settings": "os.listdir(root / 'params' / 'networks')",
    "reads another network's report": "(root / 'outputs' / 'south' / 'report.html').read_text()",
    "lists all outputs": "os.listdir(root / 'outputs')",
    "writes beside its staging folder": "(staging.parent / 'latest.json').write_text('{}')",
    "makes a folder beside its staging folder": "(staging.parent / 'r000009-shop').mkdir()",
    "takes its staging folder away": "staging.rmdir()",
    "writes among its own rows": "(north / 'rows.csv').write_text('')",
    "writes a notebook": "(root / 'notebooks' / 'reports' / 'shop.ipynb').write_text('{}')",
    "reads the schedule": "(root / 'params' / 'schedule.yaml').read_text()",
    "reads the ledger of the benchmark": "(root / 'data' / 'benchmark' / 'ledger.sqlite').read_bytes()",
    "writes settings": "(root / 'params' / 'defaults.yaml').write_text('')",
    "writes code": "open(sys.modules['barberlab'].__file__, 'a')",
    "writes among the libraries": "open(pd.__file__, 'a')",
    "writes into the system's temporary folder": "Path(TEMPORARY, 'barberlab-late').write_text('')",
    "lists the system's temporary folder": "os.listdir(TEMPORARY)",
    "writes the note that says it is confined": "(Path.home().parents[1] / 'confinement').write_text('')",
    "lists home": "os.listdir(os.path.expanduser('~' + __import__('pwd').getpwuid(os.getuid()).pw_name))",
    "lists the system's root": "os.listdir('/')",
    "reads passwords": "Path('/etc/shadow').read_text()",
}
# The same answer in another's words.
OTHERWISE = {
    "asks another program": ("subprocess.run(['cat', rows], check=True, capture_output=True)", "CalledProcessError"),
    "asks another program's child": (
        "subprocess.run(['sh', '-c', f'(cat {rows})'], check=True, capture_output=True)",
        "CalledProcessError",
    ),
    "asks DuckDB": ("duckdb.sql(f\"SELECT * FROM '{rows}'\").fetchall()", "IOException"),
    "asks the C library": ("ctypes.CDLL(None).open(str(rows).encode(), 0)", "did it: -1"),
    "copies a hard link's worth": ("os.link(rows, staging / 'rows.csv')", "OSError"),
    "asks another interpreter": (
        "subprocess.run([sys.executable, '-c', f'open({str(rows)!r})'], check=True, capture_output=True)",
        "CalledProcessError",
    ),
}
THREADS = {
    "the control thread": "kernel.control_thread.io_loop",
    "the thread that publishes outputs": "kernel.iopub_thread.io_loop",
    "the thread that receives cells": "kernel.shell_channel_thread.io_loop",
}
ALLOWED = {
    "reads its own rows": ("(north / 'rows.csv').read_text()", "did it: 410 visits"),
    "reads its own settings": ("(root / 'params' / 'networks' / 'north.yaml').read_text()", "did it: # ours"),
    "reads the defaults": ("(root / 'params' / 'defaults.yaml').exists() and 'read'", "did it: read"),
    "compiles in its own place": (
        "str(__import__('pytensor').config.base_compiledir).startswith(str(Path.home().parent))",
        "did it: True",
    ),
    "runs a program": ("subprocess.run(['echo', 'ran'], capture_output=True).stdout", "did it: b'ran\\n'"),
    "has a home of its own": ("Path.home().joinpath('x').write_text('abc')", "did it: 3"),
    "has a temporary folder": ("tempfile.TemporaryFile().write(b'abcd')", "did it: 4"),
    "moves files between its own places": (
        "shutil.move((Path.home() / 'x').rename(Path.home() / 'y'), staging / 'moved.txt').unlink()",
        "did it: None",
    ),
    "knows time zones": ("pd.Timestamp('2025-07-01', tz='America/New_York').utcoffset()", "did it: -1 day, 20:00:00"),
    "keeps of root's powers those over files": (
        "int(subprocess.run(['grep', 'CapPrm', '/proc/self/status'], capture_output=True).stdout.split()[1], 16) & ~27",
        "did it: 0",
    ),
    "has all its threads confined": (
        "{line for path in Path('/proc/self/task').glob('*/status') for line in path.read_text().splitlines() "
        "if line.startswith('NoNewPrivs')}",
        "did it: {'NoNewPrivs:\\t1'}",
    ),
}


def cells() -> list[str]:
    """The notebook: one cell per kind of try, the last one keeps what became of them."""
    plain = DENIED | {name: what for name, (what, _) in (OTHERWISE | ALLOWED).items()}
    lines = [f"tries[{name!r}] = became(lambda: {what})" for name, what in plain.items()]
    older = [f"tries[{name!r}] = elsewhere({loop}, rows.read_text)" for name, loop in THREADS.items()]
    thread = "threading.Thread(target=lambda: tries.update({'a thread of its own': became(rows.read_text)}))"
    keep = "keep('tries', pd.DataFrame({'name': list(tries), 'became': list(tries.values())}))\nNone"
    start = f"{TRY}\nTEMPORARY = {tempfile.gettempdir()!r}"
    return [start, "\n".join(lines), "\n".join(older), f"t = {thread}\nt.start()\nt.join()", keep]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workspace:
    """Two networks, with something of each in every place."""
    made = bench.workspace(tmp_path_factory.mktemp("confined") / "w")
    bench.add_report(made, "performance", bench.notebook(*cells()))
    bench.add_data(made, "north", "south")
    for network, said in (("north", "410 visits"), ("south", SECRET)):
        (made.network(network) / "rows.csv").write_text(said)
        files.make_folder(made.key(network).parent)
        made.key(network).write_text(SECRET)
        (made.params / "networks" / f"{network}.yaml").write_text("# ours" if network == "north" else f"# {SECRET}")
    files.make_folder(made.outputs / "south")
    (made.outputs / "south" / "report.html").write_text(SECRET)
    (made.params / "schedule.yaml").write_text(f"# {SECRET}")
    (files.make_folder(made.benchmark) / "ledger.sqlite").write_text(SECRET)
    (made.network("north") / "link.csv").symlink_to(made.network("south") / "rows.csv")
    (made.network("north") / "linked").symlink_to(made.network("south"))
    return made


@pytest.fixture(scope="module")
def became(place) -> dict[str, str]:
    """What became of each try."""
    [outcome] = runner.run(place, ["north"], pages=bench.pages(), timeout_s=120)
    assert (outcome.state, outcome.reason) == ("published", "")
    return published.latest(place, Scope("north"), "performance").table("tries").set_index("name")["became"].to_dict()


@needs_landlock
@pytest.mark.parametrize("name", DENIED)
def test_a_notebook_is_refused_when_it(became, name):
    assert became[name] == "PermissionError"


@needs_landlock
@pytest.mark.parametrize("name", OTHERWISE)
def test_a_notebook_learns_nothing_when_it(became, name):
    assert became[name] == OTHERWISE[name][1]


@needs_landlock
@pytest.mark.parametrize("name", [*THREADS, "a thread of its own"])
def test_a_thread_is_confined_whether_it_was_there_before_the_first_cell_or_not(became, name):
    assert became[name] == "PermissionError"


@needs_landlock
@pytest.mark.parametrize("name", ALLOWED)
def test_a_notebook_has_what_it_needs(became, name):
    assert became[name] == ALLOWED[name][1]


# What the manifest says of it


def said(place: Workspace, network: str, run_id: str, failed: bool = False) -> str:
    """The confinement that a run's manifest records."""
    home = outputs.of(place, network)
    folder = home.failed(run_id) if failed else home.run(run_id)
    return json.loads((folder / "manifest.json").read_text())["confinement"]


@needs_landlock
def test_the_manifest_names_the_confinement_of_a_published_run_and_of_a_failed_one(place, became):
    bench.add_report(place, "broken", bench.notebook("1 / 0"))
    [broken] = runner.run(place, ["north"], ["broken"], pages=bench.pages())
    assert broken.reason == "ZeroDivisionError: division by zero (cell 3)"
    words = f"confined: landlock abi {landlock()}"
    assert said(place, "north", "r000001-performance") == said(place, "north", broken.run_id, failed=True) == words


SAMPLES = """
import pymc as pm
with pm.Model():
    pm.Normal("revenue")
    tree = pm.sample(20, tune=20, chains=2, progressbar=False, compute_convergence_checks=False, random_seed=1)
f"drew {tree['posterior']['revenue'].size}"
"""


@pytest.mark.slow
@needs_landlock
@pytest.mark.parametrize("engine", ["warm", "papermill"])
def test_a_confined_notebook_can_sample(tmp_path, engine):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook(SAMPLES))
    bench.add_data(place, "north")
    [outcome] = runner.run(place, ["north"], pages=bench.pages(), engine=engine)
    assert (outcome.state, outcome.reason) == ("published", "")
    assert said(place, "north", outcome.run_id) == f"confined: landlock abi {landlock()}"
    assert "drew 40" in outcome.page.read_text()


# A filter of system calls under which Landlock's first one does not exist; it holds for child processes too.
WITHOUT_LANDLOCK = f"""
import ctypes, struct, sys
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, {confine._CREATE_RULESET}), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit("no filters of system calls here")
"""
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from barberlab.runs import runner
from barberlab.workspace import Workspace
from runs import bench
pages = bench.pages() if sys.argv[4] == "plain" else None
# A warm kernel's parent may be older than the filter.
outcomes = runner.run(Workspace(Path(sys.argv[2])), [sys.argv[3]], force=True, pages=pages, engine="papermill")
print([(outcome.state, outcome.reason, outcome.run_id) for outcome in outcomes])
"""


def run_without_landlock(place: Workspace, network: str, pages: str) -> list[tuple[str, str, str]]:
    """(state, reason, run_id) of a network's reports, run on a system that has no Landlock."""
    done = python(WITHOUT_LANDLOCK + RUN, str(corner.REPO / "tests"), str(place.root), network, pages)
    if "no filters" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_without_landlock_the_run_goes_on_and_the_manifest_says_so(tmp_path):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("import os; home = os.listdir(os.path.expanduser('~'))"))
    bench.add_data(place, "north")
    [(state, reason, run_id)] = run_without_landlock(place, "north", "plain")
    assert (state, reason) == ("published", "")
    words = "not confined: this system has no Landlock (Function not implemented)"
    assert said(place, "north", run_id) == words


# The parent of warm kernels


ASK = """
import json, os, socket
[address] = {{
    line.split()[-1] for line in open("/proc/net/unix") if {place!r} in line and line.rstrip().endswith(".sock")
}}
asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asked.settimeout(20)
asked.connect(address)
fds = [*(os.memfd_create(name) for name in ("request", "stdout", "stderr")), os.open({place!r}, os.O_PATH)]
socket.send_fds(asked, [json.dumps({{"do": "kernel", "name": "x"}}).encode()], fds)
answer = asked.recv(4096)
print("given" if b"pid" in answer else "refused")
"""


@pytest.fixture
def warm_place(monkeypatch) -> Iterator[Path]:
    """A folder for a parent of warm kernels, who ends with the test."""
    contact = pytest.importorskip("warmkernel.contact")
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        monkeypatch.setenv("WARMKERNEL_DIR", folder)
        monkeypatch.setenv("WARMKERNEL_IMPORTS", "json")
        yield Path(folder)
        for address in Path(folder).glob("*.sock"):
            contact.ask(contact.reach(address), "stop")


@needs_landlock
@pytest.mark.parametrize("engine", ["warm", "papermill"])
def test_a_confined_kernel_is_not_given_another_one_that_is_not(tmp_path, warm_place, engine):
    """Landlock keeps nobody from a named socket before ABI 9; so the parent must see who asks it."""
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("'a parent is at work'"))
    bench.add_data(place, "north")
    runner.run(place, ["north"], pages=bench.pages(), engine="warm")
    bench.add_report(place, "performance", bench.notebook(ASK.format(place=str(warm_place))))
    [outcome] = runner.run(place, ["north"], pages=bench.pages(), engine=engine)
    assert said(place, "north", outcome.run_id) == f"confined: landlock abi {landlock()}"
    assert ">refused\n<" in outcome.page.read_text()


# The reports themselves


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> tuple[Workspace, dict[str, runner.Outcome]]:
    """The corner network with all its reports, run as they are run every day."""
    root = tmp_path_factory.mktemp("reported")
    made = corner.make_workspace(root / "workspace")
    corner.bring(made, root / "export")
    return made, {outcome.report: outcome for outcome in runner.run(made, ["corner"])}


# Slow because the notebooks' own tests publish every report in the quick suite, and so from a confined kernel.
@needs_landlock
@pytest.mark.slow
@pytest.mark.parametrize("report", ["performance", "shop"])
def test_a_confined_kernel_publishes_its_own_networks_report(reported, report):
    place, outcomes = reported
    assert (outcomes[report].state, outcomes[report].reason) == ("published", "")
    assert said(place, "corner", outcomes[report].run_id) == f"confined: landlock abi {landlock()}"
    found = published.latest(place, Scope("corner"), report)
    assert "Corner Barbers" in found.page()
    assert "shops" in found.tables()


@needs_landlock
@pytest.mark.slow
def test_a_report_is_the_same_whether_its_kernel_was_confined_or_not(reported):
    place, outcomes = reported

    def content(run_id):
        found = [path for kind in ("*.html", "tables/*") for path in outputs.of(place, "corner").run(run_id).glob(kind)]
        return {path.name: path.read_bytes().replace(run_id.encode(), b"") for path in found}

    for state, _reason, run_id in run_without_landlock(place, "corner", "house"):
        assert state == "published"
        assert said(place, "corner", run_id).startswith("not confined")
        assert content(run_id) == content(outcomes[run_id.partition("-")[2]].run_id)


# The calls alone, in processes of their own


LOADED = f"""
import importlib.util, json, os, sys, time
spec = importlib.util.spec_from_file_location("confine", {confine.__file__!r})
confine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(confine)
EVERYWHERE = [("/", confine._RUN | confine._WRITE)]
"""


def python(source: str, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """What becomes of code in an interpreter of its own."""
    command = [sys.executable, "-c", source, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=os.environ | environment
    )


def alone(source: str, *words: str, **environment: str) -> str:
    """What code prints that has `confine` and nothing else of the house."""
    done = python(LOADED + source, *words, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def kernel(tmp_path) -> Path:
    """A prepared folder for a kernel of the network north, with a file of the south beside."""
    for network in ("north", "south"):
        (tmp_path / network).mkdir()
        (tmp_path / network / "rows.csv").write_text(f"the {network}'s")
    (tmp_path / "staging").mkdir()
    confine.prepare(allowed(tmp_path), tmp_path / "scratch")
    return tmp_path


def allowed(root: Path) -> dict[str, str]:
    """The environment of a kernel of the network north."""
    return {confine.ALLOWED: json.dumps({"read": [str(root / "north")], "write": [str(root / "staging")]})}


ENTER = "confine.enter(sys.argv[1] + '/scratch/kernel')\n"
LOOK = """
def look(network):
    try:
        return open(f"{sys.argv[1]}/{network}/rows.csv").read()
    except PermissionError:
        return "refused"
"""


@needs_landlock
def test_a_kernel_forked_from_a_parent_that_has_imported_everything_is_confined(kernel):
    source = """
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
import tempfile
import pandas, seaborn
from ipykernel.kernelapp import IPKernelApp
tempfile.gettempdir()
child = os.fork()
if child == 0:
    os.environ["IPYTHONDIR"] = f"{sys.argv[1]}/scratch/kernel/ipython"
    app = IPKernelApp.instance(connection_file=f"{sys.argv[1]}/scratch/kernel/kernel.json")
    app.initialize([])
    told = json.dumps([look("north"), look("south"), tempfile.gettempdir() == f"{sys.argv[1]}/scratch/kernel/tmp"])
    with open(f"{sys.argv[1]}/staging/told", "w") as file:
        file.write(told)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(open(f"{sys.argv[1]}/staging/told").read(), look("south"))
"""
    told = alone(LOOK + source, str(kernel), **allowed(kernel)).splitlines()[-1]
    assert told == """["the north's", "refused", true] the south's"""
    assert confine.said(allowed(kernel), kernel / "scratch") == f"confined: landlock abi {landlock()}"


@needs_landlock
def test_every_version_of_landlock_keeps_the_networks_apart(kernel):
    source = """
for abi in range(1, confine._abi() + 1):
    child = os.fork()
    if child == 0:
        confine._abi = lambda: abi
        said = confine.apply([(f"{sys.argv[1]}/north", confine._READ)])
        print(said, look("north"), look("south"), sep=", ", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    lines = alone(LOOK + source, str(kernel)).splitlines()
    assert lines == [f"confined: landlock abi {n}, the north's, refused" for n in range(1, landlock() + 1)]


@pytest.mark.parametrize(
    ("abi", "handled"), [(1, 0x1FFF), (2, 0x3FFF), (3, 0x7FFF), (4, 0x7FFF), (5, 0xFFFF), (8, 0xFFFF), (9, 0x1FFFF)]
)
def test_every_right_a_version_knows_is_withheld(abi, handled):
    """The rights of linux/landlock.h: 13 with ABI 1, then REFER, TRUNCATE (3), IOCTL_DEV (5) and RESOLVE_UNIX (9)."""
    assert confine._handled(abi) == handled


@needs_landlock
def test_a_thread_that_ran_before_is_told_of(kernel):
    source = "import threading\nthreading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n"
    assert alone(f"{source}print(confine.apply(EVERYWHERE))") == (
        "not confined: 1 other threads ran before the kernel could be confined"
    )


@needs_landlock
def test_where_landlock_itself_fails_the_kernel_ends(kernel):
    """A process takes 16 rulesets and no more (landlock(7))."""
    done = python(
        f"{LOADED}for _ in range(16):\n    confine.apply(EVERYWHERE)\n{ENTER}", str(kernel), **allowed(kernel)
    )
    assert done.returncode == 1
    assert confine.said(allowed(kernel), kernel / "scratch") == "not confined: [Errno 7] Argument list too long"


def test_data_inside_the_interpreters_own_folder_are_not_called_confined(kernel):
    inside = {confine.ALLOWED: json.dumps({"read": [f"{sys.prefix}/data/networks/north"], "write": []})}
    alone(ENTER, str(kernel), **inside)
    words = "not confined: the networks' data lie in a folder of the interpreter or the system; part the two"
    assert confine.said(inside, kernel / "scratch") == words


def test_a_kernel_that_never_started_is_not_called_confined(kernel):
    assert confine.said(allowed(kernel), kernel / "scratch") == "not confined: the kernel did not come so far"
    assert confine.said({}, kernel / "scratch") == "not confined: no network's folders were named"


@needs_landlock
@pytest.mark.skipif(landlock() < 6, reason="Landlock keeps signals in since ABI 6")
def test_a_kernel_cannot_stop_a_process_outside():
    source = (
        "confine.apply(EVERYWHERE)\ntry:\n    os.kill(os.getppid(), 0)\nexcept PermissionError:\n    print('refused')"
    )
    assert alone(source) == "refused"


@needs_landlock
def test_confinement_costs_little(kernel):
    source = """
def opens():
    since = time.perf_counter()
    for _ in range(2000):
        open(f"{sys.argv[1]}/north/rows.csv").close()
    return time.perf_counter() - since
since = time.perf_counter()
import ipykernel.kernelapp
imported = time.perf_counter() - since
before = min(opens() for _ in range(3))
since = time.perf_counter()
confine.enter(sys.argv[1] + "/scratch/kernel")
entered = time.perf_counter() - since
print(json.dumps([imported, entered, before, min(opens() for _ in range(3))]))
"""
    imported, entered, before, after = json.loads(alone(source, str(kernel), **allowed(kernel)))
    print(f"to be confined takes {1e3 * entered:.1f} ms, {entered / imported:.1%} of importing ipykernel", end="; ")
    print(f"opening a file takes {after / before:.2f} times as long, {1e6 * (after - before) / 2000:.1f} us more")
    assert entered < imported / 5
    assert after < 5 * before
