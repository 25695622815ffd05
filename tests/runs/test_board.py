"""A board is made after the reports it shows, of what they published and nothing else, and anew when one of them is."""

import json
from pathlib import Path

import pandas as pd
import pytest

from barberlab import files
from barberlab.runs import board, jobs, kernel, outputs, published, runner, work
from barberlab.runs.confine import ALLOWED
from barberlab.runs.inside import keep
from barberlab.runs.jobs import BOARDS
from runs import bench

BOARD = BOARDS[0]


@pytest.fixture
def place(tmp_path):
    """Two reports, a board, and data of two networks."""
    made = bench.workspace(tmp_path)
    for name in ("money", "people"):
        bench.add_report(made, name, bench.notebook("report()"))
    add_board(made, "show()")
    bench.add_data(made, "north", "south")
    return made


def add_board(place, source: str) -> None:
    """Put the board's notebook into the workspace, or replace it."""
    node = bench.notebook(source, parameters='network: str = "north"\nas_of: str = ""')
    files.make_folder(place.notebooks / "dashboards")
    files.write(place.notebooks / "dashboards" / f"{BOARD}.ipynb", bench.nbformat.writes(node).encode())


def keeping(values: dict) -> str:
    """What the notebook prints, a table kept on the way."""
    keep("shops", pd.DataFrame({"location_id": [f"{values['network']}-01"], "value": [12_345]}))
    return f"{values['network']} had 410 visits"


def states(outcomes) -> dict[str, str]:
    """report -> state."""
    return {outcome.report: outcome.state for outcome in outcomes}


def run(place, **asked):
    """What became of the reports of north."""
    return states(runner.run(place, ["north"], pages=bench.pages(), limits=bench.ONCE, engine="papermill", **asked))


def test_a_board_runs_last_and_only_anew_when_a_report_was(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    first = run(place)
    assert list(first) == ["money", "people", BOARD]
    assert set(first.values()) == {"published"}
    assert set(run(place).values()) == {"unchanged"}
    bench.add_report(place, "money", bench.notebook("report(again=True)"))
    assert run(place) == {"money": "published", "people": "unchanged", BOARD: "published"}


def test_a_board_follows_a_report_that_was_asked_for_alone(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    assert run(place, reports=["money"]) == {"money": "published", BOARD: "published"}
    assert run(place, reports=["people"]) == {"people": "published", BOARD: "published"}
    assert run(place, reports=[BOARD]) == {BOARD: "unchanged"}


def test_a_board_that_fails_leaves_the_reports_published(place, monkeypatch):
    bench.pretend(monkeypatch, lambda values: "visits" if "period" in values else "ann@example.com")
    assert run(place) == {"money": "published", "people": "published", BOARD: "failed"}


def test_a_board_whose_newest_run_failed_leaves_the_old_one_standing(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    run(place)
    home = outputs.of(place, "north")
    before = home.page(BOARD).read_bytes()
    bench.pretend(monkeypatch, lambda values: keeping(values) if "period" in values else "ann@example.com")
    bench.add_report(place, "money", bench.notebook("report(again=True)"))
    assert run(place) == {"money": "published", "people": "unchanged", BOARD: "failed"}
    assert home.page(BOARD).read_bytes() == before
    [standing] = [one for one in published.standings(place, "north") if one.report == BOARD]
    assert standing.page
    assert "personal" in standing.reason


def test_a_report_that_fails_leaves_the_board_as_it_was(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    run(place)
    bench.pretend(monkeypatch, lambda values: "ann@example.com")
    bench.add_report(place, "money", bench.notebook("report(again=True)"))
    assert run(place) == {"money": "failed", "people": "unchanged", BOARD: "unchanged"}


def test_a_maker_of_a_boards_pages_is_handed_what_the_board_was_made_of(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    seen = []

    def maker(tables, context):
        seen.append(context.left.table("money", "shops")["location_id"].tolist())
        return {"shop/north-01.html": "<p>north-01</p>"}

    made = bench.pages(makers={BOARD: maker})
    runner.run(place, ["north"], pages=made, limits=bench.ONCE, engine="papermill")
    assert seen == [["north-01"]]
    assert "shop/north-01.html" in outputs.of(place, "north").published(BOARD).files


def test_what_stands_aside_has_no_board(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    assert run(place, parameters={"period": "2025-05"}) == {"money": "published", "people": "published"}


def test_a_boards_kernel_finds_what_its_own_network_published_and_no_data(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    runner.run(place, ["north", "south"], ["money"], pages=bench.pages(), limits=bench.ONCE, engine="papermill")
    seen, pretended = {}, kernel.execute

    def execute(node, parameters, cwd, environment, *rest):
        if Path(environment["BARBERLAB_ROOT"]) != place.root:
            root = Path(environment["BARBERLAB_ROOT"])
            paths = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
            seen.update(paths=paths, allowed=json.loads(environment[ALLOWED]), root=root)
            seen["value"] = board.left("north", jobs.Workspace(root)).table("money", "shops")["value"].tolist()
        return pretended(node, parameters, cwd, environment, *rest)

    monkeypatch.setattr(kernel, "execute", execute)
    add_board(place, "show(more=True)")
    assert run(place, reports=[BOARD]) == {BOARD: "published"}
    assert seen["value"] == [12_345]
    assert not [path for path in seen["paths"] if path.startswith("data/") or "south" in path]
    assert seen["allowed"]["read"] == [str(seen["root"])]
    assert not seen["root"].exists()


def test_a_board_reads_no_board(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    run(place)
    assert list(board.left("north", place).runs) == ["money", "people"]


def test_an_unchanged_network_with_a_board_is_told_without_a_kernel(place, monkeypatch):
    bench.pretend(monkeypatch, keeping)
    run(place)
    told = work.standing(bench.task(place, "north", force=False))
    assert states(told) == {"money": "unchanged", "people": "unchanged", BOARD: "unchanged"}
    home = outputs.of(place, "north")
    pointers = home.pointers()
    files.write_json(home.folder / "latest.json", {name: to for name, to in pointers.items() if name != "money"})
    assert work.standing(bench.task(place, "north", force=False)) is None
