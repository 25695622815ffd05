"""A benchmark release: who is counted, what is told, what is refused with nothing spent, and the same for everybody."""

import json
import re
import shutil
import sys
from datetime import UTC, datetime

import bench
import numpy as np
import pytest
from scipy.stats import kstest

import corner
from barberlab import cli, files, params
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab
from barberlab.errors import BadInput, Damaged, NotAvailable
from barberlab.models.release import Release
from barberlab.models.release_simulated import networks
from barberlab.runs import backup, release, release_sample
from barberlab.runs.ledger import PUBLISHED
from barberlab.scope import Scope
from barberlab.workspace import Workspace

RULES = corner.REPO / "params" / "benchmark" / "cells.yaml"


def opt_in(place, network, parent=""):
    text = f"benchmark:\n  opt_in: true\n  parent: {json.dumps(parent)}\n"
    (place.params / "networks" / f"{network}.yaml").write_text(text)


@pytest.fixture
def place(tmp_path):
    """A workspace with the public rules, and no network yet."""
    made = bench.workspace(tmp_path / "w")
    (made.params / "benchmark").mkdir()
    files.write(made.params / release.RULES, RULES.read_bytes())
    return made


@pytest.fixture
def crowd(place, monkeypatch):
    """Thirty networks that opted in, whose shops are simulated on the public scale."""
    return crowded(place, monkeypatch, 30)


def crowded(place, monkeypatch, count, shops=5):
    names = [f"net_{number:02}" for number in range(count)]
    bench.add_data(place, *names)
    for name in names:
        opt_in(place, name)
    pool = dict(zip(names, networks(np.random.default_rng(1), count, 6, shops), strict=True))
    monkeypatch.setattr(release, "_scaled", lambda workspace, spec, month, network: pool[network])
    return place


def spent(place, year="2026"):
    return release.ledger(place).spent(year)


def refused(place, period="2026-01", match="", **options):
    before = release.ledger(place).entries()
    with pytest.raises(BadInput, match=match):
        release.build(place, period, **options)
    assert release.ledger(place).entries() == before, "nothing was spent"


# What is told


def test_a_cell_is_lit_in_the_second_month_and_tells_every_figure_with_its_error(crowd):
    first, second = (release.build(crowd, period).release for period in ("2026-01", "2026-02"))
    assert {cell["state"] for cell in first.cells.values()} == {"dark"}
    assert second.cells["all"]["state"] == "lit"
    assert set(second.cells["all"]["kpis"]) == {kpi.name for kpi in second.spec.kpis}
    cuts = second.cutpoints("average_ticket", "EUR")
    assert (cuts["low80"] < cuts["value"]).all()
    assert (cuts["points_off"] > 2.5).all()


def test_money_is_a_quarter_late(crowd):
    made = release.build(crowd, "2026-01").release
    assert made.months == {"0": "2026-01", "3": "2025-10"}
    assert {kpi.lag_months for kpi in made.spec.kpis if kpi.unit.startswith("money")} == {3}


def test_a_release_holds_no_network_no_exact_count_and_no_number_of_a_dark_cell(crowd):
    for period in ("2026-01", "2026-02"):
        text = release.build(crowd, period).path.read_text()
        assert "net_" not in text
        found = json.loads(text)
        assert {"state": "dark"} in found["cells"].values()
        assert [cell for cell in found["cells"].values() if cell["state"] == "dark" and len(cell) > 1] == []
        told = {cell["networks"] for cell in found["cells"].values() if cell["state"] == "lit"}
        assert told <= {"20-49", "50-99", "100 and more"}


def test_every_member_reads_the_same_bytes_and_asking_again_draws_nothing(crowd):
    made = release.build(crowd, "2026-01")
    before = made.path.read_bytes()
    again = [release.build(crowd, "2026-01") for _ in range(3)]
    assert {one.path.read_bytes() for one in again} == {before}
    members = [release.read(crowd, Scope(name)) for name in ("net_00", "net_07", "net_29")]
    assert {one.text().encode() for one in members} == {before}
    assert spent(crowd) == 25_916


