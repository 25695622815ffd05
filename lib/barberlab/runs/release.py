"""How is the benchmark made, and read? Beside the population builder, the only code that reads more than one network.

`build` takes the networks that opted in, each as one vector of bounded length (models/release_vector.py), adds one
joint draw of Gaussian noise, and keeps the sum in the ledger before anybody sees it; all after that is arithmetic on
noisy numbers. A release is one file, the same bytes for every member. `read` gives it to a member, and nothing else.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from barberlab import files, params
from barberlab.data.lab import Lab, open_lab
from barberlab.errors import BadInput, BarberlabError, NotAvailable
from barberlab.models.release import OPTED_IN, Release, Standing, cell_content
from barberlab.models.release_filter import smoothed
from barberlab.models.release_spec import Kpi, Spec
from barberlab.models.release_vector import vector
from barberlab.runs.ledger import Ledger, Wish
from barberlab.scope import Scope
from barberlab.workspace import Workspace, find

RULES = Path("benchmark") / "cells.yaml"
SAMPLE = "benchmark.json"
KNOWN_AFTER = timedelta(days=45)  # by then a month's clients have had their 42 days to come back
MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

type Noise = Callable[[np.ndarray], np.ndarray]
type Drawn = dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What was made. `left_out`: networks that opted in and could not be counted, with why; for the operator alone."""

    release: Release
    path: Path
    left_out: Mapping[str, str] = field(default_factory=dict)


# Reading, as a member


def read(workspace: Workspace, scope: Scope, period: str = "") -> Release:
    """The release of `period`, by default the newest. Touches no network's rows.

    Where nothing was ever released here it is the simulated one that comes with barberlab, which says so. Raises
    NotAvailable for a network that did not opt in, and BadInput for a period that was not released.
    """
    there = periods(workspace)
    if not there:
        return _sample(workspace)
    if not params.load(workspace, scope.network).benchmark.opt_in:
        raise NotAvailable("Benchmark", f"benchmark.opt_in in params/networks/{scope.network}.yaml")
    if period and period not in there:
        raise BadInput(f"there is no benchmark release {period!r}; there are {', '.join(there)}")
    path = _path(workspace, period or there[-1])
    return Release.read(path.read_text(encoding="utf-8"), path.name)


def released(network: str, period: str = "") -> Release:
    """The same for a notebook: the workspace is the one above the working directory."""
    return read(find(), Scope(network), period)


def periods(workspace: Workspace) -> list[str]:
    """The periods that were released here, in order."""
    return sorted(path.stem for path in (workspace.benchmark / "releases").glob("*.json") if MONTH.fullmatch(path.stem))


def _sample(workspace: Workspace) -> Release:
    path = workspace.sample / SAMPLE
    if not path.is_file():
        raise NotAvailable("Benchmark", "a release; none was published yet")
    return Release.read(path.read_text(encoding="utf-8"), path.name)


def _path(workspace: Workspace, period: str) -> Path:
    return workspace.benchmark / "releases" / f"{period}.json"


# Making, as the operator


def rules(workspace: Workspace | None = None) -> Spec:
    """The public rules of a workspace, by default this one; raises BadInput where their file is of no use."""
    path = (workspace or find()).params / RULES
    return Spec.of(params.read_yaml(path), path.name)


def ledger(workspace: Workspace) -> Ledger:
    """The ledger of all releases of this workspace."""
    return Ledger(workspace.benchmark / "ledger.sqlite")


