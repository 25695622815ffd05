"""The pages themselves: networks, what is published in each, a published page, the operators' and the monitors'."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tornado.web import HTTPError, RequestHandler

from barberlab import files
from barberlab.errors import BarberlabError, Damaged, NotAvailable
from barberlab.reports import doors
from barberlab.runs import outputs
from barberlab.runs.jobs import BOARDS
from barberlab.runs.outputs import PAGE
from barberlab.runs.pages import STALE_DAYS, Standing
from barberlab.scope import Scope
from barberlab.serve import ahead, gate, together
from barberlab.serve.people import Person
from barberlab.serve.shelf import Shelf


class Own(RequestHandler):
    """What every page of the house has: the session that the gate found, and the shelf."""

    session: Any = None

    @property
    def shelf(self) -> Shelf:
        """What is published."""
        return self.settings["shelf"]

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.session.person

    @property
    def forgery_token(self) -> str:
        """What a form must bring back."""
        return self.xsrf_token.decode()

    def compute_etag(self) -> None:
        """None: pages are not kept by browsers, so there is nothing to compare."""
        return

    def show(self, html: str, status: int = 200) -> None:
        """Answer with a page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(html)


class Networks(Own):
    """The networks one may see."""

    def get(self) -> None:
        """A door to each."""
        found = [doors.Door(self.shelf.name(id), f"/n/{id}/", _told(self.shelf, id)) for id in self.person.networks]
        groups = [doors.Group("Networks", found)] if found else []
        if gate.may(self.person, gate.Page("operations", "")):
            own = [doors.Door("All runs", "/operations"), doors.Door("Metrics", "/metrics")]
            groups.append(doors.Group("Operations", own))
        lede = f"Signed in as {self.person.name}, {self.person.role}."
        self.show(doors.house("What you may open", lede, groups, self.forgery_token, home=False))


class Network(Own):
    """What is published in one network, as its visitor may see it."""

    def get(self, network: str) -> None:
        """The board of the whole network or of one's only shop; else doors to reports, shops and live pages."""
        person, scope = self.person, self.person.scope(network)
        first = _first(person, scope, self.shelf) if self.request.path.endswith("/") else None
        if first:
            # The board is the first screen; it leads on to the list, which has an address of its own.
            self.redirect(first, status=303)
            return
        self.show(listed(person, network, self.shelf).replace(_TOKEN, self.forgery_token))


class Published(Own):
    """A page that a run has published, at once and as it was published."""

    def get(self, network: str, report: str, page: str) -> None:
        """The page; whoever may only see pages below the report's own is shown the way to them.

        Boards name the runs that they were made of; what is shown is what stands now.
        """
        run = outputs.RUN_ID.fullmatch(report)
        if run:
            self.redirect(f"/n/{network}/{run[2]}/{page}", status=303)
            return
        wanted = gate.page_at(network, page)
        if not gate.may(self.person, wanted):
            self.redirect(f"/n/{network}/", status=303)
            return
        scope = self.person.scope(network)
        try:
            shown = self.shelf.page(scope, report, page)
            if wanted.kind == "shop" and not gate.may(self.person, gate.Page("clients", network, wanted.shop)):
                shown = doors.without_ways(shown, "../clients/")
            self.show(doors.with_ways(shown, _ways(self.person, scope, self.shelf), self.request.path))
        except NotAvailable as error:
            if page != PAGE or not _is_known(self.settings["workspace"], report):
                raise HTTPError(404) from None
            home = (f"/n/{network}/", "All pages")
            self.show(doors.nothing_yet(_title(report), error.needs, self.shelf.name(network), home))


class Shops(Own):
    """All shops that are somebody's, together: a region's, an owner's."""

    async def get(self, network: str) -> None:
        """The page; made of what the last runs kept where nobody of the same rights has asked since."""
        try:
            html = await together_of(self.person, network, self.shelf)
            html = doors.with_ways(html, _ways(self.person, self.person.scope(network), self.shelf), self.request.path)
        except (NotAvailable, Damaged) as error:
            home = (f"/n/{network}/", "All pages")
            needs = error.needs if isinstance(error, NotAvailable) else "its report to be run again"
            html = doors.nothing_yet(TITLES[self.person.role], needs, self.shelf.name(network), home)
        self.show(html)


class Operations(Own):
    """The operators' page of all runs."""

    def get(self) -> None:
        """The page, or what would make it."""
        try:
            self.show(self.shelf.operations())
        except NotAvailable as error:
            self.show(doors.nothing_yet("All runs", error.needs, "", ("/", "All networks")))


