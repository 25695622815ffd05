"""Which paths may revenue take? Joint draws of every location's weeks to come, in closed form given hyperparameters.

The path that a network's locations share is a linear map of a standard normal state; each location's own path follows
given the draw of it. So a network's total is the sum of its locations' draws, and as wide as it has to be. For a
back-test of one file the networks may share a path of their own (`common`), integrated out network by network.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from barberlab.models import revenue_white as white
from barberlab.models.covariance import VAGUE_LEVEL, Terms, terms
from barberlab.models.panel import Panel
from barberlab.models.population import Population
from barberlab.models.revenue_likelihood import path_covariance
from barberlab.models.revenue_opening import Opening, opened
from barberlab.models.revenue_parameters import Location, Path
from barberlab.models.revenue_residuals import Scale, liveliness, lively_path, log_revenue, residuals, two_way
from barberlab.models.revenue_width import Parts, Width

NEW_WEEKS = 8  # a location with less than that takes its level from its network
_ACCIDENT = 6.0  # sds from all its other weeks, from which a week is left out
_LATEST = 3  # weeks that are never left out: they may be a change that stays
SHARED_LEVEL = 0.25  # variance of the level of a network's path; locations have their own
_LEVEL_SD, _LEVEL_WORTH = 0.4, 4  # log sd of shops' levels in a network: a guess worth so many shops
NUGGET = 1e-6
_CEILING = np.log(3.0)  # a week may be three times the best so far
_CHUNK = 512  # locations at a time, for memory alone

COMMON = "common"


@dataclass(frozen=True)
class Theta:
    """One draw of the hyperparameters: a location's, a network's path, and the path that networks share or None."""

    location: Location
    network: Path
    common: Path | None
    opening: Opening
    width: Width

    @classmethod
    def of(cls, population: Population, values: np.ndarray) -> "Theta":
        """From values in the order of the population's names."""
        blocks: dict[str, list[float]] = {}
        for name, value in zip(population.names, values, strict=True):
            blocks.setdefault(name.partition(".")[0], []).append(value)
        common = Path.at(np.array(blocks[COMMON])) if COMMON in blocks else None
        width = Width(*np.exp(blocks["width"])) if "width" in blocks else Width()
        opening = Opening.at(np.array(blocks["opening"]))
        location, network = Location.at(np.array(blocks["location"])), Path.at(np.array(blocks["network"]))
        return cls(location, network, common, opening, width)


