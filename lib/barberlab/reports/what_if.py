"""What if something changed? Levers played on the forecast's own futures, and what each takes for granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from barberlab.models import scenarios
from barberlab.models.assumptions import ASSUMED, Assumption
from barberlab.models.intervals import EIGHT_IN_TEN, NINETEEN_IN_TWENTY, tails
from barberlab.reports import marks, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock

if TYPE_CHECKING:
    from barberlab.models.futures import Futures
    from barberlab.params import Measured

QUARTER = 13  # weeks by which today's capacity is told
_SEED, _DRAWS = 0, 400

type Asked = Sequence[scenarios.Lever | NotAvailable]


def usual_levers(
    found: Futures | NotAvailable, chairs: pd.DataFrame, measured: Mapping[str, Measured] | None = None
) -> Asked:
    """What owners ask about first. Shares and closures are of all shops alike, the chair is the fullest shop's.

    chairs: chair time used in the last quarter, as `one_more_chair` takes it. measured: experiments by the name of the
    assumption whose place they take. A lever for which the data hold too little is the box that says so.
    """
    if isinstance(found, NotAvailable):
        return []
    once = [1.0] + [0.0] * (len(found.weeks) - 1)
    levers = [
        scenarios.Price(0.05),
        scenarios.OpeningHours(0.10),
        one_more_chair(found, chairs),
        scenarios.Campaign(once),
        scenarios.LostBarber(0.10),
        scenarios.Closure(1),
    ]
    return [lever if isinstance(lever, NotAvailable) else _with_measured(lever, measured or {}) for lever in levers]


def quarter_before(today: date) -> date:
    """The first day of the quarter by which today's capacity is told."""
    return today - timedelta(weeks=QUARTER)


def one_more_chair(found: Futures, chairs: pd.DataFrame) -> scenarios.Lever | NotAvailable:
    """One more chair, with its barber, in the shop whose chairs are fullest.

    chairs: location_id, staff_id, numerator and denominator (minutes booked and worked) of the last quarter, attrs
    needs, as `lab.metric("utilisation", by="chair")` gives them. A week with every hour sold would take what a week
    takes over the share of hours that were booked.
    """
    at_work = chairs[chairs["staff_id"].notna() & (chairs["denominator"] > 0)]
    sums = at_work.groupby("location_id").agg(
        barbers=("staff_id", "nunique"), booked=("numerator", "sum"), worked=("denominator", "sum")
    )
    shops = sums.reindex(found.location)
    used = (shops["booked"] / shops["worked"]).to_numpy(float)
    recent = found.panel.revenue[:, -QUARTER:]
    taken = np.array([np.nanmean(week) if np.isfinite(week).any() else np.nan for week in recent])
    known = (used > 0) & np.isfinite(taken)
    if not known.any():
        return NotAvailable("One more chair", chairs.attrs.get("needs") or "shifts of the last quarter")
    fullest = int(np.argmax(np.where(known, used, -np.inf)))
    return scenarios.MoreChairs(
        chairs=np.where(known, shops["barbers"], 1.0),
        capacity=np.where(known, taken / np.where(known, used, 1.0), 1.0),
        shops=np.arange(len(used)) == fullest,
    )


def _with_measured(lever: scenarios.Lever, measured: Mapping[str, Measured]) -> scenarios.Lever:
    for name in [one.name for one in lever.assumptions if one.name in measured]:
        one = measured[name]
        lever = scenarios.with_measured(lever, name, one.mean, one.sd, one.source)
    return lever


