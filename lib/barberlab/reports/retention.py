"""Who may not come back, what is that worth, and whom do we ask? The words of the retention report."""

import pandas as pd
from scipy.stats import norm

from barberlab.decisions.outlook import Outlook, Sum, value_at_risk
from barberlab.decisions.retention import MEASURED, Listed
from barberlab.decisions.standing import ALL_SHOPS, at_risk
from barberlab.decisions.uplift import ALL
from barberlab.models.cohorts import SECOND_WITHIN
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.reports import prose
from barberlab.reports.blocks import Block, FiveLines, Headline, KeyFigure, KeyFigures, NotAvailable, Paragraph
from barberlab.reports.voices import voice

TITLE = "Who comes back"


def opening(look: Outlook, listed: Listed, currency: str, seed: int) -> Headline:
    """The page's answer: how many to ask back, and what is at risk with its range."""
    eyebrow = f"Retention report · {prose.day(pd.Timestamp(look.today))}"
    if look.needs:
        return Headline("Who comes back cannot be told yet", f"It needs {look.needs}.", eyebrow=eyebrow)
    leaving = _leaving(look)
    lede = (
        f"{_risk_said(look, currency, seed)}{prose.count(len(look.clients))} clients came in the last "
        f"{look.current_days} days. Each is judged by its own rhythm; {leaving.value} of them "
        f"({leaving.eight_in_ten}) are expected not to come in the next {look.horizon_days}. Clients are pseudonyms "
        "here; the command “barberlab resolve” finds them again in the shop's own system."
    )
    return Headline(_answer(look, listed, currency, seed), lede, eyebrow=eyebrow)


def _answer(look: Outlook, listed: Listed, currency: str, seed: int) -> str:
    if look.needs_money:
        return f"{_leaving(look).value} of clients are expected not to come"
    told = _at_risk(look, currency, seed)
    asked = len(listed.to_contact)
    first = f"{prose.plural(asked, 'client')} are worth asking back this week" if asked else "Nobody needs asking back"
    return f"{first}; {told.value} a year is at risk"


def _at_risk(look: Outlook, currency: str, seed: int) -> prose.Estimate:
    total: Sum = value_at_risk(look.clients, seed)
    return prose.estimate(total.mean, total.low80, total.high80, prose.Money(currency))


def _risk_said(look: Outlook, currency: str, seed: int) -> str:
    if look.needs_money:
        return ""
    told = _at_risk(look, currency, seed)
    return f"The value at risk is {told.value} a year ({told.eight_in_ten}). "


def _leaving(look: Outlook) -> prose.Estimate:
    """The share of clients expected not to come, with its range from what is not known of their chances."""
    p, sd = look.clients["no_visit"], look.clients["log_odds_sd"]
    doubt = norm.ppf(tails(EIGHT_IN_TEN)[1]) * float((p * (1 - p) * sd).mean())
    mean = float(p.mean())
    return prose.estimate(mean, mean - doubt, mean + doubt, prose.Rate())


def key_figures(look: Outlook, listed: Listed, whole: pd.DataFrame, currency: str, seed: int) -> Block:
    """Clients, expected churn, value at risk, second visits and the list, each with its range or what was counted."""
    if look.needs:
        return NotAvailable(TITLE, look.needs)
    counted = KeyFigure(
        "Current clients", prose.count(len(look.clients)), f"of {prose.count(look.seen)} ever seen; counted"
    )
    shown = [counted, _churn(look), _risk(look, currency, seed), _second(whole), _list(listed, currency)]
    return KeyFigures(tuple(figure for figure in shown if figure))


def _churn(look: Outlook) -> KeyFigure:
    told = _leaving(look)
    return KeyFigure(f"Not coming in {look.horizon_days} days", told.value, told.eight_in_ten)


def _risk(look: Outlook, currency: str, seed: int) -> KeyFigure:
    if look.needs_money:
        return KeyFigure("Value at risk", prose.MISSING, f"needs {look.needs_money}")
    told = _at_risk(look, currency, seed)
    return KeyFigure("Value at risk", told.value, told.eight_in_ten, beside="a year")


def _second(whole: pd.DataFrame) -> KeyFigure | None:
    if whole.empty or whole["n"].iloc[0] < prose.FEWEST_FOR_RATE:
        return None
    line = whole.iloc[0]
    said = f"of {prose.count(line['n'])} new clients within {SECOND_WITHIN} days"
    return KeyFigure("First to second visit", prose.rate(line["again"], line["n"]), said)


