"""No network weighs more than one in the benchmark, whatever its rows say; and months together say what was there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from barberlab import params
from barberlab.errors import BadInput, NotAvailable
from barberlab.models import release_filter
from barberlab.models.release_simulated import networks, noise, vectors
from barberlab.models.release_spec import Cell, Spec
from barberlab.models.release_vector import features, vector

RULES = Path(__file__).parents[2] / "params" / "benchmark" / "cells.yaml"
SAID = params.read_yaml(RULES)
SPEC = Spec.of(SAID, RULES.name)
ONE_CELL = replace(SPEC, cells=(Cell("all", "All", 1.0, (1, 100_000)),))
K = len(SPEC.kpis)


def adversarial(rng):
    """One network's shops as an attacker would hand them in: one or many, huge, infinite, missing, all alike."""
    shops = int(rng.choice([1, 2, 3, 9, 10, 33, 49, 50, 300]))
    z = rng.normal(size=(shops, K)) * rng.choice([1e-9, 1.0, 4.0, 1e6, 1e300])
    z[rng.random(z.shape) < 0.1] = rng.choice([np.inf, -np.inf, np.nan, 1e308, -4.0])
    return np.full_like(z, 4.0) if rng.random() < 0.2 else z


def test_four_hundred_hostile_networks_never_exceed_the_bound():
    rng, lengths = np.random.default_rng(11), []
    for spec in (SPEC, ONE_CELL):
        lengths += [np.linalg.norm(vector(adversarial(rng), spec)) for _ in range(400)]
    assert np.isfinite(lengths).all()
    assert max(lengths) <= SPEC.sensitivity
    assert max(lengths) == pytest.approx(SPEC.sensitivity, rel=1e-6), "the bound is reached, so the audit can see it"


def test_the_order_of_networks_does_not_show_in_the_sum():
    rng = np.random.default_rng(5)
    vectors = [vector(rng.normal(size=(4, K)), SPEC) for _ in range(200)]
    assert np.array_equal(sum(vectors), sum(vectors[::-1]))


def test_a_network_of_three_hundred_shops_counts_like_one_of_three():
    shops = np.random.default_rng(6).normal(0.3, 0.2, size=(3, K))
    assert features(np.tile(shops, (100, 1)), 9.0) == pytest.approx(features(shops, 9.0), rel=1e-12)
    assert features(shops[::-1], 9.0) == pytest.approx(features(shops, 9.0), rel=1e-12)


def test_a_missing_figure_is_left_out_and_not_zero():
    shops = np.array([[1.0] * K, [3.0] * K])
    one_missing = shops.copy()
    one_missing[1, 0] = np.nan
    found = features(one_missing, 9.0)
    assert found[0] == pytest.approx(features(shops[:1], 9.0)[0])
    assert found[1] == pytest.approx(features(shops, 9.0)[1])


def test_a_network_stands_in_the_cells_of_its_size_alone():
    block = vector(np.zeros((12, K)), SPEC)
    assert [bool(row.any()) for row in block] == [True, False, True, False]
    assert block[0, 0] == pytest.approx(0.8 * SPEC.count)


@pytest.mark.parametrize("kpi", SPEC.kpis, ids=lambda kpi: kpi.name)
def test_the_public_scale_goes_there_and_back(kpi):
    z = np.linspace(-3, 3, 7)
    assert kpi.standard(kpi.natural(z, "USD"), "USD") == pytest.approx(z, abs=1e-9)
    assert kpi.standard(kpi.centre_in("USD"), "USD") == pytest.approx(0)


def changed(**differs):
    return {**SAID, **differs}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (changed(colour="red"), "unexpected keyword argument 'colour'"),
        (
            {key: value for key, value in SAID.items() if key != "clip"},
            "missing 1 required positional argument: 'clip'",
        ),
        (changed(cells={**SAID["cells"], "all": {**SAID["cells"]["all"], "weight": 0.9}}), "add up to 1.170"),
        (changed(release_micro_rho=400_000), "release_micro_rho <= year_micro_rho"),
        (changed(kpis={"x": {**SAID["kpis"]["utilisation"], "centre": 3}}), "kpi 'x': centre must lie in range"),
        (changed(kpis={"x": {**SAID["kpis"]["utilisation"], "scale": "cube"}}), "scale is one of log, logit, plain"),
        (changed(kpis=3), "holds no such value"),
    ],
)
def test_rules_that_are_none_are_refused_by_name(said, words):
    with pytest.raises(BadInput, match=f"cells.yaml: .*{words}"):
        Spec.of(said, "cells.yaml")


