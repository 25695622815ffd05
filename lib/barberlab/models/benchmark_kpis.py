"""From a KPI's months to a shop's true score: what was seen against what the network's own months would have given.

A metric comes as numerator and denominator by unit and month. Each month's network-wide ratio is what a unit of that
exposure would have had; a shop is judged by its total over that expectation, so that neither December nor a month
missed counts for or against it (indirect standardisation; Breslow & Day 1987, IARC 82, section 2.3).

rate: hits are binomial, with n divided by the dispersion that months show beyond it (Spiegelhalter 2005, Statistics in
Medicine 24, section 4); a count over hours is Poisson, with the same. Money and shares of time: the log of seen over
expected, its variance from the months' own residuals (Cochran 1977, Sampling Techniques, eq. 6.13), per unit of
exposure and moderated over units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from barberlab.errors import BadInput, NotAvailable
from barberlab.models import benchmark
from barberlab.models.benchmark_evidence import Evidence, binomial, count, moderated, normal

FEWEST_CASES = 30  # of a rate: under it a shop is not compared
FEWEST_UNITS = 2
# What would be a very wide spread of true scores: of logs (money, shares of time) and of log odds.
WIDE = {"rate": 0.5, "money": 0.3, "money_per_hour": 0.3, "share": 0.3, "count_per_100_hours": 0.3}
LOG_ODDS, COUNTED = "rate", "count_per_100_hours"


@dataclass(frozen=True, eq=False)
class Ranked:
    """One KPI of every unit, as joint draws on its own scale.

    value (draw, unit) in the KPI's unit; network (draw) the same of all together; gap (draw, unit): for a rate the
    difference from the network, else relative to it. exposure (unit): cases, hours, visits. left_out: unit -> why.
    """

    metric: str
    unit: str
    names: tuple[str, ...]
    value: np.ndarray
    network: np.ndarray
    gap: np.ndarray
    seen: np.ndarray
    exposure: np.ndarray
    left_out: Mapping[str, str]
    fit: benchmark.Fit


@dataclass(frozen=True, eq=False)
class _Months:
    """Of the units that are compared: top and bottom over (unit, month), NaN where a month is not known."""

    names: tuple[str, ...]
    top: np.ndarray
    bottom: np.ndarray

    @property
    def usual(self) -> np.ndarray:
        """(month) the ratio of all units together."""
        return np.nansum(self.top, axis=0) / np.nansum(self.bottom, axis=0)

    @property
    def expected(self) -> np.ndarray:
        """(unit, month) what the network's ratio would have made of the unit's exposure."""
        return self.bottom * self.usual


def ranked(
    frame: pd.DataFrame, key: str = "location_id", group: str = "", draws: int = benchmark.DRAWS, seed: int = 0
) -> Ranked:
    """The true scores of every unit of `frame`, drawn towards the network's.

    frame: a metric by unit and month as `lab.metric` gives it: `key`, period, numerator, denominator, with
    attrs["unit"]. group: a column that units belong to (barbers to shops). Raises NotAvailable with what is missing,
    BadInput for what no KPI may be, naming unit and month.
    """
    unit = frame.attrs["unit"]
    if frame.attrs.get("needs"):
        raise NotAvailable(frame.attrs["label"], frame.attrs["needs"])
    if unit not in WIDE:
        raise BadInput(f"ranking by {frame.attrs['metric']!r}: a {unit} grows with the shop; rank by a ratio")
    months, left_out = _compared(_checked(frame, key, unit), key, unit)
    evidence = {LOG_ODDS: _rates, COUNTED: _counts}.get(unit, _ratios)(months)
    places = None if not group else list(frame.drop_duplicates(key).set_index(key).loc[list(months.names), group])
    found = _fitted(evidence, places, WIDE[unit])
    theta = benchmark.draw(found, draws, seed).astype(float)
    return _on_own_scale(frame.attrs["metric"], unit, months, theta, left_out, found)


def over_hours(counts: pd.DataFrame, hourly: pd.DataFrame) -> pd.DataFrame:
    """A count as so many in a hundred hours that barbers were available: a frame that `ranked` takes.

    counts, hourly: metrics by unit and month as `lab.metric` gives them, the second one over hours. A month of which
    either is not known is left out.
    """
    missing = counts.attrs.get("needs") or hourly.attrs.get("needs")
    keys = [name for name in counts.columns if name not in ("value", "numerator", "denominator")]
    hours = hourly.dropna(subset=["denominator"]).set_index(keys)["denominator"].astype(float) / 100
    frame = counts[[*keys, "numerator"]].dropna().join(hours, on=keys, how="inner")
    frame.attrs = counts.attrs | {"unit": COUNTED, "needs": missing}
    return frame


def _checked(frame: pd.DataFrame, key: str, unit: str) -> pd.DataFrame:
    """Rows with both sides known; refuses what cannot be."""
    rows = frame[[key, "period", "numerator", "denominator"]].dropna()
    rows = rows.astype({"numerator": float, "denominator": float})
    over = (rows["numerator"] > rows["denominator"]) & (unit == LOG_ODDS)
    wrong = (rows["numerator"] < 0) | (rows["denominator"] < 0) | over
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise BadInput(
            f"{frame.attrs['metric']}, {row[key]!r}, {row['period']:%Y-%m}: {row['numerator']:g} of "
            f"{row['denominator']:g} is out of range; correct the rows it was counted from"
        )
    return rows[rows["denominator"] > 0]


def _compared(rows: pd.DataFrame, key: str, unit: str) -> tuple[_Months, dict[str, str]]:
    """The units with enough exposure to be compared, and why the others are not."""
    total = rows.groupby(key)[["numerator", "denominator"]].sum()
    left_out = {}
    if unit == LOG_ODDS:
        few = total["denominator"] < FEWEST_CASES
        left_out = dict.fromkeys(total.index[few], f"fewer than {FEWEST_CASES} cases")
    elif unit != COUNTED:  # a count of none is a count
        left_out = dict.fromkeys(total.index[total["numerator"] <= 0], "nothing taken in the whole time")
    kept = rows[~rows[key].isin(left_out)]
    if kept[key].nunique() < FEWEST_UNITS:
        raise NotAvailable(
            "Ranking", f"at least {FEWEST_UNITS} shops with exposure to compare; found {kept[key].nunique()}"
        )
    wide = kept.pivot_table(index=key, columns="period", values=["numerator", "denominator"], aggfunc="sum")
    names = tuple(map(str, wide.index))
    return _Months(names, wide["numerator"].to_numpy(), wide["denominator"].to_numpy()), left_out


def _rates(months: _Months) -> Evidence:
    """Hits of n, both divided by how much more than chance the months differ."""
    hits, n = np.nansum(months.top, axis=1), np.nansum(months.bottom, axis=1)
    offset = logit(np.clip(np.nansum(months.expected, axis=1) / n, 1e-6, 1 - 1e-6))
    own = logit((hits + 0.5) / (n + 1)) - offset
    p = expit(logit(np.clip(months.usual, 1e-6, 1 - 1e-6))[None, :] + own[:, None])
    phi = _dispersion((months.top - months.bottom * p) ** 2 / (months.bottom * p * (1 - p)))
    return binomial(months.names, hits / phi, n / phi, offset)


def _counts(months: _Months) -> Evidence:
    """Events against what the network's months would have made of the hours, both divided as rates are."""
    seen, expected = np.nansum(months.top, axis=1), np.nansum(months.expected, axis=1)
    if not seen.sum():
        raise NotAvailable("Ranking", "at least one case in some shop")
    own = months.expected * ((seen + 0.5) / (expected + 0.5))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = _dispersion((months.top - own) ** 2 / own)
    return count(months.names, seen / phi, expected / phi)


