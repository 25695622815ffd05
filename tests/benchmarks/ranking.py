"""Do ranks and segments of ten thousand shops hold, and how long do they take?

    .venv/bin/python tests/benchmarks/ranking.py              ten seeds: normal and t(4) shops, variances known or not
    .venv/bin/python tests/benchmarks/ranking.py --heavy 2    and two seeds fitted with a heavy-tailed population
    .venv/bin/python tests/benchmarks/ranking.py --time       CPU seconds of each step, beside a named peer

10,000 shops in 300 networks, exposure differing a hundredfold; 1,000 joint draws. `uneven` shops also differ in how
much they swing, which is estimated from eight blocks of time. Coverage is that of 95 % rank intervals, `wrong` the
share of the two P >= .8 lists that does not belong there, `told` what the lists said of themselves. The peer of
`--time` is scipy.stats.rankdata on the same draws: ranking alone, without a model, an interval or a segment.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

sys.path.insert(0, str(Path(__file__).parents[1]))
import truescores
from barberlab.models import benchmark, benchmark_ranks

CASES = {
    "normal shops, variances known": (np.inf, False),
    "normal shops, uneven, from 8 blocks": (np.inf, True),
    "t(4) shops, variances known": (4.0, False),
    "t(4) shops, uneven, from 8 blocks": (4.0, True),
}


def one(tails: float, estimated: bool, seed: int, shape: str, draws: int = 1000) -> dict[str, float]:
    """The scores of one simulated table."""
    truth = truescores.simulate(seed, tails=tails, uneven=estimated)
    seen = truth.evidence(np.random.default_rng(1000 + seed) if estimated else None)
    return truescores.score(truth, benchmark.fit(seen, truth.network, shape=shape), draws, seed)


def held(seeds: int, shape: str) -> None:
    """A line for each case: means over seeds, the range of coverage, and errors pooled over the lists."""
    print(
        f"{shape + ' population':42}{'coverage (min-max)':>22}{'calibration':>12}{'listed':>8}{'wrong':>7}{'told':>7}"
    )
    for case, (tails, estimated) in CASES.items():
        runs = pd.DataFrame(one(tails, estimated, seed, shape) for seed in range(seeds))
        cover = runs["coverage"]
        wrong, told = ((runs[name] * runs["listed"]).sum() / runs["listed"].sum() for name in ("wrong", "told"))
        covered = f"{cover.mean():.4f} ({cover.min():.3f}-{cover.max():.3f})"
        print(
            f"{case:42}{covered:>22}{runs['calibration'].max():>12.4f}{runs['listed'].mean():>8.0f}{wrong:>7.3f}"
            f"{told:>7.3f}   worst seed {runs['wrong'].max():.3f}, width {runs['width'].mean():.2f}, "
            f"rank error {runs['error'].mean():.3f} (raw {runs['raw_error'].mean():.3f})",
            flush=True,
        )


def timed(estimated: bool) -> None:
    """CPU seconds of every step on one core, and of the peer; with variances known or estimated."""
    truth = truescores.simulate(3, uneven=estimated)
    seen = truth.evidence(np.random.default_rng(1003) if estimated else None)
    spent = {}

    def clock(name: str, step: Callable[[], object]) -> object:
        start = time.process_time()
        result = step()
        spent[name] = time.process_time() - start
        return result

    found = clock("fit", lambda: benchmark.fit(seen, truth.network))
    draws = clock("1,000 joint draws", lambda: benchmark.draw(found))
    ranked = clock("ranks", lambda: benchmark_ranks.ranks(draws))
    clock("intervals", lambda: benchmark_ranks.standing(ranked, truth.names))
    chance = clock("segments", lambda: benchmark_ranks.chances(benchmark_ranks.banded(ranked)))
    clock("lists", lambda: benchmark_ranks.lists(benchmark_ranks.assigned(chance, truth.names)))
    ours = sum(spent.values())
    clock("scipy.stats.rankdata", lambda: rankdata(-draws, axis=1))
    print("variances estimated" if estimated else "variances known")
    print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in spent.items()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = ours / spent["scipy.stats.rankdata"]
    print(f"all of ours {ours:.2f} s of CPU, x{ratio:.1f} of ranking alone with SciPy; peak {peak:.0f} MB")


def main() -> None:
    """Measure, and print."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--seeds", type=int, default=10)
    said.add_argument("--heavy", type=int, default=0, metavar="SEEDS", help="fit the t(4) population to so many seeds")
    said.add_argument("--time", action="store_true", help="measure time only")
    given = said.parse_args()
    if given.time:
        timed(estimated=False)
        timed(estimated=True)
        return
    held(given.seeds, "normal")
    if given.heavy:
        held(given.heavy, "t4")


if __name__ == "__main__":
    main()
