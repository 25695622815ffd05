"""What the reports of a corner network left, by hand: three shops, one really above, one really below, one neither."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import xarray as xr

from barberlab.models.benchmark_ranks import SEGMENTS, UNCERTAIN
from barberlab.reports import executive, prose
from barberlab.reports.left import Everything, Left
from barberlab.reports.performance import METRICS as COMPARED

AS_OF = datetime(2025, 7, 1, 4, tzinfo=UTC)
FACTS = {"name": "Corner Barbers", "currency": "USD", "timezone": "America/New_York", "country": "US", "level": "visit"}
SHOPS = {"s1": "Alder", "s2": "Birch", "s3": "Cedar"}
BARBERS = {"k1_a": "Ann Q.", "k1_b": "Bob M.", "k1_c": "Cat R."}
REVENUE = {"s1": 1_234_567, "s2": 987_654, "s3": 1_111_111}
USD = prose.Money("USD")


def compared(values: dict[str, float], keys: dict[str, str] | None = None) -> list[dict]:
    """Lines of a comparison: every metric, those not in `values` a tenth of its thousand."""
    lines = []
    for metric in COMPARED:
        value = values.get(metric, 0.1)
        line = (keys or {}) | {"metric": metric, "value": value, "numerator": 1000 * value, "denominator": 1000.0}
        lines.append(line | {f"year_{name}": line[name] for name in ("value", "numerator", "denominator")})
    return lines


def with_attrs(rows, **attrs) -> pd.DataFrame:
    """A frame as the reports keep it."""
    frame = pd.DataFrame(rows)
    frame.attrs = attrs
    return frame


def performance(**changed) -> Left:
    """What a performance report leaves."""
    needs = dict.fromkeys(COMPARED)
    about = {"currency": "USD", "needs": needs, "history_start": "2024-01-01"}
    months = [
        (shop, month, revenue + k)
        for shop, revenue in REVENUE.items()
        for k, month in enumerate(pd.date_range("2024-01-01", "2025-06-01", freq="MS"))
    ]
    by_shop = [
        line
        for shop, value in REVENUE.items()
        for line in compared({"net_service_revenue": value}, {"location_id": shop})
    ]
    growth = {"metric": "net_service_revenue", "needs": "", "change": 0.051, "p_rise": 0.99}
    growth |= {"low80": 0.041, "high80": 0.06, "low95": 0.03, "high95": 0.07}
    span = {"name": "June 2025", "start": "2025-06-01", "last": "2025-06-30", "partial": False}
    moved = [("s1", 0.12, 0.08, 0.16, 0.99), ("s2", -0.14, -0.2, -0.09, 0.02), ("s3", 0.02, -0.05, 0.09, 0.6)]
    tables = {
        "network": with_attrs(compared({"net_service_revenue": float(sum(REVENUE.values()))}), **about),
        "like": with_attrs(compared({"net_service_revenue": float(sum(REVENUE.values()))}), **about),
        "shops": with_attrs(by_shop, **about),
        "growth": with_attrs([growth], **span),
        "movers": with_attrs(
            [
                {"location_id": s, "change": c, "low80": a, "high80": b, "low95": a, "high95": b, "p_rise": p}
                for s, c, a, b, p in moved
            ],
            needs=None,
        ),
        "months": with_attrs(
            [{"location_id": s, "period": m, "value": v} for s, m, v in months], metric="net_service_revenue", **about
        ),
        "returning": with_attrs(
            [
                {"period": pd.Timestamp(month), "value": hits / 4000, "numerator": hits, "denominator": 4000}
                for month, hits in (("2024-04-01", 2500), ("2025-04-01", 2600))
            ],
            **about,
        ),
        "targets": pd.DataFrame({"metric": ["utilisation", "no_show_rate"], "target": [0.85, 0.05]}),
        "locations": pd.DataFrame({"location_id": list(SHOPS), "name": list(SHOPS.values())}),
        "quality": pd.DataFrame({"passed": pd.array([True, True, None], "boolean"), "words": ["a", "b", "c"]}),
    }
    return Left("performance", "r000001-performance", AS_OF, FACTS, tables | changed)


def past(mid: float, naive: float) -> dict:
    """An earlier forecast of all shops' total, of which 100 came."""
    foreseen = {"location_id": "", "mid": mid, "naive": naive, "low80": 95.0, "high80": 105.0}
    return foreseen | {"actual": 100.0, "shut": 0.0, "naive_shut": 0.0}


