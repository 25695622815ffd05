"""Every network gets its report, or a reason and its last good one."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import bench
import pandas as pd
import pytest

from barberlab import files, runs
from barberlab.errors import BadInput
from barberlab.runs import inside, outputs, published, runner, work
from barberlab.runs.runner import Outcome, exit_code
from barberlab.scope import Scope
from warmkernel import provisioner


@pytest.fixture
def place(tmp_path):
    """Three networks with data and one report."""
    made = bench.workspace(tmp_path / "w")
    bench.add_report(made, "performance", bench.notebook("1"))
    bench.add_data(made, "north", "south", "west")
    return made


def run(place, *networks, pages=None, **options):
    return runner.run(place, networks or place.networks(), pages=pages or bench.pages(), **options)


def snapshot(place):
    """Every file under outputs with its content; locks and leases aside."""
    return {
        path: path.read_bytes()
        for path in place.outputs.rglob("[!.]*")
        if path.is_file() and ".lease" not in path.parts
    }


def poisoned(network):
    def printed(values):
        if values["network"] == network:
            raise ZeroDivisionError("weekly visits: division by zero")
        return f"{values['network']} as of {values['as_of']}"

    return printed


def test_each_network_gets_its_own_page_manifest_and_pointer(place, monkeypatch):
    bench.pretend(monkeypatch, poisoned(None))
    outcomes = run(place)
    assert bench.states(outcomes) == {"north": "published", "south": "published", "west": "published"}
    assert exit_code(outcomes) == 0
    for outcome in outcomes:
        folder = place.outputs / outcome.network / "r000001-performance"
        assert outcome.page == folder / "report.html"
        assert f"{outcome.network} as of {bench.AS_OF}" in outcome.page.read_text()
        pointer = json.loads((folder.parent / "latest.json").read_text())["performance"]
        sum_of_manifest = files.sha256(folder / "manifest.json")
        assert pointer == {"run_id": "r000001-performance", "manifest_sha256": sum_of_manifest}
        assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "notebooks", "report.html", "results.json"]


def test_the_manifest_names_data_parameters_code_and_every_file(place, monkeypatch):
    bench.pretend(monkeypatch)
    [outcome] = run(place, "north", parameters={"period": "2025-06"})
    found = json.loads((outcome.page.parent / "manifest.json").read_text())
    assert found["parameters"] == {"network": "north", "as_of": bench.AS_OF, "period": "2025-06"}
    assert found["data"]["version"] == 1
    assert found["data"]["sha256"] == files.sha256(place.network("north") / "versions" / "v000001.json")
    assert found["as_of"] == bench.AS_OF
    assert found["params"]["methodology"]["rebook"] == 0.85
    assert found["code"]["packages"]["papermill"] == "2.7.0"
    assert {gate["name"]: gate["passed"] for gate in found["gates"]} == dict.fromkeys(
        ("cells", "same data", "pages", "personal data"), True
    )
    assert set(found["files"]) == {"report.html", "results.json", "notebooks/performance.ipynb"}
    assert found["files"]["report.html"]["bytes"] == outcome.page.stat().st_size
    assert found["started"] <= found["finished"]


def test_a_manifest_names_the_engine_that_ran_and_not_the_one_that_was_asked_for(place, monkeypatch):
    bench.add_report(place, "performance", bench.notebook("said = 1"))
    monkeypatch.setattr(provisioner, "forks", lambda: False)
    [outcome] = run(place, "north", engine="warm")
    assert outcome.state == "published", outcome.reason
    kept = runs.latest(Scope("north"), workspace=place)["performance"].manifest
    assert kept.engine == "papermill"
    assert [note for note in kept.notes if note.startswith("the kernel was started cold: ")]


def test_a_poisoned_network_fails_alone_and_keeps_its_last_good_report(place, monkeypatch):
    bench.pretend(monkeypatch)
    run(place)
    before = (place.outputs / "north" / "r000001-performance" / "report.html").read_bytes()
    bench.pretend(monkeypatch, poisoned("north"))
    outcomes = run(place, force=True)
    assert bench.states(outcomes) == {"north": "failed", "south": "published", "west": "published"}
    assert exit_code(outcomes) == 1
    north = outcomes[0]
    assert north.reason == "ZeroDivisionError: weekly visits: division by zero"
    assert north.page == place.outputs / "north" / "r000001-performance" / "report.html"
    assert north.page.read_bytes() == before
    failed = place.outputs / "north" / "failed" / "r000002-performance"
    assert json.loads((failed / "manifest.json").read_text())["reason"] == north.reason
    assert json.loads((failed / "manifest.json").read_text())["state"] == "failed"
    assert json.loads((failed / "error.json").read_text())["kind"] == "ZeroDivisionError"
    assert "weekly visits" in (place.outputs / "index.html").read_text()


def test_one_reports_failure_leaves_the_other_reports_of_its_network(place, monkeypatch):
    bench.add_report(place, "shop", bench.notebook("2"))
    bench.pretend(monkeypatch)
    failing = bench.pages(makers={"performance": lambda tables, context: 1 / 0})
    outcomes = run(place, "north", pages=failing)
    assert [(o.report, o.state) for o in outcomes] == [("performance", "failed"), ("shop", "published")]
    assert set(json.loads((place.outputs / "north" / "latest.json").read_text())) == {"shop"}


def test_a_network_with_unusable_settings_or_data_is_refused_and_the_others_go_on(place, monkeypatch):
    bench.pretend(monkeypatch)
    (place.params / "networks" / "north.yaml").write_text("methodology:\n  no_show: 5\n")
    path = place.network("south") / "versions" / "v000001.json"
    path.write_bytes(path.read_bytes().replace(b"Corner", b"Korner"))
    outcomes = run(place)
    assert bench.states(outcomes) == {"north": "refused", "south": "refused", "west": "published"}
    assert "methodology.no_show is 5" in outcomes[0].reason
    assert "was altered" in outcomes[1].reason
    assert exit_code(outcomes) == 1
    assert [exit_code(outcomes[at : at + 1]) for at in range(3)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"networks": ["nort"]}, "network 'nort' has no data; did you mean 'north'"),
        ({"networks": ["east_coast"]}, "known are north, south, west"),
        ({"networks": ["../north"]}, "must be 2 to 32"),
        ({"networks": []}, "no network to run"),
        ({"reports": ["performence"]}, "report 'performence' is unknown; did you mean 'performance'"),
        ({"reports": ["../performance"]}, "report '../performance' is unknown"),
        ({"reports": []}, "no report notebook"),
        ({"parameters": {"perod": "x"}}, "did you mean 'period'"),
        ({"parameters": {"period": 6}}, "'period' must be str"),
        ({"parameters": {"period": "2025-13"}}, "period '2025-13' is none; write 2025-06"),
        ({"parameters": {"network": "south"}}, "'network' is set by the run itself"),
        ({"parameters": {"as_of": "2025-01-01"}}, "'as_of' is set by the run itself"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_runs(place, monkeypatch, wanted, said):
    ran = bench.pretend(monkeypatch)
    with pytest.raises(BadInput, match=said):
        runner.run(place, **{"networks": ["north"], "pages": bench.pages()} | wanted)
    assert ran == []
    assert not place.outputs.exists()


def test_runs_stand_at_the_datas_own_moment_and_never_later(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    run(place, "north", as_of="2025-03-31")
    assert ran[0]["as_of"] == "2025-04-01T04:00:00+00:00"
    [late] = run(place, "north", as_of="2026-01-01")
    assert late.state == "refused"
    assert "its data end 2025-07-01 04:00 UTC, before --as-of 2026-01-01" in late.reason
    with pytest.raises(BadInput, match="as_of 'yesterday' is neither a date"):
        run(place, "north", as_of="yesterday")


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ("2027-01", "network 'north': period '2027-01' begins after its data end, 2025-06-30"),
        ("2025-07", "network 'north': period '2025-07' begins after its data end, 2025-06-30"),
        ("2023-12", "network 'north': period '2023-12' ends before its data begin, 2024-01-01"),
    ],
)
def test_a_period_of_which_the_data_hold_no_day_is_refused_before_a_kernel_starts(place, monkeypatch, period, said):
    ran = bench.pretend(monkeypatch)
    bench.add_data(place, "north", history_start="2024-01-01")
    [outcome] = run(place, "north", parameters={"period": period})
    assert (outcome.state, outcome.reason, ran) == ("refused", said, [])
    assert exit_code([outcome]) == 2
    [edge] = run(place, "north", parameters={"period": "2025-06-30..2025-08-01"})
    [other] = run(place, "north", parameters={"period": "2023-12-15..2024-01-01"})
    assert (edge.state, other.state) == ("published", "published")


def test_a_period_after_the_day_asked_for_is_refused(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    [outcome] = run(place, "north", as_of="2025-03-31", parameters={"period": "2025-04"})
    assert (outcome.state, ran) == ("refused", [])
    assert outcome.reason == "network 'north': period '2025-04' begins after the as-of day, 2025-03-31"


def test_a_second_run_with_nothing_changed_does_nothing(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    run(place)
    before = snapshot(place)
    outcomes = run(place)
    assert {o.state for o in outcomes} == {"unchanged"}
    assert exit_code(outcomes) == 0
    assert len(ran) == 3
    assert snapshot(place) == before


def test_force_runs_again_and_leaves_the_earlier_run_where_it_was(place, monkeypatch):
    ran = bench.pretend(monkeypatch)
    run(place, "north")
    [again] = run(place, "north", force=True)
    assert (again.state, again.run_id, len(ran)) == ("published", "r000002-performance", 2)
    assert (place.outputs / "north" / "r000001-performance" / "report.html").exists()


@pytest.mark.parametrize("change", ["notebook", "data", "settings", "parameters", "as_of", "code", "lock"])
def test_whatever_a_number_depends_on_makes_a_report_run_again(place, monkeypatch, change):
    bench.pretend(monkeypatch)
    run(place, "north")
    options = {}
    match change:
        case "notebook":
            bench.add_report(place, "performance", bench.notebook("1 + 1"))
        case "data":
            bench.add_data(place, "north")
        case "settings":
            (place.params / "networks" / "north.yaml").write_text("report:\n  min_cell: 5\n")
        case "parameters":
            options = {"parameters": {"period": "2025-05"}}
        case "as_of":
            options = {"as_of": "2025-06-29"}
        case "code":
            monkeypatch.setattr("barberlab.runs.manifest._lib_sha256", lambda: "0" * 64)
        case "lock":
            (place.root / "requirements.lock").write_text("pandas==3.1.1\n")
    assert [o.state for o in run(place, "north", **options)] == ["published"]
    assert [o.state for o in run(place, "north", **options)] == ["unchanged"]


def test_stored_outputs_or_comments_in_settings_do_not_make_a_report_run_again(place, monkeypatch):
    bench.pretend(monkeypatch)
    run(place, "north")
    executed = bench.notebook("1")
    executed.cells[-1].execution_count = 7
    bench.add_report(place, "performance", executed)
    (place.params / "networks" / "north.yaml").write_text("# nothing differs\n")
    assert [o.state for o in run(place, "north")] == ["unchanged"]


def test_a_damaged_page_is_made_again_by_the_next_run(place, monkeypatch):
    bench.pretend(monkeypatch)
    [first] = run(place, "north")
    first.page.write_bytes(first.page.read_bytes().replace(b"1,234", b"9,234"))
    [second] = run(place, "north")
    assert (second.state, second.run_id) == ("published", "r000002-performance")
    assert "1,234" in second.page.read_text()


def test_run_numbers_rise_whatever_becomes_of_the_runs(place, monkeypatch):
    bench.pretend(monkeypatch)
    run(place, "north")
    bench.pretend(monkeypatch, poisoned("north"))
    assert run(place, "north", force=True)[0].run_id == "r000002-performance"
    bench.pretend(monkeypatch)
    assert run(place, "north", force=True)[0].run_id == "r000003-performance"


def test_the_cause_of_an_earlier_failure_is_gone_from_the_index_after_a_success(place, monkeypatch):
    bench.pretend(monkeypatch, poisoned("north"))
    run(place, "north")
    assert "division by zero" in (place.outputs / "north" / "index.html").read_text()
    bench.pretend(monkeypatch)
    run(place, "north")
    assert "division by zero" not in (place.outputs / "north" / "index.html").read_text()


def test_the_index_of_a_network_names_no_other_network(place, monkeypatch):
    bench.pretend(monkeypatch)
    run(place)
    assert "south" not in (place.outputs / "north" / "index.html").read_text()
    everything = (place.outputs / "index.html").read_text()
    assert all(network in everything for network in ("north", "south", "west"))


def test_progress_says_what_was_done_last_and_how_much_is_done(place, monkeypatch):
    bench.pretend(monkeypatch)
    told, heard = [], []
    run(place, "west", progress=lambda *what: told.append(what))
    outcomes = run(place, "north", "west", progress=lambda *what: told.append(what), each=heard.append)
    assert told == [(0, 1, ""), (1, 1, "west"), (0, 2, ""), (1, 2, "west"), (2, 2, "north")]
    assert [outcome.network for outcome in heard] == ["west", "north"]
    assert [outcome.network for outcome in outcomes] == ["north", "west"]


def _run_until_told(place, begun, end):
    with pytest.MonkeyPatch.context() as patch:
        bench.pretend(patch, lambda values: (begun.set(), end.wait(20), "first")[-1])
        run(place, "north")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_of_two_runs_at_once_one_publishes_and_the_other_is_busy(place, monkeypatch):
    fork = multiprocessing.get_context("fork")
    begun, end = fork.Event(), fork.Event()
    other = fork.Process(target=_run_until_told, args=(place, begun, end))
    other.start()
    assert begun.wait(20)
    ran = bench.pretend(monkeypatch)
    outcomes = run(place, "north", "south")
    assert bench.states(outcomes) == {"north": "busy", "south": "published"}
    assert exit_code(outcomes) == 0
    assert len(ran) == 1
    end.set()
    other.join(20)
    assert other.exitcode == 0
    assert [o.state for o in run(place, "north")] == ["unchanged"]


def test_new_data_that_arrive_during_a_run_keep_it_from_being_published(place, monkeypatch):
    bench.pretend(monkeypatch, lambda values: bench.add_data(place, "north") or "half old, half new")
    [outcome] = run(place, "north")
    assert outcome.state == "failed"
    assert outcome.reason == "gate 'same data': new data arrived meanwhile; run again"


def kept(values):
    shops = pd.DataFrame({"location_id": ["s1", "s2"], "revenue_cents": [120_00, -5_00]})
    runs.keep("shops", shops)
    return "two shops"


def shop_pages(tables, context):
    rows = tables["shops"].itertuples()
    return {f"shop/{row.location_id}.html": f"<h1>{context.network} {row.revenue_cents}</h1>" for row in rows}


def test_the_page_of_each_shop_is_made_from_the_tables_its_notebook_kept(place, monkeypatch):
    bench.pretend(monkeypatch, kept)
    [outcome] = run(place, "north", pages=bench.pages(makers={"performance": shop_pages}))
    assert (outcome.page.parent / "shop" / "s1.html").read_text() == "<h1>north 12000</h1>"
    assert (
        outcome.page.parent / "tables" / "shops.csv"
    ).read_text() == "location_id,revenue_cents\ns1,12000\ns2,-500\n"
    listed = json.loads((outcome.page.parent / "manifest.json").read_text())["files"]
    assert {"shop/s1.html", "shop/s2.html", "tables/shops.parquet", "tables/shops.csv"} < set(listed)


@pytest.mark.parametrize("path", ["../south/x.html", "/tmp/x.html", "shop/x.js", "manifest.json", "a/b/c/d.html", ""])
def test_a_page_cannot_be_made_outside_its_run(place, monkeypatch, path):
    bench.pretend(monkeypatch)
    [outcome] = run(place, "north", pages=bench.pages(makers={"performance": lambda tables, context: {path: "x"}}))
    assert outcome.state == "failed"
    assert "must be named by lower-case letters" in outcome.reason


PLANTED = {
    "telephone number": "+49 170 1234567",
    "e-mail address": "ann.lee@example.org",
    "secret key": "sk_live_a1b2c3d4e5",
    "canary": "Zephyrine Quill",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_personal_data_stop_publication_and_are_not_repeated_anywhere(place, monkeypatch, kind):
    (place.params / "networks" / "north.yaml").write_text(f"gates:\n  canaries: ['{PLANTED['canary']}']\n")
    bench.pretend(monkeypatch, lambda values: f"called {PLANTED[kind]} today")
    [outcome] = run(place, "north")
    assert outcome.state == "failed"
    assert outcome.reason == (f"gate 'personal data': notebooks/performance.ipynb: {kind}; report.html: {kind}")
    assert outcome.page is None
    assert not any(PLANTED[kind].encode() in content for content in snapshot(place).values())
    assert (place.outputs / "north" / "failed" / "r000001-performance" / "notebooks" / "performance.ipynb").exists()


def test_personal_data_in_a_kept_table_stop_publication(place, monkeypatch):
    table = pd.DataFrame({"note": ["ok", "ring 555-010-1234"], "cents": [5550101234, 1]})
    bench.pretend(monkeypatch, lambda values: runs.keep("notes", table).shape.__repr__())
    [outcome] = run(place, "north")
    kind = "telephone number"
    assert outcome.reason == f"gate 'personal data': tables/notes.csv: {kind}; tables/notes.parquet: {kind}"
    assert not any(b"555-010-1234" in content for content in snapshot(place).values())


def test_an_error_that_names_a_person_is_masked_in_the_reason_and_the_index(place, monkeypatch):
    def printed(values):
        raise ValueError(f"no visits of ann.lee@example.org\nunder {place.root}/data")

    bench.pretend(monkeypatch, printed)
    [outcome] = run(place, "north")
    assert outcome.reason == "ValueError: no visits of [e-mail address]"
    hidden = (b"ann.lee", str(place.root).encode())
    assert not any(word in content for content in snapshot(place).values() for word in hidden)


def test_a_path_of_this_machine_stops_publication(place, monkeypatch):
    bench.pretend(monkeypatch, lambda values: f"read {place.root}/data/networks/north")
    [outcome] = run(place, "north")
    assert outcome.reason.startswith("gate 'personal data': notebooks/performance.ipynb: path of this machine")


def test_a_page_that_some_could_not_read_is_not_published(place, monkeypatch):
    bench.pretend(monkeypatch)
    [outcome] = run(place, "north", pages=bench.pages(check=lambda page: ["figure 1 has no alternative text"]))
    assert outcome.reason == "gate 'pages': report.html: figure 1 has no alternative text"


@pytest.mark.parametrize("passed", [True, False])
def test_a_notebooks_own_gate_decides_with_the_others(place, monkeypatch, passed):
    bench.pretend(monkeypatch, lambda values: str(runs.report_gate("divergences", passed, "7 of 4,000 draws")))
    [outcome] = run(place, "north")
    if passed:
        gates = json.loads((outcome.page.parent / "manifest.json").read_text())["gates"]
        assert {"name": "divergences", "passed": True, "what": "7 of 4,000 draws"} in gates
        assert not (outcome.page.parent / "gates.jsonl").exists()
    else:
        assert outcome.reason == "gate 'divergences': 7 of 4,000 draws"


@pytest.mark.parametrize("step", ["_store", "_flush", "_rename", "_make"])
def test_a_full_disk_fails_the_run_with_its_reason_and_keeps_the_old_page(place, monkeypatch, step):
    bench.pretend(monkeypatch)
    run(place, "north")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(files, step, full)
        [outcome] = work.run(bench.task(place, "north"))
    assert outcome.state == "failed"
    assert outcome.reason.endswith("OSError: No space left on device")
    assert outcome.page.exists()
    assert [o.state for o in run(place, "north", force=True)] == ["published"]
    assert not list((place.outputs / "north").glob(f"{outputs.STAGING}*"))


def test_what_a_kernel_leaves_in_its_run_cannot_keep_its_failure_from_being_kept(place, monkeypatch):
    (place.params / "networks" / "north.yaml").write_text(f"gates:\n  canaries: ['{PLANTED['canary']}']\n")

    def printed(values):
        for name, text in {"performance": "half {", "other": PLANTED["canary"]}.items():
            path = files.make_folder(Path(os.environ[inside.RUN_DIR]) / "notebooks") / f"{name}.ipynb"
            path.write_text(text)
        raise ZeroDivisionError(f"visits of {PLANTED['canary']}")

    bench.pretend(monkeypatch, printed)
    outcomes = run(place)
    assert bench.states(outcomes) == dict.fromkeys(("north", "south", "west"), "failed")
    assert outcomes[0].reason == "ZeroDivisionError: visits of [canary]"
    folder = outputs.of(place, "north").failed("r000001-performance")
    assert sorted(path.name for path in folder.iterdir()) == ["error.json", "manifest.json"]


def test_a_failure_that_cannot_be_kept_is_its_own_reports_and_told_all_the_same(place, monkeypatch):
    bench.add_report(place, "shop", bench.notebook("2"))
    bench.pretend(monkeypatch, poisoned("north"))

    def crooked(self, staging, manifest):
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(outputs.Outputs, "keep_failed", crooked)
    outcomes = run(place, "north", "south")
    assert [(o.network, o.state) for o in outcomes] == [
        *(("north", "failed"), ("north", "failed"), ("south", "published"), ("south", "published"))
    ]
    assert outcomes[0].reason == (
        "ZeroDivisionError: weekly visits: division by zero; not kept: KeyError: 'nobody thought of this'"
    )
    assert outcomes[0].run_id is None
    assert not list((place.outputs / "north").glob(f"{outputs.STAGING}*"))


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["published", "unchanged", "busy"], 0),
        (["published", "failed"], 1),
        (["published", "refused"], 1),
        (["refused", "refused"], 2),
        (["refused", "busy"], 1),
    ],
)
def test_the_exit_code_says_all_some_or_nothing(states, code):
    assert exit_code([Outcome("north", "performance", state) for state in states]) == code


# What somebody asked for by hand


def test_a_look_at_an_earlier_period_leaves_the_published_report_in_its_place(place, monkeypatch):
    bench.pretend(monkeypatch, lambda values: f"{values['period'] or 'the last month'}")
    [usual] = runner.run(place, ["north"], pages=bench.pages())
    [earlier] = runner.run(place, ["north"], parameters={"period": "2025-05"}, pages=bench.pages())
    assert (earlier.state, "2025-05" in earlier.page.read_text()) == ("published", True)
    assert earlier.page.parent.parent == place.outputs / "north" / "asides"
    assert earlier.run_id != usual.run_id
    assert published.latest(place, Scope("north"), "performance").folder == usual.page.parent
    [again] = runner.run(place, ["north"], pages=bench.pages())
    assert (again.state, again.run_id) == ("unchanged", usual.run_id)


def test_a_period_runs_the_reports_that_take_one(place, monkeypatch):
    bench.pretend(monkeypatch, lambda values: f"{values.get('period')}")
    timeless = bench.notebook("1")
    for cell in timeless.cells:
        cell.source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("period"))
    bench.add_report(place, "forecast", timeless)
    outcomes = run(place, "north", parameters={"period": "2025-05"})
    assert [(outcome.report, outcome.state) for outcome in outcomes] == [("performance", "published")]
    with pytest.raises(BadInput, match="period"):
        run(place, "north", reports=["forecast"], parameters={"period": "2025-05"})
