"""What becomes of the others when a kernel, its manager or their parent dies? And is everybody gone in the end?"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import asking
import pytest
from asking import alive, parent_of, soon

from warmkernel import contact, settings

SMALL = {"WARMKERNEL_IMPORTS": "json"}
PYTHON = asking.spec.kernel_spec(sys.executable).argv[:2]
DEATHS = {
    "kill -9": "import os; os.kill(os.getpid(), 9)",
    "a segmentation fault": "import ctypes; ctypes.string_at(0)",
    "an abort": "import os; os.abort()",
    "leaving at once": "import os; os._exit(3)",
    "its whole group killed": "import os; os.killpg(0, 9)",
}
MEMORY_CAP = """
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, resource.RLIM_INFINITY))
too_much = bytearray(1_000_000_000)
"""
LEFT_BEHIND = """
import os, subprocess
plain = subprocess.Popen(["sleep", "1000"])
detached = subprocess.Popen(["sleep", "1000"], start_new_session=True)
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(writer, str(os.getpid()).encode())
    os.execvp("sleep", ["sleep", "1000"])
os.wait3(0)
daemon = int(os.read(reader, 20))
"""
STARTER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import asking
with asking.started(WARMKERNEL_IMPORTS="json") as kernel:
    sys.stdout.write(f"{kernel.pid} {asking.parent_of(kernel.pid)}\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def bystander():
    """A kernel at work while others die."""
    with asking.started() as kernel:
        yield kernel


@pytest.mark.parametrize("code", DEATHS.values(), ids=DEATHS)
def test_a_kernel_that_dies_takes_nobody_along(start, bystander, code):
    kernel = start()
    parent = parent_of(kernel.pid)
    kernel.client.execute(code)
    assert kernel.ends(2)
    assert bystander.value("6 * 7") == 42
    assert parent_of(start().pid) == parent == parent_of(bystander.pid)


def test_the_exit_code_of_a_dead_kernel_is_known(start):
    kernel = start()
    process = kernel.manager.provisioner.process
    kernel.client.execute("import os; os.kill(os.getpid(), 9)")
    assert process.wait(timeout=5) == -signal.SIGKILL
    other = start()
    process = other.manager.provisioner.process
    other.client.execute("import os; os._exit(3)")
    assert process.wait(timeout=5) == 3


def test_a_kernel_that_runs_out_of_memory_says_so_and_is_alone_with_it(start, bystander):
    kernel = start()
    assert kernel.do(MEMORY_CAP)["ename"] == "MemoryError"
    assert bystander.value("len(enough)", after="enough = bytearray(400_000_000)") == 400_000_000
    no_cap = "import resource"
    assert start().value("resource.getrlimit(resource.RLIMIT_AS)[0]", after=no_cap) == -1


def test_a_kernel_would_be_ended_for_memory_before_its_parent(start):
    kernel = start()
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (kernel.pid, parent_of(kernel.pid))]
    assert scores[0] > scores[1]


def test_what_a_kernel_started_ends_with_it(start):
    kernel = start()
    pids = kernel.value("[plain.pid, detached.pid, daemon]", after=LEFT_BEHIND)
    assert all(map(alive, pids))
    kernel.manager.shutdown_kernel(now=True)
    assert soon(lambda: not any(map(alive, [kernel.pid, *pids])))


def test_what_a_crashed_kernel_started_ends_with_it(start):
    kernel = start()
    pids = kernel.value("[plain.pid, detached.pid, daemon]", after=LEFT_BEHIND)
    kernel.client.execute("import ctypes; ctypes.string_at(0)")
    assert soon(lambda: not any(map(alive, [kernel.pid, *pids])))


def test_a_kernel_ends_with_the_process_that_manages_it_and_the_parent_stays():
    command = [sys.executable, "-c", STARTER, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as manager:
        kernel, parent = map(int, manager.stdout.readline().split())
        manager.kill()
    assert soon(lambda: not alive(kernel))
    assert alive(parent), "it was started by the process that was killed"
    with asking.started(**SMALL) as next_one:
        assert parent_of(next_one.pid) == parent


def test_kernels_end_with_their_parent_and_the_next_has_a_new_one(start):
    own = {"WARMKERNEL_IMPORTS": "json wave"}
    kernel = start(**own)
    parent = parent_of(kernel.pid)
    os.kill(parent, signal.SIGKILL)
    assert kernel.ends()
    assert soon(lambda: not alive(kernel.pid))
    new = parent_of(start(**own).pid)
    assert new != parent
    assert alive(new)


def test_many_who_need_a_parent_at_once_start_one(place):
    needed = settings.needed(PYTHON, os.environ, ["json", "colorsys"])
    answers = []

    def ask():
        with contact.connect(needed, place, idle_s=30) as connection:
            answers.append(contact.ask(connection, "status")["pid"])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert len(set(answers)) == 1


def test_a_parent_ends_when_it_has_been_idle_and_not_before(place):
    needed = settings.needed(PYTHON, os.environ, ["json", "wave", "colorsys"])
    with contact.connect(needed, place, idle_s=0.2) as connection:
        pid = contact.ask(connection, "status")["pid"]
        time.sleep(0.6)
        assert contact.ask(connection, "status")["pid"] == pid
    assert soon(lambda: not alive(pid))
    assert contact.reach(place / f"{needed.key}.sock") is None


def test_a_parent_is_nobodys_child_and_serves_one_thread(place):
    needed = settings.needed(PYTHON, os.environ)
    with contact.connect(needed, place, idle_s=30) as connection:
        status = contact.ask(connection, "status")
    assert len(status["threads"]) == 1
    assert parent_of(status["pid"]) == 1


@pytest.mark.parametrize("packet", [b"nonsense", b"[]", b'{"do": "dance"}', b'{"do": "kernel", "name": "k"}', b"{}"])
def test_a_parent_outlives_messages_it_does_not_understand(place, bystander, packet):
    needed = settings.needed(PYTHON, os.environ)
    with contact.connect(needed, place, idle_s=30) as connection:
        connection.send(packet)
        assert connection.recv(100) == b"", "it hangs up"
    assert bystander.value("1") == 1


def test_only_its_own_user_can_reach_a_parent(place, bystander, monkeypatch):
    assert place.stat().st_mode & 0o777 == 0o700
    address = place / f"{settings.needed([sys.executable, '-Xfrozen_modules=off'], os.environ).key}.sock"
    assert address.stat().st_uid == os.getuid()
    monkeypatch.setattr(contact, "peer", lambda connection: (1, os.getuid() + 1))
    with pytest.raises(contact.Cold, match="served by another user"):
        contact.reach(address)


ASKS = """
import os, sys
from warmkernel import contact, settings
needed = settings.needed({python}, os.environ, {imports})
with contact.connect(needed, settings.folder(), idle_s=5) as connection:
    answer = contact.ask(connection, "status"), contact.ask(connection, "stop")
