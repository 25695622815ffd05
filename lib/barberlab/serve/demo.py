"""Who can sign in on one's own machine? A sample user for each role, with passwords told once and never kept."""

import secrets
from dataclasses import dataclass

from barberlab.runs import outputs
from barberlab.runs.published import latest
from barberlab.scope import Scope
from barberlab.serve.people import Person
from barberlab.serve.shelf import Shelf
from barberlab.serve.users import Users
from barberlab.workspace import Workspace


@dataclass(frozen=True)
class Sample:
    """A sample user, and the password that is told once."""

    person: Person
    password: str


def sample_users(workspace: Workspace, users: Users) -> list[Sample]:
    """A user for each role of the first published network; none where there are users, or nothing is published."""
    if users.place.exists():
        return []
    made = [Sample(person, secrets.token_urlsafe(12)) for person in _people(workspace)]
    for sample in made:
        users.add(sample.person, sample.password)
    return made


def _people(workspace: Workspace) -> list[Person]:
    shelf = Shelf(workspace)
    known = [network for network in outputs.networks(workspace) if shelf.shops(Scope(network))]
    if not known:
        return []
    network = known[0]
    shops = sorted(shelf.shops(Scope(network)))
    several, one = frozenset(shops[: max(1, len(shops) // 2)]), frozenset(shops[:1])
    own = [
        Person("operator", "operator"),
        Person("franchisor", "franchisor", {network: None}),
        Person("region", "region", {network: several}),
        Person("owner", "owner", {network: frozenset(shops[:2])}),
        Person("manager", "manager", {network: one}),
        Person("analyst", "analyst", dict.fromkeys(known)),
    ]
    barber = _barber(workspace, network, shops[0])
    return [*own, Person("barber", "barber", {network: one}, barber)] if barber else own


def _barber(workspace: Workspace, network: str, shop: str) -> str:
    """The pseudonym of one who works there; empty where no run has kept any."""
    found = latest(workspace, Scope(network, "manager", frozenset([shop])), "shop")
    if "chairs" not in found.tables():
        return ""
    return next(iter(sorted(map(str, found.table("chairs")["staff_id"].dropna().unique()))), "")
