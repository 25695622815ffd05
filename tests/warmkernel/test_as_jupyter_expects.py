"""Do the programs of Jupyter get what they expect? They interrupt, restart and end kernels, and run notebooks."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import asking
import nbformat
import papermill
import pytest
from asking import alive, soon
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from traitlets.config import Config

from warmkernel import __main__ as command_line
from warmkernel import contact, preload, provisioner, settings, spec
from warmkernel.kernel import Request


def notebook(*cells: str, name: str = "python3") -> nbformat.NotebookNode:
    """A notebook of code cells; the first holds the parameters."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.cells[0].metadata.tags = ["parameters"]
    made.metadata.kernelspec = {"name": name, "language": "python", "display_name": name}
    return made


def run(made: nbformat.NotebookNode, **options) -> nbformat.NotebookNode:
    """Executed by Papermill with the engine `warm`."""
    return papermill.execute_notebook(made, None, engine_name="warm", progress_bar=False, **options)


def test_a_cell_can_be_interrupted_and_the_next_one_runs(start):
    kernel = start()
    kernel.do("shop = 'corner'")
    asked = kernel.client.execute("print('begun')\nimport time\ntime.sleep(60)")
    while kernel.client.get_iopub_msg(timeout=10)["msg_type"] != "stream":
        pass
    kernel.manager.interrupt_kernel()
    reply = kernel.client._recv_reply(asked, timeout=10)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.value("shop") == "corner"


def test_a_kernel_that_does_nothing_is_not_hurt_by_an_interrupt(start):
    kernel = start()
    kernel.manager.interrupt_kernel()
    # It goes by way of the parent; one that arrives during the next cell would rightly interrupt that.
    time.sleep(0.5)
    assert kernel.value("1") == 1


def test_a_restarted_kernel_begins_anew_at_the_same_address(start):
    kernel = start()
    kernel.do("shop = 'corner'")
    old, connection = kernel.pid, kernel.manager.get_connection_info()
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=asking.ANSWER_S)
    assert kernel.is_warm
    assert kernel.pid != old
    assert not alive(old)
    assert kernel.manager.get_connection_info() == connection
    assert kernel.value("'shop' in globals()") is False


def test_a_kernel_shut_down_ends_as_python_does(start, tmp_path):
    """Its exit functions run, its objects are let go, and what it wrote is in its files."""
    kernel = start(tmp_path)
    kernel.do(
        "import atexit, pathlib, tempfile\n"
        "unclosed = open('unclosed', 'w')\nunclosed.write('written')\n"
        "atexit.register(pathlib.Path('left').touch)\n"
        "temporary = tempfile.NamedTemporaryFile()"
    )
    temporary = kernel.value("temporary.name")
    process = kernel.manager.provisioner.process
    kernel.manager.shutdown_kernel()
    assert process.returncode == 0
    assert (tmp_path / "unclosed").read_text() == "written"
    assert (tmp_path / "left").exists()
    assert not Path(temporary).exists()


def test_a_kernel_that_does_not_listen_is_ended_all_the_same(start):
    kernel = start()
    kernel.manager.shutdown_wait_time = 0.4
    kernel.do("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    kernel.client.execute("while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass")
    kernel.manager.shutdown_kernel()
    assert soon(lambda: not alive(kernel.pid))


def test_a_signal_reaches_the_kernel_and_what_it_started(start, tmp_path):
    kernel = start(tmp_path)
    child = kernel.value("child.pid", after="import subprocess; child = subprocess.Popen(['sleep', '1000'])")
    kernel.manager.signal_kernel(15)
    assert kernel.ends()
    assert soon(lambda: not alive(child))


def test_messages_go_where_only_the_user_can_read_them(start, place):
    kernel = start()
    told = kernel.manager.get_connection_info()
    assert told["transport"] == "ipc"
    sockets = sorted(place.glob(f"{Path(told['ip']).name}-*"))
    assert len(sockets) == 5
    assert all(stat.S_ISSOCK(path.stat().st_mode) for path in sockets)
    kernel.manager.shutdown_kernel(now=True)
    assert soon(lambda: not [path for path in sockets if path.exists()])


def test_messages_are_encrypted_as_well_where_that_is_wanted():
    manager = asking.Manager(config=Config({"KernelManager": {"transport_encryption": "required"}}))
    manager.start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=asking.ANSWER_S)
        assert manager.curve_publickey
        assert manager.provisioner.is_warm
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_raw_output_of_a_kernel_goes_to_its_manager_not_into_the_common_log(place, capfd, start):
    kernel = start()
    kernel.do("import os; os.write(os.dup(2), b'')")
    kernel.client.execute("import sys, os; sys.__stderr__.write('of this kernel'); sys.__stderr__.flush(); os.abort()")
    assert kernel.ends()
    assert "of this kernel" not in (place / contact.LOG).read_text()


