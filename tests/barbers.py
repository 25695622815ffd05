"""Networks of barbershops with a known truth, drawn from the model itself or beside it."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from barberlab.models.churn_rehearsal import played
from barberlab.models.histories import Histories

CUTOFF = date(2026, 6, 30)


@dataclass(frozen=True)
class Truth:
    """What was planted: of each shop, ln m [visits a day] and the logit of the mean drop-out; r, kappa and k of all."""

    log_rate: np.ndarray
    logit_dropout: np.ndarray
    r: float = 4.0
    kappa: float = 3.0
    k: float = 4.0


def planted(seed: int, shops: int = 40) -> Truth:
    """Shops around a visit in 25 days and a drop-out of one in six a visit."""
    rng = np.random.default_rng(seed)
    return Truth(np.log(1 / 25) + 0.14 * rng.standard_normal(shops), -1.6 + 0.42 * rng.standard_normal(shops))


def network(truth: Truth, clients: int, seed: int, days: int = 730, on_dropout: float = 0.0) -> Histories:
    """Clients spread evenly over the shops and the days up to the cut-off; `on_dropout` of a 0/1 covariate z_noshow."""
    rng = np.random.default_rng([seed, 1])
    shop = np.arange(clients) % len(truth.log_rate)
    z = rng.integers(0, 2, clients).astype(float)
    phi = 1 / (1 + np.exp(-(truth.logit_dropout[shop] + on_dropout * z)))
    nu = rng.gamma(truth.r, np.exp(truth.log_rate[shop]) / truth.r)
    lost = rng.beta(truth.kappa * phi, truth.kappa * (1 - phi))
    T = rng.uniform(1, days, clients)
    x, t_x, log_gaps = played(T, truth.k, nu, lost, rng)
    named = bool(on_dropout)
    return Histories(
        np.arange(clients), x, t_x, T, log_gaps, shop, z[:, None][:, : int(named)],
        tuple(f"shop {n:03d}" for n in range(len(truth.log_rate))), ("z_noshow",) * named, "days", CUTOFF,
    )  # fmt: skip


def log_of(days: dict[str, list[str]], location: str | None = None) -> pd.DataFrame:
    """A log of visits from each client's days."""
    rows = [(client, pd.Timestamp(day)) for client, all_days in days.items() for day in all_days]
    frame = pd.DataFrame(rows, columns=["client_id", "date"])
    return frame if location is None else frame.assign(location_id=location)
