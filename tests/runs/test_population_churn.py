"""Is the churn population that ships the one that simulated networks give, and usable?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from barberlab import cli
from barberlab.errors import BadInput, NotAvailable
from barberlab.models.churn_fit import fit as fit_network
from barberlab.models.churn_prior import NAMES
from barberlab.models.population import SIMULATED, Population
from barberlab.runs import population_churn
from barbers import network, planted

SHIPPED = Path(__file__).parents[2] / "params" / "populations" / "churn.json"


def test_the_population_that_ships_is_of_simulated_networks_and_fits_a_network():
    shipped = Population.read(SHIPPED.read_text(), SHIPPED.name)
    assert (shipped.source, shipped.networks, shipped.names) == (SIMULATED, population_churn.NETWORKS, NAMES)
    post = fit_network(network(planted(0, 3), 200, seed=0), population=shipped)
    assert np.isfinite(post.shop_mean).all()


def test_visits_are_those_that_took_place_on_the_shops_own_day():
    start = pd.Series(pd.to_datetime(["2026-01-05 23:30", "2026-01-06 10:00", "2026-01-07 10:00"])).dt.tz_localize(
        "America/New_York"
    )
    booked = pd.DataFrame(
        {"client_id": ["ann", "bob", None], "status": ["completed", "no_show", "completed"], "start": start,
         "location_id": "a"}
    )  # fmt: skip
    assert population_churn.completed(booked).astype(str).to_numpy().tolist() == [["ann", "2026-01-05", "a"]]


def test_too_few_networks_write_nothing(workspace, monkeypatch):
    rng = np.random.default_rng(0)
    days = [rng.integers(5, 60, 1 + n % 6).cumsum() for n in range(60)]
    rows = [(n, pd.Timestamp("2026-01-01") + pd.Timedelta(day, "D")) for n in range(60) for day in days[n]]
    visits = pd.DataFrame(rows, columns=["client_id", "date"])
    monkeypatch.setattr(population_churn, "simulated", lambda seed, networks: [("one", visits)])
    shipped = (workspace.params / "populations" / "churn.json").read_bytes()
    with pytest.raises(NotAvailable, match="needs 14 networks; there are 1"):
        population_churn.fit(workspace)
    assert (workspace.params / "populations" / "churn.json").read_bytes() == shipped


def test_the_command_builds_the_population_of_the_model_that_is_named(workspace, monkeypatch):
    shipped = Population.read(SHIPPED.read_text(), SHIPPED.name)
    asked = []
    monkeypatch.setattr(population_churn, "fit", lambda place, seed, say: asked.append((place.root, seed)) or shipped)
    words = ["population", "fit", "churn", "--seed", "3", "--root", str(workspace.root)]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 0, told.output
    assert asked == [(workspace.root, 3)]
    assert told.output.startswith(f"churn: version {shipped.version}, from 24 simulated networks")


@pytest.mark.parametrize(
    ("words", "said"),
    [(("demand",), "population 'demand': it is revenue or churn"), (("churn", "--method", "nuts"), "no other than")],
)
def test_a_population_that_there_is_not_is_refused(workspace, words, said):
    told = CliRunner().invoke(cli.app, ["population", "fit", *words, "--root", str(workspace.root)])
    assert isinstance(told.exception, BadInput)
    assert said in str(told.exception)
