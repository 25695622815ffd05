"""Did the runs go well? The words, tables and figures of the operators' page, over all networks and without their data.

`runs` and `cells` are what `runs.history` gives: a row a run, and a row a cell of its notebook.
"""

from datetime import datetime, timedelta

import pandas as pd

from barberlab.reports import figures, marks, prose, tables
from barberlab.reports.blocks import (
    Block,
    FiveLines,
    Headline,
    KeyFigure,
    KeyFigures,
    NotAvailable,
    Paragraph,
    StatusLine,
    TableBlock,
)

STALE_DAYS = 2  # the freshness gate's 48 hours
MOST_ROWS = 40  # of a table of networks; the worst come first
MOST_CELLS = 10
FEWEST_DAYS = 3  # fewer make no course
_SECONDS = prose.Number(1)
_NO_RUNS = "a run: barberlab run --all"


def opening(runs: pd.DataFrame, now: datetime, days: int) -> Headline:
    """The page's answer: how many runs were published, and how much cannot be renewed now."""
    lede = f"{prose.plural(len(runs), 'run')} of {prose.plural(_networks(runs), 'network')}. Counted, not estimated."
    return Headline(_answer(runs), lede, eyebrow=f"Operations · {days} days to {prose.day(now)}")


def _answer(runs: pd.DataFrame) -> str:
    if runs.empty:
        return "Nothing ran"
    good, broken = int(_published(runs).sum()), len(failing(runs))
    ran = (
        "Every run was published" if good == len(runs) else f"{prose.count(good)} of {len(runs):,} runs were published"
    )
    if good == len(runs):
        return ran
    reports = prose.plural(broken, "report")
    return f"{ran}, {reports} cannot be renewed now" if broken else f"{ran}, and all reports are renewed again"


def status(runs: pd.DataFrame, now: datetime, free: int) -> StatusLine:
    """The first line: what fails now, how old the oldest network's data are, how much disk is left."""
    broken, ages = len(failing(runs)), data_ages(runs, now)
    said = [
        ("bad" if broken else "good", f"{prose.plural(broken, 'report')} failing now" if broken else "None failing")
    ]
    if len(ages):
        oldest = ages.iloc[0]
        state = "stale" if oldest["days"] > STALE_DAYS else "good"
        said.append((state, f"Oldest data: {prose.plural(int(oldest['days']), 'day')}, {oldest['network']}"))
    return StatusLine((*said, ("", f"{size(free)} of disk left")))


def key_figures(runs: pd.DataFrame) -> KeyFigures:
    """Runs, the share published, how long they take, what fails now."""
    seconds, good = runs.loc[_published(runs), "seconds"], int(_published(runs).sum())
    return KeyFigures(
        (
            KeyFigure("Runs", prose.count(len(runs)), sub=f"of {prose.plural(_networks(runs), 'network')}"),
            KeyFigure("Published", prose.rate(good, len(runs)), sub=f"{prose.count(good)} of {prose.count(len(runs))}"),
            KeyFigure("Time of a run", _took(seconds.median()), sub=f"19 in 20 under {_took(seconds.quantile(0.95))}"),
            KeyFigure("Failing now", prose.count(len(failing(runs))), sub="reports of a network"),
        )
    )


def failing(runs: pd.DataFrame) -> pd.DataFrame:
    """Reports whose newest run was not published: network, report, since, reason; the longest first.

    `since` is the first of the failed runs without a published one between.
    """
    rows = []
    for (network, report), own in runs.sort_values(["started", "run_id"]).groupby(["network", "report"]):
        good = _published(own).to_numpy()
        if not good[-1]:
            first = own.iloc[len(good) - good[::-1].argmax() if good.any() else 0]
            rows.append((network, report, first["started"], own.iloc[-1]["reason"]))
    frame = pd.DataFrame(rows, columns=["network", "report", "since", "reason"])
    return frame.sort_values("since", ignore_index=True)


def failing_now(runs: pd.DataFrame) -> Block:
    """What an operator has to look at."""
    frame = failing(runs)
    if frame.empty:
        return Paragraph("No report is failing: the newest run of each was published.")
    columns = [
        *(tables.Column("network", "Network"), tables.Column("report", "Report")),
        tables.Column("since", "Since", _minute, right=False),
        tables.Column("reason", "Reason"),
    ]
    title = f"{prose.plural(len(frame), 'report')} cannot be renewed"
    return _table(title, frame, columns, "The last good page of each stays in place. Times in UTC, the longest first.")


