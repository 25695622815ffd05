"""What a notebook is handed is known by name and type, or nothing runs."""

import math

import bench
import nbformat
import pytest

from barberlab.errors import BadInput
from barberlab.runs import parameters, runner

TYPED = bench.PARAMETERS + "\nweeks: int = 6\nshare: float = -0.5\nfull: bool = False"


def declared(source=TYPED):
    return parameters.declared(bench.notebook("1", parameters=source), "performance")


def check(given):
    return parameters.check(declared(), given, "performance")


def test_the_parameters_cell_says_names_types_and_values():
    assert [(p.name, p.kind, p.default) for p in declared().values()] == [
        ("network", "str", "north"),
        ("as_of", "str", ""),
        ("period", "str", ""),
        ("weeks", "int", 6),
        ("share", "float", -0.5),
        ("full", "bool", False),
    ]


def test_what_is_not_given_keeps_its_committed_value():
    assert check({"weeks": 8})["weeks"] == 8
    assert check({"weeks": 8})["period"] == ""
    assert check({"share": 1})["share"] == 1


# Papermill 2.7 writes a name into the notebook as it stands, so each of these would be executed there.
ATTACKS = [
    "open('{proof}', 'w').write('x'); y",
    "__import__('os').system('touch {proof}') or x",
    "network; import os; os.mkdir('{proof}'); z",
    "x = 1\nopen('{proof}', 'w')\ny",
    "network\n",
    " network",
    "ｎetwork",
    "network.__class__",
    "__builtins__",
    "",
]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_that_is_code_is_refused_before_anything_runs(tmp_path, monkeypatch, name):
    place = bench.workspace(tmp_path / "w")
    bench.add_report(place, "performance", bench.notebook("1"))
    bench.add_data(place, "north")
    ran = bench.pretend(monkeypatch)
    attack = name.format(proof=tmp_path / "proof")
    with pytest.raises(BadInput, match="performance: has no parameter"):
        runner.run(place, ["north"], parameters={attack: 1}, pages=bench.pages())
    assert ran == []
    assert not (tmp_path / "proof").exists()
    assert not place.outputs.exists()


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(BadInput, match="has no parameter '5'"):
        check({5: 1})


def test_an_unknown_name_is_answered_with_the_closest_known_one():
    with pytest.raises(BadInput, match="performance: has no parameter 'perod'; did you mean 'period'"):
        check({"perod": "2025-06"})
    with pytest.raises(BadInput, match="it takes network, as_of, period, weeks, share, full"):
        check({"zzz": 1})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weeks": True}, "'weeks' must be int, found bool 'True'"),
        ({"weeks": 6.0}, "'weeks' must be int, found float '6.0'"),
        ({"weeks": "6"}, "'weeks' must be int, found str '6'"),
        ({"weeks": None}, "'weeks' must be int, found NoneType"),
        ({"weeks": 2**70}, "'weeks' must be a whole number of at most 64 bits"),
        ({"full": 1}, "'full' must be bool, found int '1'"),
        ({"share": False}, "'share' must be float, found bool"),
        ({"share": math.nan}, "'share' must be float, found float 'nan'"),
        ({"share": -math.inf}, "'share' must be float, found float '-inf'"),
        ({"period": 2025}, "'period' must be str, found int '2025'"),
        ({"period": ["2025"]}, "'period' must be str, found list"),
        ({"period": "x" * 1001}, "'period' must be readable text of at most 1000"),
        ({"period": "a\x00b"}, "'period' must be readable text"),
        ({"period": "\ud800"}, "'period' must be readable text"),
        ({"period": type("Sly", (str,), {})("2025")}, "'period' must be str, found Sly"),
        ({"network": "../south"}, "network id '../south' must be 2 to 32"),
    ],
)
def test_a_value_of_another_type_is_refused(given, said):
    with pytest.raises(BadInput, match=said):
        check(given)


def test_a_refused_value_is_masked_in_the_message():
    with pytest.raises(BadInput, match=r"found str '\[telephone number\]'"):
        check({"weeks": "+49 170 1234567"})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("network = 'north'\nas_of: str = ''", "line 1 of its parameters cell is not a typed literal"),
        ("import os\n" + bench.PARAMETERS, "line 1 of its parameters cell is not a typed literal"),
        ("as_of: str = str(1)\nnetwork: str = ''", "line 1 of its"),
        ("network: str = 'a' + 'b'", "line 1 of its"),
        ("network: str = f'{1}'", "line 1 of its"),
        ("network: str", "line 1 of its"),
        ("network: list = []", "line 1 of its"),
        ("x.network: str = ''", "line 1 of its"),
        ("_x: str = ''", "line 1 of its"),
        ("network: str = 5", "'network' must be str, found int '5'"),
        ("weeks: int = True", "'weeks' must be int, found bool"),
        ("network: str = 'north", "its parameters cell is not Python"),
        ("network: str = 'north'", r'must hold `as_of: str = "..."`'),
        (bench.PARAMETERS.replace("network: str", "shop: str"), r"must hold `network: str"),
        (bench.PARAMETERS + "\nperiod: str = ''", "sets 'period' twice"),
    ],
)
def test_a_parameters_cell_of_anything_but_typed_literals_is_refused(source, said):
    with pytest.raises(BadInput, match=f"^performance: .*{said}"):
        declared(source)


def test_a_notebook_has_exactly_one_parameters_cell():
    with pytest.raises(BadInput, match="has 0 code cells tagged 'parameters', needs exactly one"):
        declared(None)
    twice = bench.notebook("1")
    twice.cells.append(nbformat.v4.new_code_cell("x: int = 1", metadata={"tags": ["parameters"]}))
    with pytest.raises(BadInput, match="has 2 code cells"):
        parameters.declared(twice, "performance")


@pytest.mark.parametrize("content", ["", "{}", "[]", "5", '{"cells": 1}', '{"nbformat": 9}', "\xff"])
def test_a_file_that_is_no_notebook_is_refused_by_name(tmp_path, content):
    (tmp_path / "sales.ipynb").write_text(content, encoding="latin-1")
    with pytest.raises(BadInput, match=r"^sales\.ipynb: cannot be read as a notebook"):
        parameters.read_notebook(tmp_path / "sales.ipynb")
