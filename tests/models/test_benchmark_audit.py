"""The nightly fit against NUTS on the same hyperparameters."""

import numpy as np
import pytensor
import pytest

import truescores
from barberlab.errors import BadInput, GateFailed
from barberlab.models import benchmark, benchmark_kpis
from barberlab.models.benchmark_audit import Audit, audit, build, of_kpis
from barberlab.models.benchmark_evidence import binomial, count, normal
from barberlab.models.benchmark_hyper import half_normal
from kpis import simulated


def test_a_nightly_fit_that_differs_is_named():
    one = Audit({"mu": (0.0, 0.1), "tau_w": (0.5, 0.1)}, {"mu": (0.04, 0.1), "tau_w": (0.56, 0.1)})
    assert one.apart == {"mu": pytest.approx(0.4), "tau_w": pytest.approx(0.6)}
    with pytest.raises(GateFailed, match=r"differ in tau_w by 0\.60 sd; at most 0\.5 sd"):
        one.check()


def test_what_is_drawn_by_a_chain_is_not_audited():
    seen = normal(range(1001), np.linspace(-1, 1, 1001), np.full(1001, 0.2), freedom=8)
    with pytest.raises(BadInput, match="drawn by a chain has no hyperparameters of its own; audit fewer units"):
        audit(benchmark.fit(seen))


@pytest.mark.parametrize("shape", ["normal", "t4"])
def test_the_audits_integrals_are_its_own_and_come_to_what_the_grid_holds(shape):
    """Counts of 12 shops, one without any: log densities at nodes of the nightly grid, up to one constant."""
    events, hours = np.array([0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24]), np.linspace(50, 400, 12)
    found = benchmark.fit(count(range(12), events, hours), shape=shape)
    model = build(found)
    density = pytensor.function([model["mu"], model["tau_w"]], model.potentials[0], mode="FAST_COMPILE")
    points, weight = found.grid.nodes()
    some = np.argsort(weight)[::-40][:8]
    ours = np.array([density(mu, np.exp(log_tau)) for mu, log_tau in points[some]])
    held = np.log(weight[some]) - half_normal(1.0)(points[some, 1])
    assert np.ptp(ours - held) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("groups", [False, True], ids=["shops", "shops in networks"])
def test_nuts_agrees_with_the_closed_form_within_half_a_posterior_sd(groups):
    shops = truescores.simulate(2, shops=500, networks=30)
    found = benchmark.fit(shops.evidence(), shops.network if groups else None)
    assert set(audit(found).check().apart) == ({"mu", "tau_w", "tau_b"} if groups else {"mu", "tau_w"})


@pytest.mark.slow
def test_nuts_agrees_with_the_tables_of_the_twelve_hospitals():
    r = np.array([0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24])
    n = np.array([47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360])
    audit(benchmark.fit(binomial(range(12), r, n))).check()


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["normal", "t4"])
def test_nuts_agrees_with_the_tables_of_barbers_in_shops(shape):
    rng = np.random.default_rng(4)
    shop = np.repeat(np.arange(6), 4)
    y = rng.normal(0, 0.5, 6)[shop] + rng.normal(0, 0.4, 24) + rng.normal(0, 0.4, 24)
    found = benchmark.fit(normal(range(24), y, np.full(24, 0.16), freedom=10), shop, shape=shape)
    assert set(audit(found).check().apart) == {"mu", "tau_w", "tau_b"}


@pytest.mark.slow
def test_the_audit_of_a_report_names_every_figure_and_hyperparameter():
    ranked = {"revenue_per_available_hour": benchmark_kpis.ranked(simulated(np.random.default_rng(2), np.zeros(8)))}
    found = of_kpis(ranked)
    assert found["parameter"].tolist() == ["mu", "tau_w"]
    assert found["agrees"].all()