class Rules:
    """What all networks have in common under one theta: factors of covariances, each made once.

    The state of a path is (path T, known columns K), doubled where there is a common path: common first.
    """

    def __init__(self, theta: Theta, over: Terms, horizon: int):
        self.theta, self.over, self.horizon = theta, over, horizon
        self._whiteners: dict[tuple, white.Whitener] = {}
        self._roots: dict[bytes, list[tuple[np.ndarray, float]]] = {}

    def roots(self, lively: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """(Cholesky factor over history and horizon, calendar's sd) of the common path, if any, and the network's.

        lively (T + H,) is the path's liveliness.
        """
        key = lively.tobytes()
        if key not in self._roots:
            over = self.over.livelier(lively)
            paths = [path for path in (self.theta.common, self.theta.network) if path is not None]
            self._roots = {key: [(_root(path, over), path.calendar) for path in paths]}
        return self._roots[key]

    def whitener(self, known: np.ndarray, level: float, lively: np.ndarray) -> white.Whitener:
        """For locations with these known columns (T + H, K) and liveliness of weeks (T + H,)."""
        key = known.tobytes(), level, lively.tobytes()
        if key not in self._whiteners:
            over = self.over.livelier(lively)
            self._whiteners[key] = white.whitener(self.theta.location, over, known, level)
        return self._whiteners[key]

    def forget(self) -> None:
        """Drops the factors made so far: those of one network seldom serve another."""
        self._whiteners.clear()
        self._roots.clear()

    def basis(self, known: np.ndarray, lively: np.ndarray) -> np.ndarray:
        """(T, D) the path over the history, in reversed time, as a map of the state."""
        n = self.over.origin
        return np.hstack(
            [part for root, sd in self.roots(lively) for part in (root[:n, :n][::-1], sd * known[:n][::-1])]
        )

    def basis_ahead(self, known: np.ndarray, lively: np.ndarray) -> np.ndarray:
        """(H, D) the same over the horizon, as far as the history's state goes."""
        n = self.over.origin
        return np.hstack([part for root, sd in self.roots(lively) for part in (root[n:, :n], sd * known[n:])])

    def fresh(self, path: int, lively: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
        """(H, draws) of one path, in the order of `roots`: what only the horizon brings."""
        n, (root, _) = self.over.origin, self.roots(lively)[path]
        return root[n:, n:] @ rng.standard_normal((self.horizon, draws))


@dataclass(frozen=True)
class Network:
    """One network's locations as the model sees them. Arrays over all its locations, time forwards.

    log (L, T) NaN where unseen, centre (L,) each one's level, new (L,) bool, level_sd of shops' levels,
    opened (L,) the week in which each opened, -1 where that is no matter any more,
    known (L, T + H, K), lively and path_lively (T + H,) how much livelier a week is than an ordinary one.
    """

    name: str
    log: np.ndarray
    centre: np.ndarray
    new: np.ndarray
    level_sd: float
    opened: np.ndarray
    known: np.ndarray
    lively: np.ndarray
    path_lively: np.ndarray

    @classmethod
    def of(cls, panel: Panel, known: np.ndarray, lively: np.ndarray, path_lively: np.ndarray) -> "Network":
        """From the panel of this network alone."""
        log = log_revenue(panel)
        at = opened(np.isfinite(log))
        began = np.flatnonzero((at >= 0) & (at < log.shape[1]))
        log[began, at[began]] = np.nan  # the week of the opening is rarely a whole one
        new = np.isfinite(log).sum(axis=1) < NEW_WEEKS
        centre, _ = two_way(log)
        if new.all():
            new[:] = False
        settled = centre[~new]
        middle = np.median(settled)
        centre = np.where(new, middle, centre)
        spread = ((settled - middle) ** 2).sum() + _LEVEL_WORTH * _LEVEL_SD**2
        level_sd = np.sqrt(spread / (len(settled) + _LEVEL_WORTH))
        return cls(str(panel.network[0]), log, centre, new, level_sd, at, known, lively, path_lively)

    def groups(self) -> Iterator[np.ndarray]:
        """Rows that share known columns, being new or not, and having gaps or not; in chunks."""
        gaps = self.gaps.any(axis=1) | (self.opened >= 0)
        keys = [(k.tobytes(), new, gap) for k, new, gap in zip(self.known, self.new, gaps, strict=True)]
        rows: dict[tuple, list[int]] = {}
        for row, key in enumerate(keys):
            rows.setdefault(key, []).append(row)
        for members in rows.values():
            for start in range(0, len(members), _CHUNK):
                yield np.array(members[start : start + _CHUNK])

    @property
    def most(self) -> np.ndarray:
        """(L,) log revenue that no week exceeds: chairs bound what a shop can take, however wild its past."""
        best = np.max(np.where(np.isfinite(self.log), self.log, -np.inf), axis=1)
        return np.where(self.new, np.maximum(best, self.log_best), best) + _CEILING

    @property
    def log_best(self) -> float:
        """The best week of any location of the network that is not new, in log revenue."""
        return float(np.nanmax(self.log[~self.new]))

    @cached_property
    def gaps(self) -> np.ndarray:
        """(L, T) weeks without trade since the first one with."""
        seen = np.isfinite(self.log)
        return ~seen & (np.cumsum(seen, axis=1) > 0)

    def shops(self, rows: np.ndarray, horizon: int, p: Location, opening: Opening) -> white.Shops:
        """The rows' histories in reversed time around the mean opening; gaps and openings as regressors."""
        weeks = self.log.shape[1]
        curve = self.curve(rows, horizon, opening)
        y = (self.log[rows] - self.centre[rows, None] + opening.depth * curve[:, :weeks])[:, ::-1]
        seen, gaps = np.isfinite(y), self.gaps[rows][:, ::-1]
        m = int(gaps.sum(axis=1).max())
        opens = int((self.opened[rows] >= 0).any())
        extra, certain = np.zeros((*y.shape, m + opens)), np.ones((len(rows), m + opens))
        shop, week = np.nonzero(gaps)
        place = (np.cumsum(gaps, axis=1) - 1)[shop, week]
        extra[shop, week, place], certain[shop, place] = 1.0, 0.0
        ahead = np.zeros((len(rows), horizon, m + opens))
        if opens:
            extra[:, :, m], ahead[:, :, m] = -curve[:, :weeks][:, ::-1], -curve[:, weeks:]
            certain[:, m] = (p.scale / opening.spread) ** 2
        length = np.where(seen.any(axis=1), y.shape[1] - np.argmax(seen[:, ::-1], axis=1), 0)
        return white.Shops(np.where(seen, y, 0.0), length, seen.sum(axis=1), extra, ahead, certain)

    def ahead(self, rows: np.ndarray, horizon: int, opening: Opening) -> np.ndarray:
        """(n, H, 1) level and mean opening over the horizon, float32."""
        curve = self.curve(rows, horizon, opening)[:, self.log.shape[1] :]
        return (self.centre[rows, None] - opening.depth * curve)[:, :, None].astype(np.float32)

    def curve(self, rows: np.ndarray, horizon: int, opening: Opening) -> np.ndarray:
        """(n, T + H) what is left of each row's opening; 0 where it did not open in these weeks."""
        at = self.opened[rows, None]
        return np.where(at >= 0, opening.left(np.arange(self.log.shape[1] + horizon) - at), 0.0)


@dataclass(frozen=True)
class _Group:
    rows: np.ndarray
    shops: white.Shops
    known: np.ndarray
    level: float
    lively: np.ndarray
    path_lively: np.ndarray


def seed_of(seed: int, name: str) -> np.random.Generator:
    """The network's own stream of random numbers: the same whoever else is forecast."""
    digest = blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


class Forecaster:
    """Joint draws for networks, given draws of the hyperparameters.

    `thetas` are the population's mean, at which accidents are looked for, and then M draws, which share the paths.
    """

    def __init__(self, population: Population, panel: Panel, horizon: int, thetas: int, seed: int):
        rng = np.random.default_rng(seed)
        values = [np.array(population.mean), *population.draw(rng, thetas)]
        self.over = terms(panel.weeks[0], len(panel.weeks), horizon)
        self.horizon, self.seed = horizon, seed
        self.typical, *self.rules = [Rules(Theta.of(population, value), self.over, horizon) for value in values]
        self.together = panel if self.typical.theta.common else None

    def prepare(self, panel: Panel) -> tuple[Network, np.ndarray]:
        """The network without its accidents, and (L, T) the path of its own that evidence is weighed around."""
        like = self.together or panel
        found = residuals(like)
        lively, path_lively = liveliness(found.left, self.horizon), lively_path(found, self.horizon)
        network = Network.of(panel, Scale.of(like).known(panel), lively, path_lively)
        start = np.broadcast_to(two_way(network.log - network.centre[:, None])[1], network.log.shape)
        far = np.zeros(network.log.shape, bool)
        for group in self._groups(network, self.typical):
            whitener = self.typical.whitener(group.known, group.level, group.lively)
            centre = start[group.rows[0]][::-1]
            far[group.rows] = white.far_weeks(self.typical.theta.location, group.shops, whitener, centre, _ACCIDENT)[
                :, ::-1
            ]
        far[:, -_LATEST:] = False
        network = replace(network, log=np.where(far, np.nan, network.log))
        return network, start

    def run(self, panels: list[Panel], draws: int) -> Iterator[np.ndarray]:
        """(L, H, draws) revenue of each network's locations, float32, in the order of `panels`."""
        share = _shares(draws, len(self.rules))
        common = self._common(panels, share, self.rules) if self.typical.theta.common else None
        for panel in panels:
            network, centre = self.prepare(panel)
            rng = seed_of(self.seed, network.name)
            out = np.empty((len(network.log), self.horizon, draws), np.float32)
            at = np.cumsum([0, *share])
            for i, rules in enumerate(self.rules):
                most = network.most[:, None, None].astype(np.float32)
                for rows, parts in self._one(rules, network, centre, share[i], rng, common and common[i]):
                    level = network.ahead(rows, self.horizon, rules.theta.opening)
                    out[rows, :, at[i] : at[i + 1]] = np.exp(
                        np.minimum(level + rules.theta.width.applied(parts), most[rows])
                    )
            yield out
            self._forget()

    def parts(self, panels: list[Panel], draws: int) -> Iterator[Parts]:
        """Log draws of each network at the population's mean, before any width: shared and own apart."""
        common = self._common(panels, [draws], [self.typical])[0] if self.typical.theta.common else None
        for panel in panels:
            network, centre = self.prepare(panel)
            rng = seed_of(self.seed, network.name)
            shared = np.empty((len(network.log), self.horizon, draws), np.float32)
            own = np.empty_like(shared)
            for rows, parts in self._one(self.typical, network, centre, draws, rng, common):
                shared[rows] = parts.shared + network.ahead(rows, self.horizon, self.typical.theta.opening)
                own[rows] = parts.own
            yield Parts(shared, own)
            self._forget()

    def shared(self, panel: Panel, draws: int) -> tuple[np.ndarray, np.ndarray]:
        """One network's shared path at the population's mean, without known columns, and what they bring.

        Both (T + H, draws) in log revenue, time forwards; known columns at their mean over the network's locations.
        Not for populations with a common path.
        """
        network, centre = self.prepare(panel)
        rng = seed_of(self.seed, network.name)
        _, P, R = self.information(self.typical, list(self._groups(network, self.typical)), centre)
        state = normal(P, R[:, None], rng, draws)
        (root, sd), n = self.typical.roots(network.path_lively)[0], self.over.origin
        fresh = self.typical.fresh(0, network.path_lively, rng, draws)
        path = np.vstack([root[:n, :n] @ state[:n], root[n:, :n] @ state[:n] + fresh])
        return path, sd * network.known.mean(axis=0) @ state[n:]

    def _forget(self) -> None:
        if self.together is None:
            for rules in (self.typical, *self.rules):
                rules.forget()

    def _common(
        self, panels: list[Panel], share: list[int], all_rules: list[Rules]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each theta, draws of the common path's state (D / 2, count) and of what only the horizon brings."""
        rng = seed_of(self.seed, "")
        size = self.over.origin + panels[0].known.shape[2]
        total = [(np.zeros((size, size)), np.zeros(size)) for _ in all_rules]
        for panel in panels:
            network, centre = self.prepare(panel)
            for i, rules in enumerate(all_rules):
                _, P, R = self.information(rules, list(self._groups(network, rules)), centre)
                more = _without_own(P, R, size)
                total[i] = total[i][0] + more[0], total[i][1] + more[1]
        return [
            (normal(P, R[:, None], rng, count), rules.fresh(0, network.path_lively, rng, count))
            for rules, (P, R), count in zip(all_rules, total, share, strict=True)
        ]

    def _one(self, rules: Rules, network: Network, centre: np.ndarray, draws: int, rng, common):
        """(rows, Parts) of each group of locations."""
        groups = list(self._groups(network, rules))
        found, P, R = self.information(rules, groups, centre)
        lively = network.path_lively
        if common is None:
            state = normal(P, R[:, None], rng, draws)
            fresh = rules.fresh(0, lively, rng, draws)
        else:
            shared, brought = common
            n = len(shared)
            own = normal(P[n:, n:], R[n:, None] - P[n:, :n] @ shared, rng, draws)
            state, fresh = np.vstack([shared, own]), brought + rules.fresh(1, lively, rng, draws)
        return self._locations(rules, groups, found, state, fresh, rng)

    def information(self, rules: Rules, groups: list[_Group], centre: np.ndarray):
        """(evidence of each group, P (D, D), R (D,)) of a network's state."""
        found, P, R = [], 0.0, 0.0
        for group in groups:
            whitener = rules.whitener(group.known, group.level, group.lively)
            found.append(white.evidence(rules.theta.location, group.shops, whitener, centre[group.rows[0]][::-1]))
            more = white.information(group.shops, whitener, found[-1], rules.basis(group.known, group.path_lively))
            P, R = P + more[0], R + more[1]
        return found, P, R

    def _locations(self, rules, groups, found, state, fresh, rng) -> Iterator[tuple[np.ndarray, Parts]]:
        for group, said in zip(groups, found, strict=True):
            whitener = rules.whitener(group.known, group.level, group.lively)
            shared = (
                rules.basis(group.known, group.path_lively) @ state,
                rules.basis_ahead(group.known, group.path_lively) @ state + fresh,
            )
            yield group.rows, white.paths(rules.theta.location, group.shops, whitener, said, shared, rng)

    def _groups(self, network: Network, rules: Rules) -> Iterator[_Group]:
        new_level = (network.level_sd / rules.theta.location.scale) ** 2
        for rows in network.groups():
            level = new_level if network.new[rows[0]] else VAGUE_LEVEL
            shops = network.shops(rows, self.horizon, rules.theta.location, rules.theta.opening)
            yield _Group(rows, shops, network.known[rows[0]], level, network.lively, network.path_lively)


def _root(path: Path, over: Terms) -> np.ndarray:
    covariance = path_covariance(path, over) + SHARED_LEVEL * over.one + NUGGET * np.eye(len(over.one))
    return cholesky(covariance, lower=True, check_finite=False)


def _without_own(P: np.ndarray, R: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """What is known of the common state (the first `size`) when the network's own is integrated out."""
    factor = cholesky(np.eye(len(P) - size) + P[size:, size:], lower=True, check_finite=False)
    half = solve_triangular(factor, np.column_stack([P[size:, :size], R[size:]]), lower=True, check_finite=False)
    return P[:size, :size] - half[:, :-1].T @ half[:, :-1], R[:size] - half[:, :-1].T @ half[:, -1]


def normal(P: np.ndarray, R: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """(D, draws) of a standard normal state about which P and R (D, draws or 1) are known."""
    factor = cholesky(np.eye(len(P)) + P, lower=True, check_finite=False)
    inner = solve_triangular(factor, R, lower=True, check_finite=False) + rng.standard_normal((len(P), draws))
    return solve_triangular(factor, inner, lower=True, trans="T", check_finite=False)


def _shares(draws: int, parts: int) -> list[int]:
    return [draws * (i + 1) // parts - draws * i // parts for i in range(parts)]
