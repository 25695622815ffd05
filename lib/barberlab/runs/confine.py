"""May a kernel that serves one network open anything else? Landlock, the Linux kernel's own sandbox, says no.

What it may open: the interpreter with its libraries and the parts of the system they need, the workspace's settings,
the released benchmark, this network's data, its run's staging folder and a folder of its own for all that is temporary.
The rest - other networks, their runs, every key, home - is PermissionError, for the kernel and whatever it starts.

Landlock holds the thread that asks for it and what this thread starts later. So `enter` is called from the start-up
file of the kernel's private IPython folder, which IPython executes before it opens a socket, starts a thread or sees a
cell, in a fresh kernel as in a forked one. Nothing in a notebook comes earlier, and nothing can take it back.

Nothing may be put into /dev/shm, where every network's kernel could read it: what shares memory between processes
(multiprocessing's locks, pools and arrays) fails, and chains are sampled in threads (nutpie) or one after the other.

What remains open: names and sizes of files (stat), the network, and before ABI 9 the named sockets of other processes,
which therefore must not trust everybody of the same user. A kernel run by root keeps root's powers over files, which
Landlock limits, and loses the others, which it does not.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Mapping
from enum import IntFlag
from pathlib import Path

from barberlab.workspace import Workspace

ALLOWED = "BARBERLAB_ALLOWED"
NOBODY_ASKED = "not confined: no network's folders were named"
_OWN, _SAID = "kernel", "confinement"
# By its path: to import barberlab.runs is to import pandas, whose threads would stay outside.
_START = "import runpy\nrunpy.run_path({module!r}, run_name='confine')['enter']({own!r})\n"
LIB = Path(__file__).parents[2]
# Settings that name other networks, or whom to tell of failures.
_OTHERS = ("networks", "schedule.yaml")

# linux/landlock.h. The numbers of the calls are the same on every architecture that Python 3.13 runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_Right = IntFlag(
    "_Right",
    "EXECUTE WRITE_FILE READ_FILE READ_DIR REMOVE_DIR REMOVE_FILE MAKE_CHAR MAKE_DIR MAKE_REG MAKE_SOCK MAKE_FIFO "
    "MAKE_BLOCK MAKE_SYM REFER TRUNCATE IOCTL_DEV RESOLVE_UNIX",
)
# ABI version -> the last right it knows. ABI 4 brought rights of the network, 6 the scopes, 7 and 8 only flags.
_KNOWN = {1: _Right.MAKE_SYM, 2: _Right.REFER, 3: _Right.TRUNCATE, 5: _Right.IOCTL_DEV, 9: _Right.RESOLVE_UNIX}
_OF_A_FILE = _Right.EXECUTE | _Right.WRITE_FILE | _Right.READ_FILE | _Right.TRUNCATE | _Right.IOCTL_DEV
# capabilities(7): CHOWN, DAC_OVERRIDE, FOWNER and FSETID, which are powers over files.
_CAPABILITY_VERSION, _OVER_FILES = 0x20080522, 0b11011
# Neither abstract sockets nor signals reach a process outside.
_SCOPES, _SCOPES_SINCE = 0b11, 6

_READ = _Right.READ_FILE | _Right.READ_DIR
_RUN = _READ | _Right.EXECUTE
_CHANGE = _READ | _Right.WRITE_FILE | _Right.TRUNCATE
# No links, pipes or devices: the runner is not confined and reads the staging folder afterwards.
_WRITE = _CHANGE | _Right.MAKE_DIR | _Right.MAKE_REG | _Right.REMOVE_DIR | _Right.REMOVE_FILE | _Right.REFER

_SYSTEM = {
    _RUN: ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    # What the loader, time zones, fonts, user names, certificates, and whoever counts memory and cores need.
    _READ: (
        *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/fonts"),
        *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/host.conf"),
        *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/mime.types", "/etc/os-release", "/etc/locale.alias"),
        *("/etc/ipython", "/etc/jupyter", "/var/cache/fontconfig", "/proc"),
        *("/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm"),
        *("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    ),
    _CHANGE: ("/dev/null",),
}


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_, _layout_ = 1, "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Whose(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Powers(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


# What the runner does


def environment(workspace: Workspace, network: str, staging: Path) -> dict[str, str]:
    """What a kernel's environment must hold, so that `prepare` confines it to `network` and its run in `staging`."""
    settings = [path for path in sorted(workspace.params.iterdir()) if path.name not in _OTHERS]
    own = [workspace.params / "networks" / f"{network}.yaml", workspace.network(network)]
    return environment_of([*settings, *own, workspace.benchmark / "releases", workspace.sample], [staging])


