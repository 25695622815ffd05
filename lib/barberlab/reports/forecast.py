"""What will the network take? The words, tables and the fan of the revenue report, from draws that are there.

Where nothing can be foreseen, `found` is the dashed box that says why, and every block here hands it on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from barberlab import errors
from barberlab.data.calendar import weekly_holidays
from barberlab.models import futures
from barberlab.models.futures import NETWORK, Futures
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.population import Population
from barberlab.models.posterior import LARGEST_R_HAT, LEAST_ESS, RUNAWAY_SD
from barberlab.models.revenue import NEW_WEEKS
from barberlab.reports import fans, marks, panels, prose, tables
from barberlab.reports.blocks import Block, FiveLines, Headline, NotAvailable, Paragraph, TableBlock, slug

MONTHS_SHOWN = 24
MONTHS_BESIDE = 12  # in the small figure of a shop
MOST_SHOPS = 40
MOST_YOUNG = 5  # shops whose borrowed parts are told one by one

type Found = Futures | NotAvailable


def foresee(
    weekly: pd.DataFrame,
    facts: Mapping[str, Any],
    since: date,
    today: date,
    population: Population,
    horizon: int,
    opening: Collection[str] = (),
) -> Found:
    """The futures of the network whose weekly revenue by shop `lab.metric` gave; else the box that says what it needs.

    facts, since, today: of the lab. Public holidays of the network's country are taken as known. opening: shops that
    may still be without a whole week of trade, as `just_opened` gives them.
    """
    if weekly.attrs.get("needs"):
        return NotAvailable(futures.FORECAST, weekly.attrs["needs"])
    try:
        panel = futures.panel_of(weekly, facts["network"], since, today, _holidays(facts), horizon, opening)
        return futures.foresee(panel, horizon, population, opening=opening)
    except errors.NotAvailable as error:
        return NotAvailable.of(error)


def just_opened(locations: pd.DataFrame, today: date) -> list[str]:
    """Shops of the table `locations` that opened within the last eight weeks and have not closed."""
    day = pd.Timestamp(today)
    opened, closed = (pd.to_datetime(locations[name]) for name in ("opened_on", "closed_on"))
    of_late = (opened <= day) & (opened > day - pd.Timedelta(weeks=futures.SHUT_WEEKS)) & closed.isna()
    return locations["location_id"][of_late].tolist()


def _holidays(facts: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray] | None:
    country = facts.get("country")
    return (lambda weeks: weekly_holidays(country, weeks)) if country else None


def weeks_table(found: Found) -> pd.DataFrame:
    """What is kept of a forecast to judge it by later: `Futures.by_week` with the day on which it was made."""
    if isinstance(found, NotAvailable):
        return pd.DataFrame(columns=["location_id", "period", "mid", *fans.ENDS, "made_on"])
    return found.by_week().assign(made_on=pd.Timestamp(found.last_known))


def totals_table(found: Found) -> pd.DataFrame:
    """What is kept of each shop's total, and of all shops' as location_id "": see `Futures.totals`."""
    if isinstance(found, NotAvailable):
        return pd.DataFrame(columns=["location_id", "mid", *fans.ENDS, "before", "p_more", "borrowed", "made_on"])
    return found.totals().assign(made_on=pd.Timestamp(found.last_known))


def result(found: Found, horizon: int) -> dict[str, Any]:
    """The horizon's total of all shops as `runs.keep_result` takes it: minor units, 80 and 95 %."""
    name = f"revenue_next_{horizon}_weeks"
    if isinstance(found, NotAvailable):
        return {"name": name, "value": None, "unit": "cents", "note": f"needs {found.needs}"}
    line = found.totals().iloc[0]
    ends = {end: round(line[end]) for end in ("low80", "high80", "low95", "high95")}
    return {"name": name, "value": round(line["mid"]), "unit": "cents", "as_of": found.last_known.isoformat()} | ends


def monthly_draws(found: Found, daily: pd.DataFrame) -> xr.Dataset | None:
    """Joint draws of whole months, float32 over (chain, draw, location, month), for the totals of any set of shops."""
    if isinstance(found, NotAvailable):
        return None
    months, draws = found.monthly(daily)
    values = np.moveaxis(draws, -1, 0)[None].astype(np.float32)
    coordinates = {"location": found.location.astype(object), "month": months.strftime("%Y-%m-%d").to_numpy(object)}
    return xr.Dataset({"revenue": (("chain", "draw", "location", "month"), values)}, coordinates)


