"""What does the revenue model take for granted before it has seen a shop? Its hyperparameters and their priors.

A hyperparameter is theta = m + s z with z ~ N(0, 1). Scales are logs. A location's terms are in units of its own
short-run sd sigma_l, whose parts (echo, week of the year, white noise) share one unit of variance: with a free scale
for each the likelihood knows no bound. A network's path is in log revenue.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax

REGIMES = 3  # of a location's volatility: how far its level drifts in a week

# name: mean, sd. Sizes for weekly revenue of shops: in sigma_l where not said otherwise.
LOCATION = {
    "slope": (np.log(0.7), 0.8),  # a year
    "season": (np.log(0.4), 0.8),
    "calendar": (np.log(0.3), 0.8),  # per sd of a known column
    "pay": (np.log(0.2), 0.8),
    "echo_share": (0.0, 1.0),  # logit, of at most .95 of the unit variance
    "echo_phi": (0.7, 0.8),  # logit
    "week_share": (-0.5, 1.2),  # logit, of at most .95 of what is left
    "drift": (np.log(0.06), 0.8),  # calmest regime, per square root of a week
    "drift_step": (np.log(1.2), 0.3),  # log of the log ratio from regime to regime
    "regime_2": (0.0, 0.7),  # logits against the calmest
    "regime_3": (-0.7, 0.7),
    "tail": (np.log(3.0), 0.5),  # shape of sigma_l^2 ~ InvGamma(tail, tail scale^2)
    "scale": (np.log(0.1), 0.7),  # in log revenue
}
_PATH = {
    "slope": (np.log(0.06), 0.8),  # a year
    "season": (np.log(0.07), 0.8),
    "calendar": (np.log(0.10), 0.9),  # per sd of a known column
    "pay": (np.log(0.02), 0.8),
    "drift": (np.log(0.008), 0.8),  # per square root of a week
    "echo": (np.log(0.02), 0.8),
    "echo_phi": (0.7, 0.8),
    "noise": (np.log(0.015), 0.8),
    "week": (np.log(0.02), 0.9),
}
SCALES = ("slope", "season", "calendar", "pay", "drift", "echo", "noise", "week")
MOST_SHARED = 0.95


@dataclass(frozen=True)
class Prior:
    """Names (p,), means (p,) and sds (p,) of one block of hyperparameters."""

    names: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray

    def theta(self, z: np.ndarray) -> np.ndarray:
        """Hyperparameters from standardised ones, over the last axis."""
        return self.mean + self.sd * z

    def labelled(self, block: str) -> tuple[str, ...]:
        """The names as a population file keeps them: block.name."""
        return tuple(f"{block}.{name}" for name in self.names)


def location_prior() -> Prior:
    """Of a location's own path around its network's."""
    return _prior(LOCATION)


def path_prior(size: float = 1.0) -> Prior:
    """Of the path that a network's locations share; `size` scales it (a network around the common path: a half)."""
    shift = np.array([np.log(size) if name in SCALES else 0.0 for name in _PATH])
    prior = _prior(_PATH)
    return Prior(prior.names, prior.mean + shift, prior.sd)


def _prior(table: dict[str, tuple[float, float]]) -> Prior:
    mean, sd = np.array(list(table.values()), float).T
    return Prior(tuple(table), mean, sd)


@dataclass(frozen=True)
class Location:
    """A location's hyperparameters on their natural scale. drift (3,) and weight (3,) by regime."""

    slope: float
    season: float
    calendar: float
    pay: float
    echo_share: float
    echo_phi: float
    week_share: float
    drift: np.ndarray
    weight: np.ndarray
    tail: float
    scale: float

    @classmethod
    def at(cls, theta: np.ndarray) -> "Location":
        """From theta in the order of LOCATION."""
        t = dict(zip(LOCATION, theta, strict=True))
        return cls(
            **{name: float(np.exp(t[name])) for name in ("slope", "season", "calendar", "pay", "tail", "scale")},
            echo_share=MOST_SHARED * float(expit(t["echo_share"])),
            echo_phi=float(expit(t["echo_phi"])),
            week_share=MOST_SHARED * float(expit(t["week_share"])),
            drift=np.exp(t["drift"] + np.exp(t["drift_step"]) * np.arange(REGIMES)),
            weight=np.exp(log_softmax([0.0, t["regime_2"], t["regime_3"]])),
        )


@dataclass(frozen=True)
class Path:
    """A network's hyperparameters on their natural scale: sds in log revenue and the echo's phi."""

    slope: float
    season: float
    calendar: float
    pay: float
    drift: float
    echo: float
    echo_phi: float
    noise: float
    week: float

    @classmethod
    def at(cls, theta: np.ndarray) -> "Path":
        """From theta in the order of the path's prior."""
        t = dict(zip(_PATH, theta, strict=True))
        return cls(**{name: float(np.exp(t[name])) for name in SCALES}, echo_phi=float(expit(t["echo_phi"])))
