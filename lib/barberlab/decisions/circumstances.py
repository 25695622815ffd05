"""What else must be known before a client is asked back? Consent, bookings, no-shows, a barber gone, past contacts."""

from datetime import date, datetime

import pandas as pd

COLUMNS = ("may_contact", "booked_ahead", "no_shows", "barber_left", "contacts_lately", "days_since_contact")
YEAR = pd.Timedelta(days=365)


def circumstances(
    own: pd.DataFrame,
    clients: pd.DataFrame,
    appointments: pd.DataFrame,
    staff: pd.DataFrame,
    contacts: pd.DataFrame,
    as_of: datetime,
    today: date,
    cap_days: int,
) -> pd.DataFrame:
    """COLUMNS for each client of `own`, in its order and on its index.

    own: an outlook's clients. clients, appointments, staff (staff_assignments) and contacts: tables of the contract as
    of `as_of`. may_contact holds only where consent to marketing was given, profiling was not refused and nothing was
    erased: unknown is not yes. no_shows are those of a year; contacts_lately those within `cap_days`, hold-outs not
    counted; days_since_contact is missing without any. A barber has left when no assignment at the client's shop lasts.
    """
    visits = appointments[appointments["client_id"].isin(own["client_id"])]
    ahead = visits[(visits["status"] == "booked") & (visits["start"] >= as_of)]
    missed = visits[(visits["status"] == "no_show") & (visits["start"] >= as_of - YEAR)]
    sent = contacts[~contacts["is_holdout"].fillna(False).astype(bool) & (contacts["sent_at"] < as_of)]
    lately = sent[sent["sent_at"] >= pd.Timestamp(as_of) - pd.Timedelta(days=cap_days)]
    since = (pd.Timestamp(as_of) - sent.groupby("client_id")["sent_at"].max()).dt.days
    who = own["client_id"]
    return pd.DataFrame(
        {
            "may_contact": who.isin(_agreed(clients)),
            "booked_ahead": who.isin(ahead["client_id"]),
            "no_shows": who.map(missed["client_id"].value_counts()).fillna(0).astype(int),
            "barber_left": _left(own, staff, today),
            "contacts_lately": who.map(lately["client_id"].value_counts()).fillna(0).astype(int),
            "days_since_contact": who.map(since).astype(float),
        },
        index=own.index,
    )


def _agreed(clients: pd.DataFrame) -> pd.Series:
    yes = clients["consent_marketing"].eq(True).fillna(False).astype(bool)
    refused = clients["consent_profiling"].eq(False).fillna(False).astype(bool)
    return clients.loc[yes & ~refused & clients["erased_on"].isna(), "client_id"]


def _left(own: pd.DataFrame, staff: pd.DataFrame, today: date) -> pd.Series:
    """Whether the client's barber worked at its shop once and does no more."""
    place = pd.MultiIndex.from_frame(own[["staff_id", "location_id"]].astype("str"))
    lasting = staff[staff["valid_to"].isna() | (staff["valid_to"] > pd.Timestamp(today))]
    there, still = (
        pd.MultiIndex.from_frame(rows[["staff_id", "location_id"]].astype("str")) for rows in (staff, lasting)
    )
    return pd.Series(place.isin(there) & ~place.isin(still), own.index)
