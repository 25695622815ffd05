"""Who is asking, and what of which network may they see? A person has one role; the shops go with each network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from barberlab.errors import BadInput
from barberlab.scope import ROLES, Scope, check_network_id

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_WHOLE, _SOME = ("franchisor", "analyst"), ("region", "owner", "manager", "barber")


@dataclass(frozen=True)
class Person:
    """Somebody with an account. networks: id -> the only shops that exist for them, None for all.

    barber: the pseudonym under which a barber's own figures stand. stamp changes with every new set of rights, so that
    a session of the old ones ends. Raises BadInput for rights that the role cannot have.
    """

    name: str
    role: str
    networks: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    barber: str = ""
    stamp: str = ""

    def __post_init__(self):
        if not NAME.fullmatch(self.name):
            raise BadInput("a user's name must be 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit")
        if self.role not in ROLES:
            raise BadInput(f"role {self.role!r} is unknown; roles are {', '.join(ROLES)}")
        for network, shops in self.networks.items():
            check_network_id(network)
            self._check_shops(network, shops)
        self._check_networks()

    def scope(self, network: str) -> Scope | None:
        """What of `network` this person may read; None where it does not exist for them."""
        if self.role == "operator" or network not in self.networks:
            return None
        return Scope(network, self.role, self.networks[network])

    def _check_networks(self) -> None:
        if self.role == "operator" and self.networks:
            raise BadInput("an operator sees the runs of all networks and no network's rows; name no network")
        if self.role != "operator" and not self.networks:
            raise BadInput(f"a {self.role} needs --network")
        if self.role not in ("operator", "analyst") and len(self.networks) > 1:
            raise BadInput(f"a {self.role} has one network; only an analyst works for several")
        if (self.role == "barber") != bool(self.barber):
            raise BadInput("a barber, and nobody else, needs --barber: the pseudonym in the data")

    def _check_shops(self, network: str, shops: frozenset[str] | None) -> None:
        if self.role in _WHOLE and shops is not None:
            raise BadInput(f"a {self.role} sees all shops of {network!r}; leave --shop out")
        if self.role in _SOME and not shops:
            raise BadInput(f"a {self.role} needs --shop, once for each shop of {network!r}")
        if self.role in ("manager", "barber") and len(shops) != 1:
            raise BadInput(f"a {self.role} has one shop, not {len(shops)}")


def of_json(name: str, said: Mapping[str, Any]) -> Person:
    """A person as a users' file or an identity provider says; raises BadInput."""
    try:
        networks = {n: None if shops is None else frozenset(map(str, shops)) for n, shops in said["networks"].items()}
        return Person(name, str(said["role"]), networks, str(said.get("barber", "")), str(said.get("stamp", "")))
    except (KeyError, TypeError, AttributeError):
        raise BadInput("rights must have a role, and networks with a list of shops or null for all of them") from None


def to_json(person: Person) -> dict[str, Any]:
    """What `of_json` reads."""
    networks = {n: None if shops is None else sorted(shops) for n, shops in person.networks.items()}
    return {"role": person.role, "networks": networks, "barber": person.barber, "stamp": person.stamp}
