"""An export comes in whole or not at all: quarantine, refusals, repeats, pseudonyms, clocks and locks."""

import stat
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import corner
from barberlab import files
from barberlab.data import versions
from barberlab.data.ingest import ingest
from barberlab.data.lab import open_lab
from barberlab.errors import BadInput, Busy
from barberlab.scope import Scope
from workbook import write_xlsx


def _lab(workspace):
    return open_lab(workspace, Scope("corner"))


def _quarantine(receipt) -> pd.DataFrame:
    manifest = receipt.version.manifest
    return pq.read_table(receipt.version.folder / manifest["quarantine"]["path"]).to_pandas()


def _mapping(tmp_path, **changes) -> Path:
    """The contract mapping with some keys changed."""
    said = yaml.safe_load(corner.MAPPING.read_text()) | changes
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def _tree(workspace) -> dict[str, bytes]:
    """Every byte that a reader of the workspace could find."""
    data = workspace.root / "data"
    return {str(p): p.read_bytes() for p in sorted(data.rglob("*")) if p.is_file() and p.name != ".lock"}


# Quarantine


def test_a_bad_row_goes_to_quarantine_with_table_row_column_value_and_rule(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[2, "status"] = "finished"
    tables["payments"].loc[1, "gross_cents"] = "30.5"
    receipt = corner.bring(workspace, tmp_path, tables)
    found = _quarantine(receipt).set_index("table")
    visit, payment = found.loc["appointments"], found.loc["payments"]
    assert (visit["source_file"], visit["source_row"], visit["column"]) == ("appointments.csv", 3, "status")
    assert visit["value"] == "finished"
    assert visit["rule"].startswith("one of booked, completed")
    assert (payment["source_row"], payment["value"], payment["rule"]) == (2, "30.5", "is a whole number of minor units")


def test_good_and_quarantined_rows_add_up_to_the_input(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[[0, 4], "duration_min"] = ["2", "many"]
    tables["appointments"] = pd.concat([tables["appointments"], tables["appointments"].tail(1)])
    receipt = corner.bring(workspace, tmp_path, tables)
    for table in receipt.checked:
        assert table.good + table.bad == table.rows == len(tables[table.table])
    assert receipt.bad == 3
    assert len(_lab(workspace)["appointments"]) == 8


def test_a_row_with_two_faults_is_one_row_with_two_reasons(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[2, ["status", "channel"]] = ["finished", "smoke"]
    receipt = corner.bring(workspace, tmp_path, tables)
    assert receipt.bad == 1
    assert set(_quarantine(receipt)["column"]) == {"status", "channel"}


def test_overlapping_shifts_of_one_barber_cannot_both_be_true(workspace, tmp_path):
    tables = corner.tables()
    twice = tables["shifts"].iloc[[0]].assign(location_id="la", start="2025-04-10T15:00Z")
    tables["shifts"] = pd.concat([tables["shifts"], twice])
    found = _quarantine(corner.bring(workspace, tmp_path, tables))
    assert found["rule"].tolist() == ["no overlap of start to end per staff_id where kind = available"]
    assert found["source_row"].tolist() == [8]


def test_an_amount_of_a_thousand_haircuts_is_quarantined_as_a_typing_error(workspace, tmp_path):
    tables = corner.tables()
    many = pd.concat([tables["payments"].iloc[[1]]] * 40, ignore_index=True)
    many["payment_id"] = [f"x{i}" for i in range(40)]
    many.loc[7, "gross_cents"] = "3000000"
    tables["payments"] = pd.concat([tables["payments"], many])
    receipt = corner.bring(workspace, tmp_path, tables)
    assert _quarantine(receipt)["rule"].tolist() == ["at most 50 times the median of its kind"]
    gate = next(g for g in receipt.version.manifest["quality"] if g["gate"] == "DQ-9")
    assert gate["value"] == 1


def test_an_email_in_a_free_text_is_quarantined_and_not_repeated(workspace, tmp_path):
    tables = corner.tables()
    tables["services"].loc[1, "name"] = "Beard, ask jane.doe@example.com"
    receipt = corner.bring(workspace, tmp_path, tables)
    assert _quarantine(receipt)["rule"].tolist() == ["holds no personal data"]
    assert not any(b"jane.doe" in content for content in _tree(workspace).values())


# Refusals: nothing changes


def _refused(workspace, folder, tables=None, match="", **options):
    before = _tree(workspace)
    with pytest.raises(BadInput, match=match):
        corner.bring(workspace, folder, tables, **options)
    after = {path: content for path, content in _tree(workspace).items() if not path.endswith(".key")}
    assert {p: c for p, c in before.items() if not p.endswith(".key")} == after


def test_a_missing_required_column_refuses_the_batch(workspace, tmp_path):
    tables = corner.tables()
    tables["payments"] = tables["payments"].drop(columns="paid_at")
    _refused(workspace, tmp_path, tables, "payments: the mapping selects no column 'paid_at'")


def test_an_unknown_time_zone_refuses_the_batch(workspace, tmp_path):
    tables = corner.tables()
    tables["locations"]["timezone"] = "Mars/Olympus_Mons"
    _refused(workspace, tmp_path, tables, "Mars/Olympus_Mons")


def test_two_currencies_refuse_the_batch(workspace, tmp_path):
    tables = corner.tables()
    tables["locations"].loc[1, "currency"] = "CAD"
    _refused(workspace, tmp_path, tables, "currency is CAD, USD, but the network's is USD")


def test_an_unreadable_file_refuses_the_batch_and_is_named(workspace, tmp_path):
    paths = corner.write(corner.tables(), tmp_path)
    torn = next(p for p in paths if p.name == "shifts.csv")
    broken = torn.rename(torn.with_name("shifts.parquet"))
    paths[paths.index(torn)] = broken
    with pytest.raises(BadInput, match=r"shifts\.parquet: cannot be read as parquet"):
        ingest(workspace, "corner", corner.MAPPING, paths)
    assert workspace.networks() == []


def test_a_file_that_no_pattern_expects_is_refused_by_name(workspace, tmp_path):
    paths = corner.write(corner.tables() | {"holidays": corner.tables()["services"]}, tmp_path)
    with pytest.raises(BadInput, match=r"holidays.csv: matches 0 of the mapping's file patterns"):
        ingest(workspace, "corner", corner.MAPPING, paths)


def test_a_missing_file_is_asked_for(workspace, tmp_path):
    paths = [p for p in corner.write(corner.tables(), tmp_path) if p.stem != "payments"]
    with pytest.raises(BadInput, match="no file given for 'payments'"):
        ingest(workspace, "corner", corner.MAPPING, paths)


def test_a_wall_clock_without_a_zone_is_refused_with_the_remedy(workspace, tmp_path):
    tables = yaml.safe_load(corner.MAPPING.read_text())["tables"]
    tables["appointments"] = "SELECT * REPLACE (strptime(left(start, 16), '%Y-%m-%dT%H:%M') AS start) FROM appointments"
    paths = corner.write(corner.tables(), tmp_path)
    with pytest.raises(BadInput, match=r"appointments.start: is timestamp without a time zone; write `start AT TIME"):
        ingest(workspace, "corner", _mapping(tmp_path, tables=tables), paths)


def test_text_without_a_zone_is_no_instant(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[0, "start"] = "2024-06-03 10:00"
    found = _quarantine(corner.bring(workspace, tmp_path, tables))
    assert found["rule"].tolist() == ["is a moment with its zone, such as 2025-06-30T18:00Z"]


def test_a_table_of_which_nothing_is_good_is_a_mistake_in_the_mapping(workspace, tmp_path):
    tables = corner.tables()
    tables["payments"]["kind"] = "haircut"
    _refused(
        workspace, tmp_path, tables, r"payments: none of 10 rows keeps the contract .first: row 1, kind = 'haircut'"
    )


def test_rows_of_another_network_are_refused(workspace, tmp_path):
    said = yaml.safe_load(corner.MAPPING.read_text())["tables"]
    said["services"] = "SELECT * FROM services"
    tables = corner.tables()
    tables["services"].loc[1, "network_id"] = "rival"
    paths = corner.write(tables, tmp_path)
    with pytest.raises(BadInput, match="services: 1 rows belong to another network"):
        ingest(workspace, "corner", _mapping(tmp_path, tables=said), paths)


@pytest.mark.parametrize("network", ["North", "n", "a/b", "..", "caf\u00e9", "a" * 33, "north\n"])
def test_a_network_id_that_could_be_a_path_is_refused(workspace, tmp_path, network):
    with pytest.raises(BadInput, match="must be 2 to 32 of a-z, 0-9 and _"):
        ingest(workspace, network, corner.MAPPING, corner.write(corner.tables(), tmp_path))


def test_an_unknown_key_in_a_mapping_is_an_error(tmp_path, workspace):
    with pytest.raises(BadInput, match=r"changed.yaml: levle: Extra inputs are not permitted"):
        ingest(workspace, "corner", _mapping(tmp_path, levle="visit"), [])


# The mapping's SQL reads the files named and nothing else


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
    ],
)
def test_a_mapping_cannot_read_other_files(workspace, tmp_path, sql):
    tables = yaml.safe_load(corner.MAPPING.read_text())["tables"] | {"services": sql}
    with pytest.raises(BadInput, match=r"tables\.services"):
        ingest(workspace, "corner", _mapping(tmp_path, tables=tables), corner.write(corner.tables(), tmp_path))


@pytest.mark.parametrize(
    "sql", ["COPY services TO '/tmp/x.csv'", "SET threads = 1", "SELECT 1; SELECT 2", "INSTALL httpfs"]
)
def test_a_mapping_may_only_select(workspace, tmp_path, sql):
    tables = yaml.safe_load(corner.MAPPING.read_text())["tables"] | {"services": sql}
    with pytest.raises(BadInput, match="must be one SELECT"):
        ingest(workspace, "corner", _mapping(tmp_path, tables=tables), corner.write(corner.tables(), tmp_path))


# Repeats and additions


def test_the_same_files_twice_change_nothing(workspace, tmp_path):
    first = corner.bring(workspace, tmp_path)
    before = _tree(workspace)
    second = corner.bring(workspace, tmp_path)
    assert (first.changed, second.changed) == (True, False)
    assert _tree(workspace) == before


def test_a_corrected_row_replaces_the_old_one_and_the_rest_stays(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    tables = corner.tables()
    tables["appointments"] = tables["appointments"].iloc[[3]].assign(status="completed")
    receipt = corner.bring(workspace, tmp_path / "two", tables)
    visits = _lab(workspace)["appointments"].set_index("appointment_id")
    assert receipt.version.number == 2
    assert len(visits) == 10
    assert visits.loc["a4", "status"] == "completed"


def test_an_export_may_also_replace_everything(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    tables = corner.tables()
    tables["payments"] = tables["payments"].head(3)
    corner.bring(workspace, tmp_path / "two", tables, afresh=True)
    assert len(_lab(workspace)["payments"]) == 3


def test_starting_afresh_drops_older_rows_even_with_the_files_of_the_last_time(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    tables = corner.tables()
    tables["payments"] = tables["payments"].head(3)
    corner.bring(workspace, tmp_path / "two", tables)
    assert len(_lab(workspace)["payments"]) == 10
    assert corner.bring(workspace, tmp_path / "three", tables, afresh=True).changed
    assert len(_lab(workspace)["payments"]) == 3
    assert not corner.bring(workspace, tmp_path / "four", tables, afresh=True).changed


def test_a_network_without_a_shop_is_a_misspelt_one(workspace, tmp_path):
    paths = corner.write(corner.tables(), tmp_path)
    facts = {"currency": "USD", "country": "US", "timezone": "America/New_York"}
    with pytest.raises(BadInput, match="the mapping brings no shop; is the network's id spelt as in the files"):
        ingest(workspace, "cornre", _mapping(tmp_path, network=facts), paths, as_of=corner.AS_OF)
    assert workspace.networks() == []
    assert not workspace.key("cornre").exists()


def test_an_unchanged_partition_is_shared_between_versions(workspace, tmp_path):
    first = corner.bring(workspace, tmp_path / "one").version
    tables = corner.tables()
    tables["appointments"].loc[3, "status"] = "completed"
    second = corner.bring(workspace, tmp_path / "two", tables).version
    paths = [{f["path"] for f in v.manifest["tables"]["appointments"]["files"]} for v in (first, second)]
    assert len(paths[0] & paths[1]) == 1  # 2024 is untouched, 2025 is new
    assert len(paths[0] | paths[1]) == 3


def test_new_columns_are_left_out_with_a_note(workspace, tmp_path):
    tables = corner.tables()
    tables["services"]["colour"] = "red"
    assert (
        "services: column 'colour' is not in the contract and was left out"
        in corner.bring(workspace, tmp_path, tables).notes
    )


def test_two_ingests_of_one_network_at_once_one_is_refused(workspace, tmp_path):
    with versions.exclusive(workspace, "corner"), pytest.raises(Busy, match="the data of network 'corner'"):
        corner.bring(workspace, tmp_path)
    assert corner.bring(workspace, tmp_path).changed


def test_what_an_interrupted_ingest_left_is_swept_by_the_next(workspace, tmp_path):
    folder = corner.bring(workspace, tmp_path / "one").version.folder
    stray = files.make_folder(folder / "tables" / "payments" / "year=1999") / "feedface.parquet"
    pq.write_table(pa.table({"x": [1]}), stray)
    corner.bring(workspace, tmp_path / "two")
    assert not stray.exists()


# People


def test_no_code_or_name_of_a_client_is_anywhere_in_the_workspace(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[2, "client_id"] = " SMITH-0002 "
    tables["appointments"].loc[3, "status"] = "nonsense"
    corner.bring(workspace, tmp_path, tables)
    everything = b"".join(_tree(workspace).values())
    for code in [*corner.CODES.values(), *corner.STAFF.values()]:
        assert code.encode() not in everything


def test_one_person_has_one_pseudonym_in_every_table(lab):
    visits, clients = lab["appointments"], lab["clients"]
    assert set(visits["client_id"].dropna()) == set(clients["client_id"])
    assert set(visits["staff_id"].dropna()) == set(lab["staff_assignments"]["staff_id"])


def test_names_of_staff_are_in_one_table_only(lab):
    names = lab["staff_names"]
    assert sorted(names["display_name"]) == ["Ann Quill", "Bob Marrow"]
    assert "display_name" not in lab["staff_assignments"]


def test_two_networks_give_one_client_two_pseudonyms(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    tables = {name: frame.assign(network_id="rival") for name, frame in corner.tables().items()}
    ingest(workspace, "rival", corner.MAPPING, corner.write(tables, tmp_path / "two"), as_of=corner.AS_OF)
    ours, theirs = (set(open_lab(workspace, Scope(n))["clients"]["client_id"]) for n in ("corner", "rival"))
    assert not ours & theirs


def test_the_key_is_readable_by_its_owner_alone_and_never_made_twice(workspace, tmp_path):
    corner.bring(workspace, tmp_path / "one")
    key = workspace.key("corner")
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    key.unlink()
    with pytest.raises(BadInput, match=r"corner.key is missing, but the network has data under it: restore"):
        corner.bring(workspace, tmp_path / "two")


# Clocks


def test_a_late_evening_in_los_angeles_belongs_to_its_own_day(lab):
    visit = lab["appointments"].set_index("appointment_id").loc["a7"]
    assert visit["start"] == pd.Timestamp("2025-04-22T03:30Z")
    assert visit["local_date"] == pd.Timestamp("2025-04-21")


def test_a_payment_counts_on_the_day_of_its_visit(lab):
    payment = lab["payments"].set_index("payment_id").loc["p7"]
    assert payment["local_date"] == pd.Timestamp("2025-04-21")  # it was rung up after midnight UTC


def test_the_march_night_has_23_hours_and_the_november_night_25(workspace, tmp_path):
    tables = corner.tables()
    night = tables["shifts"].iloc[[6]]
    longer = night.assign(start="2024-11-03T07:30Z", end="2024-11-03T12:30Z")  # 00:30 PDT to 04:30 PST
    tables["shifts"] = pd.concat([tables["shifts"], longer])
    corner.bring(workspace, tmp_path, tables)
    daily = _lab(workspace)["daily"].set_index("local_date")["available_min"]
    assert daily["2025-03-09"] == 180  # 00:30 to 04:30 by the clock, three hours by the work
    assert daily["2024-11-03"] == 300  # the same clock, five hours


@pytest.mark.parametrize(
    ("clock", "utc"),
    [
        ("2025-03-09 01:59", "2025-03-09T06:59Z"),
        ("2025-03-09 02:30", "2025-03-09T07:30Z"),  # does not exist: moved forward by the hour skipped
        ("2025-03-09 03:00", "2025-03-09T07:00Z"),
        ("2025-11-02 00:59", "2025-11-02T04:59Z"),
        ("2025-11-02 01:30", "2025-11-02T06:30Z"),  # exists twice: the second, standard time
        ("2025-11-02 02:00", "2025-11-02T07:00Z"),
    ],
)
def test_a_wall_clock_becomes_utc_on_both_sides_of_a_change(workspace, tmp_path, clock, utc):
    said = yaml.safe_load(corner.MAPPING.read_text())["tables"]
    said["appointments"] = (
        f"SELECT * REPLACE (TIMESTAMP '{clock}' AT TIME ZONE $timezone AS start, 'booked' AS status) "
        "FROM appointments WHERE appointment_id = 'a9'"
    )
    ingest(workspace, "corner", _mapping(tmp_path, tables=said), corner.write(corner.tables(), tmp_path), "2025-06-30")
    assert _lab(workspace)["appointments"]["start"].item() == pd.Timestamp(utc)


def test_without_being_told_the_data_end_with_the_day_of_the_last_visit(workspace, tmp_path):
    version = corner.bring(workspace, tmp_path, as_of=None).version
    assert version.as_of.isoformat() == "2025-07-01T04:00:00+00:00"  # midnight after 30 June in New York


# Formats


def test_excel_and_json_come_in_like_csv(workspace, tmp_path):
    csv = corner.bring(workspace, tmp_path / "csv").version
    folder = files.make_folder(tmp_path / "mixed")
    paths = [folder / "services.xlsx", folder / "clients.json"]
    write_xlsx(paths[0], corner.tables()["services"])
    corner.tables()["clients"].to_json(paths[1], orient="records")
    rest = {name: frame for name, frame in corner.tables().items() if name not in ("services", "clients")}
    mixed = ingest(workspace, "corner", corner.MAPPING, [*corner.write(rest, folder), *paths], corner.AS_OF).version
    held = [
        {t: [f["sha256"] for f in v.manifest["tables"][t]["files"]] for t in ("services", "clients")}
        for v in (csv, mixed)
    ]
    assert mixed.number == 2
    assert held[0] == held[1]


def test_an_excel_file_that_is_none_is_named(workspace, tmp_path):
    paths = [p for p in corner.write(corner.tables(), tmp_path) if p.stem != "services"]
    fake = tmp_path / "services.xlsx"
    fake.write_bytes(b"not a workbook")
    with pytest.raises(BadInput, match=r"services\.xlsx: cannot be read as Excel"):
        ingest(workspace, "corner", corner.MAPPING, [*paths, fake])


def test_a_second_currency_is_refused_even_where_its_shop_is_listed_twice(workspace, tmp_path):
    tables = corner.tables()
    tables["locations"] = pd.concat([tables["locations"], tables["locations"].assign(currency="EUR")])
    _refused(workspace, tmp_path, tables, "currency is EUR, USD, but the network's is USD")


def test_a_mistyped_year_does_not_set_the_date_of_the_data(workspace, tmp_path):
    tables = corner.tables()
    tables["appointments"].loc[0, "start"] = "2125-06-03T14:00Z"
    _refused(workspace, tmp_path, tables, "as_of would be 2125-06-04, which is still to come", as_of=None)


def test_the_same_files_mend_a_damaged_version(workspace, tmp_path):
    version = corner.bring(workspace, tmp_path / "one").version
    version.paths("payments")[0].write_bytes(b"torn")
    assert corner.bring(workspace, tmp_path / "two", afresh=True).changed
    assert len(_lab(workspace)["payments"]) == 10