def environment_of(read: Iterable[Path], write: Iterable[Path]) -> dict[str, str]:
    """The same for a kernel that may open these paths and nothing else of the workspace."""
    allowed = {"read": read, "write": write}
    return {ALLOWED: json.dumps({how: [str(path.absolute()) for path in paths] for how, paths in allowed.items()})}


def prepare(wanted: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Make the kernel's own folder in `scratch`, and its start-up file if `wanted` names folders; gives its IPYTHONDIR.

    The rest of `scratch` is out of the kernel's reach.
    """
    own = own_folder(scratch)
    profile = own / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    if ALLOWED in wanted:
        start = _START.format(module=str(Path(__file__).absolute()), own=str(own))
        (profile / "ipython_kernel_config.py").write_text(start)
    return {"IPYTHONDIR": str(own / "ipython")}


def own_folder(scratch: Path) -> Path:
    """The one place besides its staging folder where the kernel prepared in `scratch` may write."""
    return scratch / _OWN


def said(wanted: Mapping[str, str], scratch: Path) -> str:
    """For the manifest: "confined: landlock abi 7", or "not confined: " and why. The kernel cannot forge it."""
    note = scratch / _SAID
    if note.exists():
        return note.read_text()
    return "not confined: the kernel did not come so far" if ALLOWED in wanted else NOBODY_ASKED


# What the kernel does


def enter(own: str) -> None:
    """Move into the folder `own` and give up everything else. Called once, by the start-up file that `prepare` wrote.

    A system without Landlock goes on and says so; where Landlock itself fails, the kernel ends.
    """
    # Opened before and closed after: it lies where the kernel can no longer write.
    with Path(own).with_name(_SAID).open("w") as note:
        try:
            allowed = json.loads(os.environ[ALLOWED])
            read, write = allowed["read"], [*allowed["write"], own]
            rules = list(_rules(read, write))
            _move_in(Path(own))
            note.write(_exposed([*read, *write]) or apply(rules))
        except BaseException as error:
            # Whatever it was: IPython would pass over an error in a start-up file and go on
            note.write(f"not confined: {error or type(error).__name__}")
            note.flush()
            traceback.print_exc()
            os._exit(1)


def apply(rules: Iterable[tuple[str, int]]) -> str:
    """Confine this thread, and all that it starts from now on, to (path, rights); gives what the manifest says of it.

    Paths that do not exist are passed over. Raises OSError where the system has Landlock and it fails.
    """
    try:
        abi = _abi()
    except OSError as error:
        return f"not confined: this system has no Landlock ({error.strerror})"
    handled = _handled(abi)
    wanted = _Ruleset(handled, 0, _SCOPES if abi >= _SCOPES_SINCE else 0)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(wanted), ctypes.sizeof(wanted), 0)
    for path, rights in rules:
        _allow(ruleset, path, rights & handled)
    _answered(_libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _give_up_powers()
    before = sum(1 for _ in Path("/proc/self/task").iterdir()) - 1
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    if before:
        return f"not confined: {before} other threads ran before the kernel could be confined"
    return f"confined: landlock abi {abi}"


def _give_up_powers() -> None:
    """Root's powers over other processes and over the system itself; without new privileges they do not come back."""
    whose, powers = _Whose(_CAPABILITY_VERSION, 0), (_Powers * 2)()
    _answered(_libc().capget(ctypes.byref(whose), ctypes.byref(powers)))
    kept = powers[0].permitted & _OVER_FILES
    _answered(_libc().capset(ctypes.byref(whose), ctypes.byref((_Powers * 2)(_Powers(kept, kept, 0)))))


def _handled(abi: int) -> int:
    """Every right that this version of Landlock can withhold."""
    return 2 * max(last for since, last in _KNOWN.items() if since <= abi) - 1


def _rules(read: list[str], write: list[str]) -> Iterator[tuple[str, int]]:
    private = [Path(path).resolve() for path in (*read, *write, Path.home())]
    further = [path for path in sys.path if not any(p.is_relative_to(Path(path).resolve()) for p in private)]
    yield from ((path, rights) for rights, paths in _SYSTEM.items() for path in paths)
    yield from ((path, _RUN) for path in (*_interpreter(), *further))
    yield from ((path, _READ) for path in read)
    yield from ((path, _WRITE) for path in write)
    # A kernel may be spoken to through sockets, which lie beside its connection file.
    yield write[-1], _Right.MAKE_SOCK


def _interpreter() -> set[str]:
    return {str(Path(path).resolve()) for path in (sys.prefix, sys.base_prefix, LIB)}


def _exposed(inside: list[str]) -> str:
    """Why rules cannot keep the networks apart here: they all live in a folder that every interpreter must read."""
    outside = [*_interpreter(), *_SYSTEM[_RUN]]
    if any(Path(path).resolve().is_relative_to(folder) for path in inside for folder in outside):
        return "not confined: the networks' data lie in a folder of the interpreter or the system; part the two"
    return ""


def _move_in(own: Path) -> None:
    """Home, temporary files and caches in the kernel's own folder, with Matplotlib's list of fonts, if there is one."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    fonts = Path(os.environ.get("MPLCONFIGDIR") or Path(caches) / "matplotlib").glob("fontlist-*.json")
    names = {"HOME": "home", "TMPDIR": "tmp", "MPLCONFIGDIR": "matplotlib"}
    for name in names.values():
        (own / name).mkdir()
    for path in fonts:
        shutil.copy(path, own / "matplotlib")
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    os.environ.update({name: str(own / folder) for name, folder in names.items()})
    # A forked kernel has its parent's answer.
    tempfile.tempdir = None
    _compile_in(own / "pytensor")
    numba_in(own / "numba", LIB)


def _compile_in(folder: Path) -> None:
    """PyTensor's compiled code in the kernel's own folder, also where a forked kernel has imported it already."""
    numba = folder / "numba"
    numba.mkdir(parents=True)
    given = os.environ.get("PYTENSOR_FLAGS", "")
    os.environ["PYTENSOR_FLAGS"] = f"{given},base_compiledir={folder}".lstrip(",")
    if "pytensor" in sys.modules:
        config = sys.modules["pytensor"].config
        config.compiledir = folder
        # It refuses to be set again, and what compiles by numba asks for it when it is first imported.
        config._config_var_dict["base_compiledir"].val = folder
    if "pytensor.link.numba.cache" in sys.modules:
        sys.modules["pytensor.link.numba.cache"].NUMBA_CACHE_PATH = numba


def numba_in(folder: Path, sources: Path) -> None:
    """Numba's compiled code in `folder`, begun with what lies compiled beside `sources` already.

    A kernel may read that and not write there, and numba passes over a place where it cannot write: every kernel would
    compile the same functions again. What is out of date it compiles anew, for itself.
    """
    for beside in {path.parent for path in sources.rglob("__pycache__/*.nbi")}:
        # The name that numba gives a source folder below NUMBA_CACHE_DIR.
        source = str(beside.parent.absolute())
        place = folder / f"{Path(source).name}_{hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()}"
        place.mkdir(parents=True)
        for path in beside.glob("*.nb[ic]"):
            shutil.copy(path, place)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)


# Landlock's three calls


def _abi() -> int:
    if sys.platform != "linux":
        raise OSError(0, "only Linux has it")
    return _call(_CREATE_RULESET, None, 0, _VERSION)


def _allow(ruleset: int, path: str, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            file = not stat.S_ISDIR(os.fstat(parent).st_mode)
            rule = _PathBeneath(rights & _OF_A_FILE if file else rights, parent)
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(parent)


def _call(number: int, *words) -> int:
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    return _answered(_libc().syscall(ctypes.c_long(number), *words))


def _answered(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
