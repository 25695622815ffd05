"""The live page: levers that move the forecast's own futures. What runs in its kernel, and what it finds there.

The kernel holds an extract of what its person may see, and no way to more: which network and which shops is the
server's to say, by `extract.environment`, and never a control's or an address's.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barberlab.errors import BadInput, NotAvailable
from barberlab.reports import whatif
from barberlab.runs import extract
from barberlab.serve import ahead
from barberlab.workspace import Workspace

if TYPE_CHECKING:
    import ipywidgets

    from barberlab.runs.published import Published

NOTEBOOK = "whatif.ipynb"
REPORTS = (ahead.DRAWN, ahead.COUNTED)


def base() -> whatif.Base:
    """What the levers of this process move: its scope's shops, from what the last runs published.

    Raises NotAvailable where none has, or their data hold no money.
    """
    from barberlab.runs import latest  # noqa: PLC0415

    return of(latest(extract.own_scope()))


def of(found: "Mapping[str, Published]") -> whatif.Base:
    """The base case of published reports, by name; raises NotAvailable for one that is missing."""
    for report in REPORTS:
        if report not in found:
            raise NotAvailable(whatif.NAME, f"a published run of the {report} report")
    return ahead.base(*(found[report] for report in REPORTS))


def board(base: whatif.Base) -> "ipywidgets.Box":
    """The levers and the answer that follows them."""
    import ipywidgets  # noqa: PLC0415

    places = [("All shops", whatif.ALL), *((name, shop) for shop, name in base.names.items())]
    where = ipywidgets.Dropdown(options=places[len(places) == 2 :], description="Where")
    levers = {name: _slider(ipywidgets, slider) for name, slider in whatif.SLIDERS.items()}
    answer = ipywidgets.HTML(_answer(base, where.value, {}))
    answer.add_class("answer")

    def moved(_: Any = None) -> None:
        try:
            answer.value = _answer(base, where.value, {name: lever.value for name, lever in levers.items()})
        except BadInput:
            # Beyond a lever's end there is no answer, whatever sent the value.
            for lever in levers.values():
                lever.value = 0

    for control in (where, *levers.values()):
        control.observe(moved, "value")
    side = ipywidgets.VBox([*([where] if len(places) > 2 else []), *levers.values()])
    side.add_class("levers")
    together = ipywidgets.Box([side, answer])
    together.add_class("board")
    return together


def _slider(widgets: Any, slider: whatif.Slider) -> Any:
    return widgets.IntSlider(
        0, slider.low, slider.high, description=slider.name, continuous_update=False,
        style={"description_width": "initial"}, layout={"width": "100%"},
    )  # fmt: skip


def _answer(base: whatif.Base, shop: str, moved: Mapping[str, int]) -> str:
    return "\n".join(str(block.html) for block in whatif.blocks(base, shop, whatif.Setting(**moved)))


def lay_out(found: "Iterable[Published]", root: Path) -> dict[str, str]:
    """Fill a kernel's folder from published runs of one scope; gives the environment that confines it to them."""
    from barberlab.runs import confine  # noqa: PLC0415

    runs = list(found)
    extracted: Workspace = extract.write(runs, root / "extract", (ahead.DRAWS, *ahead.TABLES))
    allowed = confine.environment_of([extracted.root], [])
    return extract.environment(runs[0].scope, extracted.root) | allowed
