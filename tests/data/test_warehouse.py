"""The only reader: it serves a scope, stands at a moment, and refuses what is not what was published."""

from datetime import date

import pandas as pd
import pytest

import corner
from barberlab.data.lab import open_lab
from barberlab.data.warehouse import open_warehouse
from barberlab.errors import BadInput, Damaged
from barberlab.scope import Scope

NEW_YORK = Scope("corner", "owner", frozenset({"ny"}))


def test_a_scope_of_one_shop_sees_no_row_of_another(corner_workspace):
    lab = open_lab(corner_workspace, NEW_YORK)
    for name in ("locations", "appointments", "payments", "shifts", "staff_assignments", "daily"):
        assert set(lab[name]["location_id"]) == {"ny"}
    whole = open_lab(corner_workspace, Scope("corner"))
    bob = set(whole["appointments"].query("location_id == 'la'")["staff_id"])
    assert not bob & set(lab["staff_names"]["staff_id"])
    assert len(lab["clients"]) == 3  # c4 goes to Los Angeles only
    assert lab.metric("visits", grain="total")["value"].item() == 6


def test_a_table_of_the_whole_network_does_not_exist_for_some_of_its_shops(corner_workspace):
    with pytest.raises(BadInput, match="table 'experiments' belongs to the whole network"):
        open_lab(corner_workspace, NEW_YORK).table("experiments")


def test_a_shop_id_cannot_break_out_of_its_scope(corner_workspace):
    scope = Scope("corner", "owner", frozenset({"ny') OR ('1'='1"}))
    assert open_lab(corner_workspace, scope)["appointments"].empty


def test_the_operator_sees_no_rows(corner_workspace):
    with pytest.raises(BadInput, match="operator sees runs and failures, and no network's rows"):
        open_warehouse(corner_workspace, Scope("corner", "operator"))


def test_a_network_without_data_is_named_with_those_that_have(corner_workspace):
    with pytest.raises(BadInput, match="network 'nowhere' has no data; networks with data: corner"):
        open_lab(corner_workspace, Scope("nowhere"))


# As of


def test_nothing_later_leaks_into_an_earlier_day(workspace, tmp_path):
    """The corner network as of 20 April, against an export that was really made on that evening.

    By then a5 and a6 were booked, a7 and a8 had just been, c4 was on file; nothing of May had happened.
    """
    corner.bring(workspace, tmp_path / "later")
    then = open_lab(workspace, Scope("corner"), as_of="2025-04-20")
    tables = corner.tables()
    visits = tables["appointments"]
    visits = visits[(visits["booked_at"].fillna(visits["start"]) < "2025-04-21T04:00Z")]
    future = visits["start"] > "2025-04-21T04:00Z"
    visits = visits.assign(status=visits["status"].where(~future, "booked"), cancelled_at=None)
    tables["appointments"] = visits
    tables["payments"] = tables["payments"].query("paid_at < '2025-04-21T04:00Z'")
    tables["shifts"] = tables["shifts"].query("start < '2025-04-21T04:00Z'")
    really = open_lab(_bring_as(workspace, tmp_path, tables), Scope("corner"))
    for name in ("appointments", "payments", "shifts", "clients", "staff_assignments", "locations"):
        _same_rows(then[name], really[name])
    for metric in then.metrics().index:
        ours, theirs = (lab.metric(metric, by="shop", until="2025-12-31") for lab in (then, really))
        pd.testing.assert_frame_equal(_without_people(ours), _without_people(theirs), obj=metric)


def _bring_as(workspace, tmp_path, tables):
    other = corner.make_workspace(tmp_path / "evening")
    corner.bring(other, tmp_path / "export", tables, as_of="2025-04-20")
    return other


