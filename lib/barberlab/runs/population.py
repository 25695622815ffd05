"""Which population does a model start from? The versioned file of the workspace, read and checked."""

from barberlab.errors import NotAvailable
from barberlab.models.population import Population
from barberlab.workspace import Workspace, find

FOLDER = "populations"


def population(model: str, workspace: Workspace | None = None) -> Population:
    """The population of `model` ("revenue", "churn") from params/populations; by default of the workspace here.

    Raises NotAvailable where there is none, BadInput where the file was altered.
    """
    path = (workspace or find()).params / FOLDER / f"{model}.json"
    if not path.is_file():
        raise NotAvailable(f"population of {model}", f"params/{FOLDER}/{path.name}: barberlab population fit {model}")
    return Population.read(path.read_text(encoding="utf-8"), path.name)
