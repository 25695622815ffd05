"""Who is told that a report fails, and when? Once when it begins, once when it is over, by every channel that is set.

What is to be told waits in the journal until its channel took it, so that neither a crash nor a mail server that is
down loses it. A message names network, report and reason; it holds no row of data.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from barberlab.runs import channels
from barberlab.runs.journal import Incident, Journal, Key, Message
from barberlab.runs.schedule import Schedule

FAILED, RECOVERED = "failed", "recovered"
LONGEST_REASON = 300
SLOWEST = timedelta(hours=6)  # between two tries of a message
GIVEN_UP = timedelta(days=5)


def note(plan: Schedule, book: Journal, key: Key, now: datetime) -> None:
    """Open an incident for a failure that is new, close it with the first run that passes; messages wait for `send`."""
    record, incident = book.records[key], book.incidents.get(key)
    if not record.well and incident is None:
        book.incidents[key] = incident = Incident(now, record.reason[:LONGEST_REASON])
        _put(plan, book, key, FAILED, incident, now)
    elif record.well and incident is not None:
        del book.incidents[key]
        _put(plan, book, key, RECOVERED, incident, now)


def _put(plan: Schedule, book: Journal, key: Key, event: str, incident: Incident, now: datetime) -> None:
    network, report = key
    for channel in plan.told_by(report).channels:
        message = Message(event, network, report, incident.reason, incident.since, now, channel)
        book.outbox.append(message)


def send(plan: Schedule, book: Journal, now: datetime) -> list[str]:
    """Send what waits and is to be tried by now; gives what did not get out, in one line each.

    A message is tried again after 1, 2, 4, ... minutes, at most six hours, and for five days.
    """
    left: list[Message] = []
    untold = []
    for message in book.outbox:
        waits = any(_of(message) == _of(earlier) for earlier in left)
        if waits or _is_early(message, now):
            left.append(message)
            continue
        channel = getattr(plan.told_by(message.report), message.channel)
        why = channels.send(channel, message) if channel else None
        if why is None:
            continue
        untold.append(f"{message.network} {message.report}: {message.channel} was not told: {why}")
        if now - message.at < GIVEN_UP:
            wait = min(timedelta(minutes=2**message.tries), SLOWEST)
            left.append(replace(message, tries=message.tries + 1, again=now + wait))
    book.outbox = left
    return untold


def _of(message: Message) -> tuple[str, str, str]:
    # Nobody is told that something is well again before it was told that it failed.
    return message.network, message.report, message.channel


def _is_early(message: Message, now: datetime) -> bool:
    """Whether its next try is still to come; one that lies further ahead than any wait is a wrong clock's."""
    return message.again is not None and now < message.again <= now + SLOWEST
