"""Who may read what: a scope is made from the caller's identity, never from a parameter, a widget or a query string."""

import re
from dataclasses import dataclass

from barberlab.errors import BadInput

ROLES = ("operator", "franchisor", "region", "owner", "manager", "barber", "analyst")
NETWORK_ID = re.compile(r"[a-z0-9_]{2,32}")


@dataclass(frozen=True)
class Scope:
    """One network, as one role may see it. `locations` is None for all of it, else the only shops that exist."""

    network: str
    role: str = "analyst"
    locations: frozenset[str] | None = None

    def __post_init__(self):
        check_network_id(self.network)
        if self.role not in ROLES:
            raise BadInput(f"role {self.role!r} is unknown; roles are {', '.join(ROLES)}")


def check_network_id(network: str) -> str:
    """The id itself, if it is one: 2 to 32 of a-z, 0-9 and _. It becomes a folder's name, so nothing else may pass."""
    if not isinstance(network, str) or not NETWORK_ID.fullmatch(network):
        raise BadInput(f"network id {network!r} must be 2 to 32 of a-z, 0-9 and _")
    return network