def opening(found: Found, currency: str, name: str) -> Headline:
    """The page's answer: the half year's total with its 8 in 10, and whether it beats the year before."""
    eyebrow = f"Revenue forecast · {name}"
    if isinstance(found, NotAvailable):
        lede = f"It needs {found.needs}. This page fills by itself when the data hold that."
        return Headline("There is no forecast yet", lede, eyebrow=eyebrow)
    line = found.totals().iloc[0]
    months, weeks = _months(len(found.weeks)), len(found.weeks)
    said = prose.span(line["low80"], line["high80"], prose.Money(currency), "prose")
    lede = (
        f"Service revenue of {prose.plural(len(found.location), 'shop')} over the {weeks} weeks after "
        f"{_day(found.last_known)}; 8 in 10 simulated futures lie in that range. {_against(line, currency)}"
    )
    return Headline(f"The next {months} will likely bring {said}", lede, eyebrow=eyebrow)


def _months(weeks: int) -> str:
    number = round(weeks * 12 / 52.18)
    return f"{prose.spelled(number)} {'month' if number == 1 else 'months'}"


def _day(day: date) -> str:
    return f"{day.day} {prose.short_month(day)} {day.year}"


def _against(line: pd.Series, currency: str) -> str:
    if prose.missing(line["before"]):
        return "The same weeks a year before are not all known."
    said = prose.likely(float(line["p_more"]))
    more = "less" if said.opposite else "more"
    before = prose.money(line["before"], currency)
    return f"They will {said.words} bring {more} than the {before} of the same weeks a year before ({said.printed})."


def five_lines(found: Found, shops: Mapping[str, str], currency: str, daily: pd.DataFrame) -> Block:
    """What an executive should take along: the best month, who beats last year and who does not, what is borrowed."""
    if isinstance(found, NotAvailable):
        return found
    totals = found.totals().iloc[1:]
    lines = [_best_month(found, daily, currency), *_on_last_year(totals, shops)]
    lines.append(_borrowed(found, shops))
    if found.left_out:
        said = f"{_spelled_shops(len(found.left_out))} without trade for {futures.SHUT_WEEKS} weeks left out."
        lines.append((said, _named(found.left_out, shops)))
    return FiveLines(tuple(line for line in lines if line))


def _borrowed(found: Futures, shops: Mapping[str, str]) -> tuple[str, str] | None:
    """Who is too young for a season of its own, and who for a level; nothing where nobody is."""
    young = found.location[found.borrowed != ""]
    if not len(young):
        return None
    said = (
        f"{_spelled(len(young))} {'shop is' if len(young) == 1 else 'shops are'} too young for a season of their own."
    )
    new = found.location[found.panel.history < NEW_WEEKS]
    level = f" With under {NEW_WEEKS} weeks of trade, the level of {_named(new, shops)[:-1]} is the network's too."
    rest = "What is borrowed stands under the table of shops; their ranges are wider."
    return said, f"{_named(young, shops)}{level if len(new) else ''} {rest}"


def _best_month(found: Futures, daily: pd.DataFrame, currency: str) -> tuple[str, str] | None:
    """The month that takes most in most futures, and in how many of them; nothing where there are not two."""
    months, draws = found.monthly(daily)
    ahead = np.flatnonzero(months > pd.Timestamp(found.last_known))
    if len(ahead) < 2:
        return None
    network = draws[:, ahead].sum(axis=0, dtype=float)
    share = np.bincount(network.argmax(axis=0), minlength=len(ahead)) / network.shape[1]
    best = int(share.argmax())
    said, form = prose.likely(float(share[best])), prose.Money(currency)
    name, ends = prose.month(months[ahead[best]]), np.quantile(network[best], [0.5, *tails(EIGHT_IN_TEN)])
    if said.opposite or said.words == prose.LIKELY[-1][1]:
        return "No month ahead stands out.", f"{name} is the best in {prose.chance(float(share[best]))} of futures."
    brings = prose.estimate(*ends, form)
    rest = f"It brings {brings.value}, {brings.eight_in_ten}."
    return f"{name} will {said.words} be the best month ahead ({said.printed}).", rest


def _on_last_year(totals: pd.DataFrame, shops: Mapping[str, str]) -> list[tuple[str, str]]:
    known = totals.dropna(subset=["p_more"])
    if known.empty:
        return [("No shop can be held against last year.", "None of them traded in all of these weeks a year before.")]
    up = known[known["p_more"] >= prose.COULD_BE_CHANCE]
    down = known[known["p_more"] <= 1 - prose.COULD_BE_CHANCE]
    rest = len(known) - len(up) - len(down)
    either = f"For {'the other' if rest == 1 else f'the other {rest}'} it could be chance." if rest else ""
    return [
        (
            f"{_spelled(len(up))} of {prose.plural(len(known), 'shop')} will very likely beat last year.",
            _named(up["location_id"], shops),
        ),
        (
            f"{_spelled(len(down))} will very likely fall short of it.",
            " ".join(filter(None, (_named(down["location_id"], shops), either))),
        ),
    ]


