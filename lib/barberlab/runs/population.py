"""What do all networks have in common, kept as a file? Builds and reads params/populations/<model>.json.

One of the two places that see more than one network: it takes hyperparameters out of them and nothing else. Here the
networks are simulated ones, with seeds of their own, so that the same command gives the same file.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from barberlab import files
from barberlab.data import sample
from barberlab.errors import BadInput, NotAvailable
from barberlab.models import revenue_population
from barberlab.models.panel import DAY, WEEK, Panel
from barberlab.models.population import SIMULATED, Population
from barberlab.workspace import Workspace

VISIT_NETWORKS, DAY_NETWORKS = 18, 6
_SHOPS, _DAY_SHOPS = 8, (5, 40)  # of a network with visits; fewest and most of one with daily totals
_MONTHS = 36

type Progress = Callable[[str], None]


def path(workspace: Workspace, model: str) -> Path:
    """Where the population of `model` is kept."""
    return workspace.params / "populations" / f"{model}.json"


def read(workspace: Workspace, model: str) -> Population:
    """The population that runs use; its `version` is pinned in their manifests.

    Raises NotAvailable where none was built, BadInput where the file is none, or another model's, or was altered.
    """
    file = path(workspace, model)
    if not file.is_file():
        raise NotAvailable(f"population of {model}", f"{file.name}; `barberlab population fit` builds it")
    found = Population.read(file.read_text(encoding="utf-8"), f"params/populations/{file.name}")
    if found.model != model:
        raise BadInput(f"params/populations/{file.name}: is the population of {found.model!r}, not of {model!r}")
    return found


def fit(
    workspace: Workspace,
    seed: int = 1,
    method: str = revenue_population.LAPLACE,
    visits: int = VISIT_NETWORKS,
    days: int = DAY_NETWORKS,
    say: Progress = lambda words: None,
) -> Population:
    """Fits the revenue model's population on simulated networks and writes its file; gives the population.

    `visits` networks are simulated visit by visit, `days` by daily totals. Raises GateFailed, with nothing written,
    where the sampler or a scale misses its gate.
    """
    if visits + days < 1:
        raise BadInput("population fit: at least one network is needed")
    weekly = []
    for name, frame in simulated(seed, visits, days):
        say(f"simulated {name}")
        weekly.append(frame)
    panel = weekly_panel(pd.concat(weekly, ignore_index=True))
    say(f"fitting {len(panel.networks)} networks")
    as_of = str(panel.weeks[-1] + WEEK - DAY)
    fitted = revenue_population.fit(panel, method=method, seed=seed, source=SIMULATED, as_of=as_of)
    gates = tuple(f"{block}: {told.words}" for block, told in fitted.diagnostics.items())
    found = replace(fitted.population, gates=gates)
    files.make_folder(path(workspace, found.model).parent)
    files.write(path(workspace, found.model), found.text().encode())
    return found


def simulated(seed: int, visits: int, days: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, weekly revenue) of networks that tell the same kind of story, each with a seed of its own."""
    kinds = list(sample.NETWORKS)
    for i in range(visits):
        kind = kinds[i % len(kinds)]
        made = sample.simulate(kind, seed=1000 * seed + i, shops=_SHOPS, months=_MONTHS)
        yield f"{kind}_{i}", weekly_revenue(f"{kind}_{i}", revenue_of_payments(made.tables["payments"]))
    sizes = np.random.default_rng(seed).integers(*_DAY_SHOPS, days)
    for i, shops in enumerate(sizes):
        name = f"plains_{i}"
        made = sample.simulate_days(int(shops), seed=1000 * seed + i, months=_MONTHS, name=name)
        yield name, weekly_revenue(name, revenue_of_days(made.tables["location_day"]))


def weekly_revenue(network: str, daily: pd.DataFrame) -> pd.DataFrame:
    """network, location, week (its Monday), revenue from rows of location, date, revenue; whole weeks with trade."""
    monday = daily["date"] - pd.to_timedelta(daily["date"].dt.day_of_week, unit="D")
    weekly = daily.assign(week=monday).groupby(["location", "week"], as_index=False)["revenue"].sum()
    first, last = daily["date"].min(), daily["date"].max()
    whole = (weekly["week"] >= first) & (weekly["week"] + pd.Timedelta(days=6) <= last)
    return weekly[whole & (weekly["revenue"] > 0)].assign(network=network)


def weekly_panel(weekly: pd.DataFrame) -> Panel:
    """The panel of weekly rows, without known columns."""
    table = weekly.pivot(index=["network", "location"], columns="week", values="revenue").sort_index()
    seen = table.columns.to_numpy().astype("datetime64[D]")
    weeks = np.arange(seen.min(), seen.max() + WEEK, WEEK)
    revenue = np.full((len(table), len(weeks)), np.nan)
    revenue[:, (seen - weeks[0]) // WEEK] = table.to_numpy()
    network, location = (table.index.get_level_values(level).to_numpy(str) for level in (0, 1))
    return Panel(weeks, network, location, revenue, np.zeros((*revenue.shape, 0)), ())


def revenue_of_payments(payments: pd.DataFrame) -> pd.DataFrame:
    """location, date, revenue: net service and retail, gross less discount and refund, by the day of payment."""
    kept = payments[payments["kind"].isin(("service", "retail")) & payments["location_id"].notna()]
    net = kept["gross_cents"] - kept["discount_cents"] - kept["refund_cents"]
    date = kept["paid_at"].dt.tz_localize(None).dt.normalize()
    return pd.DataFrame({"location": kept["location_id"], "date": date, "revenue": net.astype(float) / 100})


def revenue_of_days(days: pd.DataFrame) -> pd.DataFrame:
    """The same of daily totals, as table `location_day` holds them."""
    net = days["net_service_cents"] + days["net_retail_cents"]
    date = pd.to_datetime(days["local_date"]).dt.normalize()
    return pd.DataFrame({"location": days["location_id"], "date": date, "revenue": net.astype(float) / 100})
