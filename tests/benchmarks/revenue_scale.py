"""How long do forecasts for ten thousand shops take? CPU time and memory on a simulated chain.

python tests/benchmarks/revenue_scale.py [LOCATIONS] prints the population fit (Laplace), the joint draws of 26 weeks
with their quantiles and network sums, each in CPU seconds, also against a matrix product timed on the same machine.
"""

import argparse
import resource
import time

import numpy as np

from barberlab.models import revenue
from barberlab.models.panel import WEEK, Panel

WEEKS, HORIZON, DRAWS, PER_NETWORK = 156, 26, 400, 40
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)


def main() -> None:
    """Simulate, fit, forecast, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locations", nargs="?", type=int, default=10_000)
    panel = chain(parser.parse_args().locations, seed=1)
    product = _matrix_product()
    begun = time.process_time()
    population = revenue.fit(panel)
    fitted = time.process_time()
    summed = 0.0
    for network in revenue.forecast(panel, HORIZON, population=population, draws=DRAWS):
        quantiles(network.paths)
        total = network.paths.sum(axis=0, dtype=float)
        summed += np.median(total.sum(axis=0))
    drawn = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(panel.location):,} locations in {len(panel.networks)} networks, median total {summed:,.0f}")
    for what, seconds in (("fit", fitted - begun), ("draws, quantiles, sums", drawn - fitted), ("all", drawn - begun)):
        print(f"{what:24s} {seconds:7.1f} s CPU  {seconds / product:9,.0f} products of 1,000 x 1,000 matrices")
    print(f"peak memory {memory:.2f} GB")


def quantiles(paths: np.ndarray) -> np.ndarray:
    """(5, L, H) from sorted draws, without interpolation."""
    at = (np.array(QUANTILES) * (paths.shape[2] - 1)).round().astype(int)
    return np.moveaxis(np.sort(paths, axis=2)[:, :, at], 2, 0)


def chain(locations: int, seed: int) -> Panel:
    """Shops with levels, trends, seasons, drift and noise; three in ten start late, one in twenty has a gap."""
    rng = np.random.default_rng(seed)
    weeks = np.datetime64("2022-01-03") + WEEK * np.arange(WEEKS)
    network = np.sort(np.arange(locations) // PER_NETWORK)
    year = np.arange(WEEKS) / 52.18
    shared = 0.05 * np.cumsum(rng.normal(0, 0.1, (network.max() + 1, WEEKS)), axis=1) + 0.03 * year
    season = 0.08 * np.cos(2 * np.pi * (year + rng.normal(0, 0.03, (locations, 1))))
    own = np.cumsum(rng.normal(0, 0.006, (locations, WEEKS)), axis=1) + rng.normal(0, 0.08, (locations, WEEKS))
    log = rng.normal(9, 0.5, (locations, 1)) + shared[network] + season + own
    revenue_ = np.exp(log)
    late = np.flatnonzero(rng.random(locations) < 0.3)
    for row, start in zip(late, rng.integers(10, WEEKS - 4, len(late)), strict=True):
        revenue_[row, :start] = np.nan
        revenue_[row, start:] *= 1 - 0.6 * np.exp(-np.arange(WEEKS - start) / 12)
    for row in np.flatnonzero(rng.random(locations) < 0.05):
        start = rng.integers(60, WEEKS - 12)
        revenue_[row, start : start + 6] = np.nan
    names = np.array([f"n{i:04d}" for i in network])
    ids = np.array([f"s{i:05d}" for i in range(locations)])
    return Panel(weeks, names, ids, revenue_, np.zeros((locations, WEEKS, 0)), ())


def _matrix_product() -> float:
    matrix = np.random.default_rng(0).normal(size=(1000, 1000))
    begun = time.process_time()
    for _ in range(3):
        matrix @ matrix
    return (time.process_time() - begun) / 3


if __name__ == "__main__":
    main()
