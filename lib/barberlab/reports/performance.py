"""How did the network do? The words of the performance report: its answer, its key figures, its five lines."""

from collections.abc import Mapping

import pandas as pd

from barberlab.data.metrics import METRICS as METRICS_OF
from barberlab.models import rates
from barberlab.params import Methodology
from barberlab.periods import Period
from barberlab.reports import prose
from barberlab.reports.blocks import FiveLines, Headline, KeyFigure, KeyFigures, Verdict
from barberlab.reports.compared import is_real, verdict
from barberlab.reports.measures import (
    day_range,
    form,
    is_counted,
    judged,
    label,
    main_measure,
    rate_change,
    relative,
    row,
)

METRICS = [
    *("net_service_revenue", "visits", "average_ticket", "utilisation", "revenue_per_available_hour", "no_show_rate"),
    *("cancellation_rate", "rebook_rate", "prebook_rate", "new_clients"),
]
KEY = ("net_service_revenue", "visits", "average_ticket", "utilisation", "no_show_rate", "rebook_rate", "new_clients")
MEASURES = ("net_service_revenue", "visits")  # whose change is judged against what chance does
MOST_KEY = 5
_OUT_OF = {"no_show_rate": "visits due", "rebook_rate": "visits of known clients", "average_ticket": "visits"}
TARGETS = {
    "utilisation": "utilisation",
    "no_show_rate": "no_show",
    "rebook_rate": "rebook",
    "retention_42": "retention_42",
}

type Line = tuple[str, str] | None


def growth_table(together: Mapping[str, pd.DataFrame], span: Period) -> pd.DataFrame:
    """What is kept of the joint change of shops open in both years: a row a metric with its `needs`, and the period."""
    rows = [frame.drop(columns="location_id").assign(metric=name, needs=frame.attrs["needs"] or "")
            for name, frame in together.items() if len(frame)]  # fmt: skip
    empty = [{"metric": name, "needs": frame.attrs["needs"]} for name, frame in together.items() if frame.empty]
    columns = ["metric", "needs", "change", "low80", "high80", "low95", "high95", "p_rise"]
    found = pd.concat([*rows, pd.DataFrame(empty)], ignore_index=True).reindex(columns=columns)
    found.attrs = {"name": span.name, "start": str(span.start), "last": str(span.last), "partial": span.partial}
    return found


def targets_table(targets: Methodology) -> pd.DataFrame:
    """What is kept of the targets that the page's figures are held against: metric, target."""
    return pd.DataFrame([(name, float(getattr(targets, field))) for name, field in TARGETS.items()],
                        columns=["metric", "target"])  # fmt: skip


def opening(span: Period, whole: pd.DataFrame, together: Mapping[str, pd.DataFrame], shops: pd.DataFrame) -> Headline:
    """The page's answer: what the main measure did, claimed no louder than its range carries."""
    lede = (
        f"Counted from {counted_from(whole, shops)}, {day_range(span.start, span.last)}. Counts are exact; an estimate "
        "carries the range we would bet on: “8 in 10” means right eight times out of ten."
    )
    if span.partial:
        lede = f"{prose.partial(span.name, span.days, (span.whole_end - span.start).days)} are known. {lede}"
    return Headline(
        _answer(whole, together[main_measure(whole)], span), lede, eyebrow=f"Performance report · {span.name}"
    )


def counted_from(whole: pd.DataFrame, shops: pd.DataFrame) -> str:
    """What stands behind a page: visits at so many shops, or payments where visits are not known."""
    measure = "payments" if whole.attrs["needs"]["visits"] else "completed visits"
    main = main_measure(shops)
    worked = int((shops.loc[shops["metric"] == main, "value"] > 0).sum())
    number = "" if measure == "payments" else f"{prose.count(row(whole, 'visits')['value'])} "
    return f"{number}{measure} at {prose.plural(worked, 'shop')}"