def revenue(**changed) -> Left:
    """What a revenue report leaves: two futures of three shops over four months."""
    months = pd.date_range("2025-06-01", periods=4, freq="MS").strftime("%Y-%m-%d").to_numpy(object)
    values = np.arange(400 * 3 * 4, dtype=np.float32).reshape(1, 400, 3, 4) + 1_000_000
    coordinates = {"location": np.array(list(SHOPS), object), "month": months}
    draws = xr.Dataset({"revenue": (("chain", "draw", "location", "month"), values)}, coordinates)
    total = {"location_id": "", "mid": 2.0e7, "low80": 1.91e7, "high80": 2.11e7, "before": 1.8e7, "p_more": 0.97}
    by_shop = [
        {"location_id": shop, "mid": 7e6 + k, "low80": 6.5e6, "high80": 7.5e6, "before": 6.8e6, "p_more": 0.6}
        | {"borrowed": "network" if shop == "s3" else ""}
        for k, shop in enumerate(SHOPS)
    ]
    tables = {
        "forecast_totals": pd.DataFrame([total | {"borrowed": ""}, *by_shop]),
        "forecast_weeks": pd.DataFrame(
            [(shop, week) for shop in ("", *SHOPS) for week in pd.date_range("2025-06-30", periods=26, freq="W-MON")],
            columns=["location_id", "period"],
        ),
        "past_weeks": pd.DataFrame(columns=["made_on", "kind", "location_id", "period"]),
        "past_totals": pd.DataFrame([past(mid=102.0, naive=110.0), past(mid=92.0, naive=88.0)]),
    }
    return Left("revenue", "r000002-revenue", AS_OF, FACTS, tables | changed, {"revenue_monthly": draws})


def benchmark(**changed) -> Left:
    """What a benchmark report leaves: s1 really above, s2 really below, s3 neither."""
    gaps = [("s1", 0.15, True, 0.99, 0.0), ("s2", -0.12, True, 0.0, 0.98), ("s3", -0.02, False, 0.1, 0.4)]
    worth = [
        ("s2", "revenue_per_available_hour", -4_000_000, 0.98),
        ("s2", "average_ticket", -1_000_000, 0.95),
        ("s3", "average_ticket", -5_000_000, 0.5),
        ("s1", "average_ticket", 3_000_000, 0.99),
    ]
    chances = {"s1": [0.9, 0.1, 0, 0, 0], "s2": [0, 0, 0.1, 0.7, 0.2], "s3": [0, 0.4, 0.45, 0.15, 0]}
    given = {"s1": ("Elite", "Elite", 0.9), "s2": ("Developing", "Developing", 0.7), "s3": (UNCERTAIN, "Average", 0.45)}
    placed = [
        dict(zip(("unit", *SEGMENTS, "segment", "leaning", "chance"), (unit, *p, *given[unit]), strict=True))
        for unit, p in chances.items()
    ]
    past = [
        {"unit": u, "segment": g[0], "chance": g[2], "period": pd.Timestamp("2025-06-01")} for u, g in given.items()
    ]
    past += [{"unit": "s1", "segment": "Average", "chance": 0.6, "period": pd.Timestamp("2025-05-01")}]
    line = {"metric": "utilisation", "label": "Chair time used", "own": 0.7, "needs": ""}
    line |= {"better": 62.0, "low80": 54.0, "high80": 70.0, "least": 25.0, "most": 75.0}
    pool = {"needs": "", "dark": ["Networks under 5 shops"], "where": "All networks, 50 networks"}
    tables = {
        "gaps": pd.DataFrame(
            [
                {"unit": u, "metric": executive.GAP, "mid": m, "low80": m - 0.03, "high80": m + 0.03, "low95": m - 0.05,
                 "high95": m + 0.05, "real": real, "p_above": up, "p_below": down, "value": 4000.0}
                for u, m, real, up, down in gaps
            ]
            + [
                {"unit": u, "metric": "average_ticket", "mid": -0.1, "low80": -0.12, "high80": -0.08, "low95": -0.14,
                 "high95": -0.06, "real": True, "p_above": 0.0, "p_below": 0.95, "value": 3500.0}
                for u in given
            ]
        ),
        "worth": pd.DataFrame(
            [
                {"unit": u, "metric": m, "mid": mid, "low80": mid - 500_000, "high80": mid + 500_000,
                 "p_above": p if mid > 0 else 0.0, "p_below": p if mid < 0 else 0.0}
                for u, m, mid, p in worth
            ]
        ),
        "placed": with_attrs(placed, by="cut-offs of the score", needs=""),
        "segments": pd.DataFrame(past),
        "position": with_attrs([line], month="2025-05", simulated=False, **pool),
    }  # fmt: skip
    return Left("benchmark", "r000003-benchmark", AS_OF, FACTS, tables | changed)


