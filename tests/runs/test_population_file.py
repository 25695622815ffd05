"""The population file: built from simulated networks, read back, refused where it is none."""

import json
import re

import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.runs import population
from barberlab.workspace import Workspace


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A workspace with the population of two small chains."""
    workspace = Workspace(tmp_path_factory.mktemp("population"))
    return workspace, population.fit(workspace, seed=3, visits=0, days=2)


def test_what_is_written_is_what_is_read(built):
    workspace, found = built
    assert population.read(workspace, "revenue") == found
    assert (found.source, found.networks) == ("simulated", 2)


def test_the_file_says_how_the_sampler_passed_its_gates(built):
    _, found = built
    assert [words.partition(": ")[0] for words in found.gates] == ["location", "opening", "network"]
    assert all(re.search(r": laplace, scales within [0-3]\.\d sd of their priors$", words) for words in found.gates)


def test_the_same_seed_gives_the_same_file(built, tmp_path):
    workspace, found = built
    again = population.fit(Workspace(tmp_path), seed=3, visits=0, days=2)
    assert again.version == found.version
    assert (
        population.path(Workspace(tmp_path), "revenue").read_bytes()
        == population.path(workspace, "revenue").read_bytes()
    )


def test_the_file_holds_hyperparameters_and_no_row(built):
    workspace, found = built
    kept = json.loads(population.path(workspace, "revenue").read_text())
    assert set(kept) == {"version", "model", "names", "mean", "covariance", "source", "networks", "as_of", "gates"}
    assert len(kept["mean"]) == len(found.names) < 40


def test_a_population_that_was_never_built_names_the_command(tmp_path):
    with pytest.raises(NotAvailable, match="`barberlab population fit` builds it"):
        population.read(Workspace(tmp_path), "revenue")


def test_another_models_file_is_refused(built, tmp_path):
    workspace, _ = built
    wrong = population.path(Workspace(tmp_path), "churn")
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(population.path(workspace, "revenue").read_bytes())
    with pytest.raises(BadInput, match="is the population of 'revenue', not of 'churn'"):
        population.read(Workspace(tmp_path), "churn")


def test_only_whole_weeks_with_trade_are_kept():
    daily = population.revenue_of_days(_days())
    weekly = population.weekly_revenue("net", daily)
    assert weekly["week"].dt.strftime("%Y-%m-%d").tolist() == ["2025-06-09"]
    assert weekly["revenue"].tolist() == [7.0]


def _days():
    import pandas as pd

    days = pd.date_range("2025-06-05", "2025-06-24")
    cents = [100 if day < pd.Timestamp("2025-06-16") or day > pd.Timestamp("2025-06-22") else 0 for day in days]
    return pd.DataFrame(
        {"location_id": "a", "local_date": days, "net_service_cents": cents, "net_retail_cents": 0 * len(cents)}
    )
