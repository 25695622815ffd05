"""The population that runs start from: read as it was written, refused if altered, and part of what a run is."""

import json

import bench
import pytest

import futures_made
from barberlab import runs
from barberlab.errors import BadInput, NotAvailable
from barberlab.models.population import SIMULATED
from barberlab.runs import jobs, manifest, population, runner


@pytest.fixture
def place(tmp_path):
    """A workspace with the shipped population, a report and a network."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "revenue", bench.notebook("1"))
    bench.add_data(made, "north")
    path = population.path(made, "revenue")
    path.parent.mkdir()
    path.write_text(futures_made.SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    return made


def test_a_notebook_reads_what_is_shipped(place):
    found = runs.population_of("revenue", place)
    assert found == futures_made.population()
    assert (found.model, found.source) == ("revenue", SIMULATED)
    assert found.networks >= 20


def test_an_altered_file_is_refused(place):
    path = population.path(place, "revenue")
    said = json.loads(path.read_text())
    said["mean"][0] += 0.1
    path.write_text(json.dumps(said))
    with pytest.raises(BadInput, match=r"params/populations/revenue\.json: its numbers are not those of version"):
        runs.population_of("revenue", place)


def test_another_models_file_is_refused(place):
    population.path(place, "churn").write_text(population.path(place, "revenue").read_text())
    with pytest.raises(BadInput, match="is the population of 'revenue', not of 'churn'"):
        runs.population_of("churn", place)


def test_where_there_is_none_it_is_said_what_builds_one(tmp_path):
    with pytest.raises(NotAvailable, match=r"needs revenue\.json; `barberlab population fit` builds it"):
        runs.population_of("revenue", bench.workspace(tmp_path / "w"))


def test_a_run_names_the_population_and_another_one_is_another_run(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    options = {"pages": bench.pages()}
    [first] = runner.run(place, ["north"], **options)
    [same] = runner.run(place, ["north"], **options)
    told = manifest.read(place.outputs / "north" / first.run_id)
    assert (first.state, same.state) == ("published", "unchanged")
    assert list(told.code["populations"]) == ["revenue"]
    path = population.path(place, "revenue")
    path.write_text(path.read_text() + "\n")
    [other] = runner.run(place, ["north"], **options)
    assert other.state == "published"
    assert len(ran) == 2
    assert jobs.known_reports(place, None)[0].name == "revenue"


def test_weeks_that_are_not_whole_do_not_make_a_population():
    """Data from Wednesday 3 January to Sunday 21: the first week is not whole, a week without trade is none."""
    import pandas as pd

    days = pd.date_range("2024-01-03", "2024-01-21")
    daily = pd.DataFrame({"location": "a", "date": days, "revenue": [5.0] * 12 + [0.0] * 7})
    weekly = population.weekly_revenue("n", daily)
    assert weekly["week"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-08"]
    assert weekly["revenue"].tolist() == [35.0]
    assert population.weekly_panel(weekly).revenue.tolist() == [[35.0]]


def test_simulated_networks_are_the_same_for_the_same_seed():
    [(name, one)], [(_, again)], [(_, other)] = (list(population.simulated(seed, 0, 1)) for seed in (3, 3, 4))
    assert name == "plains_0"
    assert one.equals(again)
    assert not one.equals(other)
    assert one["revenue"].min() > 0


def test_a_population_of_no_networks_is_refused(place):
    with pytest.raises(BadInput, match="at least one network is needed"):
        population.fit(place, visits=0, days=0)
