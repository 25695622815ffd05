"""From a KPI's months to true scores: seasons, missed months, dispersion, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from barberlab.errors import BadInput, NotAvailable
from barberlab.models.benchmark_kpis import Ranked, of_changes, over_hours, ranked, score
from kpis import TARGETS, hourly, rate


def test_a_shop_is_judged_against_the_months_it_worked():
    """All shops earn 60 an hour in summer and 30 in winter; one was there in winter only, and is like the others."""
    when = pd.date_range("2025-01-01", periods=6, freq="MS")
    usual = np.array([30, 30, 30, 60, 60, 60]) * 100.0
    rng = np.random.default_rng(1)
    parts = []
    for k in range(8):
        there = slice(0, 3) if k == 0 else slice(None)
        top = 500 * usual[there] * np.exp(rng.normal(0, 0.01, len(usual[there])))
        parts.append(
            pd.DataFrame({"location_id": f"s{k}", "period": when[there], "numerator": top, "denominator": 500})
        )
    found = ranked(hourly(pd.concat(parts)))
    assert abs(np.median(found.gap[:, 0])) < 0.02
    assert found.seen[0] == pytest.approx(3000, rel=0.02)


def test_a_rate_counts_for_as_much_as_its_visits():
    frame = rate({"big": [(180, 200)] * 6, "small": [(9, 10)] * 6} | {f"s{k}": [(120, 200)] * 6 for k in range(8)})
    found = ranked(frame)
    big, small = (np.median(found.value[:, found.names.index(name)]) for name in ("big", "small"))
    assert big == pytest.approx(0.9, abs=0.02)
    assert 0.6 < small < big
    assert np.ptp(np.quantile(found.value[:, found.names.index("small")], [0.1, 0.9])) > 0.06


def test_months_that_swing_beyond_chance_are_believed_less():
    rng = np.random.default_rng(2)
    calm = {f"s{k}": [(int(h), 400) for h in rng.binomial(400, 0.6, 6)] for k in range(10)}
    wild = {f"s{k}": [(int(h), 400) for h in 400 * rng.beta(12, 8, 6)] for k in range(10)}
    widths = [np.ptp(np.quantile(ranked(rate(f)).value, [0.1, 0.9], axis=0), axis=0).mean() for f in (calm, wild)]
    assert widths[1] > 1.5 * widths[0]


def test_the_network_is_all_shops_by_their_exposure():
    frame = rate({"a": [(50, 100)] * 4, "b": [(270, 300)] * 4})
    found = ranked(frame)
    assert np.median(found.network) == pytest.approx((50 + 270) / 400, abs=0.02)
    assert (found.value @ (found.exposure / found.exposure.sum())) == pytest.approx(found.network)


def test_the_same_seed_gives_the_same_draws():
    frame = rate({"a": [(50, 100)] * 4, "b": [(60, 100)] * 4})
    assert (ranked(frame).value == ranked(frame).value).all()
    assert (ranked(frame).value != ranked(frame, seed=1).value).any()


def test_shops_with_too_little_are_named_with_the_reason():
    found = ranked(rate({"new": [(9, 10)], "a": [(50, 100)] * 4, "b": [(60, 100)] * 4}))
    assert found.names == ("a", "b")
    assert found.left_out == {"new": "fewer than 30 cases"}


def test_barbers_borrow_from_their_own_shop():
    frame = rate({f"{s}{k}": [(h, 100)] * 6 for s, h in (("x", 80), ("y", 50)) for k in range(6)} | {"x9": [(30, 60)]})
    frame["shop"] = frame["location_id"].str[0]
    alone, within = ranked(frame), ranked(frame, group="shop")
    at = within.names.index("x9")
    assert np.median(within.value[:, at]) > np.median(alone.value[:, at])
    assert "tau_b" in within.fit.hyper()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"a": [(50, 100)], "b": [(120, 100)]}, r"returning, 'b', 2025-01: 120 of 100 is out of range"),
        ({"a": [(50, 100)], "b": [(-1, 100)]}, r"returning, 'b', 2025-01: -1 of 100 is out of range"),
    ],
)
def test_a_kpi_out_of_range_is_refused_with_its_place(rows, said):
    with pytest.raises(BadInput, match=said):
        ranked(rate(rows))


def _arrivals(rng, rates, months=6, hours=500.0, swing=0.0):
    """New clients and hours of shops by month: Poisson, with months that differ by a gamma of variance `swing`."""
    names = [f"s{k:02d}" for k in range(len(rates))]
    index = pd.MultiIndex.from_product([names, pd.date_range("2025-01-01", periods=months, freq="MS")])
    usual = np.repeat(rates, months) * hours / 100
    seen = rng.poisson(usual * (rng.gamma(1 / swing, swing, len(usual)) if swing else 1.0))
    counts = index.to_frame(index=False, name=["location_id", "period"]).assign(numerator=seen, value=seen)
    hourly = counts[["location_id", "period"]].assign(numerator=1.0, denominator=hours, value=1.0)
    counts.attrs = {"metric": "new_clients", "label": "New clients", "unit": "count", "needs": None}
    hourly.attrs = {"metric": "revenue_per_available_hour", "unit": "money_per_hour", "needs": None}
    return counts, hourly


def test_a_count_over_hours_is_drawn_to_the_network_by_its_exposure():
    rates = np.array([8.0] * 11 + [16.0])
    found = ranked(over_hours(*_arrivals(np.random.default_rng(3), rates)))
    assert found.unit == "count_per_100_hours"
    assert np.median(found.network) == pytest.approx(rates.mean(), rel=0.05)
    assert np.quantile(found.value[:, -1], [0.025, 0.975])[0] < 16 < np.quantile(found.value[:, -1], 0.975)
    thin = ranked(over_hours(*_arrivals(np.random.default_rng(3), rates, hours=5.0)))
    assert np.median(thin.gap[:, -1]) < np.median(found.gap[:, -1]), "few cases are believed less"


def test_counts_that_swing_beyond_chance_are_believed_less():
    rates = np.full(12, 8.0)
    calm, wild = (ranked(over_hours(*_arrivals(np.random.default_rng(5), rates, swing=s))) for s in (0.0, 0.5))
    assert wild.fit.evidence.weight.sum() < 0.3 * calm.fit.evidence.weight.sum()


def test_a_shop_without_a_single_new_client_is_ranked_too():
    counts, hourly = _arrivals(np.random.default_rng(3), np.full(6, 8.0))
    counts.loc[counts["location_id"] == "s00", "numerator"] = 0
    found = ranked(over_hours(counts, hourly))
    assert found.names[0] == "s00"
    assert np.quantile(found.gap[:, 0], 0.9) < 0
    counts["numerator"] = 0
    with pytest.raises(NotAvailable, match="at least one case in some shop"):
        ranked(over_hours(counts, hourly))


def test_a_count_needs_its_hours():
    counts, hourly = _arrivals(np.random.default_rng(3), np.full(6, 8.0))
    hourly.attrs["needs"] = "table 8, shifts"
    with pytest.raises(NotAvailable, match="New clients: not available: needs table 8, shifts"):
        ranked(over_hours(counts, hourly))


def test_what_grows_with_the_shop_is_no_ranking():
    frame = rate({"a": [(50, 100)], "b": [(60, 100)]})
    frame.attrs["unit"] = "count"
    with pytest.raises(BadInput, match="a count grows with the shop; rank by a ratio"):
        ranked(frame)


def test_without_shops_to_compare_there_is_no_ranking():
    with pytest.raises(NotAvailable, match="needs at least 2 shops with exposure to compare; found 1"):
        ranked(rate({"a": [(50, 100)] * 3, "b": [(1, 2)]}))
    with pytest.raises(NotAvailable, match="found 0"):
        ranked(rate({"a": [(0, 0)] * 3, "b": [(0, 0)]}))
    lacking = rate({"a": [(50, 100)]})
    lacking.attrs["needs"] = "table 8, shifts"
    with pytest.raises(NotAvailable, match="Returning: not available: needs table 8, shifts"):
        ranked(lacking)


def test_growth_is_read_off_its_ranges():
    change = np.array([0.3, 0.0, -0.02, 0.01, 0.02, 0.0])
    frame = pd.DataFrame({"location_id": list("abcdef"), "change": change})
    frame = frame.assign(low80=np.exp(np.log1p(change) - 0.04) - 1, high80=np.exp(np.log1p(change) + 0.04) - 1)
    frame.attrs = {"needs": None}
    found = of_changes(frame)
    assert np.median(found.value[:, 0]) == pytest.approx(0.3, abs=0.04)
    assert np.median(found.gap[:, 0]) > 0.15
    frame.attrs = {"needs": "two years of history"}
    with pytest.raises(NotAvailable, match="Growth: not available: needs two years"):
        of_changes(frame)


def _part(metric: str, values: dict[str, float]) -> Ranked:
    value = np.tile(list(values.values()), (4, 1)).astype(float)
    empty = np.empty(0)
    return Ranked(metric, "share", tuple(values), value, empty, empty, empty, empty, {}, None)


def test_the_score_is_the_weighted_mean_of_values_over_targets():
    """Chair time .68 of .85 is 80, ticket 90 of 75 is 100 at most; weights .25 and .20 make 88.9."""
    parts = [_part("utilisation", {"a": 0.68, "b": 0.85}), _part("average_ticket", {"b": 7500, "a": 9000, "c": 1})]
    found = score(parts, {"utilisation": 0.85, "average_ticket": 7500})
    assert found.names == ("a", "b")
    assert found.draws[0].tolist() == [pytest.approx(100 * (0.25 * 0.8 + 0.20) / 0.45), pytest.approx(100)]
    assert found.coverage == pytest.approx(0.45)


def test_a_better_value_never_lowers_the_score():
    low, high = (
        score([_part("utilisation", {"a": u, "b": 0.5}), _part("retention_42", {"a": 0.6, "b": 0.5})], TARGETS)
        for u in (0.5, 0.6)
    )
    assert (high.draws >= low.draws).all()


def test_a_score_of_one_part_is_none():
    with pytest.raises(NotAvailable, match="needs at least two of chair time, returning clients and ticket"):
        score([_part("utilisation", {"a": 0.5, "b": 0.5})], TARGETS)
