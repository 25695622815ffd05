"""A confined kernel begins with what is compiled, and all that a prediction needs can be compiled beforehand."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIB = TESTS.parent / "lib"


def python(program: str, *paths: Path) -> str:
    """What a program prints in an interpreter of its own, whose modules are in `paths` too."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    alone["PYTHONPATH"] = os.pathsep.join(map(str, [LIB, *paths]))
    return subprocess.run(
        [sys.executable, "-c", program], env=alone, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_lies_compiled_beside_the_sources_is_not_compiled_again(tmp_path):
    """The second interpreter reads from the folder it was given, whether numba was imported before or not."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "till.py").write_text("import numba\n\n\n@numba.njit(cache=True)\ndef twice(x):\n    return 2 * x\n")
    said = (
        "from shop.till import twice; print(twice(21.0), sum(twice.stats.cache_hits.values()), twice.stats.cache_path)"
    )
    moved = (
        f"from pathlib import Path; from barberlab.runs.confine import numba_in; numba_in(Path('{tmp_path / 'own'}'), "
    )
    moved += f"Path('{tmp_path}')); "
    assert python(said, tmp_path).split() == ["42.0", "0", str(package / "__pycache__")]
    first = python(moved + said, tmp_path).split()
    again = python("import numba; " + moved.replace("own", "other") + said, tmp_path).split()
    for found, folder in ((first, "own"), (again, "other")):
        assert found[:2] == ["42.0", "1"]
        assert Path(found[2]).parent == tmp_path / folder


def test_compiled_beforehand_is_all_that_a_prediction_needs():
    told = python(
        "from barberlab.models import rhythm, rhythm_ahead\n"
        "from barberlab.models.compiled import compile_all\n"
        "from barberlab.models.churn_choice import predict\n"
        "from visits_made import day, regulars\n"
        "both = (*vars(rhythm).values(), *vars(rhythm_ahead).values())\n"
        "parts = [one for one in both if hasattr(one, 'signatures')]\n"
        "compile_all()\n"
        "before = sum(len(one.signatures) for one in parts)\n"
        "predict(regulars(1, 120, 200).drop(columns='amount'), day(100), 60, seed=1)\n"
        "print(before, sum(len(one.signatures) for one in parts))\n",
        TESTS,
    )
    before, after = map(int, told.split())
    assert before == after > 3
