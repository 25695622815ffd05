"""How do some shops do together? One page for a region or an owner, made when it is asked for, without a kernel.

What was counted is added up; what is foreseen is the sum of joint draws, so that the total's range is the total's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pandas as pd

from barberlab import errors, files
from barberlab.models.intervals import described
from barberlab.models.scenario_months import Ahead
from barberlab.reports import marks, pages, pen, prose, tables
from barberlab.reports.blocks import Block, Figure, Foot, Headline, KeyFigure, KeyFigures, StatusLine, TableBlock
from barberlab.reports.blocks import NotAvailable as Box

MONTHS_SHOWN, MOST_SHOPS = 24, 40  # more shops are looked up, not read
_YEAR = 12
_REVENUE = "net_service_revenue"


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted of some shops: months (location_id, period, value; attrs metric, label, currency, needs), names
    by shop, and the last day of the data."""

    months: pd.DataFrame
    names: Mapping[str, str]
    last: date

    @cached_property
    def whole(self) -> pd.DataFrame:
        """The months that are over, of these shops."""
        over = self.months["period"] + pd.offsets.MonthEnd(0) <= pd.Timestamp(self.last)
        own = self.months["location_id"].isin(list(self.names))
        return self.months[over & own].dropna(subset=["value"]).astype({"value": float})

    @property
    def form(self) -> prose.Format:
        """How a month is printed."""
        is_money = self.months.attrs["metric"] == _REVENUE
        return prose.Money(self.months.attrs["currency"]) if is_money else prose.Count()


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Joint draws of whole months, and the last day of the data they were made from."""

    ahead: Ahead
    last: date


type Forecast = Foreseen | errors.NotAvailable


def page(title: str, counted: Counted, forecast: Forecast, network: str, facts: Sequence[str]) -> str:
    """The whole HTML page of the shops in `counted`. title: what they are called together. facts: for the page's foot.

    Shops for which there are no draws, such as closed ones, are counted and not foreseen; the table says which.
    """
    forecast = _continued(counted, forecast)
    front = [_opening(title, counted, forecast), _status(counted, forecast), _figures(counted, forecast)]
    sections = [
        pages.Section("Months so far and ahead", (_course(counted, forecast),)),
        pages.Section("Shop by shop", (_table(counted, forecast),)),
    ]
    body, contents = pages.compose(front, sections)
    home = ("./", "All pages")
    return pages.page(title, body, contents=contents, network=network, facts=facts, home=home, foot=Foot(tuple(facts)))


def _continued(counted: Counted, forecast: Forecast) -> Forecast:
    """The forecast of these shops, of the months that were not counted whole."""
    if isinstance(forecast, errors.NotAvailable):
        return forecast
    own, whole = forecast.ahead.of(list(counted.names)), counted.whole["period"]
    try:
        ahead = own if whole.empty else own.after(whole.max().date())
    except errors.NotAvailable as error:
        return error
    if not len(own.location):
        return errors.NotAvailable("Forecast", "a shop that traded lately, with half a year of weeks")
    return Foreseen(ahead, forecast.last)


def _total(counted: Counted) -> pd.Series:
    return counted.whole.groupby("period")["value"].sum()


def _opening(title: str, counted: Counted, forecast: Forecast) -> Headline:
    eyebrow, form = f"{title} · {prose.plural(len(counted.names), 'shop')}", counted.form
    total = _total(counted)
    if total.empty:
        return Headline("No whole month is known yet", eyebrow=eyebrow)
    said = f"{prose.month(total.index[-1])} brought {form(total.iloc[-1])}"
    if counted.months.attrs["metric"] != _REVENUE:
        said = f"{said} visits"
    if isinstance(forecast, errors.NotAvailable):
        return Headline(said, eyebrow=eyebrow)
    sums = described(forecast.ahead.total.sum(axis=0))
    span = prose.span(float(sums["low80"]), float(sums["high80"]), form, "prose")
    months = len(forecast.ahead.starts)
    return Headline(f"{said}; the next {_months(months)} will likely bring {span}", eyebrow=eyebrow)


def _months(number: int) -> str:
    return "month" if number == 1 else f"{prose.spelled(number)} months"


def _status(counted: Counted, forecast: Forecast) -> StatusLine:
    facts = [("", f"Counted to {prose.day(counted.last)}")]
    if not isinstance(forecast, errors.NotAvailable):
        facts.append(("", f"Foreseen from data to {prose.day(forecast.last)}"))
    return StatusLine(tuple(facts))


def _figures(counted: Counted, forecast: Forecast) -> KeyFigures:
    total, form = _total(counted), counted.form
    figures = []
    if len(total):
        figures.append(KeyFigure(prose.month(total.index[-1]), form(total.iloc[-1]), sub="counted"))
    if len(total) >= _YEAR:
        figures.append(KeyFigure("The last twelve months", form(total.tail(_YEAR).sum()), sub="counted"))
    if not isinstance(forecast, errors.NotAvailable):
        label = f"The next {_months(len(forecast.ahead.starts))}"
        said = _estimate(forecast.ahead, form)
        figures.append(KeyFigure(label, said.value, sub=said.eight_in_ten))
    return KeyFigures(tuple(figures))


def _estimate(ahead: Ahead, form: prose.Format, style: str = "prose") -> prose.Estimate:
    """The total of all these shops and months: of each draw the sum, and of the sums the range."""
    found = described(ahead.total.sum(axis=0))
    return prose.estimate(*(float(found[end]) for end in ("mid", "low80", "high80")), form, style)


def _course(counted: Counted, forecast: Forecast) -> Block:
    if isinstance(forecast, errors.NotAvailable):
        return Box.of(forecast)
    form, months = counted.form, pd.DatetimeIndex(forecast.ahead.starts)
    ahead = pd.DataFrame({"period": months} | described(forecast.ahead.total))
    known = _joined(_total(counted), months[0])
    last, many = ahead.iloc[-1], prose.plural(len(counted.names), "shop")
    said = (
        f"{prose.month(months[-1])}: {form(last['mid'])}, 8 in 10 from {form(last['low80'])} to {form(last['high80'])}."
    )

    def draw(slug: str, width: int):
        shown = known if width == pen.WIDE else known[-_YEAR:]
        return pen.fan(shown, ahead, form, slug=slug, width=width, what=f"Revenue by month, {many}", said=said)

    wide, phone = pen.drawings(draw, "together")
    subtitle = (
        f"Revenue by month, {many}, {counted.months.attrs['currency']}. Ink: counted to {prose.day(counted.last)}. "
        f"The fan: foreseen from data to {prose.day(forecast.last)}."
    )
    return Figure(
        slug="together", title=f"{prose.month(months[-1])} will likely bring {form(last['mid'])}", subtitle=subtitle,
        wide=wide, phone=phone, alt=said, key=pen.KEY, numbers=ahead, columns=_columns(form),
    )  # fmt: skip


def _joined(total: pd.Series, first: pd.Timestamp) -> list[tuple[pd.Timestamp, float]]:
    """The last months, if the forecast goes on where they end; a line across a gap would be an invention."""
    if total.empty or total.index[-1] + pd.offsets.MonthBegin(1) != first:
        return []
    return [(pd.Timestamp(month), float(value)) for month, value in total.tail(MONTHS_SHOWN).items()]


def _columns(form: prose.Format) -> tuple[tables.Column, ...]:
    ends = [("80", "8 in 10", False), ("95", "19 in 20", True)]
    return (
        tables.Column("period", "Month", prose.month, right=False),
        tables.Column("mid", "Foreseen", form.table),
        *(
            tables.Column(f"{side}{name}", words, form.table, unit=unit, secondary=secondary)
            for name, words, secondary in ends
            for side, unit in (("low", "from"), ("high", "to"))
        ),
    )


def _table(counted: Counted, forecast: Forecast) -> TableBlock:
    """Every shop's last month and its months ahead, and all together."""
    now = _now(counted)
    largest = now.sort_values("now", ascending=False)["location_id"].tolist()
    order = [*largest, *(shop for shop in counted.names if shop not in set(largest))][:MOST_SHOPS]
    names = sorted(((shop, counted.names[shop]) for shop in order), key=lambda item: item[1])
    frame = pd.DataFrame(
        {
            "location_id": [shop for shop, _ in names],
            "shop": [marks.link(name, f"shop/{href(shop)}") for shop, name in names],
        }
    )
    frame = frame.merge(now, on="location_id", how="left").merge(_ahead(counted, forecast, order), how="left")
    if len(names) > 1:
        frame.loc[len(frame)] = _all_together(counted, forecast)
    form = counted.form
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("now", "Last month", form.table, missing="not traded"),
        tables.Column("before", "A year before", form.table, secondary=True, missing="not known"),
        tables.Column("mid", "Months ahead", right=True, missing="not foreseen"),
        tables.Column("range", "8 in 10", right=True, missing="not foreseen"),
    ]
    note = "Chance that is each shop's own evens out: the range of all together is its own, and no sum of theirs."
    many = len(counted.names)
    which = f"The {MOST_SHOPS} largest of {many}; the list of pages has them all. " if many > MOST_SHOPS else ""
    subtitle = f"{which}Counted to {prose.day(counted.last)}."
    if not isinstance(forecast, errors.NotAvailable):
        starts = forecast.ahead.starts
        span = f"{prose.month(pd.Timestamp(starts[0]))} to {prose.month(pd.Timestamp(starts[-1]))}"
        subtitle += f" Ahead: {span}, from data to {prose.day(forecast.last)}."
    title = f"{prose.plural(len(names), 'shop')}, a line each"
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle, note=note)


