"""Does the house stand as planned? Its rooms, tools, cores, notebooks and files, walked and never run.

A check takes something that was read and yields what is wrong with it, one line each. Every test first plants a
violation, to show that its check can fail, and then looks at all of the house.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from barberlab.errors import BadInput
from barberlab.runs import parameters

REPO = Path(__file__).resolve().parents[1]
HALLWAY = ("errors", "scope", "workspace", "params", "files", "personal", "periods")
ROOMS = ("data", "models", "decisions", "reports", "runs", "serve")
ORDER = (
    dict.fromkeys(HALLWAY, 0)
    | {room: place for place, room in enumerate(ROOMS, 1)}
    | {"cli": len(ROOMS) + 1, "__main__": len(ROOMS) + 2}
)
CORE = ("models", "decisions", "reports")

# Each tool and where it lives; pandas, numpy, scipy, pyarrow and xarray are everywhere.
HOMES = {
    **dict.fromkeys(("pymc", "pytensor", "arviz", "nutpie", "numba", "sklearn"), ("models",)),
    **dict.fromkeys(("matplotlib", "seaborn", "jinja2", "markupsafe", "nbconvert", "bs4"), ("reports",)),
    **dict.fromkeys(("duckdb", "ibis", "pandera", "python_calamine", "holidays"), ("data",)),
    **dict.fromkeys(("papermill", "nbclient", "dask"), ("runs",)),
    **dict.fromkeys(("tornado", "voila", "fastapi"), ("serve",)),
    **dict.fromkeys(("typer", "rich"), ("cli",)),
    "nbformat": ("reports", "runs"),
    # A mapping file is settings that a user types, like params/: both are read once and refuse an unknown key.
    "pydantic": ("params", "data.sources", "runs.schedule", "serve"),
    "yaml": ("params", "data.sources", "runs.schedule"),
}
HEAVY = {"barberlab", "pandas", "numpy", "scipy", "xarray", "pyarrow", *HOMES}

# Dotted names as Python resolves them; a leading dot stands for an attribute of whatever object.
OUTSIDE = re.compile(
    r"open|print|input|io\.open|(?:pathlib|tempfile|shutil|subprocess|socket|urllib\.request)\b.*"
    r"|\.(?:read_text|read_bytes|write_text|write_bytes|mkdir|unlink|touch|to_parquet)|pandas\.read_\w+"
    r"|os\.(?:environ|getenv|environb|putenv)\b.*|barberlab\.open"
    r"|datetime\.(?:datetime|date)\.(?:now|utcnow|today)|pandas\.Timestamp\.(?:now|utcnow|today)"
    r"|time\.(?:time|time_ns|monotonic|perf_counter|localtime|gmtime|sleep)"
    r"|random\..+|numpy\.random\.(?!default_rng|Generator|SeedSequence|BitGenerator)\w+"
)
UNSAFE = re.compile(
    r"eval|exec|(?:pickle|dill|cloudpickle|shelve|marshal)\b.*|joblib\.load|pandas\.read_pickle|\.(?:read|to)_pickle"
    r"|yaml\.(?:load|load_all|full_load\w*|unsafe_load\w*|Loader|FullLoader|UnsafeLoader)|os\.(?:system|popen)"
)
READS_A_FILE = re.compile(
    r"open|(?:pathlib|os|io|glob|duckdb|pyarrow|sqlite3)\b.*"
    r"|\.(?:read_csv|read_parquet|read_excel|read_json|read_table|read_sql|read_text|read_bytes|open_dataset)"
    r"|(?:pandas|polars)\.(?:read_\w+|scan_\w+)|Path|numpy\.(?:load|loadtxt|genfromtxt|fromfile)"
)

# In pieces, so that this file does not hold what it looks for.
MARKS = re.compile(rf"\b(?:{'TO'}{'DO'}|FIX{'ME'}|X{'XX'})\b".encode())
MACHINE = re.compile(rb"(?<![\w./-])/(?:root|home|work|Users)/\w")
_HOSTS = ("pypi", "pythonhosted", "pypi.python", "anaconda", "npmjs", "jfrog", "devpi")
INDEXES = re.compile("|".join(rf"\b{re.escape(host)}\.(?:org|com|io|net)\b" for host in _HOSTS).encode())

GIT = ("git", "-c", "safe.directory=*", "-c", "core.excludesFile=")


@dataclass(frozen=True)
class Module:
    """A source file as it was read. `name` is dotted (barberlab.data.lab), `path` what a message shows."""

    name: str
    path: str
    source: str

    @property
    def tree(self) -> ast.Module:
        """The file's statements."""
        return ast.parse(self.source, self.path)

    @property
    def place(self) -> str:
        """The name below the package: data.lab; empty for the package itself."""
        return self.name.partition(".")[2]

    @property
    def room(self) -> str:
        """Where it stands: a room, or a module of the hallway."""
        return self.place.partition(".")[0]


