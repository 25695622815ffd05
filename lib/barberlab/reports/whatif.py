"""What if? The revenue report's own futures with levers that a reader moves, and the paired effect with its range.

The draws are those that the last run kept; the levers are `models.scenarios`', each resting on an assumption that is
shown beside the answer. Nothing is fitted or sampled here, so that an answer stands while the lever is still moving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from markupsafe import Markup

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import scenario_months, scenarios
from barberlab.models.intervals import EIGHT_IN_TEN, described
from barberlab.models.scenario_months import Ahead
from barberlab.models.scenarios import Played
from barberlab.reports import pen, prose, tables, what_if
from barberlab.reports.blocks import Block, Figure, Headline, Key, KeyFigure, KeyFigures, Notice
from barberlab.reports.blocks import NotAvailable as Box

NAME = "What-if"
ALL = ""  # the place of a lever that moves every shop one sees
_SEED = 0
_MONTHS_SHOWN = 12
_BESIDE = (
    Key("as foreseen, 8 in 10", "ref80"),
    Key("with the change", "accent", "line"),
    Key("its 8 in 10", "ink", "outline"),
)
_CHAIRS_NEED = "chairs of each shop (table 2, locations) and chair time (table 9, shifts)"


@dataclass(frozen=True)
class Slider:
    """A control: whole numbers from `low` to `high`; 0 changes nothing."""

    name: str
    low: int
    high: int

    def check(self, value: object) -> int:
        """The value itself, if the control can stand there; raises BadInput: a browser may send anything."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise BadInput(f"{self.name}: must be a whole number from {self.low} to {self.high}")
        return value


SLIDERS: Mapping[str, Slider] = {
    "price": Slider("Price, change in %", -20, 30),
    "chairs": Slider("More chairs in each shop", 0, 3),
    "hours": Slider("Opening hours, change in %", -30, 30),
    "barber": Slider("A barber leaves with % of revenue", 0, 40),
    "campaign": Slider("Campaign, weekly send-outs", 0, 8),
}


@dataclass(frozen=True)
class Setting:
    """Where each control stands. Raises BadInput for a place beyond its ends."""

    price: int = 0
    chairs: int = 0
    hours: int = 0
    barber: int = 0
    campaign: int = 0

    def __post_init__(self):
        for name, slider in SLIDERS.items():
            slider.check(getattr(self, name))

    def alike(self) -> list[scenarios.Lever]:
        """The levers that change every shop by the same factor."""
        made = (
            (self.price, lambda: scenarios.Price(self.price / 100)),
            (self.hours, lambda: scenarios.OpeningHours(self.hours / 100)),
            (self.barber, lambda: scenarios.LostBarber(self.barber / 100)),
            (self.campaign, lambda: scenarios.Campaign([1.0] * self.campaign)),
        )
        return [lever() for moved, lever in made if moved]


@dataclass(frozen=True, eq=False)
class Base:
    """What the levers move: months ahead of the shops that are shown.

    known: location_id, period, value: their months before those, counted. names: by id. rooms: location_id, chairs and
    capacity [minor units a week with every hour sold], of the shops for which both are known.
    """

    ahead: Ahead
    known: pd.DataFrame
    names: Mapping[str, str]
    currency: str
    rooms: pd.DataFrame

    @cached_property
    def _summed(self) -> dict[tuple[str, int], np.ndarray]:
        return {}

    @cached_property
    def _places(self) -> dict[str, Ahead]:
        return {}

    def at(self, shop: str) -> Ahead:
        """The months of one shop, or of ALL; raises BadInput for one that is not among them."""
        if shop != ALL and shop not in self.ahead.location:
            raise BadInput(f"{NAME}: there is no such shop among those one sees")
        if shop not in self._places:
            self._places[shop] = self.ahead if shop == ALL else self.ahead.of([shop])
        return self._places[shop]

    def counted(self, shop: str) -> list[tuple[pd.Timestamp, float]]:
        """The last months of one shop, or of ALL together, before those ahead."""
        own = self.known if shop == ALL else self.known[self.known["location_id"] == shop]
        sums = own.groupby("period")["value"].sum().astype(float).tail(_MONTHS_SHOWN)
        return [(pd.Timestamp(month), value) for month, value in sums.items()]

    def more_chairs(self, shop: str, more: int) -> list[scenarios.Lever]:
        """The lever of chairs at `shop` or ALL; none where no shop's are known. Those without stay as they are."""
        here = self.at(shop).location
        rooms = self.rooms.set_index("location_id").reindex(here)
        known = rooms["chairs"].notna().to_numpy()
        if not more or not known.any():
            return []
        chairs, capacity = (rooms[name].fillna(1.0).to_numpy(float) for name in ("chairs", "capacity"))
        return [scenarios.MoreChairs(chairs, capacity, more, shops=known)]

    def play(self, shop: str, setting: Setting) -> Played:
        """The months (1, M, S) of what is shown at `shop` or ALL, with all levers that were moved."""
        here, chairs = self.at(shop), self.more_chairs(shop, setting.chairs)
        key = (shop, setting.chairs)
        if key not in self._summed:
            self._summed[key] = scenario_months.summed(here, chairs, _SEED)
        return scenario_months.finish(here, self._summed[key], chairs, setting.alike(), _SEED)