def _spelled(n: int) -> str:
    return "None" if n == 0 else prose.spelled(n).capitalize()


def _spelled_shops(n: int) -> str:
    return f"{_spelled(n)} {'shop' if n == 1 else 'shops'}"


def _named(ids: Sequence[str], shops: Mapping[str, str], most: int = 5) -> str:
    named = sorted(shops[shop] for shop in ids)
    if not named:
        return ""
    if len(named) > most:
        return f"{', '.join(named[:most])} and {len(named) - most} more."
    return f"{prose.listed(named)}."


def by_month(found: Found, daily: pd.DataFrame, currency: str, whose: str = "all shops", shop: str = NETWORK) -> Block:
    """Known months and the fan of those ahead. daily: location_id, period (a day), value, of all shops."""
    if isinstance(found, NotAvailable):
        return found
    own = daily if shop == NETWORK else daily[daily["location_id"] == shop]
    known = _whole_months(own)
    ahead = found.by_month(daily)
    ahead = ahead[(ahead["location_id"] == shop) & (ahead["period"] > known["period"].max())]
    ahead, known = ahead.drop(columns="location_id"), known.tail(MONTHS_SHOWN)
    if ahead.empty or known.empty:
        return NotAvailable("Months ahead", "a whole month that is known and one that is foreseen")
    form, last = prose.Money(currency), ahead.iloc[-1]
    said = prose.estimate(last["mid"], last["low80"], last["high80"], form)
    return fans.fan(
        pd.concat([known, ahead], ignore_index=True),
        title=f"{prose.month(last['period'])} will likely bring {said.value}, {said.eight_in_ten}",
        subtitle=f"Service revenue by month, {whose}, {currency}. Median and ranges of {_futures(found)}.",
        form=form,
        slug=slug(f"revenue-ahead-{whose}"),
        what=f"Service revenue by month, {whose}",
    )


def shops_by_month(found: Found, daily: pd.DataFrame, shops: Mapping[str, str], currency: str) -> Block:
    """The same of each shop, of the nine that will bring most; a shop without a whole known month is left out."""
    if isinstance(found, NotAvailable):
        return found
    months, foreseen = {}, found.by_month(daily)
    order = found.totals().iloc[1:].sort_values("mid", ascending=False)["location_id"]
    for shop in order:
        known = _whole_months(daily[daily["location_id"] == shop])
        ahead = foreseen[(foreseen["location_id"] == shop) & (foreseen["period"] > known["period"].max())]
        known = known[known["value"] > 0].tail(MONTHS_BESIDE)
        if len(known) and len(ahead):
            months[shops[shop]] = pd.concat([known, ahead.drop(columns="location_id")], ignore_index=True)
    if not months:
        return NotAvailable("Months ahead of shops", "a whole month that is known and one that is foreseen")
    shown = dict(list(months.items())[: panels.MOST])
    which = "Shops" if len(shown) == len(order) else f"The {prose.spelled(len(shown))} largest of {len(order)} shops"
    return fans.fans(
        pd.concat(shown, names=["shop"]).reset_index("shop"),
        "shop",
        title="A shop's months are less sure than the network's",
        subtitle=f"{which} by revenue ahead, {currency} a month, on one scale. Above each: 8 in 10 for its last month.",
        form=prose.Money(currency),
        slug="revenue-ahead-by-shop",
        what="Service revenue by month of each shop",
    )


def _whole_months(daily: pd.DataFrame) -> pd.DataFrame:
    """Months of which every day is within the data: period, value."""
    days = daily.assign(period=pd.to_datetime(daily["period"]), value=daily["value"].astype(float))
    sums = days.groupby(days["period"].dt.to_period("M").dt.to_timestamp())["value"].sum().reset_index()
    begun = pd.Timestamp(daily.attrs["history_start"])
    return sums[(sums["period"] >= begun) & (sums["period"] + pd.offsets.MonthEnd(0) <= days["period"].max())]


def _futures(found: Futures) -> str:
    return f"{prose.count(found.paths.shape[-1])} simulated futures"


