"""A small visit log by seed, for tests of churn: shops, regular clients, some of whom are lost."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

FIRST = date(2024, 1, 1)


def regulars(seed: int, clients: int, days: int, gap: float = 20.0, k: float = 4.0, lost: float = 0.12) -> pd.DataFrame:
    """client_id, date, location_id, amount of clients who begin in the first two thirds of `days`.

    Gaps are Gamma(k) around each client's own mean, itself around `gap` days; after a visit a client is lost with its
    own chance, on average `lost`. One row per client-day.
    """
    rng = np.random.default_rng(seed)
    rate, chance = rng.gamma(5, 1 / (5 * gap), clients), rng.beta(3 * lost, 3 * (1 - lost), clients)
    rows = []
    for client in range(clients):
        day = float(rng.integers(0, days * 2 // 3))
        while day < days:
            rows.append((f"c{client:04}", int(day), f"shop {client % 3}", float(rng.gamma(6, 6))))
            if rng.random() < chance[client]:
                break
            day += max(rng.gamma(k, 1 / (k * rate[client])), 1.0)
    log = pd.DataFrame(rows, columns=["client_id", "date", "location_id", "amount"])
    return log.assign(date=pd.Timestamp(FIRST) + pd.to_timedelta(log["date"], "D")).astype({"date": "datetime64[us]"})


def day(number: int) -> date:
    """The day so many days after the first."""
    return FIRST + timedelta(days=number)


def paid_regulars(clients: int = 400, days: int = 260) -> pd.DataFrame:
    """Regulars as a network's own log has them: amounts in cents, one barber in each shop."""
    made = regulars(1, clients, days)
    return made.assign(amount=made["amount"] * 100, staff_id="k1_" + made["location_id"])
