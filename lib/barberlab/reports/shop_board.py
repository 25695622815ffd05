"""How is my shop doing? The board of one shop, for who runs it: its own figures, and of its network only sums.

`own` narrows what the reports left to one shop before anything is written, so that no page can tell of another: tables
by shop lose the others' rows, and of those without a shop only the ones named in SHARED are handed on.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from barberlab import errors, files
from barberlab.decisions.standing import ALL_SHOPS
from barberlab.reports import board_clients, compared, executive, marks, measures, pages, prose, shop_cards, tables
from barberlab.reports.blocks import Block, Card, Foot, Headline, KeyFigure, KeyFigures, TableBlock, Verdict
from barberlab.reports.executive import currency, facts, names, told
from barberlab.reports.executive_cards import card
from barberlab.reports.left import Everything, Left
from barberlab.reports.measures import form, judged, label, main_measure, row

# Tables of no one shop that every shop's manager may see: sums of the network, targets, data checks.
SHARED = frozenset(
    {
        *(("performance", name) for name in ("network", "growth", "targets", "quality")),
        ("retention", "uplift"),
    }
)
_SHOP = ("location_id", "unit")
FOLDER, LISTS = "shop", "clients"


def own(found: Everything, shop: str) -> Everything:
    """What of it is this shop's, with the network's sums; see the module's words."""
    return Everything(found.network, {name: _of(run, shop) for name, run in found.runs.items()})


def _of(run: Left, shop: str) -> Left:
    kept = {name: _narrowed(run.report, name, frame, shop) for name, frame in run.tables.items()}
    if "staff" in run.tables and "chairs" in run.tables:
        here = run.tables["chairs"].loc[run.tables["chairs"]["location_id"] == shop, "staff_id"]
        kept["staff"] = run.tables["staff"][run.tables["staff"]["staff_id"].isin(here)]
    draws = {name: data.sel(location=[shop]) for name, data in run.draws.items() if shop in data.get("location", ())}
    return replace(run, tables={name: frame for name, frame in kept.items() if frame is not None}, draws=draws)


def _narrowed(report: str, name: str, frame: pd.DataFrame, shop: str) -> pd.DataFrame | None:
    if (report, name) in SHARED:
        return frame
    by = next((column for column in _SHOP if column in frame), None)
    if by is None:
        return None
    # How many clients the network may lose is a sum, and what a shop's share is held against.
    wanted = [shop, ALL_SHOPS] if (report, name) == (board_clients.REPORT, "at_risk") else [shop]
    return frame[frame[by].isin(wanted)].reset_index(drop=True)


def href(shop: str) -> str:
    """Where a shop's board lies, seen from the page of all shops."""
    return f"{FOLDER}/{files.safe_name(shop)}.html"


def list_href(shop: str) -> str:
    """Where its clients' list lies, seen from there too."""
    return f"{LISTS}/{files.safe_name(shop)}.html"


def page(found: Everything, shop: str, run_id: str) -> str:
    """The whole HTML page of one shop's board. found: what all reports of its network left."""
    mine = own(found, shop)
    name = names(mine)[shop]
    body, _ = pages.compose([*front(mine, shop), *shop_cards.cards(mine, shop, name, list_href(shop))], [])
    said = (f"Run {run_id}", *([] if not mine.runs else [f"Data to {prose.day(_last(mine))}"]))
    network = facts(mine)["name"] or found.network
    home = ("../../index.html", "All pages")
    return pages.page(f"{name}, overview", body, network=network, home=home, foot=Foot(said), kind="board")


def _last(found: Everything) -> Any:
    return max(executive.last_known(found, name) for name in found.runs)


def front(found: Everything, shop: str) -> list[Block]:
    """Status line, answer and key figures. found: what `own` gives."""
    return [executive.status(found), opening(found, shop), key_figures(found, shop)]


# The answer


def opening(found: Everything, shop: str) -> Headline:
    """The shop's answer in a sentence, and what carries it."""
    name, network = names(found)[shop], facts(found)["name"] or found.network
    first = told(lambda: _closed(found, shop), f"{name}: no performance report yet")
    rest = [told(lambda: _ahead(found, shop), ""), told(lambda: shop_cards.placed_said(found, shop), "")]
    rest.append(told(lambda: _clients(found, shop), ""))
    return Headline(f"{first}.", " ".join(filter(None, rest)), eyebrow=f"{name} · {network}")


