"""A data scientist's desk: one network's tables and metrics as tidy pandas frames that say what they are."""

from datetime import date, datetime
from typing import Any

import pandas as pd

from barberlab.data import metrics
from barberlab.data.contract import TABLES
from barberlab.data.frames import to_pandas
from barberlab.data.warehouse import Warehouse, open_warehouse
from barberlab.errors import BadInput, NotAvailable
from barberlab.scope import Scope
from barberlab.workspace import Workspace


class Lab:
    """One network as of one moment.

    >>> lab = barberlab.open("north")
    >>> lab.metric("utilisation", by="shop", grain="month", since="2025-01-01")
    >>> lab["appointments"]          # the Tab key completes table names
    >>> lab.metrics()                # every metric, its unit, its definition, and whether this network has it
    """

    def __init__(self, warehouse: Warehouse):
        self._warehouse = warehouse

    @property
    def network(self) -> str:
        """The network's id."""
        return self._warehouse.scope.network

    @property
    def facts(self) -> dict[str, Any]:
        """name, currency, timezone, country, level and source of the network."""
        return {"network": self.network} | self._warehouse.version.facts

    @property
    def as_of(self) -> datetime:
        """The moment (UTC) that everything here stands at."""
        return self._warehouse.as_of

    @property
    def today(self) -> date:
        """The last local day that `as_of` covers."""
        return self._warehouse.today

    @property
    def history_start(self) -> date:
        """The first local day with a visit or a payment."""
        return self._warehouse.clock.history_start

    def table(self, name: str) -> pd.DataFrame:
        """All rows of a table that this scope may see; amounts in minor units, instants in UTC."""
        frame = to_pandas(self._warehouse.execute(self._warehouse.table(name)))
        kinds = {c: TABLES[name].kind(c) for c in frame if name in TABLES and c in TABLES[name].columns}
        frame.attrs = self._attrs() | {"table": name, "kinds": kinds}
        return frame

    def metric(
        self,
        name: str,
        by: str = "network",
        grain: str = "month",
        since: str | date | None = None,
        until: str | date | None = None,
    ) -> pd.DataFrame:
        """A metric over time: one row per `by` and period, with value, numerator and denominator.

        by: network, region, shop or barber. grain: day, week (Monday), month, quarter, year or total. The period is
        [since, until), of local days, and no later than `as_of` unless `until` says so. Value is null where it is
        unknown; where all of it is, attrs["needs"] says what would bring it (see `require`). Money is in minor units.
        """
        found = metrics.metric(name)
        if self._warehouse.scope.role not in found.roles or by not in found.by:
            raise BadInput(f"metric {name!r} is not shown by {by} to the role {self._warehouse.scope.role}")
        frame = to_pandas(self._warehouse.execute(self._expression(found, by, grain, _day(since), _day(until))))
        frame = _typed(frame, found)
        needs = None if frame["value"].notna().any() else found.missing(self._warehouse.has)
        frame.attrs = self._attrs() | {"metric": name, "label": found.label, "unit": found.unit, "needs": needs}
        return frame

    def _expression(self, found: metrics.Metric, by: str, grain: str, since: date | None, until: date | None):
        rows = self._warehouse.table("daily")
        if by == "region":
            shops = self._warehouse.table("locations")
            rows = rows.left_join(shops.select("location_id", "region_id"), "location_id")
        until = until or date.fromordinal(self.today.toordinal() + 1)
        rows, keys = metrics.over_time(rows, by, grain, since, until)
        return found.expression(rows, keys)

    def metrics(self) -> pd.DataFrame:
        """The catalogue: one row per metric with label, unit, definition, null rule, and what it still needs here."""
        rows = [
            {
                "metric": m.name,
                "label": m.label,
                "unit": m.unit,
                "definition": m.about,
                "null_rule": m.null_rule,
                "by": ", ".join(m.by),
                "roles": ", ".join(m.roles),
                "needs": self.metric(m.name, grain="total").attrs["needs"],
            }
            for m in metrics.METRICS.values()
        ]
        frame = pd.DataFrame(rows).set_index("metric").astype({"needs": "object"})
        return _with_attrs(frame.assign(needs=frame["needs"].where(frame["needs"].notna(), None)), self._attrs())

    def tables(self) -> pd.DataFrame:
        """What the network has brought: rows and files per table."""
        held = self._warehouse.version.manifest["tables"]
        rows = [{"table": name, "rows": t["rows"], "files": len(t["files"])} for name, t in held.items()]
        return _with_attrs(pd.DataFrame(rows).set_index("table"), self._attrs())

    def quality(self) -> pd.DataFrame:
        """The data-quality gates of this version: passed (null: nothing to judge), value, limit, what was counted."""
        frame = pd.DataFrame(self._warehouse.version.manifest["quality"])
        frame["passed"] = frame["passed"].astype("boolean")
        return _with_attrs(frame.set_index("gate"), self._attrs())

    def quarantined(self) -> dict[str, int]:
        """Rows per table that the last ingest refused; the reasons are in the network's quarantine file."""
        return dict((self._warehouse.version.manifest["quarantine"] or {}).get("rows", {}))

    def notes(self) -> list[str]:
        """What the last ingest left out or took as unknown."""
        return list(self._warehouse.version.manifest["notes"])

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.table(name)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._warehouse.version.manifest["tables"])

    def _attrs(self) -> dict[str, Any]:
        facts = self._warehouse.version.facts
        return {
            "network": self.network,
            "as_of": self.as_of.isoformat(),
            "currency": facts["currency"],
            "timezone": facts["timezone"],
            "data_version": self._warehouse.version.number,
        }

    def __repr__(self) -> str:
        version = self._warehouse.version
        held = ", ".join(f"{name} {t['rows']:,}" for name, t in version.manifest["tables"].items() if name != "daily")
        return (
            f"<barberlab {self.network!r}: data version {version.number}, as of {self.as_of:%Y-%m-%d %H:%M} UTC, "
            f"{self.facts['currency']}, {self.facts['timezone']}\n tables: {held}\n"
            " .metric(name, by=, grain=, since=, until=)  .metrics()  .table(name)  .quality()>"
        )


def open_lab(workspace: Workspace, scope: Scope, as_of: str | date | None = None, version: int | None = None) -> Lab:
    """The desk of `scope`: see Lab."""
    return Lab(open_warehouse(workspace, scope, as_of or None, version))


def require(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame of a metric itself, if it holds any value; else raises NotAvailable with what it needs."""
    if frame.attrs.get("needs"):
        raise NotAvailable(frame.attrs["label"], frame.attrs["needs"])
    return frame


def _day(said: str | date | None) -> date | None:
    if said is None or (isinstance(said, date) and not isinstance(said, datetime)):
        return said
    try:
        return date.fromisoformat(str(said)[:10])
    except ValueError:
        raise BadInput(f"{said!r} is not a date such as 2025-06-30") from None


def _typed(frame: pd.DataFrame, found: metrics.Metric) -> pd.DataFrame:
    """Sums are whole numbers with a null of their own, ratios are real; rows in the order of their keys."""
    keys = [column for column in frame if column not in ("value", "numerator", "denominator")]
    frame = frame.sort_values(keys, ignore_index=True) if keys else frame
    return frame.astype({"value": "Int64" if found.bottom is None else "Float64"})


def _with_attrs(frame: pd.DataFrame, attrs: dict[str, Any]) -> pd.DataFrame:
    frame.attrs = attrs
    return frame