def test_two_makings_of_the_same_month_elsewhere_differ_by_their_noise(crowd, tmp_path):
    for period in ("2026-01", "2026-02"):
        one = release.build(crowd, period)
    other = Workspace(tmp_path / "other")
    (tmp_path / "other").mkdir()
    for folder in ("params", "data/networks"):
        (other.root / folder).parent.mkdir(exist_ok=True)
        (other.root / folder).symlink_to(crowd.root / folder)
    for period in ("2026-01", "2026-02"):
        two = release.build(other, period)
    assert one.release.cells["all"]["kpis"] != two.release.cells["all"]["kpis"]


def test_twelve_months_fit_the_year_and_a_thirteenth_would_not(crowd):
    for month in range(1, 13):
        release.build(crowd, f"2026-{month:02}")
    assert spent(crowd) == 310_992
    wish = release._wish(release.rules(crowd), release._month("2026-12"), ())
    with pytest.raises(BadInput, match="310992 of 310992 millionths of rho are spent"):
        release.ledger(crowd).check_room(wish)
    assert len(release.periods(crowd)) == 12


def test_six_owners_of_thirty_brands_are_no_crowd(place, monkeypatch):
    """Thirty brands of six parents: dark, though thirty networks light the cell."""
    crowded(place, monkeypatch, 30)
    for number in range(30):
        opt_in(place, f"net_{number:02}", parent=f"holding {number % 6}")
    for period in ("2026-01", "2026-02", "2026-03"):
        made = release.build(place, period).release
    assert {cell["state"] for cell in made.cells.values()} == {"dark"}


def test_who_joins_counts_from_the_next_quarter(crowd):
    def counted(period):
        release.build(crowd, period)
        reserved = next(entry for entry in release.ledger(crowd).entries() if entry.release == period)
        return set(json.loads(reserved.spec)["roster"])

    first = counted("2026-01")
    (crowd.params / "networks" / "net_00.yaml").write_text("benchmark:\n  opt_in: false\n")
    assert counted("2026-02") == first
    assert first - counted("2026-04") == {"net_00"}


# Who may read


def test_a_network_that_opted_out_gets_no_benchmark(crowd):
    release.build(crowd, "2026-01")
    (crowd.params / "networks" / "net_00.yaml").write_text("benchmark:\n  opt_in: false\n")
    with pytest.raises(NotAvailable, match=r"needs benchmark.opt_in in params/networks/net_00.yaml"):
        release.read(crowd, Scope("net_00"))


def test_reading_touches_no_rows(crowd, monkeypatch):
    release.build(crowd, "2026-01")
    monkeypatch.setattr(release, "open_lab", lambda *words, **named: pytest.fail("rows were read"))
    assert release.read(crowd, Scope("net_00"), "2026-01").period == "2026-01"
    with pytest.raises(BadInput, match="no benchmark release '2026-02'; there are 2026-01"):
        release.read(crowd, Scope("net_00"), "2026-02")


def test_an_altered_release_is_not_read(crowd):
    path = release.build(crowd, "2026-01").path
    path.write_text(path.read_text().replace('"2025-10"', '"2025-09"'))
    with pytest.raises(Damaged, match=r"2026-01\.json: was altered"):
        release.read(crowd, Scope("net_00"))
    release.build(crowd, "2026-01")
    assert release.read(crowd, Scope("net_00")).months["3"] == "2025-10"


def test_a_newcomer_sees_the_simulated_release_that_says_what_it_is(place):
    with pytest.raises(NotAvailable, match="none was published yet"):
        release.read(place, Scope("north"))
    shown = release.read(Workspace(corner.REPO), Scope("north"))
    assert (shown.source, shown.cells["all"]["state"]) == ("simulated", "lit")
    assert shown.dark(), "it shows the dark as well"