def build(workspace: Workspace, period: str, leave_out: bool = False) -> Receipt:
    """Make the release of a month, or publish the same bytes again where it was made before.

    Every network that opted in must be fit to be counted: data that reach 45 days beyond the month, two shops with
    every key figure, nothing out of range. Raises BadInput naming those that are not, with nothing spent; `leave_out`
    goes on without them. Raises BadInput as well for a period that is none or lies before the last one, for rules that
    changed without a new version, and where the year's budget is spent.
    """
    month = _month(period)
    spec, book = rules(workspace), ledger(workspace)
    _count_published(workspace, book, spec)
    made = _made(workspace, book, period)
    if made is not None:
        return made
    settings = {network: params.load(workspace, network).benchmark for network in workspace.networks()}
    asked = _roster([network for network, own in settings.items() if own.opt_in], book, month)
    wish = _wish(spec, month, asked)
    _check_turn(book, spec, wish)
    book.check_room(wish)
    shops, left_out = _shops(workspace, spec, month, asked)
    if left_out and not leave_out:
        why = "; ".join(f"{network}: {reason}" for network, reason in left_out.items())
        raise BadInput(f"release {period} was not made and nothing was spent: {why}. --leave-out goes on without them")
    pool, noise = _pooled(spec, _units(settings, shops)), noise_of(spec)
    content = book.spend(wish, lambda: _drawn(book, spec, month, pool, noise), lambda made: _put(workspace, made))
    return _receipt(workspace, content, left_out)


def _made(workspace: Workspace, book: Ledger, period: str) -> Receipt | None:
    """What was staged before, published again as it was; raises BadInput where an attempt died before that."""
    stage, content = book.stage(period), book.content(period)
    if stage is None:
        return None
    if content is None:
        raise BadInput(
            f"release {period}: its budget is spent and nothing can be drawn again: an attempt died after it had "
            "reserved, or the ledger was restored from a backup older than the release; the next month goes on"
        )
    wish = next(entry.wish for entry in book.entries() if entry.release == period)
    return _receipt(workspace, book.spend(wish, lambda: content, lambda made: _put(workspace, made)), {})


def budget(workspace: Workspace) -> list[str]:
    """The ledger in words: one line per release and one per year; raises Damaged where an entry was altered."""
    book = ledger(workspace)
    entries = book.entries()
    last = {entry.release: entry for entry in entries}
    lines = [f"{name}: {entry.stage}, {entry.micro_rho} millionths of rho" for name, entry in last.items()]
    caps = {entry.budget: entry.cap for entry in reversed(entries)}
    lines += [f"year {year}: {book.spent(year)} of {caps[year]} millionths of rho spent" for year in sorted(caps)]
    return lines or ["nothing was released yet"]


def burn_unknown(workspace: Workspace, now: datetime) -> list[str]:
    """After a restore: spend the budget of every month that may have been released since the backup; gives them.

    A backup does not know what was published after it was made. Whatever month could have been released by `now`, from
    the first in the ledger or two years ago, is counted as spent where the ledger does not have it.
    """
    if not (workspace.params / RULES).is_file():
        return []
    spec, book = rules(workspace), ledger(workspace)
    known = {entry.release for entry in book.entries()}
    last = now.date() - KNOWN_AFTER
    first = min([_month(one) for one in known] or [_shifted(last.replace(day=1), -24)])
    months = [_shifted(first, ahead) for ahead in range(12 * 100)]
    gone = [month for month in months if _shifted(month, 1) <= last and f"{month:%Y-%m}" not in known]
    for month in gone:
        book.burn(_wish(spec, month, ()))
    return [f"{month:%Y-%m}" for month in gone]


def _month(period: str) -> date:
    if not MONTH.fullmatch(period):
        raise BadInput(f"period {period!r} is no month such as 2026-10; the benchmark is released by the month")
    return date.fromisoformat(f"{period}-01")


