"""How do blocks and notebooks become a page? One HTML file that needs no other: no script, nothing fetched, no code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import unescape

import pandas as pd
from markupsafe import Markup, escape
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from barberlab.errors import BadInput, GateFailed
from barberlab.reports import blocks, marks, prose, tables, theme

_NUMBERED = re.compile(r'<span class="eyebrow no">(Figure|Table)</span>')
_TITLE = re.compile(r"<h1\b[^>]*>(.*?)</h1>", re.DOTALL)
_SECTION = re.compile(r"<h2\b[^>]*>(.*?)</h2>", re.DOTALL)
_HEADLINE = '<header class="head">'
_PLACE = re.compile(r'<div data-place="(\d+)"></div>')
_SUBHEADING_ID = re.compile(r"<(h[3-6]) id=[^>]*>")
_TAG = re.compile(r"<[^>]+>")
_SCRIPT = re.compile(
    r"<\s*(script|iframe|object|embed)\b|<[^>]*\son\w+\s*=|<[^>]*=\s*[\"']?\s*javascript:", re.IGNORECASE
)
_HIDDEN = {"parameters", "injected-parameters", "remove-cell", "remove_cell"}
_NOT_A_BLOCK = ("application/javascript", "application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg",
                "image/svg+xml")  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    content: tuple[blocks.Block | Markup, ...]


def page(
    title: str,
    body: Markup,
    *,
    contents: Sequence[tuple[str, str]] = (),
    network: str = "",
    eyebrow: str = "",
    facts: Sequence[str] = (),
    foot: blocks.Foot | None = None,
    notes: Mapping[str, blocks.Remark] | None = None,
    home: tuple[str, str] | None = None,
    kind: str = "",
) -> str:
    """`body` as a whole document.

    title: of the document, and the h1 where `body` has none. contents: (id, heading) of its sections. facts: lines
    beside the contents. notes: a remark at the right margin of a section, by its heading. home: (relative address,
    words) of the page above. kind: "index" for a page of links, "board" for one of cards, else a report, whose figures
    and tables are numbered in their order.
    """
    if not isinstance(body, Markup):
        raise BadInput(f"page {title!r}: the body must be Markup, as compose() makes it; text is not escaped here")
    if not _TITLE.search(body):
        body = blocks.Headline(title, eyebrow=eyebrow).html + body
    counted = _without_numbers if kind == "board" else _numbered
    body = Markup(counted(_with_notes(body, contents, notes or {})))
    template = blocks.templates().get_template("page.html")
    html = template.render(
        title=title, body=body, contents=contents, network=network, eyebrow=eyebrow, facts=facts, foot=foot, home=home,
        kind=kind, properties=Markup(theme.css_properties()), fonts=Markup(theme.FONTS),
    )  # fmt: skip
    return f"{html}\n"


def _without_numbers(body: str) -> str:
    return _NUMBERED.sub("", body)


def _numbered(body: str) -> str:
    counts = {"Figure": 0, "Table": 0}

    def number(found: re.Match) -> str:
        counts[found.group(1)] += 1
        return f'<span class="eyebrow">{found.group(1)} {counts[found.group(1)]}</span>'

    return _NUMBERED.sub(number, body)


def _with_notes(body: str, contents: Sequence[tuple[str, str]], notes: Mapping[str, blocks.Remark]) -> str:
    anchors = {heading: anchor for anchor, heading in contents}
    unknown = [heading for heading in notes if heading not in anchors]
    if unknown:
        have = prose.listed(list(anchors)) or "none"
        raise BadInput(f"page: a remark is for the section {unknown[0]!r}; the sections are {have}")
    for heading, remark in notes.items():
        opening = re.compile(rf'(<section id="{re.escape(anchors[heading])}">\s*<h2>.*?</h2>)', re.DOTALL)
        body = opening.sub(lambda m, html=str(remark.html): m.group(1) + html, body, count=1)
    return body


def compose(
    front: Iterable[blocks.Block | Markup], sections: Iterable[Section]
) -> tuple[Markup, list[tuple[str, str]]]:
    """The body of a page and its contents list: `front` before the first heading, then the sections."""
    html, contents = [Markup("\n").join(escape(block) for block in front)], []
    for section in sections:
        anchor = _unused(blocks.slug(section.heading), [id for id, _ in contents])
        contents.append((anchor, section.heading))
        inner = Markup("\n").join(escape(block) for block in section.content)
        html.append(Markup('<section id="{}"><h2>{}</h2>\n{}</section>').format(anchor, section.heading, inner))
    return Markup("\n").join(html), contents


def _unused(anchor: str, taken: Sequence[str]) -> str:
    # Figures' ids share the page with the sections', hence the prefix.
    names = (f"s-{anchor}" if k == 1 else f"s-{anchor}-{k}" for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def from_notebook(
    notebook: NotebookNode, *, title: str = "", eyebrow: str = "", notes: Mapping[str, blocks.Remark] | None = None,
    network: str = "", facts: Sequence[str] = (), foot: blocks.Foot | None = None, home: tuple[str, str] | None = None,
    kind: str = "",
) -> str:  # fmt: skip
    """An executed notebook as a page: its markdown and its blocks, never code, parameters, prompts or streams.

    Markdown's h2 are the sections. A Headline is the h1, and the cell with the notebook's own title, a question, then
    stays behind; so do plain text results. `title` is the document's, by default the h1. Raises GateFailed for a cell
    that raised; BadInput for a script, a widget or a picture that is no Figure, naming the cell. kind: as of `page`; a
    board has cards for sections, so nothing is cut.
    """
    copy, shown = _publishable(notebook)
    if any(_HEADLINE in html for html in shown):
        copy.cells = [c for c in copy.cells if not (c.cell_type == "markdown" and c.source.lstrip().startswith("# "))]
    fragment = _TITLE.sub(lambda m: str(blocks.Headline(_plain(m[1]), eyebrow=eyebrow).html), _fragment(copy))
    fragment = _PLACE.sub(lambda m: shown[int(m[1])], fragment)
    (_, front), *parts = [("", fragment)] if kind == "board" else _split(fragment)
    sections = [Section(_plain(heading), (Markup(content.strip()),)) for heading, content in parts]
    body, contents = compose([Markup(front.strip())], sections)
    found = _TITLE.search(front)
    return page(
        title or (_plain(found[1]) if found else "Report"), body, contents=contents, network=network,
        eyebrow=eyebrow, facts=facts, foot=foot, notes=notes, home=home, kind=kind,
    )  # fmt: skip


def _publishable(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """A copy that holds only what a page may show, and the HTML whose places its outputs keep.

    The exporter reads and writes HTML anew; a figure must stay the bytes that it is.
    """
    copy, shown = deepcopy(notebook), []
    for place, cell in enumerate(copy.cells, start=1):
        if _HIDDEN & set(cell.metadata.get("tags", ())):
            cell.source, cell.cell_type = "", "raw"
        elif cell.cell_type == "code":
            cell.outputs = [kept for o in cell.outputs if (kept := _kept(o, f"cell {place}", shown)) is not None]
        else:
            _refuse_scripts(cell.source, f"cell {place}")
    return copy, shown


def _kept(output: NotebookNode, where: str, shown: list[str]) -> NotebookNode | None:
    if output.output_type == "error":
        raise GateFailed(f"{where} raised {output.ename}; the notebook cannot be published")
    if output.output_type == "stream":
        return None
    data = output.data
    if "text/html" in data:
        _refuse_scripts(data["text/html"], where)
        shown.append(blocks.bare(data["text/html"]))
        data["text/html"] = f'<div data-place="{len(shown) - 1}"></div>'
        return output
    other = next((kind for kind in _NOT_A_BLOCK if kind in data), None)
    if other:
        raise BadInput(f"{where} shows {other}, which has no text for those who do not see it; show a block instead")
    return output if "text/markdown" in data else None


def _refuse_scripts(html: str, where: str) -> None:
    found = _SCRIPT.search(html)
    if found:
        raise BadInput(f"{where} holds {found.group()[:40]!r}; a page has no script and no frame")


def _fragment(notebook: NotebookNode) -> str:
    source, _, _ = blocks.templates().loader.get_source(blocks.templates(), "notebook.html.j2")
    exporter = HTMLExporter(raw_template=source, exclude_anchor_links=True)
    exporter.display_data_priority = ["text/html", "text/markdown"]
    html, _ = exporter.from_notebook_node(notebook)
    return _SUBHEADING_ID.sub(r"<\1>", html)


def _split(fragment: str) -> list[tuple[str, str]]:
    """(heading, html that follows), the first with no heading."""
    front, *rest = _SECTION.split(fragment)
    return [("", front), *zip(rest[::2], rest[1::2], strict=True)]


def _plain(html: str) -> str:
    return unescape(_TAG.sub("", html)).strip()


@dataclass(frozen=True)
class Entry:
    """A line of an index: a published report, or one that failed and stands behind its last good page."""

    network: str
    report: str
    href: str
    period: str
    data_to: str
    state: str = "good"
    status: str = "published"


def index(
    entries: Sequence[Entry], *, title: str = "Reports", lede: str = "", network: str = "",
    home: tuple[str, str] | None = None,
) -> str:  # fmt: skip
    """A page of links to reports: one card over all networks, or of one `network`; entries keep their order."""
    front = blocks.Headline(title, lede)
    if not entries:
        nothing = blocks.Notice("Nothing is published yet.", "`make report` makes the first pages.")
        return page(title, front.html + nothing.html, network=network, home=home, kind="index")
    frame = pd.DataFrame(
        {
            "network": [entry.network for entry in entries],
            "report": [marks.link(entry.report, entry.href) if entry.href else entry.report for entry in entries],
            "period": [entry.period for entry in entries],
            "data_to": [entry.data_to for entry in entries],
            "status": [_status(entry) for entry in entries],
        }
    )
    columns = [
        tables.Column("network", "Network"), tables.Column("report", "Report"),
        tables.Column("period", "Period", secondary=True), tables.Column("data_to", "Data to", secondary=True),
        tables.Column("status", "Status"),
    ]  # fmt: skip
    card = Markup('<div class="card"><div class="scroll">{}</div></div>').format(
        tables.table(frame, columns[1:] if network else columns)
    )
    return page(title, front.html + card, network=network, home=home, kind="index")


def _status(entry: Entry) -> marks.Mark:
    """The word as a tag; what comes after a colon, a reason, stands beside it as text."""
    word, _, reason = entry.status.partition(": ")
    return marks.together(marks.tag(word, entry.state), reason) if reason else marks.tag(word, entry.state)
