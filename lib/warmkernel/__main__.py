"""`python -m warmkernel install`, `status`, `stop`."""

import argparse
import sys
from collections.abc import Iterator

from warmkernel import contact, settings, spec


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m warmkernel", description="Jupyter kernels that start warm.")
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help=f"register the kernelspec {spec.NAME}")
    where = install.add_mutually_exclusive_group()
    where.add_argument("--sys-prefix", action="store_true", help="in this environment (default)")
    where.add_argument("--user", action="store_true", help="for this user")
    where.add_argument("--prefix", help="below this folder")
    commands.add_parser("status", help="the parent processes at work")
    commands.add_parser("stop", help="end them, with all their kernels")
    given = parser.parse_args(arguments)
    if given.command == "install":
        lines = [f"Installed kernelspec {spec.NAME} in {spec.install(given.prefix, given.user)}"]
    else:
        lines = list(_told(given.command)) or ["No parent process is at work."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _told(what: str) -> Iterator[str]:
    for address in sorted(settings.folder().glob("*.sock")):
        connection = contact.reach(address)
        if connection is None:
            continue
        with connection:
            found = contact.ask(connection, "status")
            if what == "stop":
                contact.ask(connection, "stop")
        yield f"{address.stem}: process {found['pid']}, {found['kernels']} kernels, {len(found['loaded'])} imports"


if __name__ == "__main__":
    sys.exit(main())
