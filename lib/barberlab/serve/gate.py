"""May this request pass? One gate before every handler, which lets nothing through that it was not told of.

ACCESS is the whole of who may see what: role -> kind of page -> how much of it. The gate, the page of networks, the
documentation and the tests all read it. RULES says of every route which question is asked there; a route that stands
in neither, such as one that a new Voila brings, is answered to nobody.
"""

import functools
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tornado.web import HTTPError, RequestHandler

from barberlab import files
from barberlab.serve.people import Person
from barberlab.serve.sessions import Session

WHOLE, SHOPS, SELF, RUNS = "the whole network", "own shops", "own figures", "runs of all networks, no rows"
KINDS = ("network", "shops", "shop", "clients", "barber", "whatif", "operations", "metrics")
# "shops" is all of one's shops together. "clients" is a shop's list of clients to ask back, under pseudonyms. A
# franchisor may see those of corporate shops alone, and which these are the data do not say.
ACCESS: Mapping[str, Mapping[str, str]] = {
    "operator": {"operations": RUNS, "metrics": RUNS},
    "franchisor": {"network": WHOLE, "shops": WHOLE, "shop": WHOLE, "whatif": WHOLE},
    "region": {"shops": SHOPS, "shop": SHOPS, "clients": SHOPS, "whatif": SHOPS},
    "owner": {"shops": SHOPS, "shop": SHOPS, "clients": SHOPS, "barber": SHOPS, "whatif": SHOPS},
    "manager": {"shops": SHOPS, "shop": SHOPS, "clients": SHOPS, "barber": SHOPS, "whatif": SHOPS},
    "barber": {"barber": SELF},
    "analyst": {"network": WHOLE, "shops": WHOLE, "shop": WHOLE, "clients": WHOLE, "whatif": WHOLE},
}

SESSION_COOKIE = "barberlab"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PORT = re.compile(r":\d+$")


@dataclass(frozen=True)
class Page:
    """What a route of pages asks for: its kind, network, and the file names of the shop and the barber it is about."""

    kind: str
    network: str
    shop: str = ""
    barber: str = ""


def page_at(network: str, path: str) -> Page:
    """What a published page is: report.html the network's, shop/s01.html a shop's, barber/s01/b02.html a barber's.

    Any other path is a page of no kind, which nobody may see.
    """
    match path.removesuffix(".html").split("/"):
        case [_]:
            return Page("network", network)
        case ["shop" | "clients" as kind, shop]:
            return Page(kind, network, shop)
        case ["barber", shop, barber]:
            return Page("barber", network, shop, barber)
    return Page("", network)


def may(person: Person, page: Page) -> bool:
    """Whether `person` may see `page`: by the table, the network, and the shops or the barber that are theirs."""
    grain = ACCESS[person.role].get(page.kind)
    if grain is None or page.kind in ("operations", "metrics"):
        return grain == RUNS
    if person.scope(page.network) is None:
        return False
    # These two hold all that is one's own, whatever that is.
    if grain == WHOLE or page.kind in ("shops", "whatif"):
        return True
    if page.shop not in _file_names(person.networks[page.network] or frozenset()):
        return False
    return grain == SHOPS or page.barber == files.safe_name(person.barber)


@functools.lru_cache(1024)
def _file_names(shops: frozenset[str]) -> frozenset[str]:
    return frozenset(files.safe_name(shop) for shop in shops)


# What a route asks. A rule gets the request as the router took it apart and the session, if there is one.


@dataclass(frozen=True)
class Visit:
    """A request at the gate. found: what the route's pattern caught. owner: who has a kernel, by its id."""

    session: Session | None
    found: Mapping[str, str]
    owner: Callable[[str], str | None]
    token: Callable[[], bool]


type Rule = Callable[[Visit], bool]


def anybody(visit: Visit) -> bool:
    """Signing in, and whether the server lives."""
    return True


def nobody(visit: Visit) -> bool:
    """What Voila has and this house has not: trees, files, contents, any notebook by its path."""
    return False


def signed_in(visit: Visit) -> bool:
    """Whoever has a session."""
    return visit.session is not None


def of_network(visit: Visit) -> bool:
    """Whoever has the network among theirs."""
    return visit.session is not None and visit.session.person.scope(visit.found["network"]) is not None


def of_page(visit: Visit) -> bool:
    """Whoever may see that page; the report's own page also leads those who may only see pages below it to these."""
    page = page_at(visit.found["network"], visit.found["page"])
    if visit.session is None:
        return False
    return may(visit.session.person, page) or (page.kind == "network" and of_network(visit))


def of_shops(visit: Visit) -> bool:
    """Whoever may see a page of all shops that are theirs."""
    return visit.session is not None and may(visit.session.person, Page("shops", visit.found["network"]))


def of_whatif(visit: Visit) -> bool:
    """Whoever may try what would be."""
    return visit.session is not None and may(visit.session.person, Page("whatif", visit.found["network"]))


def of_kernel(visit: Visit) -> bool:
    """Only the session that the kernel was started for, whoever else its person may be."""
    return visit.session is not None and visit.owner(visit.found["kernel_id"]) == visit.session.token


def of_operations(visit: Visit) -> bool:
    """Operators."""
    return visit.session is not None and may(visit.session.person, Page("operations", ""))


def of_metrics(visit: Visit) -> bool:
    """Operators, and a monitor that knows the token."""
    return visit.token() or (visit.session is not None and may(visit.session.person, Page("metrics", "")))