def causes(runs: pd.DataFrame) -> Block:
    """Failed runs by what stopped them."""
    failed = runs[~_published(runs)]
    if failed.empty:
        return Paragraph("No run failed.")
    grouped = failed.sort_values("started").groupby("cause")
    frame = grouped.agg(
        runs=("run_id", "size"), networks=("network", "nunique"), last=("started", "max"), reason=("reason", "last")
    ).reset_index()
    frame = frame.sort_values(["runs", "cause"], ascending=[False, True])
    columns = [
        tables.Column("cause", "Cause"),
        *(tables.Column("runs", "Runs", prose.count), tables.Column("networks", "Networks", prose.count)),
        tables.Column("last", "Last", _minute, right=False, secondary=True),
        tables.Column("reason", "Its reason", secondary=True),
    ]
    return _table(f"{prose.plural(len(failed), 'failed run')} by cause", frame, columns, "The most frequent first.")


def success_by_day(runs: pd.DataFrame) -> Block:
    """The share of runs that were published, by day."""
    by_day = _by_day(runs).agg(good=("good", "sum"), runs=("good", "size"))
    title = f"{prose.count(int(by_day['good'].sum()))} of {prose.plural(len(runs), 'run')} were published"
    course = by_day.assign(value=by_day["good"] / by_day["runs"])
    return _course(course, "success-by-day", title, "Share of runs published, by day in UTC", prose.Rate())


def seconds_by_day(runs: pd.DataFrame) -> Block:
    """How long a published run took, by day."""
    course = _by_day(runs[_published(runs)]).agg(value=("seconds", "median"))
    last = _took(course["value"].iloc[-1]) if len(course) else ""
    title = f"A run took {last} on the last day"
    return _course(course, "seconds-by-day", title, "Median time of published runs, seconds, by day in UTC", _SECONDS)


def durations(runs: pd.DataFrame) -> Block:
    """Each report: how often it ran, was published, and how long it took."""
    if runs.empty:
        return NotAvailable("Durations", _NO_RUNS)
    rows = [_duration(report, own) for report, own in runs.groupby("report")]
    columns = [
        *(tables.Column("report", "Report"), tables.Column("runs", "Runs", prose.count)),
        tables.Column("published", "Published", prose.count),
        *(tables.Column(key, label, _SECONDS.table, unit="s") for key, label in _TIMES),
        tables.Column("slowest", "Slowest network", secondary=True),
    ]
    subtitle = "Published runs. Median, and what 19 in 20 stay under; cells alone, then the page."
    return _table("Time of a run, by report", pd.DataFrame(rows), columns, subtitle)


_TIMES = (("median", "Median"), ("most", "19 in 20"), ("execute", "Cells"), ("render", "Page"))


def _duration(report: str, own: pd.DataFrame) -> dict[str, object]:
    good = own[_published(own)]
    by_network = good.groupby("network")["seconds"].median()
    return {
        "report": report,
        "runs": len(own),
        "published": len(good),
        "median": good["seconds"].median(),
        "most": good["seconds"].quantile(0.95),
        "execute": good["execute_s"].median(),
        "render": good["render_s"].median(),
        "slowest": by_network.idxmax() if len(by_network.dropna()) else prose.MISSING,
    }


def slowest_cells(cells: pd.DataFrame) -> Block:
    """Where the time goes: the cells whose median is longest, and their share of their notebook's."""
    timed = cells[cells["seconds"] > 0]
    if timed.empty:
        return NotAvailable("Slowest cells", _NO_RUNS)
    frame = timed.groupby(["report", "cell"])["seconds"].agg(runs="size", median="median", most="max").reset_index()
    frame["share"] = frame["median"] / frame.groupby("report")["median"].transform("sum")
    frame = frame.sort_values(["median", "report", "cell"], ascending=[False, True, True]).head(MOST_CELLS)
    frame["place"] = [f"{report}, cell {cell}" for report, cell in zip(frame["report"], frame["cell"], strict=True)]
    columns = [
        *(tables.Column("place", "Cell"), tables.Column("runs", "Runs", prose.count, secondary=True)),
        tables.Column("median", "Median", _SECONDS.table, unit="s"),
        tables.Column("most", "Longest", _SECONDS.table, unit="s"),
        tables.Column("share", "Of its notebook", prose.Rate().table),
    ]
    return _table("The slowest cells", frame, columns, "Counted from the top of the executed notebook, words and all.")