def _shifted(month: date, by: int) -> date:
    count = _counted(month) - 1 + by
    return date(count // 12, count % 12 + 1, 1)


def _counted(month: date) -> int:
    """Months since the year 0, so that a gap is a difference."""
    return month.year * 12 + month.month


def _wish(spec: Spec, month: date, roster: tuple[str, ...]) -> Wish:
    said = {"version": spec.version, "rules": spec.sha, "roster": list(roster)}
    return Wish(
        f"{month:%Y-%m}", str(month.year), spec.year_micro_rho, spec.release_micro_rho, json.dumps(said, sort_keys=True)
    )


def _count_published(workspace: Workspace, book: Ledger, spec: Spec) -> None:
    """What lies published and is not in the ledger was spent all the same: the ledger is older than the release."""
    known = {entry.release for entry in book.entries()}
    for period in periods(workspace):
        if period not in known:
            book.burn(_wish(spec, _month(period), ()))


def _check_turn(book: Ledger, spec: Spec, wish: Wish) -> None:
    """Raises BadInput for a period out of turn and for rules that are not those of their version."""
    entries = book.entries()
    later = sorted({entry.release for entry in entries if entry.release > wish.release})
    if later:
        raise BadInput(f"period {wish.release} comes after {later[0]}, which is in the ledger; nothing was spent")
    for entry in entries:
        said = json.loads(entry.spec)
        if said["version"] == spec.version and said["rules"] != spec.sha:
            raise BadInput(
                f"{RULES.name}: is not the version {spec.version} that {entry.release} was released by; a change needs "
                "a new version. Nothing was spent"
            )


def _roster(inside: list[str], book: Ledger, month: date) -> tuple[str, ...]:
    """Who is counted: for a whole quarter whoever was in at its first release, so that joining and leaving blur."""
    quarter = {f"{month.year}-{(month.month - 1) // 3 * 3 + ahead:02}" for ahead in (1, 2, 3)}
    for entry in book.entries():
        if entry.release in quarter and json.loads(entry.spec)["roster"]:
            return tuple(json.loads(entry.spec)["roster"])
    if not inside:
        raise BadInput("no network with data has opted in (benchmark.opt_in); nothing was spent")
    return tuple(inside)


def _shops(workspace: Workspace, spec: Spec, month: date, networks: tuple[str, ...]):
    """({network: (shops, K) on the public scale}, {network: why it cannot be counted})."""
    found, left_out = {}, {}
    for network in networks:
        try:
            found[network] = _scaled(workspace, spec, month, network)
        except BarberlabError as error:
            left_out[network] = str(error)
    return found, left_out


def _scaled(workspace: Workspace, spec: Spec, month: date, network: str) -> np.ndarray:
    until = _shifted(month, 1) + KNOWN_AFTER
    lab = open_lab(workspace, Scope(network), as_of=until)
    columns = {kpi.name: _one(lab, kpi, _shifted(month, -kpi.lag_months), network) for kpi in spec.kpis}
    frame = pd.DataFrame(columns)
    for kpi in spec.kpis:
        known = int(frame[kpi.name].notna().sum())
        if known < spec.fewest_shops:
            raise BadInput(
                f"{kpi.label}: {known} shops have it in the month; {spec.fewest_shops} are needed, each with at least "
                f"{kpi.least:g} visits, hours or minutes behind it"
            )
    return frame.to_numpy()


def _one(lab: Lab, kpi: Kpi, month: date, network: str) -> pd.Series:
    """One key figure of each shop on the public scale; shops with too little behind the number are left out."""
    frame = lab.metric(kpi.name, by="shop", grain="total", since=month, until=_shifted(month, 1)).set_index(
        "location_id"
    )
    frame = frame[["value", "numerator", "denominator"]].astype(float)
    frame = frame[frame["denominator"] >= kpi.least]
    low, high = kpi.range
    odd = frame[~frame["value"].between(low, high)]
    if len(odd):
        raise BadInput(
            f"{kpi.label}: {len(odd)} shops are out of range {low:g} to {high:g} (one has {odd['value'].iloc[0]:g}); "
            f"correct the rows of network {network!r}"
        )
    # A rate of none, or of all, of few lies at no end of the scale: half a case is added to either side.
    rates = (frame["numerator"] + 0.5) / (frame["denominator"] + 1)
    value = rates if kpi.scale == "logit" else frame["value"]
    return pd.Series(kpi.standard(value.to_numpy(), lab.facts["currency"]), index=value.index)


def _units(settings: Mapping[str, params.Benchmark], shops: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The shops of each unit of privacy: a network, or all networks of one parent."""
    units: dict[str, list[np.ndarray]] = {}
    for network, rows in shops.items():
        parent = settings[network].parent
        units.setdefault(f"parent {parent}" if parent else f"network {network}", []).append(rows)
    return [np.concatenate(rows) for rows in units.values()]


@dataclass(frozen=True)
class _Pooled:
    """The sum of all units' vectors (cells, 1 + 2 K), and how many effective networks stand in each cell."""

    total: np.ndarray
    effective: tuple[float, ...]


def _pooled(spec: Spec, units: list[np.ndarray]) -> _Pooled:
    total = sum((vector(z, spec) for z in units), np.zeros((len(spec.cells), 1 + 2 * len(spec.kpis))))
    return _Pooled(total, tuple(cell.weight * sum(len(z) in cell for z in units) for cell in spec.cells))


def _drawn(book: Ledger, spec: Spec, month: date, pool: _Pooled, noise: Noise) -> bytes:
    """What is staged: the noisy sums and the standing of each cell, for the months to come, and the release's text."""
    before = sorted((json.loads(one.content) for one in book.entries() if one.content), key=lambda one: one["month"])
    drawn = drawn_from(noise(pool.total), pool.effective, _counted(month), spec, before)
    found = cells([*before, drawn], spec)
    release = Release(f"{month:%Y-%m}", _months(spec, month), OPTED_IN, spec, found)
    return json.dumps(drawn | {"release": release.text()}).encode()


def drawn_from(noisy: np.ndarray, effective: tuple[float, ...], month: int, spec: Spec, before: list[Drawn]) -> Drawn:
    """One month as the ledger keeps it: month, rules, noisy {cell: vector}, standing {cell: [lit, enough]}."""
    last = before[-1]["standing"] if before else {}
    names = [cell.name for cell in spec.cells]
    standing = {name: Standing(*last.get(name, ())).after(n) for name, n in zip(names, effective, strict=True)}
    return {
        "month": month,
        "rules": spec.sha,
        "noisy": dict(zip(names, noisy.tolist(), strict=True)),
        "standing": {name: [one.lit, one.enough] for name, one in standing.items()},
    }


def cells(months: list[Drawn], spec: Spec) -> dict[str, Any]:
    """What is told of each cell after the last of `months`: from noisy sums under the same rules, and its standing."""
    found, same = {}, [one for one in months if one["rules"] == spec.sha]
    for cell in spec.cells:
        seen = [(one["month"], np.array(one["noisy"][cell.name])) for one in same]
        standing = Standing(*same[-1]["standing"][cell.name])
        found[cell.name] = cell_content(smoothed(seen, cell.weight, spec), standing, cell.weight, spec)
    return found


def noise_of(spec: Spec) -> Noise:
    """A function that adds one joint draw of Gaussian noise, from the operating system's own source; it takes no seed.

    OpenDP gives a sampler that is safe in floating point, and the map from sensitivity to privacy loss, which must not
    exceed what is reserved. Raises BadInput without the extra barberlab[benchmark], and for sums that are not finite.
    """
    try:
        import opendp.prelude as dp  # noqa: PLC0415 - an extra: whoever only reads releases does without
    except ImportError:
        raise BadInput("the noise is drawn by OpenDP: install barberlab[benchmark]; nothing was spent") from None
    dp.enable_features("contrib")
    size = len(spec.cells) * (1 + 2 * len(spec.kpis))
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False), size=size), dp.l2_distance(T=float)
    # A hair above, because the map is computed in rounded numbers and may not come out above what is reserved.
    mechanism = dp.m.make_gaussian(*space, scale=spec.noise * (1 + 1e-9))
    loss = mechanism.map(spec.sensitivity)
    if loss > spec.release_micro_rho * 1e-6:
        raise BadInput(f"the noise would cost rho = {loss}, more than the {spec.release_micro_rho} millionths reserved")

    def noise(total: np.ndarray) -> np.ndarray:
        if not np.isfinite(total).all():
            raise BadInput("a sum over networks is no finite number; nothing was released")
        return np.reshape(mechanism(total.ravel().tolist()), total.shape)

    return noise


def _months(spec: Spec, month: date) -> dict[str, str]:
    return {str(lag): f"{_shifted(month, -lag):%Y-%m}" for lag in sorted({kpi.lag_months for kpi in spec.kpis})}


def _put(workspace: Workspace, content: bytes) -> None:
    text = json.loads(content)["release"]
    path = _path(workspace, Release.read(text, "the release").period)
    files.make_folder(path.parent)
    files.write(path, text.encode())


def _receipt(workspace: Workspace, content: bytes, left_out: Mapping[str, str]) -> Receipt:
    release = Release.read(json.loads(content)["release"], "the release")
    return Receipt(release, _path(workspace, release.period), left_out)
