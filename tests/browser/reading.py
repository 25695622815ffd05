"""Reading a page as a person does, and the published tables to hold what was read against."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

from barberlab.runs.published import latest
from barberlab.scope import Scope
from browser.open_house import NETWORK

REVENUE, VISITS, TICKET = "net_service_revenue", "visits", "average_ticket"
ALL = [f"north-{k:02}" for k in range(1, 9)]
OWN = {"fran": ALL, "anna": ALL, "rhea": ALL[:2], "owen": ALL[1:3], "mina": ALL[:1], "bert": []}


def in_full(cents: float) -> str:
    """An amount as a table says it: in whole dollars from $100 on, and to the cent below."""
    digits = "0.01" if abs(cents) < 10_000 and cents else "1"
    amount = (Decimal(str(cents)) / 100).quantize(Decimal(digits), ROUND_HALF_UP)
    return f"{'−' if amount < 0 else ''}${abs(amount):,}"


def within(said: str, cents: float) -> bool:
    """Whether an amount that is said in few digits, such as $89.2k or $162,000, is a rounding of these cents."""
    number, unit = re.fullmatch(r"−?\$([\d,.]+)([kM]?)", said).groups()
    digits = number.replace(",", "")
    decimals = len(digits.partition(".")[2])
    zeros = 0 if "." in digits or unit else len(digits) - len(digits.rstrip("0"))
    scale = Decimal({"": 100, "k": 100_000, "M": 100_000_000}[unit])
    step = scale * Decimal(10) ** (zeros - decimals)
    sign = -1 if said.startswith("−") else 1
    return abs(sign * Decimal(digits) * scale - Decimal(str(cents))) <= step / 2 + 1


def published(place, report: str, table: str, shops: list[str] | None = None, network: str = NETWORK) -> pd.DataFrame:
    """A published table; of some shops, as their own scope reads it."""
    scope = Scope(network, "franchisor") if shops is None else Scope(network, "manager", frozenset(shops))
    return latest(place, scope, report).table(table)


def by_shop(frame: pd.DataFrame, metric: str) -> pd.Series:
    """A metric's value by shop."""
    return frame[frame["metric"] == metric].set_index("location_id")["value"]


def names(place) -> dict[str, str]:
    """Shops' names by id."""
    return published(place, "shop", "locations").set_index("location_id")["name"].to_dict()


def rows(table) -> dict[str, list[str]]:
    """A table on the screen: texts of the cells that follow, by the text of a row's first without its tags."""
    texts = table.locator("tbody tr").evaluate_all(
        """rows => rows.map(row => [...row.cells].map((cell, at) => {
            const tags = at ? [] : [...cell.querySelectorAll(".tag")].map(tag => tag.innerText);
            return tags.reduce((text, tag) => text.replace(tag, ""), cell.innerText).trim();
        }))"""
    )
    return {first: rest for first, *rest in texts}


def key_figure(page, label: str) -> str:
    """The value of the key figure whose label begins so."""
    found = page.locator(".kpi", has=page.locator("dt", has_text=re.compile(f"^{label}")))
    return found.locator(".v").evaluate("value => value.firstChild.textContent").strip()


def opened_numbers(page, figure: str) -> dict[str, list[str]]:
    """The table under a figure, opened as a person opens it."""
    place = page.locator(f"figure#{figure}")
    place.locator("summary").click()
    return rows(place.locator(".numbers table"))