class Metrics(Own):
    """Numbers for a monitor."""

    def get(self) -> None:
        """As Prometheus reads them."""
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.settings["watch"].text())


class Health(Own):
    """Whether the process answers."""

    def get(self) -> None:
        """Yes."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"alive": True}))


class Ready(Own):
    """Whether pages can be served now."""

    def get(self) -> None:
        """503 where users or published runs cannot be read; why is for the log."""
        self.set_header("Content-Type", "application/json")
        try:
            self.shelf.check()
            self.settings["users"].names()
        except (BarberlabError, OSError):
            self.set_status(503)
        self.finish(json.dumps({"ready": self.get_status() == 200, "kernels": self.settings["warmth"]()}))


class Nothing(Own):
    """Whatever no route answers; the gate lets nobody through to it."""

    def get(self) -> None:
        """Never reached."""
        raise HTTPError(404)


def listed(person: Person, network: str, shelf: Shelf) -> str:
    """The page of all that `person` may open in a network, but for the form's token."""
    scope, name = person.scope(network), shelf.name(network)

    def made() -> str:
        return doors.house(name, "", list(_groups(person, scope, shelf)), _TOKEN, network=name)

    # Of hundreds of shops it takes a while to write; all who may see the same share it.
    return shelf.list_of(scope, person.barber, made)


async def together_of(person: Person, network: str, shelf: Shelf) -> str:
    """The page of all of a network's shops that are `person`'s; raises NotAvailable before the first run."""
    scope, title = person.scope(network), TITLES[person.role]
    found = shelf.all_published(scope, (ahead.COUNTED, ahead.DRAWN))
    if ahead.COUNTED not in found:
        raise NotAvailable(title, f"a run: barberlab run {network}")
    html = await shelf.made(f"shops of a {person.role}", scope, found, lambda: together.page(title, found))
    for report in found:
        html = shelf.behind(scope, report, html)
    return html


async def read_ahead(person: Person, shelf: Shelf) -> None:
    """Make what `person` will open first, while they look at the page of networks."""
    for network in list(person.networks)[:MOST_AHEAD]:
        # What cannot be read says so to whoever opens it.
        with contextlib.suppress(BarberlabError, OSError):
            await make_ready(person, network, shelf)
        await asyncio.sleep(0)


async def make_ready(person: Person, network: str, shelf: Shelf) -> None:
    """Have what `person` will open first in a network made; raises what opening it would."""
    listed(person, network, shelf)
    if gate.may(person, gate.Page("shops", network)):
        await together_of(person, network, shelf)


MOST_AHEAD = 50
TITLES = {"region": "Your region", "owner": "Your shops", "manager": "Your shop"} | dict.fromkeys(
    ("franchisor", "analyst"), "All shops"
)
_TOKEN = "0000-token-of-the-form-0000"
_ON_THE_WAY = {"executive": "Overview", "manager": "Every shop"}
_BOARDS = {"executive": "The network in two minutes", "manager": "Every shop’s board"}
# What a door to a shop's page says after its name: of a report, and (True) of a board.
_OF_A_SHOP = {False: {"shop": ", in full"}, True: {"shop": "", "clients": ", clients to ask back"}}


def _told(shelf: Shelf, network: str) -> str:
    known = [one.as_of for one in shelf.standings(network) if one.as_of]
    return _age(max(known), shelf.now()) if known else "nothing published yet"


def _age(as_of: datetime, now: datetime) -> str:
    days = (now - as_of).days
    return f"data {days:,} days old" if days else "data of today"


def _groups(person: Person, scope: Scope, shelf: Shelf) -> Sequence[doors.Group]:
    standings = shelf.standings(scope.network)
    run = f"a run: barberlab run {scope.network}"
    if gate.may(person, gate.Page("network", scope.network)):
        boards = _boards(person, scope, shelf)
        if boards:
            yield doors.Group("Overview", [_report(one, shelf.now()) for one in boards])
        rest = [one for one in standings if one not in boards]
        yield doors.Group("Reports", [_report(one, shelf.now()) for one in rest], run)
    if gate.may(person, gate.Page("shops", scope.network)):
        door = doors.Door(TITLES[person.role], f"/n/{scope.network}/shops", "revenue so far and ahead")
        yield doors.Group("Together", [door] if standings else [], run, says="What it shows")
    if "shop" in gate.ACCESS[person.role]:
        yield doors.Group("Shops", _shops(person, scope, shelf, standings), run)
    if "barber" in gate.ACCESS[person.role]:
        heading = "Your figures" if person.barber else "Barbers"
        yield doors.Group(heading, _figures(person, scope, shelf, standings), "a run that makes barbers' pages")
    if gate.may(person, gate.Page("whatif", scope.network)):
        yield doors.Group("Try a change", [doors.Door("What if", f"/n/{scope.network}/what-if")])


