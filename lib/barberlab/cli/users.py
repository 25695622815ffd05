"""`barberlab users ...`: who may sign in, and what they may see."""

import sys
from typing import Annotated

import typer

from barberlab.cli.terminal import out

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may sign in, and what they may see.")

Name = Annotated[str, typer.Argument(help="the name to sign in with")]


@app.command("add")
def add_user(
    name: Name,
    role: Annotated[
        str, typer.Option("--role", help="operator, franchisor, region, owner, manager, barber or analyst")
    ],
    network: Annotated[list[str] | None, typer.Option("--network", help="an analyst may have several")] = None,
    shop: Annotated[list[str] | None, typer.Option("--shop", help="a shop's id; may be repeated")] = None,
    barber: Annotated[str, typer.Option("--barber", help="a barber's own pseudonym in the data")] = "",
    subject: Annotated[str, typer.Option("--subject", help="signs in through the provider, who calls them so")] = "",
):
    """Give somebody an account, or replace it. The password is asked for, or is one line of the standard input.

    Example: barberlab users add ann --role franchisor --network north
    Example: barberlab users add bea --role manager --network north --shop north-01 < password
    """
    from barberlab.serve.people import Person
    from barberlab.serve.users import Users

    shops = frozenset(shop) if shop else None
    person = Person(name, role, dict.fromkeys(network or [], shops), barber)
    Users().add(person, None if subject else _asked_password(), subject)
    out.print(f"{name}: {role}" + "".join(f", {one}" for one in network or []), markup=False)


def _asked_password() -> str:
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


@app.command("list")
def list_users():
    """Say who may sign in, and what they may see.

    Example: barberlab users list
    """
    from barberlab.serve.users import Users

    users = Users()
    for name in users.names():
        person = users.person(name)
        shops = [f"{n} ({', '.join(sorted(own))})" if own else n for n, own in person.networks.items()]
        way = "provider" if users.subject(name) else "password"
        typer.echo("\t".join((name, person.role, ", ".join(shops) or "all runs", way)))


@app.command("revoke")
def revoke_user(name: Name):
    """Take somebody's account away: open sessions and kernels end within seconds.

    Example: barberlab users revoke ann
    """
    from barberlab.serve.users import Users

    Users().revoke(name)
    out.print(f"{name}: revoked", markup=False)
