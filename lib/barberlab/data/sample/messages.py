"""Who is written to, and does it help? Monthly campaigns with hold-outs; a message makes some clients book at once."""

from typing import TYPE_CHECKING

import numpy as np

from barberlab.data.sample.axis import NEVER

if TYPE_CHECKING:
    from barberlab.data.sample.life import Life

CAMPAIGNS = ("rebook_reminder", "we_miss_you")
MEDIA = ("sms", "email")
HOLDOUT = 0.25  # of those due a message
WITHIN = 21  # the truth says who would have come within so many days in any case
_UNSEEN = ((26, 38), (45, 90))  # days since the last visit at which each campaign writes
_CHOSEN = 0.5  # of those
_MINUTE = 11 * 60


def write(life: "Life", day: int) -> None:
    """First Tuesday of a month: a reminder to those just due; third Tuesday: "we miss you" to those long unseen."""
    axis = life.world.axis
    week = (axis.day_of_month[day] - 1) // 7
    if axis.weekday[day] != 1 or week not in (0, 2):
        return
    campaign = week // 2
    who = _addressed(life, day, *_UNSEEN[campaign])
    holdout = life.rng.random(len(who)) < HOLDOUT
    alive = life.gone[who] > day
    anyway = alive & (life.wanted[who] <= day + WITHIN) & (life.gone[who] >= life.wanted[who])
    life.log.send(
        client=who,
        campaign=np.full(len(who), campaign),
        day=np.full(len(who), day),
        minute=_MINUTE + np.arange(len(who)) // 60,
        medium=(life.rng.random(len(who)) < 0.4).astype(int),
        holdout=holdout,
        alive=alive,
        anyway=anyway,
    )
    moved = ~holdout & alive & (life.wanted[who] > day + 9) & (life.rng.random(len(who)) < life.clients.response[who])
    life.gone[who[moved]] = NEVER
    life.soon(who[moved], day, 2, 9)


def _addressed(life: "Life", day: int, low: int, high: int) -> np.ndarray:
    """Clients who agreed to messages, hold no booking and were last seen `low` to `high - 1` days ago: half of them."""
    unseen = day - life.last
    due = (unseen >= low) & (unseen < high) & (life.due == NEVER) & (life.visits > 0)
    who = np.flatnonzero(due & (life.clients.consent_marketing == 1) & ~life.clients.anonymous)
    return who[life.rng.random(len(who)) < _CHOSEN]
