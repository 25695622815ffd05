"""Does the notebook take what it is handed? Names, types and values are checked before anything runs.

Papermill executes a parameter's name as code and only warns of one it does not know, so neither reaches it unchecked:
the names and types come from the notebook's own parameters cell, which is parsed and never executed here.
"""

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from barberlab.errors import BadInput
from barberlab.personal import mask
from barberlab.scope import check_network_id

TAG = "parameters"
KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
# The runner sets these itself, from the network it serves and its data version.
OWN = {"network": "str", "as_of": "str"}
LONGEST = 1_000


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: its name, one of str, int, float and bool, and the committed value."""

    name: str
    kind: str
    default: Any


def read_notebook(path: Path) -> dict[str, Any]:
    """The notebook at `path`: its cells, each with cell_type, source as one text, and metadata. Raises BadInput."""
    try:
        found = json.loads(path.read_bytes())
        if found["nbformat"] != 4:
            found = _converted(path)
        return found | {"cells": [_cell(cell) for cell in found["cells"]]}
    except Exception as error:
        # Each defect has a kind of its own; whichever it is, the file is no notebook
        raise BadInput(f"{path.name}: cannot be read as a notebook: {type(error).__name__}") from None


def declared(notebook: Mapping[str, Any], name: str) -> dict[str, Parameter]:
    """The parameters of a report notebook, by name, in their order.

    Raises BadInput unless exactly one code cell is tagged `parameters`, holds nothing but typed literals
    (`period: str = ""`) and takes `network` and `as_of`.
    """
    cells = [c for c in notebook["cells"] if TAG in c["metadata"].get("tags", []) and c["cell_type"] == "code"]
    if len(cells) != 1:
        raise BadInput(f"{name}: has {len(cells)} code cells tagged {TAG!r}, needs exactly one")
    found: dict[str, Parameter] = {}
    for line in _statements(cells[0]["source"], name):
        parameter = _parameter(line, name)
        if parameter.name in found:
            raise BadInput(f"{name}: its parameters cell sets {parameter.name!r} twice; keep one")
        found[parameter.name] = parameter
    for own, kind in OWN.items():
        if own not in found or found[own].kind != kind:
            raise BadInput(f'{name}: its parameters cell must hold `{own}: {kind} = "..."`')
    return found


def check(known: Mapping[str, Parameter], given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All parameters of notebook `name`: the committed values with those `given` over them; raises BadInput."""
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(key, known, n=1) if isinstance(key, str) else []
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
            raise BadInput(f"{name}: has no parameter {str(key)[:60]!r}; {hint}")
        _check_value(known[key], value, name)
    return {key: given.get(key, parameter.default) for key, parameter in known.items()}


def typed(known: Mapping[str, Parameter], said: Mapping[str, str]) -> dict[str, Any]:
    """What somebody typed, each as its parameter's kind; text that is none of it stays, for `check` to refuse."""
    return {name: _typed(known[name].kind, text) if name in known else text for name, text in said.items()}


def _typed(kind: str, text: str) -> Any:
    if kind == "bool":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return KINDS[kind](text)
    except ValueError:
        return text


def _converted(path: Path) -> dict[str, Any]:
    # Only here: importing nbformat takes a second, and hardly any notebook is that old.
    import nbformat  # noqa: PLC0415

    return nbformat.read(path, as_version=4)


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    source = cell["source"]
    return cell | {"cell_type": str(cell["cell_type"]), "source": "".join(source), "metadata": dict(cell["metadata"])}


def _statements(source: str, name: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError):
        raise BadInput(f"{name}: its parameters cell is not Python") from None


def _parameter(line: ast.stmt, name: str) -> Parameter:
    match line:
        case ast.AnnAssign(target=ast.Name(id=key), annotation=ast.Name(id=kind), value=ast.expr() as value, simple=1):
            pass
        case _:
            raise _refused(name, line)
    try:
        parameter = Parameter(key, kind, ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, RecursionError):
        raise _refused(name, line) from None
    if kind not in KINDS or key.startswith("_"):
        raise _refused(name, line)
    _check_value(parameter, parameter.default, name)
    return parameter


def _refused(name: str, line: ast.stmt) -> BadInput:
    return BadInput(
        f"{name}: line {line.lineno} of its parameters cell is not a typed literal: "
        f"write `name: kind = value` with a kind of {', '.join(KINDS)}"
    )


def _check_value(parameter: Parameter, value: Any, name: str) -> None:
    where = f"{name}: parameter {parameter.name!r} must be"
    if not _fits(value, parameter.kind):
        found = value if isinstance(value, str | int | float) else ""
        raise BadInput(f"{where} {parameter.kind}, found {type(value).__name__} {mask(str(found)[:40])!r}")
    if parameter.name == "network":
        check_network_id(value)
    if parameter.kind == "str" and (len(value) > LONGEST or not _readable(value)):
        raise BadInput(f"{where} readable text of at most {LONGEST} characters")
    if parameter.kind == "int" and abs(value) >= 2**63:
        raise BadInput(f"{where} a whole number of at most 64 bits")


def _fits(value: Any, kind: str) -> bool:
    # Exact types: True is an int to Python, and a subclass of str may print as anything.
    if kind == "float":
        return type(value) in (float, int) and math.isfinite(value)
    return type(value) is KINDS[kind]


def _readable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value
