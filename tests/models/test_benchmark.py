"""True scores of shops: two published examples, laws of shrinkage, and what is recovered where the truth is known."""

import numpy as np
import pytest
from scipy.stats import t as student

import truescores
from barberlab.errors import BadInput, GateFailed, NotAvailable
from barberlab.models import benchmark, benchmark_ranks, benchmark_scaled
from barberlab.models.benchmark_evidence import binomial, count, moderated, normal, widened
from barberlab.models.benchmark_grid import student_cdf
from barberlab.models.benchmark_hyper import half_normal

DEATHS = np.array([0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24])
OPERATIONS = np.array([47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360])
HOSPITALS = tuple("ABCDEFGHIJKL")


def inverse_gamma(log_tau):
    """1 / tau^2 ~ gamma(.001, .001), the prior of the BUGS manual, as a log density of log tau."""
    return -0.002 * log_tau - 0.001 * np.exp(-2 * log_tau)


@pytest.fixture(scope="module")
def surgical():
    """Draws of the twelve hospitals' log odds of death."""
    found = benchmark.fit(binomial(HOSPITALS, DEATHS, OPERATIONS), prior=inverse_gamma)
    return benchmark.draw(found, 20_000, seed=1)


def test_twelve_hospitals_are_estimated_as_in_the_bugs_manual(surgical):
    """BUGS examples vol. I, "Surgical: institutional ranking", random effects: OpenBUGS means of 10,000 updates.

    Its own Monte Carlo errors are up to .0004.
    """
    published = [0.0528, 0.103, 0.07071, 0.05925, 0.05147, 0.06915, 0.06683, 0.1237, 0.06967, 0.07849, 0.1022, 0.06865]
    assert (1 / (1 + np.exp(-surgical))).mean(axis=0) == pytest.approx(published, abs=1e-3)


def test_twelve_hospitals_rank_as_in_the_bugs_manual(surgical):
    """Median ranks of the same example, 1 the lowest mortality: no death in 47 operations does not make the best."""
    table = benchmark_ranks.standing(benchmark_ranks.ranks(surgical, "lower"), HOSPITALS)
    assert table["median"].tolist() == [2, 10, 6, 4, 2, 6, 5, 12, 6, 8, 10, 6]
    assert table.loc["A", ["low95", "high95"]].tolist() == [1, 10]
    assert table.loc["A", "p_best"] == pytest.approx(0.36, abs=0.02)


# Efron & Morris (1975), table 1: 18 batters of 1970. The file passed around by teachers has .3299 for the rest of the
# season of the one here .256, against the player's own season average.
FIRST_45 = [18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7]
REST = [0.346, 0.298, 0.276, 0.222, 0.273, 0.270, 0.263, 0.210, 0.269]
REST += [0.230, 0.264, 0.256, 0.303, 0.264, 0.226, 0.286, 0.316, 0.200]


def _stabilised(share):
    """Of unit variance: Efron & Morris (1975), section 2."""
    return np.sqrt(45) * np.arcsin(2 * np.asarray(share) - 1)


def test_shrinking_batters_towards_their_mean_foretells_the_season_three_and_a_half_times_better():
    """Published: squared errors of 17.56 for the averages, 5.01 for James and Stein's estimates, ratio 3.50."""
    y, truth = _stabilised(np.array(FIRST_45) / 45), _stabilised(REST)
    own, drawn = ((y - truth) ** 2).sum(), ((benchmark.james_stein(y) - truth) ** 2).sum()
    assert own / drawn == pytest.approx(3.50, abs=0.05)


def test_the_hierarchical_fit_shrinks_batters_about_as_james_and_stein_do():
    y, truth = _stabilised(np.array(FIRST_45) / 45), _stabilised(REST)
    mean = benchmark.draw(benchmark.fit(normal(range(18), y, np.ones(18))), 8000, seed=1).mean(axis=0)
    assert mean == pytest.approx(benchmark.james_stein(y), abs=0.2)
    assert ((y - truth) ** 2).sum() / ((mean - truth) ** 2).sum() > 3


def test_the_closed_form_and_the_grid_say_the_same_of_the_same_shops():
    shops = truescores.simulate(1, shops=300, networks=20)
    closed = benchmark.fit(shops.evidence(), shops.network)
    tabled = benchmark.fit(normal(shops.names, shops.y, shops.s2, freedom=1e9), shops.network)
    for name, (mean, sd) in closed.hyper().items():
        assert tabled.hyper()[name] == (pytest.approx(mean, abs=0.1 * sd), pytest.approx(sd, rel=0.1))
    one, other = (benchmark.draw(found, 4000, seed=2) for found in (closed, tabled))
    assert one.mean(axis=0) == pytest.approx(other.mean(axis=0), abs=0.06)
    assert one.std(axis=0) == pytest.approx(other.std(axis=0), rel=0.1)


