"""How is a metric drawn and said? Its format, its course, its change, its absence: the same on every report."""

from datetime import date

import pandas as pd

from barberlab.data.metrics import METRICS
from barberlab.models import rates
from barberlab.periods import Period
from barberlab.reports import figures, prose
from barberlab.reports.blocks import Block, NotAvailable, Verdict, slug

LOWER_IS_BETTER = ("no_show_rate", "cancellation_rate")


def label(metric: str) -> str:
    """The metric's name on pages."""
    return METRICS[metric].label


def form(metric: str, currency: str) -> prose.Format:
    """How a metric's value is printed."""
    unit = METRICS[metric].unit
    if unit in ("money", "money_per_hour"):
        return prose.Money(currency)
    return prose.Rate() if unit in ("rate", "share") else prose.Count()


def is_counted(metric: str) -> bool:
    """Whether it is so many out of so many, so that chance is binomial; a share of time is not."""
    return METRICS[metric].unit == "rate"


def row(frame: pd.DataFrame, metric: str) -> pd.Series:
    """One metric's line of a comparison without other keys."""
    return frame.set_index("metric").loc[metric]


def main_measure(whole: pd.DataFrame) -> str:
    """What the page speaks of first: revenue, or visits where the source holds no money."""
    return "visits" if whole.attrs["needs"]["net_service_revenue"] else "net_service_revenue"


def missing(whole: pd.DataFrame, metric: str) -> NotAvailable | None:
    """The dashed box for a metric that the network does not have, else None."""
    needs = whole.attrs["needs"][metric]
    return NotAvailable(label(metric), needs) if needs else None


def months_back(span: Period, months: int) -> pd.Timestamp:
    """The first day of the month that lies `months` before the one in which the period ends."""
    return pd.Timestamp(span.last).replace(day=1) - pd.DateOffset(months=months)


def course(frame: pd.DataFrame, span: Period, whose: str = "all shops", months: int = 30) -> Block:
    """A metric's last `months` against the year before; a dashed box if it was never known.

    frame: what `lab.metric` gives by month, with a year more for the comparison. A month in which the data began is not
    shown, nor a rate of under 30; the month in which the period ends is dashed while it is not over, and compared with
    nothing, because the year before has all of its days.
    """
    metric, what = frame.attrs["metric"], frame.attrs["label"]
    if frame.attrs["needs"] or frame["value"].isna().all():
        return NotAvailable(what, frame.attrs["needs"] or METRICS[metric].else_needs)
    data = with_year_before(_tellable(frame))
    data = data[data["period"] > months_back(span, months)]
    if data.empty:
        return NotAvailable(what, METRICS[metric].else_needs)
    partial = _partial(data["period"].iloc[-1], span)
    if partial:
        data.loc[data.index[-1], "before"] = float("nan")
    last = data.iloc[-1]
    return figures.trend(
        data.assign(value=data["value"].astype(float)),
        "period",
        "value",
        slug=slug(f"{metric}-by-month"),
        title=_finding(what, last, form(metric, frame.attrs["currency"]), partial),
        subtitle=f"{what} by month, {whose}{_in(metric, frame.attrs['currency'])}. {_grey(data)}",
        reference="before" if data["before"].notna().any() else None,
        partial_last=partial,
        form=form(metric, frame.attrs["currency"]),
    )


def _tellable(frame: pd.DataFrame) -> pd.DataFrame:
    """Months with a value that stands for a whole month, or for as much of the last as there is."""
    whole = frame["period"] >= pd.Timestamp(frame.attrs["history_start"])
    if is_counted(frame.attrs["metric"]):
        whole &= frame["denominator"] >= prose.FEWEST_FOR_RATE
    return frame[whole & frame["value"].notna()]


def _finding(what: str, last: pd.Series, printed: prose.Format, partial: str | None) -> str:
    """The last month and the one a year before, both counted: no verdict."""
    month = partial or prose.month(last["period"])
    then = "" if prose.missing(last["before"]) else f", {printed(last['before'])} a year before"
    return f"{what}: {printed(last['value'])} in {month}{then}"


def _grey(data: pd.DataFrame) -> str:
    return (
        "Grey: the same month a year before." if data["before"].notna().any() else "No month has a year before it yet."
    )


def _in(metric: str, currency: str) -> str:
    return f", {currency}" if METRICS[metric].unit.startswith("money") else ""


def with_year_before(frame: pd.DataFrame, keys: tuple[str, ...] = ()) -> pd.DataFrame:
    """Months of a metric with `before`: the same month a year earlier, NaN where there was none."""
    earlier = frame[[*keys, "period", "value"]].rename(columns={"value": "before"})
    earlier["period"] = earlier["period"] + pd.DateOffset(years=1)
    joined = frame.merge(earlier.astype({"before": float}), on=[*keys, "period"], how="left")
    joined.attrs = frame.attrs
    return joined


def _partial(month: pd.Timestamp, span: Period) -> str | None:
    days = month.days_in_month
    known = (pd.Timestamp(span.end) - month).days
    return prose.partial(prose.month(month), known, days) if known < days else None


def relative(now: float, before: float) -> float | None:
    """The relative change, or None where there is nothing to compare with."""
    return None if prose.missing(now) or prose.missing(before) or not before else float(now / before - 1)


def judged(metric: str, p_rise: float) -> tuple[str, bool | None]:
    """good, bad or chance, and which way it rose, by the house's bound on chance."""
    if max(p_rise, 1 - p_rise) < prose.COULD_BE_CHANCE:
        return "chance", None
    rose = p_rise > 0.5
    return "good" if rose != (metric in LOWER_IS_BETTER) else "bad", rose


def rate_change(line: pd.Series, metric: str, against: str = "year") -> Verdict | None:
    """A counted rate's change in points with its verdict, or None where either side is unknown or under 30."""
    n, n_before = line["denominator"], line[f"{against}_denominator"]
    if prose.missing(n) or prose.missing(n_before) or min(n, n_before) < prose.FEWEST_FOR_RATE:
        return None
    p = float(rates.chance_of_rise(line["numerator"], n, line[f"{against}_numerator"], n_before))
    return Verdict(prose.points(line["value"] - line[f"{against}_value"]), *judged(metric, p), rest="on a year ago")


def day_range(first: date, last: date) -> str:
    """1 to 30 Jun 2025."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {last.day} {prose.short_month(last)} {last.year}"
    return f"{first.day} {prose.short_month(first)} {first.year} to {last.day} {prose.short_month(last)} {last.year}"


class Names(dict):
    """Shop id -> the name shown; a shop that is in no list (the data checks count those) goes by its id."""

    def __missing__(self, shop: str) -> str:
        return shop


def names(shops: pd.DataFrame) -> Names:
    """The trading name of each shop, else its id."""
    return Names(zip(shops["location_id"], shops["name"].fillna(shops["location_id"]), strict=True))
