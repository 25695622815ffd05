"""A member's place among others: is it read off the release alone, with the uncertainty of both sides?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from barberlab import params
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.models import release_filter
from barberlab.models.release import DARK, SIMULATED, Release, Standing, cell_content
from barberlab.models.release_filter import Pool
from barberlab.models.release_spec import Spec

RULES = Path(__file__).parents[2] / "params" / "benchmark" / "cells.yaml"
SPEC = Spec.of(params.read_yaml(RULES), RULES.name)
K = len(SPEC.kpis)


def pool(networks=80.0, sure=1e-9):
    """A pool that stands at the public centres, known all but exactly."""
    return Pool(networks, sure, np.zeros(K), np.full(K, sure), np.zeros(K), np.full(K, sure))


@pytest.fixture
def release(monkeypatch):
    """`all` is lit by eighty networks at the public centres, every other cell is dark; there is no shape error."""
    monkeypatch.setattr(release_filter, "SHAPE", 1e-3)
    cells = {cell.name: {"state": DARK} for cell in SPEC.cells}
    lit = cell_content(pool(), Standing(True, 2), 0.8, SPEC)
    return Release("2026-10", {"0": "2026-10", "3": "2026-07"}, SIMULATED, SPEC, cells | {"all": lit})


def certain(value, draws=50):
    return np.full(draws, float(value))


def test_the_middle_of_the_pool_is_the_public_centre(release):
    cuts = release.cutpoints("average_ticket", "USD")
    assert cuts.loc[50, "value"] == pytest.approx(4500, rel=1e-6)
    assert release.cutpoints("average_ticket", "EUR").loc[50, "value"] == pytest.approx(4200, rel=1e-6)
    assert cuts["value"].is_monotonic_increasing
    assert (cuts["low80"] <= cuts["value"]).all()


def test_a_shop_at_the_quartile_stands_at_a_quarter(release):
    quarter = 0.62 + norm.ppf(0.25) * 0.15
    place = release.position("utilisation", quarter + np.random.default_rng(1).normal(0, 1e-6, 4000), "USD").iloc[0]
    assert place["percentile"] == pytest.approx(25, abs=1)
    assert place["below_25"] == pytest.approx(0.5, abs=0.1)
    assert place["below_50"] == 1


def test_nobody_is_placed_farther_out_than_the_release_tells(release):
    places = release.position("utilisation", np.array([[0.0, 1.9]] * 9), "USD", names=["idle", "crowded"])
    assert places["percentile"].to_dict() == pytest.approx({"idle": 10, "crowded": 90})


def test_the_less_sure_a_shop_is_of_itself_the_wider_its_place(release):
    rng, spread = np.random.default_rng(2), np.array([0.01, 0.05, 0.15])
    places = release.position("utilisation", 0.62 + rng.normal(size=(4000, 1)) * spread, "USD")
    assert (places["high80"] - places["low80"]).is_monotonic_increasing
    assert places["percentile"].to_numpy() == pytest.approx(50, abs=3)


def test_noise_in_the_release_widens_the_place_of_a_shop_that_is_sure_of_itself():
    widths = []
    for sure in (0.01, 0.1, 0.4):
        lit = cell_content(pool(sure=sure**2), Standing(True, 2), 0.8, SPEC)
        place = Release("2026-10", {}, SIMULATED, SPEC, {"all": lit}).position("utilisation", certain(0.62), "USD")
        widths.append((place["high80"] - place["low80"]).item())
    assert widths == sorted(widths)
    assert widths[0] < widths[-1] / 2


def test_segments_are_probabilities_and_fewer_no_shows_are_better(release):
    own = np.array([[0.005, 0.045, 0.30]] * 5)
    shares = release.segments("no_show_rate", own, "USD")
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    assert shares.idxmax(axis=1).tolist() == [5, 3, 1]
    assert release.segments("rebook_rate", np.array([[0.05, 0.32, 0.9]] * 5), "USD").idxmax(axis=1).tolist() == [
        1,
        3,
        5,
    ]


def test_few_networks_tell_quartiles_and_no_tails():
    lit = cell_content(pool(networks=40), Standing(True, 2), 0.8, SPEC)
    few = Release("2026-10", {}, SIMULATED, SPEC, {"all": lit})
    assert few.networks("all") == "20-49"
    assert few.cutpoints("utilisation", "USD").index.tolist() == [25, 50, 75]
    with pytest.raises(NotAvailable, match="at least 50 networks"):
        few.segments("utilisation", certain(0.6), "USD")


def test_a_dark_cell_holds_nothing_but_its_state(release):
    assert cell_content(pool(), Standing(False, 1), 0.8, SPEC) == {"state": "dark"}
    assert [cell.name for cell in release.dark()] == ["small", "medium", "large"]
    with pytest.raises(NotAvailable, match="needs at least 20 networks that take part"):
        release.cutpoints("utilisation", "USD", "small")


def test_a_network_is_held_against_the_narrowest_cell_that_is_lit(release):
    assert release.cell_of(5).name == "all"
    lit = replace(release, cells=dict(release.cells) | {"small": release.cells["all"]})
    assert (lit.cell_of(5).name, lit.cell_of(10).name) == ("small", "all")
    with pytest.raises(NotAvailable):
        replace(release, cells={name: {"state": DARK} for name in release.cells}).cell_of(5)


def test_a_release_reads_back_and_an_altered_number_is_found(release):
    text = release.text()
    assert Release.read(text, "x.json") == release
    with pytest.raises(Damaged, match=r"x\.json: was altered"):
        Release.read(text.replace('"2026-07"', '"2026-06"'), "x.json")
    for spoilt in ("", "[]", "{}", text[:200]):
        with pytest.raises(Damaged, match=r"x\.json: cannot be read"):
            Release.read(spoilt, "x.json")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda one: one.cutpoints("profit", "USD"), "has no 'profit'; it has revenue_per_available_hour"),
        (lambda one: one.cutpoints("utilisation", "USD", "tiny"), "has no cell 'tiny'; it has all, small"),
        (lambda one: one.position("utilisation", certain(np.nan), "USD"), "no number"),
    ],
)
def test_what_the_release_does_not_have_is_refused(release, ask, words):
    with pytest.raises(BadInput, match=words):
        ask(release)


def test_money_without_a_public_centre_is_not_available(release):
    with pytest.raises(NotAvailable, match="public centre for JPY"):
        release.position("average_ticket", certain(4000), "JPY")


def test_a_cell_is_lit_after_two_periods_and_does_not_flicker():
    """Effective networks by period; lit from 22 twice, dark below 18."""
    seen, standing = [], Standing()
    for effective in (22, 21, 22, 22, 19, 18, 21, 17.9, 30, 30, 30):
        standing = standing.after(effective)
        seen.append(standing.lit)
    assert seen == [False, False, False, True, True, True, True, False, False, True, True]