def shop_table(found: Found, shops: Mapping[str, str], currency: str, past: pd.DataFrame) -> Block:
    """Every shop's total over the horizon with its range, against the same weeks a year before, and its past error.

    past: location_id, error, naive_error, as `record.past_errors` gives them.
    """
    if isinstance(found, NotAvailable):
        return found
    frame = found.totals().iloc[1:].sort_values("mid", ascending=False)
    count, frame = len(frame), frame.head(MOST_SHOPS).merge(past, on="location_id", how="left")
    form, share = prose.Money(currency), prose.Rate(0)
    ends = list(zip(frame["mid"], frame["low80"], frame["high80"], strict=True))
    frame["shop"] = [
        _shop(shops[shop], words) for shop, words in zip(frame["location_id"], frame["borrowed"], strict=True)
    ]
    frame["foreseen"] = [prose.estimate(*three, form).value for three in ends]
    frame["range"] = [prose.span(low, high, form) for _, low, high in ends]
    frame["on_year"] = [_on_year(line) for _, line in frame.iterrows()]
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("foreseen", f"Next {len(found.weeks)} weeks", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("on_year", "On last year", right=True),
        tables.Column("error", "Past error", share, secondary=True, missing="no earlier forecast of it"),
        tables.Column("naive_error", "“As last year”", share, secondary=True, missing="no earlier forecast of it"),
    ]
    return TableBlock(
        _how_many_differ(frame), tables.table(frame, columns), subtitle=_of(count), note=_learning(frame, shops)
    )


def _shop(name: str, borrowed: str) -> marks.Mark | str:
    return marks.together(name, marks.tag("learning", "learn")) if borrowed else name


def _on_year(line: pd.Series) -> marks.Mark | str:
    if prose.missing(line["before"]):
        return "no year before"
    change, p = prose.change(line["mid"] / line["before"] - 1), line["p_more"]
    if max(p, 1 - p) < prose.COULD_BE_CHANCE:
        return marks.together("●", change)
    return marks.verdict(change, "good" if p > 0.5 else "bad", p > 0.5)


def _how_many_differ(frame: pd.DataFrame) -> str:
    """How many of the shops that are shown differ from their last year by more than chance, in a sentence."""
    known = frame["p_more"].dropna()
    real = int((np.maximum(known, 1 - known) >= prose.COULD_BE_CHANCE).sum())
    if known.empty:
        return "No shop has a year before to be held against"
    differ = "differs" if real == 1 else "differ"
    return f"{_spelled(real)} of {prose.plural(len(known), 'shop')} {differ} from last year by more than chance"


def _of(count: int) -> str:
    which = f"The {MOST_SHOPS} largest of {count}. " if count > MOST_SHOPS else ""
    return (
        f"{which}▲ ▼ very likely above or below the same weeks of last year; ● could be chance. Past error: money that "
        "earlier forecasts put into the wrong week."
    )


def _learning(frame: pd.DataFrame, shops: Mapping[str, str]) -> str:
    """What the forecasts of young shops owe to others, shop by shop while they are few."""
    young = frame[frame["borrowed"] != ""]
    if len(young) > MOST_YOUNG:
        return f"Learning: under a year of trade; the season is borrowed, under {NEW_WEEKS} weeks the level too."
    pairs = zip(young["location_id"], young["borrowed"], strict=True)
    return " ".join(["Learning.", *(f"{shops[shop]}: {words}." for shop, words in pairs)]) if len(young) else ""


def unknowable(found: Found) -> Block:
    """What no forecast here can know."""
    if isinstance(found, NotAvailable):
        return found
    return Paragraph(
        "The forecast continues what the weeks so far have shown: level, season, drift, holidays. It knows nothing of "
        "a price change, a barber's notice, a refurbishment, a competitor's opening or a recession that has not begun. "
        "Weeks in which a shop will be shut are not foreseen; a planned closure is a scenario."
    )


def how_made(found: Found, population: Population) -> Block:
    """What the model is, and where the hyperparameters come from that it starts with."""
    if isinstance(found, NotAvailable):
        return found
    return Paragraph(
        "Each shop's weekly revenue is, in its logarithm, a level, what its network's shops share and what is its own: "
        "trend, season, week of the year, holidays, pay-days, drift and passing weeks, each a Gaussian process. "
        f"What is usual for such processes comes from {population.networks} {population.source} networks with data to "
        f"{_day(date.fromisoformat(population.as_of))} (version {population.version}), of which no row is here. "
        f"{_gates(population)} {_futures(found).capitalize()} are drawn jointly for all shops; every total is a sum of "
        "the same draws."
    )


def _gates(population: Population) -> str:
    """How the sampler of those hyperparameters passed its gates, in a sentence."""
    if not population.gates:
        return "The file does not say how its sampler passed its gates."
    gates = f"R-hat under {LARGEST_R_HAT}, ESS over {LEAST_ESS}, no divergence, no scale beyond {RUNAWAY_SD:g} sd"
    return f"Its sampler passed every gate that its method has ({gates}): {'; '.join(population.gates)}."
