"""A data scientist's desk: one network's tables and metrics as tidy pandas frames that say what they are."""

from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd

from barberlab import params, periods
from barberlab.data import metrics, visits
from barberlab.data.contract import TABLES
from barberlab.data.frames import to_pandas
from barberlab.data.warehouse import Warehouse, open_warehouse
from barberlab.errors import BadInput, NotAvailable
from barberlab.params import Params
from barberlab.periods import Period
from barberlab.scope import Scope
from barberlab.workspace import Workspace


class Lab:
    """One network as of one moment.

    >>> lab = barberlab.open("north")
    >>> lab.metric("utilisation", by="shop", grain="month", since="2025-01-01")
    >>> lab["appointments"]          # the Tab key completes table names
    >>> lab.metrics()                # every metric, its unit, its definition, and whether this network has it
    """

    def __init__(self, warehouse: Warehouse, settings: Params):
        self._warehouse, self.params = warehouse, settings

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

    def period(self, said: str = "") -> Period:
        """The days that "2025-06", "2025-Q2" or "2025-06-01..2025-06-15" names; without a name the last whole month."""
        found = periods.period(said, self.today)
        if found.end <= self.history_start:
            raise BadInput(f"period {said!r} ends before the data begin, {self.history_start}")
        return found

    def table(self, name: str) -> pd.DataFrame:
        """All rows of a table that this scope may see; amounts in minor units, instants in UTC."""
        frame = to_pandas(self._warehouse.execute(self._warehouse.table(name)))
        kinds = {c: TABLES[name].kind(c) for c in frame if name in TABLES and c in TABLES[name].columns}
        frame.attrs = self._attrs() | {"table": name, "kinds": kinds}
        return frame

    def visits(self) -> visits.VisitLog:
        """Who came on which day, to whom and for how much: one row per client-day; see `data.visits`."""
        return visits.of_network(self.table("appointments"), self.table("clients"))

    def metric(
        self,
        name: str,
        by: str = "network",
        grain: str = "month",
        since: str | date | None = None,
        until: str | date | None = None,
    ) -> pd.DataFrame:
        """A metric over time: one row per `by` and period, with value, numerator and denominator.

        by: network, region, shop, barber, or chair (a barber at one shop). grain: day, week (from Monday), month,
        quarter, year or total. The period is [since, until), of local days; without `until` it ends with `as_of`.
        Value is null where it is unknown; where all of it is, attrs["needs"] says what would bring it (see `require`).
        Money is in minor units.
        """
        found = self._allowed(name, by)
        rows, keys = metrics.over_time(self._rows(by), by, grain, *self._span(found, grain, _day(since), _day(until)))
        frame = self._fetch(rows, keys, [found])
        frame = frame.rename(columns=lambda column: column.removeprefix(f"{name}."))
        needs = None if frame["value"].notna().any() else found.missing(self._warehouse.has)
        return _with_attrs(
            frame, self._attrs() | {"metric": name, "label": found.label, "unit": found.unit, "needs": needs}
        )

    def compare(
        self, names: list[str], span: Period, by: str = "network", shops: list[str] | None = None
    ) -> pd.DataFrame:
        """Metrics over a period, and over the same weekdays just before it and 52 weeks before it.

        One row per `by` and metric: value, numerator, denominator, then the same with `before_` and `year_`. `shops`
        narrows it to some, such as those of `open_through`. attrs["needs"] maps each metric to what it lacks, or None.
        """
        wanted = [self._allowed(name, by) for name in names]
        rows = self._rows(by)
        if shops is not None:
            rows = rows.filter(rows.location_id.isin(shops))
        frames = []
        for prefix, days in (("", span), ("before_", span.before), ("year_", span.year_before)):
            over, keys = metrics.over_time(rows, by, "total", days.start, days.end)
            frames.append(_long(self._fetch(over, keys, wanted), keys, wanted).add_prefix(prefix))
        frame = pd.concat(frames, axis=1).reset_index()
        known = frame.groupby("metric")["value"].apply(lambda value: value.notna().any())
        needs = {m.name: None if known.get(m.name) else m.missing(self._warehouse.has) for m in wanted}
        return _with_attrs(frame, self._attrs() | {"needs": needs})

    def open_through(self, *spans: Period) -> list[str]:
        """Shops that worked from the beginning to the end of all the periods: those it is fair to compare.

        A shop's first and last completed visit decide, with a week's grace. One that opened within the data must have
        had a year behind it when the first period began, and each must have worked at least 80 % of its usual days in
        every period: growth is made neither of openings nor of a shop that was shut.
        """
        days = self._warehouse.table("daily").filter(lambda rows: rows.completed > 0)
        worked = to_pandas(self._warehouse.execute(days.select("location_id", "local_date").distinct()))
        ends = worked.groupby("location_id")["local_date"].agg(["min", "max", "count"])
        start, end, grace = min(s.start for s in spans), max(s.last for s in spans), timedelta(days=7)
        from_the_start = ends["min"] <= pd.Timestamp(self.history_start + grace)
        settled = from_the_start & (ends["min"] <= pd.Timestamp(start + grace))
        settled |= ends["min"] <= pd.Timestamp(start - periods.SETTLING)
        usual = ends["count"] / ((ends["max"] - ends["min"]).dt.days + 1)
        for span in spans:
            inside = worked["local_date"].between(pd.Timestamp(span.start), pd.Timestamp(span.last))
            open_days = worked[inside].groupby("location_id")["local_date"].count().reindex(ends.index, fill_value=0)
            settled &= open_days >= periods.USUAL * usual * span.days
        return sorted(ends.index[settled & (ends["max"] >= pd.Timestamp(end - grace))])

    def _span(self, found: metrics.Metric, grain: str, since: date | None, until: date | None):
        """The days to count: none after `as_of`, but for what is booked; whole months, for what months are asked."""
        if grain not in found.grains:
            raise BadInput(f"metric {found.name!r} is told by {', '.join(found.grains)}, not by {grain}")
        tomorrow = self.today + timedelta(days=1)
        until = tomorrow if until is None or (until > tomorrow and not found.ahead) else until
        if "day" in found.grains:
            return since, until
        # Cut inside a month, a client's last visit of the month would be that of who stayed away since.
        return since and since.replace(day=1), until.replace(day=1)

    def _allowed(self, name: str, by: str) -> metrics.Metric:
        found = metrics.metric(name)
        if by not in metrics.BY:
            raise BadInput(f"by={by!r}: by is one of {', '.join(metrics.BY)}")
        if self._warehouse.scope.role not in found.roles or by not in found.by:
            raise BadInput(f"metric {name!r} is not shown by {by} to the role {self._warehouse.scope.role}")
        return found

    def _rows(self, by: str) -> ibis.Table:
        rows = self._warehouse.table("daily")
        if by != "region":
            return rows
        shops = self._warehouse.table("locations")
        return rows.left_join(shops.select("location_id", "region_id"), "location_id")

    def _fetch(self, rows: ibis.Table, keys: list[str], wanted: list[metrics.Metric]) -> pd.DataFrame:
        """Sums are whole numbers with a null of their own, ratios are real; rows in the order of their keys."""
        frame = to_pandas(self._warehouse.execute(metrics.expression(rows, keys, wanted)))
        frame = frame.astype({f"{m.name}.value": "Int64" if m.bottom is None else "Float64" for m in wanted})
        return frame.sort_values(keys, ignore_index=True) if keys else frame

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
                "needs": self.metric(m.name).attrs["needs"],
            }
            for m in metrics.METRICS.values()
        ]
        frame = pd.DataFrame(rows).set_index("metric").astype({"needs": "object"})
        return _with_attrs(frame.assign(needs=frame["needs"].where(frame["needs"].notna(), None)), self._attrs())

    def tables(self) -> pd.DataFrame:
        """What the network has brought: rows per table, as they stood on `as_of`."""
        rows = [{"table": name, "rows": self._warehouse.count(name)} for name in self._ipython_key_completions_()]
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
        return [name for name in self._warehouse.version.manifest["tables"] if self._warehouse.has(name)]

    def _attrs(self) -> dict[str, Any]:
        facts = self._warehouse.version.facts
        return {
            "network": self.network,
            "as_of": self.as_of.isoformat(),
            "currency": facts["currency"],
            "timezone": facts["timezone"],
            "data_version": self._warehouse.version.number,
            "history_start": self.history_start.isoformat(),
        }

    def __repr__(self) -> str:
        version = self._warehouse.version
        held = ", ".join(f"{name} {rows:,}" for name, rows in self.tables()["rows"].items() if name != "daily")
        return (
            f"<barberlab {self.network!r}: data version {version.number}, as of {self.as_of:%Y-%m-%d %H:%M} UTC, "
            f"{self.facts['currency']}, {self.facts['timezone']}\n tables: {held}\n"
            " .metric(name, by=, grain=, since=, until=)  .metrics()  .table(name)  .quality()>"
        )


def open_lab(workspace: Workspace, scope: Scope, as_of: str | date | None = None, version: int | None = None) -> Lab:
    """The desk of `scope`: see Lab."""
    return Lab(open_warehouse(workspace, scope, as_of or None, version), params.load(workspace, scope.network))


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


def _long(frame: pd.DataFrame, keys: list[str], wanted: list[metrics.Metric]) -> pd.DataFrame:
    """<metric>.value, ... side by side as rows of (keys, metric) with value, numerator and denominator."""
    parts = ("value", "numerator", "denominator")
    tall = []
    for metric in wanted:
        columns = {part: frame[f"{metric.name}.{part}"].astype("Float64") for part in parts}
        tall.append(frame[keys].assign(metric=metric.name, **columns))
    return pd.concat(tall, ignore_index=True).set_index([*keys, "metric"])


def _with_attrs(frame: pd.DataFrame, attrs: dict[str, Any]) -> pd.DataFrame:
    frame.attrs = attrs
    return frame
