"""A window that notes what must not happen, and a careful look at a page: axe-core and pictures, by size and theme."""

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from playwright.sync_api import Page, Response

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
_OF_ONE_SHOP = re.compile(r"/n/[^/]+/[^/]+/[^/]+/")
LEAST_PX = 11.5  # notes are 12
SERIOUS = {"serious", "critical"}
# What differs between two loads of one page: the token of its form, and the nonce and kernel of a live one.
_OF_ONE_LOAD = re.compile(r'name="_xsrf" value="[^"]*"|nonce="[^"]*"')
# Rules that read the document alone have spoken once they have spoken at a size.
_OF_COLOUR = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


class Window:
    """A page of one who is signed in. `wrong` collects errors of the console, of scripts, and requests that leave."""

    def __init__(self, page: Page, port: int):
        self.page, self.own, self.wrong = page, f"http://127.0.0.1:{port}", []
        self.expected = 0
        page.on("console", lambda said: said.type == "error" and self._console(said.text, said.location["url"]))
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("request", lambda asked: self._asked(asked.url))

    def open(self, path: str, status: int = 200) -> Response:
        """The page at `path`, which answers `status`."""
        self.expected = status
        answer = self.page.goto(f"{self.own}{path}")
        assert answer.status == status, f"{path}: {answer.status}"
        return answer

    def doors(self) -> list[str]:
        """Paths of all pages of this server that the page links to, in order."""
        links = self.page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
        own = [urlsplit(urldefrag(link).url).path for link in links if link.startswith(f"{self.own}/")]
        return list(dict.fromkeys(own))

    def _console(self, said: str, where: str) -> None:
        # Chromium reports the status of a page that was asked for as an error of its own, and of plain text, which
        # cannot say that it has no icon, that it has none.
        if (self.expected >= 400 and f"status of {self.expected}" in said) or where.endswith("/favicon.ico"):
            return
        self.wrong.append(f"{self.page.url}: {said}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.own}/", "data:", "blob:")):
            self.wrong.append(f"{self.page.url} asks for {url}")


@dataclass
class Looks:
    """Careful looks at pages; one that comes again with the same content is not looked at twice.

    Of pages that only differ by the shop that they are about, the first is looked at in every way, and the others in
    each size and each theme once. folder: where pictures go, named by size, theme, role and page.
    """

    folder: Path
    seen: dict[str, tuple[str, tuple]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    def at(self, window: Window, role: str, said: str = "") -> list[str]:
        """What is wrong with the page that the window shows, at each size and in each theme; takes its pictures.

        said: the page's HTML as the server sent it, by default as it stands.
        """
        path = urlsplit(window.page.url).path
        name = f"{role}-{_name(path)}"
        content = hashlib.sha256(_OF_ONE_LOAD.sub("", said or window.page.content()).encode()).hexdigest()
        if content in self.seen:
            self._same_pictures(self.seen[content], name)
            return []
        ways = self._ways(path)
        self.seen[content] = name, ways
        return [finding for way in ways for finding in self._at(window.page, name, *way)]

    def _ways(self, path: str) -> tuple[tuple[str, str], ...]:
        kind = path.rpartition("/")[0] if _OF_ONE_SHOP.search(path) else path
        if kind in self.kinds:
            return tuple(zip(SIZES, THEMES, strict=True))
        self.kinds |= {kind} if kind != path else set()
        return tuple(product(SIZES, THEMES))

    def _at(self, page: Page, name: str, size: str, theme: str) -> list[str]:
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=theme)
        findings = [*axe(page, every_rule=(size, theme) != ("desktop", "dark")), *sideways(page), *tiny(page)]
        found = [f"{name}, {size}, {theme}: {finding}" for finding in findings]
        self.folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=self._picture(name, size, theme), full_page=True)
        return found

    def _picture(self, name: str, size: str, theme: str) -> Path:
        return self.folder / f"{size}-{theme}-{name}.png"

    def _same_pictures(self, known: tuple[str, tuple], name: str) -> None:
        for way in known[1]:
            here, there = self._picture(name, *way), self._picture(known[0], *way)
            if here != there:
                here.unlink(missing_ok=True)
                os.link(there, here)


def _name(path: str) -> str:
    return re.sub(r"\W+", "-", path.removesuffix(".html").removeprefix("/")).strip("-") or "networks"


def axe(page: Page, every_rule: bool = True) -> list[str]:
    """Serious and critical findings of axe-core, one line an element; else of colours alone."""
    options = {"resultTypes": ["violations"], "preload": False, "iframes": False}
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    answer = page.evaluate("options => axe.run(options)", options if every_rule else options | _OF_COLOUR)
    return [
        f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {node['html'][:120]}"
        for rule in answer["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@cache
def _axe() -> str:
    from axe_playwright_python.base import AXE_SCRIPT

    return AXE_SCRIPT


def sideways(page: Page) -> list[str]:
    """What must be pushed sideways to be read: the page itself, or a part of it that is cut off.

    But for the numbers behind a figure, which are looked up and not read.
    """
    return page.evaluate(
        """() => {
            const said = e => `${e.clientWidth} px show ${e.scrollWidth} of ${e.outerHTML.slice(0, 80)}`;
            const root = document.documentElement;
            const out = root.scrollWidth > root.clientWidth ? [root] : [];
            const cut = [...document.querySelectorAll("body *")].filter(e =>
                e.clientWidth && e.scrollWidth > e.clientWidth + 1
                && ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)
                && !e.matches(".sr, .numbers *"));
            return [...out, ...cut].map(e => `cut off: ${said(e)}`);
        }"""
    )


def tiny(page: Page) -> list[str]:
    """Words smaller than notes are, as they appear: drawings may be shrunk."""
    return page.evaluate(
        """least => {
            const found = new Set();
            for (const e of document.querySelectorAll("body *")) {
                const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
                if (!own || !e.getClientRects().length || e.classList.contains("sr")) continue;
                const scale = e.getScreenCTM ? Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b) : 1;
                const size = parseFloat(getComputedStyle(e).fontSize) * scale;
                if (size < least) found.add(`tiny: ${size.toFixed(1)} px: ${e.textContent.trim().slice(0, 40)}`);
            }
            return [...found].slice(0, 5);
        }""",
        LEAST_PX,
    )
