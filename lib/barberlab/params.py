"""Which targets and settings hold for a network? Defaults, then what differs, checked against a closed schema.

Values come from params/defaults.yaml and params/networks/<network>.yaml. A key that the schema does not know, a value
of another type and a value out of range are refused with the file, the key, what was found and what is allowed.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from barberlab.errors import BadInput
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cents = Annotated[int, Field(gt=0, strict=True)]
Canary = Annotated[str, Field(min_length=6)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Methodology(_Closed):
    """Targets of the Six Figure Barber methodology, as this house reads them. Money in minor units, rates as shares."""

    annual_target_cents: Cents
    retention_42: Share
    rebook: Share
    utilisation: Share
    utilisation_alert: Share
    utilisation_price_signal: Share
    no_show: Share
    cancellation: Share
    premium_ticket_cents: Cents
    rating: float = Field(ge=1, le=5)
    # A list in YAML; everything in it stays strict.
    milestones_cents: tuple[Cents, ...] = Field(min_length=1, strict=False)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.milestones_cents) != sorted(set(self.milestones_cents)):
            raise ValueError("milestones_cents must rise from one to the next")
        if not self.utilisation_alert < self.utilisation <= self.utilisation_price_signal:
            raise ValueError("utilisation_alert < utilisation <= utilisation_price_signal must hold")
        return self


class Report(_Closed):
    """When a page shows a number: `min_n_for_rate` events for a rate, `min_cell` clients for a group."""

    min_n_for_rate: int = Field(ge=1)
    min_cell: int = Field(ge=1)


class Retention(_Closed):
    """How clients are asked back. Costs in minor units; an odds ratio of 1.3 turns 1 to 1 into 1.3 to 1."""

    current_days: int = Field(ge=30, le=730)
    message_cost_cents: Cents
    call_cost_cents: Cents
    most_contacts: int = Field(ge=1)
    cap_days: int = Field(ge=7)
    rest_days: int = Field(ge=1)
    list_per_shop: int = Field(ge=1)
    holdout_share: float = Field(gt=0, lt=1)
    assumed_odds_ratio: float = Field(ge=1, le=5)
    assumed_log_sd: float = Field(gt=0, le=2)
    yearly_discount: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _rests(self) -> Self:
        if self.rest_days > self.cap_days:
            raise ValueError("rest_days <= cap_days must hold")
        return self


class Measured(_Closed):
    """What an experiment found: mean and standard deviation, and which experiment it was."""

    mean: float = Field(allow_inf_nan=False)
    sd: float = Field(ge=0, allow_inf_nan=False)
    source: str = Field(min_length=1, max_length=200)


class Scenarios(_Closed):
    """Experiments whose estimates take the place of what scenarios assume; null where there was none."""

    price_elasticity: Measured | None
    unmet_demand: Measured | None
    weeks_to_fill: Measured | None
    recapture: Measured | None
    hours_elasticity: Measured | None
    campaign_lift: Measured | None
    campaign_decay: Measured | None
    postponed_visits: Measured | None

    def measured(self) -> dict[str, Measured]:
        """Those that there are, by the name of the assumption: price elasticity, recapture."""
        found = ((name.replace("_", " "), getattr(self, name)) for name in type(self).model_fields)
        return {name: one for name, one in found if one is not None}


class Gates(_Closed):
    """What may never be published, beside personal data and keys: at least six characters each."""

    canaries: tuple[Canary, ...] = Field(strict=False)


class Benchmark(_Closed):
    """Whether the network takes part in the benchmark across networks, and who owns it, where one owner has several.

    parent: networks of the same parent count as one, so that a holding cannot be a crowd by itself.
    """

    opt_in: bool
    parent: str = Field(max_length=64)


class Params(_Closed):
    """All settings of one network."""

    methodology: Methodology
    report: Report
    retention: Retention
    scenarios: Scenarios
    gates: Gates
    benchmark: Benchmark


def load(workspace: Workspace, network: str | None = None) -> Params:
    """The settings of `network`, or the defaults; raises BadInput naming file, key, value and what is allowed."""
    defaults = workspace.params / "defaults.yaml"
    base, differs, own = read_yaml(defaults), {}, defaults
    if network is not None:
        own = workspace.params / "networks" / f"{check_network_id(network)}.yaml"
        differs = read_yaml(own) if own.is_file() else {}
    try:
        return Params.model_validate(_merged(base, differs))
    except ValidationError as error:
        first = error.errors()[0]
        file = own if _is_of(first, base, differs) else defaults
        raise BadInput(f"{_shown(workspace, file)}: {_said(first)}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises BadInput where it is not one, or names a key twice."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        _refuse_duplicates(root, path.name)
        value = loader.construct_document(root) if root else {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read: {type(error).__name__}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInput(f"{path.name}{line}: is not YAML: {getattr(error, 'problem', None) or 'unreadable'}") from None
    if not isinstance(value, dict):
        raise BadInput(f"{path.name}: must hold keys and values, found {type(value).__name__}")
    return value


def _refuse_duplicates(root: yaml.Node | None, file: str) -> None:
    # PyYAML keeps the last of two equal keys and says nothing. A node may be its own child by an alias.
    nodes, done = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in done or not isinstance(node, yaml.CollectionNode):
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
            continue
        keys = [str(key.value) for key, _ in node.value]
        twice = [key for i, (key, _) in enumerate(node.value) if keys[i] in keys[:i]]
        if twice:
            line = twice[0].start_mark.line + 1
            raise BadInput(f"{file}, line {line}: key {str(twice[0].value)!r} is there twice; keep one")
        nodes.extend(value for _, value in node.value)


def _merged(base: dict, differs: dict) -> dict:
    both = {k: _merged(base[k], v) for k, v in differs.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return base | differs | both


def _is_of(error: dict[str, Any], base: dict, differs: dict) -> bool:
    """Whether a fault lies in what differs. A key that is missing where the defaults have no mapping is such a one."""
    if error["type"] != "missing":
        return _holds(differs, error["loc"])
    return _holds(differs, error["loc"][:-1]) and _holds(base, error["loc"])


def _holds(tree: Any, keys: tuple) -> bool:
    for key in keys:
        if isinstance(tree, dict) and key in tree:
            tree = tree[key]
        else:
            return not isinstance(tree, dict)
    return bool(keys)


def _said(error: dict[str, Any]) -> str:
    where = ".".join(str(key) for key in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key {where!r}{_nearest(error['loc'])}"
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    # A canary is not repeated: messages are kept in more places than it should be.
    found = "" if error["loc"][0] == "gates" else f" is {error['input']!r}"
    return f"{where}{found}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _nearest(keys: tuple) -> str:
    model: type[BaseModel] = Params
    for key in keys[:-1]:
        kind = model.model_fields[key].annotation
        model = next((one for one in get_args(kind) if one is not type(None)), kind)
    near = get_close_matches(str(keys[-1]), model.model_fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(model.model_fields)}"


def _shown(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.root).as_posix()
