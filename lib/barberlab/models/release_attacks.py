"""What would somebody learn of a single network? Attacks on thresholds alone, and the same attacks on the release.

Each attack is made twice: on exact averages that are shown wherever enough networks stand in a cell, which is what the
trade does, and on the noisy sums of the release, which is more than members get to see. The attacker knows the public
rules, the law of the noise and the population; what else is said at each attack.
Sources: differencing: Denning & Denning (1979), ACM Computing Surveys 11(3). Membership: Homer et al. (2008), PLoS
Genetics 4(8), with shadow pools as in Shokri et al. (2017), IEEE S&P.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from barberlab.models.release_simulated import BETWEEN, networks, noise, vectors
from barberlab.models.release_spec import Cell, Spec
from barberlab.models.release_vector import MEAN, scaling

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Found:
    """What an attack got from thresholds alone, and from the release; both on the scale that the attack names."""

    thresholds: float
    release: float


def one_cell(spec: Spec) -> Spec:
    """The same rules with one cell that takes all of a network's weight: the worst case for whoever stands in it."""
    return replace(spec, cells=(Cell("all", "All networks", 1.0, (1, 100_000)),))


def all_of_them(spec: Spec, seed: int, trials: int = 800) -> pd.DataFrame:
    """One row per attack: what it measures, and what it got from thresholds alone and from the release."""
    rng, r2 = np.random.default_rng(seed), "part of the variance recovered"
    got = {
        "a network leaves, cell of 20": (r2, leaving(rng, spec, 20, trials=trials)),
        "two cells differ by one network": (r2, overlapping(rng, spec, trials=trials)),
        "two members of a cell of 3 collude": (r2, colluding(rng, spec, 3, trials=trials, months=1)),
        "the second-largest of 5 against the largest": (r2, dominating(rng, spec)),
        "the same release asked for 100 times": ("part of the noise left", retrying(rng, spec, 100)),
        "one member of 20 sends extreme rows": ("spreads that the mean moves", poisoning(rng, spec)),
        "is this network in a pool of 20?": ("AUC", membership(rng, spec, 20, shadows=1_000, exact_shadows=300)),
    }
    rows = {name: {"measured": measured} | vars(found) for name, (measured, found) in got.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("attack")


def by_size(spec: Spec, seed: int, counts: tuple[int, ...] = (6, 20, 100), trials: int = 300) -> pd.DataFrame:
    """One row per number of networks: R^2 of a leaver without drift and with it, and the AUC against an outlier."""
    rows = {}
    for count in counts:
        rng = np.random.default_rng([seed, count])
        still, moving = (leaving(rng, spec, count, drift, trials) for drift in (0.0, 0.3))
        seen = membership(rng, spec, count, outlier=True, shadows=1_000, exact_shadows=300)
        parts = {"leaver": still, "leaver, shops drift": moving, "member (AUC)": seen}
        rows[count] = {(name, side): value for name, found in parts.items() for side, value in vars(found).items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("networks")


def leaving(
    rng: np.random.Generator, spec: Spec, count: int, drift: float = 0.0, trials: int = 200, months: int = 12
) -> Found:
    """R^2 of a network's means, recovered from the releases before it left and those after. 1 is all, 0 nothing.

    drift: how far shops move in between [spreads]. The attacker knows that nobody else came or went, and averages so
    many months before and after in which nothing else changed.
    """
    spec, kpis, errors = one_cell(spec), len(spec.kpis), _Errors()
    for _ in range(trials):
        pool = networks(rng, count, kpis)
        moved = pool + rng.normal(0, drift * 0.3, (count, 1, kpis)) + rng.normal(0, drift, pool.shape)
        usual = pool.mean(axis=(0, 1))
        exact = count * usual - (count - 1) * moved[1:].mean(axis=(0, 1))
        two = vectors(pool, spec).sum(axis=0) - vectors(moved[1:], spec).sum(axis=0)
        seen = two + noise(rng, spec, two.shape, months) - noise(rng, spec, two.shape, months)
        errors.add(pool[0].mean(axis=0), usual, exact, _shrunk(seen, usual, spec, 2 / months))
    return errors.found()


def overlapping(rng: np.random.Generator, spec: Spec, count: int = 40, trials: int = 200, months: int = 12) -> Found:
    """R^2 of a network's means, where two cells of one month differ by this network alone.

    On thresholds: "urban" and "urban with ten chairs". In the release cells are fixed, and each has noise of its own;
    two that overlap by all but one network are granted to the attacker all the same.
    """
    half = replace(one_cell(spec).cells[0], weight=0.5**0.5)
    spec, kpis, errors = replace(spec, cells=(half, half)), len(spec.kpis), _Errors()
    for _ in range(trials):
        pool = networks(rng, count, kpis)
        usual = pool.mean(axis=(0, 1))
        exact = count * usual - (count - 1) * pool[1:].mean(axis=(0, 1))
        own = vectors(pool[:1], spec)[0]
        seen = own + noise(rng, spec, own.shape, months) - noise(rng, spec, own.shape, months)
        errors.add(
            pool[0].mean(axis=0), usual, exact, _shrunk(seen / half.weight, usual, spec, 2 / months / half.weight**2)
        )
    return errors.found()


def colluding(
    rng: np.random.Generator, spec: Spec, count: int, members: int = 2, trials: int = 200, months: int = 12
) -> Found:
    """R^2 of one network's means, where `members` others of its cell put their rows together and take them out."""
    spec, kpis, errors = one_cell(spec), len(spec.kpis), _Errors()
    everybody = networks(rng, 2_000, kpis)
    usual, typical = everybody.mean(axis=(0, 1)), vectors(everybody, spec).mean(axis=0)
    crowd = count - members - 1
    for _ in range(trials):
        pool = networks(rng, count, kpis)
        rest = np.delete(pool, np.arange(1, 1 + members), axis=0)
        exact = usual + (rest.mean(axis=(0, 1)) - usual) * len(rest) / (1 + crowd)
        sums = vectors(rest, spec).sum(axis=0) - crowd * typical
        seen = sums + noise(rng, spec, sums.shape, months)
        errors.add(pool[0].mean(axis=0), usual, exact, _shrunk(seen, usual, spec, 1 / months, crowd))
    return errors.found()


def retrying(rng: np.random.Generator, spec: Spec, askings: int = 40, trials: int = 200) -> Found:
    """How much of a release's noise is left [share of its standard deviation] after asking so many times.

    On thresholds with noise drawn at each request; and on the release, where every asking gets the same bytes.
    """
    draws = noise(rng, spec, (trials, askings))
    same = np.repeat(noise(rng, spec, (trials, 1)), askings, axis=1)
    return Found(*(float(one.mean(axis=1).std() / spec.noise) for one in (draws, same)))


def dominating(rng: np.random.Generator, spec: Spec, count: int = 5, trials: int = 4000, months: int = 12) -> Found:
    """R^2 that the second-largest network gains on the largest one's size, beyond what it knows from its own.

    On thresholds from a pooled total, sizes log-normal: the total less its own. In the release each network weighs the
    same, so that what can be told is a mean of all, with noise on it.
    """
    sizes = np.sort(np.exp(rng.normal(3.2, 1.0, (trials, count)) + rng.normal(0, 0.25, (trials, count))))[:, ::-1]
    logs = np.log(sizes)
    z = (logs - logs.mean()) / logs.std()
    mean = z.sum(axis=1) - z[:, 1] + rng.normal(0, _noise_of_means(one_cell(spec)) / np.sqrt(months), trials)
    exact = np.log(sizes.sum(axis=1) - sizes[:, 1])
    return Found(*(_gained(logs[:, 0], logs[:, 1], told) for told in (exact, mean)))


def _gained(truth: np.ndarray, own: np.ndarray, told: np.ndarray) -> float:
    """The part of what `own` leaves open about `truth` that a straight line in `told` explains."""
    left, new = (one - np.polyval(np.polyfit(own, one, 1), own) for one in (truth, told))
    return float(np.corrcoef(left, new)[0, 1] ** 2)


def poisoning(rng: np.random.Generator, spec: Spec, count: int = 20, extreme: float = 1e6) -> Found:
    """How far one member with extreme rows moves the pool's mean [spreads]; without noise, which would only hide it."""
    spec, kpis = one_cell(spec), len(spec.kpis)
    honest = networks(rng, count, kpis)
    poisoned = np.concatenate([np.full((1, *honest.shape[1:]), extreme), honest[1:]])
    exact = np.abs(poisoned.mean(axis=(0, 1)) - honest.mean(axis=(0, 1))).max()
    sums = vectors(poisoned, spec).sum(axis=0) - vectors(honest, spec).sum(axis=0)
    return Found(float(exact), float(np.abs(_means(sums, spec)).max() / count))


def membership(
    rng: np.random.Generator,
    spec: Spec,
    count: int,
    outlier: bool = False,
    shadows: int = 5_000,
    months: int = 12,
    exact_shadows: int = 1_000,
) -> Found:
    """AUC of telling whether a network stands in the pool, by who has its very rows. 0.5 is a coin, 1 is certainty.

    count: networks in the pool, with it or with another in its place. The attacker averages `months` releases in which
    nothing changed, and learns from as many shadow pools again as it is tested on. outlier: a network one spread above
    the others in every figure.
    """
    spec, kpis = one_cell(spec), len(spec.kpis)
    bank = networks(rng, 8_000, kpis)
    target = networks(rng, 1, kpis) + (1.0 if outlier else 0.0)
    released = vectors(bank, spec)
    sums = _pools(rng, released, vectors(target, spec), count, 2 * shadows)
    sums = sums + noise(rng, spec, sums.shape, months)
    exact = np.array([_shown(bank[rng.choice(len(bank), count, replace=False)]) for _ in range(exact_shadows)])
    inside = [np.concatenate([target, bank[rng.choice(len(bank), count - 1, replace=False)]]) for _ in exact]
    both = np.stack([np.array([_shown(pool) for pool in inside]), exact], axis=1).reshape(2 * exact_shadows, -1)
    return Found(_auc(both), _auc(sums))


def _pools(rng, released: np.ndarray, target: np.ndarray, count: int, pools: int) -> np.ndarray:
    """Sums over pools, every other one with the target in the place of one network."""
    drawn = [released[rng.choice(len(released), count, replace=False)] for _ in range(pools)]
    for pool in drawn[::2]:
        pool[0] = target[0]
    return np.array([pool.sum(axis=0) for pool in drawn])


def _shown(pool: np.ndarray) -> np.ndarray:
    rows = pool.reshape(-1, pool.shape[-1])
    return np.concatenate([rows.mean(axis=0), np.quantile(rows, SHARES, axis=0).ravel()])


def _auc(seen: np.ndarray) -> float:
    """Linear discriminant (Fisher 1936) learnt on the first half, tested on the second; even rows hold the target."""
    inside = np.arange(len(seen)) % 2 == 0
    half = len(seen) // 2
    known, known_in = seen[:half], inside[:half]
    with_it, without = known[known_in], known[~known_in]
    within = (np.cov(with_it.T) + np.cov(without.T)) / 2
    ridge = 1e-6 * np.trace(within) / len(within)
    direction = np.linalg.solve(within + ridge * np.eye(len(within)), with_it.mean(axis=0) - without.mean(axis=0))
    scores, truth = seen[half:] @ direction, inside[half:]
    ranks = rankdata(scores)
    n, m = truth.sum(), (~truth).sum()
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * m))


