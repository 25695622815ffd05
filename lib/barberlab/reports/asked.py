"""Whom does one shop ask back this week? Its part of the network's list, pseudonyms only, for who runs the shop."""

import pandas as pd

from barberlab.reports import board_clients, executive, pages, prose, shop_board, tables
from barberlab.reports.asking import SHORT_ID
from barberlab.reports.blocks import Block, Foot, Headline, Paragraph, TableBlock
from barberlab.reports.executive import currency, facts, names, told
from barberlab.reports.left import Everything

_HOW = (
    "Clients are pseudonyms here. The command “barberlab resolve” writes the list with the codes of the shop’s own "
    "system, for its owner or manager, to a file outside of this workspace. Ordered by expected gain; some are left "
    "uncalled by lot, so that it can be told whether asking helps. Never a discount, never a message to all."
)


def page(found: Everything, shop: str, run_id: str) -> str:
    """The whole HTML page of one shop's list. found: what all reports of its network left.

    Raises NotAvailable before the first retention report.
    """
    mine = shop_board.own(found, shop)
    rows = mine.table(board_clients.REPORT, "contacts")
    name, run = names(mine)[shop], mine.run(board_clients.REPORT)
    asked = int((~rows["held_out"].astype(bool)).sum())
    who = prose.plural(asked, "client") if asked else "nobody"
    front = Headline(f"{name}: {who} to ask back this week", eyebrow=f"{name} · {facts(mine)['name']}")
    sections = [pages.Section("The list", (listed(mine, rows),)), pages.Section("How to use it", (Paragraph(_HOW),))]
    body, contents = pages.compose([front, executive.status(mine)], sections)
    said = (f"Run {run_id}", f"Clients of {run.run_id}")
    home = (f"../{shop_board.href(shop)}", name)
    network = facts(mine)["name"] or found.network
    return pages.page(
        f"{name}, clients to ask back", body, contents=contents, network=network, facts=said, home=home, foot=Foot(said)
    )


def listed(mine: Everything, rows: pd.DataFrame) -> Block:
    """Each client with the reason, what to do, and what that brings; those left uncalled in their place."""
    if rows.empty:
        return Paragraph("No contact is worth its cost in this shop this week. Next look: in a week.")
    staff = told(lambda: mine.table("shop", "staff"), pd.DataFrame(columns=["staff_id", "display_name"]))
    barbers = dict(zip(staff["staff_id"], staff["display_name"], strict=True))
    money = prose.Money(currency(mine))
    said = [prose.estimate(row.gain, row.gain_low80, row.gain_high80, money, "table") for row in rows.itertuples()]
    frame = rows.assign(
        client=[who[:SHORT_ID] for who in rows["client_id"]],
        barber=[barbers.get(who, prose.MISSING) for who in rows["staff_id"]],
        ask=["● left uncalled on purpose" if row.held_out else row.ask for row in rows.itertuples()],
        leaving=[prose.chance(p) for p in rows["no_visit"]],
        gains=[one.value for one in said],
        range=[one.eight_in_ten.removeprefix("8 in 10: ") for one in said],
    )
    columns = [
        tables.Column("client", "Client"),
        tables.Column("barber", "Barber", secondary=True),
        tables.Column("why", "Why"),
        tables.Column("ask", "Ask"),
        tables.Column("leaving", "Leaving", right=True, secondary=True),
        tables.Column("worth", "Worth", money.table, unit="a year", secondary=True),
        tables.Column("gains", "Gain", right=True),
        tables.Column("range", "8 in 10", right=True, secondary=True),
    ]
    held = int(rows["held_out"].astype(bool).sum())
    return TableBlock(
        f"{prose.plural(len(rows), 'client')}, {prose.count(held)} left uncalled", tables.table(frame, columns)
    )
