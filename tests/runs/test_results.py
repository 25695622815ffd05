"""What programs read of a run: its numbers, its draws and its figures, each by itself and compared with its sum."""

import json
import math
import os
import re
import sys
from pathlib import Path

import bench
import nbformat
import numpy as np
import pytest
import xarray as xr

from barberlab import runs
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.reports import theme
from barberlab.runs import drawings, extract, inside, results, runner
from barberlab.scope import Scope

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))

DRAWS = xr.Dataset(
    {"rate": (("chain", "draw", "shop"), np.arange(24.0).reshape(2, 4, 3))}, coords={"shop": ["ny", "la", "sf"]}
)


@pytest.fixture
def place(tmp_path):
    """A network with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north")
    return made


def ran(place, monkeypatch, keep, **pages):
    """The published run of a notebook that kept something."""
    bench.pretend(monkeypatch, lambda values: f"kept {keep() is not None}")
    [outcome] = runner.run(place, ["north"], pages=bench.pages(**pages))
    assert outcome.reason == ""
    return runs.latest(Scope("north"), place)["performance"]


def numbers():
    runs.keep_result("visits", 4381, "visits")
    runs.keep_result("rebooked", 0.31, "share", low80=0.29, high80=0.33, low95=0.28, high95=0.35)
    return runs.keep_result("chair_time", None, "share", "2025-06-30T22:00:00+00:00", note="needs table 8, shifts") or 1


def test_results_say_what_of_which_data_and_how_sure(place, monkeypatch):
    found = ran(place, monkeypatch, numbers).results()
    of = {"schema": 1, "network": "north", "report": "performance", "run_id": "r000001-performance"}
    data = {
        "as_of": bench.AS_OF,
        "data_version": 1,
        "parameters": {"network": "north", "as_of": bench.AS_OF, "period": ""},
    }
    kept = found.pop("results")
    assert found == of | data | bench.FACTS
    blank = dict.fromkeys(("low80", "high80", "low95", "high95"))
    assert kept == [
        blank | {"name": "visits", "value": 4381, "unit": "visits", "as_of": bench.AS_OF, "note": ""},
        {"name": "rebooked", "value": 0.31, "unit": "share", "as_of": bench.AS_OF, "note": ""}
        | {"low80": 0.29, "high80": 0.33, "low95": 0.28, "high95": 0.35},
        blank
        | {"name": "chair_time", "value": None, "unit": "share", "as_of": "2025-06-30T22:00:00+00:00"}
        | {"note": "needs table 8, shifts"},
    ]


def test_a_notebook_that_keeps_no_result_has_a_file_of_none(place, monkeypatch):
    found = ran(place, monkeypatch, lambda: 1)
    assert found.results()["results"] == []
    assert not (found.folder / inside.RESULTS).exists()


@pytest.mark.parametrize(
    ("value", "options", "said"),
    [
        (math.nan, {}, "its value must be a finite number"),
        (math.inf, {}, "its value must be a finite number"),
        (True, {}, "its value must be a finite number"),
        ("12", {}, "its value must be a finite number"),
        (None, {}, "has no value; say in `note` what it needs"),
        (1, {"low80": 0.5}, "needs both ends of an interval"),
        (1, {"low95": 0.5, "low80": 0.6, "high80": 1}, "needs both ends of an interval"),
        (1, {"low80": 2, "high80": 1}, "needs both ends of an interval, in order"),
        (1, {"low95": 1, "low80": 0, "high80": 2, "high95": 3}, "needs both ends of an interval, in order"),
    ],
)
def test_a_result_that_is_none_is_refused(value, options, said):
    with pytest.raises(BadInput, match=f"^result 'visits': {said}"):
        runs.keep_result("visits", value, "visits", **options)


def test_a_name_stands_for_one_number(tmp_path, monkeypatch):
    monkeypatch.setenv(inside.RUN_DIR, str(tmp_path))
    assert runs.keep_result("visits", np.int64(5), "visits") == 5
    with pytest.raises(BadInput, match="result 'visits': was kept before"):
        runs.keep_result("visits", 6, "visits")
    with pytest.raises(BadInput, match="result name 'Visits' must be lower-case letters"):
        runs.keep_result("Visits", 6, "visits")
    assert json.loads((tmp_path / inside.RESULTS).read_text())["value"] == 5


@pytest.mark.parametrize("line", ["no JSON", '{"name": "visits", "value": 5}', "5"])
def test_results_that_were_written_by_hand_keep_a_run_from_being_published(place, monkeypatch, line):
    bench.pretend(monkeypatch, lambda values: str((Path(os.environ[inside.RUN_DIR]) / inside.RESULTS).write_text(line)))
    [outcome] = runner.run(place, ["north"], pages=bench.pages())
    assert (outcome.state, outcome.page) == ("failed", None)
    assert "results.jsonl was not written by keep_result" in outcome.reason


def test_a_schema_of_another_version_is_not_guessed_at():
    with pytest.raises(Damaged, match=r"run r000001-x: results.json has schema 2, this version reads 1; run again"):
        results.read(b'{"schema": 2, "results": []}', "r000001-x")


def test_draws_come_back_as_the_notebook_kept_them(place, monkeypatch):
    found = ran(place, monkeypatch, lambda: runs.keep_posterior("rates", DRAWS))
    xr.testing.assert_identical(found.posterior("rates"), DRAWS)
    assert "posterior/rates.nc" in found.manifest.files
    with pytest.raises(BadInput, match="performance keeps no posterior 'rate'; it keeps rates"):
        found.posterior("rate")
    path = found.folder / "posterior" / "rates.nc"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(Damaged, match=r"posterior/rates\.nc is missing or altered"):
        found.posterior("rates")


def test_draws_have_chains_and_draws():
    with pytest.raises(BadInput, match="posterior 'rates': has the dimensions chain, shop, needs chain and draw"):
        runs.keep_posterior("rates", DRAWS.isel(draw=0))
    assert runs.keep_posterior("rates", DRAWS) is DRAWS


def test_a_scope_of_some_shops_reads_neither_the_networks_numbers_nor_its_draws(place, monkeypatch):
    ran(place, monkeypatch, lambda: (numbers(), runs.keep_posterior("rates", DRAWS)))
    owner = runs.latest(Scope("north", role="owner", locations=frozenset({"ny"})), place)["performance"]
    for asked in (owner.results, lambda: owner.posterior("rates")):
        with pytest.raises(NotAvailable, match="needs the whole network's scope"):
            asked()


def test_a_scope_of_some_shops_reads_their_draws_and_nothing_of_the_others(place, monkeypatch):
    """Joint draws by shop are whose shops they are; what the network shares, and words about it, are nobody's part."""
    shape = (("chain", "draw", "location"), np.arange(12.0).reshape(1, 4, 3))
    drawn = xr.Dataset(
        {"revenue": shape, "shared": (("chain", "draw"), np.ones((1, 4)))}, {"location": ["ny", "la", "sf"]}
    )
    drawn.attrs["note"] = "la is for sale"
    ran(place, monkeypatch, lambda: runs.keep_posterior("months", drawn))
    owner = Scope("north", role="owner", locations=frozenset({"ny", "sf", "elsewhere"}))
    published = runs.latest(owner, place)["performance"]
    own = published.posterior("months")
    assert list(own.data_vars) == ["revenue"]
    assert own["location"].values.tolist() == ["ny", "sf"]
    np.testing.assert_array_equal(own["revenue"], drawn["revenue"][:, :, [0, 2]])
    taken = extract.write([published], place.root / "taken", ("months",))
    held = b"".join(path.read_bytes() for path in taken.root.rglob("*") if path.is_file())
    assert b"for sale" not in held
    xr.testing.assert_identical(runs.latest(owner, taken)["performance"].posterior("months"), own)


