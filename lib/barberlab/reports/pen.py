"""How is a fan drawn while somebody waits? By hand, in milliseconds, where a canvas takes half a second and 30 MB.

For pages that are made when they are asked for and for those whose levers are moved; reports have `fans`.
"""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from markupsafe import Markup

from barberlab.reports import prose
from barberlab.reports.blocks import Key
from barberlab.reports.ticks import nice_ticks

WIDE, PHONE = 720, 358
_HEIGHT, _HEAD, _FOOT, _LINE = 240, 22, 24, 15
_LETTER = 7.2  # px of a letter of 12 px, rather too many than too few
_BANDS = (("95", "b95"), ("80", "b80"), ("50", "b50"))
KEY = (Key("1 in 2", "b50"), Key("8 in 10", "b80"), Key("19 in 20", "b95"))
_PLAN = (("95", "ref95"), ("80", "ref80"))


def fan(
    known: Sequence[tuple[pd.Timestamp, float]],
    ahead: pd.DataFrame,
    form: prose.Format,
    *,
    slug: str,
    width: int,
    what: str,
    said: str,
    scenario: pd.DataFrame | None = None,
) -> Markup:
    """Months as counted, then three bands and the middle of those ahead; with a scenario, the plan in grey beneath it.

    known: month and value, in order, may be empty. ahead, scenario: period, mid and the ends low80, high80, low95,
    high95 (without a scenario low50, high50 too), over the same months. slug begins the drawing's ids, `what` is its
    title and `said` its description. Every number stands at a place of its own: the last known, and the fan's end.
    """  # fmt: skip
    reach = [value for _, value in known] + [*ahead["low95"], *ahead["high95"]]
    reach += [] if scenario is None else [*scenario["low80"], *scenario["high80"]]
    ticks = nice_ticks(min(reach), max(reach), most=5)
    labels = form.ticks(list(ticks))
    ends = _ends(ahead if scenario is None else scenario, form)
    left, right = 10 + _LETTER * max(map(len, labels)), 12 + _LETTER * max(len(text) for _, text, _ in ends)
    months = [month for month, _ in known] + list(ahead["period"])
    place = _Places(len(months), left, width - right, float(ticks[0]), float(ticks[-1]))
    drawn = [
        *_scale(ticks, labels, place),
        *_bands(known, ahead, place, _BANDS if scenario is None else _PLAN, "med" if scenario is None else "ink3"),
        *(() if scenario is None else _outline(known, scenario, place)),
        *_past(known, place),
        *_names(months, place, width),
        *_written(ends, place),
    ]
    head = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d"><title id="{}-t">{}</title>'
    begun = Markup(f'{head}<desc id="{{}}-d">{{}}</desc>').format(width, _HEIGHT, slug, slug, slug, what, slug, said)
    return begun + Markup("").join(drawn) + Markup("</svg>")


class _Places:
    """Where month k and a value lie on the drawing."""

    def __init__(self, months: int, left: float, right: float, low: float, high: float):
        self.left, self.right = left, right
        self._step = (right - left) / max(months - 1, 1)
        self._low, self._scale = low, (_HEIGHT - _HEAD - _FOOT) / (high - low)

    def x(self, month: float) -> float:
        return round(self.left + month * self._step, 1)

    def y(self, value: float) -> float:
        return round(_HEIGHT - _FOOT - (float(value) - self._low) * self._scale, 1)

    def line(self, first: int, values: Sequence[float]) -> str:
        return " ".join(f"{self.x(first + k)},{self.y(value)}" for k, value in enumerate(values))


def _scale(ticks: Sequence[float], labels: Sequence[str], place: _Places) -> Iterator[Markup]:
    rule = Markup('<path d="M{} {}H{}" style="stroke:var(--line);fill:none"/>')
    for tick, label in zip(ticks, labels, strict=True):
        yield rule.format(place.left, place.y(tick), place.right)
        yield _text(place.left - 8, place.y(tick) + 4, label, "end", "ink3")