def _closed(found: Everything, shop: str) -> str:
    shops, span = found.table("performance", "shops"), found.table("performance", "growth").attrs
    name, measure = names(found)[shop], main_measure(shops)
    value = line(found, shop, measure)["value"] if len(shops) else None
    if prose.missing(value) or not value:
        return told(lambda: _shut(found), f"{name} had no visits in {span['name']}")
    what = form(measure, shops.attrs["currency"])(value) + ("" if measure == "net_service_revenue" else " visits")
    begun = f"{name}: {span['name']} {'stands' if span['partial'] else 'closed'} at {what}"
    return begun + (" so far" if span["partial"] else "") + _on_year(found)


def _shut(found: Everything) -> str:
    """Since when a shop is closed; raises NotAvailable for one that is not."""
    place = found.table("performance", "locations").iloc[0]
    if prose.missing(place.get("closed_on")):
        raise errors.NotAvailable("The day of closing", "a shop that closed")
    day = pd.Timestamp(place["closed_on"])
    return f"{place['name']} closed on {day.day} {prose.month(day)}"


def _on_year(found: Everything) -> str:
    moved = found.table("performance", "movers")
    if moved.empty or moved["change"].isna().all():
        return "; a year before is not known"
    judgement, rose = compared.verdict(moved)
    if judgement == "chance":
        return ", not clearly different from a year ago"
    return f", {'up' if rose else 'down'} {prose.change(moved['change'].iloc[0])[1:]} like for like"


def line(found: Everything, shop: str, metric: str) -> pd.Series:
    """The shop's figure of the period; raises NotAvailable with what it needs."""
    frame = found.table("performance", "shops")
    if needs := frame.attrs["needs"].get(metric):
        raise errors.NotAvailable(label(metric), needs)
    if frame.empty:
        raise errors.NotAvailable(label(metric), "a visit in the period or in those it is compared with")
    return row(frame, metric)


def _ahead(found: Everything, shop: str) -> str:
    mine = shop_cards.total_ahead(found, shop)
    printed = prose.span(mine["low80"], mine["high80"], prose.Money(currency(found)), "prose")
    return f"The next {executive.months_said(found)} will likely bring {printed}."


def _clients(found: Everything, shop: str) -> str:
    mine = board_clients.at_risk(found, shop)
    said = board_clients.worth(mine, currency(found), "prose")
    asked = f"{prose.plural(int(mine['to_ask']), 'client')} to ask back this week"
    return f"{asked}; {said.value} a year is at risk ({said.eight_in_ten})." if said else f"{asked}."


# Key figures


def key_figures(found: Everything, shop: str) -> KeyFigures:
    """Revenue, what comes, chair time, who came back, who did not come: the shop's own, the network's beside them."""
    made = (
        ("Service revenue", lambda: _revenue(found, shop)),
        ("Next 6 months", lambda: _foreseen(found, shop)),
        (label("utilisation"), lambda: _chair_time(found, shop)),
        ("Back within 42 days", lambda: _returned(found)),
        (label("no_show_rate"), lambda: _missed(found, shop)),
    )
    return KeyFigures(tuple(executive.or_missing(name, make) for name, make in made))


def _revenue(found: Everything, shop: str) -> KeyFigure:
    shops, span = found.table("performance", "shops"), found.table("performance", "growth").attrs
    measure = main_measure(shops)
    value = form(measure, currency(found))(line(found, shop, measure)["value"])
    moved, change = found.table("performance", "movers"), None
    if len(moved) and moved["change"].notna().any():
        change = Verdict(prose.change(moved["change"].iloc[0]), *compared.verdict(moved), rest="like for like")
    return KeyFigure(f"{label(measure)}, {span['name']}", value, sub=f"counted, {executive.days(span)}", change=change)


def _foreseen(found: Everything, shop: str) -> KeyFigure:
    mine = shop_cards.total_ahead(found, shop)
    said = prose.estimate(mine["mid"], mine["low80"], mine["high80"], prose.Money(currency(found)), "table")
    change = None
    if not prose.missing(mine["p_more"]):
        amount = prose.change(float(mine["mid"]) / float(mine["before"]) - 1)
        verdict = judged("net_service_revenue", float(mine["p_more"]))
        change = Verdict(amount, *verdict, rest="on the same weeks a year before")
    title = f"Next {executive.months_said(found)}"
    beside = "" if not mine["borrowed"] else "season of the network"
    return KeyFigure(title, said.value, sub=said.eight_in_ten, beside=beside, change=change)


