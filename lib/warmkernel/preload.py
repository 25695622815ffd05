"""What does a parent load before it forks? Libraries and one figure, and never more than one thread."""

import importlib
import importlib.util
import io
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from warmkernel.kernel import INLINE

# What ipykernel imports while a kernel starts.
KERNEL = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.oinspect",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "encodings.idna",
    "faulthandler",
    "pdb",
    "psutil",
    "sqlite3",
    "stringprep",
)
TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class Loaded:
    """What came of it. `threaded` says which import left which threads running, and is empty if none did."""

    names: tuple[str, ...]
    left_out: tuple[str, ...]
    threaded: str


def load(names: Iterable[str]) -> Loaded:
    """Import what is installed of `names`, and what a kernel needs itself; draw a figure if matplotlib is among it."""
    loaded: list[str] = []
    left_out: list[str] = []
    threaded = ""
    for name in (*KERNEL, *names):
        reason = _import(name)
        if reason:
            left_out.append(f"{name}: {reason}")
        else:
            loaded.append(name)
        threaded = threaded or _threads_since(f"import {name}")
    rehearse()
    threaded = threaded or _threads_since("drawing a figure")
    return Loaded(tuple(loaded), (*left_out, *_forget_foreign()), threaded)


def threads() -> list[str]:
    """The names of this process's threads; one, if it may fork."""
    return [(task / "comm").read_text().strip() for task in TASKS.iterdir()]


def rehearse() -> None:
    """Draw a figure and show a table once, so that fonts, ticks and what libraries import late are there.

    Nothing of pyplot is used: which backend a kernel draws with is for the kernel to say.
    """
    if matplotlib := sys.modules.get("matplotlib"):
        with matplotlib.rc_context():
            _draw()
            matplotlib.rcParams["backend"] = INLINE
    if pd := sys.modules.get("pandas"):
        frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=8), "kind": list("abababab"), "y": range(8)})
        frame.groupby("kind")["y"].describe()._repr_html_()
        str(frame)


def _draw() -> None:
    figure = importlib.import_module("matplotlib.figure").Figure()
    axes = figure.subplots(1, 2)
    axes[0].plot([0.0, 1.0, 2.0], [1.0, 4.0, 9.0], label="y")
    axes[0].set(xlabel="x", title="Title")
    axes[0].legend()
    if seaborn := sys.modules.get("seaborn"):
        np = sys.modules["numpy"]
        seaborn.lineplot(x=np.datetime64("2026-01-01") + np.arange(40), y=np.arange(40.0), ax=axes[0])
        seaborn.histplot(x=np.arange(40.0), kde=True, ax=axes[1])
    for kind in ("png", "svg"):
        figure.savefig(io.BytesIO(), format=kind, bbox_inches="tight")


def _import(name: str) -> str:
    """Import a module; gives the reason if it was left out."""
    try:
        found = importlib.util.find_spec(name)
        if found is None:
            return "not installed"
        if _is_foreign(found.origin):
            return "not in site-packages: its code may change"
        importlib.import_module(name)
    except Exception as error:
        # A library that cannot be imported here is for the kernel that wants it to report
        return f"{type(error).__name__}: {error}"
    return ""


def _threads_since(what: str) -> str:
    found = threads()
    return f"{what} started {', '.join(found[1:])}" if len(found) > 1 else ""


def _forget_foreign() -> Iterator[str]:
    """Drop what libraries brought in from outside site-packages, as editable plug-ins are: kernels read it anew."""
    for name, module in list(sys.modules.items()):
        own = name in ("__main__", "__mp_main__") or f"{name}.".startswith(f"{__package__}.")
        if not own and _is_foreign(getattr(module, "__file__", None)):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            with suppress(KeyError, AttributeError):
                delattr(sys.modules[parent], child)
            yield f"{name}: not in site-packages: its code may change"


def _is_foreign(file: str | None) -> bool:
    if file is None or not Path(file).is_absolute():
        return False
    return not any(Path(file).is_relative_to(place) for place in _places())


def _places() -> set[str]:
    return {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
