"""Is a rate out of line, or only a small shop's? Rates over their counts, and where chance alone would put them."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from scipy.stats import binom

from barberlab.errors import BadInput
from barberlab.reports import prose
from barberlab.reports.blocks import Figure, Key
from barberlab.reports.canvas import (
    INK,
    LINE_HEIGHT,
    Sheet,
    Words,
    check,
    figure,
    note,
    shortened,
    text_width,
    value_axis,
)
from barberlab.reports.labels import Pen
from barberlab.reports.tables import Column
from barberlab.reports.ticks import nice_ticks

MOST_NAMED = 12  # labels in the plot; the table under it names all
FEWEST_FOR_A_LESSON = 5
MANY_DOTS = 200  # from here on they are small, and those that would hide each other are drawn once
LIMITS = (0.95, 0.998)
_RATE = prose.Rate()


def funnel_limits(n: np.ndarray, rate: float, inside: float) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest share of n that `inside` of all shops at the network's `rate` would show, by chance alone.

    Exact binomial quantiles. Source: Spiegelhalter (2005), Statistics in Medicine 24, section 2 and appendix A.1.
    """
    tail = (1 - inside) / 2
    return binom.ppf(tail, n, rate) / n, binom.ppf(1 - tail, n, rate) / n


def _smooth_limits(n: np.ndarray, rate: float, inside: float) -> tuple[np.ndarray, np.ndarray]:
    """The limits as curves: interpolated between whole numbers (Spiegelhalter 2005, A.1.1), so that they do not saw.

    A shop on an exact limit lies inside the curve, one hit further lies outside: curve and verdict agree.
    """
    tail = (1 - inside) / 2

    def curve(q: float) -> np.ndarray:
        r = binom.ppf(q, n, rate)
        within = (binom.cdf(r, n, rate) - q) / binom.pmf(r, n, rate)
        return r - within

    return np.clip(curve(tail) / n, 0, 1), np.clip((curve(1 - tail) + 1) / n, 0, 1)


def funnel(
    frame: pd.DataFrame,
    label: str,
    n: str,
    rate: str,
    network_rate: float,
    *,
    title: str,
    subtitle: str,
    counted: str = "clients",
    better: str = "higher",
    form: prose.Format = _RATE,
    **words: str,
) -> Figure:
    """Shops' rates by how many `counted` stand behind them, and where chance alone would put a shop of that size.

    frame: `rate` as a share of `n`. Named in colour is what lies outside the 99.8 % limits; one small shop inside is
    named as the lesson. Rows without a rate, or with none counted, are left out.
    """
    check("funnel", frame, (label, n, rate))
    data = frame[[label, n, rate]].set_axis(["label", "n", "rate"], axis=1).dropna()
    data = data[data["n"] > 0].astype({"n": "int64", "rate": "float64"}).reset_index(drop=True)
    check("funnel", data, ())
    if not (0 <= network_rate <= 1 and data["rate"].between(0, 1).all()):
        raise BadInput("funnel: a rate is not between 0 and 1; hand over shares, not per cent")
    data["outside"] = _against_chance(data, network_rate)

    def draw(sheet: Sheet) -> None:
        _funnel(sheet, data, network_rate, counted, better, form)

    key = (Key("19 in 20 shops like the network fall here", "ref80"), Key("998 in 1,000", "ref95"))
    columns = [
        Column("label", label.replace("_", " ").capitalize()), Column("n", counted.capitalize(), prose.count),
        Column("rate", "Rate", form.table),
        Column("outside", "Against chance", lambda side: side if side == "inside" else f"outside, {side}", right=False),
    ]  # fmt: skip
    alt = f"{title}. {_said_of_funnel(data, network_rate, counted, form)}"
    return figure(Words(title, subtitle, **words), alt, draw, (330, 290), data, columns, key=key)


def _against_chance(data: pd.DataFrame, rate: float) -> np.ndarray:
    """above, below or inside the outer limits, decided in whole hits: a quotient's last digit must not decide."""
    low, high = (np.rint(limit * data["n"]) for limit in funnel_limits(data["n"].to_numpy(), rate, LIMITS[1]))
    hits = np.rint(data["rate"] * data["n"])
    return np.select([hits > high, hits < low], ["above", "below"], "inside")


def _funnel(sheet: Sheet, data: pd.DataFrame, rate: float, counted: str, better: str, form: prose.Format) -> None:
    sizes = np.unique(np.geomspace(max(data["n"].min() * 0.9, 1), data["n"].max() * 1.04, 90).astype(int))
    limits = [_smooth_limits(sizes, rate, inside) for inside in LIMITS]
    seen = [data["rate"].min(), data["rate"].max(), *(np.median(edge) for edge in limits[1])]
    ticks = nice_ticks(max(min(seen) - 0.01, 0), min(max(seen) + 0.01, 1), most=6)
    labels = form.ticks(list(ticks))
    named = ("network", form(rate))
    ax = sheet.axes(10 + max(map(text_width, labels)), 10 + max(map(text_width, named)), 8, 26)
    value_axis(ax, ticks, labels)
    ax.set_xlim(sizes[0], sizes[-1])
    for (low, high), colour in zip(reversed(limits), (INK["ref95"], INK["ref80"]), strict=True):
        ax.fill_between(sizes, low, high, color=colour, linewidth=0, zorder=0.5)
    ax.axhline(rate, color=INK["line2"], linewidth=1, zorder=1.5)
    for line, text in enumerate(named):
        note(ax, (1, rate), text, shift=(8, LINE_HEIGHT * (0.5 - line)), xycoords=ax.get_yaxis_transform())
    _count_axis(ax, sizes, counted, sheet.phone)
    _dots(ax, data, better)
    _name_dots(ax, data, rate, better, form)


