"""A house with real pages: a simulated network of which every report is published, and a small one that lacks much.

Published once for all browser tests, by the same command that a user gives; kept as long as no line that it depends on
has changed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import corner
from barberlab import files
from barberlab.data.ingest import ingest
from barberlab.data.sample import export, simulate
from barberlab.runs import operations, release, runner
from barberlab.runs.pages import house_pages
from barberlab.runs.published import latest
from barberlab.scope import Scope
from barberlab.serve.people import Person
from barberlab.workspace import Workspace
from runs import bench
from serve import house

NETWORK, SMALL = "north", "corner"
SHOPS, MONTHS = 8, 26
OF_SMALL = ("performance", "shop")
_DEPENDS_ON = ("lib", "notebooks", "params", "data/sample", "requirements.lock", "tests/browser/open_house.py")


def kept(folder: Path) -> Workspace:
    """The house, made in `folder` unless it stands there as it would be made now."""
    mark, said = folder / "made-of", _sum_of_sources()
    with files.locked(folder / ".lock", "the browser tests' house", wait=True):
        if not mark.is_file() or mark.read_text() != said:
            shutil.rmtree(folder / "house", ignore_errors=True)
            _publish(folder / "house")
            mark.write_text(said)
    return Workspace(folder / "house")


def _sum_of_sources() -> str:
    paths = [path for name in _DEPENDS_ON for path in ([house.REPO / name, *(house.REPO / name).rglob("*")])]
    sources = sorted(
        path for path in paths if path.is_file() and path.suffix != ".pyc" and ".egg-info" not in str(path)
    )
    return files.sha256_bytes(files.json_bytes([[str(path), files.sha256(path)] for path in sources]))


def _publish(root: Path) -> None:
    place = corner.make_workspace(root)
    files.make_folder(place.sample)
    shutil.copy(house.REPO / "data" / "sample" / release.SAMPLE, place.sample)
    made = simulate(NETWORK, seed=1, shops=SHOPS, months=MONTHS)
    paths = export.write(made, place.export(NETWORK))
    ingest(place, NETWORK, corner.MAPPING, paths, made.as_of.isoformat())
    corner.bring(place, root / "export")
    pages = replace(house_pages(), pdf=bench.no_pdf)  # nobody opens a PDF here, and each costs a second
    outcomes = [*runner.run(place, [NETWORK], pages=pages), *runner.run(place, [SMALL], OF_SMALL, pages=pages)]
    assert {outcome.state for outcome in outcomes} == {"published"}, [(one.report, one.reason) for one in outcomes]
    house.fail(place, SMALL, "performance", "divergences in 3 of 4 chains")
    operations.publish(place, datetime.now(UTC))


def people(place: Workspace) -> dict[str, Person]:
    """One of each role, by name, as tests/serve has them: here with shops and a barber of the simulated network."""
    chairs = latest(place, Scope(NETWORK), "shop").table("chairs")
    barber = sorted(chairs.loc[chairs["location_id"] == "north-01", "staff_id"].dropna())[0]
    found = dict(house.PEOPLE)
    found["bert"] = replace(found["bert"], barber=barber)
    found["anna"] = replace(found["anna"], networks=dict.fromkeys([NETWORK, SMALL]))
    return found


@contextmanager
def serving(place: Workspace) -> Iterator[house.Served]:
    """A server of the house, until the end of the block."""
    # Sockets have short names, and pytest's own folders long ones.
    with (
        tempfile.TemporaryDirectory(prefix="bl-") as root,
        house.serving(Path(root), made=place, people=people(place)) as found,
    ):
        yield found