def _chair_time(found: Everything, shop: str) -> KeyFigure:
    mine, all_shops = line(found, shop, "utilisation"), row(found.table("performance", "network"), "utilisation")
    sub = f"of {prose.count(mine['denominator'] / 60)} hours; all shops {prose.Rate(1)(all_shops['value'])}"
    beside = executive.target(found, "utilisation")
    return KeyFigure(label("utilisation"), prose.Rate(1)(mine["value"]), sub=sub, beside=beside)


def _missed(found: Everything, shop: str) -> KeyFigure:
    mine, all_shops = line(found, shop, "no_show_rate"), row(found.table("performance", "network"), "no_show_rate")
    network = prose.rate(all_shops["numerator"], all_shops["denominator"])
    return KeyFigure(
        label("no_show_rate"),
        prose.rate(mine["numerator"], mine["denominator"]),
        sub=f"of {prose.count(mine['denominator'])} visits due; all shops {network}",
        beside=executive.target(found, "no_show_rate"),
        change=measures.rate_change(mine, "no_show_rate"),
    )


def _returned(found: Everything) -> KeyFigure:
    frame = found.table("shop", "back")
    if frame.attrs["needs"]:
        raise errors.NotAvailable(label(executive.RETURN), frame.attrs["needs"])
    return executive.returned(frame, executive.target(found, executive.RETURN))


# All shops


def headline(found: Everything) -> Headline:
    """How many shops there are, and that each has its board."""
    shops = names(found)
    own_name = facts(found)["name"] or found.network
    if not shops:
        return Headline("No shop is known yet", f"`barberlab run {found.network}` makes the first reports.")
    return Headline(f"{prose.plural(len(shops), 'shop')}, a board each", eyebrow=f"Shops · {own_name}")


def contents(found: Everything) -> Card:
    """Every shop with the way to its board and what stands there first."""
    return card("Every shop", lambda: _contents(found), span=12)


def _contents(found: Everything) -> Block:
    shops = sorted(names(found).items(), key=lambda item: item[1])
    if not shops:
        raise errors.NotAvailable("Every shop", "a published performance report")
    frame, money = pd.DataFrame([_line(own(found, shop), shop, name) for shop, name in shops]), currency(found)
    columns = [
        tables.Column("shop", "Shop"),
        tables.Column("revenue", "Revenue", prose.Money(money).table, missing="no visit in the period"),
        tables.Column("moved", "Like for like", right=True, missing="not open in both years"),
        tables.Column("ahead", "Next six months", unit="8 in 10", right=True, missing="no forecast", secondary=True),
        tables.Column("segment", "Segment, chance it is right", missing="not placed"),
        tables.Column("risk", "At risk, a year", unit="8 in 10", right=True, missing="not told", secondary=True),
    ]
    subtitle = "By name, not by rank. ▲ ▼ very likely moved; ● could be chance."
    return TableBlock("Every shop", tables.table(frame, columns), subtitle=subtitle)


def _line(mine: Everything, shop: str, name: str) -> dict[str, object]:
    money = prose.Money(currency(mine))
    return {
        "shop": marks.link(name, href(shop)),
        "revenue": told(lambda: line(mine, shop, "net_service_revenue")["value"], None),
        "moved": told(lambda: compared.moves(mine.table("performance", "movers")).get(shop), None),
        "ahead": told(lambda: _ranged(shop_cards.total_ahead(mine, shop), money), None),
        "segment": told(lambda: shop_cards.segment_tag(mine, shop), None),
        "risk": told(lambda: _risk(mine, shop), None),
    }


def _ranged(mine: pd.Series, money: prose.Money) -> marks.Mark:
    said = prose.estimate(mine["mid"], mine["low80"], mine["high80"], money, "table")
    return marks.under(said.value, said.eight_in_ten.removeprefix("8 in 10: "))


def _risk(mine: Everything, shop: str) -> marks.Mark | None:
    said = board_clients.worth(board_clients.at_risk(mine, shop), currency(mine))
    return said and marks.under(said.value, said.eight_in_ten.removeprefix("8 in 10: "))
