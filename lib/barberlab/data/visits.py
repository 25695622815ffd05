"""A visit log of anybody's, for back-tests: who came on which day. What cannot be used is refused or counted.

A file (Parquet or CSV) of client_id and date, and optional location_id, amount, z_* (numbers known of the client),
network_id and consent_profiling. A row is a visit; several rows of a client on one day are one visit. Nothing is left
out in silence: what is not used is in `notes`, with how often.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from barberlab.errors import BadInput
from barberlab.personal import mask

NEEDED = ("client_id", "date")
OPTIONAL = ("location_id", "amount", "network_id", "consent_profiling")
NO_LOCATION = "unknown"
_DAY = r"\s*(\d{4}-\d{2}-\d{2})(?:[T ].*)?\s*"
_YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class VisitLog:
    """One row per client-day, by client and day: client_id, date [midnight], and location_id, amount, z_* if given.

    withheld: ids of clients who withdrew consent to profiling; they count in every total and have no row of their own
    in any output. merged: rows beyond the first of a client-day. notes: what was left out or changed, with counts.
    """

    visits: pd.DataFrame
    withheld: frozenset
    rows: int
    merged: int
    notes: tuple[str, ...]

    @property
    def first(self) -> date:
        """The first day of the log."""
        return self.visits["date"].min().date()

    @property
    def last(self) -> date:
        """The last day of the log."""
        return self.visits["date"].max().date()


def read(path: Path) -> VisitLog:
    """The visit log in `path`.

    Raises BadInput for a file that is none, a missing column, dates that are none, covariates that are no numbers, and
    a client in two networks. Rows without a client, amounts that are no amount and empty locations are counted.
    """
    rows, name = _rows(path), path.name
    missing = [column for column in NEEDED if column not in rows]
    if missing:
        raise BadInput(f"{name}: no column {missing[0]!r}; needed are {' and '.join(NEEDED)}")
    known = rows.assign(date=_dates(rows["date"], name))
    notes = [*_unused(rows), *_without_client(known)]
    known = known[~_empty(known["client_id"])]
    if known.empty:
        raise BadInput(f"{name}: no row has a client; a back-test needs to know who came")
    _one_network(known, name)
    withheld = _withheld(known, name)
    if withheld:
        notes.append(f"{len(withheld):,} clients withdrew consent to profiling: in totals, in no output of clients")
    values, found = _values(known, name)
    visits = _merged(values)
    merged = len(values) - len(visits)
    if merged:
        found.append(f"{merged:,} further rows of a client on the same day: merged into one visit")
    return VisitLog(visits, withheld, len(rows), merged, (*notes, *found))


def of_network(appointments: pd.DataFrame, clients: pd.DataFrame) -> VisitLog:
    """The visit log of a network's own tables, of all that was completed; it may be empty.

    amount is the price less the discount in minor units, missing where the price is; staff_id is the day's first
    barber. Rows without a client, and clients who were erased, are left out and counted.
    """
    done = appointments[appointments["status"] == "completed"]
    known = done[done["client_id"].notna()]
    notes = list(_without_client(done))
    erased = known["client_id"].isin(clients.loc[clients["erased_on"].notna(), "client_id"])
    if erased.any():
        notes.append(f"{erased.sum():,} visits of clients who were erased: left out, as nobody can be followed")
    rows = known[~erased].sort_values(["client_id", "local_date", "start"])
    paid = (rows["price_cents"] - rows["discount_cents"]).astype("Float64").to_numpy(float, na_value=np.nan)
    values = rows[["client_id", "location_id", "staff_id"]].assign(
        date=rows["local_date"].astype("datetime64[us]"), amount=paid
    )
    visits = _merged(values)
    refused = clients["consent_profiling"].eq(False).fillna(False).astype(bool)
    withheld = frozenset(clients.loc[refused, "client_id"])
    return VisitLog(visits, withheld, len(done), len(values) - len(visits), tuple(notes))


def check_cutoff(log: VisitLog, cutoff: date, horizon_days: int) -> None:
    """Raises BadInput where `cutoff` is outside the log or its horizon is not over by the log's last day."""
    if horizon_days < 1:
        raise BadInput(f"--horizon-days {horizon_days}: it is a number of days, at least 1")
    latest = log.last - timedelta(days=horizon_days)
    if not log.first <= cutoff < log.last:
        raise BadInput(f"--cutoff {cutoff}: outside the data, which are from {log.first} to {log.last}")
    if cutoff > latest:
        raise BadInput(
            f"--cutoff {cutoff}: the {horizon_days} days after it are not over by {log.last}, the last day of the "
            f"data; the latest is {latest}"
        )


