"""A network's outlook written by hand, for tests of what is decided and said about clients."""

from datetime import date

import numpy as np
import pandas as pd

from barberlab.decisions.outlook import COLUMNS, Outlook
from barberlab.decisions.uplift import COLUMNS as UPLIFT
from barberlab.params import Retention

TODAY = date(2025, 6, 30)
SETTINGS = Retention(
    current_days=180,
    message_cost_cents=50,
    call_cost_cents=400,
    most_contacts=3,
    cap_days=90,
    rest_days=6,
    list_per_shop=25,
    holdout_share=0.15,
    assumed_odds_ratio=1.3,
    assumed_log_sd=0.25,
    yearly_discount=0.1,
)
REGULAR = {
    "location_id": "ny",
    "staff_id": "k1_ann",
    "visits": 8,
    "first_visit": pd.Timestamp("2024-06-01"),
    "last_visit": pd.Timestamp("2025-05-30"),
    "silence_days": 31.0,
    "usual_gap_days": 28.0,
    "overdue_days": -5.0,
    "p_alive": 0.9,
    "no_visit": 0.4,
    "low80": 0.35,
    "high80": 0.45,
    "log_odds_sd": 0.15,
    "expected_visits": 2.0,
    "yearly_visits": 10.0,
    "comes_soon": 0.5,
    "comes_soon_sd": 0.0,
    "spend": 4000.0,
    "spend_log_sd": 0.0,
    "worth": 40000.0,
    "value_at_risk": 16000.0,
    "withheld": False,
}
KNOWN = {
    "may_contact": True,
    "booked_ahead": False,
    "no_shows": 0,
    "barber_left": False,
    "contacts_lately": 0,
    "days_since_contact": np.nan,
}


def outlook_of(*clients: dict, **how: object) -> Outlook:
    """Regulars c000, c001, ... each with what is said of it."""
    rows = [{"client_id": f"c{k:03}"} | REGULAR | said for k, said in enumerate(clients)]
    return Outlook(TODAY, 90, 180, pd.DataFrame(rows)[list(COLUMNS)], seen=len(rows), **how)


def known_of(look: Outlook, **said: dict) -> pd.DataFrame:
    """Their circumstances: nothing stands against a contact, but for what is said of a client by its id."""
    rows = [KNOWN | said.get(client, {}) for client in look.own["client_id"]]
    return pd.DataFrame(rows, index=look.own.index)


def no_evidence() -> pd.DataFrame:
    """What `measured` gives where nothing was measured."""
    frame = pd.DataFrame(columns=list(UPLIFT))
    frame.attrs = {"needs": "table 14, contacts, with hold-outs", "within_days": 21}
    return frame


def evidence(effect: float = 0.05, log_odds_ratio: float = 0.4, sd: float = 0.05) -> pd.DataFrame:
    """What it gives of one campaign, alike for all together."""
    row = (900, 300, 0.45, 0.45 - effect, effect, 0.01, effect - 0.0128, effect + 0.0128, effect - 0.0196)
    rest = (effect + 0.0196, 0.99, log_odds_ratio, sd)
    frame = pd.DataFrame([(name, *row, *rest) for name in ("rebook_reminder", "all")], columns=list(UPLIFT))
    frame.attrs = {"needs": None, "within_days": 21}
    return frame
