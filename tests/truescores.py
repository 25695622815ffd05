"""Shops whose true scores are known, and how well ranks and segments made from what is seen of them hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from barberlab.models import benchmark, benchmark_ranks
from barberlab.models.benchmark_evidence import Evidence, moderated, normal


@dataclass(frozen=True)
class Shops:
    """True scores `theta` of shops in `network`, and estimates `y` with variance `s2` on an `exposure`, over (shop)."""

    network: np.ndarray
    theta: np.ndarray
    y: np.ndarray
    s2: np.ndarray
    exposure: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """One for each shop."""
        return tuple(f"s{k:05d}" for k in range(len(self.y)))

    def evidence(self, rng: np.random.Generator | None = None, blocks: int = 8) -> Evidence:
        """With the variances as they are, or, given `rng`, estimated from so many blocks and moderated."""
        if rng is None:
            return normal(self.names, self.y, self.s2)
        free = blocks - 1
        own = self.s2 * self.exposure * rng.chisquare(free, len(self.y)) / free
        variance, freedom = moderated(own, np.full(len(self.y), free))
        return normal(self.names, self.y, variance / self.exposure, freedom)


def simulate(seed: int, shops: int = 10_000, networks: int = 300, tails: float = np.inf, uneven: bool = False) -> Shops:
    """Shops whose exposure differs a hundredfold: s^2 = 20 / exposure. `tails` are those of the shops' true scores.

    uneven: 20 is only usual; each shop has its own, inverse chi-squared with 10 degrees of freedom.
    """
    rng = np.random.default_rng(seed)
    network = np.sort(rng.choice(networks, size=shops, p=_sizes(rng, networks)))
    own = rng.standard_normal(shops) if np.isinf(tails) else rng.standard_t(tails, shops)
    theta = 0.1 + rng.normal(0, 0.4, networks)[network] + 0.6 * own
    exposure = np.exp(rng.normal(3.4, 1.0, shops)).clip(1, 400)
    s2 = 20 / exposure * (10 / rng.chisquare(10, shops) if uneven else 1)
    return Shops(network, theta, theta + rng.normal(0, np.sqrt(s2)), s2, exposure)


def _sizes(rng: np.random.Generator, networks: int) -> np.ndarray:
    size = np.exp(rng.normal(0, 0.8, networks))
    return size / size.sum()


def score(truth: Shops, found: benchmark.Fit, draws: int, seed: int) -> dict[str, float]:
    """coverage: of the 95 % rank intervals. width: their median, in shares of the table. calibration: mean gap between
    the chance of a segment and how often it was so. wrong: share of the two P >= .8 lists that does not belong there,
    with their length; told: what the lists said of themselves. error: rank error of expected and of raw ranks."""
    ranked = benchmark_ranks.ranks(benchmark.draw(found, draws, seed))
    true = benchmark_ranks.ranks(truth.theta[None])[0]
    table = benchmark_ranks.standing(ranked, truth.names)
    chance = benchmark_ranks.chances(benchmark_ranks.banded(ranked))
    segment = benchmark_ranks.banded(true[None])[0]
    given = benchmark_ranks.assigned(chance, truth.names)
    listed = given["segment"].isin(("Elite", "Underperforming")).to_numpy()
    right = given["segment"].to_numpy() == np.array(benchmark_ranks.SEGMENTS)[segment]
    raw = benchmark_ranks.ranks(truth.y[None])[0]
    shops = len(true)
    return {
        "coverage": float(((true >= table["low95"]) & (true <= table["high95"])).mean()),
        "width": float((table["high95"] - table["low95"]).median() / shops),
        "calibration": calibration(chance, segment),
        "listed": int(listed.sum()),
        "wrong": float(1 - right[listed].mean()) if listed.any() else 0.0,
        "told": float(1 - given.loc[listed, "chance"].mean()) if listed.any() else 0.0,
        "error": float(np.sqrt(np.mean((table["expected"] - true) ** 2)) / shops),
        "raw_error": float(np.sqrt(np.mean((raw - true) ** 2)) / shops),
    }


def calibration(chance: np.ndarray, segment: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of all five chances of all shops."""
    said, was = chance.ravel(), np.eye(chance.shape[1])[segment].ravel()
    frame = pd.DataFrame({"said": said, "was": was, "bin": np.minimum((said * bins).astype(int), bins - 1)})
    means = frame.groupby("bin")[["said", "was"]].mean()
    return float(((means["said"] - means["was"]).abs() * frame["bin"].value_counts(normalize=True)).sum())
