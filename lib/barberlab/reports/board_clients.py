"""How many clients may not come back, what is that worth, whom to ask? The card of boards, of a network or a shop."""

import pandas as pd

from barberlab import errors
from barberlab.decisions.standing import ALL_SHOPS
from barberlab.reports import marks, prose, tables
from barberlab.reports.blocks import Block, TableBlock
from barberlab.reports.left import Everything

REPORT = "retention"
NAME = "Clients who may not come back"


def at_risk(found: Everything, shop: str = ALL_SHOPS) -> pd.Series:
    """What stands to be lost, of all shops or of one; raises NotAvailable with what it needs."""
    frame = found.table(REPORT, "at_risk")
    if frame.attrs["needs"]:
        raise errors.NotAvailable(NAME, frame.attrs["needs"])
    own = frame[frame["location_id"] == shop]
    if own.empty:
        raise errors.NotAvailable(NAME, f"{prose.FEWEST_FOR_RATE} current clients")
    return own.iloc[0]


def horizon_days(found: Everything) -> int:
    """Within how many days a client who may not come back does not come."""
    return int(found.table(REPORT, "at_risk").attrs["horizon_days"])


def lost(line: pd.Series) -> prose.Estimate:
    """How many clients will likely not come, and its 8 in 10."""
    ends = (float(line[name]) * float(line["n"]) for name in ("churn", "low80", "high80"))
    return prose.estimate(*ends, prose.Count(), "table")


def worth(line: pd.Series, currency: str, form: str = "table") -> prose.Estimate | None:
    """The value at risk of a year with its 8 in 10; None where the data hold no prices."""
    ends = [line[name] for name in ("value_at_risk", "risk_low80", "risk_high80")]
    return None if any(prose.missing(end) for end in ends) else prose.estimate(*ends, prose.Money(currency), form)


def risk_table(found: Everything, currency: str, shop: str = ALL_SHOPS) -> Block:
    """Clients likely lost, value at risk and the week's list, each with its range or what was counted."""
    line, attrs = at_risk(found, shop), found.table(REPORT, "at_risk").attrs
    rows = [
        _row("Likely lost", lost(line)),
        _value(line, currency, attrs["needs_money"]),
        _asked(line, currency, attrs),
    ]
    columns = [
        tables.Column("what", f"Of {prose.count(line['n'])} clients"),
        tables.Column("said", "Expected", unit="8 in 10", right=True),
    ]
    subtitle = (
        f"Seen in the last {attrs['current_days']} days, each judged by its own rhythm. Lost: no visit in the next "
        f"{attrs['horizon_days']} days."
    )
    return TableBlock(_title(line, currency), tables.table(pd.DataFrame(rows), columns), subtitle=subtitle)


def _title(line: pd.Series, currency: str) -> str:
    told = worth(line, currency)
    if told is None:
        return f"{lost(line).value} clients will likely not come back"
    return f"{told.value} a year is at risk"


def _row(what: str, told: prose.Estimate) -> dict[str, object]:
    return {"what": what, "said": marks.under(told.value, told.eight_in_ten.removeprefix("8 in 10: "))}


def _value(line: pd.Series, currency: str, needs: str | None) -> dict[str, object]:
    told = worth(line, currency)
    if told is None:
        return {"what": "Value at risk", "said": marks.tag(f"needs {needs}", "na")}
    return _row("Value at risk, a year", told)


def _asked(line: pd.Series, currency: str, attrs: dict) -> dict[str, object]:
    """The list is counted; its gain is an expectation that the list's own page tells client by client."""
    if attrs["needs_list"]:
        return {"what": "To ask back", "said": marks.tag(f"needs {attrs['needs_list']}", "na")}
    gain = prose.money(float(line["gain"]), currency)
    return {"what": "To ask back this week", "said": marks.under(prose.count(line["to_ask"]), f"expected gain {gain}")}
