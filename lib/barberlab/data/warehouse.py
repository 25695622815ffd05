"""The only reader of a network's rows. It serves one scope, one data version and one "as of", and verifies every file.

`open_warehouse(workspace, scope)` gives Ibis tables in which rows outside the scope do not exist, nor anything that was
not known on `as_of`. No function reads two networks.
"""

from datetime import date, datetime
from functools import cached_property

import ibis
import pyarrow as pa

from barberlab.data import asof, build, rollup, versions
from barberlab.data.contract import TABLES
from barberlab.data.moments import last_day, moment
from barberlab.data.versions import Version
from barberlab.errors import BadInput
from barberlab.scope import Scope
from barberlab.workspace import Workspace

_OF_VISIBLE_CLIENTS = "client_id IN (SELECT client_id FROM {appointments} WHERE location_id IN {shops})"
# What a scope of some shops sees of each table; a table that is not here does not exist for it.
_WITHIN = {
    "networks": "true",
    "services": "true",
    "calendar": "true",
    "clients": _OF_VISIBLE_CLIENTS,
    "memberships": _OF_VISIBLE_CLIENTS,
    "contacts": _OF_VISIBLE_CLIENTS,
    "compliance_items": "scope = 'location' AND scope_id IN {shops}",
    "staff_names": "staff_id IN (SELECT staff_id FROM {staff_assignments} WHERE location_id IN {shops})",
    "price_history": "location_id IS NULL OR location_id IN {shops}",
} | dict.fromkeys(
    (
        "locations",
        "staff_assignments",
        "appointments",
        "payments",
        "shifts",
        "location_day",
        "reviews",
        "costs",
        "daily",
    ),
    "location_id IN {shops}",
)


def open_warehouse(
    workspace: Workspace,
    scope: Scope,
    as_of: str | date | datetime | None = None,
    version: int | None = None,
) -> "Warehouse":
    """The rows of `scope`, in its newest data version or the one numbered `version`, as they stood on `as_of`."""
    if scope.role == "operator":
        raise BadInput("the role operator sees runs and failures, and no network's rows")
    found = (
        versions.numbered(workspace, scope.network, version) if version else versions.latest(workspace, scope.network)
    )
    at = moment(as_of, found.facts["timezone"]) if as_of else found.as_of
    if at > found.as_of:
        raise BadInput(
            f"as_of {at:%Y-%m-%d %H:%M} UTC is later than the data of {scope.network!r}, "
            f"which end {found.as_of:%Y-%m-%d %H:%M} UTC; ingest newer files or ask for an earlier day"
        )
    desk = Warehouse(scope, found, at)
    if desk.today < desk.clock.history_start:
        raise BadInput(
            f"as_of {desk.today} lies before the data of {scope.network!r} begin, {desk.clock.history_start}"
        )
    return desk


class Warehouse:
    """Ibis tables of one scope. Reading is lazy; a file is verified against its manifest before it is first read."""

    def __init__(self, scope: Scope, version: Version, as_of: datetime):
        self.scope, self.version, self.as_of = scope, version, as_of
        self._con = build.connect(None)
        self._ibis = ibis.duckdb.from_connection(self._con)
        self._views: set[str] = set()

    @property
    def today(self) -> date:
        """The last local day that `as_of` covers."""
        return last_day(self.as_of, self.version.facts["timezone"])

    @cached_property
    def clock(self) -> rollup.Clock:
        """What may be said at `as_of`."""
        return rollup.Clock(self.as_of, self.today, date.fromisoformat(self.version.manifest["history_start"]))

    def has(self, table: str) -> bool:
        """Whether the version holds rows of `table` that this scope could see."""
        return self.version.has(table) and (self.scope.locations is None or table in _WITHIN)

    def count(self, name: str) -> int:
        """Rows of a table that this scope sees as of this moment."""
        return self._con.sql(f'SELECT count(*) FROM "{self._within(name)}"').fetchall()[0][0]

    def table(self, name: str) -> ibis.Table:
        """One table of the contract, `staff_names` or `daily` (the rollup), as the scope sees it."""
        if name not in TABLES and name not in ("staff_names", "daily"):
            raise BadInput(f"there is no table {name!r}; there are {', '.join(TABLES)}, staff_names and daily")
        return self._ibis.table(self._within(name))

    def execute(self, expression: ibis.Table) -> pa.Table:
        """Run an Ibis expression over these tables."""
        return self._con.sql(build.sql(expression)).to_arrow_table()

    def _within(self, name: str) -> str:
        """The view of `name` with the scope's rows only."""
        if self.scope.locations is None:
            return self._then(name)
        if name not in _WITHIN:
            raise BadInput(f"table {name!r} belongs to the whole network; this scope is some of its shops")
        shops = (
            "(" + ", ".join(f"'{shop.replace(chr(39), chr(39) * 2)}'" for shop in sorted(self.scope.locations)) + ")"
        )
        parents = {parent: f'"{self._then(parent)}"' for parent in ("appointments", "staff_assignments")}
        where = _WITHIN[name].format(shops=shops, **parents)
        return self._view(f"{name} within", f'SELECT * FROM "{self._then(name)}" WHERE {where}')

    def _then(self, name: str) -> str:
        """The view of `name` as it stood on `as_of`, all shops."""
        if self.as_of == self.version.as_of or name in asof.TIMELESS:
            return self._now(name)
        if name == "daily":
            return self._daily_then()
        at = {"moment": f"TIMESTAMPTZ '{self.as_of.isoformat()}'", "today": f"DATE '{self.today}'"}
        sql = asof.THEN[name].format(rows=f'"{self._now(name)}"')
        for parameter, value in at.items():
            sql = sql.replace(f"${parameter}", value)
        return self._view(f"{name} then", sql)

    def _daily_then(self) -> str:
        """The rollup of what was known then, by the same expression as the stored one."""
        if "daily then" in self._views:
            return "daily then"
        if self.version.facts["level"] == "day":
            rows = rollup.from_days(self._ibis.table(self._then("location_day")))
        else:
            names = ("appointments", "services", "clients", "payments", "shifts")
            rows = rollup.from_visits({name: self._ibis.table(self._then(name)) for name in names}, self.clock)
        self._con.execute(f'CREATE TABLE "daily then" AS {build.sql(rows)}')
        self._views.add("daily then")
        return "daily then"

    def _now(self, name: str) -> str:
        """The view of `name` as the data version has it."""
        paths = self.version.paths(name)
        if not paths:
            return self._view(name, build.no_rows(name))
        return self._view(name, f"SELECT * FROM read_parquet({build.listed(paths)}, hive_partitioning = false)")

    def _view(self, name: str, sql: str) -> str:
        if name not in self._views:
            self._con.execute(f'CREATE VIEW "{name}" AS {sql}')
            self._views.add(name)
        return name
