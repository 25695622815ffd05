"""What did the last runs keep of the months so far and ahead, for whoever may see some of it?

Joint draws come from the revenue report, what was counted from the shop report. Both are read as a scope sees them.
"""

from datetime import date, datetime

from barberlab import periods
from barberlab.data.moments import last_day
from barberlab.errors import NotAvailable
from barberlab.models.scenario_months import Ahead
from barberlab.reports import whatif
from barberlab.runs.published import PLACE, Published

DRAWN, COUNTED = "revenue", "shop"  # reports
DRAWS, TABLES = "revenue_monthly", ("months", "shops", "locations")


def kept(revenue: Published) -> Ahead:
    """The joint draws that a run of the revenue report kept, of the shops in its scope; a month begun is among them."""
    if DRAWS not in revenue.posteriors():
        raise NotAvailable("months ahead", "a forecast: prices, payments and half a year of weeks")
    found = revenue.posterior(DRAWS)["revenue"].transpose(PLACE, "month", "chain", "draw")
    starts = found["month"].values.astype("datetime64[D]")
    shops, months = found.sizes[PLACE], found.sizes["month"]
    return Ahead(found[PLACE].values.astype(str), starts, found.values.reshape(shops, months, -1))


def base(revenue: Published, shop: Published) -> whatif.Base:
    """What the levers of a live page move; raises NotAvailable where there is no money or no month ahead."""
    months, shops, locations = (shop.table(name) for name in TABLES)
    span = periods.period(shop.manifest.parameters["period"], day_of(shop))
    return whatif.base(kept(revenue).after(day_of(revenue)), months, shops, locations, span.days)


def day_of(found: Published) -> date:
    """The last day that the run's data hold, in the network's zone."""
    facts = found.manifest.data["facts"]
    return last_day(datetime.fromisoformat(found.manifest.as_of), facts["timezone"])
