"""Are the chances, the counts and the dates of a client right, given its history?"""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import betainc, betaln
from scipy.stats import gamma

from barberlab.errors import BadInput
from barberlab.models import churn
from barberlab.models.churn_fit import fit
from barberlab.models.churn_posterior import ChurnPosterior, Rhythms
from barberlab.models.histories import Histories, histories
from barbers import CUTOFF, network, planted
from panels import panel

EXTREMES = list(
    itertools.product((0, 1, 20, 500), (0.0, 20.0, 400.0, 3000.0), (0.3, 1.0, 5.0, 30.0), (0.05, 1.0, 30.0))
)
STATES = [(0, 0.0, 30.0), (1, 30.0, 10.0), (3, 66.0, 45.0), (12, 250.0, 0.0), (40, 700.0, 20.0)]  # x, t_x, silence


def clients(states, unit: str = "days", log_gaps=None) -> Histories:
    x, t_x, silence = (np.array(column, float) for column in zip(*states, strict=True))
    n = len(states)
    log_gaps = np.zeros(n) if log_gaps is None else np.asarray(log_gaps, float)
    where, z = np.zeros(n, np.int64), np.zeros((n, 0))
    return Histories(
        np.arange(n), x.astype(np.int64), t_x, t_x + silence, log_gaps, where, z, ("all",), (), unit, CUTOFF
    )


def rhythms(r, alpha, a, b, k, weights=(1.0,)) -> Rhythms:
    """The papers' parameters as one draw; with several k, alpha is that of the first."""
    k = np.atleast_1d(np.asarray(k, float))
    rate, dropout = np.full((1, 2), np.log(r / (alpha * k[0]))), np.full((1, 2), np.log(a / b))
    none = np.zeros((1, 0))
    return Rhythms(
        rate, dropout, np.log([r]), np.log([a + b]), np.log(k)[None], np.log(np.array(weights))[None], none, none
    )


def posterior(*draws: Rhythms, variant: str = "mbg", unit: str = "days") -> ChurnPosterior:
    """A posterior of these draws, the first its centre."""
    many = Rhythms(*(np.concatenate(parts) for parts in zip(*(draw.arrays for draw in draws), strict=True)))
    none, shop, hyper = np.zeros(0), np.zeros((1, 2)), np.zeros((len(draws), 7))
    about = (variant, unit, ("all",), (), draws[0], many, hyper, shop, shop, np.zeros(2), none, none)
    return ChurnPosterior(*about, log_likelihood=0.0, evaluations=0)


BARBER = {"r": 4.0, "alpha": 25.0, "a": 0.5, "b": 2.5, "k": 4.0}


def test_the_chance_to_be_alive_is_the_published_one():
    """R package BTYDplus @d5eda8f, `mbgcnbd.PAlive` at its fit to `groceryElog` with k = 2 (R 4.2.2)."""
    post = posterior(rhythms(1.3292, 2.8126, 0.4247, 0.7900, 2), unit="weeks")
    alive = churn.probability_alive(post, clients([(x, 12.0, 40.0) for x in range(1, 6)], "weeks"))
    assert alive[0] == pytest.approx(0.1564, abs=5e-5), "printed to four digits"
    np.testing.assert_allclose(alive[1:], [0.02921, 0.003861, 0.0004398, 0.0000461], rtol=0, atol=1e-5)


def test_expected_visits_match_the_worked_example_of_fader_and_hardie():
    """Hardie's BG/NBD spreadsheet, CDNOW: x = 2, t_x = 30.43, T = 38.86, 39 weeks -> 1.226, printed to 3 decimals."""
    post = posterior(rhythms(0.243, 4.414, 0.793, 2.426, 1), variant="bg", unit="weeks")
    visits = churn.expected_visits(post, clients([(2, 30.43, 8.43)], "weeks"), days=39 * 7)
    assert visits.item() == pytest.approx(1.226, abs=5e-4)