def test_each_figure_of_a_notebook_is_a_drawing_of_its_own_in_the_colours_of_paper(place, monkeypatch):
    import showcase

    figure = showcase.trend()
    html = figure._repr_html_()
    bench.pretend(monkeypatch)

    def shown(node):
        node.cells[-1].outputs.append(nbformat.v4.new_output("display_data", {"text/html": html}))
        return drawings.of(node)

    found = ran(place, monkeypatch, lambda: 1, figures=shown)
    assert found.figures() == [figure.slug]
    drawing = found.figure(figure.slug)
    assert drawing.startswith("<svg ")
    assert "xmlns=" in drawing
    assert drawing.endswith("</svg>")
    assert "var(--" not in drawing
    assert set(re.findall(r"#[0-9a-f]{6}", drawing)) <= set(theme.LIGHT.values())
    with pytest.raises(BadInput, match=f"performance has no figure 'other'; it has {figure.slug}"):
        found.figure("other")


def test_reports_are_read_by_name_and_each_when_it_is_asked_for(place, monkeypatch):
    ran(place, monkeypatch, numbers)
    found = runs.latest(Scope("north"), place)
    assert (list(found), len(found), "performance" in found, "shop" in found) == (["performance"], 1, True, False)
    with pytest.raises(KeyError, match="shop"):
        found["shop"]
    with pytest.raises(BadInput, match="operator sees runs and failures"):
        runs.latest(Scope("north", role="operator"), place)
    monkeypatch.chdir(place.root)
    assert runs.latest(Scope("north"))["performance"].results()["network"] == "north"