type Check[T] = Callable[[T], Iterator[str]]


def planted(source: str, name: str = "barberlab.models.churn") -> Module:
    """A module that is not there."""
    return Module(name, "planted.py", source)


def found[T](check: Check[T], things: Iterable[T]) -> list[str]:
    """Everything that a check has to say, in order."""
    return [words for thing in things for words in check(thing)]


def house() -> list[Module]:
    """All modules of the package."""
    return _modules("barberlab")


def annexe() -> list[Module]:
    """All modules of what stands beside the house, and alone."""
    return _modules("warmkernel")


def _modules(package: str) -> list[Module]:
    paths = sorted((REPO / "lib" / package).rglob("*.py"))
    names = [".".join(path.relative_to(REPO / "lib").with_suffix("").parts) for path in paths]
    return [_read(path, name.removesuffix(".__init__")) for path, name in zip(paths, names, strict=True)]


def suite() -> list[Module]:
    """All modules of the test suite."""
    return [_read(path, f"tests.{path.stem}") for path in sorted((REPO / "tests").rglob("*.py"))]


def notebook_files(under: str = "") -> list[Path]:
    """The notebooks of the house."""
    paths = sorted((REPO / "notebooks" / under).rglob("*.ipynb"))
    return [path for path in paths if ".ipynb_checkpoints" not in path.parts]


def code_of(path: Path) -> Module:
    """All code cells of a notebook as one module; a magic is not Python, and becomes an `open` that checks can see."""
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return Module(f"notebooks.{path.stem}", _shown(path), as_python("\n".join(cells)))


def as_python(source: str) -> str:
    """Cells without magics: `%load x` and `!cat x` do what no page may, whatever they say."""
    return re.sub(r"^\s*[%!].*$", "open()", source, flags=re.MULTILINE)


def _read(path: Path, name: str) -> Module:
    return Module(name, _shown(path), path.read_text(encoding="utf-8"))