def test_the_committed_release_is_what_the_command_makes():
    """`barberlab sample --tiny` after a change of the rules."""
    made = release_sample.release(release.rules(Workspace(corner.REPO)))
    held = corner.REPO / "data" / "sample" / release.SAMPLE
    assert held.read_text() == made.text()
    assert Release.read(held.read_text(), held.name) == made


# What is refused


@pytest.mark.parametrize("period", ["2026", "2026-13", "2026-Q1", "26-01", "2026-1", "", "../2026-01", "2026-01\n"])
def test_a_period_that_is_no_month_is_refused(crowd, period):
    refused(crowd, period, match=rf"period {re.escape(repr(period))} is no month such as 2026-10")


def test_a_period_out_of_turn_is_refused(crowd):
    release.build(crowd, "2026-03")
    refused(crowd, "2026-02", match="comes after 2026-03, which is in the ledger")


def test_rules_that_changed_without_a_new_version_are_refused(crowd):
    release.build(crowd, "2026-01")
    path = crowd.params / release.RULES
    committed = path.read_text()
    path.write_text(committed.replace("range: [0, 2]", "range: [0, 3]"))
    refused(crowd, "2026-02", match=r"cells\.yaml: is not the version 1 that 2026-01 was released by")
    path.write_text("# looked at in spring\n" + committed)
    release.build(crowd, "2026-02")
    path.write_text(committed.replace("range: [0, 2]", "range: [0, 3]").replace("version: 1", "version: 2"))
    assert release.build(crowd, "2026-03").release.spec.version == 2


def test_a_budget_cannot_be_widened_in_the_rules(crowd):
    release.build(crowd, "2026-01")
    path = crowd.params / release.RULES
    path.write_text(path.read_text().replace("310_992", "999_999").replace("version: 1", "version: 2"))
    refused(crowd, "2026-02", match="budget 2026 was opened with 310992 .* cannot become 999999")


def test_without_opted_in_networks_there_is_no_release(place):
    bench.add_data(place, "north")
    refused(place, match="no network with data has opted in")


def test_without_opendp_nothing_is_spent(crowd, monkeypatch):
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    refused(crowd, match=r"install barberlab\[benchmark\]; nothing was spent")


def test_a_draw_that_dies_has_spent_its_month_and_the_next_goes_on(crowd, monkeypatch):
    def dies(spec):
        def noise(total):
            raise OSError("power")

        return noise

    with monkeypatch.context() as patched:
        patched.setattr(release, "noise_of", dies)
        with pytest.raises(OSError, match="power"):
            release.build(crowd, "2026-01")
    assert spent(crowd) == 25_916
    refused(crowd, "2026-01", match="its budget is spent and nothing can be drawn again")
    release.build(crowd, "2026-02")


# From real rows


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The committed sample's data folder, ingested once."""
    made = corner.make_workspace(tmp_path_factory.mktemp("tiny") / "w")
    ingest(made, "tiny", corner.MAPPING, sorted((corner.REPO / "data" / "sample").glob("*.parquet")))
    return made.network("tiny")


@pytest.fixture
def real(place, tiny):
    """The committed sample as a member, under rules without a lag: it has four months."""
    rewrite(place, "lag_months: 3", "lag_months: 0")
    shutil.copytree(tiny, place.network("tiny"))
    opt_in(place, "tiny")
    return place


def rewrite(place, found, put):
    """Change the public rules."""
    path = place.params / release.RULES
    text = re.sub(found, put, path.read_text())
    assert text != path.read_text()
    path.write_text(text)


def test_a_members_shops_are_read_as_they_stood_45_days_after_the_month(real):
    spec = release.rules(real)
    z = release._scaled(real, spec, release._month("2025-02"), "tiny")
    lab = open_lab(real, Scope("tiny"), "2025-04-14")
    used = lab.metric("utilisation", by="shop", grain="total", since="2025-02-01", until="2025-03-01")
    assert z[:, 2] == pytest.approx((used["value"].astype(float).to_numpy() - 0.62) / 0.15)
    rebooked = lab.metric("rebook_rate", by="shop", grain="total", since="2025-02-01", until="2025-03-01").astype(
        {"numerator": float, "denominator": float}
    )
    rate = (rebooked["numerator"] + 0.5) / (rebooked["denominator"] + 1)
    assert spec.kpi("rebook_rate").natural(z[:, 3], "USD") == pytest.approx(rate.to_numpy())
    assert release.build(real, "2025-02").release.source == "opted-in"


