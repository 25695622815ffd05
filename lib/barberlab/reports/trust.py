"""May I trust this page? Data age, quality gates, what was refused, what each number means: on every report."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from barberlab.data.moments import last_day
from barberlab.reports import marks, prose, tables
from barberlab.reports.blocks import Block, FiveLines, Paragraph, StatusLine, TableBlock

_SIGN = {True: ("holds", "good"), False: ("fails", "bad"), None: ("nothing to judge", "na")}


def status(facts: Mapping[str, Any], as_of: datetime, quality: pd.DataFrame) -> StatusLine:
    """The page's first line: how far the data reach, which checks hold, what kind of data it is."""
    failed = int(quality["passed"].eq(False).fillna(False).sum())
    judged = int(quality["passed"].notna().sum())
    checks = f"{judged - failed} of {judged} data checks hold"
    said = [("good", f"Data to {_until(as_of, facts['timezone'])}"), ("bad" if failed else "good", checks)]
    if facts["level"] == "day":
        said.append(("", "Daily totals only: no clients, no barbers"))
    return StatusLine(tuple(said))


def _until(as_of: datetime, zone: str) -> str:
    """A day that is over is called by its name, not by the midnight after it."""
    whole_day = as_of.astimezone(ZoneInfo(zone)).time() == time()
    return f"the end of {prose.day(last_day(as_of, zone))}" if whole_day else prose.moment(as_of, zone)


def gates(quality: pd.DataFrame) -> TableBlock:
    """Every data-quality gate with what was counted."""
    frame = quality.reset_index()
    frame["verdict"] = [marks.tag(*_SIGN[None if pd.isna(passed) else bool(passed)]) for passed in frame["passed"]]
    frame["words"] = frame["words"].str.capitalize()
    frame["code"] = [marks.unbroken(gate) for gate in frame["gate"]]
    columns = [
        tables.Column("code", "Check"),
        tables.Column("words", "What must hold"),
        tables.Column("counted", "What was counted", secondary=True),
        tables.Column("verdict", "Verdict"),
    ]
    failed = frame.loc[[v is False for v in quality["passed"].to_numpy(object)], "gate"]
    title = (
        f"{prose.listed(list(failed))} {'fails' if len(failed) == 1 else 'fail'}" if len(failed) else "All checks hold"
    )
    return TableBlock(title, tables.table(frame, columns), subtitle="Measured on the data version behind this page")


def refused(quarantined: Mapping[str, int], notes: list[str]) -> FiveLines | Paragraph:
    """Rows in quarantine, what the source's mapping says of itself, and what the source could not say."""
    rows = [
        (f"{prose.plural(n, 'row')} of {table}.", "In quarantine, with their reasons.")
        for table, n in quarantined.items()
    ]
    unknown = [note.partition(_UNKNOWN) for note in notes if _UNKNOWN in note]
    rows += [(note, "") for note in notes if not any(word in note for word in (_UNKNOWN, "is not in the contract"))]
    rows += [
        (f"{_sentence(table)}.", f"The source does not say {_sentence(what).lower()}.") for table, _, what in unknown
    ]
    return FiveLines(tuple(rows)) if rows else Paragraph("No row was refused, and the source left nothing out.")


_UNKNOWN = ": taken as unknown: "


def _sentence(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


# What needs how much history, in months. New clients: `rollup.NEW_CLIENT_HISTORY`. A shop's change: blocks enough to
# tell chance, beyond the two years compared; a network of many shops has them a little sooner, one of few later.
NEEDS_MONTHS = (
    (6, "telling new clients from old ones"),
    (13, "a comparison with the same weeks of last year"),
    (16, "telling a shop's real change from chance"),
    (24, "a season: what is usual for the time of year"),
)


def history(start: date, today: date) -> Block:
    """How long the data reach back, and what that is too short for."""
    months = (today - start).days / 30.44
    span = f"{prose.day(start)} to {prose.day(today)}, {months:.1f} months"
    short = [(f"Too short for {what}.", f"Needs {needed} months.") for needed, what in NEEDS_MONTHS if months < needed]
    if not short:
        return Paragraph(f"History: {span}. Long enough for everything on this page.")
    return FiveLines(((f"History: {span}.", ""), *short))


def definitions(catalogue: pd.DataFrame) -> TableBlock:
    """What each metric means, and what this network lacks for it."""
    frame = catalogue.reset_index()
    have = [
        marks.tag("available", "good") if needs is None else marks.tag(f"needs {needs}", "na")
        for needs in frame["needs"]
    ]
    columns = [
        tables.Column("label", "Metric"),
        tables.Column("definition", "What it counts"),
        tables.Column("null_rule", "When it is unknown", secondary=True),
        tables.Column("have", "Here"),
    ]
    return TableBlock("One definition for each number", tables.table(frame.assign(have=have), columns))
