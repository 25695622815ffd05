"""Every block and every figure once, from a few invented values; one shop's name is an attack."""

import numpy as np
import pandas as pd

from barberlab.reports import blocks, figures, marks, pages, prose, tables

ATTACK = 'Alder <script>alert(1)</script> & "Sons"'
SHOPS = ["Quayside", "Mill Lane", "Old Dairy", "Garden Row", "Riverside", ATTACK]
USD = prose.Money("USD")


def months(values, before=None) -> pd.DataFrame:
    """Months from January 2024."""
    periods = pd.period_range("2024-01", periods=len(values), freq="M")
    return pd.DataFrame({"month": periods, "takings": values, "year_before": before if before is not None else np.nan})


def gaps(count: int = 6, real: int = 2) -> pd.DataFrame:
    """`count` shops from +10% down to -10%; the first and last `real` // 2 are real."""
    mid = np.linspace(0.1, -0.1, count)
    names = SHOPS if count == len(SHOPS) else [f"Shop {k:03d}" for k in range(count)]
    half = real // 2
    is_real = [k < half or k >= count - half for k in range(count)]
    reach = {"low80": mid - 0.02, "high80": mid + 0.02, "low95": mid - 0.03, "high95": mid + 0.03}
    return pd.DataFrame({"shop": names, "mid": mid, **reach, "real": is_real})


def week() -> pd.DataFrame:
    """Monday to Saturday, 9:00 to 12:00 by half-hours, Sunday closed; Friday 11:30 is over capacity."""
    cells = pd.DataFrame([(d, m) for d in range(7) for m in range(540, 720, 30)], columns=["weekday", "slot"])
    cells["load"] = np.where(cells["weekday"] == 6, np.nan, 0.3 + 0.1 * cells["weekday"])
    hot = (cells["weekday"] == 4) & (cells["slot"] == 690)
    cells.loc[hot, "load"] = 1.1
    cells["turned_away"] = np.where(hot, 7, np.nan)
    return cells


def trend(**how) -> blocks.Figure:
    values = np.linspace(9e7, 1.42e8, 18).round()
    given = {"title": "June closed at $1.42M", "subtitle": "Monthly revenue, USD. Grey: the year before.", "form": USD}
    return figures.trend(months(values, values * 0.9), "month", "takings", reference="year_before", **given | how)


def ranges(frame: pd.DataFrame | None = None, **how) -> blocks.Figure:
    given = {"title": "Two gaps are real", "subtitle": "Revenue per chair-hour against the network.", "band": 0.03}
    columns = ("shop", "mid", "low80", "high80", "low95", "high95", "real")
    return figures.ranges(gaps() if frame is None else frame, *columns, **given | how)


def funnel(**how) -> blocks.Figure:
    n = [400, 900, 1200, 1500, 1850, 1370]
    frame = pd.DataFrame({"shop": SHOPS, "clients": n, "back": [0.575, 0.64, 0.63, 0.62, 0.69, 0.56]})
    given = {"title": "Two shops stand outside", "subtitle": "Clients back within 42 days."}
    return figures.funnel(frame, "shop", "clients", "back", 0.634, **given | how)


def small_multiples(**how) -> blocks.Figure:
    parts = [months(np.arange(12) + k).assign(shop=name) for k, name in enumerate(SHOPS)]
    given = {"title": "All grow alike", "subtitle": "Visits by shop."}
    return figures.small_multiples(pd.concat(parts), "shop", "month", "takings", **given | how)


def heat(**how) -> blocks.Figure:
    given = {"title": "Friday overflows", "subtitle": "Requests against chair time.", "over": "turned away"}
    given |= {"edges": (0.45, 0.6, 0.75, 0.9, 1.0), "printed": "turned_away"}
    return figures.heat(week(), "weekday", "slot", "load", **given | how)


def coverage(label: str = "weeks 1–4", **how) -> blocks.Figure:
    held = {"held80": [0.82, 0.7], "held80_low": [0.78, 0.6], "held80_high": [0.86, 0.79]}
    held |= {"held95": [0.95, 0.9], "held95_low": [0.91, 0.84], "held95_high": [0.98, 0.94]}
    frame = pd.DataFrame({"label": [label, "weeks 5–13"], "n": [200, 90], "error": 0.09, "naive_error": 0.14} | held)
    given = {"title": "78% lay in ranges that promised 80%", "subtitle": "How often a week lay in its range."}
    return figures.coverage(frame, **given | how)


def shops_table():
    """A table with every kind of cell."""
    frame = pd.DataFrame({"shop": SHOPS, "takings": [3124000, 9911, None, 4115000, 0, 71380_00]})
    frame["state"] = [marks.tag("Revenue down", "bad"), marks.link(ATTACK, "shop/x.html"), *[""] * 4]
    frame["line"] = [marks.sparkline([1, 2, None, 4])] * 6
    frame["track"] = [marks.range_track(0.1, (0.05, 0.15), (0.0, 0.2), (-0.3, 0.3), "+10%, 5 to 15%")] * 6
    return tables.table(frame, [
        tables.Column("shop", "Shop"),
        tables.Column("takings", "Takings", USD.table, unit="USD", missing="needs table 7, payments"),
        tables.Column("line", "13 months", secondary=True), tables.Column("track", "8 in 10"),
        tables.Column("state", "State"),
    ])  # fmt: skip


def every_page(**how) -> str:
    """A page with each block."""
    front = [
        blocks.Notice("Showing 29 June.", "The run of 30 June failed."),
        blocks.StatusLine((("good", "Data to Mon 30 Jun 2025"), ("stale", f"{ATTACK} is late"))),
        blocks.Headline("Growth holds", f"Six shops, {ATTACK} among them.", "Monthly report"),
        blocks.KeyFigures((
            blocks.KeyFigure("Revenue", "$1.42M", "30 of 30 days", change=blocks.Verdict("+4.1%", "good", True)),
            blocks.KeyFigure("Ratings", "n/a", "needs table 10, reviews"),
        )),
    ]  # fmt: skip
    sections = [
        pages.Section("In five lines", (blocks.FiveLines(((f"{ATTACK} grew.", "By 4%."),)),)),
        pages.Section("Revenue", (blocks.Paragraph(ATTACK), trend(), small_multiples())),
        pages.Section(f"Shops & {ATTACK}", (ranges(), coverage(ATTACK), blocks.Beside(funnel(), heat()))),
        pages.Section("Table", (blocks.TableBlock(f"What {ATTACK} did", shops_table(), "June", "Counted."),)),
        pages.Section("Prices", (blocks.NotAvailable("Price effect", "table 5", ATTACK), blocks.Remark("A", "b"))),
        pages.Section("How this was made", (blocks.Gates((("good", "Ledger agrees"), ("na", "No effect"))),)),
    ]
    body, contents = pages.compose(front, sections)
    given = {"contents": contents, "network": ATTACK, "eyebrow": "Report", "facts": ["Period: June 2025", ATTACK]}
    given |= {"foot": blocks.Foot(("Run 1", "Seed 2")), "home": ("../index.html", "All reports")}
    given |= {"notes": {"Revenue": blocks.Remark("Like for like", "compares open shops.")}}
    return pages.page(f"Report of {ATTACK}", body, **given | how)
