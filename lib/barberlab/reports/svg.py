"""How does a drawing become part of a page? A matplotlib figure as one inline SVG that follows the page's theme.

Text stays text in the page's own font, colours become the theme's names, ids are the figure's own, coordinates keep one
decimal. The same figure gives the same bytes.
"""

import io
import re
from itertools import groupby
from xml.etree import ElementTree as ET

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

from barberlab.errors import BadInput
from barberlab.reports.theme import name_of

_SVG, _HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_HEX = re.compile(r"#[0-9a-fA-F]{6}\b")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LOOK = ("clip-path", "style")
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_UNTURNED = re.compile(r"rotate\(-?0 [^)]*\)")


def inline(figure: Figure, slug: str, title: str, desc: str, css_class: str = "chart") -> Markup:
    """`figure` as an SVG of its size in points, read as CSS pixels; `slug` begins all its ids.

    `title` says what the chart is, `desc` what it shows. Raises BadInput for a colour that the theme does not have.
    """
    root = _drawn(figure, slug)
    _drop_what_is_not_seen(root)
    for element in root.iter():
        _clean(element, slug)
    _own_ids(root, slug)
    width, height = (round(inches * 72) for inches in figure.get_size_inches())
    return Markup(
        f'<svg class="{escape(css_class)}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{slug}-t {slug}-d" stroke-linejoin="round">'
        f'<title id="{slug}-t">{escape(title)}</title><desc id="{slug}-d">{escape(desc)}</desc>{_body(root)}</svg>'
    )


def _drawn(figure: Figure, slug: str) -> ET.Element:
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": slug, "path.simplify": True}):
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata=_NO_METADATA)
    return ET.fromstring(target.getvalue())


def _drop_what_is_not_seen(root: ET.Element) -> None:
    """Away with the global style (the root's attribute says it), empty groups and paths without fill and stroke."""
    for parent in list(root.iter()):
        for child in list(parent):
            style = child.get("style", "")
            blank = child.tag == f"{_SVG}path" and "fill: none" in style and "stroke:" not in style
            if blank or child.tag == f"{_SVG}style":
                parent.remove(child)
    while _drop_empty_groups(root):
        pass


def _drop_empty_groups(root: ET.Element) -> bool:
    empty = [
        (parent, child)
        for parent in root.iter()
        for child in parent
        if child.tag in (f"{_SVG}g", f"{_SVG}defs") and not len(child)
    ]
    for parent, child in empty:
        parent.remove(child)
    return bool(empty)


def _clean(element: ET.Element, slug: str) -> None:
    """One decimal, the theme's names instead of colours, no font family, no turn by nothing."""
    for key in ("d", "x", "y", "width", "height", "points"):
        if key in element.attrib:
            element.set(key, _shorter(element.get(key)))
    turn = element.get("transform")
    if turn is not None:
        element.attrib.pop("transform") if _UNTURNED.fullmatch(turn) else element.set("transform", _shorter(turn))
    if "style" in element.attrib:
        element.set("style", _themed(element.get("style"), slug))


def _shorter(numbers: str) -> str:
    joined = _NUMBER.sub(_one_decimal, numbers).replace("\n", "")
    return re.sub(r" ?([MLCQz]) ?", r"\1", joined).strip()


def _one_decimal(number: re.Match) -> str:
    # Adding nothing turns a rounded -0.0 into 0.0.
    return f"{round(float(number.group()), 1) + 0.0:.1f}".removesuffix(".0")


def _themed(style: str, slug: str) -> str:
    rules = [rule.strip().replace(": ", ":") for rule in style.split(";")]
    kept = [rule for rule in rules if rule and not rule.startswith("font-family:")]
    joined = ";".join(kept).replace("font-weight:700", "font-weight:600").replace("font-weight:bold", "font-weight:600")
    return _HEX.sub(lambda colour: _variable(colour.group(), slug), joined)


def _variable(colour: str, slug: str) -> str:
    name = name_of(colour)
    if name is None:
        raise BadInput(f"figure {slug!r}: the colour {colour} is not the theme's; draw with a value of theme.LIGHT")
    return f"var(--{name})"


def _own_ids(root: ET.Element, slug: str) -> None:
    """Ids that nothing refers to go; the others are numbered in order of appearance and begin with `slug`."""
    used = set()
    for element in root.iter():
        used |= {element.get(_HREF, "")[1:], *(m for v in element.attrib.values() for m in _REFERENCE.findall(v))}
    present = [e.get("id") for e in root.iter() if e.get("id") in used]
    new = {old: f"{slug}-{number}" for number, old in enumerate(dict.fromkeys(present), start=1)}
    for element in root.iter():
        _rename(element, new)


def _rename(element: ET.Element, new: dict[str, str]) -> None:
    if element.get("id") in new:
        element.set("id", new[element.get("id")])
    else:
        element.attrib.pop("id", None)
    target = element.attrib.pop(_HREF, None)
    if target is not None:
        element.set("href", f"#{new[target[1:]]}")
    for key, value in element.attrib.items():
        element.set(key, _REFERENCE.sub(lambda m: f"url(#{new[m.group(1)]})", value))


def _body(root: ET.Element) -> str:
    return "".join(_written(element) for element in _grouped(_flat(root)))


def _flat(parent: ET.Element) -> list[ET.Element]:
    """The children, those of a group without attributes in its place."""
    bare = (child.tag == f"{_SVG}g" and not child.attrib for child in parent)
    return [e for child, is_bare in zip(parent, bare, strict=True) for e in (_flat(child) if is_bare else [child])]


def _grouped(elements: list[ET.Element]) -> list[ET.Element]:
    """Neighbours that look alike share one group: a heat map is a third as large."""
    grouped = []
    for look, run in groupby(elements, key=lambda e: tuple((key, e.get(key)) for key in _LOOK)):
        alike = list(run)
        shared = {key: value for key, value in look if value}
        if len(alike) < 3 or not shared:
            grouped += alike
            continue
        group = ET.Element(f"{_SVG}g", shared)
        for element in alike:
            for key in shared:
                element.attrib.pop(key)
        group.extend(alike)
        grouped.append(group)
    return grouped


def _written(element: ET.Element) -> str:
    """An element as HTML writes SVG: without namespaces."""
    tag, inner = element.tag.removeprefix(_SVG), "".join(_written(child) for child in _grouped(_flat(element)))
    inner = (escape(element.text) if tag == "text" and element.text else "") + inner
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in element.attrib.items())
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"
