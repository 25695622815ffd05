"""When does each report run, for whom, and who is told when it fails? params/schedule.yaml, against a closed schema.

Whatever is wrong in it - a cron line, a zone, a report that is not there, an unknown key - is refused with its line
before anything runs. A network that has no data, or none any more, is refused by itself when its time comes.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from barberlab import params
from barberlab.errors import BadInput
from barberlab.runs import cron
from barberlab.runs.cron import Cron
from barberlab.scope import check_network_id
from barberlab.workspace import Workspace

NAME = "schedule.yaml"
Text = Annotated[str, Field(min_length=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _line(said: str) -> str:
    try:
        cron.parse(said, "UTC")
    except BadInput as error:
        raise ValueError(str(error)) from None
    return said


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, KeyError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Berlin") from None


def _outside(said: str) -> str:
    if not Path(said).expanduser().is_absolute():
        raise ValueError(f"{said!r} must be a whole path, outside the workspace: it holds a secret")
    return said


def _id(said: str) -> str:
    try:
        return check_network_id(said)
    except BadInput as error:
        raise ValueError(str(error)) from None


Secret = Annotated[str, AfterValidator(_outside)]
Network = Annotated[str, AfterValidator(_id)]


class Email(_Closed):
    """An SMTP server and who writes to whom. The password stands in a file of its own, outside the workspace."""

    host: Text
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: Secret | None = None
    sender: Text
    to: tuple[Text, ...] = Field(min_length=1, strict=False)

    @model_validator(mode="after")
    def _password_kept(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is sent over starttls or tls only, not with security: none")
        return self


class Webhook(_Closed):
    """An https address that takes JSON; in a file outside the workspace where the address itself is the secret.

    allow_private also takes plain http and addresses of this machine and its own networks.
    """

    url: Text | None = None
    url_file: Secret | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("name either url or url_file")
        return self


class OnFailure(_Closed):
    """Who is told of a failure and of its end: any of the three."""

    command: tuple[Text, ...] | None = Field(default=None, min_length=1, strict=False)
    email: Email | None = None
    webhook: Webhook | None = None

    @property
    def channels(self) -> list[str]:
        """Those that are set, by name."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]


class Entry(_Closed):
    """One report's line: when, by whose clock, for which networks."""

    cron: Annotated[str, AfterValidator(_line)]
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    networks: Annotated[tuple[Network, ...], Field(min_length=1, strict=False)] | Literal["all"] = "all"
    on_failure: OnFailure | None = None

    @property
    def times(self) -> Cron:
        """The instants at which it fires."""
        return cron.parse(self.cron, self.timezone)


class Schedule(_Closed):
    """The whole file. A report's own `on_failure` stands in place of the common one."""

    reports: dict[str, Entry] = {}
    on_failure: OnFailure = OnFailure()

    def networks(self, report: str, known: list[str]) -> list[str]:
        """The networks that `report` runs for, of those `known` where it runs for all."""
        wanted = self.reports[report].networks
        return known if wanted == "all" else list(dict.fromkeys(wanted))

    def told_by(self, report: str) -> OnFailure:
        """Who is told when `report` fails."""
        entry = self.reports.get(report)
        return (entry and entry.on_failure) or self.on_failure


def load(workspace: Workspace) -> Schedule:
    """The workspace's schedule, an empty one where it has no file; raises BadInput with the line of what is wrong."""
    path = workspace.params / NAME
    if not path.is_file():
        return Schedule()
    said = params.read_yaml(path)
    try:
        schedule = Schedule.model_validate(said)
    except ValidationError as error:
        # A misspelt key is also a missing one: the word itself says more.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        raise BadInput(f"{_place(path, first['loc'])}: {_said(first)}") from None
    _check_names(workspace, schedule, path)
    _check_secrets(workspace, schedule, path)
    return schedule


def _check_names(workspace: Workspace, schedule: Schedule, path: Path) -> None:
    """By name alone: `due` is called every minute, and the runner looks into the notebooks when something is due."""
    reports = sorted(found.stem for found in (workspace.notebooks / "reports").glob("*.ipynb"))
    for report in schedule.reports:
        if report not in reports:
            where = _place(path, ("reports", report))
            raise BadInput(f"{where}: report {report!r} is unknown; {_nearest(report, reports)}")


def _check_secrets(workspace: Workspace, schedule: Schedule, path: Path) -> None:
    told = [(("on_failure",), schedule.on_failure)]
    told += [(("reports", name, "on_failure"), entry.on_failure) for name, entry in schedule.reports.items()]
    for keys, channels in told:
        for channel, key in (("email", "password_file"), ("webhook", "url_file")):
            file = getattr(getattr(channels, channel, None), key, None)
            if file and Path(file).expanduser().resolve().is_relative_to(workspace.root):
                where = _place(path, (*keys, channel, key))
                raise BadInput(f"{where}: {key} must lie outside the workspace, where no copy of it takes it along")


_WANTED = {
    "tuple_type": "must be a list",
    "too_short": "must name at least one",
    "string_type": "must be text",
    "model_type": "must hold keys and values",
    "dict_type": "must hold keys and values",
}


def _place(path: Path, keys: tuple) -> str:
    """The file and the line of the innermost of `keys` that stands in it."""
    node, line = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader), 1
    for key in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in pairs if name.value == str(key)), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return f"{path.name}, line {line}"


def _said(error: Mapping[str, Any]) -> str:
    # The tag of a union's branch is pydantic's word, not the file's.
    keys = [str(key) for key in error["loc"] if not str(key).startswith(("tuple[", "literal["))]
    where = ".".join(keys)
    if error["type"] == "extra_forbidden":
        return f"unknown key {where!r}; known are {', '.join(_known(keys))}"
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    wanted = _WANTED.get(error["type"], f"{error['msg'][0].lower()}{error['msg'][1:]}")
    return f"{where} is {error['input']!r}: {wanted}"


def _known(keys: list[str]) -> list[str]:
    homes = {"on_failure": OnFailure, "email": Email, "webhook": Webhook}
    above = keys[-2] if len(keys) > 1 else ""
    home = homes.get(above) or (Entry if len(keys) == 3 else Schedule)
    return list(home.model_fields)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none yet'}"
