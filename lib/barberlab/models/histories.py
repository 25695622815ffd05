"""What is known of each client's rhythm on a day? How often, how long since, how regular: a visit log in a few numbers.

x repeat visits (client-days after the first), t_x from the first visit to the last, T from the first visit to the
cut-off, as in Fader, Hardie & Lee (2005), Marketing Science 24(2); and the sum of the logarithms of the gaps between
visits, which the regularity of gamma-distributed gaps needs (Platzer & Reutterer 2016, Marketing Science 35(5)).
Nothing later than the cut-off is read.
"""

from dataclasses import dataclass, fields
from datetime import date
from typing import Self

import numpy as np
import pandas as pd

from barberlab.errors import BadInput

DAYS_IN = {"days": 1.0, "weeks": 7.0}
ONE_SHOP = "all"  # the name of the one location of a log without locations


@dataclass(frozen=True)
class Histories:
    """Each client's history up to and with `cutoff`, in `unit` ("days" or "weeks").

    client, x, t_x, T, log_gaps (sum of log gaps, 0 without one), location (index into `locations`): arrays (client,);
    z (client, covariate) as found, named by `covariates`. `merged`: second visits of a client-day, counted once.
    """

    client: np.ndarray
    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    log_gaps: np.ndarray
    location: np.ndarray
    z: np.ndarray
    locations: tuple[str, ...]
    covariates: tuple[str, ...]
    unit: str
    cutoff: date
    merged: int = 0

    def __len__(self) -> int:
        return len(self.client)

    @property
    def silence(self) -> np.ndarray:
        """(client,) time from the last visit to the cut-off, in `unit`."""
        return self.T - self.t_x

    def take(self, chosen: np.ndarray) -> Self:
        """The clients that `chosen`, a mask or indices over (client,), names."""
        rows = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{k: v[chosen] if isinstance(v, np.ndarray) else v for k, v in rows.items()})

    def in_units(self, days: float) -> float:
        """So many days, in this history's unit."""
        return days / DAYS_IN[self.unit]


def histories(visits: pd.DataFrame, cutoff: date | str, unit: str = "days") -> Histories:
    """Each client's history as it was known at the end of the day `cutoff`.

    visits: client_id, date, and optional location_id and z_* (numbers; of each client its last known value counts). A
    client belongs to the location it came to most often, the latest of several. Raises BadInput for a missing column,
    an unknown unit, an empty value, dates that are none, or a cut-off before the first visit.
    """
    if unit not in DAYS_IN:
        raise BadInput(f"unit {unit!r} is unknown; known are {', '.join(DAYS_IN)}")
    known, end = _known_by(visits, cutoff)
    client, ids = pd.factorize(known["client_id"], sort=True)
    day = known["date"].to_numpy("datetime64[D]").astype(np.int64)
    last = end.astype(np.int64)
    order = np.lexsort((day, client))
    apart = np.r_[True, (np.diff(client[order]) != 0) | (np.diff(day[order]) != 0)]
    rhythm = _rhythm(client[order][apart], day[order][apart], last, DAYS_IN[unit])
    location, locations = _locations(known, client, day)
    covariates = tuple(name for name in known.columns if str(name).startswith("z_"))
    newest = np.flatnonzero(np.diff(client[order], append=-1))
    z = known[list(covariates)].to_numpy(float)[order][newest]
    return Histories(
        np.asarray(ids), *rhythm, location, z, locations, covariates, unit, end.item(), int((~apart).sum())
    )


def _known_by(visits: pd.DataFrame, cutoff: date | str) -> tuple[pd.DataFrame, np.datetime64]:
    """The visits up to the cut-off, and the cut-off as a day."""
    missing = {"client_id", "date"} - set(visits.columns)
    if missing:
        raise BadInput(f"visits: column {', '.join(sorted(missing))} is missing; needed are client_id and date")
    if not pd.api.types.is_datetime64_any_dtype(visits["date"]):
        raise BadInput(f"visits: column date holds {visits['date'].dtype}, not dates; convert it to dates first")
    for name in visits.columns.intersection(["client_id", "date", "location_id"]).append(_numbers(visits)):
        empty = visits[name].isna().to_numpy()
        if empty.any():
            first = f"{empty.sum()} rows have an empty {name} (first: row {empty.argmax() + 1})"
            raise BadInput(f"visits: {first}. Fill or remove them.")
    try:
        end = np.datetime64(pd.Timestamp(cutoff).date(), "D")
    except ValueError:
        raise BadInput(f"cut-off {cutoff!r} is not a day; write it as 2026-06-30") from None
    plain = visits.assign(date=visits["date"].dt.tz_localize(None)) if visits["date"].dt.tz else visits
    known = plain[plain["date"].to_numpy("datetime64[D]") <= end]
    if known.empty:
        raise BadInput(f"cut-off {end}: no visit on or before it; the log begins on {plain['date'].min():%Y-%m-%d}")
    return known, end


def _numbers(visits: pd.DataFrame) -> pd.Index:
    """The names of the covariates; raises BadInput where one holds no numbers."""
    names = pd.Index([name for name in visits.columns if str(name).startswith("z_")])
    words = [name for name in names if not pd.api.types.is_numeric_dtype(visits[name])]
    if words:
        raise BadInput(f"visits: covariate {words[0]} holds {visits[words[0]].dtype}, not numbers; code it as 0 and 1")
    return names


def _rhythm(client: np.ndarray, day: np.ndarray, cutoff: int, unit: float) -> tuple[np.ndarray, ...]:
    """(x, t_x, T, log_gaps) from client-days in order, each once."""
    first = np.flatnonzero(np.diff(client, prepend=-1))
    visits = np.diff(first, append=len(client))
    gap = np.diff(day, prepend=day[:1]).astype(float)
    gap[first] = unit  # the first visit ends no gap: its logarithm is 0
    log_gaps = np.add.reduceat(np.log(gap / unit), first)
    last = first + visits - 1
    return visits - 1, (day[last] - day[first]) / unit, (cutoff - day[first]) / unit, log_gaps


def _locations(known: pd.DataFrame, client: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(location of each client, names): where it came most often, the latest of several."""
    if "location_id" not in known:
        return np.zeros(client.max() + 1, np.int64), (ONE_SHOP,)
    place, names = pd.factorize(known["location_id"], sort=True)
    pairs = pd.DataFrame({"pair": client * len(names) + place, "day": day}).groupby("pair")["day"].agg(["size", "max"])
    owner, where = np.divmod(pairs.index.to_numpy(), len(names))
    order = np.lexsort((pairs["max"], pairs["size"], owner))
    return where[order][np.flatnonzero(np.diff(owner[order], append=-1))], tuple(map(str, names))
