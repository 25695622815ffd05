"""May this page be published? Findings about what some readers could not read, and about what must not be in a page.

Headings, alternative text, tables, links, language, ids, contrast in both themes; no script, nothing fetched from
elsewhere. An empty list is a pass. Source of the rules: WCAG 2.2, levels A and AA, as far as a file alone can show.
"""

import re
from collections import Counter
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag

from barberlab.reports import theme

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_ACTIVE = ("script", "iframe", "object", "embed", "base", "form")
_ADDRESSES = ("src", "href", "xlink:href", "srcset", "poster", "action", "formaction", "data", "background")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]{2}", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"url\(\s*[\"']?([^\"')]*)|@import\s*([^;]*)", re.IGNORECASE)
_RULE = re.compile(r"\{([^{}]*--ink:[^{}]*)\}")
_PROPERTY = re.compile(r"--([\w-]+)\s*:\s*([^;}]+)")
_USED = re.compile(r"var\(--([\w-]+)\)")


def check(html: str) -> list[str]:
    """What is wrong with a page, one sentence a finding; nothing if it may be published."""
    soup = BeautifulSoup(html, "html.parser")
    rules = (_document, _headings, _pictures, _tables, _links, _ids, _active, _addresses, _colours)
    return [finding for rule in rules for finding in rule(soup)]


def _document(soup: BeautifulSoup) -> Iterator[str]:
    root = soup.find("html")
    if root is None or not root.get("lang", "").strip():
        yield "language: html has no lang"
    if soup.head is None or soup.head.title is None or not soup.head.title.get_text(strip=True):
        yield "title: the document has none"
    if len(soup.find_all("main")) != 1:
        yield f"landmark: {len(soup.find_all('main'))} main elements instead of one"


def _headings(soup: BeautifulSoup) -> Iterator[str]:
    headings = soup.find_all(_HEADINGS)
    levels = [int(heading.name[1]) for heading in headings]
    if levels.count(1) != 1:
        yield f"headings: {levels.count(1)} of level 1 instead of one"
    previous = 0
    for heading, level in zip(headings, levels, strict=True):
        text = heading.get_text(" ", strip=True)
        if not text:
            yield f"headings: an empty h{level}"
        if level > previous + 1:
            yield (
                f"headings: h{level} {text!r} follows h{previous}"
                if previous
                else f"headings: the first is an h{level}"
            )
        previous = level


def _pictures(soup: BeautifulSoup) -> Iterator[str]:
    for image in soup.find_all("img"):
        if image.get("alt") is None:
            yield f"picture: an img without alt ({_where(image)})"
    for drawing in soup.find_all("svg"):
        if drawing.get("aria-hidden") != "true" and drawing.get("role") != "img":
            yield f"picture: an svg that is neither hidden nor role=img ({_where(drawing)})"
    for picture in soup.find_all(attrs={"role": "img"}):
        if not _is_named(picture):
            yield f"picture: role=img without title and desc, or aria-label ({_where(picture)})"


def _is_named(picture: Tag) -> bool:
    if picture.get("aria-label", "").strip():
        return True
    parts = [picture.find(name, recursive=False) for name in ("title", "desc")]
    return all(part is not None and part.get_text(strip=True) for part in parts)


def _where(tag: Tag) -> str:
    """The nearest id around a tag, to find it by."""
    around = next((parent for parent in [tag, *tag.parents] if parent.get("id")), None)
    return f"in #{around['id']}" if around is not None else "outside any id"


def _tables(soup: BeautifulSoup) -> Iterator[str]:
    for table in soup.find_all("table"):
        headers = table.find_all("th")
        if not headers:
            yield f"table: no th ({_where(table)})"
        bare = [th for th in headers if th.get("scope") not in ("col", "row", "colgroup", "rowgroup")]
        if bare:
            yield f"table: th {bare[0].get_text(' ', strip=True)!r} without scope ({_where(table)})"


def _links(soup: BeautifulSoup) -> Iterator[str]:
    for link in soup.find_all("a"):
        if not (link.get_text(strip=True) or link.get("aria-label", "").strip()):
            yield f"link: one without words, to {link.get('href', 'nowhere')!r}"
        if not link.get("href"):
            yield f"link: {link.get_text(' ', strip=True)!r} leads nowhere"


def _ids(soup: BeautifulSoup) -> Iterator[str]:
    ids = Counter(tag["id"] for tag in soup.find_all(id=True))
    for name, times in ids.items():
        if times > 1:
            yield f"id: {name!r} stands {times} times"
    for tag in soup.find_all(True):
        named = [name for key in ("aria-labelledby", "aria-describedby") for name in _words(tag.get(key))]
        href = tag.get("href", "")
        named += [href[1:]] if len(href) > 1 and href[0] == "#" else []
        for name in named:
            if name not in ids:
                yield f"id: {tag.name} refers to {name!r}, which is not on the page"


def _words(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else (value or "").split()


def _active(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.find_all(_ACTIVE):
        yield f"script: a page may not hold <{tag.name}>"
    for tag in soup.find_all(True):
        handlers = [key for key in tag.attrs if key.lower().startswith("on")]
        if handlers:
            yield f"script: <{tag.name}> has {handlers[0]}"
    if soup.find("meta", attrs={"http-equiv": re.compile("refresh", re.IGNORECASE)}):
        yield "script: the page sends its reader elsewhere (meta refresh)"


def _addresses(soup: BeautifulSoup) -> Iterator[str]:
    """A page holds all it shows: only links (a) may lead to a neighbouring page, and none out of the house."""
    for tag in soup.find_all(True):
        for key in _ADDRESSES:
            address = str(tag.get(key, "")).strip()
            if address and not _allowed(address, is_link=tag.name == "a" and key == "href"):
                yield f"address: <{tag.name}> {key} leads outside the page: {address[:60]!r}"
        yield from _css_addresses(tag.get("style", ""))
    for sheet in soup.find_all("style"):
        yield from _css_addresses(sheet.get_text())


def _allowed(address: str, is_link: bool) -> bool:
    squeezed = re.sub(r"[\s\x00-\x1f]", "", address)
    if is_link:
        return not _ELSEWHERE.match(squeezed)
    return squeezed.startswith("#") or squeezed.lower().startswith("data:")


def _css_addresses(css: str) -> Iterator[str]:
    for url, imported in _CSS_ADDRESS.findall(css):
        if not _allowed(url or imported, is_link=False):
            yield f"address: a style fetches {(url or imported)[:60]!r}"


def _colours(soup: BeautifulSoup) -> Iterator[str]:
    """Contrast of the theme's pairs in each declared scheme, and no colour used that a scheme does not declare."""
    css = "".join(sheet.get_text() for sheet in soup.find_all("style"))
    schemes = [dict(_PROPERTY.findall(rule)) for rule in _RULE.findall(css)]
    if len(schemes) < 2:
        yield f"contrast: {len(schemes)} colour schemes declared; a page has a light and a dark one"
    used = {name for tag in soup.find_all(style=True) for name in _USED.findall(tag["style"])}
    for scheme in schemes:
        absent = sorted(used - scheme.keys())
        if absent:
            yield f"contrast: the colour --{absent[0]} is used and not declared"
        yield from _contrasts(scheme)


def _contrasts(scheme: dict[str, str]) -> Iterator[str]:
    for pair in theme.PAIRS:
        if pair.name not in scheme or pair.ground not in scheme:
            yield f"contrast: --{pair.name} or --{pair.ground} is not declared"
            continue
        found = theme.contrast(scheme[pair.name].strip(), scheme[pair.ground].strip())
        if found < pair.least:
            yield f"contrast: --{pair.name} on --{pair.ground} is {found:.1f}, needs {pair.least}"