def _means(sums: np.ndarray, spec: Spec) -> np.ndarray:
    """The part of a vector that holds means, on the public scale."""
    kpis = len(spec.kpis)
    return np.ravel(sums)[1 : 1 + kpis] * scaling(kpis) * MEAN


def _noise_of_means(spec: Spec) -> float:
    """Standard deviation of a release's noise on a sum of networks' means [spreads]."""
    return spec.noise * scaling(len(spec.kpis)) * MEAN


def _shrunk(seen: np.ndarray, usual: np.ndarray, spec: Spec, draws: float, crowd: int = 0) -> np.ndarray:
    """The best linear guess at a network's means from its noisy vector: what a Bayesian attacker would say.

    draws: the variance of the noise in it, in draws of a release's; crowd: how many other networks are in it as well.
    """
    variance = draws * _noise_of_means(spec) ** 2 + crowd * BETWEEN**2
    weight = BETWEEN**2 / (BETWEEN**2 + variance)
    return usual + weight * (_means(seen, spec) - usual)


class _Errors:
    """What attackers were off by, and what they would have been off by with a guess at the usual."""

    def __init__(self):
        self._exact, self._noisy, self._guess = [], [], []

    def add(self, truth: np.ndarray, usual: np.ndarray, exact: np.ndarray, noisy: np.ndarray) -> None:
        for errors, said in ((self._exact, exact), (self._noisy, noisy), (self._guess, usual)):
            errors.append(said - truth)

    def found(self) -> Found:
        guess = np.mean(np.square(self._guess))
        return Found(*(float(1 - np.mean(np.square(errors)) / guess) for errors in (self._exact, self._noisy)))
