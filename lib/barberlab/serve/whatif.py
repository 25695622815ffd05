"""The live page: levers that move what was counted. Its handler, and what runs in its kernel.

The kernel holds an extract of what its person may see, and no way to more: which network and which shops is the
server's to say, by `extract.environment`, and never a control's or an address's.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from barberlab.errors import BadInput, NotAvailable
from barberlab.reports import whatif
from barberlab.runs import extract, latest
from barberlab.workspace import Workspace

if TYPE_CHECKING:
    import ipywidgets

NOTEBOOK, REPORT, TABLES = "whatif.ipynb", "shop", ("months",)


def base() -> whatif.Base:
    """What the levers of this process move: of its scope's shops, from what the last run published.

    Raises NotAvailable where no run has, or its data hold no money.
    """
    found = latest(extract.own_scope())
    if REPORT not in found:
        raise NotAvailable("What-if", "a published run of the shop report")
    return whatif.base(found[REPORT].table(*TABLES))


def board(base: whatif.Base) -> "ipywidgets.Box":
    """The levers and the answer that follows them."""
    import ipywidgets  # noqa: PLC0415

    levers = [_slider(ipywidgets, lever) for lever in (whatif.PRICE, whatif.VISITS)]
    answer = ipywidgets.HTML(_answer(base, 0, 0))
    answer.add_class("answer")

    def moved(_: Any = None) -> None:
        try:
            answer.value = _answer(base, *(lever.value for lever in levers))
        except BadInput:
            # Beyond a lever's end there is no answer, whatever sent the value.
            for lever in levers:
                lever.value = 0

    for lever in levers:
        lever.observe(moved, "value")
    side = ipywidgets.VBox(levers)
    side.add_class("levers")
    together = ipywidgets.Box([side, answer])
    together.add_class("board")
    return together


def _slider(widgets: Any, lever: whatif.Lever) -> Any:
    return widgets.IntSlider(
        0, lever.low, lever.high, description=lever.name, continuous_update=False,
        style={"description_width": "initial"}, layout={"width": "100%"},
    )  # fmt: skip


def _answer(base: whatif.Base, price: int, visits: int) -> str:
    return "\n".join(str(block.html) for block in whatif.blocks(base, price, visits))


def lay_out(published: Any, root: Path) -> dict[str, str]:
    """Fill a kernel's folder for one published run, and say what its environment must hold to be confined to it."""
    from barberlab.runs import confine  # noqa: PLC0415

    extracted: Workspace = extract.write([published], root / "extract", TABLES)
    allowed = confine.environment_of([extracted.root], [])
    return extract.environment(published.scope, extracted.root) | allowed