def _shown(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported, at whatever depth; names of this package down to the module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.name.split(".")[: -node.level] if node.level else []
            origin = ".".join([*above, node.module] if node.module else above)
            own = origin == "barberlab"
            yield from ((node.lineno, f"{origin}.{alias.name}" if own else origin) for alias in node.names)


def used(module: Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every name used, through the module's imports: np.random.seed is numpy.random.seed."""
    tree = module.tree
    known = _aliases(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            yield node.lineno, _dotted(node, known)


def _aliases(tree: ast.Module) -> dict[str, str]:
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0]
                      for a in node.names}  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and not node.level:
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return known


def _dotted(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if not isinstance(node, ast.Attribute):
        return ""
    base = node
    while isinstance(base, ast.Attribute):
        base = base.value
    whole = isinstance(base, ast.Name) and base.id in known
    return f"{_dotted(node.value, known)}.{node.attr}" if whole else f".{node.attr}"


def _uses(module: Module, what: re.Pattern) -> Iterator[str]:
    for line, name in used(module):
        # x.write_text() gives a file away whatever `x` is.
        last = f".{name.rpartition('.')[2]}" if "." in name else name
        if what.fullmatch(name) or what.fullmatch(last):
            yield f"{module.path}:{line}: {name}"


# Rooms and tools


def rightward(module: Module) -> Iterator[str]:
    """Imports from a room to the right of the module's own; the package itself stands for `data`, which it opens."""
    own = ORDER.get(module.room or "data", -1)
    for line, name in imports(module):
        top, _, place = name.partition(".")
        if top == "barberlab" and ORDER.get(place.partition(".")[0] or "data", 99) > own:
            yield f"{module.path}:{line}: {module.place or 'the package'} imports {name}"


def without_a_place(module: Module) -> Iterator[str]:
    """Modules that are in no room and not in the hallway."""
    if module.name != "barberlab" and module.room not in ORDER:
        yield f"{module.path}: stands in no room; add it to the plan or to a room"


def eager(module: Module) -> Iterator[str]:
    """Imports of weight that run as soon as the module is imported."""
    first = [node for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    at_once = planted(ast.unparse(ast.Module(first, [])), module.name)
    yield from (f"{module.path}: {name}" for _, name in imports(at_once) if name.partition(".")[0] in HEAVY)


def away_from_home(module: Module) -> Iterator[str]:
    """Tools imported outside their rooms."""
    for line, name in imports(module):
        homes = HOMES.get(name.partition(".")[0])
        if homes and not any(f"{module.place}.".startswith(f"{home}.") for home in homes):
            yield f"{module.path}:{line}: {name} lives in {' and '.join(homes)}"


def test_no_room_imports_from_a_room_to_its_right():
    assert found(rightward, [planted("from barberlab.reports import prose")])
    assert found(rightward, [planted("def f():\n    from barberlab import runs")])
    assert found(rightward, [planted("from ..runs import runner", "barberlab.data.lab")])
    assert found(rightward, [planted("import barberlab.data.lab", "barberlab.scope")])
    assert found(rightward, [planted("import barberlab", "barberlab.params")])
    assert found(rightward, [planted("from barberlab import utils")])
    assert found(rightward, [planted("from barberlab.data import lab\nfrom barberlab import files")]) == []
    assert found(rightward, house()) == []


def test_every_module_has_a_place_in_the_plan():
    assert found(without_a_place, [planted("", "barberlab.utils")])
    assert found(without_a_place, [planted("", "shop")])
    assert found(without_a_place, house()) == []


def leans_on_the_house(module: Module) -> Iterator[str]:
    """Imports of the house by what could be published without it."""
    for line, name in imports(module):
        if name.partition(".")[0] == "barberlab":
            yield f"{module.path}:{line}: imports {name}"


def test_what_stands_alone_knows_nothing_of_the_house():
    assert found(leans_on_the_house, [planted("def f():\n    from barberlab import files", "warmkernel.parent")])
    assert len(annexe()) > 5
    assert found(leans_on_the_house, annexe()) == []


def test_importing_the_package_costs_nothing():
    assert found(eager, [planted("from barberlab.data.lab import Lab", "barberlab")])
    assert found(eager, [planted("import pandas as pd", "barberlab")])
    assert found(eager, [planted("def open():\n    from barberlab.data.lab import open_lab", "barberlab")]) == []
    assert found(eager, [module for module in house() if module.name == "barberlab"]) == []


def test_each_tool_stays_in_its_home():
    assert found(away_from_home, [planted("import duckdb")])
    assert found(away_from_home, [planted("from pydantic import BaseModel", "barberlab.data.lab")])
    assert found(away_from_home, [planted("import matplotlib.pyplot as plt", "barberlab.runs.pages")])
    assert found(away_from_home, [planted("import pymc as pm")]) == []
    assert found(away_from_home, house()) == []


# Core and edges


TOUCHES = """
open('x')
from pathlib import Path; Path('x').write_text('y')
def f(path): path.write_bytes(b'')
import pandas as pd; pd.read_csv('x')
import os; os.environ['X']
from datetime import date; date.today()
import datetime as dt; dt.datetime.now(dt.UTC)
import pandas as pd; pd.Timestamp.now()
from time import time; time()
print(1)
import numpy as np; np.random.seed(1)
from numpy import random; random.normal()
import random; random.random()
import numpy as np; np.random.default_rng()
import barberlab; barberlab.open('north')
""".strip().splitlines()


def reaches_outside(module: Module) -> Iterator[str]:
    """Files, clock, environment, printing or global random state in a room that takes values and returns values."""
    if module.room in CORE:
        yield from _uses(module, OUTSIDE)
        yield from _unseeded(module)


def _unseeded(module: Module) -> Iterator[str]:
    known = _aliases(module.tree)
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call) and not node.args + node.keywords)
    for call in calls:
        if _dotted(call.func, known).endswith(".default_rng"):
            yield f"{module.path}:{call.lineno}: default_rng() without a seed"


@pytest.mark.parametrize("source", TOUCHES)
def test_a_core_room_that_touches_the_world_is_caught(source):
    assert found(reaches_outside, [planted(source)])
    assert found(reaches_outside, [planted(source, "barberlab.runs.runner")]) == []


def test_the_core_rooms_take_values_and_return_values():
    assert found(reaches_outside, [planted("import numpy as np\nnp.random.default_rng(seed).normal()")]) == []
    assert found(reaches_outside, house()) == []


RUNS_A_FILE = """
import pickle
from pickle import loads
import pandas as pd; pd.read_pickle('x')
np.load('x', allow_pickle=True)
import joblib; joblib.load('x')
import yaml; yaml.load('x', yaml.FullLoader)
eval('1')
def f(code): exec(code)
import subprocess; subprocess.run('x', shell=True)
""".strip().splitlines()


def unsafe(module: Module) -> Iterator[str]:
    """Ways to run what a file holds: pickles, YAML objects, eval and exec, shells."""
    yield from _uses(module, UNSAFE)
    yield from (f"{module.path}:{line}: {name}" for line, name in imports(module) if UNSAFE.fullmatch(name))
    words = [n for n in ast.walk(module.tree) if isinstance(n, ast.keyword) and n.arg in ("allow_pickle", "shell")]
    yield from (f"{module.path}:{w.value.lineno}: {w.arg}" for w in words if getattr(w.value, "value", w) is not False)


@pytest.mark.parametrize("source", RUNS_A_FILE)
def test_code_that_would_run_what_a_file_holds_is_caught(source):
    assert found(unsafe, [planted(source)])


def test_nothing_in_the_house_runs_what_a_file_holds():
    harmless = "import yaml\nyaml.safe_load('x')\nframe.eval('a + b')\nnp.load('x', allow_pickle=False)"
    assert found(unsafe, [planted(harmless)]) == []
    assert found(unsafe, [*house(), *annexe(), *suite(), *map(code_of, notebook_files())]) == []


# Words


def unexplained(module: Module) -> Iterator[str]:
    """A module, or a public function, class or method, without a docstring; a method may have its base's."""
    if not ast.get_docstring(module.tree):
        yield f"{module.path}:1: the module says nothing of itself"
    classes = {node.name: node for node in module.tree.body if isinstance(node, ast.ClassDef)}
    for owner in (module.tree, *(node for name, node in classes.items() if name[0] != "_")):
        bases = [classes[base.id] for base in getattr(owner, "bases", ()) if getattr(base, "id", "") in classes]
        told = {node.name for base in bases for node in _public(base) if ast.get_docstring(node)}
        silent = [node for node in _public(owner) if not ast.get_docstring(node) and node.name not in told]
        yield from (f"{module.path}:{node.lineno}: {node.name} says nothing of itself" for node in silent)


def _public(parent: ast.Module | ast.ClassDef) -> list[ast.FunctionDef | ast.ClassDef]:
    named = (node for node in parent.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
    return [node for node in named if node.name[0] != "_"]


def test_every_module_and_every_public_name_says_what_it_gives():
    told = '"""Told."""\n'
    assert found(unexplained, [planted("x = 1")])
    assert found(unexplained, [planted(f"{told}def shown(): pass")])
    assert found(unexplained, [planted(f"{told}class Shop:\n    {told}\n    def open(self): pass")])
    assert found(unexplained, [planted(f"{told}def _own(): pass\nclass _Own:\n    def f(self): pass")]) == []
    base = f"class _Base:\n    def f(self):\n        {told}\n\n"
    assert found(unexplained, [planted(f"{told}{base}class Own(_Base):\n    {told}\n    def f(self): pass")]) == []
    assert found(unexplained, [*house(), *annexe()]) == []
    assert [module.path for module in suite() if not ast.get_docstring(module.tree)] == []


# Notebooks


def reads_a_file(module: Module) -> Iterator[str]:
    """A notebook's own ways to data: the one way is barberlab.open."""
    yield from _uses(module, READS_A_FILE)


@pytest.mark.parametrize(
    "source", ["open('x')", "import pandas as pd\npd.read_csv('x')", "from pathlib import Path\nPath('x')", "!cat x"]
)
def test_a_notebook_that_reads_a_file_is_caught(source):
    assert found(reads_a_file, [planted(as_python(source))])


def test_no_notebook_reads_a_file_itself():
    assert found(reads_a_file, [planted("import barberlab\nlab = barberlab.open(network)")]) == []
    assert found(reads_a_file, map(code_of, notebook_files())) == []


def foreign(module: Module) -> Iterator[str]:
    """Imports of anything but this package."""
    yield from (f"{module.path}: {name}" for _, name in imports(module) if name.partition(".")[0] != "barberlab")


def test_a_report_is_written_in_the_houses_own_words():
    assert found(foreign, [planted("import seaborn as sns")])
    assert found(foreign, map(code_of, notebook_files("reports"))) == []


def left_over(path: Path) -> Iterator[str]:
    """Outputs, counts and traces of a run in a committed notebook."""
    node = nbformat.read(path, as_version=4)
    for place, part in enumerate([node, *node.cells]):
        kept = {"outputs", "execution_count"} & {key for key, value in part.items() if value}
        kept |= {"papermill", "execution", "widgets"} & set(part.metadata)
        yield from (f"{path.name}, cell {place}: holds {key}; strip it with nbstripout" for key in sorted(kept))


def test_notebooks_are_committed_without_what_a_run_left(tmp_path):
    ran = nbformat.v4.new_code_cell("1", execution_count=3)
    nbformat.write(nbformat.v4.new_notebook(cells=[ran]), tmp_path / "ran.ipynb")
    assert found(left_over, [tmp_path / "ran.ipynb"])
    assert found(left_over, notebook_files()) == []


def unrunnable(path: Path) -> Iterator[str]:
    """A report that does not have exactly one parameters cell of typed literals, `network` and `as_of` among them."""
    try:
        parameters.declared(parameters.read_notebook(path), path.name)
    except BadInput as error:
        yield str(error)


@pytest.mark.parametrize("cells", [[], ["network: str = 'a'", "network: str = 'b'"], ["network = find()"]])
def test_a_report_without_one_cell_of_typed_parameters_is_caught(tmp_path, cells):
    made = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), tmp_path / "report.ipynb")
    assert found(unrunnable, [tmp_path / "report.ipynb"])


