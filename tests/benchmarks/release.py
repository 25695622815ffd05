"""How good is the benchmark, and how private? Error against a release that looks at nothing, and attacks at full size.

    .venv/bin/python tests/benchmarks/release.py                   every table
    .venv/bin/python tests/benchmarks/release.py utility           only one: utility, differencing, membership, audit

The peer of utility is the control, a release that looks at no data: it gives the public centres and spreads. An error
is how many percentile points a told percentile is off among all the pool's shops, each network counting the same, after
twelve months at a price of (epsilon 4, delta 1e-6) for the year; networks count in effect, as they do in a cell.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import norm

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "tests"))

from barberlab import params  # noqa: E402
from barberlab.models import release_attacks as attacks  # noqa: E402
from barberlab.models.release_filter import control, smoothed  # noqa: E402
from barberlab.models.release_simulated import networks, noise, vectors  # noqa: E402
from barberlab.models.release_spec import Spec  # noqa: E402
from barberlab.models.release_vector import vector  # noqa: E402
from security.test_release_attacks import empirical_epsilon  # noqa: E402 - tests are no package

SHARES = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
SPEC = Spec.of(params.read_yaml(REPO / "params" / "benchmark" / "cells.yaml"), "cells.yaml")
K, MONTHS = len(SPEC.kpis), 12


def off_by(pool: np.ndarray, told: np.ndarray) -> float:
    """Mean error in percentile points of the told percentiles (share, K)."""
    below = (pool[:, :, None, :] <= told).mean(axis=(0, 1))
    return float(100 * np.abs(below - SHARES[:, None]).mean())


def year(rng: np.random.Generator, count: int, off: float, shops: int, drift: float) -> tuple[float, float, float]:
    """(error after a year, the control's, part of the 80 % error bars that hold the truth) of one pool."""
    spec = attacks.one_cell(SPEC)
    base, seen, moved = networks(rng, count, K, shops, off), [], np.zeros(K)
    for month in range(MONTHS):
        moved = moved + rng.normal(0, drift, K)
        pool = base + moved + (rng.normal(0, 0.25, base.shape) if drift else 0)
        total = vectors(pool, spec).sum(axis=0)
        seen.append((month, total + noise(rng, spec, total.shape)))
    found = smoothed(seen, 1.0, spec)
    told, errors = (np.array(part) for part in zip(*map(found.percentile, SHARES), strict=True))
    nothing = np.array([control(K, share)[0] for share in SHARES])
    truth = np.quantile(pool.reshape(-1, K), SHARES, axis=0)
    inside = np.abs(told - truth) <= norm.ppf(0.9) * errors
    return off_by(pool, told), off_by(pool, nothing), float(inside.mean())


def utility(runs: int) -> None:
    """Errors at several numbers of networks, with public centres that fit and that do not."""
    print("networks  shops  centre off  drift |  release  control  ratio | error bars hold (of .80)")
    for shops, drift in ((33, 0.0), (5, 0.0), (33, 0.05), (33, 0.10)):
        for off in (0.2, 0.7):
            for count in (20, 50, 100, 300):
                rng = np.random.default_rng([count, int(10 * off), shops, int(100 * drift)])
                told, nothing, held = np.mean([year(rng, count, off, shops, drift) for _ in range(runs)], axis=0)
                left = f"{count:8}{shops:7}{off:12}{drift:7} | {told:8.2f} {nothing:8.2f} {told / nothing:6.2f}"
                print(f"{left} | {held:.2f}", flush=True)


def differencing(trials: int) -> None:
    """R^2 of a network's means, before and after it leaves."""
    print("networks  drift  months | R2 on thresholds   R2 on releases")
    for count in (6, 20, 100, 300):
        for drift, months in ((0.0, 12), (0.0, 1), (0.3, 1)):
            got = attacks.leaving(np.random.default_rng([count, months]), SPEC, count, drift, trials, months)
            print(f"{count:8}{drift:7}{months:8} | {got.thresholds:16.3f} {got.release:16.4f}", flush=True)


def membership(shadows: int) -> None:
    """AUC of telling whether a network is in the pool, a year of releases averaged."""
    print(f"networks  target  | AUC on thresholds  AUC on releases   ({shadows} test shadows, se about .01)")
    for count in (6, 20, 50, 100, 300):
        for outlier in (False, True):
            got = attacks.membership(np.random.default_rng([count, outlier]), SPEC, count, outlier, shadows)
            kind = "outlier" if outlier else "typical"
            print(f"{count:8}  {kind} | {got.thresholds:16.3f} {got.release:16.3f}", flush=True)


def hostile(rng: np.random.Generator) -> np.ndarray:
    """A network that an attacker would hand in."""
    shops = int(rng.choice([1, 2, 9, 10, 33, 49, 50, 300]))
    z = rng.normal(size=(shops, K)) * rng.choice([1e-9, 1.0, 4.0, 1e6, 1e300])
    z[rng.random(z.shape) < 0.1] = rng.choice([np.inf, -np.inf, np.nan, 1e308])
    return z


def audit(draws: int) -> None:
    """Longest vector of 400 hostile networks, and the epsilon that the worst pair shows."""
    rng = np.random.default_rng(7)
    longest = max(np.linalg.norm(vector(hostile(rng), SPEC)) for _ in range(400))
    print(f"longest vector of 400 hostile networks {longest:.9f}, bound {SPEC.sensitivity:.9f}")
    claimed = {"a month": 1.034, "a year": 3.9995}
    print(f"epsilon shown by {draws:,} draws of a month's noise: {empirical_epsilon(draws):.3f}; claimed {claimed}")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("tables", nargs="*", default=["utility", "differencing", "membership", "audit"])
    sizes = {"utility": 20, "differencing": 500, "membership": 5_000, "audit": 200_000}
    for table in words.parse_args().tables:
        print(f"\n{table}")
        globals()[table](sizes[table])