def what_if(
    found: Futures | NotAvailable, levers: Asked, shops: Mapping[str, str], currency: str, seed: int = 0
) -> Block:
    """The paired effect of each lever on the horizon's revenue of all shops, each played alone."""
    if isinstance(found, NotAvailable):
        return found
    asked, missing = _apart(levers)
    played = [scenarios.play(found.paths.astype(float), lever, seed) for lever in asked]
    words = [f"{one.words}{_where(found, lever, shops)}" for one, lever in zip(played, asked, strict=True)]
    form = prose.Money(currency)
    totals = [one.total(EIGHT_IN_TEN) for one in played]
    frame = pd.DataFrame(
        {
            "change": [said[0].upper() + said[1:] for said in words],
            "effect": [prose.estimate(middle, low, high, form).value for low, middle, high in totals],
            "range": [prose.span(low, high, form, "prose") for low, _, high in totals],
            "track": _tracks(played, words),
            "chance": [prose.chance(one.chance_of_gain()) for one in played],
        }
    )
    columns = [
        tables.Column("change", "What changes"),
        tables.Column("effect", "Effect on revenue", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("track", "", secondary=True),
        tables.Column("chance", "Brings more", right=True, secondary=True),
    ]
    futures = prose.count(found.paths.shape[-1])
    subtitle = f"Each played alone on the same {futures} simulated futures, against the same futures without it."
    note = ["Revenue, before any cost. The effects are those of the assumptions below."]
    note += [f"{box.name}: not available, needs {box.needs}." for box in missing]
    title = _largest(played, words, totals, form)
    return TableBlock(title, tables.table(frame, columns), subtitle=subtitle, note=" ".join(note))


def _apart(levers: Asked) -> tuple[list[scenarios.Lever], list[NotAvailable]]:
    missing = [lever for lever in levers if isinstance(lever, NotAvailable)]
    return [lever for lever in levers if not isinstance(lever, NotAvailable)], missing


def _where(found: Futures, lever: scenarios.Lever, shops: Mapping[str, str]) -> str:
    if lever.shops is None:
        return ""
    return f" in {prose.listed([shops[shop] for shop in found.location[np.asarray(lever.shops)]])}"


def _tracks(played: list[scenarios.Played], words: list[str]) -> list[marks.Mark]:
    """Each effect on one scale, with its 8 in 10 and its 19 in 20."""
    ends = [(one.total(EIGHT_IN_TEN), one.total(NINETEEN_IN_TWENTY)) for one in played]
    reach = max((abs(end) for _, wide in ends for end in wide), default=0.0) or 1.0
    return [
        marks.range_track(middle, (low, high), (wide[0], wide[2]), (-reach, reach), said)
        for ((low, middle, high), wide), said in zip(ends, words, strict=True)
    ]


def _largest(
    played: list[scenarios.Played], words: list[str], totals: list[tuple[float, float, float]], form: prose.Format
) -> str:
    """The lever with the largest gain that is more than chance, in a sentence."""
    sure = [
        (middle, said, prose.span(low, high, form, "prose"))
        for one, said, (low, middle, high) in zip(played, words, totals, strict=True)
        if one.chance_of_gain() >= prose.COULD_BE_CHANCE
    ]
    if not sure:
        return "None of these changes very likely brings more revenue"
    _, said, span = max(sure)
    return f"The most would come from {said}: {span} if the assumptions hold"


def assumptions(found: Futures | NotAvailable, levers: Asked) -> Block:
    """What each scenario rests on: the number, how sure, who says so."""
    return found if isinstance(found, NotAvailable) else granted(_apart(levers)[0])


def granted(levers: Sequence[scenarios.Lever]) -> TableBlock:
    """The same of levers that can all be played."""
    each = {one.name: one for lever in levers for one in lever.assumptions}
    rows = [(one.name.capitalize(), one.about, *_size(one), _standing(one), one.source) for one in each.values()]
    frame = pd.DataFrame(rows, columns=["name", "about", "value", "range", "standing", "source"])
    columns = [
        tables.Column("name", "Assumption"),
        tables.Column("about", "What it is", secondary=True),
        tables.Column("value", "Middle", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("standing", ""),
        tables.Column("source", "Who says so, and what would replace it", secondary=True),
    ]
    return TableBlock(_how_many_measured(list(each.values())), tables.table(frame, columns))


def _how_many_measured(each: Sequence[Assumption]) -> str:
    measured = sum(one.standing != ASSUMED for one in each)
    if not measured:
        return "What these scenarios take for granted: nothing of it was measured here"
    was = "was" if measured == 1 else "were"
    return f"What these scenarios take for granted: {prose.spelled(measured)} of {len(each)} {was} measured here"


def _size(one: Assumption) -> tuple[str, str]:
    """The middle and the 80 % range, as they are drawn."""
    low, high = tails(EIGHT_IN_TEN)
    ends = np.quantile(one.draw(_SEED, _DRAWS), [0.5, low, high])
    form = prose.Number(2)
    return prose.estimate(*ends, form).value, prose.span(*ends[1:], form)


def _standing(one: Assumption) -> marks.Mark:
    return marks.tag(one.standing, "stale" if one.standing == ASSUMED else "good")
