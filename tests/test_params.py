"""Settings are known, typed and in range, or refused by file and key."""

import re
import shutil
from pathlib import Path

import pytest

from barberlab import params
from barberlab.errors import BadInput
from barberlab.models import assumptions
from barberlab.workspace import Workspace

DEFAULTS = Path(__file__).parents[1] / "params" / "defaults.yaml"


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "params" / "networks").mkdir(parents=True)
    shutil.copy(DEFAULTS, tmp_path / "params" / "defaults.yaml")
    return Workspace(tmp_path)


def own(workspace, text):
    (workspace.params / "networks" / "north.yaml").write_text(text)


def test_the_defaults_are_the_canonical_values_of_the_methodology():
    """The one set of values chosen where the Six Figure Barber sources disagree."""
    found = params.load(Workspace(DEFAULTS.parents[1])).methodology
    assert found.annual_target_cents == 100_000 * 100
    assert (found.retention_42, found.rebook, found.no_show, found.cancellation) == (0.70, 0.85, 0.05, 0.10)
    assert (found.utilisation, found.utilisation_alert, found.utilisation_price_signal) == (0.85, 0.50, 0.90)
    assert (found.premium_ticket_cents, found.rating) == (75 * 100, 4.7)
    assert [cents // 100_000 for cents in found.milestones_cents] == [25, 50, 75, 90, 100, 150, 200]


def test_every_default_of_the_methodology_names_its_source():
    lines = DEFAULTS.read_text().split("methodology:")[1].split("report:")[0].splitlines()
    commented = [i for i, line in enumerate(lines) if "#" in line]
    values = [i for i, line in enumerate(lines) if re.match(r"  \w+:", line)]
    assert values
    assert all(i in commented or i - 1 in commented for i in values)


def test_a_network_states_only_what_differs(workspace):
    own(workspace, "methodology:\n  rebook: 0.6\n")
    assert params.load(workspace, "north").methodology.rebook == 0.6
    assert params.load(workspace, "north").methodology.no_show == 0.05
    assert params.load(workspace, "south") == params.load(workspace)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methodology:\n  retension_42: 0.6", r"unknown key 'methodology.retension_42'; did you mean 'retention_42'\?"),
        ("methodolgy: {}", r"unknown key 'methodolgy'; did you mean 'methodology'\?"),
        ("colour: red", "unknown key 'colour'; known are methodology, report, retention, scenarios, gates, benchmark"),
        ("methodology:\n  no_show: 5", "methodology.no_show is 5: input should be less than or equal to 1"),
        ("methodology:\n  no_show: -0.1", "methodology.no_show is -0.1: input should be greater than or equal to 0"),
        ("methodology:\n  no_show: .nan", "methodology.no_show is nan: input should be a finite number"),
        ("methodology:\n  no_show: '0.1'", "methodology.no_show is '0.1': input should be a valid number"),
        ("methodology:\n  rebook: true", "methodology.rebook is True: input should be a valid number"),
        ("methodology:\n  rebook: null", "methodology.rebook is None: input should be a valid number"),
        ("methodology:\n  annual_target_cents: 1.5", "annual_target_cents is 1.5: input should be a valid integer"),
        ("methodology:\n  milestones_cents: [2, 1]", "milestones_cents must rise from one to the next"),
        ("methodology:\n  milestones_cents: [true]", "milestones_cents.0 is True: input should be a valid integer"),
        ("methodology:\n  utilisation: 0.4", "utilisation_alert < utilisation <= utilisation_price_signal must hold"),
        ("methodology: 5", "methodology is 5: input should be a valid dictionary"),
        ("scenarios:\n  recapture: 0.4", "scenarios.recapture is 0.4: input should be a valid dictionary"),
        ("scenarios:\n  recapture: {mean: 0.4, sd: 0.1}", "scenarios.recapture.source is missing"),
        (
            "scenarios:\n  recapture: {mean: 0.4, sd: 0.1, sorce: x}",
            "(scenarios.recapture.source is missing|unknown key 'scenarios.recapture.sorce'; did you mean 'source')",
        ),
        ("scenarios:\n  recapture: {mean: 0.4, sd: -1, source: x}", "scenarios.recapture.sd is -1: input should be"),
        ("scenarios:\n  recapture: {mean: 0.4, sd: 0.1, source: x, n: 3}", "unknown key 'scenarios.recapture.n'"),
        ("scenarios:\n  recaptur: {}", r"unknown key 'scenarios.recaptur'; did you mean 'recapture'\?"),
        ("report:\n  min_cell: 0", "report.min_cell is 0: input should be greater than or equal to 1"),
    ],
)
def test_what_is_not_allowed_is_refused_by_file_key_and_value(workspace, text, said):
    own(workspace, text)
    with pytest.raises(BadInput, match=rf"^params/networks/north\.yaml: .*{said}"):
        params.load(workspace, "north")


