"""Whom to ask back, why, and has asking helped? The contact list in words, the bands behind it, the effect so far."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from barberlab.decisions.outlook import Outlook, value_at_risk
from barberlab.decisions.retention import CATALOGUE, MEASURED, Listed
from barberlab.decisions.uplift import ALL
from barberlab.reports import prose, tables
from barberlab.reports.blocks import Block, NotAvailable, Paragraph, TableBlock

MOST_ROWS = 15  # a page of paper; the run's table `contacts` holds them all
GONE = 0.9
SHORT_ID = 11  # of a pseudonym: the key's number and eight characters, enough to tell rows of a page apart
BANDS = ("on rhythm", "overdue", "nearly gone")
_RATE = prose.Rate()


def bands(look: Outlook) -> pd.DataFrame:
    """Current clients in three bands: band, n, churn, value_at_risk; totals alone, of all clients."""
    c = look.clients
    told = (
        c.assign(band=_band(c))
        .groupby("band")
        .agg(n=("client_id", "size"), churn=("no_visit", "mean"), value_at_risk=("value_at_risk", "sum"))
    )
    return told.reindex(BANDS).rename_axis("band").reset_index()


def _band(c: pd.DataFrame) -> np.ndarray:
    return np.select([c["no_visit"] >= GONE, c["overdue_days"] > 0], [BANDS[2], BANDS[1]], BANDS[0])


def _risk_of(look: Outlook, band: str, currency: str, seed: int) -> tuple[str | None, str | None]:
    """A band's value at risk and its 8 in 10; nothing where there are no clients or no prices."""
    inside = look.clients[_band(look.clients) == band]
    if look.needs_money or inside.empty:
        return None, None
    total = value_at_risk(inside, seed)
    return _in_cells(prose.estimate(total.mean, total.low80, total.high80, prose.Money(currency), "table"))


def _in_cells(told: prose.Estimate) -> tuple[str, str]:
    """An estimate and its range for two columns, the second headed 8 in 10."""
    return told.value, told.eight_in_ten.removeprefix("8 in 10: ")


def band_table(look: Outlook, currency: str, seed: int) -> Block:
    """The three bands with what is at risk in each."""
    if look.needs:
        return NotAvailable("Value at risk", look.needs)
    frame = bands(look)
    frame["n"] = frame["n"].fillna(0)
    words = {
        BANDS[0]: "within nine in ten of its own gaps",
        BANDS[1]: "silent for longer than nine in ten of its own gaps",
        BANDS[2]: f"at least {_RATE(GONE)} sure not to come",
    }
    frame["means"] = frame["band"].map(words)
    frame[["at_risk", "range"]] = [_risk_of(look, band, currency, seed) for band in frame["band"]]
    columns = [
        tables.Column("band", "Clients"), tables.Column("means", "Means", secondary=True),
        tables.Column("n", "Number", prose.count), tables.Column("churn", "Not coming", _RATE.table, secondary=True),
        tables.Column("at_risk", "At risk", right=True, unit="a year", missing=look.needs_money or "no value"),
        tables.Column("range", "8 in 10", right=True, missing=look.needs_money or "no value"),
    ]  # fmt: skip
    note = "" if look.needs_money else _said_of_risk(look, currency, seed)
    subtitle = f"Clients seen in the last {look.current_days} days, each judged by its own rhythm."
    return TableBlock("What is at risk", tables.table(frame, columns), subtitle=subtitle, note=note)


def _said_of_risk(look: Outlook, currency: str, seed: int) -> str:
    total = value_at_risk(look.clients, seed)
    told = prose.estimate(total.mean, total.low80, total.high80, prose.Money(currency))
    doubt = "" if look.independence.holds else f" Check: {look.independence.words}."
    return (
        f"In all {told.value} ({told.eight_in_ten}). At risk is what a client would bring in a year if it stayed, "
        f"times the chance that it does not come in {look.horizon_days} days.{doubt}"
    )


def reasons(rows: pd.DataFrame) -> pd.Series:
    """Why each client is on the list, in words: against its own rhythm, then what else is known."""
    return pd.Series([_why(row) for row in rows.itertuples()], rows.index, dtype="str")


def _why(row: object) -> str:
    days, usual = prose.count(row.silence_days), prose.count(row.usual_gap_days)
    known = f"silent for {days} days, usually {usual}"
    said = [f"came once, {days} days ago" if row.visits == 1 else known]
    if row.overdue_days >= 1:
        said.append(f"overdue by {round(row.overdue_days)}")
    if row.barber_left:
        said.append("its barber left")
    if row.no_shows:
        said.append(f"{prose.plural(row.no_shows, 'no-show')} in a year")
    return "; ".join(said)


def table_to_keep(listed: Listed) -> pd.DataFrame:
    """The whole list with its words, for `keep`: dashboards and `barberlab resolve` read it. Pseudonyms only."""
    labels = {name: action.label for name, action in CATALOGUE.items()}
    kept = listed.rows.assign(why=reasons(listed.rows), ask=listed.rows["action"].map(labels), period=listed.period)
    kept.attrs = {"needs": listed.needs, "left_out": listed.left_out}
    return kept


