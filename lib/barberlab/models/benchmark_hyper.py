"""How alike are the shops? A posterior over two or three hyperparameters, on a grid that finds its own place.

A grid needs no starting value, no curvature and no luck where a spread is near zero; with few hyperparameters it is
exact to several digits. Priors are on log tau.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

DEEP = 10.0  # how far below its peak a log density still counts: 4.5 sd of a normal one
ROUNDS = 16
MARGIN = 2  # cells kept beyond what is near: while one axis is coarse, another's place is not yet sure
LEAST_LOG, MOST_LOG = -7.0, 2.3  # of tau in units of its prior's scale: below a thousandth nobody differs

type LogPrior = Callable[[np.ndarray], np.ndarray]


def half_normal(scale: float) -> LogPrior:
    """tau ~ half-normal(scale), as a log density of log tau: nearly flat for small tau, so that none may be zero."""
    return lambda log_tau: log_tau - 0.5 * np.exp(2 * (log_tau - np.log(scale)))


@dataclass(frozen=True, eq=False)
class Grid:
    """A posterior on a grid: `axes` of the hyperparameters, `weight` of their product, adding up to 1.

    `evidence` is the log of the integral of the density that was handed in.
    """

    axes: tuple[np.ndarray, ...]
    weight: np.ndarray
    evidence: float

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """(node, axis) points and their weights, those that matter only."""
        points = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, len(self.axes))
        weight = self.weight.ravel()
        kept = weight > 1e-5 * weight.max()
        return points[kept], weight[kept] / weight[kept].sum()

    def draw(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """(draw, axis) points, spread evenly over each cell."""
        points, weight = self.nodes()
        steps = np.array([axis[1] - axis[0] for axis in self.axes])
        chosen = points[rng.choice(len(points), size=draws, p=weight)]
        return chosen + steps * (rng.random(chosen.shape) - 0.5)


def zoomed(
    log_density: Callable[[Sequence[np.ndarray]], np.ndarray],
    box: Sequence[tuple[float, float]],
    points: Sequence[int],
) -> Grid:
    """The grid over `box` drawn in until it holds the density and little else, with so many `points` on each axis.

    log_density: axes -> log density over their product. Its peak must lie inside the box; several peaks all stay.
    """
    axes = [np.linspace(*ends, count) for ends, count in zip(box, points, strict=True)]
    for _ in range(ROUNDS):
        value = log_density(axes)
        closer = [_drawn_in(axis, near) for axis, near in zip(axes, _near(value), strict=True)]
        shrunk = any(np.ptp(new) < 0.85 * np.ptp(old) for new, old in zip(closer, axes, strict=True))
        if not shrunk:
            break
        axes = closer
    else:
        value = log_density(axes)
    weight = np.exp(value - value.max())
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    return Grid(tuple(axes), weight / weight.sum(), float(value.max() + np.log(weight.sum() * cell)))


def _near(value: np.ndarray) -> list[np.ndarray]:
    """Of each axis, which points have some density."""
    inside = value > value.max() - DEEP
    return [inside.any(axis=tuple(k for k in range(value.ndim) if k != axis)) for axis in range(value.ndim)]


def _drawn_in(axis: np.ndarray, near: np.ndarray) -> np.ndarray:
    first, last = np.flatnonzero(near)[[0, -1]]
    return np.linspace(axis[max(first - MARGIN, 0)], axis[min(last + MARGIN, len(axis) - 1)], len(axis))
