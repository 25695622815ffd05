"""Which shops and barbers differ, and which of the differences are real? Movers, funnels and the tables of all."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from barberlab.errors import NotAvailable as Lacking
from barberlab.models import change, rates
from barberlab.models.intervals import EIGHT_IN_TEN
from barberlab.periods import Period
from barberlab.reports import figures, marks, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock
from barberlab.reports.measures import LOWER_IS_BETTER, form, label, main_measure

BAND = 0.03  # a change under 3 % is no practical difference: about one visit in thirty
MOST_SHOPS = 40  # rows of the table; more are looked up, not read
FEWEST_SHOPS = 3  # a funnel of two shops compares each with itself
SHOP_COLUMNS = (
    ("net_service_revenue", "Revenue", False),
    ("visits", "Visits", False),
    ("average_ticket", "Ticket", True),
    ("utilisation", "Chair time", True),
)
BARBER_COLUMNS = (
    ("net_service_revenue", "Revenue", False),
    ("visits", "Visits", False),
    ("average_ticket", "Ticket", True),
    ("utilisation", "Chair time", True),
    ("revenue_per_available_hour", "Per hour", True),
)


def moved(daily: pd.DataFrame, span: Period, shops: list[str] | None = None) -> pd.DataFrame:
    """Each shop's change against last year with its ranges and chance; `shops` together as one network if given.

    daily: what `lab.metric(..., by="shop", grain="day")` gives. attrs["needs"] says what is missing where nothing can
    be told.
    """
    if shops is not None:
        kept = daily[daily["location_id"].isin(shops)]
        daily = kept.groupby("period", as_index=False)["value"].sum().assign(location_id="network")
    try:
        if daily.empty:
            raise Lacking("Change against last year", "shops that were open in both years")
        frame = change.changes(*change.blocks(daily, span)).reset_index()
        needs = None if frame["change"].notna().any() else "the same weeks a year before"
    except Lacking as lacking:
        frame, needs = pd.DataFrame(columns=["location_id", "change", "p_rise"]), lacking.needs
    frame.attrs = {"needs": needs}
    return frame


def is_real(movers: pd.DataFrame) -> pd.Series:
    """At least 90 % sure of the direction, and the 8 in 10 lies beyond the band of no practical difference."""
    sure = np.maximum(movers["p_rise"], 1 - movers["p_rise"]) >= prose.COULD_BE_CHANCE
    beyond = (movers["low80"] > BAND) | (movers["high80"] < -BAND)
    return sure & beyond


def verdict(movers: pd.DataFrame) -> tuple[str, bool | None]:
    """good, bad or chance, and which way it rose, of the first line: one rule for headlines, key figures and lists."""
    rose = bool(movers["change"].iloc[0] > 0)
    return ("good" if rose else "bad", rose) if bool(is_real(movers).iloc[0]) else ("chance", None)


def mover_figure(movers: pd.DataFrame, names: Mapping[str, str], span: Period, measure: str) -> Block:
    """Every shop's change against the same weeks of last year, in colour only where it is real."""
    if movers.attrs["needs"]:
        return NotAvailable("Which shops moved", movers.attrs["needs"])
    known = movers.dropna(subset=["p_rise"])
    known = known.assign(shop=known["location_id"].map(names), real=is_real(known))
    real = int(known["real"].sum())
    return figures.ranges(
        known,
        *("shop", "change", "low80", "high80", "low95", "high95", "real"),
        slug="movers",
        title=f"{prose.spelled(real).capitalize()} of {len(known)} shops very likely moved"
        if real
        else "No shop clearly moved",
        subtitle=(
            f"{label(measure)}, {span.name} against the same weekdays 52 weeks before. Dot: the change. "
            "Thick: 8 in 10. Thin: 19 in 20. Grey band: within 3%, no practical difference."
        ),
        centre_name="no change",
        band=BAND,
        note=(
            "How far a shop swings by chance is read off its own past year, with help from the network's. The takings "
            "of both periods are exact; the range is about the shop behind them."
        ),
    )


def rate_funnel(
    monthly: pd.DataFrame, names: Mapping[str, str], slug: str, subtitle: str, counted: str, months: int = 6
) -> Block:
    """Shops' rates over the last known `months` by their size, and which lie outside what chance gives.

    monthly: a rate by shop and month, as `lab.metric` gives it. A dashed box where it is not known at all.
    """
    metric = monthly.attrs["metric"]
    if monthly.attrs["needs"]:
        return NotAvailable(monthly.attrs["label"], monthly.attrs["needs"])
    frame = _pooled(monthly, months)
    if len(frame) < FEWEST_SHOPS:
        few = f"fewer than {prose.spelled(FEWEST_SHOPS)} shops have {prose.FEWEST_FOR_RATE} {counted}"
        return Paragraph(f"{monthly.attrs['label']}: {few}, so shops are not compared.")
    network = float(frame["numerator"].sum() / frame["denominator"].sum())
    low, high = figures.funnel_limits(frame["denominator"].to_numpy(float), network, 0.998)
    # A hair's width of grace: a rate exactly on its limit lies inside.
    out = int(((frame["rate"] < low - 1e-9) | (frame["rate"] > high + 1e-9)).sum())
    stand = "stands" if out == 1 else "stand"
    found = f"{prose.spelled(out).capitalize()} of {len(frame)} shops {stand} outside the funnel"
    return figures.funnel(
        frame.assign(shop=frame["location_id"].map(names)),
        *("shop", "denominator", "rate", network),
        counted=counted,
        better="lower" if metric in LOWER_IS_BETTER else "higher",
        slug=slug,
        title=found if out else "No shop stands outside the funnel",
        subtitle=subtitle,
    )


