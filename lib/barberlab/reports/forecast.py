"""What will the network take? The words, tables and figures of the revenue report, from draws that are already there.

Where nothing can be foreseen, `found` is the dashed box that says why, and every block here hands it on.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from barberlab import errors
from barberlab.data.calendar import weekly_holidays
from barberlab.models import drivers, outlook, scenarios, scorecard
from barberlab.models.assumptions import ASSUMED
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.models.outlook import NETWORK, Outlook
from barberlab.models.population import Population
from barberlab.reports import fans, marks, prose, tables
from barberlab.reports.blocks import Block, FiveLines, Headline, NotAvailable, Paragraph, TableBlock, slug

MONTHS_SHOWN = 24
MOST_SHOPS = 40
KEPT_ACCURACY = 0.05  # "95 % accurate" is said of a total only where every error was within it

type Found = Outlook | NotAvailable


def foresee(
    weekly: pd.DataFrame, facts: Mapping[str, Any], since: date, today: date, population: Population, horizon: int
) -> Found:
    """The outlook of the network whose weekly revenue by shop `lab.metric` gave; else the box that says what it needs.

    facts, since, today: of the lab. Public holidays of the network's country are taken as known.
    """
    try:
        panel = outlook.panel_of(weekly, facts["network"], since, today, _holidays(facts), horizon)
        return outlook.outlook(panel, horizon, population)
    except errors.NotAvailable as error:
        return NotAvailable.of(error)


def _holidays(facts: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray] | None:
    country = facts.get("country")
    return (lambda weeks: weekly_holidays(country, weeks)) if country else None


def weeks_table(found: Found) -> pd.DataFrame:
    """What is kept of a forecast to judge it by later: `Outlook.by_week` with the day on which it was made."""
    if isinstance(found, NotAvailable):
        return pd.DataFrame(columns=["location_id", "period", "mid", *fans.ENDS, "made_on"])
    return found.by_week().assign(made_on=pd.Timestamp(found.last_known))


def totals_table(found: Found) -> pd.DataFrame:
    """What is kept of each shop's total, and of all shops' as location_id "": see `Outlook.totals`."""
    if isinstance(found, NotAvailable):
        return pd.DataFrame(columns=["location_id", "mid", *fans.ENDS, "before", "p_more", "borrowed"])
    return found.totals()


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
        return Headline("There is no forecast yet", f"{found.name}: needs {found.needs}.", eyebrow=eyebrow)
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


def five_lines(found: Found, shops: Mapping[str, str]) -> Block:
    """What an executive should take along: the total, the months, who leads and lags, what is borrowed."""
    if isinstance(found, NotAvailable):
        return found
    totals = found.totals().iloc[1:]
    known = totals.dropna(subset=["p_more"])
    sure = known[np.maximum(known["p_more"], 1 - known["p_more"]) >= prose.COULD_BE_CHANCE]
    up, down = (sure[sure["p_more"] > 0.5], sure[sure["p_more"] <= 0.5])
    lines = [
        (
            f"{_spelled(len(up))} of {prose.plural(len(known), 'shop')} will very likely beat last year.",
            _named(up["location_id"], shops),
        ),
        (
            f"{_spelled(len(down))} will very likely fall short of it.",
            _named(down["location_id"], shops) or "For the rest it could go either way.",
        ),
    ]
    borrowed = totals[totals["borrowed"] != ""]
    if len(borrowed):
        said = f"{_spelled(len(borrowed))} shops are too young to have a season of their own."
        lines.append(
            (said, f"{_named(borrowed['location_id'], shops)} Theirs is the network's, and the range is wider.")
        )
    if found.left_out:
        said = f"{prose.plural(len(found.left_out), 'shop')} without trade for {outlook.SHUT_WEEKS} weeks left out."
        lines.append((said, _named(found.left_out, shops)))
    return FiveLines(tuple(lines))


def _spelled(n: int) -> str:
    return prose.spelled(n).capitalize()


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
    form, last = prose.Money(currency), ahead.iloc[-1]
    title = f"{form(last['mid'])} in {prose.month(last['period'])}, give or take: 8 in 10 lie in "
    return fans.fan(
        pd.concat([known, ahead], ignore_index=True),
        title=title + prose.span(last["low80"], last["high80"], form, "prose"),
        subtitle=f"Service revenue by month, {whose}, {currency}. Median and ranges of {_futures(found)}.",
        form=form,
        slug=slug(f"revenue-ahead-{whose}"),
        what=f"Service revenue by month, {whose}",
    )


def _whole_months(daily: pd.DataFrame) -> pd.DataFrame:
    """Months of which every day is within the data: period, value."""
    days = daily.assign(period=pd.to_datetime(daily["period"]), value=daily["value"].astype(float))
    sums = days.groupby(days["period"].dt.to_period("M").dt.to_timestamp())["value"].sum().reset_index()
    begun = pd.Timestamp(daily.attrs["history_start"])
    return sums[(sums["period"] >= begun) & (sums["period"] + pd.offsets.MonthEnd(0) <= days["period"].max())]


def _futures(found: Outlook) -> str:
    return f"{prose.count(found.paths.shape[-1])} simulated futures"


def shop_table(found: Found, shops: Mapping[str, str], currency: str) -> Block:
    """Every shop's total over the horizon with its range, against the same weeks a year before."""
    if isinstance(found, NotAvailable):
        return found
    frame = found.totals().iloc[1:].sort_values("mid", ascending=False)
    count, frame = len(frame), frame.head(MOST_SHOPS)
    form = prose.Money(currency)
    frame["shop"] = [shops[shop] for shop in frame["location_id"]]
    frame["range"] = [prose.span(a, b, form) for a, b in zip(frame["low80"], frame["high80"], strict=True)]
    frame["on_year"] = [_on_year(line) for _, line in frame.iterrows()]
    frame["whose"] = [marks.tag("learning", "learn") if words else "" for words in frame["borrowed"]]
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("mid", f"Next {len(found.weeks)} weeks", form.table),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("on_year", "On last year", right=True),
        tables.Column("whose", "", secondary=True),
    ]
    which = f"The {MOST_SHOPS} largest of {count}. " if count > MOST_SHOPS else ""
    subtitle = f"{which}▲ ▼ very likely above or below the same weeks of last year; ● could be chance."
    note = "Learning: under a year of trade; the season is the network's." if (frame["borrowed"] != "").any() else ""
    return TableBlock("Every shop", tables.table(frame, columns), subtitle=subtitle, note=note)