def _dispersion(pearson: np.ndarray) -> float:
    """How much more than chance the months differ, at least 1, from squared residuals (unit, month) over variances."""
    known = np.isfinite(pearson)
    free = known.sum() - pearson.shape[0] - pearson.shape[1] + 1
    return max(1.0, float(pearson[known].sum() / free)) if free > 0 else 1.0


def _ratios(months: _Months) -> Evidence:
    """log(seen / expected) with the variance that the months' residuals show, per unit of exposure."""
    seen, expected = np.nansum(months.top, axis=1), np.nansum(months.expected, axis=1)
    known = np.isfinite(months.top).sum(axis=1)
    residual = months.top - months.expected * (seen / expected)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.nansum(residual**2, axis=1) * known / (known - 1) / seen**2 * expected
    per_unit, freedom = moderated(np.nan_to_num(variance), known - 1)
    return normal(months.names, np.log(seen / expected), per_unit / expected, np.maximum(freedom, 2.1))


def _fitted(evidence: Evidence, places: list[object] | None, scale: float) -> benchmark.Fit:
    """With whatever tails the units show; of very many with normal ones, which held as well."""
    shape = "best" if len(evidence.names) <= benchmark.MANY else "normal"
    return benchmark.fit(evidence, places, shape=shape, scale=scale)


