"""Whom shall we ask back this week, how, and is it worth it?

A client is asked when its own usual gap has passed. The methodology's sequence of weeks 3, 4 and 5 is meant for who
comes every three weeks, so the weeks are read as that client's own gaps: at one gap, one and a third, one and two
thirds, and at two a last word. Nobody is offered a discount.

What a contact brings: it shifts the odds of coming within three weeks by a factor, the same for everybody, so it does
little for who comes anyway and little for who is gone; the visit it brings is worth that client's usual spend, and
nothing after it is counted. The factor is measured where contacts were made beside a hold-out (`uplift`); without that
it is an assumption of the network's settings, and the gain is called risk-based: it tells whom to ask first and is no
evidence that asking helps.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from barberlab.decisions.outlook import Outlook
from barberlab.decisions.uplift import ALL, held_out, period_of
from barberlab.models.calibration import log_odds
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.params import Retention

MEASURED, RISK_BASED = "measured", "risk-based"
DRAWS = 500
BLOCK = 4096  # clients whose draws are held at once


@dataclass(frozen=True)
class Action:
    """One way of asking back: its id (a campaign_type of table 14), how it is done, and from how many own gaps on."""

    name: str
    label: str
    what: str
    gaps: float
    call: bool = False


LADDER = (
    Action("week_3", "Reminder", "Say that the usual cut is due, with a link to book.", 1.0),
    Action("week_4", "Own slot", "Offer the usual weekday and hour with the usual barber.", 4 / 3),
    Action("week_5", "Personal call", "The barber calls or writes in person.", 5 / 3, call=True),
    Action("last_word", "Last word", "One personal line from the barber, then leave it.", 2.0),
)
SECOND_VISIT = Action("second_visit", "Second visit", "Thank for the first visit and offer a time for the next.", 1.0)
INTRODUCE = Action("introduce_barber", "New barber", "Introduce a colleague who knows the usual cut.", 1.0, call=True)
CATALOGUE = {action.name: action for action in (*LADDER, SECOND_VISIT, INTRODUCE)}

COLUMNS = (
    *("client_id", "location_id", "staff_id", "action", "held_out", "no_visit", "low80", "high80", "worth"),
    *("value_at_risk", "visits", "silence_days", "usual_gap_days", "overdue_days", "no_shows", "barber_left"),
    *("comes_soon", "lift", "cost", "gain", "gain_low80", "gain_high80", "p_gain", "basis"),
)


@dataclass(frozen=True)
class Listed:
    """The week's list (COLUMNS, the largest expected gain first), and how many were left out, by reason.

    held_out clients are on the list and are not to be contacted. Chances and gains as in the module's words; money in
    minor units. `needs` says what would bring a list where there is none.
    """

    rows: pd.DataFrame
    left_out: dict[str, int]
    period: str
    needs: str | None = None

    @property
    def to_contact(self) -> pd.DataFrame:
        """Those to be contacted."""
        return self.rows[~self.rows["held_out"]]


def listed(
    outlook: Outlook, known: pd.DataFrame, uplift: pd.DataFrame, settings: Retention, today: date, seed: int
) -> Listed:
    """Whom to ask back in the week after `today`, at most `list_per_shop` a shop.

    outlook: its `own` clients alone are looked at. known: `circumstances` of those. uplift: as of `measured`. Left out
    are, in this order and counted: who agreed to no messages, holds a booking, was contacted as often as the cap allows
    or within `rest_days`, is not due yet, and whose expected gain is no more than its cost.
    """
    period = period_of(today + timedelta(days=1))
    if outlook.needs or outlook.needs_money:
        return Listed(pd.DataFrame(columns=list(COLUMNS)), {}, period, outlook.needs or outlook.needs_money)
    clients = outlook.own.join(known)
    due, left_out = _due(clients, settings)
    due = due.assign(action=_action(due))
    priced = _priced(due, uplift, settings, seed)
    paying = priced[priced["gain"] > 0].sort_values(["gain", "client_id"], ascending=[False, True])
    chosen = paying.groupby("location_id", sort=False).head(settings.list_per_shop)
    left_out |= {"not worth the cost": len(priced) - len(paying), "beyond the week's list": len(paying) - len(chosen)}
    lots = held_out(chosen["client_id"], period, settings.holdout_share)
    return Listed(chosen.assign(held_out=lots)[list(COLUMNS)].reset_index(drop=True), left_out, period)


def _due(clients: pd.DataFrame, settings: Retention) -> tuple[pd.DataFrame, dict[str, int]]:
    tired = (clients["contacts_lately"] >= settings.most_contacts) | (
        clients["days_since_contact"] < settings.rest_days
    ).fillna(False)
    reasons = {
        "no consent to messages": ~clients["may_contact"],
        "booked ahead": clients["booked_ahead"],
        "contacted lately": tired,
        "not due yet": clients["silence_days"] < clients["usual_gap_days"],
    }
    left, counts = pd.Series(True, clients.index), {}
    for name, out in reasons.items():
        counts[name] = int((left & out).sum())
        left &= ~out
    return clients[left], counts


def _action(due: pd.DataFrame) -> np.ndarray:
    """The catalogue's action for each client: its step on the ladder, unless the barber is gone or it came but once."""
    gaps = due["silence_days"] / due["usual_gap_days"]
    step = np.searchsorted([action.gaps for action in LADDER], gaps, side="right") - 1
    ladder = np.array([action.name for action in LADDER], object)[np.clip(step, 0, None)]
    once = (due["visits"] == 1) & (step < len(LADDER) - 1)
    return np.select([due["barber_left"], once], [INTRODUCE.name, SECOND_VISIT.name], ladder)


