"""What do clients of all networks have in common? Builds the churn population, from simulated networks alone.

One of the two places that see more than one network: each is simulated, its visits become histories, its fit becomes
hyperparameters, and only those are kept. The same seed gives the same file.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from barberlab import files
from barberlab.data import sample
from barberlab.models.churn_fit import fit as fit_network
from barberlab.models.churn_population import MODEL, population
from barberlab.models.histories import histories
from barberlab.models.population import SIMULATED, Population
from barberlab.workspace import Workspace

NETWORKS = 24
_SHOPS, _MONTHS = (3, 10), (18, 37)  # of a network: fewest and most

type Progress = Callable[[str], None]


def fit(
    workspace: Workspace, seed: int = 1, networks: int = NETWORKS, say: Progress = lambda words: None
) -> Population:
    """Fits clients' rhythms on simulated networks and writes params/populations/churn.json; gives the population.

    Raises NotAvailable for fewer networks than a population needs, with nothing written.
    """
    fitted, until = [], []
    for name, visits in simulated(seed, networks):
        until.append(visits["date"].max())
        fitted.append(fit_network(histories(visits, until[-1])))
        say(f"fitted {name}: {visits['client_id'].nunique():,} clients")
    found = population(fitted, SIMULATED, max(until).date().isoformat())
    folder = workspace.params / "populations"
    files.make_folder(folder)
    files.write(folder / f"{MODEL}.json", found.text().encode())
    return found


def simulated(seed: int, networks: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, completed visits) of networks of all kinds and several sizes, each with a seed of its own."""
    rng, kinds = np.random.default_rng(seed), list(sample.NETWORKS)
    sizes = zip(rng.integers(*_SHOPS, networks), rng.integers(*_MONTHS, networks), strict=True)
    for i, (shops, months) in enumerate(sizes):
        kind = kinds[i % len(kinds)]
        made = sample.simulate(kind, seed=2000 * seed + i, shops=int(shops), months=int(months))
        yield f"{kind}_{i}", completed(made.tables["appointments"])


def completed(appointments: pd.DataFrame) -> pd.DataFrame:
    """client_id, date [the shop's own day], location_id of the visits that took place, of known clients."""
    came = appointments[(appointments["status"] == "completed") & appointments["client_id"].notna()]
    day = came["start"].dt.tz_localize(None).dt.normalize()
    return pd.DataFrame({"client_id": came["client_id"], "date": day, "location_id": came["location_id"]})
