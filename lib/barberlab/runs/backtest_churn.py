"""Would it have known who does not come back? Clients scored as of a day, against the days that followed.

The same code chooses and predicts here and for reports. The score file says what was said for each client only in
totals and in blocks of clients, so that a later score can be compared in pairs without a client's row in it.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit

from barberlab import files
from barberlab.data.visits import VisitLog, check_cutoff
from barberlab.errors import BadInput
from barberlab.models import calibration as measure
from barberlab.models import churn_rules
from barberlab.models.calibration import Difference
from barberlab.models.churn_choice import Predicted, predict
from barberlab.models.churn_posterior import ChurnPosterior
from barberlab.models.intervals import NINETEEN_IN_TWENTY
from barberlab.models.population import Population
from barberlab.models.rates import interval
from barberlab.models.recency import outcomes
from barberlab.runs.backtest import without_nan

SCHEMA = 1
BLOCKS = 200  # of clients, by their place among the ids; a paired range from 200 means is known to 5 %
LEAST = 5  # clients in a block, so that no loss in the score file is one client's
_PAIRED = ("brier", "log_loss", "count_mae")


@dataclass(frozen=True)
class Result:
    """scores: what out.json holds. clients: out.parquet, a row for each client who did not withdraw consent."""

    scores: dict[str, Any]
    clients: pd.DataFrame


def backtest(
    log: VisitLog, name: str, cutoff: date, horizon_days: int, seed: int = 1, population: Population | None = None
) -> Result:
    """Predict as of `cutoff`, score against the `horizon_days` after it, beside two rules of thumb.

    Raises BadInput for a cut-off that cannot be scored, NotAvailable for too few clients. Clients who withdrew consent
    to profiling count in every score and are not among `clients`.
    """
    check_cutoff(log, cutoff, horizon_days)
    wall, cpu = time.perf_counter(), _cpu()
    told = predict(log.visits, cutoff, horizon_days, seed=seed, population=population)
    seconds = {"wall_seconds": round(time.perf_counter() - wall, 3), "cpu_seconds": round(_cpu() - cpu, 3)}
    came = outcomes(log.visits, told.origin.histories.client, cutoff, horizon_days)
    scores = _about(log, name, told, came) | _shipped(told, came) | seconds
    scores |= {"models": _models(told, came), "rules": _rules(told, came)}
    scores |= {"earlier_origins": [asdict(trial) | {"cutoff": str(trial.cutoff)} for trial in told.choice.trials]}
    scores |= {"fingerprint": fingerprint(told, came), "blocks": _blocks(told, came)}
    return Result(without_nan(scores), clients_table(told, log.withheld))


def clients_table(told: Predicted, withheld: frozenset) -> pd.DataFrame:
    """client_id, x, t_x and T [days], p_alive, p_no_visit with its 80 % range, expected_visits, and who said so."""
    h = told.origin.histories
    table = pd.DataFrame(
        {
            "client_id": h.client,
            "x": h.x,
            "t_x": h.t_x,
            "T": h.T,
            "p_alive": told.alive,
            "p_no_visit": told.no_visit,
            "p_no_visit_low": told.low,
            "p_no_visit_high": told.high,
            "expected_visits": told.visits,
            "model": told.choice.churn,
            "model_counts": told.choice.counts,
            "model_alive": told.rhythm,
        }
    )
    return table[~table["client_id"].isin(withheld)].reset_index(drop=True)


def fingerprint(told: Predicted, came: np.ndarray) -> str:
    """Which clients and outcomes were scored: two score files can be compared in pairs if they have the same."""
    h = told.origin.histories
    of = hashlib.sha256(f"{h.cutoff} {told.origin.horizon_days}\n".encode())
    of.update("\n".join(map(str, h.client)).encode())
    for part in (h.x, h.t_x, h.T, came):
        of.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return of.hexdigest()[:16]


def _about(log: VisitLog, name: str, told: Predicted, came: np.ndarray) -> dict[str, Any]:
    rate = float((came == 0).mean())
    return {
        "schema": SCHEMA,
        "file": name,
        "cutoff": str(told.origin.cutoff),
        "horizon_days": told.origin.horizon_days,
        "clients": len(came),
        "clients_withheld": int(np.isin(told.origin.histories.client, list(log.withheld)).sum()),
        "visits_after": int(came.sum()),
        "base_rate": rate,
        "base_accuracy": max(rate, 1 - rate),
        "data": {
            "rows": log.rows,
            "merged_client_days": log.merged,
            "first_day": str(log.first),
            "last_day": str(log.last),
            "locations": len(told.origin.histories.locations),
            "covariates": list(told.origin.histories.covariates),
            "notes": list(log.notes),
        },
    }


def _shipped(told: Predicted, came: np.ndarray) -> dict[str, Any]:
    """The scores of what is said in the end, and which models said it."""
    scores = _scores(told.no_visit, told.visits, came)
    post = told.origin.posteriors[told.rhythm]
    low, _ = interval(np.array([scores["accuracy"] * len(came)]), np.array([len(came)]), NINETEEN_IN_TWENTY)
    used = {"churn": told.choice.churn, "counts": told.choice.counts, "alive": told.rhythm}
    return {
        "used": used | {"reason": told.choice.reason, "without": told.origin.silent},
        **scores,
        "accuracy_low95": float(low[0]),
        "claim_85": _claim(scores, float(low[0]), came),
        "log_likelihood": post.log_likelihood,
        "parameters": parameters(post),
    }


def _claim(scores: dict[str, float], low: float, came: np.ndarray) -> dict[str, Any]:
    """Whether "85 % accurate" may be said: that much, surely more than the base rate, and calibrated."""
    lacking = measure.lacking(scores["accuracy"], low, float((came == 0).mean()), scores["ece"])
    return {"met": not lacking, "lacking": lacking}


def _scores(p: np.ndarray, visits: np.ndarray | None, came: np.ndarray) -> dict[str, float]:
    lost = (came == 0).astype(float)
    told = {
        "auc": measure.auc(p, lost),
        "brier": measure.brier(p, lost),
        "skill": measure.skill(p, lost),
        "ece": measure.calibration_error(p, lost),
        "accuracy": measure.accuracy(p, lost),
        "log_loss": measure.log_loss(p, lost),
    }
    return told if visits is None else told | _count_scores(visits, came)


def _count_scores(visits: np.ndarray, came: np.ndarray) -> dict[str, float]:
    return {"count_mae": float(np.abs(came - visits).mean()), "count_sum": float(visits.sum())}


def _models(told: Predicted, came: np.ndarray) -> dict[str, Any]:
    """Every candidate: its scores, and of a rhythm model its fit and its recalibration."""
    models = {}
    for name, said in told.said.items():
        models[name] = _scores(expit(said.log_odds), said.visits, came)
        if name in told.origin.posteriors:
            post, correction = told.origin.posteriors[name], told.corrections[name]
            models[name] |= {
                "log_likelihood": post.log_likelihood,
                "parameters": parameters(post),
                "recalibration": {"shift": correction.shift, "stretch": correction.stretch},
            }
    return models


def parameters(post: ChurnPosterior) -> dict[str, Any]:
    """The network's parameters in the papers' letters, rates per day, and the spread between shops on its scales."""
    at = post.centre
    k, weight = np.exp(at.log_k[0]), np.exp(at.log_weight[0])
    r, kappa = float(np.exp(at.log_r[0])), float(np.exp(at.log_kappa[0]))
    rate, lost = float(np.exp(at.log_rate[0, -1])), float(expit(at.logit_dropout[0, -1]))
    mixed = len(k) > 1
    return {
        "variant": post.variant,
        "k": k.tolist() if mixed else float(k[0]),
        "weights": weight.tolist() if mixed else None,
        "r": r,
        "alpha": None if mixed else float(r / (rate * k[0])),
        "a": kappa * lost,
        "b": kappa * (1 - lost),
        "visits_per_day": rate,
        "lost_per_visit": lost,
        "sd_between_shops": {"log_rate": float(post.sd_between[0]), "logit_dropout": float(post.sd_between[1])},
        "effects": {
            name: {"log_rate": float(at.on_rate[0, i]), "logit_dropout": float(at.on_dropout[0, i])}
            for i, name in enumerate(post.covariates)
        },
    }


def _rules(told: Predicted, came: np.ndarray) -> dict[str, Any]:
    """The two rules of thumb: scores of their probabilities, and the accuracy and ranking of the rules themselves."""
    h, days, lost = told.origin.histories, told.origin.horizon_days, came == 0
    before = told.previous
    rules = {"60 days": churn_rules.sixty_days(h, days, before), "own gap": churn_rules.own_gap(h, days, before)}
    return {
        name: _scores(rule.p, rule.visits, came)
        | {"accuracy": float(np.mean(rule.lost == lost)), "auc": measure.auc(rule.score, lost)}
        for name, rule in rules.items()
    }


def _blocks(told: Predicted, came: np.ndarray) -> dict[str, Any]:
    """Losses as means over blocks of at least five clients: every 200th in the order of ids is of the same block."""
    lost = (came == 0).astype(float)
    block = np.arange(len(came)) % min(BLOCKS, max(len(came) // LEAST, 1))
    n = np.bincount(block)
    z = measure.log_odds(told.no_visit)
    losses = {
        "brier": np.square(told.no_visit - lost),
        "log_loss": np.logaddexp(0, z) - lost * z,
        "count_mae": np.abs(came - told.visits),
    }
    return {"n": n.tolist()} | {name: (np.bincount(block, loss) / n).tolist() for name, loss in losses.items()}


# Against an earlier score


@dataclass(frozen=True)
class Earlier:
    """An earlier score file: its name, what it scored, and its losses by blocks of clients."""

    name: str
    fingerprint: str
    blocks: dict[str, list[float]]

    @classmethod
    def read(cls, path: Path) -> "Earlier":
        """Raises BadInput for a file that is no score file of churn."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            blocks = {name: [float(v) for v in told["blocks"][name]] for name in ("n", *_PAIRED)}
            return cls(path.name, str(told["fingerprint"]), blocks)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise BadInput(
                f"{path.name}: is not a score file; `barberlab backtest churn ... --scores` writes one"
            ) from None

    def differences(self, scores: dict[str, Any]) -> Iterator[tuple[str, Difference]]:
        """(score, new minus old with its 95 % range); raises BadInput where other clients or outcomes were scored."""
        if scores["fingerprint"] != self.fingerprint:
            raise BadInput(
                f"{self.name}: scored other clients or other outcomes: another file, cut-off or horizon. Compare "
                "back-tests of the same file, cut-off and horizon"
            )
        n = np.array(self.blocks["n"])
        for name in _PAIRED:
            yield name, measure.paired(np.array(scores["blocks"][name]), np.array(self.blocks[name]), n)


# Files


def keep(result: Result, scores: Path | None, clients: Path | None) -> None:
    """Write what was asked for, each file whole or not at all."""
    if clients:
        buffer = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(result.clients, preserve_index=False), buffer, compression="zstd")
        files.write(clients, buffer.getvalue().to_pybytes())
    if scores:
        files.write_json(scores, result.scores)


def _cpu() -> float:
    return sum(list(os.times())[:4])