def _list(listed: Listed, currency: str) -> KeyFigure | None:
    if listed.needs or listed.rows.empty:
        return None
    held = int(listed.rows["held_out"].sum())
    gain = _gain(listed, currency)
    said = f"expected gain {gain.value} this week, {gain.eight_in_ten}; {held} held out"
    return KeyFigure("To ask back", prose.count(len(listed.to_contact)), said)


def _gain(listed: Listed, currency: str) -> prose.Estimate:
    """What the list should bring, with the widest range that its contacts' own ranges allow: they share the effect."""
    sums = listed.to_contact[["gain", "gain_low80", "gain_high80"]].sum()
    return prose.estimate(*sums, prose.Money(currency))


def in_short(look: Outlook, by_shop: pd.DataFrame, listed: Listed, uplift: pd.DataFrame, names: dict) -> Block:
    """The page in at most three sentences: shops, the list, the effect."""
    if look.needs:
        return NotAvailable(TITLE, look.needs)
    said = [_shops(by_shop, names), _asking(listed), _effect(uplift)]
    return FiveLines(tuple(line for line in said if line))


def risk_table(look: Outlook, listed: Listed, least: int, seed: int) -> pd.DataFrame:
    """What is kept of who may not come back, for boards: `standing.at_risk` with to_ask and gain of the week's list.

    One row for all shops, location_id "", and one a shop. attrs: needs, needs_money and needs_list say what each lacks.
    """
    frame = at_risk(look.clients, least, seed)
    asked = listed.to_contact.reindex(columns=["client_id", "location_id", "gain"])
    both = pd.concat([asked.assign(location_id=ALL_SHOPS), asked])
    told = both.groupby("location_id").agg(to_ask=("client_id", "size"), gain=("gain", "sum"))
    frame = frame.merge(told, on="location_id", how="left").fillna({"to_ask": 0, "gain": 0.0})
    frame.attrs = {"needs": look.needs, "needs_money": look.needs_money, "needs_list": listed.needs} | {
        "horizon_days": look.horizon_days, "current_days": look.current_days,
    }  # fmt: skip
    return frame


def _shops(by_shop: pd.DataFrame, names: dict) -> tuple[str, str] | None:
    if by_shop.empty:
        return None
    worse = by_shop[by_shop["real"] & (by_shop["gap"] > 0)].sort_values("gap", ascending=False)
    if worse.empty:
        return "No shop clearly loses more clients than the others.", ""
    who = prose.listed([names[shop] for shop in worse["location_id"].head(3)])
    return f"{who} very likely {'loses' if len(worse) == 1 else 'lose'} more clients than the network.", ""


def _asking(listed: Listed) -> tuple[str, str] | None:
    if listed.needs:
        return None
    agreed = listed.left_out.get("no consent to messages", 0)
    rest = f"{prose.count(agreed)} more gave no consent to messages." if agreed else ""
    return f"{prose.plural(len(listed.to_contact), 'client')} to ask back this week.", rest


def _effect(uplift: pd.DataFrame) -> tuple[str, str]:
    if uplift.attrs["needs"]:
        return "Whether asking helps is not known yet.", "The list is risk-based, not causal; its hold-out will tell."
    whole = uplift.set_index("campaign").loc[ALL]
    span = prose.span(whole["low80"], whole["high80"], prose.Points(), "prose")
    first = (
        f"Asking moved the share who came within {uplift.attrs['within_days']} days by {prose.points(whole['effect'])}."
    )
    return first, (f"8 in 10: {span}; {prose.chance(float(whole['p_helps']))} chance that it helps.")


def how_made(look: Outlook, listed: Listed) -> Block:
    """What the numbers are, in a paragraph."""
    if look.needs:
        return NotAvailable(TITLE, look.needs)
    choice = look.predicted.choice
    basis = "" if listed.needs or listed.rows.empty else _basis(set(listed.rows["basis"]))
    return Paragraph(
        f"Churn is the chance of no visit in {look.horizon_days} days, which is not the chance that a client is lost "
        f"for good. It is told by {voice(choice.churn)}: {choice.reason}. Visits are told by "
        f"{voice(choice.counts)}. "
        "Worth is what a client would bring in the next 12 months if it is still one, by its own rhythm and spend, "
        "discounted, at listed prices less discounts. Clients who withdrew consent to profiling count in totals "
        f"and have no row anywhere.{basis}"
    )


def _basis(basis: set[str]) -> str:
    if basis == {MEASURED}:
        return " The effect of a contact was measured against clients held out by lot."
    return " The effect of a contact is an assumption of this network's settings, not evidence."
