"""The server's own pages: signing in, what one may open, what does not exist. In the look of all others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from barberlab.reports import blocks, marks, pages, tables


def sign_in(token: str, provider: bool = False, said: str = "") -> str:
    """The form. token: against forged requests. provider: offer it as well. said: why the last try failed."""
    front = blocks.Headline("Sign in", "Reports and dashboards of your network.")
    form = blocks.templates().get_template("doors.html").module.sign_in(token, provider)
    notice = blocks.Notice(said, "", state="bad").html if said else Markup("")
    return pages.page("Sign in", front.html + notice + form, kind="index")


@dataclass(frozen=True)
class Door:
    """Something one may open: what it is called, where it is, and how it stands."""

    name: str
    href: str
    says: str = ""
    state: str = ""


@dataclass(frozen=True)
class Group:
    """Doors of one kind under a heading; `missing` says what would bring some, where there is none.

    says: the heading of what stands beside each.
    """

    heading: str
    doors: Sequence[Door]
    missing: str = ""
    says: str = "How it stands"


def house(title: str, lede: str, groups: Sequence[Group], token: str, network: str = "", home: bool = True) -> str:
    """A page of doors. token: for signing out. home: link back to the page of networks."""
    front = blocks.Headline(title, lede).html
    cards = Markup("").join(_card(group) for group in groups)
    leave = blocks.templates().get_template("doors.html").module.sign_out(token)
    above = ("/", "All networks") if home else None
    return pages.page(title, front + cards + leave, network=network, home=above, kind="index")


def _card(group: Group) -> Markup:
    heading = Markup("<h2>{}</h2>").format(group.heading)
    if not group.doors:
        return heading + blocks.NotAvailable(group.heading, group.missing).html
    frame = pd.DataFrame(
        {
            "name": [marks.link(door.name, door.href) if door.href else door.name for door in group.doors],
            "says": [marks.tag(door.says, door.state) if door.state else door.says for door in group.doors],
        }
    )
    columns = [tables.Column("name", group.heading), tables.Column("says", group.says)]
    columns = columns if any(door.says for door in group.doors) else columns[:1]
    return Markup('<div class="card"><div class="scroll">{}</div></div>').format(tables.table(frame, columns))


_MESSAGES = {
    400: ("This could not be read", "The form came incomplete or was too old. Go back, load the page again."),
    401: ("Sign in first", "The page is for those who are signed in."),
    403: ("Not from there", "The request came from another page or another address than this server's."),
    404: ("Nothing is here", "There is no such page, or none for you."),
    429: ("Too many tries", "Wait a few minutes, then try again."),
    503: ("No room just now", "All places for live pages are taken. Published pages can be read meanwhile."),
}


def message(status: int) -> str:
    """The page of an error; it never says more than its number does."""
    title, text = _MESSAGES.get(status, ("Something failed", "It was noted. Published pages can be read meanwhile."))
    return pages.page(title, blocks.Headline(title, text).html, home=("/", "All networks"), kind="index")


def nothing_yet(what: str, needs: str, network: str, home: tuple[str, str]) -> str:
    """The page of a report that no run has published yet."""
    front = blocks.Headline(f"{what}: nothing published yet")
    box = blocks.NotAvailable(what, needs)
    return pages.page(what, front.html + box.html, network=network, home=home, kind="index")


def behind(page: str, reason: str, data_to: str) -> str:
    """A published page with a line on top: it stands because what came after it failed."""
    return _under(page, blocks.Notice(f"Showing data to {data_to}; the newest run failed:", reason))


def aged(page: str, days: int) -> str:
    """A published page with a line on top: nothing newer has come for so many days."""
    return _under(page, blocks.Notice(f"The data are {days:,} days old.", "Nothing newer was published since."))


def with_ways(page: str, ways: Sequence[tuple[str, str]], here: str) -> str:
    """A published page with a bar of links under its head: (address, words) of each; `here` is the page's own."""
    if not ways:
        return page
    bar = blocks.templates().get_template("doors.html").module.ways(ways, here)
    return page.replace("</header>", f"</header>\n{bar}", 1)


def without_ways(page: str, to: str) -> str:
    """A published page whose links below `to` are words alone, for those who may not follow them."""
    return re.sub(rf'<a href="{re.escape(to)}[^"]*">(.*?)</a>', r"\1", page, flags=re.DOTALL)


def _under(page: str, notice: blocks.Notice) -> str:
    opening = '<main id="main" tabindex="-1">'
    return page.replace(opening, f"{opening}\n{notice.html}", 1)


def before_kernel(title: str, base: Markup, network: str, home: tuple[str, str], nonce: str) -> str:
    """The first part of a live page, to its open main: the stored base case, read while a kernel starts.

    base: HTML of blocks. nonce: of the one script that shows the controls in its place when they are there.
    """
    template = blocks.templates().get_template("live.html").module
    shown = template.base_case(base, nonce)
    html = pages.page(title, shown + _CUT, network=network, home=home, kind="index")
    return html.partition(_CUT)[0]


_CUT = Markup("<!--live-->")


def no_room() -> str:
    """The end of a live page for which no kernel could be started."""
    title, text = _MESSAGES[503]
    return f"{blocks.Notice(title + '.', text).html}</main></div></body></html>"