@pytest.mark.parametrize("kind", ["binomial", "count"])
def test_the_spread_of_true_rates_is_found_again(kind):
    rng = np.random.default_rng(7)
    theta = rng.normal(-1.0, 0.3, 400)
    if kind == "binomial":
        n = rng.integers(30, 2000, 400)
        seen = binomial(range(400), rng.binomial(n, 1 / (1 + np.exp(-theta))), n)
    else:
        exposure = rng.uniform(50, 500, 400)
        seen = count(range(400), rng.poisson(exposure * np.exp(theta)), exposure)
    found = benchmark.fit(seen)
    for name, truth in (("mu", -1.0), ("tau_w", 0.3)):
        mean, sd = found.hyper()[name]
        assert abs(mean - truth) < 3 * sd < 0.1
    low, high = np.quantile(benchmark.draw(found, 1000), [0.1, 0.9], axis=0)
    assert np.mean((low <= theta) & (theta <= high)) == pytest.approx(0.8, abs=0.06)


def _values(found):
    return [number for pair in found.hyper().values() for number in pair]


def test_what_a_network_would_have_had_is_not_its_own_merit():
    """Twice the events in a season that doubles everybody's: the true scores are the same as without it."""
    plain = benchmark.fit(count(range(3), [20, 40, 60], [100, 100, 100]))
    busy = benchmark.fit(count(range(3), [20, 40, 60], [50, 50, 50], offset=np.log([2.0, 2.0, 2.0])))
    assert _values(plain) == pytest.approx(_values(busy))


def test_without_exposure_to_speak_of_a_shop_is_like_any_other_of_its_network():
    y, s2 = np.array([*np.linspace(-1, 1, 40), 30.0]), np.array([*[0.01] * 40, 1e6])
    drawn = benchmark.draw(benchmark.fit(normal(range(41), y, s2)), 4000)
    assert drawn[:, 40].mean() == pytest.approx(0, abs=0.1)
    assert drawn[:, 40].std() == pytest.approx(y[:40].std(), rel=0.15)


def test_with_endless_exposure_a_shop_is_what_it_seems():
    y = np.array([0.0, 0.3, 1.0, 1.2])
    drawn = benchmark.draw(benchmark.fit(normal("abcd", y, np.full(4, 1e-8))), 200)
    assert np.abs(drawn - y).max() < 1e-3


def test_shops_in_another_order_are_the_same_shops():
    order = np.random.default_rng(3).permutation(12)
    one = benchmark.fit(binomial(HOSPITALS, DEATHS, OPERATIONS))
    other = benchmark.fit(binomial(np.array(HOSPITALS)[order], DEATHS[order], OPERATIONS[order]))
    assert _values(one) == pytest.approx(_values(other))
    means = [benchmark.draw(found, 8000, seed=4).mean(axis=0) for found in (one, other)]
    assert means[0][order] == pytest.approx(means[1], abs=0.03)


def test_a_barber_with_few_visits_is_drawn_to_the_own_shop_and_a_shop_alone_to_the_others():
    shop = np.repeat(["good", "bad", "single"], [8, 8, 1])
    hits, n = np.array([*[90] * 7, 3, *[30] * 7, 3, 6]), np.array([*[100] * 7, 6, *[100] * 7, 6, 10])
    found = benchmark.fit(binomial(range(17), hits, n), shop)
    good, bad, single = (1 / (1 + np.exp(-benchmark.draw(found, 4000)))).mean(axis=0)[[7, 15, 16]]
    assert good > 0.75
    assert bad < 0.42
    assert bad < single < good


def test_one_outlier_is_shrunk_less_where_tails_are_heavy():
    y = np.array([*np.linspace(-0.5, 0.5, 60), 8.0])
    seen = normal(range(61), y, np.full(61, 0.3))
    means = {shape: benchmark.draw(benchmark.fit(seen, shape=shape), 2000)[:, 60].mean() for shape in ("normal", "t4")}
    assert 8 - means["t4"] < 0.5 * (8 - means["normal"])
    assert benchmark.fit(seen, shape="best").tails == 4


def test_students_tails_are_scipys():
    at = np.linspace(-8, 8, 33)
    for freedom in (4, 8):
        assert student_cdf(at, freedom) == pytest.approx(student.cdf(at, freedom), abs=1e-12)


def test_variances_from_few_blocks_borrow_as_much_as_shops_are_alike():
    """Planted: s0^2 = 4 with d0 = 10 degrees, own variances with 7."""
    rng = np.random.default_rng(5)
    true = 4 * 10 / rng.chisquare(10, 4000)
    own = true * rng.chisquare(7, 4000) / 7
    variance, freedom = moderated(own, np.full(4000, 7))
    assert freedom[0] == pytest.approx(17, rel=0.1)
    assert np.mean((np.log(variance) - np.log(true)) ** 2) < 0.7 * np.mean((np.log(own) - np.log(true)) ** 2)


def test_variances_that_differ_by_chance_only_become_one():
    rng = np.random.default_rng(6)
    variance, freedom = moderated(2 * rng.chisquare(5, 50) / 5, np.full(50, 5))
    assert np.ptp(variance) < 0.8 * variance.mean()
    assert freedom.min() > 20