_KERNEL = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
NETWORK, REPORT = r"(?P<network>[a-z0-9_]{2,32})", r"(?P<report>[a-z][a-z0-9_-]{0,63})"
PAGE = r"(?P<page>(?:[a-z]{1,16}/(?:[a-z0-9][a-z0-9_-]{0,80}/)?)?[a-z0-9][a-z0-9_-]{0,80}\.html)"
RULES: Mapping[str, Rule] = {
    # This house's own
    r"/health": anybody,
    r"/ready": anybody,
    r"/login": anybody,
    r"/logout": signed_in,
    r"/provider/start": anybody,
    r"/provider/back": anybody,
    r"/metrics": of_metrics,
    r"/": signed_in,
    r"/index\.html": signed_in,
    r"/operations": of_operations,
    rf"/n/{NETWORK}/(?:index\.html)?": of_network,
    rf"/n/{NETWORK}/shops": of_shops,
    rf"/n/{NETWORK}/what-if": of_whatif,
    rf"/n/{NETWORK}/{REPORT}/{PAGE}": of_page,
    # Voila's, for the what-if page
    rf"/api/kernels/{_KERNEL}/channels": of_kernel,
    r"/voila/api/shutdown/(.*)": of_kernel,
    # Voila's, which nobody needs here
    rf"/api/kernels/{_KERNEL}": nobody,
    r"/voila/static/(.*)": nobody,
    r"/voila/labextensions/(.*)": nobody,
    r"/voila/templates/(.*)": nobody,
    r"/voila/api/themes/(.*)": nobody,
    r"/voila/files/(.*)": nobody,
    r"/voila/tree(?P<path>(?:(?:/[^/]+)+|/?))": nobody,
    r"/voila/render/(.*)": nobody,
    r"/voila/api/contents(?P<path>(?:(?:/[^/]+)+|/?))": nobody,
    # Whatever no route answers
    r".*": nobody,
}
# Dots that climb, escapes, backslashes and empty parts: nothing of ours has them in its address.
_ODD = re.compile(r"%|\\|//|/\.|\x00")


def admit(handler: RequestHandler, rule: Rule) -> None:
    """Let the request of `handler` pass, or raise what its sender gets to see; sets `handler.session`.

    What may not be seen does not exist: 404, with the same page as for what nobody ever made.
    """
    settings = handler.settings
    _check_host(handler, settings["public_hosts"])
    session = handler.session = settings["sessions"].find(_token(handler) or "")
    found = dict(handler.path_kwargs)
    if rule is of_kernel and handler.path_args:
        found["kernel_id"] = handler.path_args[0]
    visit = Visit(session, found, settings["owner_of_kernel"], lambda: _bears_token(handler))
    if _ODD.search(handler.request.path) and rule is not anybody:
        rule = nobody
    if rule(visit):
        return
    if session is None:
        raise NotSignedIn
    raise HTTPError(404)


class NotSignedIn(HTTPError):
    """The sender may sign in and come again."""

    def __init__(self):
        super().__init__(401)


def _token(handler: RequestHandler) -> str | None:
    said = handler.get_signed_cookie(SESSION_COOKIE, max_age_days=1)
    return said.decode("ascii", "replace") if said else None


def _bears_token(handler: RequestHandler) -> bool:
    wanted = handler.settings.get("metrics_token") or ""
    said = handler.request.headers.get("Authorization", "")
    return bool(wanted) and hmac.compare_digest(said.encode(), f"Bearer {wanted}".encode())


def _check_host(handler: RequestHandler, public: frozenset[str]) -> None:
    """Raises 403 for a request that was meant for another host, or sent by another site's page."""
    # A name that somebody lets point here (DNS rebinding) would make their page this server's own.
    host = handler.request.host.lower()
    if host not in public and _PORT.sub("", host) not in _LOOPBACK:
        raise HTTPError(403)
    origin = handler.request.headers.get("Origin")
    if origin is not None and urlsplit(origin.lower()).netloc != host:
        raise HTTPError(403)


def gated(handler: type[RequestHandler], pattern: str, observed: Callable[[Any], None]) -> type[RequestHandler]:
    """`handler` behind the gate: asked by the route's rule first, hardened in its headers, seen when it is done."""
    rule = RULES.get(pattern, nobody)

    class Gated(_Hardened, handler):
        """Behind the gate."""

        route = handler.__name__
        rule_of_gate = staticmethod(rule)

        async def prepare(self) -> None:
            """The gate, then whatever the handler itself has to prepare."""
            self.session = None
            admit(self, rule)
            prepared = super().prepare()
            if prepared is not None:
                await prepared

        def on_finish(self) -> None:
            """Tell who counts."""
            observed(self)
            super().on_finish()

    Gated.__name__ = Gated.__qualname__ = f"Gated{handler.__name__}"
    return Gated


SAFE_PAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": SAFE_PAGE,
    "Cache-Control": "private, no-store",
    "Server": "barberlab",
}


class _Hardened:
    """Headers that every answer has, and errors that say nothing of the inside."""

    def set_default_headers(self) -> None:
        """The handler's own, with ours over them."""
        super().set_default_headers()
        for name, value in HEADERS.items():
            self.set_header(name, value)
        if self.settings["is_secure"]:
            self.set_header("Strict-Transport-Security", "max-age=31536000")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A short page; whoever is not signed in and came for a page is sent to sign in."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, NotSignedIn) and self.request.method == "GET" and self._wants_page():
            self.redirect("/login")
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.settings["error_page"](status_code))

    def _wants_page(self) -> bool:
        return "text/html" in self.request.headers.get("Accept", "") and "Upgrade" not in self.request.headers