def _answer(whole: pd.DataFrame, network: pd.DataFrame, span: Period) -> str:
    measure = main_measure(whole)
    value = form(measure, whole.attrs["currency"])(row(whole, measure)["value"])
    said = f"Revenue was {value}" if measure == "net_service_revenue" else f"{value} visits"
    if network.attrs["needs"]:
        return f"{said} in {span.name}"
    judgement, rose = verdict(network)
    if judgement == "chance":
        return f"{said}, not clearly different from a year ago"
    return f"{said}, {'up' if rose else 'down'} {prose.change(network['change'].iloc[0])[1:]} like for like"


def key_figures(
    whole: pd.DataFrame, same: pd.DataFrame, together: Mapping[str, pd.DataFrame], targets: Methodology
) -> KeyFigures:
    """The numbers that matter, of those the network has, each with its change on the same weeks of last year.

    whole: all shops. same: those open in both years. together: per metric, their joint change with its chance.
    """
    shown = [metric for metric in KEY if not whole.attrs["needs"][metric]][:MOST_KEY]
    return KeyFigures(tuple(_key_figure(metric, whole, same, together, targets) for metric in shown))


def _key_figure(metric: str, whole: pd.DataFrame, same: pd.DataFrame, together, targets: Methodology) -> KeyFigure:
    line, like = row(whole, metric), row(same, metric)
    printed = form(metric, whole.attrs["currency"])
    value = prose.rate(line["numerator"], line["denominator"]) if is_counted(metric) else printed(line["value"])
    target = f"target {prose.Rate()(getattr(targets, TARGETS[metric]))}" if metric in TARGETS else ""
    change = rate_change(like, metric) if is_counted(metric) else _judged_change(metric, together)
    # Where no model says what chance would do, the change stands as it was counted, without a verdict.
    sub = _counted(metric, line) + ("" if change else _plain_change(metric, like))
    return KeyFigure(label(metric), value, sub=sub, beside=target, change=change)


def _counted(metric: str, line: pd.Series) -> str:
    if metric in _OUT_OF:
        return f"of {prose.count(line['denominator'])} {_OUT_OF[metric]}"
    return f"of {prose.count(line['denominator'] / 60)} hours" if metric == "utilisation" else "counted"


def _judged_change(metric: str, together: Mapping[str, pd.DataFrame]) -> Verdict | None:
    if metric not in together or together[metric].attrs["needs"]:
        return None
    found = together[metric]
    return Verdict(prose.change(found["change"].iloc[0]), *verdict(found), rest=f"like for like, {_range(found)}")


def _range(found: pd.DataFrame) -> str:
    line = found.iloc[0]
    return f"8 in 10: {prose.span(float(line['low80']), float(line['high80']), prose.Change(), 'prose')}"


def _plain_change(metric: str, like: pd.Series) -> str:
    if METRICS_OF[metric].unit == "share":
        found = None if prose.missing(like["year_value"]) else prose.points(like["value"] - like["year_value"])
    else:
        ratio = relative(like["value"], like["year_value"])
        found = None if ratio is None else prose.change(ratio)
    return f"; {found} on a year ago" if found else ""


def five_lines(
    whole: pd.DataFrame,
    same: pd.DataFrame,
    together: Mapping[str, pd.DataFrame],
    movers: pd.DataFrame,
    names: Mapping[str, str],
    retention: pd.DataFrame,
) -> FiveLines:
    """The page in at most five sentences: money, custom, shops, returning clients, chairs."""
    said = [
        _money(whole, same, together),
        _custom(whole, same),
        _shops(movers, names),
        _return(retention),
        _chairs(whole),
    ]
    return FiveLines(tuple(line for line in said if line))