def _rows(path: Path) -> pd.DataFrame:
    readers = {".parquet": _parquet, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise BadInput(f"{path.name}: is neither .parquet nor .csv")
    if not path.is_file():
        raise BadInput(f"{path.name}: there is no such file")
    try:
        rows = readers[path.suffix.lower()](path)
    except (ValueError, pa.ArrowException, OSError) as error:
        raise BadInput(f"{path.name}: cannot be read: {mask(str(error).splitlines()[0])}") from None
    if rows.empty:
        raise BadInput(f"{path.name}: holds no row")
    return rows


def _parquet(path: Path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


def _csv(path: Path) -> pd.DataFrame:
    # As text, so that the client 0042 stays that client.
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")


def _dates(column: pd.Series, name: str) -> pd.Series:
    """Days as written, whatever the hour and the zone; raises BadInput for what is no date."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = column.dt.tz_localize(None).dt.normalize()
    else:
        words = column.astype("str").str.extract(f"^{_DAY}$", expand=False)
        days = pd.to_datetime(words, format="%Y-%m-%d", errors="coerce")
    bad = days.isna().to_numpy()
    if bad.any():
        at = int(bad.argmax())
        raise BadInput(
            f"{name}: {bad.sum():,} rows have no readable date (first: row {at + 1}, {mask(repr(column.iloc[at]))}); "
            "write a date as 2025-06-30"
        )
    return days.astype("datetime64[us]")


def _empty(column: pd.Series) -> pd.Series:
    return column.isna() | (column.astype("str").str.strip() == "")


def _unused(rows: pd.DataFrame) -> Iterator[str]:
    other = [c for c in rows.columns if c not in NEEDED + OPTIONAL and not str(c).startswith("z_")]
    if other:
        yield f"columns that are not used: {', '.join(map(str, other))}"


def _without_client(rows: pd.DataFrame) -> Iterator[str]:
    nobody = int(_empty(rows["client_id"]).sum())
    if nobody:
        yield f"{nobody:,} rows without a client: left out, as nobody can be followed"


def _one_network(rows: pd.DataFrame, name: str) -> None:
    if "network_id" not in rows:
        return
    networks = rows.groupby("client_id")["network_id"].nunique(dropna=False)
    twice = networks.index[networks > 1]
    if len(twice):
        at = int(rows["client_id"].isin(twice).to_numpy().argmax())
        raise BadInput(
            f"{name}: {len(twice):,} clients are in two networks (first: row {rows.index[at] + 1}); an id belongs to "
            "one network. Give each network's clients ids of their own, or one file for each network"
        )


def _values(rows: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The columns that models read, as numbers and names, and what was found about them."""
    made, notes = rows[list(NEEDED)], []
    if "location_id" in rows:
        nowhere = _empty(rows["location_id"])
        made = made.assign(location_id=rows["location_id"].astype("str").mask(nowhere, NO_LOCATION))
        if nowhere.any():
            notes.append(f"{nowhere.sum():,} visits without a location: taken as a location called {NO_LOCATION!r}")
    if "amount" in rows:
        amount = pd.to_numeric(rows["amount"], errors="coerce").astype(float)
        unknown = ~np.isfinite(amount) | (amount < 0)
        made = made.assign(amount=amount.mask(unknown))
        if unknown.any():
            notes.append(
                f"{unknown.sum():,} amounts are empty, negative or no number: the visit counts, its amount not"
            )
    for column in (c for c in rows.columns if str(c).startswith("z_")):
        made = made.assign(**{column: _covariate(rows[column], name)})
    return made, notes


def _covariate(column: pd.Series, name: str) -> pd.Series:
    """Numbers, and true and false as 1 and 0, which is how a CSV holds them."""
    number = pd.to_numeric(column, errors="coerce").astype(float)
    if pd.api.types.is_string_dtype(column):
        number = number.fillna(column.astype("str").str.strip().str.lower().map({"true": 1.0, "false": 0.0}))
    bad = ~np.isfinite(number.to_numpy())
    if bad.any():
        raise BadInput(
            f"{name}: {bad.sum():,} values of {column.name} are empty or no number (first: row "
            f"{column.index[bad.argmax()] + 1}); a covariate is a number in every row: fill it, or leave the column out"
        )
    return number


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per client-day: amounts added up where known, of the rest the first row's."""
    ordered = rows.sort_values(["client_id", "date"], kind="stable", ignore_index=True)
    days = ordered.drop_duplicates(["client_id", "date"], ignore_index=True)
    if "amount" not in rows or len(days) == len(ordered):
        return days
    total = ordered.groupby(["client_id", "date"], sort=False)["amount"].sum(min_count=1)
    return days.assign(amount=total.to_numpy())


def _withheld(rows: pd.DataFrame, name: str) -> frozenset:
    """Clients of whom any row says that they may not be profiled; unknown is not no."""
    if "consent_profiling" not in rows:
        return frozenset()
    given = ~_empty(rows["consent_profiling"])
    words = rows.loc[given, "consent_profiling"].astype("str").str.strip().str.lower().str.removesuffix(".0")
    answer = words.map(_YES_NO)
    if answer.isna().any():
        at = answer.index[answer.isna().to_numpy().argmax()]
        raise BadInput(
            f"{name}: {answer.isna().sum():,} values of consent_profiling are neither true nor false (first: row "
            f"{at + 1}); write true, false or nothing"
        )
    return frozenset(rows.loc[answer.index[~answer.astype(bool)], "client_id"])