def test_data_that_do_not_reach_far_enough_are_refused(real):
    refused(real, "2025-04", match=r"tiny: as_of 2025-06-1\d .* is later than the data of 'tiny'")


def test_a_figure_out_of_range_is_refused_by_its_value(real):
    rewrite(real, r"range: \[0, 2\]", "range: [0.61, 0.63]")
    refused(real, "2025-02", match=r"Chair time used: \d shops are out of range 0.61 to 0.63 \(one has 0\.\d+\)")


def test_a_network_with_one_shop_is_refused(place, tmp_path):
    found = corner.tables()
    found = {
        name: frame[frame["location_id"] != "la"] if "location_id" in frame else frame for name, frame in found.items()
    }
    corner.bring(place, tmp_path / "export", found)
    opt_in(place, "corner")
    rewrite(place, r"least: \d+", "least: 1")
    rewrite(place, "lag_months: 3", "lag_months: 0")
    refused(place, "2025-04", match="corner: Revenue per available hour: 1 shops have it in the month; 2 are needed")


def test_who_cannot_be_counted_is_left_out_only_where_that_is_said(crowd, monkeypatch):
    real = release._scaled

    def scaled(workspace, spec, month, network):
        if network == "net_03":
            raise BadInput("1 shops have it")
        return real(workspace, spec, month, network)

    monkeypatch.setattr(release, "_scaled", scaled)
    refused(crowd, match="nothing was spent: net_03: 1 shops have it. --leave-out goes on without them")
    done = release.build(crowd, "2026-01", leave_out=True)
    assert done.left_out == {"net_03": "1 shops have it"}
    assert "net_03" not in done.path.read_text()


def test_a_currency_without_a_public_centre_is_refused(real):
    rewrite(real, r"USD: \d+, ", "")
    refused(real, "2025-02", match="tiny: Benchmark of Revenue per available hour: .* public centre for USD")


# The noise


def test_the_noise_has_the_law_that_its_price_assumes(place):
    """Kolmogorov and Smirnov on some 10,000 draws at a sum of nothing, and no two draws alike."""
    spec = release.rules(place)
    noise, nothing = release.noise_of(spec), np.zeros((4, 13))
    draws = np.array([noise(nothing) for _ in range(200)])
    assert kstest(draws.ravel() / spec.noise, "norm").pvalue > 1e-4
    assert len(np.unique(draws)) == draws.size
    assert np.corrcoef(draws.reshape(200, -1).T)[np.triu_indices(52, 1)].__abs__().max() < 0.4


def test_the_price_of_a_year_is_the_epsilon_that_is_promised(place):
    import opendp.prelude as dp

    spec = release.rules(place)
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False), size=1), dp.l2_distance(T=float)
    year = dp.m.make_gaussian(*space, scale=spec.noise / 12**0.5)
    assert dp.c.make_zCDP_to_approxDP(year).map(spec.sensitivity).epsilon(1e-6) <= 4
    assert 12 * spec.release_micro_rho == spec.year_micro_rho


def test_a_sum_that_is_no_number_is_not_released(place):
    noise = release.noise_of(release.rules(place))
    with pytest.raises(BadInput, match="no finite number; nothing was released"):
        noise(np.full((4, 13), np.nan))


# Backup and restore


NOW = datetime(2026, 5, 20, tzinfo=UTC)