def test_a_year_of_groceries_is_expected_to_within_what_was_published():
    """1,525 clients, 52 weeks ahead at BTYDplus's fit with k = 2: mean absolute error 1.400 (its own is 1.431)."""
    visits = pd.read_parquet(panel("grocery") / "visits.parquet")
    h = histories(visits, "2006-12-31", "weeks")
    post = posterior(rhythms(1.3292, 2.8126, 0.4247, 0.7900, 2), unit="weeks")
    came = visits[visits["date"] > "2006-12-31"].groupby("client_id").size().reindex(h.client, fill_value=0)
    expected = churn.expected_visits(post, h, days=364)
    assert np.abs(expected - came.to_numpy()).mean() == pytest.approx(1.400, abs=5e-4)
    assert expected.sum() == pytest.approx(3812, abs=1)


def dense(state, r, alpha, a, b, k, days, first):
    """Expected visits by a dense integral over the next visit and scipy's incomplete beta function."""
    x, t_x, h = state
    A, s, n = alpha + t_x, r + k * x, x + first
    stay = b + n - 1
    q = a / stay if n else 0.0
    end = np.log(h + days)
    start = max(np.log(h) if h else -np.inf, np.log(A * k / s) - 30)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    y = np.exp(start + (end - start) * (nodes + 1) / 2)
    density = np.exp(k * np.log(y / A) - (s + k) * np.log1p(y / A) - betaln(s, k))
    t, more, kept = h + days - y, np.ones_like(y), 1.0
    for m in range(1, 150):
        kept *= (stay + m) / (a + stay + m)
        more += kept * betainc(m * k, s + k, t / (A + y + t))
    return (weights * density * more).sum() * (end - start) / 2 / (q + betainc(s, k, A / (A + h)))


@pytest.mark.parametrize("k", [0.7, 1.0, 2.4, 8.0])
@pytest.mark.parametrize("variant", ["mbg", "bg"])
def test_expected_visits_are_those_of_a_dense_integral(k, variant):
    """Within a thousandth of a visit in 90 days, one client at a time and with the table of equal x."""
    given = BARBER | {"k": k, "alpha": 100 / k}
    post = posterior(rhythms(**given), variant=variant)
    wanted = [dense(state, **given, days=90.0, first=post.first) for state in STATES]
    np.testing.assert_allclose(churn.expected_visits(post, clients(STATES), 90), wanted, atol=1e-3)
    crowd = churn.expected_visits(post, clients(STATES * 10), 90).reshape(10, -1)
    np.testing.assert_allclose(crowd, np.tile(wanted, (10, 1)), atol=1e-3)


@pytest.mark.parametrize("state", [(1, 30.0, 10.0), (3, 66.0, 45.0), (12, 250.0, 0.0)])
def test_simulated_futures_agree(state):
    """Chance to be alive, of no visit, expected visits and next visit, each within three standard errors."""
    x, t_x, h = state
    post, rng, n = posterior(rhythms(**BARBER)), np.random.default_rng(x), 400_000
    k, days = BARBER["k"], 90.0
    theta = rng.gamma(BARBER["r"] + k * x, 1 / (BARBER["alpha"] + t_x), n)
    lose = rng.beta(BARBER["a"], BARBER["b"] + x, n)
    lost, gap = rng.random(n) < lose, rng.gamma(k, 1 / theta)
    kept = lost | (gap > h)
    theta, lose, lost, t = theta[kept], lose[kept], lost[kept], gap[kept] - h
    next_visit, visits, there = np.where(lost, np.inf, t), np.zeros(len(t)), ~lost
    while (there := there & (t <= days)).any():
        visits += there
        there = there & (rng.random(len(t)) >= lose)
        t = t + rng.gamma(k, 1 / theta)
    one = clients([state])
    for ours, simulated in (
        (churn.probability_alive(post, one), ~lost),
        (churn.probability_no_visit(post, one, days), visits == 0),
        (churn.expected_visits(post, one, days), visits),
        (0.5, next_visit[~lost] <= churn.next_visit(post, one).mean),
        (0.9, next_visit[~lost] <= churn.next_visit(post, one).high),
    ):
        assert ours == pytest.approx(simulated.mean(), abs=3 * simulated.std() / np.sqrt(len(simulated)))


