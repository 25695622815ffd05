"""Which colour means what? One table of colours, light and dark, and all that is derived from it.

Pages use the names as CSS custom properties, figures draw in the light values and have them replaced by the names
(`svg.py`), so one drawing serves both themes. No two names share a light value: that is what makes the way back unique.
Matplotlib and seaborn are imported where something is drawn: whoever only shows pages has no memory for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# No web fonts; not `system-ui`, which on a bare Linux server may be a wide face.
FONTS = '-apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif'

# Grounds, text, lines; estimates; intervals and reference; segments; states; heat map; labels that stand on fills.
LIGHT: Mapping[str, str] = {
    "bg": "#F6F6F3", "surface": "#FFFFFF", "sunk": "#EDEFEC",
    "ink": "#16202A", "ink2": "#46525E", "ink3": "#606C78", "line": "#E1E4E5", "line2": "#818B95",
    "accent": "#0B6A8A", "accent-soft": "#E4F1F5", "med": "#07475E",
    "b50": "#7DB8CD", "b80": "#A8D0DE", "b95": "#D9EBF1", "ref50": "#B4BBC1", "ref80": "#D3D7DA", "ref95": "#E8EAEB",
    "seg1": "#0A4F6E", "seg2": "#4A9CBD", "seg3": "#C3C9CE", "seg4": "#E2A548", "seg5": "#A8480F",
    "good": "#08705F", "good-soft": "#E0F2EE", "bad": "#AE2B25", "bad-soft": "#FBE9E7",
    "stale": "#855700", "stale-soft": "#FAF0DA", "learn": "#534DA3", "learn-soft": "#EEEDF9",
    "q1": "#E7EEF1", "q2": "#C5DEE7", "q3": "#97C7D7", "q4": "#4F9DB8", "q5": "#15637F", "q6": "#B84E14",
    "on1": "#FFFFFE", "on2": "#16202B", "on3": "#16202C", "on4": "#16202D", "on5": "#FFFFFD",
    "onq1": "#16202E", "onq5": "#FFFFFC", "onq6": "#FFFFFB",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "bg": "#0E1418", "surface": "#151D23", "sunk": "#1D272E",
    "ink": "#E8EDF0", "ink2": "#B4BFC8", "ink3": "#8F9CA7", "line": "#28343C", "line2": "#667683",
    "accent": "#62BEDA", "accent-soft": "#12323E", "med": "#D6F0F8",
    "b50": "#2B7590", "b80": "#23596D", "b95": "#1A3C4A", "ref50": "#56636D", "ref80": "#3B4851", "ref95": "#2A353D",
    "seg1": "#8FD6EE", "seg2": "#3F92B3", "seg3": "#5A6873", "seg4": "#B97F22", "seg5": "#F39A5E",
    "good": "#4FC4AD", "good-soft": "#11342F", "bad": "#F28B80", "bad-soft": "#43201E",
    "stale": "#E2B45A", "stale-soft": "#3A2D12", "learn": "#ADA8F2", "learn-soft": "#272547",
    "q1": "#1F2C34", "q2": "#204655", "q3": "#2A6579", "q4": "#3D8FAB", "q5": "#7CC9E2", "q6": "#F4A066",
    "on1": "#0E1417", "on2": "#0E1416", "on3": "#E8EDF1", "on4": "#0E1415", "on5": "#0E1413",
    "onq1": "#E8EDF2", "onq5": "#0E1412", "onq6": "#0E1411",
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A colour that is read on a ground: text needs 4.5 to 1, a mark or a control's edge 3 to 1 (WCAG 2.2, 1.4)."""

    name: str
    ground: str
    least: float = 4.5


_PAPER = ("surface", "bg")
PAIRS: tuple[Pair, ...] = (
    *(Pair(text, ground) for text in ("ink", "ink2", "ink3", "accent", "med") for ground in _PAPER),
    *(Pair("line2", ground, 3.0) for ground in _PAPER),
    *(Pair(state, f"{state}-soft") for state in ("good", "bad", "stale", "learn", "accent")),
    *(Pair(state, "surface") for state in ("good", "bad", "stale", "learn", "seg5")),
    *(Pair(f"on{k}", f"seg{k}") for k in range(1, 6)),
    *(Pair(f"onq{k}", f"q{k}") for k in (1, 5, 6)),
)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two colours, 1 (none) to 21 (black on white). Source: WCAG 2.2, relative luminance."""
    dim, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def name_of(colour: object) -> str | None:
    """The table's name of a light value, as matplotlib or a hex string gives it; None if it is not the theme's."""
    from matplotlib.colors import to_hex  # noqa: PLC0415

    return _NAMES.get(to_hex(colour))


_NAMES = {value.lower(): name for name, value in LIGHT.items()}


def rc() -> dict[str, object]:
    """Settings of matplotlib for a figure of the house, over seaborn's white style: hand them to `rc_context`.

    One point is one CSS pixel. Dollar signs are money, never mathematics. DejaVu Sans comes with matplotlib, so a
    figure is laid out alike everywhere; it is wider than the pages' fonts, so labels that fit here fit there.
    """
    import seaborn as sns  # noqa: PLC0415

    return {
        **sns.axes_style("white"),
        "font.family": "DejaVu Sans", "font.size": 12, "text.parse_math": False, "text.color": LIGHT["ink2"],
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.spines.bottom": True,
        "axes.edgecolor": LIGHT["line2"], "axes.linewidth": 1.0, "axes.labelcolor": LIGHT["ink3"],
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": LIGHT["line"], "axes.axisbelow": True,
        "xtick.color": LIGHT["ink3"], "ytick.color": LIGHT["ink3"], "xtick.bottom": True, "xtick.major.size": 4,
        "ytick.left": False, "lines.linewidth": 2.2, "lines.markersize": 6.5, "lines.markeredgewidth": 1.3,
        "lines.markeredgecolor": LIGHT["surface"], "patch.linewidth": 0, "patch.force_edgecolor": False,
        "hatch.linewidth": 1,
    }  # fmt: skip


def css_properties() -> str:
    """The table as CSS custom properties of a page. The system's choice holds, `data-theme` on html overrides it.

    Dark is for screens only: paper is light, whatever the reader prefers.
    """
    light, dark = _declared("light", LIGHT), _declared("dark", DARK)
    return (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
    )


def css_properties_of_a_block() -> str:
    """The table for one block shown in JupyterLab, which says which of its own themes is on."""
    light, dark = _declared("light", LIGHT), _declared("dark", DARK)
    return f".bl{{{light}}}\n[data-jp-theme-light=false] .bl{{{dark}}}\n"


def _declared(scheme: str, table: Mapping[str, str]) -> str:
    return f"color-scheme:{scheme};" + "".join(f"--{name}:{value};" for name, value in table.items())
