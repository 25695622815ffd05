"""How does a finished notebook become pages? The seam between running and showing: what runs need of `reports`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from barberlab.data.moments import last_day
from barberlab.runs import drawings, pdf
from barberlab.runs.jobs import BOARDS
from barberlab.runs.parameters import OWN

if TYPE_CHECKING:
    import nbformat
    import pandas as pd

    from barberlab.params import Params
    from barberlab.reports.left import Everything


@dataclass(frozen=True)
class Context:
    """What a page may say of its run beside the notebook's own words. left: of a board's, what it was made of."""

    network: str
    report: str
    run_id: str
    facts: dict[str, Any]
    as_of: datetime
    version: int
    parameters: dict[str, Any]
    params: Params
    aside: bool = False
    left: Everything | None = None


@dataclass(frozen=True)
class Standing:
    """How one report of one network stands. `page` is relative to the network's folder, `as_of` is the page's, in UTC.

    `reason` says in one line why the last run was not published, or why what was published can no longer be read.
    """

    network: str
    name: str
    report: str
    page: str | None
    run_id: str | None
    period: str
    as_of: datetime | None
    timezone: str
    reason: str


type Maker = Callable[[dict[str, pd.DataFrame], Context], dict[str, str]]


@dataclass(frozen=True)
class Pages:
    """How a finished notebook becomes pages.

    render: notebook and context -> the report's page. check: page -> what keeps it from being read. makers: by report,
    the tables its notebook kept and context -> further pages by their path in the run, such as "shop/s01.html". index:
    how reports stand, of one network or (None) of all, and the clock's time -> a page that links them. figures:
    notebook -> each figure as an SVG document, by its slug. pdf: page and its data's moment -> PDF; raises NotPrinted.

    All are functions of a module, so that another process can be told which they are.
    """

    render: Callable[[nbformat.NotebookNode, Context], str]
    check: Callable[[str], list[str]]
    makers: Mapping[str, Maker]
    index: Callable[[Sequence[Standing], str | None, datetime], str]
    figures: Callable[[nbformat.NotebookNode], Mapping[str, str]]
    pdf: Callable[[str, datetime], bytes]


STALE_DAYS = 2  # the freshness gate's 48 hours


def house_pages() -> Pages:
    """The pages of this house."""
    return Pages(_page, _check, MAKERS, _index, drawings.of, pdf.printed)


def _shops(tables: dict[str, pd.DataFrame], context: Context) -> dict[str, str]:
    """The page of each shop and of each barber in it, from what the notebook kept."""
    from barberlab import periods  # noqa: PLC0415
    from barberlab.reports import barber, shop  # noqa: PLC0415

    span = periods.period(context.parameters["period"], last_day(context.as_of, context.facts["timezone"]))
    facts = {"network": context.network} | context.facts
    targets = context.params.methodology
    ids = tables["locations"]["location_id"]
    pages = {shop.href(one): shop.page(tables, one, span, facts, context.as_of, targets) for one in ids}
    known = set(ids)
    return pages | {
        barber.href(place, who): barber.page(tables, place, who, span, facts, context.as_of)
        for place, who in barber.worked(tables["chairs"])
        if place in known
    }


def _boards(tables: dict[str, pd.DataFrame], context: Context) -> dict[str, str]:
    """The board of each shop, and the list of its clients to ask back where there is one."""
    from barberlab.reports import asked, executive, shop_board  # noqa: PLC0415

    found, ids = context.left, list(executive.names(context.left))
    made = {shop_board.href(one): shop_board.page(found, one, context.run_id) for one in ids}
    if "contacts" in executive.told(lambda: found.run("retention").tables, {}):
        made |= {shop_board.list_href(one): asked.page(found, one, context.run_id) for one in ids}
    return made


# Reports that have further pages, from the tables that their notebook kept, and boards from what other runs left.
MAKERS: dict[str, Maker] = {"shop": _shops, "manager": _boards}


def _page(notebook: nbformat.NotebookNode, context: Context) -> str:
    from barberlab.reports import blocks, pages  # noqa: PLC0415

    is_board = context.report in BOARDS
    given = [f"{name} {value}" for name, value in context.parameters.items() if value and name not in OWN]
    facts = [f"Data to {_day(context.as_of, context.facts['timezone'])}", f"Data version {context.version}", *given]
    foot = blocks.Foot((f"Run {context.run_id}", *facts))
    return pages.from_notebook(
        notebook,
        network=context.facts.get("name") or context.network,
        facts=facts,
        foot=foot,
        home=(f"{'../' * (2 if context.aside else 1)}index.html", "All pages"),
        kind="board" if is_board else "",
    )


def _check(page: str) -> list[str]:
    # What belongs to `reports` is imported where it is used: a batch of unchanged networks needs none of it.
    from barberlab.reports import accessible  # noqa: PLC0415

    return accessible.check(page)


def _index(standings: Sequence[Standing], network: str | None, now: datetime) -> str:
    from barberlab.reports import pages  # noqa: PLC0415

    entries = [_entry(standing, f"{standing.network}/" if network is None else "", now) for standing in standings]
    names = list(dict.fromkeys(standing.name for standing in standings))
    behind = sum(entry.state == "bad" for entry in entries)
    lede = f"{len(entries)} reports, {behind} of them could not be renewed." if behind else ""
    return pages.index(entries, lede=lede, network=names[0] if network and names else network or "")


def _entry(standing: Standing, prefix: str, now: datetime):
    from barberlab.reports import pages  # noqa: PLC0415

    age = (now - standing.as_of).days if standing.as_of else 0
    state, status = ("stale", f"data {age:,} days old") if age > STALE_DAYS else ("good", "published")
    if standing.reason:
        state, status = "bad", f"not renewed: {standing.reason}"
    return pages.Entry(
        network=standing.name,
        report=standing.report.replace("_", " ").replace("-", " ").capitalize(),
        href=f"{prefix}{standing.page}" if standing.page else "",
        period=_period(standing),
        data_to=_day(standing.as_of, standing.timezone) if standing.as_of else "",
        state=state,
        status=status,
    )


def _period(standing: Standing) -> str:
    """What a report without a period of its own speaks of: the last month that its data hold whole."""
    from barberlab import periods  # noqa: PLC0415

    if standing.as_of is None:
        return ""
    return periods.period(standing.period, last_day(standing.as_of, standing.timezone)).name


def _day(as_of: datetime, zone: str) -> str:
    from barberlab.reports import prose  # noqa: PLC0415

    return prose.day(last_day(as_of, zone))
