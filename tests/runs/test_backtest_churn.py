"""A back-test of churn on a file: what is written agrees with itself, with the file, and leaves the withheld out."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from barberlab import cli
from barberlab.data.visits import read
from barberlab.errors import BadInput
from barberlab.runs import backtest_churn
from panels import panel
from visits_made import day, regulars

CUTOFF, HORIZON = day(165), 60
WITHHELD = {"c0003", "c0117"}
FILE_WORDS = ["backtest", "churn", "visits.parquet", "--cutoff", str(CUTOFF), "--horizon-days", str(HORIZON)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """250 clients over 230 days, of whom two withdrew consent; one visit stands twice."""
    log = regulars(1, 250, 230)
    log["consent_profiling"] = ~log["client_id"].isin(WITHHELD)
    path = tmp_path_factory.mktemp("churn") / "visits.parquet"
    pd.concat([log, log.iloc[[0]]]).to_parquet(path, index=False)
    return path


@pytest.fixture(scope="module")
def written(file):
    """(scores, clients, printed) of the command, once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(file.parent)
        told = CliRunner().invoke(cli.app, [*FILE_WORDS, "--scores", "out.json", "--clients", "out.parquet"])
    assert told.exit_code == 0, told.output
    scores = json.loads((file.parent / "out.json").read_text())
    return scores, pq.read_table(file.parent / "out.parquet").to_pandas(), told.output


@pytest.fixture
def typed(file, monkeypatch):
    """The command with more words, typed beside the file."""
    monkeypatch.chdir(file.parent)
    return lambda *more: CliRunner().invoke(cli.app, [*FILE_WORDS, *more])


def test_the_clients_are_those_seen_by_the_cutoff_without_those_who_withdrew_consent(written, file):
    scores, clients, _ = written
    log = pd.read_parquet(file)
    seen = set(log.loc[log["date"] <= pd.Timestamp(CUTOFF), "client_id"])
    there = WITHHELD & seen
    assert there, "one who withdrew consent had come by then"
    assert set(clients["client_id"]) == seen - WITHHELD
    assert (scores["clients"], scores["clients_withheld"]) == (len(seen), len(there))


def test_what_is_told_of_a_client_is_what_the_file_says(written, file):
    _, clients, _ = written
    days = pd.read_parquet(file).drop_duplicates(["client_id", "date"])
    days = days[days["date"] <= pd.Timestamp(CUTOFF)].groupby("client_id")["date"].agg(["size", "min", "max"])
    one = days.loc[clients["client_id"]]
    np.testing.assert_array_equal(clients["x"], one["size"] - 1)
    np.testing.assert_array_equal(clients["t_x"], (one["max"] - one["min"]).dt.days)
    np.testing.assert_array_equal(clients["T"], (pd.Timestamp(CUTOFF) - one["min"]).dt.days)


def test_chances_are_chances_and_lie_in_their_range(written):
    _, clients, _ = written
    low, p, high = (clients[f"p_no_visit{end}"] for end in ("_low", "", "_high"))
    assert ((low > 0) & (low < p) & (p < high) & (high < 1)).all()
    assert clients["p_alive"].between(0, 1).all()
    assert (clients["expected_visits"] >= 0).all()
    assert clients["model"].nunique() == 1


def test_the_scores_are_those_of_the_clients_file_but_for_the_withheld(written, file):
    scores, clients, _ = written
    days = pd.read_parquet(file).drop_duplicates(["client_id", "date"])
    ahead = (days["date"] - pd.Timestamp(CUTOFF)).dt.days
    came = days[(ahead > 0) & (ahead <= HORIZON)].groupby("client_id").size()
    n = came.reindex(clients["client_id"], fill_value=0).to_numpy()
    withheld = scores["clients_withheld"] / scores["clients"]
    assert np.mean((clients["p_no_visit"] - (n == 0)) ** 2) == pytest.approx(scores["brier"], abs=withheld)
    assert np.abs(clients["expected_visits"] - n).mean() == pytest.approx(scores["count_mae"], abs=5 * withheld)
    assert scores["base_rate"] == pytest.approx((n == 0).mean(), abs=withheld)