def base(ahead: Ahead, months: pd.DataFrame, shops: pd.DataFrame, locations: pd.DataFrame, days: int) -> Base:
    """The base case of the shops for which there are draws.

    months: location_id, period, value; attrs metric, needs, currency. shops: location_id, metric, value over the last
    `days` days (`lab.compare`). locations: location_id, name, chairs. All are as a run of the shop report keeps them.
    Raises NotAvailable where there is no money in the data, or no month ahead of a shop that is shown.
    """
    if months.attrs["metric"] != "net_service_revenue" or months.attrs["needs"]:
        raise NotAvailable(NAME, months.attrs["needs"] or "prices and payments")
    if not len(ahead.location):
        raise NotAvailable(NAME, "a forecast of at least one shop that one may see")
    own = months[months["location_id"].isin(ahead.location) & (months["period"] < pd.Timestamp(ahead.starts[0]))]
    names = dict(zip(locations["location_id"], locations["name"].fillna(locations["location_id"]), strict=True))
    named = {shop: str(names.get(shop, shop)) for shop in ahead.location.tolist()}
    return Base(ahead, own.dropna(subset=["value"]), named, months.attrs["currency"], _rooms(shops, locations, days))


def _rooms(shops: pd.DataFrame, locations: pd.DataFrame, days: int) -> pd.DataFrame:
    """What today's chairs would take in a week with every hour sold: what they took, over the share that was sold."""
    frame = shops.pivot(index="location_id", columns="metric", values="value")
    frame = frame.reindex(columns=["net_service_revenue", "utilisation"]).astype(float)
    known = locations.set_index("location_id")["chairs"].astype(float)
    sold = frame["utilisation"].where(frame["utilisation"] > 0)
    found = pd.DataFrame({"chairs": known, "capacity": frame["net_service_revenue"] / sold / days * 7})
    return found[(found > 0).all(axis=1)].reset_index(names="location_id")


@dataclass(frozen=True)
class Heading(Block):
    """What stands over a part of the answer."""

    words: str

    @property
    def html(self) -> Markup:
        """An h2, as a page's sections have."""
        return Markup("<h2>{}</h2>").format(self.words)


def blocks(base: Base, shop: str, setting: Setting) -> list[Block]:
    """The page's answer: the sentence, the numbers, the futures, what is taken for granted, what cannot be said."""
    played = base.play(shop, setting)
    levers = [*base.more_chairs(shop, setting.chairs), *setting.alike()]
    lacking = [_no_chairs()] if setting.chairs and not base.more_chairs(shop, setting.chairs) else []
    taken = [Heading("Why so much and no more"), what_if.granted(levers)] if levers else []
    return [
        _headline(base, shop, played),
        _numbers(base, played),
        *lacking,
        Heading("The months ahead"),
        futures(base, shop, played),
        *taken,
        Notice("Revenue, before any cost.", "Nothing here is saved, sent or changed.", state="stale"),
    ]


def still(base: Base) -> Markup:
    """The page's answer before any lever was moved."""
    return Markup("\n").join(block.html for block in blocks(base, ALL, Setting()))


def _no_chairs() -> Block:
    return Box("More chairs", _CHAIRS_NEED)


def _whose(base: Base, shop: str) -> str:
    if shop != ALL:
        return base.names[shop]
    return prose.plural(len(base.ahead.location), "shop") if len(base.names) > 1 else next(iter(base.names.values()))


def _span(base: Base) -> str:
    months = base.ahead.starts
    first, last = pd.Timestamp(months[0]), pd.Timestamp(months[-1])
    return f"{prose.month(first)} to {prose.month(last)}" if len(months) > 1 else prose.month(first)


