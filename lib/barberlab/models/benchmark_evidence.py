"""What do the numbers of each shop or barber say of it, and how precisely? An estimate or a count with its exposure.

`normal` takes an estimate with its sampling variance, `binomial` so many out of so many, `count` events over an
exposure. The true score theta of each lies on the link's scale: as given, logit, or log. Variances that were
estimated from few blocks borrow from the other shops (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1), section 6.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, polygamma

from barberlab.errors import BadInput, NotAvailable

NORMAL, BINOMIAL, COUNT = "normal", "binomial", "count"
FEWEST = 2  # a shop alone has nobody to be compared with


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each of `names`, over (unit).

    kind normal: `value` estimates theta with sampling variance `weight`, itself known with `freedom` degrees (inf:
    exactly). binomial: `value` hits of `weight`. count: `value` events in an exposure of `weight`. `offset` is what
    theta is counted from, on the link's scale: what a unit of the network's own score would have had.
    """

    names: tuple[str, ...]
    kind: str
    value: np.ndarray
    weight: np.ndarray
    freedom: np.ndarray
    offset: np.ndarray

    @property
    def mode(self) -> np.ndarray:
        """Roughly where each likelihood stands, on theta's scale."""
        if self.kind == NORMAL:
            return self.value - self.offset
        if self.kind == COUNT:
            return np.log((self.value + 0.5) / self.weight) - self.offset
        return np.log((self.value + 0.5) / (self.weight - self.value + 0.5)) - self.offset

    @property
    def spread(self) -> np.ndarray:
        """Roughly how wide each likelihood is, on theta's scale."""
        if self.kind == NORMAL:
            return np.sqrt(self.weight)
        if self.kind == COUNT:
            return 1 / np.sqrt(self.value + 0.5)
        return np.sqrt(1 / (self.value + 0.5) + 1 / (self.weight - self.value + 0.5))

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """(unit, point) at each of `theta` (point), up to a constant of each unit."""
        at = theta[None, :] + self.offset[:, None]
        value, weight = self.value[:, None], self.weight[:, None]
        if self.kind == COUNT:
            return value * at - weight * np.exp(at)
        if self.kind == BINOMIAL:
            return value * at - weight * np.logaddexp(0, at)
        squares = (value - at) ** 2 / weight
        freedom = self.freedom[:, None]
        known = np.isinf(freedom)
        with np.errstate(invalid="ignore"):
            heavy = (freedom + 1) * np.log1p(squares / freedom)
        return -0.5 * np.where(known, squares, heavy)


def normal(
    names: Sequence[str],
    estimate: np.ndarray,
    variance: np.ndarray,
    freedom: np.ndarray | float = np.inf,
    offset: np.ndarray | float = 0.0,
) -> Evidence:
    """Estimates with their sampling variances. Raises BadInput for a variance that is none, naming the unit."""
    found = _evidence(names, NORMAL, estimate, variance, offset, freedom)
    _refuse(found, ~np.isfinite(found.value), "estimate {value:g} is not a number; leave it out")
    _refuse(found, ~(found.weight > 0), "sampling variance {weight:g} must be above 0: without exposure leave it out")
    _refuse(found, ~(found.freedom > 2), "a variance needs more than 2 degrees of freedom; pool it with others")
    return found


def binomial(names: Sequence[str], hits: np.ndarray, n: np.ndarray, offset: np.ndarray | float = 0.0) -> Evidence:
    """So many out of so many. Raises BadInput for hits outside 0 to n and for n of 0, naming the unit."""
    found = _evidence(names, BINOMIAL, hits, n, offset)
    _refuse(found, ~(found.weight > 0), "nothing was counted, 0 cases: no exposure; leave it out")
    _refuse(found, ~((found.value >= 0) & (found.value <= found.weight)), "{value:g} of {weight:g} is no rate")
    return found


def count(names: Sequence[str], events: np.ndarray, exposure: np.ndarray, offset: np.ndarray | float = 0.0) -> Evidence:
    """Events over an exposure. Raises BadInput for negative events and for an exposure of 0, naming the unit."""
    found = _evidence(names, COUNT, events, exposure, offset)
    _refuse(found, ~(found.weight > 0), "exposure {weight:g} must be above 0; leave it out")
    _refuse(found, ~(found.value >= 0), "{value:g} events cannot be; a count is 0 or more")
    return found


def _evidence(names: Sequence[str], kind: str, value, weight, offset, freedom=np.inf) -> Evidence:
    names = tuple(map(str, names))
    if len(names) < FEWEST:
        raise NotAvailable("Ranking", f"at least {FEWEST} shops or barbers to compare; found {len(names)}")
    whole = [np.asarray(part, float) for part in (value, weight)]
    if any(part.shape != (len(names),) for part in whole):
        raise BadInput(f"ranking: {len(names)} names need as many values and weights; found {[p.shape for p in whole]}")
    spread = [np.broadcast_to(np.asarray(part, float), (len(names),)) for part in (freedom, offset)]
    return Evidence(names, kind, *whole, *spread)


def _refuse(found: Evidence, wrong: np.ndarray, why: str) -> None:
    """`wrong` marks what may not be; a NaN compares as wrong."""
    if wrong.any():
        first = int(np.argmax(wrong))
        said = why.format(value=found.value[first], weight=found.weight[first])
        more = f" ({int(wrong.sum())} such)" if wrong.sum() > 1 else ""
        raise BadInput(f"ranking, {found.names[first]!r}: {said}{more}")


def moderated(variance: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(variance, degrees of freedom) of each unit, drawn towards what is usual, as far as the units are alike.

    variance: estimates over (unit), each with `freedom` degrees. The usual variance s0^2 and its weight d0 are the
    moments of log variance; where variances differ no more than chance explains, all become the usual one.
    """
    variance, freedom = np.asarray(variance, float), np.asarray(freedom, float)
    use = (freedom > 0) & (variance > 0)
    if not use.any():
        raise NotAvailable("Ranking", "at least two periods of exposure in some shop, to tell how it swings by chance")
    half = freedom[use] / 2
    e = np.log(variance[use]) - digamma(half) + np.log(half)
    excess = e.var(ddof=1) - polygamma(1, half).mean() if use.sum() > 1 else 0.0
    d0 = 2 * _trigamma_inverse(excess) if excess > 0 else np.inf
    usual = np.exp(e.mean() + (digamma(d0 / 2) - np.log(d0 / 2) if np.isfinite(d0) else 0.0))
    if np.isinf(d0):
        return np.full(variance.shape, usual), np.full(variance.shape, np.inf)
    return (d0 * usual + freedom * variance) / (d0 + freedom), d0 + freedom


def widened(found: Evidence) -> Evidence:
    """The same estimates with variances as of exactly known ones, widened to those of their t: v times nu / (nu - 2).

    Where the spreads of very many units begin to be looked for; as an answer it is too sure of those that stand out: an
    eighth of the lists of 10,000 shops was wrong that a tenth should have been.
    """
    freedom = found.freedom
    more = np.where(np.isinf(freedom), 1.0, freedom / np.where(np.isinf(freedom), 1.0, freedom - 2))
    return replace(found, weight=found.weight * more, freedom=np.full(len(freedom), np.inf))


def _trigamma_inverse(x: float) -> float:
    """y with trigamma(y) = x, by Newton on 1 / trigamma (Smyth 2004, appendix)."""
    y = 0.5 + 1 / x
    for _ in range(50):
        step = polygamma(1, y) * (1 - polygamma(1, y) / x) / polygamma(2, y)
        y += step
        if abs(step) < 1e-10 * y:
            break
    return float(y)
