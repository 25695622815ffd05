"""Everything of client churn that is compiled, compiled once, so that whoever runs next finds it beside the sources.

Reports run in kernels that may read these files and not write them; without this each would compile for itself.
"""

import numpy as np

from barberlab.models import churn
from barberlab.models.churn_fit import fit
from barberlab.models.churn_origin import K_OF
from barberlab.models.churn_rehearsal import BELIEF, play


def compile_all() -> None:
    """Run each compiled function on a small network, with arguments of the types that real ones have."""
    h, _ = play(np.array(BELIEF.mean), shops=2, clients=60, seed=1)
    for k in K_OF.values():
        post = fit(h, k=k, draws=2)
        for quantity in (churn.probability_no_visit, churn.expected_visits, churn.overdue):
            quantity(post, h, 0.5)