def test_every_report_has_one_cell_of_typed_parameters():
    assert notebook_files("reports"), "there are reports"
    assert found(unrunnable, notebook_files("reports")) == []


# Files


def git(root: Path, *words: str, told: str = "") -> list[str]:
    """What git says, in lines; as for somebody who has no settings of their own."""
    answer = subprocess.run([*GIT, *words], cwd=root, input=told, capture_output=True, text=True, check=False)
    if answer.returncode > 1:
        pytest.skip(f"not a git checkout: {answer.stderr.strip()}")
    return [line for line in answer.stdout.split("\0") if line]


def ours() -> list[Path]:
    """Every file that is or would be committed."""
    listed = git(REPO, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [REPO / name for name in listed if (REPO / name).is_file()]


def ignored(root: Path) -> list[str]:
    """Code, templates, notebooks and settings that git would leave out, tracked or not."""
    folders = [root / name for name in ("lib", "tests", "notebooks", "params")]
    kinds = (".py", ".ipynb", ".yaml", ".html", ".css", ".j2")
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    names = [path.relative_to(root).as_posix() for path in paths if ".ipynb_checkpoints" not in path.parts]
    return git(root, "check-ignore", "-z", "--no-index", "--stdin", told="\0".join(names))


def test_git_leaves_nothing_out_that_the_house_needs(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("lib/\n")
    (tmp_path / "lib" / "barberlab").mkdir(parents=True)
    (tmp_path / "lib" / "barberlab" / "shop.py").write_text("")
    assert ignored(tmp_path) == ["lib/barberlab/shop.py"]
    assert ignored(REPO) == []


def holding(what: re.Pattern) -> Check[tuple[str, bytes]]:
    """A check of files' content: which lines hold `what`."""

    def check(file: tuple[str, bytes]) -> Iterator[str]:
        path, content = file
        for match in what.finditer(content):
            yield f"{path}:{content.count(b'\n', 0, match.start()) + 1}: {match[0].decode(errors='replace')}"

    return check


def contents() -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file of the house."""
    return ((_shown(path), path.read_bytes()) for path in ours())


def test_no_file_names_the_host_of_a_package_index():
    assert found(holding(INDEXES), [("x", f"url = https://pypi.{'org'}/simple".encode())])
    assert found(holding(INDEXES), [("x", f"https://files.pythonhosted.{'org'}/a".encode())])
    assert found(holding(INDEXES), contents()) == []


def test_no_file_names_a_place_of_somebodys_machine():
    assert found(holding(MACHINE), [("x", f"folder: /{'home'}/ann/networks".encode())])
    assert found(holding(MACHINE), [("x", b"../work/x, data/networks/home/, n/work/x")]) == []
    assert found(holding(MACHINE), contents()) == []


def test_no_file_leaves_a_mark_of_work_to_do():
    assert found(holding(MARKS), [("x", f"# {'TO'}DO: later".encode())])
    assert found(holding(MARKS), [("x", b"mastodon, prefix me")]) == []
    assert found(holding(MARKS), contents()) == []