def _priced(due: pd.DataFrame, uplift: pd.DataFrame, settings: Retention, seed: int) -> pd.DataFrame:
    """lift, cost, gain with its 8 in 10, p_gain and basis of each contact."""
    cost = {a.name: settings.call_cost_cents if a.call else settings.message_cost_cents for a in CATALOGUE.values()}
    effects = {name: effect(name, uplift, settings) for name in CATALOGUE}
    rows = due.assign(cost=due["action"].map(cost).astype(float))
    rows["basis"] = [effects[name][2] for name in rows["action"]]
    shift, sd = (np.array([effects[name][part] for name in rows["action"]], float) for part in (0, 1))
    parts = [_gains(rows.iloc[at], shift[at], sd[at], seed) for at in _blocks(len(rows))]
    columns = ("lift", "gain", "gain_low80", "gain_high80", "p_gain")
    found = np.concatenate(parts, axis=1) if parts else np.empty((len(columns), 0))
    return rows.assign(**dict(zip(columns, found, strict=True)))


def effect(action: str, uplift: pd.DataFrame, settings: Retention) -> tuple[float, float, str]:
    """(log odds ratio, its sd, basis): of this action where it was measured, else of all contacts, else assumed."""
    told = uplift.dropna(subset=["log_odds_ratio"]).set_index("campaign")
    for name in (action, ALL):
        if name in told.index:
            line = told.loc[name]
            return float(line["log_odds_ratio"]), float(line["log_odds_ratio_sd"]), MEASURED
    return float(np.log(settings.assumed_odds_ratio)), settings.assumed_log_sd, RISK_BASED


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def _gains(rows: pd.DataFrame, shift: np.ndarray, sd: np.ndarray, seed: int) -> np.ndarray:
    """(lift, gain, low, high, P(gain > 0)) by client, over draws of what is unknown: effect, chance and spend.

    The draws are quantiles spread evenly and shuffled apart, so that five hundred serve as well as thousands.
    """
    rng = np.random.default_rng(seed)
    even = norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS)
    by_effect, by_chance, by_spend = (rng.permutation(even) for _ in range(3))
    odds = log_odds(rows["comes_soon"])[:, None] + rows["comes_soon_sd"].to_numpy()[:, None] * by_chance
    lift = expit(odds + shift[:, None] + sd[:, None] * by_effect) - expit(odds)
    spend = rows["spend"].to_numpy()[:, None] * np.exp(rows["spend_log_sd"].to_numpy()[:, None] * by_spend)
    gain = lift * spend - rows["cost"].to_numpy()[:, None]
    low, high = np.quantile(gain, tails(EIGHT_IN_TEN), axis=1)
    return np.stack([lift.mean(axis=1), gain.mean(axis=1), low, high, (gain > 0).mean(axis=1)])