def test_a_restore_never_gives_privacy_back(crowd, tmp_path):
    """January is in the backup; February and March were released after it, and are gone with the disk."""
    release.build(crowd, "2026-01")
    backup.backup(crowd, tmp_path / "b", NOW)
    for period in ("2026-02", "2026-03"):
        release.build(crowd, period)
    back = Workspace(tmp_path / "back")
    backup.restore(back.root, tmp_path / "b", into_empty=True, now=NOW)
    assert release.ledger(back).spent("2026") == 3 * 25_916, "January to March could all be out by 20 May"
    assert release.periods(back) == ["2026-01"]
    for period in ("2026-02", "2026-03"):
        refused(back, period, match="its budget is spent and nothing can be drawn again")
    assert (
        release.build(back, "2026-01").path.read_bytes()
        == release.read(crowd, Scope("net_01"), "2026-01").text().encode()
    )
    release.build(back, "2026-04")


def test_a_ledger_that_went_on_is_not_replaced_by_an_older_one(crowd, tmp_path):
    release.build(crowd, "2026-01")
    backup.backup(crowd, tmp_path / "b", NOW)
    release.build(crowd, "2026-02")
    for folder in ("data/networks", "outputs"):
        files.remove_folder(crowd.root / folder)
    before = release.ledger(crowd).entries()
    backup.restore(crowd.root, tmp_path / "b", now=NOW)
    assert release.ledger(crowd).entries() == before
    assert release.periods(crowd) == ["2026-01", "2026-02"]


def test_a_ledger_that_tells_another_story_than_the_backups_is_refused(crowd, tmp_path):
    release.build(crowd, "2026-01")
    backup.backup(crowd, tmp_path / "b", NOW)
    files.remove_folder(crowd.benchmark)
    release.build(crowd, "2026-02")
    files.remove_folder(crowd.root / "data" / "networks")
    with pytest.raises(BadInput, match=r"data/benchmark/ledger\.sqlite and the backup's tell different stories"):
        backup.restore(crowd.root, tmp_path / "b", now=NOW)
    assert release.ledger(crowd).stage("2026-02") == PUBLISHED


def test_a_ledger_copied_back_by_hand_counts_what_lies_published(crowd):
    release.build(crowd, "2026-01")
    old = release.ledger(crowd).copy()
    release.build(crowd, "2026-02")
    release.ledger(crowd).path.write_bytes(old)
    assert spent(crowd) == 25_916
    release.build(crowd, "2026-03")
    assert spent(crowd) == 3 * 25_916
    refused(crowd, "2026-02", match="its budget is spent and nothing can be drawn again")


def test_a_backup_from_before_the_first_release_gives_nothing_back_either(crowd, tmp_path):
    backup.backup(crowd, tmp_path / "b", NOW)
    release.build(crowd, "2026-01")
    back = Workspace(tmp_path / "back")
    backup.restore(back.root, tmp_path / "b", into_empty=True, now=NOW)
    refused(back, "2026-01", match="its budget is spent and nothing can be drawn again")


# The command line


def typed(monkeypatch, place, *words):
    monkeypatch.setattr(sys, "argv", ["barberlab", "benchmark", *words, "--root", str(place.root)])
    with pytest.raises(SystemExit) as done:
        sys.exit(cli.main())
    return done.value.code or 0


def test_an_operator_makes_a_release_and_sees_what_is_spent(crowd, monkeypatch, capsys):
    assert typed(monkeypatch, crowd, "release", "--period", "2026-01") == 0
    assert "All networks: dark" in capsys.readouterr().out
    assert typed(monkeypatch, crowd, "budget") == 0
    said = capsys.readouterr().out
    assert "2026-01: published, 25916 millionths of rho" in said
    assert "year 2026: 25916 of 310992 millionths of rho spent" in said
    assert typed(monkeypatch, crowd, "release", "--period", "January") == 2
    assert "is no month such as 2026-10" in capsys.readouterr().err


def test_the_settings_of_a_network_hold_the_two_keys_and_no_third(place):
    opt_in(place, "north", parent="Holding")
    assert params.load(place, "north").benchmark.parent == "Holding"
    (place.params / "networks" / "north.yaml").write_text("benchmark: {opt_out: true}\n")
    with pytest.raises(BadInput, match=r"unknown key 'benchmark.opt_out'; did you mean 'opt_in'\?"):
        params.load(place, "north")