def _count_axis(ax: Axes, sizes: np.ndarray, counted: str, phone: bool) -> None:
    ticks = [t for t in nice_ticks(sizes[0], sizes[-1], most=4 if phone else 6) if sizes[0] <= t <= sizes[-1] and t > 0]
    labels = prose.Count().ticks(ticks)
    if labels:
        labels[-1] = f"{labels[-1]} {counted}"
    ax.set_xticks(ticks, labels)
    ax.tick_params(axis="x", pad=4)
    last = ax.get_xticklabels()[-1] if labels else None
    # The word must not leave the sheet when the last tick stands close to the edge.
    if last is not None and (ticks[-1] - sizes[0]) / (sizes[-1] - sizes[0]) > 0.85:
        last.set_horizontalalignment("right")


def _colours(data: pd.DataFrame, better: str) -> dict[str, str]:
    good, short = INK["seg1"], INK["seg5"]
    return {"inside": INK["ink3"], "above": good if better == "higher" else short, "below": short if better == "higher"
            else good}  # fmt: skip


def _dots(ax: Axes, data: pd.DataFrame, better: str) -> None:
    inside, outside = (data[(data["outside"] == "inside") == is_inside] for is_inside in (True, False))
    crowded = len(data) > MANY_DOTS
    if crowded:
        inside = inside[~_same_spot(ax, inside)]
    for rows, size, halo in ((inside, 12 if crowded else 42, 0.6 if crowded else 1.3), (outside, 42, 1.3)):
        sns.scatterplot(
            rows, x="n", y="rate", hue="outside", palette=_colours(data, better), s=size, edgecolor=INK["surface"],
            linewidth=halo, legend=False, ax=ax, clip_on=False, zorder=3,
        )  # fmt: skip
    ax.set(xlabel="", ylabel="")


def _same_spot(ax: Axes, data: pd.DataFrame) -> pd.Series:
    """Which dots fall on the 4 px of an earlier one and would hide it."""
    box, (x0, x1), (y0, y1) = ax.get_window_extent(), ax.get_xlim(), ax.get_ylim()
    across, up = (data["n"] - x0) / (x1 - x0) * box.width // 4, (data["rate"] - y0) / (y1 - y0) * box.height // 4
    return pd.DataFrame({"across": across, "up": up}).duplicated()


def _name_dots(ax: Axes, data: pd.DataFrame, rate: float, better: str, form: prose.Format) -> None:
    """Names beside the dots outside, the furthest first, then the lesson."""
    pen = Pen(ax)
    for row in data.itertuples():
        pen.keep_free(row.n, row.rate)
    colours = _colours(data, better)
    outside = data[data["outside"] != "inside"]
    furthest = ((outside["rate"] - rate).abs() * np.sqrt(outside["n"])).sort_values(ascending=False).index[:MOST_NAMED]
    for row in outside.loc[furthest].itertuples():
        pen.write(row.n, row.rate, [f"{shortened(str(row.label), 150)} {form(row.rate)}"], colours[row.outside], "bold")
    lesson = _lesson(data, rate)
    if lesson is not None:
        pen.write(lesson.n, lesson.rate, [f"{form(lesson.rate)}, but small:", "within chance"], INK["ink2"])


def _lesson(data: pd.DataFrame, rate: float) -> pd.Series | None:
    """The small shop inside that a ranking would have put beside those outside, or else at its very end."""
    gap, outside = (data["rate"] - rate).abs(), data["outside"] != "inside"
    small = gap[~outside & (data["n"] <= data["n"].quantile(0.34))]
    bar = gap[outside].min() if outside.any() else gap.max()
    if len(data) < FEWEST_FOR_A_LESSON or small.empty or small.max() < bar:
        return None
    return data.loc[small.idxmax()]


def _said_of_funnel(data: pd.DataFrame, rate: float, counted: str, form: prose.Format) -> str:
    outside = data[data["outside"] != "inside"]
    first = outside.head(3).itertuples()
    named = ", ".join(f"{row.label} {form(row.rate)} of {prose.count(row.n)} ({row.outside})" for row in first)
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    told = f"Outside what chance explains: {named}{more}." if named else "None lies outside what chance explains."
    head = f"{prose.plural(len(data), 'shop')} by number of {counted}, around the network's {form(rate)}."
    return f"{head} {told}"