def _boards(person: Person, scope: Scope, shelf: Shelf) -> list[Standing]:
    """The boards of the network that were run, in their order, for those who may see all of it."""
    if not gate.may(person, gate.Page("network", scope.network)):
        return []
    found = [one for one in shelf.standings(scope.network) if one.report in BOARDS]
    return sorted(found, key=lambda one: BOARDS.index(one.report))


def _ways(person: Person, scope: Scope, shelf: Shelf) -> list[tuple[str, str]]:
    """What of the network is one step away from each of its pages: its boards, all one's shops, what if."""
    network = scope.network
    found = [
        (f"/n/{network}/{one.report}/{PAGE}", _ON_THE_WAY[one.report])
        for one in _boards(person, scope, shelf)
        if one.page
    ]
    if gate.may(person, gate.Page("shops", network)):
        found.append((f"/n/{network}/shops", TITLES[person.role] + " together" * (scope.locations is None)))
    if gate.may(person, gate.Page("whatif", network)):
        found.append((f"/n/{network}/what-if", "What if"))
    return found


def _first(person: Person, scope: Scope, shelf: Shelf) -> str | None:
    """Where the board is that one may see: of the whole network, or of the only shop that is one's own."""
    for one in _boards(person, scope, shelf):
        if one.page:
            return f"/n/{scope.network}/{one.report}/{PAGE}"
    if "shop" not in gate.ACCESS[person.role] or scope.locations is None or len(scope.locations) != 1:
        return None
    path = f"shop/{files.safe_name(next(iter(scope.locations)))}.html"
    own = [one for one in shelf.standings(scope.network) if one.report in BOARDS and one.page]
    found = next((one for one in own if path in shelf.published(scope, one.report).pages()), None)
    return found and f"/n/{scope.network}/{found.report}/{path}"


def _report(one: Standing, now: datetime) -> doors.Door:
    href = f"/n/{one.network}/{one.report}/{PAGE}" if one.page else ""
    if one.reason:
        return doors.Door(_title(one.report), href, f"not renewed: {one.reason}", "bad")
    is_stale = (now - one.as_of).days > STALE_DAYS
    return doors.Door(_title(one.report), href, _age(one.as_of, now), "stale" if is_stale else "good")


def _shops(person: Person, scope: Scope, shelf: Shelf, standings: Sequence[Standing]) -> list[doors.Door]:
    """Each shop's board where it has one, then the pages that reports made of it, and its list of clients."""
    found = []
    boards_first = sorted((one for one in standings if one.page), key=lambda one: one.report not in BOARDS)
    for one in boards_first:
        pages = set(shelf.published(scope, one.report).pages())
        for shop, name in shelf.shops(scope).items():
            for kind, words in _OF_A_SHOP[one.report in BOARDS].items():
                path = f"{kind}/{files.safe_name(shop)}.html"
                if path in pages and gate.may(person, gate.page_at(scope.network, path)):
                    found.append(doors.Door(f"{name}{words}", f"/n/{scope.network}/{one.report}/{path}"))
    return found


def _figures(person: Person, scope: Scope, shelf: Shelf, standings: Sequence[Standing]) -> list[doors.Door]:
    found = []
    for one in (one for one in standings if one.page):
        published = shelf.published(scope, one.report)
        pages = [path for path in published.pages() if gate.page_at(scope.network, path).kind == "barber"]
        own = [path for path in pages if gate.may(person, gate.page_at(scope.network, path))]
        names = shelf.barbers(scope, one.report) if own else {}
        for path in own:
            at = gate.page_at(scope.network, path)
            shop = names.get(("shop", at.shop), at.shop)
            says = shop if len(scope.locations or ()) > 1 else ""
            name = _title(one.report) if person.barber else names.get(("barber", at.barber), at.barber)
            found.append(doors.Door(name, f"/n/{scope.network}/{one.report}/{path}", says))
    return sorted(found, key=lambda door: (door.says, door.name))


def _title(report: str) -> str:
    return _BOARDS.get(report, report.replace("_", " ").replace("-", " ").capitalize())


def _is_known(workspace, report: str) -> bool:
    name = outputs.report_name(report)
    return name in BOARDS or (workspace.notebooks / "reports" / f"{name}.ipynb").is_file()