def test_the_score_file_names_what_was_used_and_shows_all_beside_the_rules(written):
    scores, _, printed = written
    assert scores["used"]["churn"] in scores["models"]
    assert scores["models"][scores["used"]["churn"]]["brier"] == scores["brier"]
    assert set(scores["rules"]) == {"60 days", "own gap"}
    figures = {"auc", "brier", "skill", "ece", "accuracy", "log_loss", "count_mae"}
    assert figures <= set(scores)
    assert all(figures <= set(rule) for rule in scores["rules"].values())
    assert {"base_accuracy", "log_likelihood", "parameters", "wall_seconds", "cpu_seconds"} <= set(scores)
    assert scores["data"]["merged_client_days"] == 1
    assert "rule: 60 days" in printed
    assert scores["used"]["churn"] in printed
    assert "withdrew consent" in " ".join(scores["data"]["notes"])


def test_no_client_of_the_score_file_stands_alone(written):
    """Blocks are means of several clients, also in a network that has hardly more clients than there are blocks."""
    scores, _, _ = written
    n = np.array(scores["blocks"]["n"])
    assert n.sum() == scores["clients"] < 2 * backtest_churn.BLOCKS
    assert n.min() >= backtest_churn.LEAST
    assert not any(client in json.dumps(scores) for client in written[1]["client_id"].head(20))


def test_against_itself_nothing_has_moved(typed, written):
    again = typed("--compare", "out.json")
    assert again.exit_code == 0, again.output
    assert "against out.json" in again.output
    assert again.output.count("+0.00000 to +0.00000") == 3


def test_losses_that_were_higher_before_have_fallen(written, file):
    scores, _, _ = written
    worse = json.loads(json.dumps(scores))
    worse["blocks"]["brier"] = [value + 0.01 for value in worse["blocks"]["brier"]]
    path = file.parent / "worse.json"
    path.write_text(json.dumps(worse))
    moved = dict(backtest_churn.Earlier.read(path).differences(scores))
    assert moved["brier"].mean == pytest.approx(-0.01)
    assert moved["brier"].high < 0
    assert moved["count_mae"].mean == 0


def test_scores_of_other_clients_or_another_kind_are_not_compared(written, file):
    scores, _, _ = written
    (file.parent / "no.json").write_text("{}")
    with pytest.raises(BadInput, match="is not a score file"):
        backtest_churn.Earlier.read(file.parent / "no.json")
    with pytest.raises(BadInput, match="cannot be read"):
        backtest_churn.Earlier.read(file.parent / "none.json")
    earlier = backtest_churn.Earlier.read(file.parent / "out.json")
    with pytest.raises(BadInput, match="other clients or other outcomes"):
        list(earlier.differences(scores | {"fingerprint": "0"}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cutoff", "yesterday"), "--cutoff 'yesterday': is not a day; write it as 2025-06-30"),
        (("--cutoff", "2019-01-01"), "outside the data"),
        (("--cutoff", str(day(200))), "are not over by"),
        (("--horizon-days", "0"), "at least 1"),
        (("--scores", "nowhere/out.json"), "cannot be written"),
        (("--compare", "none.json"), "cannot be read"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_any_work(typed, file, words, said):
    before = sorted(path.name for path in file.parent.iterdir())
    told = typed(*words)
    assert isinstance(told.exception, BadInput)
    assert said in str(told.exception)
    assert sorted(path.name for path in file.parent.iterdir()) == before


def test_a_withheld_client_counts_in_the_total_as_everybody_else(file):
    """The same file without any refusal gives the same scores: consent decides over output, not over totals."""
    open_to_all = pd.read_parquet(file).drop(columns="consent_profiling")
    path = file.parent / "open.parquet"
    open_to_all.to_parquet(path, index=False)
    log = read(path)
    result = backtest_churn.backtest(log, path.name, CUTOFF, HORIZON)
    scores = json.loads((file.parent / "out.json").read_text())
    assert result.scores["brier"] == scores["brier"]
    assert len(result.clients) == scores["clients"]


@pytest.mark.slow
def test_the_grocery_log_is_scored_as_well_as_its_peers_allow():
    """90 days from 2006-12-31, base rate .733.

    lifetimes 0.11.3 in tests/benchmarks/churn_peers.py: Pareto/NBD Brier .0901, logistic .0881, MBG/NBD MAE of visits
    .4326. What is said must not be over 1.01 of the best Brier score, real k not over .94 of that error, and the
    calibration error not over .03.
    """
    path = panel("grocery") / "visits.parquet"
    scores = backtest_churn.backtest(read(path), path.name, date(2006, 12, 31), 90).scores
    assert scores["base_rate"] == pytest.approx(0.733, abs=5e-4)
    assert scores["brier"] <= 1.01 * 0.0881
    assert scores["models"]["real k"]["count_mae"] <= 0.94 * 0.4326
    assert scores["ece"] <= 0.03
