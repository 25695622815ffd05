"""What does a client cost, to fit and to score, and what does it cost elsewhere?

    .venv/bin/python tests/benchmarks/churn.py                    60,000 clients in 40 shops
    .venv/bin/python tests/benchmarks/churn.py --million          and a million clients in 400 shops, with peak memory
    .venv/bin/python tests/benchmarks/churn.py --peers FOLDER     and lifetimes and pymc-marketing beside it

CPU microseconds per client on one core, compilation and imports left out, the fastest of several runs; each measurement
is a process of its own. The peers live in an environment that is made in FOLDER, outside the checkout: lifetimes needs
an old setuptools and pymc-marketing 1.3 an older PyMC. They fit MBG/NBD without shops: less than what stands beside.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from barberlab.models import churn
from barberlab.models.churn_fit import fit

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
from barbers import network, planted  # noqa: E402

# What each may cost on one idle core, CPU microseconds per client.
BARS = {"fit": 120.0, "no visit": 0.5, "visits": 15.0}
PEERS = {
    "lifetimes": (60_000, "setuptools<81", "lifetimes==0.11.3"),
    "pymc-marketing": (1_500, "pymc-marketing==1.3.0"),
}
MILLION = (1_000_000, 400)


def timed(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest run."""
    taken = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def measure_here(clients: int, shops: int, repeats: int) -> dict[str, float]:
    """CPU microseconds per client, peak memory in MB and what the fit found, in this process."""
    small = network(planted(1, 2), 200, seed=1)
    post = fit(small)
    for quantity in (churn.probability_no_visit, churn.expected_visits):
        quantity(post, small, 90)
    h = network(planted(0, shops), clients, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"fit": timed(lambda: fit(h), repeats)}
    post = fit(h)
    found["no visit"] = timed(lambda: churn.probability_no_visit(post, h, 90), repeats)
    found["visits"] = timed(lambda: churn.expected_visits(post, h, 90), repeats)
    found["no visit, 40 draws"] = timed(lambda: churn.probability_no_visit_range(post, h, 90), 1)
    found = {name: seconds / clients * 1e6 for name, seconds in found.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"peak MB": peak, "data MB": before, "passes": post.evaluations}


def measured(clients: int, shops: int, repeats: int) -> dict[str, float]:
    """The same in a process of its own, on one thread."""
    words = [sys.executable, __file__, "--here", str(clients), str(shops), "--repeats", str(repeats)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    return json.loads(subprocess.run(words, capture_output=True, check=True, text=True, env=alone).stdout)


def peers_python(folder: Path) -> Path:
    """The Python of the peers' environment, made where it is not yet."""
    python = folder / "peers" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "peers", with_pip=True)
        wanted = [word for _, *words in PEERS.values() for word in words]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def peer(name: str, python: Path) -> dict[str, float]:
    """CPU microseconds per client of one peer, on clients of the same network."""
    clients = PEERS[name][0]
    h = network(planted(0, 40), clients, seed=0)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        pd.DataFrame({"x": h.x, "t_x": h.t_x / 7, "T": np.maximum(h.T / 7, 1e-3)}).to_csv(file.name, index=False)
        words = [python, Path(__file__).with_name("churn_costs_apart.py"), name, file.name]
        alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        said = subprocess.run(words, capture_output=True, text=True, check=False, env=alone)
    if said.returncode:
        raise SystemExit(f"{name}: {said.stderr.strip().splitlines()[-1]}")
    return {key: seconds / clients * 1e6 for key, seconds in json.loads(said.stdout.splitlines()[-1]).items()}


def ours(clients: int, shops: int, repeats: int) -> None:
    """Print a case with its bars."""
    found = measured(clients, shops, repeats)
    print(f"\nbarberlab, MBG/CNBD-k, {clients:,} clients in {shops} shops, {found['passes']} passes over them:")
    for name, bar in BARS.items():
        print(f"  {name:20}{found[name]:>10.2f} us{'':4}bar {bar:g}: {'met' if found[name] <= bar else 'MISSED'}")
    print(f"  {'no visit, 40 draws':20}{found['no visit, 40 draws']:>10.2f} us")
    print(f"  {'peak memory':20}{found['peak MB']:>10.0f} MB, {found['data MB']:.0f} of it before the fit", flush=True)


def main() -> None:
    """Measure, and print."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--million", action="store_true", help="also a million clients")
    said.add_argument("--peers", type=Path, metavar="FOLDER", help="also the peers, in an environment made there")
    said.add_argument("--repeats", type=int, default=3)
    said.add_argument("--here", nargs=2, type=int, help=argparse.SUPPRESS)
    given = said.parse_args()
    if given.here:
        print(json.dumps(measure_here(*given.here, given.repeats)))
        return
    ours(60_000, 40, given.repeats)
    if given.million:
        ours(*MILLION, repeats=1)
    if given.peers:
        python = peers_python(given.peers)
        for name in PEERS:
            found = peer(name, python)
            print(f"\n{name}, MBG/NBD, {PEERS[name][0]:,} clients in one: ", end="")
            print(", ".join(f"{key} {value:.2f} us" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
