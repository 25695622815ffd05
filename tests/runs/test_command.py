"""What cannot be used is refused before anything runs: exit code 2, and one line that says what and where."""

import sys

import bench
import pytest

from barberlab import cli, files
from barberlab.runs import kernel, pool, runner, work


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A network with data and one report, and kernels that must not start."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north")
    monkeypatch.setattr(kernel, "execute", lambda *what: pytest.fail("a kernel was started"))
    monkeypatch.setattr(pool, "ANSWERS_S", 0.3)
    return made


def said(place, monkeypatch, capsys, *words: str) -> tuple[int, str]:
    """The exit code and what was said on stderr."""
    monkeypatch.setattr(sys, "argv", ["barberlab", *words, "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nort"], "network 'nort' has no data; did you mean 'north'?"),
        (["../north"], "network id '../north' must be 2 to 32"),
        ([], "name the networks to run, or say --all"),
        (["north", "--all"], "name the networks to run, or say --all"),
        (["north", "--report", "performence"], "report 'performence' is unknown; did you mean 'performance'?"),
        (["north", "--period", "2025-13"], "period '2025-13' is none; write 2025-06"),
        (["north", "--as-of", "yesterday"], "as_of 'yesterday' is neither a date"),
        (["north", "--engine", "steam"], "engine 'steam' is unknown; engines are warm and papermill"),
        (["north", "--workers", "0"], "Invalid value for '--workers': Input should be greater than or equal to 1"),
        (["north", "--workers", "two"], "Invalid value for '--workers': Input should be a valid integer"),
        (["north", "--memory-mb", "0"], "Invalid value for '--memory-mb': Input should be greater than or equal to 1"),
        (["north", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"], "--workers is for this machine"),
        (["north", "--frobnicate"], "No such option: --frobnicate"),
    ],
)
def test_what_is_unknown_or_of_another_type_is_refused(place, monkeypatch, capsys, words, line):
    code, told = said(place, monkeypatch, capsys, "run", *words)
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith("barberlab: ")
    assert line in told
    assert not place.outputs.exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere"])
def test_a_scheduler_that_does_not_answer_is_refused(place, monkeypatch, capsys, address):
    pytest.importorskip("distributed")
    code, told = said(place, monkeypatch, capsys, "run", "north", "--scheduler", address)
    assert (code, told.count("\n")) == (2, 1)
    assert f"--scheduler '{address}': no Dask scheduler answers there" in told


NEITHER = bench.PARAMETERS.replace('\nperiod: str = ""', "")


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        (None, "performance: has 0 code cells tagged 'parameters', needs exactly one"),
        (NEITHER, "performance: has no parameter 'period'"),
        (NEITHER + "\nperiod: int = 6", "performance: parameter 'period' must be int, found str '2025-06'"),
        ("network = 'north'", "performance: line 1 of its parameters cell is not a typed literal"),
    ],
)
def test_a_notebook_that_does_not_take_what_is_given_is_refused(place, monkeypatch, capsys, parameters, line):
    bench.add_report(place, "performance", bench.notebook("1", parameters=parameters))
    code, told = said(place, monkeypatch, capsys, "run", "north", "--period", "2025-06")
    assert (code, told.count("\n")) == (2, 1)
    assert line in told
    assert not place.outputs.exists()


MORE = bench.PARAMETERS + '\nhorizon: int = 26\nshare: float = 0.8\nshops: bool = True\nshop: str = ""'


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["horizn=13"], "performance: has no parameter 'horizn'; did you mean 'horizon'?"),
        (["horizon=13.5"], "performance: parameter 'horizon' must be int, found str '13.5'"),
        (["share=much"], "performance: parameter 'share' must be float, found str 'much'"),
        (["share=nan"], "performance: parameter 'share' must be float, found float 'nan'"),
        (["shops=maybe"], "performance: parameter 'shops' must be bool, found str 'maybe'"),
        (["horizon"], "--param 'horizon': write name=value"),
        (["=13"], "--param '=13': write name=value"),
        (["horizon=13", "horizon=14"], "parameter 'horizon' is given twice; give it once"),
        (["network=south"], "parameter 'network' is set by the run itself"),
        (["period=2025-13"], "period '2025-13' is none"),
    ],
)
def test_a_parameter_that_the_notebook_does_not_take_so_is_refused(place, monkeypatch, capsys, words, line):
    bench.add_report(place, "performance", bench.notebook("1", parameters=MORE))
    options = [word for said_so in words for word in ("--param", said_so)]
    code, told = said(place, monkeypatch, capsys, "run", "north", *options)
    assert (code, told.count("\n")) == (2, 1)
    assert line in told
    assert not place.outputs.exists()


def test_a_period_is_given_once(place, monkeypatch, capsys):
    code, told = said(place, monkeypatch, capsys, "run", "north", "--period", "2025-06", "--param", "period=2025-05")
    assert (code, "parameter 'period' is given twice" in told) == (2, True)


def test_parameters_reach_the_runner_as_their_cell_types_them(place, monkeypatch, capsys):
    bench.add_report(place, "performance", bench.notebook("1", parameters=MORE))
    asked = {}
    monkeypatch.setattr(runner, "run", lambda *what, **how: asked.update(how) or [])
    words = ("horizon=-13", "share=1", "shops=False", "shop=a=b")
    options = [word for word in words for word in ("--param", word)]
    assert said(place, monkeypatch, capsys, "run", "north", *options)[0] == 0
    assert asked["parameters"] == {"horizon": -13, "share": 1.0, "shops": False, "shop": "a=b"}
    assert {name: type(value) for name, value in asked["parameters"].items()} == {
        "horizon": int,
        "share": float,
        "shops": bool,
        "shop": str,
    }


def test_a_file_that_is_no_notebook_is_refused(place, monkeypatch, capsys):
    files.write(place.notebooks / "reports" / "performance.ipynb", b"{}")
    code, told = said(place, monkeypatch, capsys, "run", "--all")
    assert (code, told.count("\n")) == (2, 1)
    assert "performance.ipynb: cannot be read as a notebook" in told


def test_what_is_asked_for_reaches_the_runner(place, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(runner, "run", lambda *what, **how: asked.update(how) or [])
    words = ("run", "north", "--workers", "3", "--memory-mb", "2500", "--engine", "papermill", "--force")
    assert said(place, monkeypatch, capsys, *words)[0] == 0
    assert asked["limits"].memory_bytes == 2_500_000_000
    assert (asked["executor"].count, asked["engine"], asked["force"]) == (3, "papermill", True)
    assert said(place, monkeypatch, capsys, "run", "north")[0] == 0
    assert (asked["limits"].memory_bytes, asked["executor"]) == (None, None)


def test_an_index_page_that_cannot_be_written_is_one_line_and_costs_no_outcome(place, monkeypatch, capsys):
    bench.pretend(monkeypatch)
    monkeypatch.setattr(work, "house_pages", bench.pages)
    (place.outputs / "index.html").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["barberlab", "run", "north", "--workers", "1", "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert "north performance: published" in out
    assert err == (
        "barberlab: the index pages could not be written, and tell what stood before: "
        "outputs/index.html: Is a directory\n"
    )
    assert end.value.code == 1


def test_where_all_is_refused_nothing_is_there_to_open(place, monkeypatch, capsys):
    words = ["run", "north", "--period", "2027-01", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["barberlab", *words, "--root", str(place.root)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, _ = capsys.readouterr()
    assert (end.value.code, out) == (
        2,
        "north performance: refused: network 'north': period '2027-01' begins after its data end, 2025-06-30\n",
    )
