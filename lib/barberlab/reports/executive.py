"""How is the network doing, in two minutes? The words of the executive page: its trust, its answer, its key figures.

Everything is read off what the reports' runs left. A headline is chosen by rule from ranges and chances, and claims no
more than they carry; what is missing is passed over here and named on the card that would show it.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd

from barberlab import errors
from barberlab.data.moments import last_day
from barberlab.models import rates
from barberlab.reports import measures, prose, trust
from barberlab.reports.blocks import Headline, KeyFigure, KeyFigures, StatusLine, Verdict
from barberlab.reports.compared import verdict
from barberlab.reports.left import Everything
from barberlab.reports.measures import Names, form, judged, label, main_measure, row

GAP = "revenue_per_available_hour"  # what a shop is compared by first
RETURN = "retention_42"


def told[T](make: Callable[[], T], otherwise: T) -> T:
    """What `make` gives, or `otherwise` where something it reads is not available."""
    try:
        return make()
    except errors.NotAvailable:
        return otherwise


def names(found: Everything) -> Names:
    """The trading name of each shop by its id; the id itself where no run has left the names."""
    for report in ("performance", "shop"):
        if known := told(lambda report=report: measures.names(found.table(report, "locations")), Names()):
            return known
    return Names()


def facts(found: Everything) -> Mapping[str, Any]:
    """Name, currency and time zone of the network, as its newest run has them; its id alone before the first."""
    newest = max(found.runs.values(), key=lambda run: run.as_of, default=None)
    return {"name": found.network, "network": found.network, "currency": "", "timezone": "UTC", "level": ""} | (
        {} if newest is None else dict(newest.facts)
    )


def currency(found: Everything) -> str:
    """The network's currency."""
    return str(facts(found)["currency"])


def status(found: Everything) -> StatusLine:
    """May I trust this page? How far the data reach, which checks hold, which reports are older than the rest."""
    if not found.runs:
        return StatusLine((("stale", "Nothing is published yet"),))
    quality = told(lambda: found.table("performance", "quality"), None)
    own = facts(found)
    if quality is None:
        said = [("good", f"Data to {_day(found.as_of, own['timezone'])}"), ("stale", "Data checks not published")]
    else:
        said = list(trust.status(own, found.as_of, quality).facts)
    return StatusLine((*said, *(("stale", words) for words in late(found))))


def late(found: Everything) -> list[str]:
    """What is behind: each report made from older data than the newest of them."""
    newest, zone = found.as_of, facts(found)["timezone"]
    return [
        f"{name.capitalize()} report still to {_day(run.as_of, zone)}"
        for name, run in sorted(found.runs.items())
        if run.as_of < newest
    ]


def last_known(found: Everything, report: str) -> date:
    """The last local day in the data behind a report; raises NotAvailable where it was not published."""
    return last_day(found.run(report).as_of, facts(found)["timezone"])


def _day(as_of: datetime, zone: str) -> str:
    return prose.day(last_day(as_of, zone))


# The answer


def opening(found: Everything) -> Headline:
    """The page's answer in a sentence or two, and what carries it."""
    name = facts(found)["name"] or found.network
    if not found.runs:
        return Headline("Nothing is published yet", f"`barberlab run {found.network}` makes the first reports.")
    first = told(lambda: _closed(found), "There is no performance report yet")
    rest = [told(lambda: _ahead(found), ""), told(lambda: _shops(found), ""), told(lambda: _worth(found), "")]
    second = told(lambda: _differ(found), "")
    title = f"{first}. {second}." if second else f"{first}."
    return Headline(title, " ".join(filter(None, rest)), eyebrow=f"Overview · {name}")


def _closed(found: Everything) -> str:
    whole, growth = found.table("performance", "network"), found.table("performance", "growth")
    measure, span = main_measure(whole), growth.attrs
    value = form(measure, whole.attrs["currency"])(row(whole, measure)["value"])
    what = value if measure == "net_service_revenue" else f"{value} visits"
    begun = f"{span['name']} stands at {what} so far" if span["partial"] else f"{span['name']} closed at {what}"
    own = growth[(growth["metric"] == measure) & (growth["needs"] == "")]
    if own.empty or own["change"].isna().all():
        return begun
    judgement, rose = verdict(own)
    if judgement == "chance":
        return f"{begun}, not clearly different from a year ago"
    return f"{begun}, {'up' if rose else 'down'} {prose.change(own['change'].iloc[0])[1:]} like for like"


