"""Where are clients lost, and are new ones won? Expected churn of shops and barbers, cohorts, second visits."""

from collections.abc import Mapping

import pandas as pd

from barberlab.decisions.outlook import Outlook, value_at_risk
from barberlab.models.cohorts import LATER, SECOND_WITHIN
from barberlab.reports import figures, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock
from barberlab.reports.voices import voice

BAND = 0.03  # three points of churn: a client in thirty, under what a shop would notice in a quarter
FEWEST_GROUPS = 3
_RATE = prose.Rate()


def churn_figure(by_shop: pd.DataFrame, look: Outlook, names: Mapping[str, str]) -> Block:
    """Each shop's expected churn against the network's; in colour where it very likely stands apart."""
    if look.needs or by_shop.empty:
        return NotAvailable("Churn by shop", look.needs or "more clients in each shop")
    known = with_real(by_shop).assign(shop=by_shop["location_id"].map(names))
    mean = float(look.clients["no_visit"].mean())
    real = int(known["real"].sum())
    return figures.ranges(
        known,
        *("shop", "churn", "low80", "high80", "low95", "high95", "real"),
        slug="churn-by-shop",
        title=_apart(real, len(known)),
        subtitle=(
            f"Share of clients seen in the last {look.current_days} days who will not come in the next "
            f"{look.horizon_days}. Dot: expected. Thick: 8 in 10. Thin: 19 in 20. Grey band: within 3 points of the "
            f"network's {_RATE(mean)}."
        ),
        centre=mean,
        centre_name="network",
        band=BAND,
        better="lower",
        form=_RATE,
        note=f"By {voice(look.predicted.choice.churn)}; the range is where the share will lie when it is counted.",
    )


def with_real(groups: pd.DataFrame) -> pd.DataFrame:
    """`groups` with `real`: at least 90 % sure of the side, and further from the network than the band."""
    sure = groups["p_above"].where(groups["p_above"] > 0.5, 1 - groups["p_above"]) >= prose.COULD_BE_CHANCE
    return groups.assign(real=sure & (groups["gap"].abs() > BAND))


def _apart(real: int, shops: int) -> str:
    if not real:
        return "No shop clearly loses more clients than the others"
    return f"{prose.spelled(real).capitalize()} of {shops} shops very likely {'differs' if real == 1 else 'differ'}"


def barber_table(by_barber: pd.DataFrame, look: Outlook, staff: pd.DataFrame, currency: str, seed: int) -> Block:
    """Expected churn of each barber's own clients, by name; a dashed box where barbers are not known."""
    if look.needs or by_barber.empty:
        return NotAvailable("Churn by barber", look.needs or "staff_id in table 6, appointments, and 30 clients each")
    shown = dict(zip(staff["staff_id"], staff["display_name"], strict=True))
    frame = with_real(by_barber).assign(barber=[shown.get(who, who[:9]) for who in by_barber["staff_id"]])
    said = [prose.estimate(row.churn, row.low80, row.high80, _RATE, "table") for row in frame.itertuples()]
    frame["middle"] = [one.value for one in said]
    frame["range"] = [one.eight_in_ten.removeprefix("8 in 10: ") for one in said]
    frame["verdict"] = [_verdict(row) for row in frame.itertuples()]
    frame["at_risk"] = [_at_risk(look, who, currency, seed) for who in frame["staff_id"]]
    columns = [
        tables.Column("barber", "Barber"), tables.Column("n", "Clients", prose.count),
        tables.Column("middle", "Not coming", right=True), tables.Column("range", "8 in 10", right=True),
        tables.Column("verdict", "Against the network", secondary=True),
        tables.Column("at_risk", "At risk", right=True, unit="a year, 8 in 10", secondary=True),
    ]  # fmt: skip
    subtitle = (
        f"Share of clients expected not to come in {look.horizon_days} days. A client belongs to the barber it came to "
        "most. By name, for this network's own pages only."
    )
    note = "A barber with many new clients loses more of them: this compares clients as they are, not barbers' merit."
    return TableBlock(
        "Every barber's clients", tables.table(frame.sort_values("barber"), columns), subtitle=subtitle, note=note
    )


def _at_risk(look: Outlook, staff_id: str, currency: str, seed: int) -> str:
    if look.needs_money:
        return prose.MISSING
    total = value_at_risk(look.clients[look.clients["staff_id"] == staff_id], seed)
    return prose.span(total.low80, total.high80, prose.Money(currency))


def _verdict(row: object) -> str:
    if not row.real:
        return "● could be chance"
    return "▲ more leave" if row.gap > 0 else "▼ fewer leave"


def cohort_table(found: pd.DataFrame) -> Block:
    """How many of each half-year's new clients still came so much later."""
    if found.empty:
        return NotAvailable("Survival of cohorts", "a half-year of new clients and 180 days after it")
    wide = found.assign(said=[_share(row) for row in found.itertuples()]).pivot(
        index=["cohort", "n"], columns="days", values="said"
    )
    frame = wide.reset_index()
    frame["cohort"] = [_half(when) for when in frame["cohort"]]
    later = [days for days in LATER if days in frame]
    columns = [tables.Column("cohort", "New in"), tables.Column("n", "Clients", prose.count)]
    columns += [
        tables.Column(
            days, _months(days), right=True, unit="later", missing="not over yet", secondary=days not in (90, 365)
        )
        for days in later
    ]
    subtitle = "Share of clients who came in the 90 days that begin so long after their first visit. Counted."
    note = "A cell is told when those days are over for all of the half-year's clients."
    return TableBlock("How long new clients stay", tables.table(frame, columns), subtitle=subtitle, note=note)


def _share(row: object) -> str:
    return prose.rate(row.there, row.n)


def _half(when: pd.Timestamp) -> str:
    return f"{'first' if when.month == 1 else 'second'} half {when.year}"


def _months(days: int) -> str:
    return f"{round(days / 30.4)} months"


def second_visit_figure(by_shop: pd.DataFrame, whole: pd.DataFrame, names: Mapping[str, str]) -> Block:
    """Shops' shares of new clients who came a second time, and which lie outside what chance gives."""
    told = by_shop[by_shop["n"] >= prose.FEWEST_FOR_RATE]
    if whole.empty or whole["n"].iloc[0] < prose.FEWEST_FOR_RATE:
        needs = f"{prose.FEWEST_FOR_RATE} new clients with {SECOND_WITHIN} days behind them, and 180 days of history"
        return NotAvailable("First to second visit", needs)
    line = whole.iloc[0]
    share = prose.rate(line["again"], line["n"])
    if len(told) < FEWEST_GROUPS:
        return Paragraph(
            f"{share} of {prose.count(line['n'])} new clients came a second time within {SECOND_WITHIN} days."
        )
    return figures.funnel(
        told.assign(shop=told["location_id"].map(names)),
        *("shop", "n", "share", float(line["share"])),
        counted="new clients",
        slug="second-visits",
        title=f"{share} of new clients came a second time",
        subtitle=f"Within {SECOND_WITHIN} days of the first visit, by number of new clients; a year of first visits.",
    )
