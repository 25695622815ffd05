"""What if the price were another, and some clients stayed away? Arithmetic on what was counted, and never a forecast.

Both levers are the reader's own assumption. How clients would answer to a price is an estimate, with its interval, and
stands in a dashed box until a model of it has kept its draws.
"""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from barberlab.errors import BadInput, NotAvailable
from barberlab.reports import prose, tables
from barberlab.reports.blocks import Block, Figure, Headline, Key, KeyFigure, KeyFigures
from barberlab.reports.blocks import NotAvailable as Box

MONTHS = 12
MEASURE = "net_service_revenue"


@dataclass(frozen=True)
class Lever:
    """Something that one may move: whole per cent, from `low` to `high`."""

    name: str
    low: int
    high: int

    def check(self, value: object) -> int:
        """The value itself, if the lever can stand there; raises BadInput: a browser may send anything."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise BadInput(f"{self.name}: must be a whole number from {self.low} to {self.high}")
        return value


PRICE = Lever("Price, change in %", -20, 30)
VISITS = Lever("Visits, change in %", -30, 30)


@dataclass(frozen=True)
class Base:
    """What the levers move: revenue of the last whole months, in minor units, of all shops that are shown.

    months: period, value. currency: its ISO code. shops: how many they are.
    """

    months: pd.DataFrame
    currency: str
    shops: int

    @property
    def year(self) -> int:
        """Revenue of all these months."""
        return int(self.months["value"].sum())


def base(by_shop: pd.DataFrame) -> Base:
    """The base case of a table of revenue by shop and month, as the shop report keeps it.

    by_shop: location_id, period, value; attrs: metric, currency, needs. Raises NotAvailable where there is no money in
    the data, or not yet twelve months.
    """
    if by_shop.attrs["metric"] != MEASURE or by_shop.attrs["needs"]:
        raise NotAvailable("What-if", by_shop.attrs["needs"] or "prices and payments")
    known = by_shop.dropna(subset=["value"])
    months = known.groupby("period", as_index=False)["value"].sum().sort_values("period").tail(MONTHS)
    if len(months) < MONTHS:
        raise NotAvailable("What-if", f"{MONTHS} months of revenue; there are {len(months)}")
    shown = known[known["period"].isin(months["period"]) & (known["value"] > 0)]
    return Base(months.reset_index(drop=True), by_shop.attrs["currency"], shown["location_id"].nunique())


def effect(base: Base, price: int, visits: int) -> int:
    """What a year's revenue would change by, in minor units: (1 + price)(1 + visits) - 1 of it.

    price, visits: changes in whole per cent. Raises BadInput outside of their levers.
    """
    return round(base.year * (_factor(price, visits) - 1))


def breaks_even(price: int) -> float:
    """The change of visits, as a share, at which a change of price by that many per cent brings nothing."""
    return 1 / (1 + PRICE.check(price) / 100) - 1


def blocks(base: Base, price: int, visits: int) -> list[Block]:
    """The page's answer at these levers: the sentence, the numbers, the year, and what cannot be said."""
    changed = effect(base, price, visits)
    return [
        _headline(base, price, visits, changed),
        _numbers(base, price, changed),
        course(base, price, visits),
        _unknown(),
    ]


def course(base: Base, price: int, visits: int) -> Figure:
    """The year as it would have been, beside the year as it was.

    Drawn as twelve pairs of bars by hand: a reader who moves a lever waits for a picture, and a canvas takes longer.
    """
    factor, form = _factor(price, visits), prose.Money(base.currency)
    frame = base.months.assign(would=(base.months["value"] * factor).round())
    title = _answer(base, effect(base, price, visits))
    said = f"Twelve months; as it was {form(base.year)}, as it would have been {form(base.year * factor)}."
    columns = (
        tables.Column("period", "Month", prose.month, right=False),
        tables.Column("value", "As it was", form.table),
        tables.Column("would", "As it would be", form.table),
    )
    return Figure(
        slug="what-if",
        title=title,
        subtitle=f"Revenue by month, {prose.plural(base.shops, 'shop')}, {base.currency}.",
        wide=_bars(frame, 720, "what-if-w", said, form),
        phone=_bars(frame, 358, "what-if-n", said, form),
        alt=said,
        key=(Key("as it was", "ref50"), Key("as it would be", "accent")),
        numbers=frame,
        columns=columns,
    )


