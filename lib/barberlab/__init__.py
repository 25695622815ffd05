"""barberlab: a research and reporting workspace for barbershop franchise networks.

>>> import barberlab
>>> lab = barberlab.open("north")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barberlab.data.lab import Lab


def open(network: str, as_of: str | None = None, version: int | None = None) -> Lab:
    """A network's tables and metrics, as of its data's own date or the earlier one named. See `Lab`."""
    # Imported here so that `import barberlab` costs nothing and the command line answers at once.
    from barberlab.data.lab import open_lab
    from barberlab.scope import Scope
    from barberlab.workspace import find

    return open_lab(find(), Scope(network, role="analyst"), as_of, version)
