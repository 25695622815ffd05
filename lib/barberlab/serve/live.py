"""How does a live page start? Its stored base case is sent at once; the kernel, and what it shows, follow on the same
answer."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from voila.tornado.handler import TornadoVoilaHandler

from barberlab.errors import Busy, Damaged, NotAvailable
from barberlab.reports import doors
from barberlab.reports import whatif as levers
from barberlab.runs.published import Published
from barberlab.serve import whatif
from barberlab.serve.kernels import Order, ordered
from barberlab.serve.pages import Own
from barberlab.serve.watch import log

_BEAT = "<script>window.voila_heartbeat()</script>"


def kept_alive(html: str) -> str:
    """A part of the page as it is sent: where Voila would call a script every ten seconds of waiting, a comment.

    It keeps proxies from hanging up as well, and the policy lets no inline script without its nonce run.
    """
    return "<!-- -->\n" if html.strip() == _BEAT else html


def policy(nonce: str) -> str:
    """What the live page may load: this server's scripts, its own inline one by its nonce, and its kernel's socket."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


class WhatIf(TornadoVoilaHandler):
    """What would be, at levers that one may move."""

    show, shelf = Own.show, Own.shelf

    async def get(self, network: str) -> None:
        """The page; where no run has published what it needs, it says so, and no kernel is started."""
        scope = self.session.person.scope(network)
        home = (f"/n/{network}/", "All pages")
        try:
            published = {report: self.shelf.published(scope, report) for report in whatif.REPORTS}
            stored = await self.shelf.made("what-if", scope, published, lambda: _stored(published))
        except (NotAvailable, Damaged) as error:
            needs = error.needs if isinstance(error, NotAvailable) else "its report to be run again"
            self.show(doors.nothing_yet("What if", needs, self.shelf.name(network), home))
            return
        nonce = secrets.token_urlsafe(16)
        self.set_header("Content-Security-Policy", policy(nonce))
        self.write(doors.before_kernel("What if", stored, self.shelf.name(network), home, nonce))
        await self.flush()
        await self._go_on(Order(self.session, lambda root: whatif.lay_out(published.values(), Path(root))))

    async def _go_on(self, order: Order) -> None:
        try:
            with ordered(order):
                async for html in self.get_generator(path=whatif.NOTEBOOK):
                    self.write(kept_alive(html))
                    await self.flush()
        except Busy:
            self.settings["watch"].refused.inc()
            self.write(doors.no_room())
        except Exception as error:
            # The base case has been sent and stays: a page is readable whatever becomes of its kernel.
            log("kernel failed", error=type(error).__name__)
            self.write(doors.no_room())


def _stored(published: Mapping[str, Published]) -> str:
    """The base case, read while a kernel starts."""
    return levers.still(whatif.of(published))
