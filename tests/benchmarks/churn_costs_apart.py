"""The peers of the churn benchmark, run by their own environment's Python: it knows nothing of barberlab.

    python churn_costs_apart.py lifetimes|pymc-marketing CLIENTS.csv     prints JSON: CPU seconds of fit, alive, visits

CLIENTS.csv: x [repeat visits], t_x, T [weeks]. The model is MBG/NBD, the nearest that both have. Imports are left out.
"""

import json
import sys
import time

import numpy as np
import pandas as pd

WEEKS = 90 / 7


def lifetimes(clients: pd.DataFrame) -> dict[str, float]:
    """Modified BG/NBD by maximum likelihood."""
    from lifetimes import ModifiedBetaGeoFitter

    x, t_x, T = (clients[name].to_numpy() for name in ("x", "t_x", "T"))
    model, begun = ModifiedBetaGeoFitter(penalizer_coef=0.0), time.process_time()
    model.fit(x, t_x, T)
    fitted = time.process_time()
    model.conditional_probability_alive(x, t_x, T)
    alive = time.process_time()
    model.conditional_expected_number_of_purchases_up_to_time(WEEKS, x, t_x, T)
    return {"fit": fitted - begun, "alive": alive - fitted, "visits": time.process_time() - alive}


def pymc_marketing(clients: pd.DataFrame) -> dict[str, float]:
    """Modified BG/NBD, maximum a posteriori."""
    from pymc_marketing.clv import ModifiedBetaGeoModel

    data = pd.DataFrame({"customer_id": np.arange(len(clients)), "frequency": clients["x"], "recency": clients["t_x"],
                         "T": clients["T"]})  # fmt: skip
    model, begun = ModifiedBetaGeoModel(), time.process_time()
    model.fit(data, method="map")
    fitted = time.process_time()
    model.expected_probability_alive(data)
    alive = time.process_time()
    model.expected_purchases(data, future_t=WEEKS)
    return {"fit": fitted - begun, "alive": alive - fitted, "visits": time.process_time() - alive}


PEERS = {"lifetimes": lifetimes, "pymc-marketing": pymc_marketing}

if __name__ == "__main__":
    print("\n" + json.dumps(PEERS[sys.argv[1]](pd.read_csv(sys.argv[2]))))