def test_a_fault_in_the_defaults_is_not_blamed_on_the_network(workspace):
    own(workspace, "methodology:\n  rebook: 0.6\n")
    defaults = workspace.params / "defaults.yaml"
    defaults.write_text(defaults.read_text().replace("no_show: 0.05", "no_show: 50"))
    with pytest.raises(BadInput, match=r"^params/defaults\.yaml: methodology.no_show is 50"):
        params.load(workspace, "north")


def test_a_missing_default_is_named(workspace):
    defaults = workspace.params / "defaults.yaml"
    defaults.write_text(defaults.read_text().replace("rating:", "# rating:"))
    with pytest.raises(BadInput, match=r"params/defaults\.yaml: methodology.rating is missing"):
        params.load(workspace)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("report:\n  min_cell: 1\n  min_cell: 2", r"north\.yaml, line 3: key 'min_cell' is there twice"),
        ("report: {}\nreport: {}", r"north\.yaml, line 2: key 'report' is there twice"),
        ("report: [", r"north\.yaml, line 1: is not YAML"),
        ("- 1", r"north\.yaml: must hold keys and values, found list"),
        ("report: !!python/object/apply:os.getcwd []", r"north\.yaml, line 1: is not YAML"),
        ("report: &a\n  min_cell: *a", r"params/networks/north\.yaml: report.min_cell"),
    ],
)
def test_a_file_that_is_no_plain_yaml_mapping_is_refused(workspace, text, said):
    own(workspace, text)
    with pytest.raises(BadInput, match=said):
        params.load(workspace, "north")


def test_a_canary_is_not_repeated_in_the_message_that_refuses_it(workspace):
    own(workspace, "gates:\n  canaries: ['abc12']")
    with pytest.raises(BadInput, match=r"gates.canaries.0: .*at least 6") as refused:
        params.load(workspace, "north")
    assert "abc12" not in str(refused.value)


def test_a_network_id_cannot_lead_out_of_the_folder(workspace):
    with pytest.raises(BadInput, match="must be 2 to 32"):
        params.load(workspace, "../defaults")


def test_settings_cannot_be_changed_after_they_were_checked(workspace):
    with pytest.raises(ValueError, match="frozen"):
        params.load(workspace).methodology.rebook = 0.1


def test_an_experiment_takes_the_place_of_an_assumption_by_its_name(workspace):
    assert params.load(workspace).scenarios.measured() == {}
    own(workspace, "scenarios:\n  price_elasticity: {mean: -0.3, sd: 0.1, source: price test of May}\n")
    found = params.load(workspace, "north").scenarios.measured()
    assert [(name, one.mean, one.sd, one.source) for name, one in found.items()] == [
        ("price elasticity", -0.3, 0.1, "price test of May")
    ]


def test_each_assumption_of_a_scenario_can_be_measured():
    known = {name.replace("_", " ") for name in params.Scenarios.model_fields}
    assert known == {one.name for one in assumptions.ALL}