def _without_people(frame: pd.DataFrame) -> pd.DataFrame:
    """Pseudonyms differ between two workspaces, as they should."""
    frame = frame.drop(columns=[c for c in ("client_id", "staff_id") if c in frame])
    frame.attrs = {}
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def _same_rows(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(_without_people(ours), _without_people(theirs), check_dtype=False)


def test_what_was_booked_and_what_became_of_it_are_two_things(corner_workspace):
    before = open_lab(corner_workspace, Scope("corner"), as_of="2025-05-01")["appointments"].set_index("appointment_id")
    after = open_lab(corner_workspace, Scope("corner"), as_of="2025-05-19")["appointments"].set_index("appointment_id")
    assert before.loc["a5", "status"] == "booked"
    assert after.loc["a5", "status"] == "completed"
    assert before.loc["a8", "status"] == "booked"
    assert after.loc["a8", "status"] == "cancelled"  # a day before it was due, when the client rang
    assert "a9" not in before.index  # booked in June


def test_as_of_its_own_date_the_stored_rollup_and_the_one_made_anew_agree(corner_workspace):
    stored = open_lab(corner_workspace, Scope("corner"))["daily"]
    anew = open_lab(corner_workspace, Scope("corner"), as_of="2025-06-30T23:59:59")["daily"]
    keys = ["location_id", "staff_id", "local_date"]
    stored, anew = (f.sort_values(keys).reset_index(drop=True) for f in (stored, anew))
    stored.attrs = anew.attrs = {}
    pd.testing.assert_frame_equal(stored, anew, check_dtype=False)


def test_a_day_after_the_data_is_refused(corner_workspace):
    with pytest.raises(BadInput, match="is later than the data of 'corner', which end 2025-07-01 04:00 UTC"):
        open_lab(corner_workspace, Scope("corner"), as_of="2025-07-01")


def test_an_earlier_version_can_be_opened_by_its_number(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    tables = corner.tables()
    tables["payments"].loc[0, "gross_cents"] = "2600"
    corner.bring(workspace, tmp_path / "two", tables)
    totals = [
        open_lab(workspace, Scope("corner"), version=n).metric("net_service_revenue", grain="total")["value"].item()
        for n in (1, 2)
    ]
    assert totals[1] - totals[0] == 100
    with pytest.raises(BadInput, match="network 'corner' has no data version 7"):
        open_lab(workspace, Scope("corner"), version=7)


# Damage


def _flip(path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_one_flipped_bit_in_a_data_file_is_refused_at_reading(workspace, tmp_path, share):
    version = corner.bring(workspace, tmp_path).version
    path = version.paths("payments")[0]
    _flip(path, int(path.stat().st_size * share))
    with pytest.raises(Damaged, match=r"tables/payments/.* is missing or altered; restore it from a backup"):
        open_lab(workspace, Scope("corner")).table("payments")


def test_a_missing_data_file_is_refused_at_reading(workspace, tmp_path):
    corner.bring(workspace, tmp_path).version.paths("services")[0].unlink()
    with pytest.raises(Damaged, match="tables/services/"):
        open_lab(workspace, Scope("corner")).table("services")


def test_an_edited_manifest_is_refused(workspace, tmp_path):
    version = corner.bring(workspace, tmp_path).version
    version.path.write_text(version.path.read_text().replace('"as_of": "2025-07-01', '"as_of": "2025-06-01'))
    with pytest.raises(Damaged, match=r"v000001.json of network 'corner' was altered"):
        open_lab(workspace, Scope("corner"))


# The desk


def test_a_frame_says_what_it_is(lab):
    frame = lab.metric("average_ticket", by="shop")
    assert list(frame.columns) == ["location_id", "period", "value", "numerator", "denominator"]
    assert frame.attrs["unit"] == "money"
    assert frame.attrs["currency"] == "USD"
    assert frame.attrs["as_of"] == "2025-07-01T04:00:00+00:00"
    assert lab.today == date(2025, 6, 30)


def test_the_desk_introduces_itself_and_completes_table_names(lab):
    assert "data version 1, as of 2025-07-01 04:00 UTC, USD" in repr(lab)
    assert "appointments" in lab._ipython_key_completions_()
    assert lab.metrics().loc["utilisation", "needs"] is None
    assert lab.tables().loc["appointments", "rows"] == 10
