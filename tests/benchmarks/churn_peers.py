"""How does the churn model stand against what others would use? The same clients, the same days, one table.

    .venv/bin/python tests/benchmarks/churn_peers.py                    both panels, three origins each
    .venv/bin/python tests/benchmarks/churn_peers.py --panel grocery

The peers are lifetimes 0.11.3 (Pareto/NBD by P(X = 0), MBG/NBD by 1 - P(alive), which is all it offers) and a logistic
regression on eighteen figures of recency and frequency. They live in an environment of their own that is made on first
use under --place, outside this checkout, and run as processes of their own. Origins are the published cut-off and the
two that follow a horizon apart: before it the logs are too young for a horizon behind each. "what is said" is what
`barberlab backtest churn` gives: the model chosen on earlier origins, with visits by the model chosen for counts.
Panels: as in tests/panels.py. Differences are paired by client over all origins, with their 95 % range.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from barberlab.data.visits import VisitLog, read
from barberlab.models import calibration as measure
from barberlab.models.churn_choice import predict
from barberlab.models.recency import outcomes

PACKAGES = ("lifetimes==0.11.3", "setuptools<81", "scikit-learn", "pyarrow")
APART = Path(__file__).with_name("churn_peers_apart.py")
PANELS = Path(os.environ.get("BARBERLAB_PANELS") or Path(__file__).resolve().parents[3] / "shared" / "data")
CASES = {"grocery": ("grocery/visits.parquet", "2006-12-31"), "cdnow": ("cdnow/master.parquet", "1997-09-30")}
HORIZON, ORIGINS = 90, 3
OURS, REAL_K = "what is said", "real k"
PEERS = ("Pareto/NBD", "MBG/NBD", "logistic")
BRIER = {"Pareto/NBD": 1.01, "logistic": 1.01}  # ours over theirs, at most; MBG/NBD gives no chance of no visit
REGULAR = {"grocery": 0.94}  # MAE of visits over MBG/NBD's, at most, where clients have a rhythm to be known


@dataclass
class Told:
    """What one model said at every origin: its probabilities and visits by client, and CPU seconds."""

    p: list[pd.Series] = field(default_factory=list)
    visits: list[pd.Series] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, client, p, visits, cpu: float) -> None:
        """One more origin."""
        self.p.append(pd.Series(np.asarray(p, float), client))
        self.visits.append(pd.Series(np.asarray(visits, float), client))
        self.cpu.append(cpu)


def environment(place: Path) -> Path:
    """The Python of the peers' own environment, made if it is not there."""
    home = place / "churn-peers"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        install = [home / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
        made = subprocess.run(install, check=False, capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"the peers' environment could not be made:\n{made.stderr}")
        (home / "ready").touch()
    return home / "bin" / "python"


def of_peer(python: Path, peer: str, log: VisitLog, cutoff: date) -> tuple[pd.DataFrame, float]:
    """client_id, p_lost and visits, and the CPU seconds of fitting and asking."""
    with tempfile.TemporaryDirectory() as folder:
        seen, out = Path(folder, "visits.parquet"), Path(folder, "out.parquet")
        known = log.visits[log.visits["date"] <= pd.Timestamp(cutoff)]
        known[["client_id", "date"]].to_parquet(seen, index=False)
        words = [python, APART, peer, seen, str(cutoff), str(HORIZON), out]
        ran = subprocess.run(words, check=False, text=True, capture_output=True, env={"OMP_NUM_THREADS": "1"})
        if ran.returncode:
            sys.exit(f"{peer} at {cutoff}: {ran.stderr}")
        return pd.read_parquet(out), json.loads(ran.stdout.splitlines()[-1])["cpu"]


def measured(python: Path, log: VisitLog, cutoffs: list[date]) -> tuple[dict[str, Told], list[pd.Series]]:
    """What each model said at each origin, and how often each client then came."""
    told, came = {name: Told() for name in (OURS, REAL_K, *PEERS)}, []
    for cutoff in cutoffs:
        start = time.process_time()
        ours = predict(log.visits, cutoff, HORIZON, seed=1)
        cpu, client = time.process_time() - start, ours.origin.histories.client
        told[OURS].add(client, ours.no_visit, ours.visits, cpu)
        told[REAL_K].add(client, expit(ours.origin.said[REAL_K].log_odds), ours.origin.said[REAL_K].visits, np.nan)
        came.append(pd.Series(outcomes(log.visits, client, cutoff, HORIZON), client))
        for peer in PEERS:
            said, cpu = of_peer(python, peer, log, cutoff)
            one = said.set_index("client_id").reindex(client)
            told[peer].add(client, one["p_lost"], one["visits"], cpu)
        print(f"  {cutoff}: {ours.choice.churn}, {ours.choice.reason}; visits: {ours.choice.counts}", flush=True)
    return told, came


def lines(told: dict[str, Told], came: list[pd.Series]) -> Iterator[str]:
    """One line per model: Brier score and calibration error of each origin, then AUC, MAE of counts, CPU."""
    for name, one in told.items():
        pairs = [(p.to_numpy(), (n == 0).to_numpy(float)) for p, n in zip(one.p, came, strict=True)]
        brier = [measure.brier(p, lost) for p, lost in pairs]
        error = [measure.calibration_error(p, lost) for p, lost in pairs]
        auc = np.mean([measure.auc(p, lost) for p, lost in pairs])
        mae = [np.abs(v - n).mean() for v, n in zip(one.visits, came, strict=True)]
        each = " ".join(f"{b:.4f}/{e:.3f}" for b, e in zip(brier, error, strict=True))
        counts = " ".join(f"{m:.4f}" if np.isfinite(m) else f"{'-':>6}" for m in mae)
        per_client = 1e6 * sum(one.cpu) / sum(map(len, came))
        cpu = f"{per_client:9.0f}" if np.isfinite(per_client) else f"{'-':>9}"
        yield f"{name:14} {each} | {np.mean(brier):.4f} {np.mean(error):.3f} {auc:.4f} | {counts} | {cpu}"


def losses(one: Told, came: list[pd.Series], counts: bool) -> pd.Series:
    """Each client's loss, summed over the origins: squared error of the probability, or absolute error of visits."""
    parts = [
        (v - n).abs() if counts else np.square(p - (n == 0)) for p, v, n in zip(one.p, one.visits, came, strict=True)
    ]
    return pd.concat(parts).groupby(level=0).sum()


def verdict(what: str, ours: Told, theirs: Told, came: list[pd.Series], bar: float | None, counts: bool = False) -> str:
    """Ratio of mean losses over all origins, against its bar if it has one, and the paired difference by client."""
    a, b = losses(ours, came, counts), losses(theirs, came, counts)
    rounds = sum(map(len, came)) / len(a)
    told = measure.paired(a.to_numpy() / rounds, b.to_numpy() / rounds)
    ratio = a.sum() / b.sum()
    stands = "" if bar is None else f"bar {bar:.2f}: {'reached' if ratio <= bar else 'missed'}"
    return f"{what:52} {ratio:6.3f}   {stands:18} difference {told.mean:+.5f} ({told.low:+.5f} to {told.high:+.5f})"


def by_chance(p: np.ndarray, rounds: int = 200) -> float:
    """The mean calibration error of so many clients whose chances are exactly `p`."""
    rng = np.random.default_rng(1)
    return float(np.mean([measure.calibration_error(p, (rng.random(len(p)) < p).astype(float)) for _ in range(rounds)]))


def run(name: str, python: Path) -> None:
    """Predict, score and print one panel."""
    path, first = CASES[name]
    log = read(PANELS / path)
    cutoffs = [date.fromisoformat(first) + timedelta(days=HORIZON * step) for step in range(ORIGINS)]
    print(f"\n{name}, {HORIZON} days from {', '.join(map(str, cutoffs))}")
    told, came = measured(python, log, cutoffs)
    print(f"{'':14} Brier/calibration error by origin | means and AUC | MAE of visits | CPU us/client, fits and all")
    print("\n".join(lines(told, came)))
    for peer in PEERS:
        print(verdict(f"Brier, {OURS} / {peer}, three origins", told[OURS], told[peer], came, BRIER.get(peer)))
    one = {model: Told(of.p[:1], of.visits[:1], of.cpu[:1]) for model, of in told.items()}
    for scope, of, outcome in (("first origin", one, came[:1]), ("three origins", told, came)):
        print(
            verdict(
                f"visits MAE, {REAL_K} / MBG/NBD, {scope}", of[REAL_K], of["MBG/NBD"], outcome, REGULAR.get(name), True
            )
        )
    for cutoff, p, n in zip(cutoffs, told[OURS].p, came, strict=True):
        error = measure.calibration_error(p.to_numpy(), (n == 0).to_numpy(float))
        stands = f"bar 0.03: {'reached' if error <= 0.03 else 'missed'}"
        print(f"{f'calibration error, {cutoff}':52} {error:6.3f}   {stands:18} {by_chance(p.to_numpy()):.3f} by chance")


def main() -> None:
    """Measure, and print."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--panel", choices=list(CASES), action="append")
    said.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()) / "barberlab-peers")
    given = said.parse_args()
    if given.place.resolve().is_relative_to(Path(__file__).resolve().parents[2]):
        sys.exit("--place: must lie outside this checkout")
    given.place.mkdir(parents=True, exist_ok=True)
    python = environment(given.place)
    for name in given.panel or CASES:
        run(name, python)


if __name__ == "__main__":
    main()