def test_no_visit_is_not_the_complement_of_being_alive():
    """A client three weeks after its last of two visits may be alive and not come in the next ten days."""
    post, h = posterior(rhythms(**BARBER)), clients([(1, 30.0, 21.0)])
    assert churn.probability_no_visit(post, h, 10) > 1 - churn.probability_alive(post, h)


def test_with_time_no_visit_becomes_being_lost():
    post, h = posterior(rhythms(**BARBER)), clients(STATES)
    chances = [churn.probability_no_visit(post, h, days) for days in (0, 10, 90, 365, 1e9)]
    assert (np.diff(chances, axis=0) <= 0).all()
    assert (np.diff(chances[:3], axis=0) < 0).all()
    np.testing.assert_allclose(chances[0], 1)
    np.testing.assert_allclose(chances[-1], 1 - churn.probability_alive(post, h), atol=1e-6)


def test_longer_silence_is_a_worse_sign():
    post, h = posterior(rhythms(**BARBER)), clients([(5, 120.0, silence) for silence in (0, 10, 30, 60, 120, 400)])
    assert (np.diff(churn.probability_alive(post, h)) < 0).all()
    assert (np.diff(churn.probability_no_visit(post, h, 90)) > 0).all()


def test_nobody_is_lost_at_a_first_visit_in_the_bg_variant():
    h = clients([(0, 0.0, 300.0)])
    assert churn.probability_alive(posterior(rhythms(**BARBER), variant="bg"), h) == 1.0
    assert churn.probability_alive(posterior(rhythms(**BARBER)), h) < 0.5


def test_a_mixture_of_one_regularity_is_that_regularity():
    h = clients(STATES * 3, log_gaps=[0.0, 3.4, 9.2, 36.0, 110.0] * 3)
    alone, twice = posterior(rhythms(**BARBER)), posterior(rhythms(**BARBER | {"k": (4.0, 4.0)}, weights=(0.3, 0.7)))
    for quantity in (churn.probability_no_visit, churn.expected_visits):
        np.testing.assert_allclose(quantity(alone, h, 90), quantity(twice, h, 90), rtol=1e-9)
    np.testing.assert_allclose(churn.next_visit(alone, h).mean, churn.next_visit(twice, h).mean, rtol=1e-5)


def test_a_regular_client_of_a_mixture_is_missed_sooner():
    """Ten gaps of 21 days each against ten as scattered as the model allows, the same silence of 50 days."""
    mixed = posterior(rhythms(4.0, 100.0, 0.5, 2.5, (1.0, 16.0), weights=(0.5, 0.5)))
    scattered = gamma.ppf(np.linspace(0.05, 0.95, 10), 1, scale=21)
    gaps = [10 * np.log(21), np.log(scattered * 210 / scattered.sum()).sum()]
    regular, irregular = churn.probability_alive(mixed, clients([(10, 210.0, 50.0)] * 2, log_gaps=gaps))
    assert regular < 0.1 < irregular


def test_everything_is_finite_in_extreme_states():
    assert len(EXTREMES) == 192
    for variant, (x, silence, k, r) in itertools.product(("mbg", "bg"), EXTREMES):
        post = posterior(rhythms(r, r / (k / 21), 0.4, 2.0, k), variant=variant)
        h = clients([(x, 21.0 * x, silence)])
        lost, away = 1 - churn.probability_alive(post, h), churn.probability_no_visit(post, h, 90)
        visits = churn.expected_visits(post, h, 90)
        assert 0 <= lost <= away + 1e-12 <= 1 + 2e-12, (variant, x, silence, k, r)
        assert np.isfinite(visits), (variant, x, silence, k, r)
        assert visits >= 1 - away - 0.01, (variant, x, silence, k, r)