def test_a_kernel_imports_next_to_nothing_while_it_starts(start):
    """What ipykernel imports at its start is with the parent; were that list outdated, every start would be slow."""
    at_start = "sorted(set(sys.modules) - set(known))"
    with contact.connect(settings.needed([sys.executable], os.environ, ["json"]), settings.folder(), 5) as connection:
        assert set(preload.KERNEL) <= set(contact.ask(connection, "status")["loaded"])
    script = (
        "import sys\nfrom warmkernel import preload\npreload.load([])\nknown = set(sys.modules)\n"
        "from ipykernel.kernelapp import IPKernelApp\napp = IPKernelApp.instance()\n"
        "app.initialize(['--HistoryManager.hist_file=:memory:'])\n"
        f"sys.__stdout__.write(repr({at_start}))\nsys.__stdout__.flush()\nimport os\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    late = eval_literal(done.stdout.splitlines()[-1])
    assert len(late) <= 10, late


def eval_literal(text: str) -> list[str]:
    """A list of texts as it was printed."""
    return json.loads(text.replace("'", '"'))


# Where no warm kernel can be had


def test_a_library_that_starts_threads_is_named_and_the_kernel_starts_the_ordinary_way(start, caplog):
    kernel = start(WARMKERNEL_IMPORTS="json polars")
    assert not kernel.is_warm
    assert kernel.value("1") == 1
    assert "more than one thread cannot be forked safely: import polars started" in caplog.text
    start(WARMKERNEL_IMPORTS="json polars")
    assert caplog.text.count("import polars") == 1, "it is said once"


def test_where_nothing_can_be_forked_kernels_start_the_ordinary_way(start, monkeypatch, caplog):
    monkeypatch.setattr(provisioner, "forks", lambda: False)
    kernel = start()
    assert not kernel.is_warm
    assert kernel.value("6 * 7") == 42
    assert "a warm kernel is forked" in caplog.text


def test_a_command_that_is_not_a_python_kernel_is_left_alone():
    with pytest.raises(contact.Cold, match="its command is not"):
        provisioner._split(["R", "--slave", "-e", "IRkernel::main()"])
    assert provisioner._split(["py", "-Xdev", "-m", "ipykernel_launcher", "-f", "c"]) == (["py", "-Xdev"], ["-f", "c"])


def test_a_parent_that_ends_while_it_loads_is_told_with_where_to_look(place, tmp_path):
    broken = settings.Needed((sys.executable, "-c", "raise SystemExit", "--"), (), os.environ)
    with pytest.raises(contact.Cold, match=r"parent.log"):
        contact.fork_kernel(broken, place, contact.Wanted(Request([], {}, "/", 0, {}), 1, 2, "k-1"), 1, 1)


# Which parent


@pytest.mark.parametrize(
    "changed",
    [
        {"command": ["/elsewhere/python"]},
        {"command": [sys.executable, "-Xdev"]},
        {"imports": ["json"]},
        {"environment": {"PYTENSOR_FLAGS": "floatX=float32"}},
        {"environment": {"WARMKERNEL_IMPORTS": "json"}},
    ],
)
def test_kernels_that_differ_in_what_is_read_at_import_have_different_parents(changed):
    same = {"command": [sys.executable], "imports": [], "environment": {"HOME": "/h"}}
    assert settings.needed(**same).key == settings.needed(**same).key
    assert settings.needed(**same).key != settings.needed(**same | changed).key


@pytest.mark.parametrize(
    "name",
    ["NETWORK", "PYTHONPATH", "PYTHONHASHSEED", "PYARROW_IGNORE_TIMEZONE", "OMP_NUM_THREADS", "MPLBACKEND", "TZ"],
)
def test_kernels_that_differ_in_anything_else_share_a_parent(name):
    needed = settings.needed([sys.executable], {"HOME": "/h", name: "2"})
    assert needed.key == settings.needed([sys.executable], {"HOME": "/h"}).key
    assert needed.environment.get(name) != "2"


def test_an_upgraded_library_has_a_new_parent(tmp_path):
    site = tmp_path / "lib" / "python3.13" / "site-packages"
    (site / "pandas-3.1.0.dist-info").mkdir(parents=True)
    python = str(tmp_path / "bin" / "python")
    before = settings.needed([python], {}).key
    (site / "pandas-3.1.0.dist-info").rename(site / "pandas-3.1.1.dist-info")
    assert settings.needed([python], {}).key != before


def test_what_a_kernelspec_names_is_added_to_the_usual_or_stands_alone():
    usual = settings.needed([sys.executable], {}).imports
    assert usual == settings.IMPORTS
    assert settings.needed([sys.executable], {}, ["+", "holidays"]).imports == (*usual, "holidays")
    assert settings.needed([sys.executable], {"WARMKERNEL_IMPORTS": "json, wave"}, ["x"]).imports == ("json", "wave")


# The programs


def test_papermill_runs_a_notebook_on_a_warm_kernel(tmp_path):
    made = notebook("shop = 'none'", "import os, pymc\nprint(shop, os.getcwd(), 'WARM' in os.environ)\n1 + 1")
    done = run(made, parameters={"shop": "corner"}, cwd=str(tmp_path))
    assert done.cells[-1].outputs[0].text == f"corner {tmp_path} False\n"
    assert done.cells[-1].outputs[1].data["text/plain"] == "2"
    assert [cell.execution_count for cell in done.cells] == [1, 2, 3]


def test_papermill_reports_the_cell_that_raised():
    with pytest.raises(papermill.PapermillExecutionError, match="no such shop"):
        run(notebook("1", "raise ValueError('no such shop')"))


def test_papermill_ends_a_cell_that_takes_too_long_and_others_go_on(start):
    other = start()
    with pytest.raises(CellTimeoutError):
        run(notebook("1", "import time; time.sleep(60)"), execution_timeout=1)
    assert other.value("1") == 1


def test_papermill_leaves_a_notebook_in_another_language_to_its_own_kernel():
    made = notebook("1", name="ir")
    made.metadata.kernelspec.language = "R"
    with pytest.raises(Exception, match="No such kernel named ir"):
        run(made)


@pytest.fixture
def installed(tmp_path, monkeypatch, capsys):
    """The kernelspec, as the command registers it below a prefix of its own."""
    assert command_line.main(["install", "--prefix", str(tmp_path)]) == 0
    assert "python3-warm" in capsys.readouterr().out
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    return tmp_path


def test_the_command_registers_a_kernelspec_that_jupyter_finds(installed):
    found = KernelSpecManager().get_kernel_spec(spec.NAME)
    assert Path(found.resource_dir).is_relative_to(installed)
    assert found.argv[0] == sys.executable
    assert found.metadata["kernel_provisioner"]["provisioner_name"] == "warm-provisioner"


def test_nbclient_runs_a_notebook_on_a_warm_kernel_unchanged(installed):
    made = notebook("import sys, pymc", "'ipykernel_launcher' in sys.argv[0], 'warmkernel' in sys.modules")
    ran = NotebookClient(made, kernel_name=spec.NAME).execute()
    assert ran.cells[1].outputs[0].data["text/plain"] == "(True, False)"


def test_nbval_checks_a_notebook_on_a_warm_kernel_unchanged(installed, tmp_path):
    path = tmp_path / "checked.ipynb"
    is_warm = "assert 'warmkernel.parent' in open(f'/proc/{os.getppid()}/cmdline').read()"
    nbformat.write(notebook("import os, pymc", is_warm, name=spec.NAME), path)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", "-q", path.name]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_command_tells_which_parents_are_at_work(start, capsys):
    start()
    command_line.main(["status"])
    assert "1 kernels" in capsys.readouterr().out
