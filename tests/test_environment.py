"""Is it the same environment everywhere? In pyproject.toml, the lock, environment.yml and what the code imports."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())
LOCK = (REPO / "requirements.lock").read_text()
CONDA = yaml.safe_load((REPO / "environment.yml").read_text())

# The extras are part of a conda-forge package's name; everything else is called as in pyproject.toml.
CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "matplotlib": "matplotlib-base",  # without Qt
    "ibis-framework[duckdb]": "ibis-duckdb",
    "pandera[pandas]": "pandera-pandas",
}
# What makes an environment of the list, and is no dependency of the package.
CONDA_ONLY = {"python=3.13", "pip"}
# Imported, and brought by a direct dependency that is nothing without it.
COMES_WITH = {
    "numpy": "pandas",
    "python-dateutil": "pandas",
    "matplotlib": "seaborn",
    "scipy": "pymc",
    "pytensor": "pymc",
    "markupsafe": "jinja2",
    "nbformat": "nbconvert",
    "traitlets": "nbconvert",
    "beautifulsoup4": "nbconvert",
    "ipykernel": "jupyterlab",
    "jupyter-core": "jupyterlab",
    "tornado": "jupyterlab",
    "jupyter-client": "voila",
}


OWN = {"barberlab", "warmkernel"}


def extras() -> list[Requirement]:
    """What some of its users add to the package."""
    return [Requirement(line) for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]


def direct() -> list[Requirement]:
    """The package's own dependencies, all extras among them, and those of work on it."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    own = [Requirement(line) for line in lines]
    named = {requirement.name for requirement in own}
    return own + [requirement for requirement in extras() if requirement.name not in named]


def entries(lock: str) -> dict[str, tuple[str, list[str]]]:
    """name -> (version, hashes) of each entry; comments and continuation marks left out."""
    found: dict[str, tuple[str, list[str]]] = {}
    name = ""
    for line in lock.splitlines():
        if pinned := re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)(?: ;.*)? \\", line):
            name = canonicalize_name(pinned[1])
            found[name] = (pinned[2], [])
        elif hashed := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            found[name][1].append(hashed[1])
        elif not re.fullmatch(r"\s*#.*|", line):
            raise ValueError(line)
    return found


def conda_name(requirement: Requirement) -> str:
    """What conda-forge calls it."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return CONDA_NAMES.get(f"{requirement.name}{extras}", requirement.name)


def test_each_direct_dependency_is_locked_at_a_version_that_the_project_allows():
    locked = entries(LOCK)
    for requirement in direct():
        version, _ = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is locked at {version}"


def test_conda_lists_the_same_direct_dependencies_at_the_same_versions():
    locked = entries(LOCK)
    wanted = {f"{conda_name(r)}=={locked[canonicalize_name(r.name)][0]}" for r in direct()}
    assert set(CONDA["dependencies"]) == wanted | CONDA_ONLY
    assert len(CONDA["dependencies"]) == len(wanted | CONDA_ONLY), "a package is listed twice"


def test_every_conda_name_that_differs_is_still_needed():
    named = {f"{r.name}[{','.join(sorted(r.extras))}]" if r.extras else r.name for r in direct()}
    assert set(CONDA_NAMES) <= named


def test_one_python_is_named_everywhere():
    assert (REPO / ".python-version").read_text().strip() == "3.13"
    assert PROJECT["project"]["requires-python"] == ">=3.13,<3.14"
    assert "python=3.13" in CONDA["dependencies"]
    assert PROJECT["tool"]["ruff"]["target-version"] == "py313"
    assert sys.version_info[:2] == (3, 13)


def test_conda_takes_packages_from_conda_forge_alone():
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]


def test_every_entry_of_the_lock_is_pinned_and_has_its_sums():
    found = entries(LOCK)
    assert len(found) > len(direct())
    assert [name for name, (_, sums) in found.items() if not sums] == []
    assert entries("duckdb==2.0.0 \\\n    # via barberlab\n") == {"duckdb": ("2.0.0", [])}


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--extra-index-url https://index.example/simple",
        "--find-links wheels",
        "-f wheels",
        "-e .",
        "duckdb @ https://files.example/duckdb.whl",
        "duckdb>=2.0 \\",
        "duckdb==2.0.0",
    ],
)
def test_a_lock_that_names_a_place_or_leaves_a_choice_is_caught(line):
    with pytest.raises(ValueError, match=re.escape(line)):
        entries(f"{line}\n{LOCK}")


def test_no_comment_of_the_lock_holds_an_address():
    assert "://" not in LOCK


def imported() -> set[str]:
    """Names of the distributions that the package imports, the standard library and the package itself left out."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (REPO / "lib").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    tops = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - OWN
    owners = packages_distributions()
    return {canonicalize_name(owners[top][0]) for top in tops}


def test_what_the_package_imports_is_declared_or_comes_with_what_is():
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    declared |= {canonicalize_name(requirement.name) for requirement in extras()}
    assert imported() - declared <= set(COMES_WITH)
    assert set(COMES_WITH.values()) <= declared
    for name, owner in COMES_WITH.items():
        brought = {canonicalize_name(Requirement(line).name) for line in requires(owner) or []}
        assert name in brought, f"{owner} no longer brings {name}: declare it"