"""


DETACHED = """
import ast, os, subprocess, sys
reader, writer = os.pipe()
subprocess.run(["sh", "-c", 'setsid "$0" -c "$1" &', sys.executable, {code!r}], stdout=writer)
answer = ast.literal_eval(os.read(reader, 1000).decode())
"""


@pytest.mark.parametrize("imports", [[], ["json"]], ids=["its own parent", "another parent"])
def test_a_kernel_cannot_ask_for_kernels_nor_stop_them(start, bystander, place, imports):
    """One that was confined after its start would otherwise get itself another that is not. Detaching does not help."""
    contact.connect(settings.needed(PYTHON, os.environ, imports), place, idle_s=30).close()
    code = ASKS.format(python=PYTHON, imports=imports)
    kernel = start()
    refused = ({"refused": "a kernel may not ask for kernels"},) * 2
    assert kernel.value("answer", after=code) == refused
    assert kernel.value("answer", after=DETACHED.format(code=code + "print(answer)")) == refused
    assert bystander.value("1") == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_parent_hangs_up_on_another_user(tmp_path, place):
    needed = settings.needed(PYTHON, os.environ)
    contact.connect(needed, place, idle_s=30).close()
    address = place / f"{needed.key}.sock"
    place.chmod(0o755)
    address.chmod(0o777)
    try:
        child = os.fork()
        if child == 0:
            os._exit(_as_somebody_else(address))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    finally:
        place.chmod(0o700)


def _as_somebody_else(address: Path) -> int:
    """7 if the parent hung up without a word."""
    os.setuid(65534)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(str(address))
        try:
            connection.send(b'{"do": "status"}')
            return 7 if connection.recv(100) == b"" else 1
        except ConnectionError:
            return 7


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_open_is_refused(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("WARMKERNEL_DIR", str(tmp_path))
    tmp_path.chmod(mode)
    with pytest.raises(settings.NoPlace, match="must be a folder of mode 0700"):
        settings.folder()


def test_a_folder_by_another_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("WARMKERNEL_DIR", str(tmp_path / "link"))
    with pytest.raises(settings.NoPlace, match="mode 0700 of your own"):
        settings.folder()
    monkeypatch.setenv("WARMKERNEL_DIR", str(tmp_path / ("long" * 30)))
    with pytest.raises(settings.NoPlace, match="too long"):
        settings.folder()