def _on_year(line: pd.Series) -> marks.Mark | str:
    if prose.missing(line["before"]):
        return "no year before"
    change, p = line["mid"] / line["before"] - 1, line["p_more"]
    if max(p, 1 - p) < prose.COULD_BE_CHANCE:
        return f"● {prose.change(change)}"
    return marks.verdict(prose.change(change), "good" if p > 0.5 else "bad", p > 0.5)


def usual_levers(found: Found) -> list[scenarios.Lever]:
    """What owners ask about first. Shares and closures are of all shops alike; a dashboard asks of one."""
    if isinstance(found, NotAvailable):
        return []
    once = [1.0] + [0.0] * (len(found.weeks) - 1)
    return [
        scenarios.Price(0.05),
        scenarios.OpeningHours(0.10),
        scenarios.Campaign(once),
        scenarios.LostBarber(0.10),
        scenarios.Closure(1),
    ]


def what_if(found: Found, levers: Sequence[scenarios.Lever], currency: str, seed: int = 0) -> Block:
    """The paired effect of each lever on the horizon's revenue of all shops, each played alone."""
    if isinstance(found, NotAvailable):
        return found
    played = [scenarios.play(found.paths.astype(float), lever, seed) for lever in levers]
    form = prose.Money(currency)
    rows = []
    for one in played:
        low, middle, high = one.total(EIGHT_IN_TEN)
        chance = prose.chance(one.chance_of_gain())
        rows.append((one.words.capitalize(), middle, prose.span(low, high, form), chance))
    frame = pd.DataFrame(rows, columns=["change", "effect", "range", "chance"])
    columns = [
        tables.Column("change", "What changes"),
        tables.Column("effect", "Effect on revenue", form),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("chance", "Chance it brings more", right=True, secondary=True),
    ]
    subtitle = f"Each played alone on the same {_futures(found)}, against the same futures without it."
    return TableBlock("What if", tables.table(frame, columns), subtitle=subtitle, note="Revenue, before any cost.")


def assumptions(levers: Sequence[scenarios.Lever]) -> Block:
    """What each scenario rests on: the number, how sure, who says so."""
    found = {one.name: one for lever in levers for one in lever.assumptions}
    rows = [
        (
            one.name.capitalize(),
            one.about,
            f"{one.mean:g} ± {one.sd:g}",
            marks.tag(one.standing, "stale" if one.standing == ASSUMED else "good"),
            one.source,
        )
        for one in found.values()
    ]
    frame = pd.DataFrame(rows, columns=["name", "about", "value", "standing", "source"])
    columns = [
        tables.Column("name", "Assumption"),
        tables.Column("about", "What it is", secondary=True),
        tables.Column("value", "Mean, sd", right=True),
        tables.Column("standing", ""),
        tables.Column("source", "Who says so", secondary=True),
    ]
    return TableBlock("What these scenarios take for granted", tables.table(frame, columns))