def _pooled(monthly: pd.DataFrame, months: int) -> pd.DataFrame:
    """Each shop's hits and cases over the last months in which anything is known; shops with under 30 left out."""
    known = monthly[monthly["denominator"] > 0]
    recent = known[known["period"].isin(sorted(known["period"].unique())[-months:])]
    frame = recent.groupby("location_id", as_index=False)[["numerator", "denominator"]].sum()
    frame = frame[frame["denominator"] >= prose.FEWEST_FOR_RATE]
    return frame.assign(rate=(frame["numerator"] / frame["denominator"]).astype(float))


def shop_table(
    shops: pd.DataFrame,
    movers: pd.DataFrame,
    names: Mapping[str, str],
    retention: pd.DataFrame,
    months: pd.DataFrame,
) -> TableBlock:
    """The largest shops that worked in the period, by name: numbers, who came back, their year, their last 13 months.

    shops: `lab.compare` by shop. retention, months: a metric by shop and month; retention over the last six told.
    """
    frame = shops.pivot(index="location_id", columns="metric", values="value").reset_index()
    measure = main_measure(shops)
    frame = frame[frame[measure].fillna(0) > 0].sort_values(measure, ascending=False)
    worked, frame = len(frame), frame.head(MOST_SHOPS)
    frame = frame.assign(shop=frame["location_id"].map(lambda shop: names.get(shop, shop))).sort_values("shop")
    frame["back"] = frame["location_id"].map(_rates(_pooled(retention, 6))).fillna(prose.MISSING)
    frame["on_year"] = frame["location_id"].map(moves(movers))
    frame["course"] = [course(months[months["location_id"] == shop]) for shop in frame["location_id"]]
    back = [] if retention.attrs["needs"] else [tables.Column("back", "Back in 42 days", str, secondary=True)]
    columns = [
        tables.Column("shop", "Shop"),
        *_columns(shops, SHOP_COLUMNS),
        *back,
        tables.Column(
            "on_year",
            "On last year",
            right=True,
            missing="not open a year ago, just opening then, or too little history",
        ),
        tables.Column("course", "13 months", secondary=True),
    ]
    which = f"The {MOST_SHOPS} largest of {worked} shops; the shop report has them all. " if worked > MOST_SHOPS else ""
    subtitle = f"{which}By name. ▲ ▼ very likely moved on last year; ● could be chance. Each line is on its own scale."
    return TableBlock("Every shop", tables.table(frame, columns), subtitle=subtitle)


def _rates(pooled: pd.DataFrame) -> dict[str, str]:
    lines = zip(pooled["location_id"], pooled["numerator"], pooled["denominator"], strict=True)
    return {shop: prose.rate(hits, n) for shop, hits, n in lines}


def course(months: pd.DataFrame) -> marks.Mark:
    """The last 13 months of one shop as a line without axes."""
    return marks.sparkline([None if pd.isna(v) else float(v) for v in months.sort_values("period")["value"][-13:]])


def moves(movers: pd.DataFrame) -> dict[str, marks.Mark | str]:
    """Each shop's change with its sign: an arrow where it is real, a dot where it could be chance."""
    if movers.attrs["needs"]:
        return {}
    known = movers.dropna(subset=["p_rise"])
    return {
        shop: marks.verdict(prose.change(ratio), "good" if ratio > 0 else "bad", ratio > 0)
        if real
        else f"● {prose.change(ratio)}"
        for shop, ratio, real in zip(known["location_id"], known["change"].astype(float), is_real(known), strict=True)
    }


def _columns(frame: pd.DataFrame, wanted) -> list[tables.Column]:
    """The columns of the metrics that the network has."""
    currency, needs = frame.attrs["currency"], frame.attrs["needs"]
    have = [(metric, heading, secondary) for metric, heading, secondary in wanted if not needs[metric]]
    return [
        tables.Column(metric, heading, form(metric, currency).table, secondary=side) for metric, heading, side in have
    ]


def barber_table(barbers: pd.DataFrame, staff: pd.DataFrame) -> Block:
    """Every barber who worked in the period, by name, rates with their 8 in 10; a dashed box where nobody is known."""
    worked = barbers.loc[(barbers["metric"] == "visits") & (barbers["value"] > 0), "staff_id"].dropna()
    known = barbers[barbers["staff_id"].isin(worked)]
    if known.empty:
        return NotAvailable("Barbers", "staff_id in table 6, appointments")
    frame = known.pivot(index="staff_id", columns="metric", values="value").reset_index()
    rebooked = known[known["metric"] == "rebook_rate"].set_index("staff_id")
    shown = dict(zip(staff["staff_id"], staff["display_name"], strict=True))
    frame["barber"] = [shown.get(who, who[:9]) for who in frame["staff_id"]]
    frame["rebooked"] = [_with_range(rebooked.loc[who]) for who in frame["staff_id"]]
    columns = [tables.Column("barber", "Barber"), *_columns(barbers, BARBER_COLUMNS)]
    if not barbers.attrs["needs"]["rebook_rate"]:
        columns.append(tables.Column("rebooked", "Rebooked", str, unit="8 in 10", secondary=True))
    subtitle = "By name, for this network's own pages only."
    return TableBlock("Every barber", tables.table(frame.sort_values("barber"), columns), subtitle=subtitle)


def _with_range(line: pd.Series) -> str:
    """A counted rate with its 8 in 10; n/a under 30."""
    n = line["denominator"]
    if prose.missing(n) or n < prose.FEWEST_FOR_RATE:
        return prose.MISSING
    low, high = rates.interval(np.array(line["numerator"], float), np.array(n, float), EIGHT_IN_TEN)
    said = prose.estimate(float(line["value"]), float(low), float(high), prose.Rate(), "table")
    return f"{said.value} ({said.eight_in_ten.removeprefix('8 in 10: ')})"