def _now(counted: Counted) -> pd.DataFrame:
    """location_id, now and before: the last whole month of each shop, and the same a year before."""
    grid = counted.whole.pivot(index="location_id", columns="period", values="value")
    month = grid.columns.max()
    columns = {"now": month, "before": month - pd.DateOffset(years=1)}
    return grid.reindex(columns=list(columns.values())).set_axis(list(columns), axis=1).reset_index()


def _ahead(counted: Counted, forecast: Forecast, shops: Sequence[str]) -> pd.DataFrame:
    """location_id, mid and range: all months ahead of each of `shops` that is foreseen."""
    if isinstance(forecast, errors.NotAvailable):
        return pd.DataFrame(columns=["location_id", "mid", "range"])
    ahead = forecast.ahead.of(shops)
    found = described(ahead.draws.sum(axis=1, dtype=float))
    ends = zip(*(found[end].tolist() for end in ("mid", "low80", "high80")), strict=True)
    said = [_printed(prose.estimate(*three, counted.form, "table")) for three in ends]
    lines = [(shop, *two) for shop, two in zip(ahead.location.tolist(), said, strict=True)]
    return pd.DataFrame(lines, columns=["location_id", "mid", "range"])


def _all_together(counted: Counted, forecast: Forecast) -> dict[str, object]:
    total = _total(counted)
    month = total.index.max()
    line = {"location_id": "", "shop": "All together", "mid": None, "range": None}
    line |= {"now": total.get(month), "before": total.get(month - pd.DateOffset(years=1))}
    if isinstance(forecast, errors.NotAvailable):
        return line
    return line | dict(zip(("mid", "range"), _printed(_estimate(forecast.ahead, counted.form, "table")), strict=True))


def _printed(said: prose.Estimate) -> tuple[str, str]:
    return said.value, said.eight_in_ten.removeprefix("8 in 10: ")


def href(shop: str) -> str:
    """Where a shop's own page lies, seen from the shop report's folder."""
    return f"shop/{files.safe_name(shop)}.html"