def driver_table(found: Found, currency: str) -> Block:
    """The last quarter's change on the same weeks of last year, in parts that add up to it."""
    if isinstance(found, NotAvailable):
        return found
    try:
        parts = drivers.drivers(found.panel)
    except errors.NotAvailable as error:
        return NotAvailable.of(error)
    form = prose.Money(currency)
    frame = pd.DataFrame(_driver_rows(parts, form), columns=["part", "change", "range"])
    columns = [
        tables.Column("part", "What changed"),
        tables.Column("change", "On last year", form),
        tables.Column("range", "8 in 10", right=True),
    ]
    total = parts.now - parts.before
    title = f"{prose.change(total / parts.before)} on the same {parts.weeks} weeks of last year, {form(total)}"
    subtitle = (
        f"From {form(parts.before)} to {form(parts.now)}. The same weeks of both years, so the season is the same."
    )
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle)


def _driver_rows(parts: drivers.Drivers, form: prose.Format) -> list[tuple[str, float, str]]:
    counted = [("Shops that opened", parts.new), ("Shops that closed", parts.closed), ("Weeks shut", parts.shut)]
    estimated = [("Holidays that moved", parts.calendar), ("Shops of both years, else", parts.trend)]
    rows = [(name, money, "counted") for name, money in counted]
    for name, draws in estimated:
        low, middle, high = np.quantile(draws, [tails(EIGHT_IN_TEN)[0], 0.5, tails(EIGHT_IN_TEN)[1]])
        rows.append((name, middle, prose.span(low, high, form) if low < high else "none moved"))
    return rows


def track_record(judged: pd.DataFrame, horizon: int, currency: str) -> Block:
    """How earlier forecasts of all shops' total fared, beside SeasonalNaive's; a box where none is old enough."""
    if judged.empty:
        return _no_record(horizon)
    sums = scorecard.totals(judged, horizon)
    if sums.empty:
        return _no_record(horizon)
    form = prose.Money(currency)
    columns = [
        tables.Column("made_on", "Known to", lambda day: _day(day.date()), right=False),
        tables.Column("mid", "Foreseen", form),
        tables.Column("actual", "Came", form),
        tables.Column("error", "Error", prose.change),
        tables.Column("naive_error", "Error of “as last year”", prose.change, secondary=True),
    ]
    note = f"Forecasts {judged['kind'].iloc[0]}: from the weeks that were known on that day, by the same code."
    return TableBlock(_kept(sums), tables.table(sums, columns), subtitle=f"Total of {horizon} weeks.", note=note)


def _kept(sums: pd.DataFrame) -> str:
    """The record in a sentence; 95 % is said only where each forecast was that near."""
    error, plain = sums["error"].abs(), sums["naive_error"].abs()
    often = prose.plural(len(sums), "forecast")
    if (error <= KEPT_ACCURACY).all():
        return f"All {often} of the total came within 5%; “as last year” was off by {prose.Rate(1)(plain.mean())}"
    mean = prose.Rate(1)(error.mean())
    return f"{often} of the total were off by {mean} on average; “as last year” by {prose.Rate(1)(plain.mean())}"


def ranges_kept(judged: pd.DataFrame, horizon: int) -> Block:
    """Of the weeks foreseen for shops, how many lay in their ranges, by third of the horizon."""
    if judged.empty:
        return _no_record(horizon)
    frame = scorecard.by_third(judged, horizon)
    share = prose.Rate(0)
    columns = [
        tables.Column("third", "Horizon"),
        tables.Column("n", "Weeks judged", prose.count, secondary=True),
        tables.Column("held80", "In 8 in 10", share),
        tables.Column("held95", "In 19 in 20", share),
        tables.Column("error", "Error", prose.Rate(1)),
        tables.Column("naive_error", "“As last year”", prose.Rate(1), secondary=True),
    ]
    held = frame["held80"].to_numpy() @ frame["n"].to_numpy() / frame["n"].sum()
    title = f"{share(held)} of shops' weeks lay in ranges that promised 80%"
    subtitle = "Error: money foreseen in the wrong week and shop, over all that was taken."
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle)


def _no_record(horizon: int) -> NotAvailable:
    return NotAvailable("Track record", f"{horizon} weeks of trade after half a year of history")


def judged(found: Found, population: Population) -> pd.DataFrame:
    """Forecasts made again at up to three earlier moments and what came; empty where the history is too short."""
    if isinstance(found, NotAvailable):
        return pd.DataFrame()
    horizon, panel = len(found.weeks), found.panel
    origins = scorecard.last_origins(len(panel.weeks), horizon, 2 * 52)
    if not origins:
        return pd.DataFrame()
    return scorecard.with_actual(scorecard.remade(panel, horizon, population, origins), panel)


def unknowable(found: Found) -> Block:
    """What no forecast here can know."""
    if isinstance(found, NotAvailable):
        return found
    return Paragraph(
        "The forecast continues what the weeks so far have shown: level, season, drift, holidays. It knows nothing of "
        "a price change, a barber's notice, a refurbishment, a competitor's opening or a recession that has not begun. "
        "Weeks in which a shop will be shut are not foreseen; a planned closure is a scenario."
    )
