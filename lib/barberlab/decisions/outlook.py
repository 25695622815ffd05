"""Who are the clients today, when are they due, and what is each worth? One row a client, before anything is decided.

A client is current if it came within the last so many days: a fact, on which shares and sums can rest. Its worth is
what it will bring in a year if it is still a client; its value at risk is that, times the chance that it does not come
within the horizon. Clients who withdrew consent to profiling are in `clients`, because totals count them, and are
marked; `own` leaves them out, and nothing that shows a client may start from anything else.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from barberlab.errors import NotAvailable
from barberlab.models import churn
from barberlab.models.calibration import log_odds
from barberlab.models.churn_choice import MOST_COMPARED, Predicted, predict
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.histories import Histories
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails
from barberlab.models.population import Population
from barberlab.models.spend import (
    Independence,
    Spends,
    client_spends,
    expected_spend,
    fit_spend,
    independence,
    lifetime_value,
    modal_shop,
    spend_interval,
)

HORIZON_DAYS = 90
SOON_DAYS = 21  # in which a contact must show its effect: the first of the methodology's weeks 3, 4 and 5
YEAR_DAYS = np.array([91.0, 182.0, 274.0, 365.0])  # steps of `lifetime_value`: within .3 % of days at 10 % a year
NEEDS_CLIENTS = "table 6, appointments, with client_id"
COLUMNS = (
    *("client_id", "location_id", "staff_id", "visits", "first_visit", "last_visit", "silence_days", "usual_gap_days"),
    *("overdue_days", "p_alive", "no_visit", "low80", "high80", "log_odds_sd", "expected_visits", "yearly_visits"),
    *("comes_soon", "comes_soon_sd"),
    *("spend", "spend_log_sd", "worth", "value_at_risk", "withheld"),
)


@dataclass(frozen=True)
class Outlook:
    """A network's current clients on a day; where nothing can be said, `needs` says what would bring it.

    clients (COLUMNS): days, chances, visits a year if still a client, money in minor units (NaN without prices);
    overdue_days is negative before the client is overdue by its own rhythm; comes_soon is the chance of a visit
    within SOON_DAYS by the rhythm model alone, comes_soon_sd the deviation of its log odds. seen: all clients ever
    seen. predicted, independence: the models behind it; needs_money: why there is no worth, where there is none.
    """

    today: date
    horizon_days: int
    current_days: int
    clients: pd.DataFrame
    seen: int = 0
    predicted: Predicted | None = None
    independence: Independence | None = None
    needs: str | None = None
    needs_money: str | None = None

    @property
    def own(self) -> pd.DataFrame:
        """The clients of whom a row of their own may be shown."""
        return self.clients[~self.clients["withheld"]]


@dataclass(frozen=True)
class Sum:
    """An expected total with its equal-tailed ranges, from what is not known of the models' parameters."""

    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


def outlook(
    visits: pd.DataFrame,
    today: date,
    *,
    current_days: int,
    yearly_discount: float,
    seed: int,
    withheld: Set[str] = frozenset(),
    population: Population | None = None,
    horizon_days: int = HORIZON_DAYS,
    compared: int = MOST_COMPARED,
) -> Outlook:
    """Every client seen in the last `current_days`, as of the end of `today`; later rows are not read.

    Parameters
    ----------
    visits
        One row per client-day of client_id, date, location_id, staff_id and amount [minor units, may be missing].
    withheld
        Ids of clients who withdrew consent to profiling.
    population
        What the network's clients are believed to be like before they are seen; without one, next to nothing.
    compared
        Clients at most on which models are compared on earlier days.
    """
    empty = Outlook(today, horizon_days, current_days, pd.DataFrame(columns=list(COLUMNS)))
    if visits.empty:
        return _lacking(empty, NEEDS_CLIENTS)
    try:
        told = predict(
            visits.drop(columns="staff_id", errors="ignore"), today, horizon_days,
            seed=seed, population=population, compared=compared,
        )  # fmt: skip
    except NotAvailable as reason:
        return _lacking(empty, reason.needs)
    h = told.origin.histories
    current = h.silence <= current_days
    if not current.any():
        return _lacking(empty, f"a visit in the last {current_days} days")
    known = visits[visits["date"] <= pd.Timestamp(today)]
    frame = _rhythm(told, h, current).merge(_barbers(known), on="client_id", how="left", validate="1:1")
    frame["withheld"] = frame["client_id"].isin(withheld)
    worth, held, needs_money = _worth(told, known, frame, h.take(current), yearly_discount, seed)
    frame = frame.assign(**worth)[list(COLUMNS)]
    return Outlook(today, horizon_days, current_days, frame, len(h), told, held, None, needs_money)


