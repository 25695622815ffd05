"""Which small marks stand inside a row? A tag, a change with its verdict, a sparkline, a range on a track."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from barberlab.errors import BadInput
from barberlab.reports import prose

STATES = ("good", "bad", "stale", "learn", "known", "na")
VERDICTS = {"good": "up", "bad": "down", "chance": "flat"}


@dataclass(frozen=True)
class Mark:
    """A piece of HTML that may stand in a frame's cell.

    It is not text on purpose: pandas turns any kind of text into its own and would lose that it is already escaped.
    """

    html: Markup

    def __html__(self) -> Markup:
        return self.html

    def _repr_html_(self) -> str:
        return str(self.html)


def together(*parts: Mark | str) -> Mark:
    """Marks and words side by side; words are escaped."""
    return Mark(Markup(" ").join(escape(part) for part in parts))


def link(text: str, href: str) -> Mark:
    """A link within the published pages. Raises BadInput for an address that leaves them."""
    if ":" in href or "\\" in href or href.startswith("//"):
        raise BadInput(f"link {text!r} leads to {href!r}; pages link to each other only, by relative address")
    return Mark(Markup(f'<a href="{escape(href)}">{escape(text)}</a>'))


def unbroken(text: str) -> Mark:
    """Text that stays on one line, such as a code with a hyphen in it."""
    return Mark(Markup('<span class="one">{}</span>').format(text))


def under(text: Mark | str, small: str) -> Mark:
    """A value with a quieter line under it, such as its range."""
    return Mark(Markup('{} <small class="under">{}</small>').format(text, small))


def tag(text: str, state: str) -> Mark:
    """A word on its own ground: good, bad, stale, learn(ing), known, or na (dashed: not available, no clear effect)."""
    if state not in STATES:
        raise BadInput(f"tag {text!r}: state {state!r} is unknown; states are {', '.join(STATES)}")
    return Mark(Markup('<span class="tag t-{}">{}</span>').format(state, text))


def segment(text: str, place: int | None = None) -> Mark:
    """A segment's name on its own colour, 1 (best) to 5; dashed for None, where no segment is likely enough."""
    if place is not None and place not in range(1, 6):
        raise BadInput(f"segment {text!r}: place {place} is none of 1 to 5")
    ground = "t-na" if place is None else f"t-seg{place}"
    return Mark(Markup('<span class="tag {}">{}</span>').format(ground, text))


def verdict(amount: str, judged: str, rose: bool | None = None, rest: str = "") -> Mark:
    """A change and what to make of it: "good" or "bad" with an arrow the way it `rose`, "chance" with a dot.

    The arrow replaces the sign of `amount`; readers who hear the page get it as a word.
    """
    if judged not in VERDICTS or (rose is None and judged != "chance"):
        raise BadInput(f"verdict {judged!r} of {amount!r}: it must be good or bad with `rose` told, or chance")
    sign, word = ("●", "") if judged == "chance" else ("▲", "up ") if rose else ("▼", "down ")
    said = amount if judged == "chance" else amount.lstrip(f"+{prose.MINUS}-")
    doubt = "could be chance" if judged == "chance" else ""
    after = ", ".join(filter(None, (rest, doubt)))
    shown = Markup('<span class="{}"><span aria-hidden="true">{} </span><span class="sr">{}</span>{}</span> {}')
    return Mark(shown.format(VERDICTS[judged], sign, word, said, after))


def pips(chance: float, words: str) -> Mark:
    """A chance as ten pips, the last one half where it comes to five in a hundred, beside its words."""
    halves = round(min(max(chance, 0.0), 1.0) * 20)
    kinds = ["full"] * (halves // 2) + ["half"] * (halves % 2)
    drawn = Markup("").join(Markup('<i class="{}"></i>').format(kind) for kind in [*kinds, *[""] * (10 - len(kinds))])
    return Mark(Markup('<span class="pips" aria-hidden="true">{}</span>{}').format(drawn, words))


def sparkline(values: Sequence[float | None]) -> Mark:
    """A line of 96 x 26 px on its own scale, the last point in accent; missing values leave a gap.

    It is hidden from those who hear the page: the number stands beside it.
    """
    known = [(k, float(v)) for k, v in enumerate(values) if not prose.missing(v)]
    if not known:
        return Mark(Markup(""))
    low, high = min(v for _, v in known), max(v for _, v in known)
    scale, step = 20 / ((high - low) or 1), 88 / max(len(values) - 1, 1)
    at = {k: f"{4 + k * step:.1f} {23 - (v - low) * scale if high > low else 13:.1f}" for k, v in known}
    path = "".join(f"{'L' if k - 1 in at else 'M'}{point}" for k, point in at.items())
    x, y = at[known[-1][0]].split()
    drawn = Markup(
        '<svg class="spark" viewBox="0 0 96 26" aria-hidden="true">'
        '<path d="{}" style="fill:none;stroke:var(--ink2);stroke-width:1.4;stroke-linejoin:round"/>'
        '<circle cx="{}" cy="{}" r="2.6" style="fill:var(--accent)"/></svg>'
    )
    return Mark(drawn.format(path, x, y))


def range_track(
    mid: float,
    eighty: tuple[float, float],
    ninety_five: tuple[float, float],
    scale: tuple[float, float],
    label: str,
    zero: float = 0.0,
    better: str = "higher",
    ticks: Sequence[float] = (),
) -> Mark:
    """An estimate on a track of 14 px: thin 19 in 20, thick 8 in 10, dot; grey if the 8 in 10 span `zero`.

    `scale` is the same for all rows of the column; what lies outside it ends at its edge. `label` is read aloud.
    `better` is "higher" or "lower": what falls short is drawn in orange. `ticks`: fainter ones.
    """
    low, high = scale
    if not low < high:
        raise BadInput(f"range track {label!r}: the scale {scale} has no width")

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / (high - low), 1)

    def bar(css_class: str, ends: tuple[float, float]) -> Markup:
        left, right = map(place, ends)
        return Markup('<i class="{}" style="left:{}%;width:{}%"></i>').format(css_class, left, round(right - left, 1))

    tick = Markup('<i class="z" style="left:{}%"></i>').format(place(zero)) if low <= zero <= high else ""
    tick += Markup("").join(Markup('<i class="z faint" style="left:{}%"></i>').format(place(one)) for one in ticks)
    dot = Markup('<i class="m" style="left:{}%"></i>').format(place(mid))
    track = Markup('<span class="rng{}" role="img" aria-label="{}">{}{}{}{}</span>')
    colour = _track_colour(mid, eighty, zero, better)
    return Mark(track.format(colour, label, tick, bar("b95", ninety_five), bar("b80", eighty), dot))


def hatched(label: str) -> Mark:
    """A track on which nothing may be drawn; `label`, why, is read aloud."""
    return Mark(Markup('<span class="rng hatched" role="img" aria-label="{}"></span>').format(label))


def _track_colour(mid: float, eighty: tuple[float, float], zero: float, better: str) -> str:
    if eighty[0] <= zero <= eighty[1]:
        return " chance"
    return " short" if (mid < zero) == (better == "higher") else ""
