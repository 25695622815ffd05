"""What does a shop do, as far as its own book shows it? Habits that may go along with results.

No KPI is defined here: these are ways of working, over shops, from the contract's tables. One that the tables cannot
tell is left out.
"""

from datetime import date

import pandas as pd

TABLES = ("appointments", "payments", "shifts", "staff_assignments")
LABELS = {
    "addon_share": "Visits with an add-on",
    "open_hours": "Hours open a week",
    "price_level": "Price level",
    "prebook_rate": "Pre-booked",
    "lead_days": "Days booked ahead",
    "tenure_years": "Barbers' years in the shop",
}


def of_shops(tables: dict[str, pd.DataFrame], prebooked: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    """Over shops: add-on share, weekly opening hours, price level, pre-booking, lead time, tenure of barbers.

    tables: TABLES of the contract, the first three with `local_date`.
    prebooked: `prebook_rate` by shop over the same days, [start, end).
    """
    visits, payments, shifts = (_between(tables[name], start, end) for name in ("appointments", "payments", "shifts"))
    done = visits[visits["status"] == "completed"]
    habits = {
        "addon_share": addon_share(payments),
        "open_hours": open_hours(shifts[shifts["kind"] == "available"]),
        "price_level": price_level(done),
        "prebook_rate": prebooked.set_index("location_id")["value"],
        "lead_days": lead_days(done),
        "tenure_years": tenure_years(tables["staff_assignments"], start, end),
    }
    frame = pd.DataFrame({name: values.astype(float) for name, values in habits.items()})
    return frame.loc[frame.index.intersection(done["location_id"].unique())].dropna(axis=1, how="all")


def _between(frame: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    return frame[(frame["local_date"] >= pd.Timestamp(start)) & (frame["local_date"] < pd.Timestamp(end))]


def addon_share(payments: pd.DataFrame) -> pd.Series:
    """Share of visits paid for that have more than one line of service."""
    lines = payments[(payments["kind"] == "service") & payments["appointment_id"].notna()]
    each = lines.groupby(["location_id", "appointment_id"]).size()
    return (each > 1).groupby(level=0).mean()


def open_hours(shifts: pd.DataFrame) -> pd.Series:
    """Hours a week between the first barber's start and the last one's end, a mean over the weeks."""
    spans = shifts.groupby(["location_id", "local_date"]).agg(start=("start", "min"), end=("end", "max"))
    hours = (spans["end"] - spans["start"]).dt.total_seconds() / 3600
    week = hours.index.get_level_values(1).to_period("W")
    return hours.groupby([hours.index.get_level_values(0), week]).sum().groupby(level=0).mean()


def price_level(done: pd.DataFrame) -> pd.Series:
    """What a shop's visits were listed at, over what the network's mean prices of the same services would make."""
    priced = done.dropna(subset=["price_cents", "service_id"])
    price = priced["price_cents"].astype(float)
    usual = price.groupby(priced["service_id"]).transform("mean")
    return price.groupby(priced["location_id"]).sum() / usual.groupby(priced["location_id"]).sum()


def lead_days(done: pd.DataFrame) -> pd.Series:
    """Median days from booking to visit, of visits that were booked."""
    booked = done.dropna(subset=["booked_at"])
    ahead = (booked["start"] - booked["booked_at"]).dt.total_seconds() / 86_400
    return ahead[ahead > 0].groupby(booked["location_id"]).median()


def tenure_years(staff: pd.DataFrame, start: date, end: date) -> pd.Series:
    """Mean years that a shop's barbers of the period had been there at its end."""
    barbers = staff[staff["role"] == "barber"]
    gone = barbers["valid_to"].notna() & (barbers["valid_to"] < pd.Timestamp(start))
    here = barbers[~gone & (barbers["valid_from"] < pd.Timestamp(end))]
    years = (pd.Timestamp(end) - here["valid_from"]).dt.days / 365.25
    return years.groupby(here["location_id"]).mean()