def test_estimated_variances_are_widened_to_those_of_their_t():
    seen = widened(normal("abc", [0, 1, 2], [1, 1, 4], freedom=[4, 12, np.inf]))
    assert seen.weight.tolist() == [pytest.approx(student.var(4)), pytest.approx(student.var(12)), 4]
    assert np.isinf(seen.freedom).all()


def test_many_shops_with_estimated_variances_are_drawn_as_a_few_are_tabled():
    """A chain over what the variances may be against sums over cells: 60 shops, 5 degrees of freedom, one outlier."""
    rng = np.random.default_rng(8)
    y = np.append(rng.normal(0, 0.5, 59), 4.0)
    seen = normal(range(60), y, np.full(60, 0.3), freedom=5)
    tabled = benchmark.draw(benchmark.fit(seen), 4000, 1)
    chained = benchmark_scaled.fit(seen, None, half_normal(1.0), 1.0).draw(4000, 1)
    assert np.abs(chained.mean(axis=0) - tabled.mean(axis=0)).max() < 0.12 * tabled.std(axis=0).max()
    assert chained.std(axis=0) == pytest.approx(tabled.std(axis=0), rel=0.1)
    known = benchmark.draw(benchmark.fit(normal(range(60), y, np.full(60, 0.3))), 4000, 1)
    assert chained[:, -1].mean() < 0.5 * known[:, -1].mean(), "who stands out by a doubtful variance is believed less"


def test_barbers_with_estimated_variances_are_drawn_as_they_are_tabled():
    rng = np.random.default_rng(9)
    shop = np.repeat(np.arange(8), 5)
    y = rng.normal(0, 0.6, 8)[shop] + rng.normal(0, 0.4, 40) + rng.normal(0, 0.4, 40)
    freedom = np.where(np.arange(40) % 2, 6.0, np.inf)
    seen = normal(range(40), y, np.full(40, 0.16), freedom=freedom)
    tabled = benchmark.draw(benchmark.fit(seen, shop), 2000, 1)
    chained = benchmark_scaled.fit(seen, shop, half_normal(1.0), 1.0).draw(2000, 1)
    assert np.abs(chained.mean(axis=0) - tabled.mean(axis=0)).max() < 0.15 * tabled.std(axis=0).max()
    assert chained.std(axis=0) == pytest.approx(tabled.std(axis=0), rel=0.12)


def test_very_many_shops_take_the_chain_and_a_chain_that_stands_still_is_refused(monkeypatch):
    seen = normal(range(1001), np.linspace(-1, 1, 1001), np.full(1001, 0.2), freedom=8)
    found = benchmark.fit(seen)
    assert isinstance(found, benchmark_scaled.Scaled)
    monkeypatch.setattr(benchmark_scaled, "_STEP", 1e3)
    with pytest.raises(GateFailed, match=r"0% of the steps of the spreads were taken; 10% to 90% are sound"):
        found.draw(5, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: binomial("ab", [5, 12], [10, 10]), "'b': 12 of 10 is no rate"),
        (lambda: binomial("ab", [5, 0], [10, 0]), "'b': nothing was counted, 0 cases: no exposure; leave it out"),
        (lambda: count("ab", [-1, 2], [1, 1]), "'a': -1 events cannot be"),
        (lambda: count("ab", [1, 2], [1, 0]), "'b': exposure 0 must be above 0"),
        (lambda: normal("ab", [1, 2], [0, 1]), "'a': sampling variance 0 must be above 0: without exposure"),
        (lambda: normal("ab", [np.nan, 2], [1, 1]), "'a': estimate nan is not a number"),
        (lambda: normal("abc", [np.inf, np.nan, 2], [1, 1, 1]), r"\(2 such\)"),
        (lambda: normal("ab", [1, 2], [1, 1], freedom=[1, 5]), "more than 2 degrees of freedom"),
        (lambda: normal("ab", [1, 2, 3], [1, 1]), "2 names need as many values and weights"),
        (lambda: benchmark.fit(normal("ab", [1, 2], [1, 1]), ["x"]), "2 units need as many groups, found 1"),
        (lambda: benchmark.fit(normal("ab", [1, 2], [1, 1]), shape="t5"), "shapes are best, normal, t8, t4"),
        (lambda: benchmark.draw(benchmark.fit(normal("ab", [1, 2], [1, 1])), 0), "0 draws; at least one"),
        (lambda: benchmark.james_stein([1, 2, 3]), "at least 4 estimates, found 3"),
    ],
)
def test_what_is_no_evidence_is_refused_by_name(make, said):
    with pytest.raises(BadInput, match=said):
        make()


def test_a_network_of_one_shop_has_no_ranking():
    with pytest.raises(NotAvailable, match="needs at least 2 shops or barbers to compare; found 1"):
        binomial(["a"], [5], [10])
    with pytest.raises(NotAvailable, match="needs at least two periods of exposure"):
        moderated([0.0, 0.0], [0, 0])
