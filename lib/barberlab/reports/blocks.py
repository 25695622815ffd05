"""What is a page made of? Frozen values that a notebook displays and a page holds: figures, tables, lines, boxes.

Each has `.html` (Markup, everything in it escaped) and shows itself in JupyterLab in the page's own look.
"""

import re
from dataclasses import dataclass, field
from functools import cache

import jinja2
import pandas as pd
from markupsafe import Markup

from barberlab import errors
from barberlab.reports import marks, prose, tables, theme

_IN_NOTEBOOK = re.compile(r'<style data-barberlab="">.*?</style><div class="bl">(.*)</div>', re.DOTALL)
_SLUG = re.compile(r"[a-z][a-z0-9-]*")
LONGEST_SLUG = 40
MOST_NUMBERS = 200  # rows of the table under a figure; the run's own tables hold the rest


@cache
def templates() -> jinja2.Environment:
    """The templates of pages and blocks; what is not Markup is escaped."""
    return jinja2.Environment(loader=jinja2.PackageLoader("barberlab.reports"), autoescape=True)


def slug(text: str) -> str:
    """A name for addresses and ids, of whole words: a to z, 0 to 9 and hyphens, beginning with a letter."""
    plain = "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "part"
    if len(plain) > LONGEST_SLUG:
        plain = plain[: LONGEST_SLUG + 1].rpartition("-")[0] or plain[:LONGEST_SLUG]
    return plain if plain[0].isalpha() else f"s-{plain}"


def bare(html: str) -> str:
    """A displayed block as a page wants it, without the style that a notebook needs; other HTML as it is."""
    shown = _IN_NOTEBOOK.fullmatch(html)
    return shown.group(1) if shown else html


@cache
def _notebook_style() -> Markup:
    """The look inside a notebook: nested in one class, so that it touches nothing of JupyterLab's own."""
    css = templates().get_template("blocks.css").render()
    own = ".bl{background:var(--surface);color:var(--ink);padding:4px 16px 12px;max-width:752px;font:15.5px/1.6 "
    return Markup('<style data-barberlab="">') + Markup(
        f"{theme.css_properties_of_a_block()}{own}{theme.FONTS};font-variant-numeric:tabular-nums lining-nums}}\n"
        f".bl{{p,figure,h3{{margin:0;padding:0}}\n{css}}}</style>"
    )


class Block:
    """Something a page holds. Its macro in `templates/blocks.html` has the same name."""

    macro: str

    @property
    def html(self) -> Markup:
        """The block as HTML of a page."""
        return Markup(getattr(templates().get_template("blocks.html").module, self.macro)(self))

    def __html__(self) -> Markup:
        return self.html

    def _repr_html_(self) -> str:
        return str(Markup('{}<div class="bl">{}</div>').format(_notebook_style(), self.html))


@dataclass(frozen=True)
class Key:
    """An entry of a figure's key: a colour of the theme and its word. `kind` is fill, line, outline or words."""

    label: str
    colour: str = ""
    kind: str = "fill"

    def __post_init__(self):
        if self.colour and self.colour not in theme.LIGHT:
            raise errors.BadInput(f"key {self.label!r}: {self.colour!r} is no colour of the theme")

    @property
    def css_class(self) -> str:
        """How the sample is drawn, other than as a fill."""
        return "" if self.kind == "fill" else self.kind

    @property
    def style(self) -> str:
        """The sample's colour."""
        part = "background" if self.kind == "fill" else "border-color"
        return f"{part}:var(--{self.colour})"


@dataclass(frozen=True, eq=False)
class Figure(Block):
    """A finding and what shows it.

    `title` is the finding as a sentence; `subtitle` says measure, unit, who, period, how to read it; `note` the source,
    n and caveats. `wide` (720 px) and `phone` (358 px) are two drawings of the same values, `alt` what they say to
    those who do not see them. `numbers` are the values behind it, printed under it by `columns`.
    """

    slug: str
    title: str
    subtitle: str
    wide: Markup
    phone: Markup
    alt: str
    key: tuple[Key, ...] = ()
    note: str = ""
    wide_note: str = ""
    phone_note: str = ""
    numbers: pd.DataFrame | None = field(default=None, repr=False)
    columns: tuple[tables.Column, ...] = ()
    macro = "figure"

    def __post_init__(self):
        if not _SLUG.fullmatch(self.slug):
            raise errors.BadInput(f"figure {self.slug!r}: a slug has a to z, 0 to 9 and hyphens, a letter first")
        if not self.alt.strip():
            raise errors.BadInput(f"figure {self.slug!r} has no text for those who do not see it")

    @property
    def numbers_table(self) -> Markup:
        """The figure's values as a table."""
        return tables.table(self.numbers.head(MOST_NUMBERS), self.columns or tables.columns_of(self.numbers))

    @property
    def numbers_left_out(self) -> str:
        """What the table under the figure does not show, in words."""
        rows = len(self.numbers)
        return f"The first {MOST_NUMBERS} of {prose.plural(rows, 'row')}." if rows > MOST_NUMBERS else ""


@dataclass(frozen=True)
class TableBlock(Block):
    """A table with a title, as `tables.table` made it."""

    title: str
    table: Markup
    subtitle: str = ""
    note: str = ""
    macro = "table_block"

    def __post_init__(self):
        if not isinstance(self.table, Markup):
            raise errors.BadInput(f"table {self.title!r}: hand over what tables.table() returns, not text")


