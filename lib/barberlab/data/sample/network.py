"""A whole network in one call: the story told, as tables of the contract, with its truth beside it."""

from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from barberlab.data.sample import extras, money, tables
from barberlab.data.sample.axis import Axis
from barberlab.data.sample.spec import NETWORKS, Spec, spec_for
from barberlab.data.sample.story import Story, tell
from barberlab.data.sample.truth import truths
from barberlab.data.sample.world import draw_world
from barberlab.errors import BadInput


@dataclass(frozen=True)
class Sample:
    """A simulated network: `tables` as its system would export them on `as_of` (UTC), `truth` as it was planted."""

    name: str
    as_of: pd.Timestamp
    zone: str
    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate(
    name: str,
    seed: int,
    shops: int = 8,
    months: int = 36,
    until: date = date(2025, 6, 30),
    spec: Spec | None = None,
) -> Sample:
    """The network `name` over the `months` months that end with `until`, with its truth.

    Parameters
    ----------
    name : network id; the three of `NETWORKS` have characters of their own, any other takes after one of them
    seed : same name, seed, shops, months and until: same bytes
    shops : how many, those included that open or close on the way
    months : length of the history; bookings reach up to 84 days beyond it
    until : last day of the history, local
    spec : another character, for tests of a planted effect

    Raises BadInput for a name that is no network id, and for sizes and seeds that are not positive.
    """
    check_size(shops, months, seed)
    spec = spec or spec_for(name)
    story = tell(draw_world(spec, name, seed, Axis.until(until, months), shops), name, seed)
    return Sample(name, story.as_of, spec.zone, _tables(story), truths(story))


def tiny() -> Sample:
    """A pair of shops over four months: small enough to be committed, with every feature, and a clock change inside."""
    north = NETWORKS["north"]
    pay = ("commission", "booth_rental")
    spec = replace(
        north, label="Tiny Barbers", places=north.places[:1], pay=pay, team=(1, 2), shared=1, tenure_years=0.5
    )
    # With this seed someone leaves, someone works in two shops, and each kind of mishap happens at least once.
    return simulate("tiny", seed=33, shops=2, months=4, until=date(2025, 4, 30), spec=spec)


def check_size(shops: int, months: int, seed: int) -> None:
    """Raises BadInput unless there is something to simulate."""
    if shops < 1 or months < 1 or seed < 0:
        raise BadInput(f"{shops} shops, {months} months, seed {seed}: needs at least a shop, a month and a seed >= 0")


def _tables(story: Story) -> dict[str, pd.DataFrame]:
    required = ("networks", "locations", "staff_assignments", "clients", "services", "appointments")
    made = {name: getattr(tables, name)(story) for name in required}
    made["payments"] = money.payments(story)
    made["shifts"] = tables.shifts(story)
    optional = ("calendar", "reviews", "price_history", "contacts", "compliance_items", "memberships")
    made |= {name: getattr(extras, name)(story) for name in optional}
    return made | {"costs": extras.costs(story, made["payments"])}