def value_at_risk(clients: pd.DataFrame, seed: int, draws: int = 400) -> Sum:
    """The worth of `clients` times the chance that each stays away, summed up. [minor units]

    What is unknown of the models is taken to be shared: all clients' chances move together, and so do their spends,
    which gives the widest range that the clients' own ranges allow.
    """
    rng = np.random.default_rng(seed)
    odds, sd = log_odds(clients["no_visit"]), clients["log_odds_sd"]
    totals = np.array(
        [
            (expit(odds + sd * z) * clients["worth"] * np.exp(clients["spend_log_sd"] * e)).sum()
            for z, e in rng.standard_normal((draws, 2))
        ]
    )
    low80, high80 = np.quantile(totals, tails(EIGHT_IN_TEN))
    low95, high95 = np.quantile(totals, tails(NINETEEN_IN_TWENTY))
    return Sum(float(clients["value_at_risk"].sum()), *map(float, (low80, high80, low95, high95)))


def _lacking(empty: Outlook, needs: str) -> Outlook:
    named = ("client_id", "location_id", "staff_id", "first_visit", "last_visit", "withheld")
    kinds = {name: float for name in COLUMNS if name not in named}
    clients = empty.clients.astype(kinds | {"withheld": bool})
    return Outlook(empty.today, empty.horizon_days, empty.current_days, clients, needs=needs, needs_money=needs)


def _rhythm(told: Predicted, h: Histories, current: np.ndarray) -> pd.DataFrame:
    """What the chosen models say of each current client, in days."""
    now, post = h.take(current), told.origin.posteriors[told.rhythm]
    place = np.array(now.locations, dtype=object)
    soon, soon_sd = _soon(post, now)
    last = np.datetime64(h.cutoff, "D") - np.rint(now.silence).astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "client_id": now.client,
            "location_id": place[now.location],
            "visits": now.x + 1,
            "first_visit": np.datetime64(h.cutoff, "D") - np.rint(now.T).astype("timedelta64[D]"),
            "last_visit": last,
            "silence_days": np.rint(now.silence),
            "usual_gap_days": churn.usual_gap(post, now),
            "overdue_days": -churn.overdue(post, now, draws=post.centre),
            "p_alive": told.alive[current],
            "no_visit": told.no_visit[current],
            "low80": told.low[current],
            "high80": told.high[current],
            "log_odds_sd": told.sd[current],
            "expected_visits": told.visits[current],
            "comes_soon": soon,
            "comes_soon_sd": soon_sd,
        }
    ).astype({"client_id": "str", "location_id": "str"})


def _soon(post: ChurnPosterior, now: Histories) -> tuple[np.ndarray, np.ndarray]:
    """(chance of a visit within SOON_DAYS, standard deviation of its log odds), each (client,)."""
    stays_away = churn.probability_no_visit_range(post, now, SOON_DAYS)
    width = norm.ppf(tails(EIGHT_IN_TEN)[1]) * 2
    return 1 - stays_away.mean, (log_odds(stays_away.high) - log_odds(stays_away.low)) / width


def _barbers(known: pd.DataFrame) -> pd.DataFrame:
    """(client_id, staff_id): the barber each client came to most, the last one of several."""
    if "staff_id" not in known:
        return pd.DataFrame({"client_id": pd.Series(dtype="str"), "staff_id": pd.Series(dtype="str")})
    with_barber = known[known["staff_id"].notna()].sort_values(["client_id", "date"], kind="stable")
    barber = modal_shop(with_barber["client_id"], with_barber["staff_id"])
    return barber.rename("staff_id").rename_axis("client_id").reset_index().astype("str")


def _worth(
    told: Predicted, known: pd.DataFrame, frame: pd.DataFrame, now: Histories, yearly_discount: float, seed: int
) -> tuple[dict[str, np.ndarray], Independence | None, str | None]:
    """yearly_visits, spend, worth and value_at_risk of each current client; the check behind them; what they lack."""
    post = told.origin.posteriors[told.choice.counts]
    alive = np.maximum(churn.probability_alive(post, now), 1e-9)[:, None]
    steps = np.column_stack([churn.expected_visits(post, now, days) for days in YEAR_DAYS]) / alive
    unknown = np.full(len(frame), np.nan)
    try:
        spends = client_spends(known.assign(amount=known["amount"].fillna(0.0)))
        fitted = fit_spend(spends)
    except NotAvailable as reason:
        none = dict.fromkeys(("spend", "spend_log_sd", "worth", "value_at_risk"), unknown)
        needs = reason.needs if (known["amount"] > 0).any() else "price_cents in table 6, appointments"
        return {"yearly_visits": steps[:, -1]} | none, None, needs
    ours = _of(spends, frame["client_id"])
    spend, (low, high) = expected_spend(fitted, ours), spend_interval(fitted, ours, seed)
    worth = lifetime_value(YEAR_DAYS, steps, spend, yearly_discount)
    width = norm.ppf(tails(EIGHT_IN_TEN)[1]) * 2
    found = {
        "yearly_visits": steps[:, -1],
        "spend": spend,
        "spend_log_sd": np.log(high / low) / width,
        "worth": worth,
        "value_at_risk": worth * frame["no_visit"].to_numpy(),
    }
    return found, independence(fitted, spends), None


def _of(spends: Spends, client: pd.Series) -> Spends:
    """The spends of these clients, in their order."""
    at = pd.Index(spends.client).get_indexer(client)
    return Spends(spends.client[at], spends.n[at], spends.mean[at], spends.shop[at], spends.shops)