@dataclass(frozen=True)
class Verdict:
    """A key figure's change: `amount` as printed, `judged` good, bad or chance, which way it `rose`, against what."""

    amount: str
    judged: str
    rose: bool | None = None
    rest: str = ""

    @property
    def html(self) -> Markup:
        """The sign, the amount and the words."""
        return marks.verdict(self.amount, self.judged, self.rose, self.rest)


@dataclass(frozen=True)
class KeyFigure:
    """One number that matters: label, value, what stands `beside` it (a target), a line under it, its change.

    `sub` is the 80 % range of an estimate, or what was counted.
    """

    label: str
    value: str
    sub: str = ""
    beside: str = ""
    change: Verdict | None = None

    @property
    def missing(self) -> bool:
        """Whether there is no number; it is then written quietly."""
        return self.value == prose.MISSING


@dataclass(frozen=True)
class KeyFigures(Block):
    """Key figures side by side, at most four in a row."""

    figures: tuple[KeyFigure, ...]
    macro = "key_figures"

    @property
    def placed(self) -> list[tuple[KeyFigure, int, bool]]:
        """Each figure, how many of twelve columns it takes, and whether it takes a phone's whole row.

        Rows are as even as can be: five are three and two. On a phone the first stands alone, then two by two.
        """
        count = len(self.figures)
        rows = -(-count // 4)
        sizes = [count // rows + (row < count % rows) for row in range(rows)] if rows else []
        spans = [12 // size for size in sizes for _ in range(size)]
        last_alone = count % 2 == 0
        return [
            (figure, span, last_alone and place == count)
            for place, (figure, span) in enumerate(zip(self.figures, spans, strict=True), start=1)
        ]


@dataclass(frozen=True)
class Headline(Block):
    """The page's answer: a sentence, and a few that carry it. A page has one; it is its only h1."""

    title: str
    lede: str = ""
    eyebrow: str = ""
    macro = "headline"


@dataclass(frozen=True)
class FiveLines(Block):
    """A numbered list of (bold sentence, rest)."""

    lines: tuple[tuple[str, str], ...]
    macro = "five_lines"


@dataclass(frozen=True)
class NotAvailable(Block):
    """What stands where a number would: its name, what it needs, and why, if there is more to say."""

    name: str
    needs: str
    why: str = ""
    macro = "not_available"

    @classmethod
    def of(cls, error: errors.NotAvailable) -> "NotAvailable":
        """The box for what a room to the left refused to give."""
        return cls(error.what, error.needs)


@dataclass(frozen=True)
class Notice(Block):
    """One line that must be read before the page: bold title, text; state good, bad or stale."""

    title: str
    text: str
    state: str = "stale"
    macro = "notice"

    def __post_init__(self):
        _check_states((self.state,), ("good", "bad", "stale"))


@dataclass(frozen=True)
class StatusLine(Block):
    """May I trust this page? (state, words) of data age, checks, what is late; state good, bad, stale or none ("")."""

    facts: tuple[tuple[str, str], ...]
    macro = "status_line"

    def __post_init__(self):
        _check_states([state for state, _ in self.facts], ("", "good", "bad", "stale"))


@dataclass(frozen=True)
class Gates(Block):
    """The checks a run went through, each a tag: (state, words)."""

    tags: tuple[tuple[str, str], ...]
    macro = "gates"

    def __post_init__(self):
        _check_states([state for state, _ in self.tags], marks.STATES)


@dataclass(frozen=True)
class Foot(Block):
    """Run id, data version, parameters, seed: what makes the page attributable."""

    facts: tuple[str, ...]
    macro = "foot"


@dataclass(frozen=True)
class Remark(Block):
    """A word at the page's right margin, beside what follows it; a quiet paragraph where there is no margin."""

    title: str
    text: str
    macro = "remark"


@dataclass(frozen=True)
class Paragraph(Block):
    """A paragraph whose words depend on the numbers."""

    text: str
    macro = "paragraph"


@dataclass(frozen=True, eq=False)
class Beside(Block):
    """Two blocks of half the width; figures show their phone drawing. One under the other on a phone."""

    left: Block
    right: Block
    macro = "beside"


@dataclass(frozen=True)
class Decision:
    """Something to decide: where, what to do, why, what it would bring with its 8 in 10, and the chance of it."""

    where: marks.Mark | str
    what: str
    why: str
    effect: str
    eight_in_ten: str
    chance: float
    words: str

    @property
    def pips(self) -> Markup:
        """The chance as ten pips, and in words."""
        return marks.pips(self.chance, self.words).html


@dataclass(frozen=True)
class Decisions(Block):
    """A list of decisions, the one that matters most first."""

    items: tuple[Decision, ...]
    macro = "decisions"


@dataclass(frozen=True)
class Card(Block):
    """A place on a board: its blocks on a ground of their own, `span` of twelve columns wide.

    title: where the first block has none of its own; else that block's title is the card's. order: its place on a
    phone, where cards stand one under the other, 0 for the one it has in the notebook.
    """

    content: tuple[Block, ...]
    span: int = 12
    title: str = ""
    subtitle: str = ""
    note: str = ""
    order: int = 0
    macro = "card"

    @property
    def inner(self) -> Markup:
        """What stands in it; a title of its first block is a heading of the page's second level."""
        html = Markup("\n").join(block.html for block in self.content)
        return html if self.title else Markup(re.sub(r"<h3>(.*?)</h3>", r"<h2>\1</h2>", html, count=1, flags=re.DOTALL))


def _check_states(found: tuple[str, ...] | list[str], allowed: tuple[str, ...]) -> None:
    for state in found:
        if state not in allowed:
            raise errors.BadInput(f"state {state!r} is unknown; states are {', '.join(filter(None, allowed))}")