def _on_own_scale(
    metric: str, unit: str, months: _Months, theta: np.ndarray, left_out: Mapping[str, str], found: benchmark.Fit
) -> Ranked:
    exposure, expected = np.nansum(months.bottom, axis=1), np.nansum(months.expected, axis=1)
    usual = expected.sum() / exposure.sum()
    seen = np.nansum(months.top, axis=1) / exposure
    if unit == LOG_ODDS:
        value = expit(logit(usual) + theta)
        network = value @ (exposure / exposure.sum())
        gap = value - network[:, None]
    else:
        value = usual * np.exp(theta)
        network = value @ (exposure / exposure.sum())
        gap = value / network[:, None] - 1
    return Ranked(metric, unit, months.names, value, network, gap, seen, exposure, left_out, found)


def of_changes(movers: pd.DataFrame, draws: int = benchmark.DRAWS, seed: int = 0) -> Ranked:
    """Growth of every shop against last year, from its change and range as `models.change` gives them.

    movers: location_id, change, low80, high80 (relative). Value and gap are relative changes: the gap is how much
    more than the network's mean shop.
    """
    if movers.attrs.get("needs"):
        raise NotAvailable("Growth", movers.attrs["needs"])
    known = movers.dropna(subset=["change", "low80", "high80"])
    low, high = np.log1p(known["low80"].to_numpy(float)), np.log1p(known["high80"].to_numpy(float))
    names = tuple(known["location_id"])
    evidence = normal(names, np.log1p(known["change"].to_numpy(float)), ((high - low) / (2 * 1.2816)) ** 2)
    found = _fitted(evidence, None, WIDE["money"])
    theta = benchmark.draw(found, draws, seed).astype(float)
    centre = theta.mean(axis=1)
    gap = np.expm1(theta - centre[:, None])
    seen = known["change"].to_numpy(float)
    return Ranked(
        "growth", "change", names, np.expm1(theta), np.expm1(centre), gap, seen, 1 / evidence.weight, {}, found
    )


WEIGHTS = {"utilisation": 0.25, "growth": 0.20, "retention_42": 0.20, "average_ticket": 0.20, "service": 0.15}


@dataclass(frozen=True, eq=False)
class Score:
    """The Six Figure Barber score of every unit: draws (draw, unit) from 0 to 100, and the weight of what was known."""

    names: tuple[str, ...]
    draws: np.ndarray
    parts: tuple[str, ...]
    coverage: float


def score(parts: Sequence[Ranked], targets: Mapping[str, float]) -> Score:
    """The score of units that have all `parts`: 100 times the weighted mean of value over target, each at most 1.

    targets: metric -> its target, in the metric's unit; parts without one are left out and the weights of the others
    raised. The draws of different parts are taken as independent. Raises NotAvailable for fewer than two parts.
    """
    used = [part for part in parts if part.metric in targets and part.metric in WEIGHTS]
    if len(used) < 2:
        raise NotAvailable("Six Figure Barber score", "at least two of chair time, returning clients and ticket")
    names = sorted(set.intersection(*(set(part.names) for part in used)))
    if len(names) < 2:
        raise NotAvailable("Six Figure Barber score", "at least two shops with all of its parts")
    weight = np.array([WEIGHTS[part.metric] for part in used])
    each = [
        np.clip(part.value[:, [part.names.index(name) for name in names]] / targets[part.metric], 0, 1) for part in used
    ]
    draws = 100 * np.tensordot(weight / weight.sum(), np.stack(each), axes=1)
    return Score(tuple(names), draws, tuple(part.metric for part in used), float(weight.sum()))
