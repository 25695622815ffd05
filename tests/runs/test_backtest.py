"""Back-tests end to end with forecasters of the test's own: leaks, files, tables, comparisons and refusals."""

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from barberlab import cli
from barberlab.data import weekly
from barberlab.errors import BadInput, NotAvailable
from barberlab.models import naive
from barberlab.models.paths import NetworkPaths
from barberlab.runs import backtest, paired
from barberlab.runs.backtest import MODEL, PEER, Request, panel_of

WEEKS, HORIZON = 80, 8
METRICS = {"n", "wape", "mase", "scaled_crps", "coverage80", "coverage95"}


def table(seed=1, **columns) -> pd.DataFrame:
    """Two networks of two shops over 80 weeks, with a season."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2023-01-02", periods=WEEKS, freq="7D")
    shops = [("north", "a"), ("north", "b"), ("south", "c"), ("south", "d")]
    season = 1 + 0.2 * np.sin(2 * np.pi * np.arange(WEEKS) / 52)
    rows = [
        pd.DataFrame({"network_id": network, "location_id": shop, "week": days, "revenue": 1000 * season})
        for network, shop in shops
    ]
    made = pd.concat(rows, ignore_index=True)
    return made.assign(**({"revenue": made["revenue"] * rng.normal(1, 0.05, len(made))} | columns))


@pytest.fixture
def panel():
    return panel_of(weekly.checked(table(), "x"), "x")


def level(panel, horizon, seed, draws):
    """A forecaster: the mean of the last quarter, give or take a tenth."""
    rng = np.random.default_rng(seed)
    for network in panel.networks:
        own = panel.of(network)
        mean = np.nanmean(own.revenue[:, -13:], axis=1)
        noise = rng.normal(1, 0.1, (len(mean), horizon, draws))
        yield NetworkPaths(str(network), own.location, mean[:, None, None] * noise)


def scored(panel, model=level, **options) -> backtest.Result:
    return backtest.backtest(panel, Request(**({"horizon": HORIZON, "origins": [60, 64, 72]} | options)), model)


# What it gives


def test_every_origin_level_and_model_has_every_score(panel):
    told = scored(panel).scores
    assert [fold["origin"] for fold in told["folds"]] == told["origins"] == [60, 64, 72]
    trees = [fold["models"][model] for fold in told["folds"] for model in (MODEL, PEER)]
    for tree in [*trees, *told["overall"].values()]:
        assert set(tree) == {"location", "network", "all", "wall_seconds", "cpu_seconds"}
        for name in ("location", "network", "all"):
            assert set(tree[name]) == {"weeks", "totals", "first_third", "second_third", "last_third"}
            assert all(set(scores) == METRICS for scores in tree[name].values())
    assert told["folds"][0]["first_week"] == "2024-02-26"


def test_forecasts_have_a_row_per_week_and_total_of_each_series(panel):
    told = scored(panel).forecasts
    assert told.columns[:4].tolist() == ["origin", "level", "id", "week"]
    assert told.columns[4:].tolist() == [f"q{q}" for q in (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)]
    assert len(told) == 3 * (4 + 2 + 1) * (HORIZON + 1)
    assert (
        told.groupby(["origin", "level", "id"])["week"]
        .agg(["nunique", "last"])
        .eq([HORIZON + 1, "total"])
        .all(axis=None)
    )
    assert (np.diff(told.iloc[:, 4:].to_numpy(), axis=1) >= 0).all()


def test_the_naive_model_scores_as_the_naive_peer(panel):
    folds = scored(panel, naive.forecast).scores["folds"]
    for fold in folds:
        for name in ("location", "network", "all"):
            assert fold["models"][MODEL][name] == fold["models"][PEER][name]


def test_overall_errors_are_the_mean_of_folds(panel):
    told = scored(panel).scores
    each = [fold["models"][MODEL]["network"]["totals"]["scaled_crps"] for fold in told["folds"]]
    assert told["overall"][MODEL]["network"]["totals"]["scaled_crps"] == pytest.approx(np.mean(each))


def test_nothing_later_than_an_origin_changes_its_forecast():
    """Every revenue after week 60 multiplied, some weeks shut, a shop gone: the forecast from week 60 stays."""
    given = table()
    late = given["week"] >= given["week"].min() + pd.Timedelta(weeks=60)
    changed = given.assign(revenue=given["revenue"].where(~late, given["revenue"] * 7))
    changed = changed[~(late & (changed["location_id"] == "b"))]
    changed.loc[late & (changed["week"].dt.month == 3) & (changed["location_id"] == "c"), "revenue"] = 0
    for model in (level, naive.forecast):
        one, other = (
            scored(panel_of(weekly.checked(rows, "x"), "x"), model, origins=[60]).forecasts for rows in (given, changed)
        )
        pd.testing.assert_frame_equal(one, other)


def test_a_network_without_a_forecast_is_named_and_left_out_of_the_peer_too(panel):
    told = scored(panel, lambda *a: (one for one in level(*a) if one.network == "south")).scores
    fold = told["folds"][0]
    assert (fold["without_forecast"], fold["networks"], fold["locations"]) == (["north"], 1, 2)
    assert fold["models"][PEER]["location"]["weeks"]["n"] == 2 * HORIZON


def test_where_nothing_is_forecast_the_origin_is_named(panel):
    with pytest.raises(NotAvailable, match="a forecast at origin 60: not available: needs half a year of history"):
        scored(panel, lambda *_: iter(()))


# From the table to the panel


def test_weeks_without_a_row_are_missing_and_later_rows_are_only_known_in_advance():
    given = table(x_offer=1.0)
    last = given["week"] == given["week"].max()
    given.loc[last, ["revenue", "x_offer"]] = [np.nan, 3.0]
    given = given.drop(index=5)
    told = panel_of(weekly.checked(given, "x"), "x")
    assert (len(told.weeks), told.known.shape) == (WEEKS - 1, (4, WEEKS, 1))
    assert np.isnan(told.revenue[0, 5])
    assert told.known[:, -1, 0].tolist() == [3, 3, 3, 3]


def test_a_shop_without_a_row_knows_what_its_network_knows():
    given = table(x_offer=lambda t: (t["network_id"] == "south") * 1.0)
    told = panel_of(weekly.checked(given.drop(index=[0, 160]), "x"), "x")
    assert told.known[:, 0, 0].tolist() == [0, 0, 1, 1]


def test_a_week_of_which_nobody_knows_is_refused():
    given = table(x_offer=1.0)
    gone = given["week"].isin(given["week"].unique()[[40, 41]])
    with pytest.raises(
        BadInput, match=r"f: x_offer is not known for 2 weeks \(first: 2023-10-09\): no location has a row"
    ):
        panel_of(weekly.checked(given[~gone], "f"), "f")


def test_a_country_adds_its_holidays():
    told = panel_of(weekly.checked(table(), "x"), "x", "country:US")
    assert told.known_names == ("country:US",)
    assert told.known[:, 0, 0].tolist() == [0, 0, 0, 0]
    assert told.known[0, 2, 0] == 1  # 16 January 2023, Martin Luther King Jr. Day


@pytest.mark.parametrize("said", ["US", "country:", "school"])
def test_a_calendar_that_is_none_is_refused(said):
    with pytest.raises(BadInput, match=r"it is none, country:US or, with a region"):
        panel_of(weekly.checked(table(), "x"), "x", said)


# Against an earlier score


@pytest.fixture
def earlier(panel, tmp_path):
    backtest.keep(scored(panel), None, tmp_path / "old.json")
    return tmp_path / "old.json"


def test_the_same_forecast_differs_by_nothing(panel, earlier):
    told = paired.Earlier.read(earlier, MODEL).differences(scored(panel).scores["folds"], MODEL)
    assert {name for name, _ in told} >= {"location weeks wape", "all totals scaled_crps", "network weeks coverage95"}
    assert all((step.mean, step.n) == (0, 3) for _name, step in told if not np.isnan(step.mean))


def test_a_difference_is_over_the_folds_that_both_have(panel, earlier):
    folds = scored(panel, naive.forecast, origins=[64, 70, 72]).scores["folds"]
    told = dict(paired.Earlier.read(earlier, MODEL).differences(folds, MODEL))["location weeks wape"]
    old = json.loads(earlier.read_text())["folds"]
    steps = [
        new["models"][MODEL]["location"]["weeks"]["wape"] - was["models"][MODEL]["location"]["weeks"]["wape"]
        for new, was in ((folds[0], old[1]), (folds[2], old[2]))
    ]
    assert (told.n, told.mean) == (2, pytest.approx(np.mean(steps)))
    assert told.low < told.mean < told.high


def test_a_score_of_other_data_is_not_compared(panel, earlier):
    other = panel_of(weekly.checked(table(seed=2), "x"), "x")
    prints = [backtest.fingerprint(other, origin, HORIZON) for origin in (60, 64, 72)]
    with pytest.raises(BadInput, match=r"old.json: none of its 3 folds is one of these 3"):
        paired.Earlier.read(earlier, MODEL).require_common(prints)
    paired.Earlier.read(earlier, MODEL).require_common([backtest.fingerprint(panel, 60, HORIZON)])


def test_what_is_known_in_advance_may_differ_between_scores(panel):
    with_calendar = panel_of(weekly.checked(table(x_a=0.0), "x"), "x", "country:US")
    assert backtest.fingerprint(with_calendar, 60, HORIZON) == backtest.fingerprint(panel, 60, HORIZON)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"folds": [{}]}', '{"folds": 3}'])
def test_a_file_that_is_no_score_is_refused(tmp_path, content):
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(BadInput, match=r"old.json: is not a score file"):
        paired.Earlier.read(tmp_path / "old.json", MODEL)


# From the terminal


@pytest.fixture
def typed(monkeypatch, tmp_path):
    """Runs `barberlab backtest revenue` in a folder of its own, with the level forecaster as the model."""
    monkeypatch.setitem(sys.modules, "barberlab.models.revenue", SimpleNamespace(backtest_forecast=level))
    monkeypatch.chdir(tmp_path)
    table().to_csv("weekly.csv", index=False)
    words = ["backtest", "revenue", "weekly.csv", "--horizon", str(HORIZON)]
    return lambda *more: CliRunner().invoke(cli.app, [*words, *more])


def test_the_command_writes_both_files_and_prints_both_tables(typed, tmp_path):
    files = ("--forecasts", "out.parquet", "--scores", "out.json")
    first = typed(*files)
    assert first.exit_code == 0, first.output
    assert "seasonal_naive" in first.output
    assert [fold["origin"] for fold in json.loads((tmp_path / "out.json").read_text())["folds"]] == [64, 68, 72]
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 3 * 7 * (HORIZON + 1)
    again = typed("--compare", "out.json", "--origins", "72,")
    assert "location weeks scaled_crps" in again.output
    assert "one fold does not say" in again.output


def test_a_score_that_there_is_not_is_null(tmp_path):
    result = backtest.Result({"folds": [{"wape": float("nan")}]}, pd.DataFrame())
    backtest.keep(result, None, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"folds": [{"wape": None}]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--origins", "90,"), "an origin is 1 to 72"),
        (("--scores", "nowhere/out.json"), "there is no such folder"),
        (("--scores", "one", "--forecasts", "one"), "name two"),
        (("--compare", "gone.json"), "gone.json: cannot be read"),
        (("--calendar", "country:XX"), "no holidays are known for it"),
    ],
)
def test_bad_input_is_refused_before_anything_is_forecast(typed, monkeypatch, options, words):
    monkeypatch.setattr(backtest, "backtest", lambda *_: pytest.fail("it was forecast"))
    told = typed(*options).exception
    assert isinstance(told, BadInput)
    assert words in str(told)


# A bad file: code 2, one line with names and counts, nothing forecast, nothing written


def _where(given: pd.DataFrame, shop: str, column: str, value: object, last: int = 2) -> pd.DataFrame:
    """The last rows of a shop with another value."""
    rows = given.index[given["location_id"] == shop][-last:]
    changed = given.astype({column: object})
    changed.loc[rows, column] = value
    return changed.infer_objects()


BAD_FILES = {
    "3 rows (first: row 321) are a second one of a location and week (a)": lambda t: pd.concat([t, t[:3]]),
    "2 rows (first: row 79) are a week that is not a Monday (2024-07-02 is a Tuesday)": lambda t: _where(
        t, "a", "week", pd.Timestamp("2024-07-02")
    ),
    "2 rows (first: row 159) are of negative revenue (b)": lambda t: _where(t, "b", "revenue", -5.0),
    "2 rows (first: row 159) are of infinite revenue (b)": lambda t: _where(t, "b", "revenue", np.inf),
    "1 location is in two networks (c)": lambda t: _where(t, "c", "network_id", "north"),
    "2 locations are without any revenue (b, d)": lambda t: t.assign(
        revenue=t["revenue"].where(~t["location_id"].isin(["b", "d"]))
    ),
    "x_offer: 2 rows (first: row 319) are missing or infinite (d); it must be known for the": lambda t: _where(
        t.assign(x_offer=0.0), "d", "x_offer", np.nan
    ),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("words", BAD_FILES)
def test_a_bad_file_ends_with_two_and_names_before_anything_is_forecast(
    typed, monkeypatch, capsys, tmp_path, words, kind
):
    monkeypatch.setattr(backtest, "backtest", lambda *_: pytest.fail("it was forecast"))
    given = BAD_FILES[words](table())
    given.to_csv("bad.csv", index=False) if kind == "csv" else given.to_parquet("bad.parquet", index=False)
    line = ["backtest", "revenue", f"bad.{kind}", "--forecasts", "out.parquet", "--scores", "out.json"]
    monkeypatch.setattr(sys, "argv", ["barberlab", *line])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"barberlab: bad.{kind}: ")
    assert words in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("said", "found"), [("2", [68, 72]), ("60,70", [60, 70]), ("60,", [60])])
def test_origins_are_a_count_or_a_list_of_either_kind_of_file(typed, tmp_path, kind, said, found):
    table().to_parquet("weekly.parquet", index=False)
    words = ["backtest", "revenue", f"weekly.{kind}", "--horizon", str(HORIZON), "--origins", said]
    told = CliRunner().invoke(cli.app, [*words, "--scores", "out.json", "--forecasts", "out.parquet"])
    assert told.exit_code == 0, told.output
    assert [fold["origin"] for fold in json.loads((tmp_path / "out.json").read_text())["folds"]] == found
    assert pd.read_parquet(tmp_path / "out.parquet")["origin"].unique().tolist() == found


def test_what_is_compared_has_its_uncertainty(typed):
    assert typed("--scores", "old.json").exit_code == 0
    told = typed("--compare", "old.json", "--seed", "2")
    [line] = [line for line in told.output.splitlines() if line.startswith("location weeks scaled_crps")]
    assert re.search(r"[+-]0\.\d{4} +[+-]0\.\d{4} to [+-]0\.\d{4} +3$", line.rstrip())
