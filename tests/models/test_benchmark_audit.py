"""The nightly fit against NUTS on the same hyperparameters."""

import numpy as np
import pytest

import truescores
from barberlab.errors import BadInput, GateFailed
from barberlab.models import benchmark
from barberlab.models.benchmark_audit import Audit, audit
from barberlab.models.benchmark_evidence import binomial


def test_a_nightly_fit_that_differs_is_named():
    one = Audit({"mu": (0.0, 0.1), "tau_w": (0.5, 0.1)}, {"mu": (0.04, 0.1), "tau_w": (0.56, 0.1)})
    assert one.apart == {"mu": pytest.approx(0.4), "tau_w": pytest.approx(0.6)}
    with pytest.raises(GateFailed, match=r"differ in tau_w by 0\.60 sd; at most 0\.5 sd"):
        one.check()


def test_what_is_not_smooth_arithmetic_is_not_audited():
    shops = truescores.simulate(1, shops=40, networks=4)
    with pytest.raises(BadInput, match="only one level with normal tails, or a closed form"):
        audit(benchmark.fit(shops.evidence(), shape="t4"))


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
