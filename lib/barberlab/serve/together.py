"""The page of all shops that somebody may see, together: made from published runs, without a kernel."""

from collections.abc import Mapping

from barberlab.errors import NotAvailable
from barberlab.reports import together
from barberlab.runs.published import Published
from barberlab.serve import ahead


def page(title: str, found: Mapping[str, Published]) -> str:
    """The page of all shops in a scope together; found: the published reports by name, the shop report among them.

    title: what they are called. Raises NotAvailable where no shop is known.
    """
    shop = found[ahead.COUNTED]
    months, locations = shop.table("months"), shop.table("locations")
    if locations.empty:
        raise NotAvailable(title, "a run that knows these shops")
    names = dict(zip(locations["location_id"], locations["name"].fillna(locations["location_id"]), strict=True))
    counted = together.Counted(months, {one: str(name) for one, name in names.items()}, ahead.day_of(shop))
    facts = [f"Run {run.manifest.run_id}, data version {run.manifest.data['version']}" for run in found.values()]
    network = shop.manifest.data["facts"].get("name") or shop.manifest.network
    return together.page(title, counted, _forecast(found), network, facts)


def _forecast(found: Mapping[str, Published]) -> together.Forecast:
    if ahead.DRAWN not in found or ahead.DRAWS not in found[ahead.DRAWN].posteriors():
        return NotAvailable("Forecast", f"a published run of the {ahead.DRAWN} report that foresees money")
    return together.Foreseen(ahead.kept(found[ahead.DRAWN]), ahead.day_of(found[ahead.DRAWN]))
