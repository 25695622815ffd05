"""Which parent does a kernel need? Where that parent listens, what it imports and which environment it has.

Two kernels share a parent only if a parent of their own would be the same: same interpreter and options, same imports,
same installed distributions, and the same values of every variable that libraries read while they are imported.
"""

import hashlib
import json
import os
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

# What is not installed is passed over, so that the list may be generous.
IMPORTS = (
    "numpy",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pandas",
    "scipy.stats",
    "scipy.optimize",
    "scipy.io",
    "matplotlib.pyplot",
    "seaborn",
    "xarray",
    "pymc",
    "arviz",
    "duckdb",
    "ibis",
    "ibis.backends.duckdb",
    "pandera.pandas",
    "pandas.io.formats.style",
    "dask.base",
    "ipywidgets",
    "jinja2",
    "pydantic",
    "yaml",
)
IMPORTS_VARIABLE = "WARMKERNEL_IMPORTS"
FOLDER_VARIABLE = "WARMKERNEL_DIR"
IDLE_MINUTES = 15.0
# A socket's whole path has 107 bytes; its name here takes up to 21.
_LONGEST = 80

# A parent must stay single-threaded, or its children may inherit a lock that nobody will ever release. PyArrow's
# allocator starts a thread at import unless told not to; OpenBLAS, OpenMP and MKL start theirs when they are loaded.
SINGLE_THREADED = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
# Strings hash alike in all kernels of a parent whatever this is; a fixed value makes that so for all parents.
HASH_SEED = {"PYTHONHASHSEED": "0"}

# Variables that an interpreter or a library reads once, at its start or import: a parent is made for their values.
READ_AT_IMPORT = (
    "ARROW_*", "BLIS_*", "CONDA_PREFIX", "CUDA_*", "HOME", "JAX_*", "LANG", "LC_*", "LD_*", "MATPLOTLIBRC",
    "MKL_*", "MPLCONFIGDIR", "NPY_*", "NUMBA_*", "NUMEXPR_*", "OMP_*", "OPENBLAS_*", "PATH", "PYARROW_*",
    "PYTENSOR*", "PYTHON*", "SCIPY_*", "TORCH_*", "VIRTUAL_ENV", "XDG_*", "XLA_*",
)  # fmt: skip
# PYTHONPATH and PYTHONSTARTUP take effect in each kernel; PYTHONHASHSEED cannot. PYARROW_IGNORE_TIMEZONE is for Spark,
# and pandera sets it in whoever imports it: before and after, the same parent serves.
NOT_READ_AT_IMPORT = {"PYTHONPATH", "PYTHONSTARTUP", "PYARROW_IGNORE_TIMEZONE", *SINGLE_THREADED, *HASH_SEED}


class NoPlace(Exception):
    """There is no folder that only this user can open."""


@dataclass(frozen=True)
class Needed:
    """The parent that a kernel needs: how it is started, what it imports, and the variables it sees."""

    command: tuple[str, ...]
    imports: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def key(self) -> str:
        """16 hex digits that differ where two parents would differ."""
        python, *options = self.command
        interpreter = [str(Path(python).parent), os.path.realpath(python), *options]
        parts = [interpreter, self.imports, sorted(self.environment.items())]
        parts += [list(_stamps(_site_folders(python), "*.dist-info")), list(_stamps([_here()], "*.py"))]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def needed(command: Iterable[str], environment: Mapping[str, str], imports: Iterable[str] = ()) -> Needed:
    """The parent for a kernel with this interpreter, these interpreter options and this environment.

    `imports` is what the kernelspec names; the variable WARMKERNEL_IMPORTS of the kernel goes before it, and IMPORTS
    serve where neither says anything. An entry "+" stands for IMPORTS.
    """
    said = environment.get(IMPORTS_VARIABLE, "").replace(",", " ").split() or list(imports) or ["+"]
    names = [name for entry in said for name in (IMPORTS if entry == "+" else [entry])]
    read = {name: value for name, value in environment.items() if _read_at_import(name)}
    return Needed(tuple(command), tuple(dict.fromkeys(names)), read | SINGLE_THREADED | HASH_SEED)


def folder() -> Path:
    """The folder of sockets and the log, made if need be: mode 0700 and this user's own.

    WARMKERNEL_DIR names it; otherwise it is in XDG_RUNTIME_DIR or the folder for temporary files. Raises NoPlace if
    somebody else made it, or others can open it.
    """
    named, runtime = os.environ.get(FOLDER_VARIABLE), os.environ.get("XDG_RUNTIME_DIR")
    temporary = Path(tempfile.gettempdir()) / f"warmkernel-{os.getuid()}"
    place = Path(named).absolute() if named else Path(runtime) / "warmkernel" if runtime else temporary
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise NoPlace(f"{place} must be a folder of mode 0700 of your own; correct it or set {FOLDER_VARIABLE}")
    if len(os.fsencode(place)) > _LONGEST:
        raise NoPlace(f"{place} is too long a name for a folder of sockets; set {FOLDER_VARIABLE} to a shorter one")
    return place


def _read_at_import(name: str) -> bool:
    return name not in NOT_READ_AT_IMPORT and any(fnmatch(name, pattern) for pattern in READ_AT_IMPORT)


def _stamps(folders: Iterable[Path], pattern: str) -> Iterator[tuple[str, int]]:
    """Names and times of change: a distribution's name holds its version, and its time tells a re-installation."""
    paths = (path for place in folders for path in sorted(place.glob(pattern)))
    yield from ((str(path), path.stat().st_mtime_ns) for path in paths)


def _site_folders(python: str) -> list[Path]:
    if Path(python) == Path(sys.executable):
        return sorted({Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")})
    return sorted(Path(python).absolute().parent.parent.glob("lib/python3*/site-packages"))


def _here() -> Path:
    return Path(__file__).parent
