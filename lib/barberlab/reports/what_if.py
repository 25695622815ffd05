"""What if something changed? Levers played on the forecast's own futures, and what each takes for granted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from barberlab.models import scenarios
from barberlab.models.assumptions import ASSUMED, Assumption
from barberlab.models.intervals import EIGHT_IN_TEN, tails
from barberlab.reports import marks, prose, tables
from barberlab.reports.blocks import Block, NotAvailable, TableBlock

if TYPE_CHECKING:
    from barberlab.models.outlook import Outlook

_SEED, _DRAWS = 0, 400


def usual_levers(found: Outlook | NotAvailable) -> list[scenarios.Lever]:
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


def what_if(found: Outlook | NotAvailable, levers: Sequence[scenarios.Lever], currency: str, seed: int = 0) -> Block:
    """The paired effect of each lever on the horizon's revenue of all shops, each played alone."""
    if isinstance(found, NotAvailable):
        return found
    played = [scenarios.play(found.paths.astype(float), lever, seed) for lever in levers]
    form = prose.Money(currency)
    totals = [one.total(EIGHT_IN_TEN) for one in played]
    frame = pd.DataFrame(
        {
            "change": [one.words.capitalize() for one in played],
            "effect": [prose.estimate(middle, low, high, form).value for low, middle, high in totals],
            "range": [prose.span(low, high, form, "prose") for low, _, high in totals],
            "chance": [prose.chance(one.chance_of_gain()) for one in played],
        }
    )
    columns = [
        tables.Column("change", "What changes"),
        tables.Column("effect", "Effect on revenue", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("chance", "Chance it brings more", right=True, secondary=True),
    ]
    futures = prose.count(found.paths.shape[-1])
    subtitle = f"Each played alone on the same {futures} simulated futures, against the same futures without it."
    note = "Revenue, before any cost. The effects are those of the assumptions below."
    return TableBlock(_largest(played, totals, form), tables.table(frame, columns), subtitle=subtitle, note=note)


def _largest(played: list[scenarios.Played], totals: list[tuple[float, float, float]], form: prose.Format) -> str:
    """The lever with the largest gain that is more than chance, in a sentence."""
    sure = [
        (middle, one.words, prose.span(low, high, form, "prose"))
        for one, (low, middle, high) in zip(played, totals, strict=True)
        if one.chance_of_gain() >= prose.COULD_BE_CHANCE
    ]
    if not sure:
        return "None of these changes very likely brings more revenue"
    _, words, span = max(sure)
    return f"The most would come from {words}: {span} if the assumptions hold"


def assumptions(levers: Sequence[scenarios.Lever]) -> Block:
    """What each scenario rests on: the number, how sure, who says so."""
    found = {one.name: one for lever in levers for one in lever.assumptions}
    rows = [(one.name.capitalize(), one.about, *_size(one), _standing(one), one.source) for one in found.values()]
    frame = pd.DataFrame(rows, columns=["name", "about", "value", "range", "standing", "source"])
    columns = [
        tables.Column("name", "Assumption"),
        tables.Column("about", "What it is", secondary=True),
        tables.Column("value", "Middle", right=True),
        tables.Column("range", "8 in 10", right=True),
        tables.Column("standing", ""),
        tables.Column("source", "Who says so", secondary=True),
    ]
    return TableBlock("What these scenarios take for granted", tables.table(frame, columns))


def _size(one: Assumption) -> tuple[str, str]:
    """The middle and the 80 % range, as they are drawn."""
    low, high = tails(EIGHT_IN_TEN)
    ends = np.quantile(one.draw(_SEED, _DRAWS), [0.5, low, high])
    form = prose.Number(2)
    return prose.estimate(*ends, form).value, prose.span(*ends[1:], form)


def _standing(one: Assumption) -> marks.Mark:
    return marks.tag(one.standing, "stale" if one.standing == ASSUMED else "good")
