"""What is known of a network's rhythms after its histories were seen: a centre, and a few dozen draws around it."""

from dataclasses import dataclass, fields

import numpy as np

from barberlab.errors import BadInput
from barberlab.models.histories import Histories

FIRST = {"mbg": 1, "bg": 0}  # whether a client may be lost at the first visit already


@dataclass(frozen=True)
class Rhythms:
    """Parameters, `draw` leading: of each shop ln m [visits per unit] and logit of the drop-out's mean, and the shared.

    log_rate, logit_dropout (draw, shop + 1), the last a shop that was never seen; log_r, log_kappa (draw,);
    log_k, log_weight (draw, member), one member but for a mixture; on_rate, on_dropout (draw, covariate).
    """

    log_rate: np.ndarray
    logit_dropout: np.ndarray
    log_r: np.ndarray
    log_kappa: np.ndarray
    log_k: np.ndarray
    log_weight: np.ndarray
    on_rate: np.ndarray
    on_dropout: np.ndarray

    def __len__(self) -> int:
        return len(self.log_r)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All of them in order, as compiled code takes them."""
        return tuple(np.ascontiguousarray(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True)
class ChurnPosterior:
    """The fit of one network: parameters at the centre (one draw) and the draws, with what they stand for.

    hyper (draw, 7): the network's hyperparameters, in the order of `churn_prior.NAMES`; NaN for a ln k not fitted.
    shop_mean, shop_sd (shop, 2): posterior mean and standard deviation of a shop's log rate and logit drop-out;
    sd_between (2,): standard deviation between shops, at the centre; log_likelihood at the centre;
    z_mean, z_sd (covariate,): how covariates are standardised; evaluations: passes over the clients that the fit took.
    """

    variant: str
    unit: str
    locations: tuple[str, ...]
    covariates: tuple[str, ...]
    centre: Rhythms
    draws: Rhythms
    hyper: np.ndarray
    shop_mean: np.ndarray
    shop_sd: np.ndarray
    sd_between: np.ndarray
    z_mean: np.ndarray
    z_sd: np.ndarray
    log_likelihood: float
    evaluations: int

    @property
    def first(self) -> int:
        """1 where a client may be lost at the first visit already (MBG), 0 where not (BG)."""
        return FIRST[self.variant]

    def shop_of(self, h: Histories) -> np.ndarray:
        """(client,) each client's shop in the columns of `Rhythms`; a location never seen is the last."""
        self._check(h)
        place = {name: i for i, name in enumerate(self.locations)}
        known = np.array([place.get(name, len(self.locations)) for name in h.locations])
        return known[h.location]

    def standardised(self, h: Histories) -> np.ndarray:
        """(client, covariate) on the scale on which the effects are."""
        return (h.z - self.z_mean) / self.z_sd

    def _check(self, h: Histories) -> None:
        if h.unit != self.unit or h.covariates != self.covariates:
            raise BadInput(
                f"histories in {h.unit} with covariates {h.covariates} do not fit a posterior in {self.unit} "
                f"with {self.covariates}; make them alike"
            )