def _money(whole: pd.DataFrame, same: pd.DataFrame, together: Mapping[str, pd.DataFrame]) -> Line:
    if needs := whole.attrs["needs"]["net_service_revenue"]:
        return "There is no money in these data.", f"Visits are all that can be told; revenue needs {needs}."
    like, value = row(same, "net_service_revenue"), row(whole, "net_service_revenue")["value"]
    first = f"Revenue was {prose.money(value, whole.attrs['currency'])}"
    on_year = relative(like["value"], like["year_value"])
    if on_year is None:
        return (
            f"{first}.",
            "No shop is known all through these weeks and those of last year, so growth cannot be told.",
        )
    found = together.get("net_service_revenue")
    sure = "" if found is None or found.attrs["needs"] else f"{_range(found)}. "
    return f"{first}, {prose.change(on_year)} like for like.", sure + _in_all(row(whole, "net_service_revenue"), like)


def _in_all(every: pd.Series, like: pd.Series) -> str:
    """The change with shops that came or went, where it differs, and that on the weeks just before."""
    before = relative(like["value"], like["before_value"])
    recent = "" if before is None else f"Against the weeks just before: {prose.change(before)}."
    total = relative(every["value"], every["year_value"])
    if total is None or every["year_value"] == like["year_value"]:
        return recent
    return f"With shops that opened or closed since: {prose.change(total)}. {recent}"


def _custom(whole: pd.DataFrame, same: pd.DataFrame) -> Line:
    if whole.attrs["needs"]["visits"]:
        return None
    on_year = relative(row(same, "visits")["value"], row(same, "visits")["year_value"])
    first = f"{prose.count(row(whole, 'visits')['value'])} visits"
    first += "." if on_year is None else f", {prose.change(on_year)} like for like."
    if whole.attrs["needs"]["average_ticket"]:
        return first, ""
    like = row(same, "average_ticket")
    ticket = prose.money(row(whole, "average_ticket")["value"], whole.attrs["currency"], "prose")
    change = relative(like["value"], like["year_value"])
    tail = "." if change is None else f", {prose.change(change)} on a year ago."
    return first, f"The average ticket was {ticket}{tail}"


def _shops(movers: pd.DataFrame, names: Mapping[str, str]) -> Line:
    if movers.attrs["needs"]:
        return None
    known = movers.dropna(subset=["p_rise"])
    real = known[is_real(known)].sort_values("change")
    if real.empty:
        return "No shop clearly moved against last year.", f"All {prose.plural(len(known), 'change')} could be chance."
    up, down = int((real["change"] > 0).sum()), int((real["change"] < 0).sum())
    who = f": {prose.listed([names[shop] for shop in real['location_id']])}" if len(real) <= 3 else ""
    rest = f"{prose.count(up)} up, {prose.count(down)} down{who}. The others could be chance."
    return f"{prose.spelled(len(real)).capitalize()} of {len(known)} shops very likely moved.", rest


def _return(retention: pd.DataFrame) -> Line:
    known = retention.dropna(subset=["value"])
    if known.empty:
        return None
    last = known.iloc[-1]
    share = prose.rate(last["numerator"], last["denominator"])
    first = f"{share} of {prose.month(last['period'])}'s clients came back within 42 days."
    year = known[known["period"] == last["period"] - pd.DateOffset(years=1)]
    who = prose.plural(int(last["denominator"]), "client")
    if year.empty:
        return first, f"{who}; the same month a year before is not known."
    then = year.iloc[0]
    p = float(rates.chance_of_rise(last["numerator"], last["denominator"], then["numerator"], then["denominator"]))
    sure = ", which could be chance" if judged("retention_42", p)[0] == "chance" else ""
    return first, f"{prose.points(last['value'] - then['value'])} on a year ago{sure}; {who}."


def _chairs(whole: pd.DataFrame) -> Line:
    if whole.attrs["needs"]["utilisation"]:
        return None
    first = f"{prose.Rate()(row(whole, 'utilisation')['value'])} of chair time was used."
    hour = row(whole, "revenue_per_available_hour")["value"]
    money = prose.money(hour, whole.attrs["currency"], "prose")
    return first, "" if prose.missing(hour) else f"An hour on the floor brought {money}."