def retention(**changed) -> Left:
    """What a retention report leaves: 5,000 clients of two shops, of whom the second really loses more."""
    columns = ("location_id", "n", "churn", "low80", "high80", "value_at_risk", "risk_low80", "risk_high80")
    rows = [
        ("", 5000, 0.3, 0.28, 0.32, 7.5e7, 7.1e7, 7.9e7),
        ("s1", 3000, 0.25, 0.22, 0.28, 3.5e7, 3.2e7, 3.8e7),
        ("s2", 2000, 0.375, 0.35, 0.4, 4.0e7, 3.7e7, 4.3e7),
    ]
    lines = [dict(zip(columns, row, strict=True)) | {"to_ask": 40 + k, "gain": 9_000.0} for k, row in enumerate(rows)]
    by_shop = pd.DataFrame({"location_id": ["s1", "s2"], "gap": [-0.05, 0.075], "real": [False, True]})
    about = {"needs": None, "needs_money": None, "needs_list": None, "horizon_days": 90, "current_days": 180}
    listed = {
        "client_id": ["k1_aaaaaaaaaaaa", "k1_bbbbbbbbbbbb", "k1_cccccccccccc"], "location_id": ["s1", "s2", "s2"],
        "staff_id": list(BARBERS), "held_out": [False, False, True], "no_visit": 0.4, "worth": 40_000.0, "gain": 300.0,
        "gain_low80": 200.0, "gain_high80": 400.0, "why": "silent for 40 days, usually 21", "ask": "Reminder",
    }  # fmt: skip
    tables = {
        "contacts": pd.DataFrame(listed),
        "at_risk": with_attrs(lines, **about),
        "churn_by_shop": by_shop,
        "uplift": with_attrs([], needs="40 clients held out"),
    }
    return Left("retention", "r000005-retention", AS_OF, FACTS, tables | changed)


def shop_report() -> Left:
    """What a shop report leaves, as far as it is needed here."""
    back = [(shop, pd.Timestamp(month), 60 + k, 100) for k, month in enumerate(("2024-04-01", "2025-04-01"))
            for shop in SHOPS]  # fmt: skip
    back = pd.DataFrame(back, columns=["location_id", "period", "numerator", "denominator"])
    back = back.assign(value=back["numerator"] / back["denominator"])
    back.attrs = {"needs": None}
    tables = {
        "locations": performance().tables["locations"],
        "back": back,
        "chairs": pd.DataFrame({"location_id": list(SHOPS), "staff_id": list(BARBERS)}),
        "staff": pd.DataFrame({"staff_id": list(BARBERS), "display_name": list(BARBERS.values())}),
    }
    return Left("shop", "r000004-shop", AS_OF, FACTS, tables)


def everything(*runs: Left) -> Everything:
    """A network with these runs, by default all of them."""
    found = runs or (performance(), revenue(), benchmark(), shop_report(), retention())
    return Everything("corner", {run.report: run for run in found})