def test_a_client_is_overdue_by_its_own_rhythm():
    """Visits each week or each six weeks: after four weeks of silence the one is overdue and the other is not."""
    post = posterior(rhythms(**BARBER))
    weekly, rarely = churn.overdue(post, clients([(20, 140.0, 28.0), (8, 336.0, 28.0)]))
    assert weekly < 0 < rarely


def test_overdue_is_the_silence_that_nine_in_ten_gaps_do_not_reach():
    """With k = 1 a gap outlasts h with chance (A / (A + h))^s: 10 % at A (10^(1 / s) - 1)."""
    post, h = posterior(rhythms(2.0, 30.0, 0.5, 2.5, 1.0)), clients([(6, 90.0, 17.0)])
    assert churn.overdue(post, h) == pytest.approx((30 + 90) * (10 ** (1 / 8) - 1) - 17, rel=1e-5)


def test_days_become_dates():
    h = clients(STATES)
    days = np.array([0.2, -3.0, 12.0, np.inf, 1e9])
    said = churn.dates(h, days).astype(str).tolist()
    assert said == ["2026-07-01", "2026-06-27", "2026-07-12", "NaT", "NaT"]


def test_a_range_is_that_of_the_draws():
    draws = [rhythms(**BARBER | {"a": a}) for a in (0.2, 0.4, 0.6, 0.8, 1.0)]
    each = [churn.probability_no_visit(posterior(draw), clients(STATES), 90) for draw in draws]
    mean, low, high = churn.probability_no_visit_range(posterior(*draws), clients(STATES), 90)
    np.testing.assert_allclose(mean, np.mean(each, axis=0))
    np.testing.assert_allclose((low, high), np.quantile(each, (0.1, 0.9), axis=0))
    each = [churn.expected_visits(posterior(draw), clients(STATES), 90) for draw in draws]
    found = churn.expected_visits_range(posterior(*draws), clients(STATES), 90, inside=0.5)
    np.testing.assert_allclose(found, (np.mean(each, axis=0), *np.quantile(each, (0.25, 0.75), axis=0)))


def test_the_centre_speaks_for_the_draws():
    """A network of 2,000: the value at the centre is the mean over the draws, to a small part of the range's width."""
    h = network(planted(1), 2000, seed=1)
    post = fit(h)
    for plain, ranged in (
        (churn.probability_no_visit, churn.probability_no_visit_range),
        (churn.expected_visits, churn.expected_visits_range),
    ):
        found = ranged(post, h, 90)
        off = np.abs(plain(post, h, 90) - found.mean) / np.maximum(found.high - found.low, 1e-3)
        assert np.quantile(off, 0.99) < 0.4
        assert np.median(off) < 0.15


def test_a_client_does_not_depend_on_who_else_is_asked_about():
    h = network(planted(1), 1000, seed=1)
    post = fit(h)
    everyone, few = churn.expected_visits(post, h, 90), churn.expected_visits(post, h.take(np.arange(7)), 90)
    np.testing.assert_allclose(few, everyone[:7], atol=1e-4)


def test_a_shop_never_seen_has_the_networks_rhythm_and_is_less_sure():
    h = network(planted(1, shops=10), 5000, seed=1)
    post, new = fit(h), replace(h, locations=tuple(f"new {name}" for name in h.locations))
    known, unknown = (churn.probability_no_visit_range(post, some, 90) for some in (h, new))
    assert np.median(unknown.high - unknown.low) > 1.5 * np.median(known.high - known.low)


def test_histories_in_another_unit_are_refused():
    with pytest.raises(BadInput, match=r"histories in weeks with covariates .* do not fit a posterior in days"):
        churn.probability_alive(posterior(rhythms(**BARBER)), clients(STATES, "weeks"))
