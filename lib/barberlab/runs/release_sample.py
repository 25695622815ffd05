"""What does a benchmark look like before anybody takes part? A release of sixty networks that do not exist.

It is made by the same arithmetic as a real one, over twelve months, and its source says "simulated". Nobody's privacy
is in it, so its noise may come from a seed, and the file is the same bytes each time it is made.
"""

import numpy as np

from barberlab.models.release import SIMULATED, Release
from barberlab.models.release_simulated import networks, noise
from barberlab.models.release_spec import Spec
from barberlab.models.release_vector import vector
from barberlab.runs.release import cells, drawn_from

NETWORKS, MONTHS, SEED = 60, 12, 20250430
PERIOD, LAGS = "2025-04", {"0": "2025-04", "3": "2025-01"}
SIZES = (3, 3, 4, 4, 6, 8, 12, 18, 30, 60)  # shops of one network in ten each
MONTHLY = 0.25  # how far a shop moves from month to month [spreads]


def release(spec: Spec) -> Release:
    """The simulated release under these rules."""
    rng, months = np.random.default_rng(SEED), []
    pool = [networks(rng, 1, len(spec.kpis), SIZES[one % len(SIZES)])[0] for one in range(NETWORKS)]
    effective = tuple(cell.weight * sum(len(z) in cell for z in pool) for cell in spec.cells)
    for month in range(1, MONTHS + 1):
        total = sum(vector(z + rng.normal(0, MONTHLY, z.shape), spec) for z in pool)
        noisy = total + noise(rng, spec, total.shape)
        months.append(drawn_from(noisy, effective, month, spec, months))
    return Release(PERIOD, LAGS, SIMULATED, spec, cells(months, spec))
