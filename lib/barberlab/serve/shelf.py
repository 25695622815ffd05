"""What is published now, and how old is it? Finished pages from the disk, without a kernel and without waiting.

Manifests and names are remembered as long as the files they were read from are the same; a page is compared with its
manifest each time it is handed out. While a new run is being published the old one stands: the pointer moves last.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from barberlab import files
from barberlab.data.moments import last_day
from barberlab.errors import Damaged, NotAvailable
from barberlab.reports import doors, prose
from barberlab.runs import manifest as manifests
from barberlab.runs import operations, outputs, published
from barberlab.runs.jobs import BOARDS
from barberlab.runs.outputs import PAGE, Outputs
from barberlab.runs.pages import STALE_DAYS, Standing
from barberlab.runs.published import Published
from barberlab.scope import Scope
from barberlab.serve.remembered import Remembered
from barberlab.workspace import Workspace

_DAY_S = 86_400.0
# One at a time: they wait for the same core as all who read, and each for a few hundredths of a second.
_MAKERS = ThreadPoolExecutor(1, thread_name_prefix="make")


class Shelf:
    """The published pages of one workspace. now: the clock, against which the data's age is told."""

    def __init__(self, workspace: Workspace, now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.workspace, self.now = workspace, now
        self.remembered = Remembered()
        self._making: dict[tuple, asyncio.Future[str]] = {}

    def published(self, scope: Scope, report: str) -> Published:
        """The published run of a report as `scope` may see it; raises NotAvailable before the first, or Damaged."""
        home = outputs.of(self.workspace, scope.network)
        to = self._pointers(home).get(report)
        if to is None:
            raise NotAvailable(f"report {report!r} of {scope.network!r}", f"a run: barberlab run {scope.network}")
        return Published(scope, self._manifest(home, to["run_id"], to["manifest_sha256"]), home.run(to["run_id"]))

    def page(self, scope: Scope, report: str, path: str) -> str:
        """The HTML of a published page, with a line on top where a newer run failed or a board is old; see `published`.

        Whether the page of a barber may be seen is the gate's to say: a scope knows shops.
        """
        try:
            html = self.published(scope, report).page(path)
        except Damaged:
            # A run that was pruned between the look at its pointer and the look at its page has a successor.
            self.remembered.clear()
            html = self.published(scope, report).page(path)
        return self.behind(scope, report, html)

    def behind(self, scope: Scope, report: str, html: str) -> str:
        """`html` of what a report has published, with a line on top where a newer run of it failed.

        The reason is of the whole network, and may name any of its shops: it is told to who sees all of them.
        """
        standing = next((one for one in self.standings(scope.network) if one.report == report), None)
        if standing is None or standing.as_of is None:
            return html
        days = (self.now() - standing.as_of).days
        if report in BOARDS and days > STALE_DAYS:
            # A board is read at a glance, and by those who do not look at the list of reports first.
            html = doors.aged(html, days)
        if not standing.reason:
            return html
        reason = standing.reason if scope.locations is None else "its checks did not pass"
        return doors.behind(html, reason, prose.day(last_day(standing.as_of, standing.timezone)))

    def all_published(self, scope: Scope, reports: Iterable[str]) -> dict[str, Published]:
        """Those of `reports` that are published, as `scope` may see them."""
        known = self._pointers(outputs.of(self.workspace, scope.network))
        return {report: self.published(scope, report) for report in reports if report in known}

    async def made(self, what: str, scope: Scope, found: Mapping[str, Published], make: Callable[[], str]) -> str:
        """HTML made from published runs, once for those runs and that scope; pages are served meanwhile.

        Raises what `make` raises, each time.
        """
        stamp = tuple((report, run.manifest.run_id) for report, run in found.items())
        own, key = ("made", what, scope), (what, scope, stamp)
        if not self.remembered.has(own, stamp):
            if key not in self._making:
                self._making[key] = asyncio.get_running_loop().run_in_executor(_MAKERS, make)
                self._making[key].add_done_callback(lambda _: self._making.pop(key, None))
            # Shielded: whoever leaves must not take the page from those who wait for it as well.
            html = await asyncio.shield(self._making[key])
            return self.remembered.get(own, stamp, lambda: html)
        return self.remembered.get(own, stamp, make)

    def standings(self, network: str) -> list[Standing]:
        """How each report of the network stands, published and failed."""
        own = ("standings", network)
        return self.remembered.get(own, self.stamp(network), lambda: published.standings(self.workspace, network))

    def stamp(self, network: str) -> tuple:
        """What is another once a run of the network has been published, has failed, or was removed."""
        folder = outputs.of(self.workspace, network).folder
        return _stamp(folder, folder / "latest.json", folder / "failed")

    def list_of(self, scope: Scope, barber: str, made: Callable[[], str]) -> str:
        """The list of what a scope may open, made anew where a report, its failures or the day are others."""
        stamp = (tuple(self.standings(scope.network)), self.now().date())
        return self.remembered.get(("list", scope, barber), stamp, made)

    def name(self, network: str) -> str:
        """What the network is called, as far as it was ever run."""
        return next((one.name for one in self.standings(network)), network)

    def shops(self, scope: Scope) -> dict[str, str]:
        """Names of the scope's shops by id, in order of their names; empty before the first run that kept them."""
        for report in self._pointers(outputs.of(self.workspace, scope.network)):
            found = self.published(scope, report)
            if "locations" in found.tables():
                key = ("shops", scope.network, scope.locations)
                return self.remembered.get(key, found.manifest.run_id, lambda one=found: _names(one))
        return {}

    def barbers(self, scope: Scope, report: str) -> dict[tuple[str, str], str]:
        """Names by ("shop", file name of its id) and ("barber", file name of the pseudonym)."""
        found = self.published(scope, report)
        key = ("barbers", scope.network, scope.locations, report)
        return self.remembered.get(key, found.manifest.run_id, lambda: _barbers(found))

    def ages(self) -> dict[tuple[str, str], float]:
        """Days since the end of the data of each published report, by network and report."""
        found = (one for network in outputs.networks(self.workspace) for one in self.standings(network))
        now = self.now()
        return {(one.network, one.report): (now - one.as_of).total_seconds() / _DAY_S for one in found if one.as_of}

    def operations(self) -> str:
        """The operators' page; raises NotAvailable before it was first made, or Damaged."""
        home = operations.of(self.workspace)
        manifest = home.published(operations.REPORT)
        if manifest is None:
            raise NotAvailable("the operators' page", "a look at all runs: barberlab status --report")
        return manifests.verified(home.run(manifest.run_id), manifest, PAGE).decode()

    def check(self) -> None:
        """Raises BarberlabError or OSError unless what is published can be read."""
        for network in outputs.networks(self.workspace):
            self.standings(network)

    def _pointers(self, home: Outputs) -> dict[str, dict[str, str]]:
        latest = home.folder / "latest.json"
        return self.remembered.get(("pointers", home.network), _stamp(latest), home.pointers)

    def _manifest(self, home: Outputs, run_id: str, sha256: str) -> manifests.Manifest:
        key = ("manifest", home.network, run_id)
        return self.remembered.get(key, sha256, lambda: manifests.read_alone(home.run(run_id), sha256))


def _stamp(*paths: Path) -> tuple:
    return tuple(_state(path) for path in paths)


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _names(found: Published) -> dict[str, str]:
    frame = found.table("locations")
    names = frame["name"].fillna(frame["location_id"])
    return dict(sorted(zip(frame["location_id"], names, strict=True), key=lambda item: str(item[1])))


def _barbers(found: Published) -> dict[tuple[str, str], str]:
    shops = _names(found) if "locations" in found.tables() else {}
    named = {("shop", files.safe_name(shop)): str(name) for shop, name in shops.items()}
    # Who is whom is kept for the whole network; of it are told the names of those whose pages one may see.
    whole = replace(found, scope=Scope(found.scope.network, found.scope.role))
    if "staff" not in found.tables():
        return named
    staff = whole.table("staff").dropna(subset=["display_name"])
    own = {path.removesuffix(".html").rpartition("/")[2] for path in found.pages() if path.startswith("barber/")}
    people = zip(map(files.safe_name, staff["staff_id"]), staff["display_name"], strict=True)
    return named | {("barber", who): str(name) for who, name in people if who in own}