def data_ages(runs: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """How old the data behind each network's newest run are: network, as_of, days; the oldest first."""
    known = runs.dropna(subset=["data_as_of"]).sort_values(["started", "run_id"])
    frame = known.groupby("network", as_index=False).agg(as_of=("data_as_of", "last"))
    frame["days"] = (pd.Timestamp(now) - frame["as_of"]) // timedelta(days=1)
    return frame.sort_values(["days", "network"], ascending=[False, True], ignore_index=True)


def ages(runs: pd.DataFrame, now: datetime) -> Block:
    """Each network's data against the clock."""
    frame = data_ages(runs, now)
    if frame.empty:
        return NotAvailable("Data age", _NO_RUNS)
    stale = int((frame["days"] > STALE_DAYS).sum())
    words = {True: ("stale", "stale"), False: ("fresh", "good")}
    frame["state"] = [marks.tag(*words[bool(days > STALE_DAYS)]) for days in frame["days"]]
    columns = [
        *(tables.Column("network", "Network"), tables.Column("as_of", "Data to", _minute, right=False)),
        *(tables.Column("days", "Days old", prose.count), tables.Column("state", "State")),
    ]
    title = f"{prose.plural(stale, 'network')} with data over {STALE_DAYS} days old" if stale else "All data are fresh"
    return _table(title, frame, columns, "Behind the newest run of each network. Times in UTC, the oldest first.")


def disk_used(data: int, outputs: int, free: int) -> FiveLines:
    """What the workspace takes and what is left, in bytes."""
    kept = "barberlab prune keeps the last runs of each report and the data versions that they name."
    return FiveLines(((f"Runs take {size(outputs)}, data {size(data)}.", kept), (f"{size(free)} are left.", "")))


def disk_by_network(runs: pd.DataFrame) -> Block:
    """Which networks' runs take most of it."""
    if runs.empty:
        return NotAvailable("Runs by network", _NO_RUNS)
    frame = runs.groupby("network", as_index=False).agg(runs=("run_id", "size"), bytes=("bytes", "sum"))
    frame = frame.sort_values(["bytes", "network"], ascending=[False, True])
    columns = [
        *(tables.Column("network", "Network"), tables.Column("runs", "Runs kept", prose.count)),
        tables.Column("bytes", "Size", size),
    ]
    return _table("Runs by network", frame, columns, "The largest first.")


def size(amount: float) -> str:
    """Bytes in the largest unit that leaves at least one: 1.4 GB."""
    units = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
    for one, unit in units:
        if amount >= one:
            return f"{prose.Number(1).table(amount / one)} {unit}"
    return f"{prose.count(amount)} bytes"


def _published(runs: pd.DataFrame) -> pd.Series:
    return runs["state"] == "published"


def _networks(runs: pd.DataFrame) -> int:
    return runs["network"].nunique()


def _by_day(runs: pd.DataFrame):
    days = runs["started"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    return runs.assign(good=_published(runs), period=days).groupby("period")


def _course(by_day: pd.DataFrame, slug: str, title: str, subtitle: str, form: prose.Format) -> Block:
    frame = by_day.dropna(subset=["value"]).reset_index()
    if len(frame) < FEWEST_DAYS:
        return NotAvailable(subtitle.partition(",")[0], f"runs on {prose.spelled(FEWEST_DAYS)} days")
    return figures.trend(frame, "period", "value", slug=slug, title=title, subtitle=f"{subtitle}.", form=form)


def _table(title: str, frame: pd.DataFrame, columns: list[tables.Column], subtitle: str) -> TableBlock:
    left = f" {MOST_ROWS} of {len(frame):,} are shown." if len(frame) > MOST_ROWS else ""
    return TableBlock(title, tables.table(frame.head(MOST_ROWS), columns), subtitle=f"{subtitle}{left}")


def _took(seconds: float) -> str:
    return prose.MISSING if prose.missing(seconds) else f"{_SECONDS.table(seconds)} s"


def _minute(when: pd.Timestamp) -> str:
    return f"{prose.day(when)}, {prose.clock(when)}"