def test_a_comment_does_not_change_the_rules_and_a_bound_does():
    assert Spec.of(SPEC.to_json(), "x") == SPEC
    assert Spec.of(SPEC.to_json(), "x").sha == SPEC.sha
    assert replace(SPEC, clip=1.61).sha != SPEC.sha


def test_money_needs_a_centre_in_its_currency():
    with pytest.raises(NotAvailable, match="a public centre for JPY"):
        SPEC.kpi("average_ticket").standard(3000, "JPY")


# Months together


def months(networks, mean, spread, noise, seed, count=12, shops=33):
    """Noisy sums of `count` months over networks of shops that are normal on the public scale."""
    rng = np.random.default_rng(seed)
    base = mean + spread * (rng.normal(0, 0.5, (networks, 1, K)) + rng.normal(0, 0.866, (networks, shops, K)))
    total = sum(vector(z, ONE_CELL) for z in base)[0]
    return [(month, total + rng.normal(0, noise, total.shape)) for month in range(count)], base


def test_without_noise_the_pool_is_what_it_was():
    """Up to the clip, which cuts few networks where the pool stands near the public centre."""
    quiet = replace(ONE_CELL, year_micro_rho=10**12, release_micro_rho=10**12)
    seen, base = months(100, 0.1, 0.9, 0.0, seed=1)
    pool = release_filter.smoothed(seen, 1.0, quiet)
    assert pool.networks == pytest.approx(100, abs=0.1)
    assert pool.mean == pytest.approx(base.mean(axis=(0, 1)), abs=0.03)
    assert np.exp(pool.log_spread) == pytest.approx(base.std(axis=(0, 1)), abs=0.05)


def test_more_months_and_more_networks_are_surer():
    def sure(networks, count):
        pool = release_filter.smoothed(months(networks, 0, 1, ONE_CELL.noise, 2, count)[0], 1.0, ONE_CELL)
        return pool.percentile(0.5)[1].mean()

    assert sure(100, 12) < sure(100, 3) < sure(100, 1)
    assert sure(300, 6) < sure(100, 6) < sure(20, 6)


def test_a_missing_month_costs_certainty_alone():
    seen, _ = months(100, 0.2, 1, ONE_CELL.noise, 3)
    whole = release_filter.smoothed(seen, 1.0, ONE_CELL)
    holed = release_filter.smoothed(seen[:5] + seen[6:], 1.0, ONE_CELL)
    assert holed.networks_var > whole.networks_var
    assert holed.mean == pytest.approx(whole.mean, abs=0.2)


def test_pure_noise_says_as_usual():
    rng = np.random.default_rng(4)
    seen = [(month, rng.normal(0, ONE_CELL.noise, 1 + 2 * K)) for month in range(12)]
    pool = release_filter.smoothed(seen, 1.0, ONE_CELL)
    assert (np.abs(pool.mean) < 3 * np.sqrt(pool.mean_var)).all()
    assert pool.networks < 20


def test_errors_are_as_large_as_they_say():
    """80 % error bars over 25 pools hold between 70 % and 97 %: the part for the shape is the same for all shapes."""
    inside = []
    for seed in range(25):
        seen, base = months(60, 0.2, 1.05, ONE_CELL.noise, 100 + seed, shops=10)
        z, se = release_filter.smoothed(seen, 1.0, ONE_CELL).percentile(0.25)
        inside += list(np.abs(z - np.quantile(base.reshape(-1, K), 0.25, axis=0)) < norm.ppf(0.9) * se)
    assert 0.70 < np.mean(inside) < 0.97


def test_far_off_the_public_centre_errors_grow_with_what_the_clip_takes():
    """100 networks that all stand .7 spreads off: the clip pulls every percentile towards the centre, by .1 to .3."""
    spec = ONE_CELL
    shares, inside, pulled = (0.1, 0.25, 0.5, 0.75, 0.9), [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        base = networks(rng, 100, K, off=0.7)
        total = vectors(base, spec).sum(axis=0)
        pool = release_filter.smoothed([(m, total + noise(rng, spec, total.shape)) for m in range(12)], 1.0, spec)
        for share in shares:
            z, se = pool.percentile(share)
            truth = np.quantile(base.reshape(-1, K), share, axis=0)
            pulled.append(np.mean(truth - z))
            inside += list(np.abs(z - truth) < norm.ppf(0.9) * se)
    assert np.mean(pulled) > 0.1
    assert np.mean(inside) > 0.8