def _differ(found: Everything) -> str:
    gaps = first_gaps(found)
    real = int(gaps["real"].sum())
    shops = prose.plural(len(gaps), "shop")
    if not real:
        return f"No shop of {len(gaps)} truly differs from the network"
    return (
        f"{prose.spelled(real).capitalize()} of {shops} truly {'differs' if real == 1 else 'differ'} from the network"
    )


def first_gaps(found: Everything) -> pd.DataFrame:
    """Gaps of shops in the first figure they are compared by; raises NotAvailable where none could be ranked."""
    gaps = found.table("benchmark", "gaps")
    own = gaps[gaps["metric"] == GAP]
    if own.empty:
        raise errors.NotAvailable(label(GAP), "shops with chair hours and money")
    return own


def _ahead(found: Everything) -> str:
    line = total_ahead(found)
    printed = prose.span(line["low80"], line["high80"], prose.Money(currency(found)), "prose")
    said = f"The next {months_said(found)} will likely bring {printed}"
    if prose.missing(line["p_more"]):
        return f"{said}."
    likely = prose.likely(float(line["p_more"]))
    more = "less" if likely.opposite else "more"
    return f"{said}, {likely.words} {more} than the same weeks a year before ({likely.printed})."


def total_ahead(found: Everything) -> pd.Series:
    """All shops' total over the forecast's horizon; raises NotAvailable where there is no forecast."""
    totals = found.table("revenue", "forecast_totals")
    own = totals[totals["location_id"] == ""]
    if own.empty:
        raise errors.NotAvailable("Forecast", "a revenue report whose history is long enough to forecast")
    return own.iloc[0]


def months_said(found: Everything) -> str:
    """The forecast's horizon in words: "six months"."""
    weeks = found.table("revenue", "forecast_weeks")["period"].nunique()
    number = round(weeks * 12 / 52.18)
    return f"{prose.spelled(number)} {'month' if number == 1 else 'months'}"


def _shops(found: Everything) -> str:
    gaps = first_gaps(found)
    real = gaps[gaps["real"]]
    if real.empty:
        return f"By {label(GAP).lower()}, what sets shops apart could all be chance."
    up, down = int((real["mid"] > 0).sum()), int((real["mid"] < 0).sum())
    rest = len(gaps) - len(real)
    after = "" if not rest else f"; for the other {prose.spelled(rest)} the order could be chance"
    return f"By {label(GAP).lower()} {prose.spelled(up)} stand above it and {prose.spelled(down)} below{after}."


def _worth(found: Everything) -> str:
    short = shortfalls(found)
    if short.empty:
        return ""
    most = short.iloc[0]
    printed = prose.span(most["low80"], most["high80"], prose.Money(currency(found)), "prose")
    return f"The largest gap to close is {names(found)[most['unit']]}’s, worth {printed} a year."


def shortfalls(found: Everything) -> pd.DataFrame:
    """The largest real shortfall of each shop as what closing it would bring in a year, by chance x effect.

    unit, metric, mid, low80, high80, chance, in minor units. The lines of a shop overlap, so each has one.
    """
    return _largest(found, below=True)


def strengths(found: Everything) -> pd.DataFrame:
    """The same of shops that stand above the network."""
    return _largest(found, below=False)


def _largest(found: Everything, below: bool) -> pd.DataFrame:
    worth = found.table("benchmark", "worth").dropna(subset=["mid"])
    own = worth[worth["mid"] < 0] if below else worth[worth["mid"] > 0]
    if below:
        own = own.assign(mid=-own["mid"], low80=-own["high80"], high80=-own["low80"])
    own = own.assign(chance=own[["p_above", "p_below"]].astype(float).max(axis=1))
    own = own.assign(weight=own["chance"] * own["mid"].astype(float)).sort_values("weight", ascending=False)
    kept = ["unit", "metric", "mid", "low80", "high80", "chance"]
    return own.drop_duplicates("unit")[kept].reset_index(drop=True)


# Key figures


def key_figures(found: Everything) -> KeyFigures:
    """Five numbers: revenue, the next six months, chair time, who came back, who did not come; each with what it is of.

    One that is not there is written quietly with what would bring it.
    """
    made = (
        ("Service revenue", lambda: _revenue(found)),
        ("Next 6 months", lambda: _foreseen(found)),
        (label("utilisation"), lambda: _chair_time(found)),
        ("Back within 42 days", lambda: returned(found.table("performance", "returning"), target(found, RETURN))),
        (label("no_show_rate"), lambda: _missed(found)),
    )
    return KeyFigures(tuple(or_missing(name, make) for name, make in made))