_HEIGHT, _FOOT, _HEAD = 200, 22, 18


def _bars(frame: pd.DataFrame, width: int, slug: str, said: str, form: prose.Format) -> Markup:
    """Pairs of bars from a common zero, the largest named; `slug` begins its ids."""
    most = max(float(frame["value"].max()), float(frame["would"].max()), 1.0)
    step = width / len(frame)
    tall = (_HEIGHT - _FOOT - _HEAD) / most
    base = _HEIGHT - _FOOT
    bar = Markup('<rect x="{}" y="{}" width="{}" height="{}" style="fill:var(--{})"/>')
    name = Markup('<text x="{}" y="{}" text-anchor="middle" style="fill:var(--ink3);font-size:12px">{}</text>')
    drawn = []
    for k, (_, row) in enumerate(frame.iterrows()):
        left, each = k * step + step * 0.14, step * 0.34
        for place, (value, colour) in enumerate(((row["value"], "ref50"), (row["would"], "accent"))):
            height = round(float(value) * tall, 1)
            drawn.append(
                bar.format(round(left + place * (each + 2), 1), round(base - height, 1), round(each, 1), height, colour)
            )
        if width > 500 or k % 3 == 0:
            drawn.append(name.format(round(k * step + step / 2, 1), _HEIGHT - 5, prose.short_month(row["period"])))
    high = Markup('<text x="0" y="12" style="fill:var(--ink3);font-size:12px">{}</text>').format(
        f"highest {form(most)}"
    )
    line = Markup('<path d="M0 {}H{}" style="stroke:var(--line2);fill:none"/>').format(base, width)
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
        '<title id="{}-t">A year of revenue, as it was and as it would be</title><desc id="{}-d">{}</desc>{}{}{}</svg>'
    ).format(width, _HEIGHT, slug, slug, slug, slug, said, high, Markup("").join(drawn), line)


def _factor(price: int, visits: int) -> float:
    return (1 + PRICE.check(price) / 100) * (1 + VISITS.check(visits) / 100)


def _answer(base: Base, changed: int) -> str:
    if not changed:
        return "Nothing would change"
    amount = prose.money(abs(changed), base.currency)
    return f"The year would have brought {amount} {'more' if changed > 0 else 'less'}"


def _headline(base: Base, price: int, visits: int, changed: int) -> Headline:
    moved = [f"prices {prose.change(price / 100)}"] if price else []
    moved += [f"visits {prose.change(visits / 100)}"] if visits else []
    said = f"With {prose.listed(moved)}, all else as it was. " if moved else "Move a lever to see what it would do. "
    lede = (
        f"{said}Counted from the last {MONTHS} months of {prose.plural(base.shops, 'shop')}; nothing is saved or sent."
    )
    return Headline(_answer(base, changed), lede, eyebrow="What if")


def _numbers(base: Base, price: int, changed: int) -> KeyFigures:
    would = prose.money(base.year + changed, base.currency)
    was = prose.money(base.year, base.currency)
    return KeyFigures(
        (
            KeyFigure("A year's revenue", would, sub=f"as it was: {was}"),
            KeyFigure("Change", prose.change(changed / base.year) if base.year else prose.MISSING, sub="of the year"),
            KeyFigure("Breaks even at", prose.change(breaks_even(price)), sub="visits, at this price"),
        )
    )


def _unknown() -> Box:
    return Box("How many clients would stay away", "draws of a demand model, kept by a published run")
