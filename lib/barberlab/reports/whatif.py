"""What if the price were another, and some clients stayed away? Arithmetic on what was counted, and never a forecast.

Both levers are the reader's own assumption. How clients would answer to a price is an estimate, with its interval, and
stands in a dashed box until a model of it has kept its draws.
"""

from dataclasses import dataclass

import pandas as pd

from barberlab.errors import BadInput, NotAvailable
from barberlab.reports import figures, prose
from barberlab.reports.blocks import Block, Headline, KeyFigure, KeyFigures
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
    """The page's answer at these levers: the sentence, the numbers; `course` has the picture."""
    changed = effect(base, price, visits)
    return [_headline(base, price, visits, changed), _numbers(base, price, changed), _unknown()]


def course(base: Base, price: int, visits: int) -> Block:
    """The year as it would have been, beside the year as it was."""
    frame = base.months.assign(would=base.months["value"].astype(float) * _factor(price, visits))
    return figures.trend(
        frame.assign(value=frame["value"].astype(float)),
        "period",
        "would",
        reference="value",
        reference_name="as it was",
        slug="what-if",
        title=_answer(base, effect(base, price, visits)),
        subtitle=f"Revenue by month, {prose.plural(base.shops, 'shop')}, {base.currency}. Grey: as it was.",
        form=prose.Money(base.currency),
    )


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
    lede = f"{said}Counted from the last {MONTHS} months of {prose.plural(base.shops, 'shop')}; nothing is saved or sent."
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