def contact_table(listed: Listed, names: Mapping[str, str], staff: pd.DataFrame, currency: str) -> Block:
    """The first rows of the list; a sentence where nobody is worth a contact, a dashed box where none can be made."""
    if listed.needs:
        return NotAvailable("Whom to ask back", listed.needs)
    if listed.rows.empty:
        return Paragraph("No contact is worth its cost this week. Next look: in a week.")
    frame = listed.rows.head(MOST_ROWS)
    barbers = dict(zip(staff["staff_id"], staff["display_name"], strict=True))
    money = prose.Money(currency)
    said = [
        _in_cells(prose.estimate(row.gain, row.gain_low80, row.gain_high80, money, "table"))
        for row in frame.itertuples()
    ]
    frame = frame.assign(
        client=[who[:SHORT_ID] for who in frame["client_id"]],
        where=[_where(names[row.location_id], barbers.get(row.staff_id)) for row in frame.itertuples()],
        why=reasons(frame),
        ask=[_ask(row) for row in frame.itertuples()],
        leaving=[_between(row.low80, row.high80) for row in frame.itertuples()],
        gains=[value for value, _ in said],
        range=[between for _, between in said],
    )
    columns = [
        tables.Column("client", "Client"), tables.Column("where", "Where", secondary=True),
        tables.Column("why", "Why", secondary=True), tables.Column("ask", "Ask"),
        tables.Column("leaving", "Leaving", right=True, unit="8 in 10", secondary=True),
        tables.Column("worth", "Worth", money.table, unit="a year", secondary=True),
        tables.Column("gains", "Gain", right=True), tables.Column("range", "8 in 10", right=True),
    ]  # fmt: skip
    return TableBlock(
        _title(listed), tables.table(frame, columns), subtitle=_order(listed), note=_left_out(listed, len(frame))
    )


def _between(low: float, high: float) -> str:
    """A range of chances in whole per cent: a client's is not known better."""
    first, last = prose.chance(low), prose.chance(high)
    if first == last:
        return first
    if first.startswith("under"):
        return f"under {last}"
    return f"over {first}" if last.startswith("over") else f"{first.removesuffix('%')}–{last}"


def _where(shop: str, barber: str | None) -> str:
    return f"{shop}, {barber}" if barber else shop


def _ask(row: object) -> str:
    return "● left uncalled on purpose" if row.held_out else CATALOGUE[row.action].label


def _title(listed: Listed) -> str:
    held = int(listed.rows["held_out"].sum())
    return f"{prose.plural(len(listed.to_contact), 'client')} to ask back this week, {prose.count(held)} left uncalled"


def _order(listed: Listed) -> str:
    basis = set(listed.rows["basis"])
    said = (
        "The effect is measured against the hold-out"
        if basis == {MEASURED}
        else "Risk-based, not causal: the effect is assumed until a hold-out has measured it"
    )
    return (
        "Ordered by expected gain: the chance that asking brings a visit, times the client's usual spend, less the "
        f"cost; what a kept client brings later is not counted. {said}. Some are left uncalled "
        f"by lot, for the quarter {listed.period.replace('-', ' ')}, so that it can be measured."
    )


def _left_out(listed: Listed, shown: int) -> str:
    parts = [f"{reason} {prose.count(n)}" for reason, n in listed.left_out.items() if n]
    first = f"The first {shown} of {len(listed.rows)}. " if shown < len(listed.rows) else ""
    return f"{first}Left out: {', '.join(parts) or 'nobody'}. Never a discount, never a message to all."


def effect_table(uplift: pd.DataFrame) -> Block:
    """Each campaign against its own hold-out."""
    if uplift.attrs["needs"]:
        return NotAvailable("Effect of contacts so far", uplift.attrs["needs"])
    frame = uplift.assign(
        name=[name.replace("_", " ").capitalize() if name != ALL else "All together" for name in uplift["campaign"]],
        came=[prose.rate(p * n, n) for p, n in zip(uplift["came_contacted"], uplift["contacted"], strict=True)],
        else_came=[prose.rate(p * n, n) for p, n in zip(uplift["came_held_out"], uplift["held_out"], strict=True)],
        more=[_points(row) for row in uplift.itertuples()],
        helps=[prose.MISSING if prose.missing(p) else prose.chance(p) for p in uplift["p_helps"]],
    )
    columns = [
        tables.Column("name", "Campaign"), tables.Column("contacted", "Asked", prose.count, secondary=True),
        tables.Column("held_out", "Held out", prose.count, secondary=True),
        tables.Column("came", "Came", right=True, secondary=True),
        tables.Column("else_came", "Held out came", right=True, secondary=True),
        tables.Column("more", "Effect", right=True, unit="8 in 10"),
        tables.Column("helps", "Helps", right=True, unit="chance", secondary=True),
    ]  # fmt: skip
    subtitle = f"Share who came within {uplift.attrs['within_days']} days of a contact, and of those held out by lot."
    return TableBlock(_effect_title(uplift), tables.table(frame, columns), subtitle=subtitle)


def _points(row: object) -> str:
    if prose.missing(row.effect):
        return prose.MISSING
    return f"{prose.points(row.effect)} ({prose.span(row.low80, row.high80, prose.Points(), 'prose')})"


def _effect_title(uplift: pd.DataFrame) -> str:
    whole = uplift.set_index("campaign").loc[ALL]
    if whole["p_helps"] < prose.COULD_BE_CHANCE:
        return "Whether asking helps cannot be told yet"
    return f"Asking brought {prose.points(whole['effect']).removeprefix('+')} more clients in than leaving them alone"