def _bands(known, ahead: pd.DataFrame, place: _Places, bands, middle: str) -> Iterator[Markup]:
    """Bands open from the last known month, as a fan of the house does."""
    start, last = _start(known)
    shape = Markup('<polygon points="{}" style="fill:var(--{})"/>')
    for inside, colour in bands:
        low, high = ([*last, *ahead[f"{side}{inside}"]] for side in ("low", "high"))
        there, back = place.line(start, high), place.line(start, low).split(" ")[::-1]
        yield shape.format(f"{there} {' '.join(back)}", colour)
    yield _path(place.line(start, [*last, *ahead["mid"]]), middle, 2)


def _outline(known, scenario: pd.DataFrame, place: _Places) -> Iterator[Markup]:
    start, last = _start(known)
    for end in ("low80", "high80"):
        yield _path(place.line(start, [*last, *scenario[end]]), "ink", 1.4, "4 2")
    yield _path(place.line(start, [*last, *scenario["mid"]]), "accent", 2.2)


def _start(known) -> tuple[int, list[float]]:
    return (len(known) - 1, [known[-1][1]]) if known else (0, [])


def _past(known, place: _Places) -> Iterator[Markup]:
    if not known:
        return
    yield _path(place.line(0, [value for _, value in known]), "ink", 2.2)
    dot = Markup('<circle cx="{}" cy="{}" r="3.5" style="fill:var(--ink);stroke:var(--surface);stroke-width:1.3"/>')
    parting = Markup('<path d="M{} {}V{}" style="stroke:var(--line2);fill:none" stroke-dasharray="3 3"/>')
    x = place.x(len(known) - 1)
    yield parting.format(x, _HEAD, _HEIGHT - _FOOT)
    yield dot.format(x, place.y(known[-1][1]))
    yield _text(x - 6, _HEAD - 8, "known", "end", "ink3")
    yield _text(x + 6, _HEAD - 8, "forecast", "start", "ink3")


def _names(months: Sequence[pd.Timestamp], place: _Places, width: int) -> Iterator[Markup]:
    """As many months' names as have room, counted back from the last."""
    every = -(-len(months) // max(1, int((place.right - place.left) // (52 if width == PHONE else 58))))
    for k in range(len(months) - 1, -1, -every):
        year = f" {months[k].year}" if months[k].month == 1 else ""
        yield _text(place.x(k), _HEIGHT - 6, prose.short_month(months[k]) + year, "middle", "ink3")


def _ends(shown: pd.DataFrame, form: prose.Format) -> list[tuple[float, str, str]]:
    last = shown.iloc[-1]
    said = (("high80", "ink3"), ("mid", "med"), ("low80", "ink3"))
    return [(float(last[end]), form(float(last[end])), colour) for end, colour in said]


def _written(ends: Sequence[tuple[float, str, str]], place: _Places) -> Iterator[Markup]:
    """The fan's ends, a line apart at least."""
    wanted = [place.y(value) for value, _, _ in ends]
    centres = [min(wanted[0], wanted[1] - _LINE), wanted[1], max(wanted[2], wanted[1] + _LINE)]
    for (_, text, colour), centre in zip(ends, centres, strict=True):
        yield _text(place.right + 8, centre + 4, text, "start", colour, bold=colour == "med")


def _path(points: str, colour: str, thick: float, dashes: str = "") -> Markup:
    dashed = Markup(' stroke-dasharray="{}"').format(dashes) if dashes else Markup("")
    line = Markup('<polyline points="{}" style="fill:none;stroke:var(--{});stroke-width:{}"{}/>')
    return line.format(points, colour, thick, dashed)


def _text(x: float, y: float, text: str, anchor: str, colour: str, bold: bool = False) -> Markup:
    style = f"fill:var(--{colour});font-size:12px{';font-weight:650' if bold else ''}"
    return Markup('<text x="{}" y="{}" text-anchor="{}" style="{}">{}</text>').format(
        round(x, 1), round(y, 1), anchor, style, text
    )


def drawings(draw: Callable[[str, int], Markup], slug: str) -> tuple[Markup, Markup]:
    """The wide drawing and the phone's, each with ids of its own. draw: takes the ids' beginning and the width."""
    return draw(f"{slug}-w", WIDE), draw(f"{slug}-n", PHONE)