def _counted(base: Base) -> str:
    months = base.known["period"]
    return f"counted to {prose.month(months.max())}" if len(months) else "nothing counted yet"


def _is_still(played: Played) -> bool:
    return not played.difference.any()


def _headline(base: Base, shop: str, played: Played) -> Headline:
    eyebrow = f"What if · {_whose(base, shop)} · {_counted(base)}"
    futures = prose.count(played.paths.shape[-1])
    paired = f"The same {futures} simulated futures with and without it, {_span(base)}."
    if _is_still(played):
        return Headline("Nothing would change", f"Move a lever to see what it would do. {paired}", eyebrow=eyebrow)
    low, middle, high = played.total(EIGHT_IN_TEN)
    form = prose.Money(base.currency)
    said, p = prose.span(low, high, form, "prose"), played.chance_of_gain()
    words = f"{played.words[:1].upper()}{played.words[1:]}."
    if max(p, 1 - p) < prose.COULD_BE_CHANCE:
        title = "It could bring more or less"
    else:
        amount = prose.estimate(abs(middle), *sorted((abs(low), abs(high))), form).value
        title = f"It would bring {amount} {'more' if middle > 0 else 'less'}"
    return Headline(title, f"{words} 8 in 10: {said}. {paired}", eyebrow=eyebrow)


def _numbers(base: Base, played: Played) -> KeyFigures:
    form, (low, middle, high) = prose.Money(base.currency), played.total(EIGHT_IN_TEN)
    still = _is_still(played)
    effect = ("no lever moved",) if still else prose.estimate(middle, low, high, form)
    before, after = ((played.paths - part).sum(axis=(0, 1)) for part in (played.difference, 0.0))
    return KeyFigures(
        (
            KeyFigure(
                "Effect", form(0) if still else effect.value, sub="no lever moved" if still else effect.eight_in_ten
            ),
            KeyFigure("Chance it brings more", prose.MISSING if still else prose.chance(played.chance_of_gain())),
            _total("As foreseen", before, form),
            _total("With the change", after, form),
        )
    )


def _total(label: str, draws: np.ndarray, form: prose.Format) -> KeyFigure:
    found = described(draws)
    said = prose.estimate(*(float(found[end]) for end in ("mid", "low80", "high80")), form)
    return KeyFigure(label, said.value, sub=said.eight_in_ten)


def futures(base: Base, shop: str, played: Played) -> Figure:
    """The months as foreseen and as they would be, on one scale."""
    form, months = prose.Money(base.currency), pd.DatetimeIndex(base.ahead.starts)
    plan, would = (
        pd.DataFrame({"period": months} | described(draws[0]))
        for draws in (played.paths - played.difference, played.paths)
    )
    known = base.counted(shop)
    still, last = _is_still(played), would.iloc[-1]
    low, high = form(last["low80"]), form(last["high80"])
    said = f"{prose.month(months[-1])}: {form(last['mid'])}, 8 in 10 from {low} to {high}; "
    said += f"as foreseen {form(plan['mid'].iloc[-1])}."

    def draw(slug: str, width: int):
        what = f"Revenue by month, {_whose(base, shop)}"
        return pen.fan(
            known, plan, form, slug=slug, width=width, what=what, said=said, scenario=None if still else would
        )

    wide, phone = pen.drawings(draw, "what-if")
    subtitle = f"Revenue by month, {_whose(base, shop)}, {base.currency}. Ink: counted. "
    return Figure(
        slug="what-if", title="What is foreseen, month by month" if still else "With the change and without it",
        subtitle=subtitle, wide=wide, phone=phone, alt=said, key=pen.KEY if still else _BESIDE,
        numbers=_table(plan, would), columns=_columns(form),
    )  # fmt: skip


def _table(plan: pd.DataFrame, would: pd.DataFrame) -> pd.DataFrame:
    named = {"mid": "plan", "low80": "plan_low", "high80": "plan_high"}
    return plan[["period", *named]].rename(columns=named).assign(
        would=would["mid"], would_low=would["low80"], would_high=would["high80"]
    )  # fmt: skip


def _columns(form: prose.Format) -> tuple[tables.Column, ...]:
    def three(name: str, heading: str):
        return (
            tables.Column(name, heading, form.table),
            tables.Column(f"{name}_low", "8 in 10", form.table, unit="from", secondary=True),
            tables.Column(f"{name}_high", "8 in 10", form.table, unit="to", secondary=True),
        )

    month = tables.Column("period", "Month", prose.month, right=False)
    return (month, *three("plan", "As foreseen"), *three("would", "With the change"))