def or_missing(name: str, make: Callable[[], KeyFigure]) -> KeyFigure:
    """The key figure that `make` gives, or its place with what would bring it."""
    try:
        return make()
    except errors.NotAvailable as error:
        return KeyFigure(name, prose.MISSING, sub=f"needs {error.needs}")


def _line(found: Everything, metric: str, table: str = "network") -> pd.Series:
    frame = found.table("performance", table)
    if needs := frame.attrs["needs"].get(metric):
        raise errors.NotAvailable(label(metric), needs)
    return row(frame, metric)


def _revenue(found: Everything) -> KeyFigure:
    whole, growth = found.table("performance", "network"), found.table("performance", "growth")
    measure = main_measure(whole)
    value = form(measure, whole.attrs["currency"])(_line(found, measure)["value"])
    own = growth[(growth["metric"] == measure) & (growth["needs"] == "")]
    change = None
    if len(own) and own["change"].notna().any():
        change = Verdict(prose.change(own["change"].iloc[0]), *verdict(own), rest="like for like")
    title = f"{label(measure)}, {growth.attrs['name']}"
    return KeyFigure(title, value, sub=f"counted, {days(growth.attrs)}", change=change)


def days(span: Mapping[str, Any]) -> str:
    """The days of a kept period: 1 to 30 Jun 2025."""
    return measures.day_range(date.fromisoformat(span["start"]), date.fromisoformat(span["last"]))


def _foreseen(found: Everything) -> KeyFigure:
    line = total_ahead(found)
    said = prose.estimate(line["mid"], line["low80"], line["high80"], prose.Money(currency(found)), "table")
    change = None
    if not prose.missing(line["p_more"]):
        p = float(line["p_more"])
        amount = prose.change(float(line["mid"]) / float(line["before"]) - 1)
        change = Verdict(amount, *judged("net_service_revenue", p), rest="on the same weeks a year before")
    return KeyFigure(f"Next {months_said(found)}", said.value, sub=said.eight_in_ten, change=change)


def _chair_time(found: Everything) -> KeyFigure:
    line, like = _line(found, "utilisation"), _line(found, "utilisation", "like")
    moved = None if prose.missing(like["year_value"]) else prose.points(like["value"] - like["year_value"])
    sub = f"of {prose.count(line['denominator'] / 60)} hours on the floor"
    return KeyFigure(
        label("utilisation"),
        prose.Rate(1)(line["value"]),
        sub=sub + (f"; {moved} on a year ago" if moved else ""),
        beside=target(found, "utilisation"),
    )


def target(found: Everything, metric: str) -> str:
    """The methodology's target of a figure, as it stands beside it; nothing where there is none."""
    targets = told(lambda: found.table("performance", "targets").set_index("metric")["target"], pd.Series(dtype=float))
    return f"target {prose.Rate()(float(targets[metric]))}" if metric in targets else ""


def _missed(found: Everything) -> KeyFigure:
    return _counted(found, "no_show_rate", "visits due")


def _counted(found: Everything, metric: str, of: str) -> KeyFigure:
    line, like = _line(found, metric), _line(found, metric, "like")
    return KeyFigure(
        label(metric),
        prose.rate(line["numerator"], line["denominator"]),
        sub=f"of {prose.count(line['denominator'])} {of}",
        beside=target(found, metric),
        change=measures.rate_change(like, metric),
    )


def returned(frame: pd.DataFrame, beside: str) -> KeyFigure:
    """Who came back of the last month that can be told, against the same month a year before.

    frame: what `lab.metric` gives of retention by month. Raises NotAvailable with what it needs.
    """
    known = frame.dropna(subset=["value"])
    if known.empty:
        raise errors.NotAvailable(label(RETURN), frame.attrs["needs"] or "clients with 42 days behind them")
    last = known.iloc[-1]
    then = known[known["period"] == last["period"] - pd.DateOffset(years=1)]
    change = None if then.empty else _rate_verdict(last, then.iloc[0])
    sub = f"of {prose.plural(int(last['denominator']), 'client')} of {prose.month(last['period'])}"
    value = prose.rate(last["numerator"], last["denominator"])
    return KeyFigure("Back within 42 days", value, sub=sub, beside=beside, change=change)


def _rate_verdict(now: pd.Series, then: pd.Series) -> Verdict | None:
    if min(now["denominator"], then["denominator"]) < prose.FEWEST_FOR_RATE:
        return None
    hits = (now["numerator"], now["denominator"], then["numerator"], then["denominator"])
    p = float(rates.chance_of_rise(*hits))
    return Verdict(prose.points(now["value"] - then["value"]), *judged(RETURN, p), rest="on a year ago")
