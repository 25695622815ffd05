"""What was backed up comes back to the byte, or not at all; keys go apart; nothing is overwritten."""

import io
import json
import random
import shutil
import sys
import tarfile

import pytest
import scheduled
from scheduled import utc

from barberlab import cli, files
from barberlab.data import versions
from barberlab.errors import BadInput, Damaged
from barberlab.runs import archive, backup, journal, outputs, published
from barberlab.scope import Scope
from barberlab.workspace import Workspace

NOW = utc("2025-07-03T02:00")


@pytest.fixture
def place(tmp_path):
    """Two networks with data, runs, a key each, and settings of their own."""
    made = scheduled.workspace(tmp_path / "w")
    for number in (2, 3):
        scheduled.add_version(made, number)
    for reason in ("", "", "why"):
        scheduled.add_run(made, "north", "2025-07-01T00:00", reason=reason)
    scheduled.add_run(made, "south", "2025-07-01T00:00", report="shop")
    scheduled.at(made, scheduled.Runner(), "2025-07-01T04:30")
    (made.params / "networks" / "north.yaml").write_text("report: {min_cell: 12}\n")
    for network in ("north", "south"):
        key = made.key(network)
        key.parent.mkdir(mode=0o700, exist_ok=True)
        key.write_text(f"k1 {network}")
    return made


def saved(place, folder, name="b", **options):
    """A backup beside the workspace."""
    folder.mkdir(exist_ok=True)
    return backup.backup(place, folder / name, NOW, **options)


def content(place):
    """Every file of settings, data and runs by its path, but for locks, and for indexes, which are made anew."""
    found = [path for folder in ("params", "data", "outputs") for path in (place.root / folder).rglob("*")]
    named = {path.relative_to(place.root).as_posix(): path for path in found if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if ".l" not in name and "index." not in name}


@pytest.mark.parametrize("name", ["b", "b.tar", "b.tar.gz"])
def test_what_was_backed_up_comes_back_to_the_byte(place, tmp_path, name):
    done = saved(place, tmp_path / "out", name)
    assert (done.networks, done.left_out, done.keys) == (("north", "south"), {}, 0)
    back = Workspace(tmp_path / "back")
    assert backup.restore(back.root, tmp_path / "out" / name, into_empty=True).files == done.files
    before, after = content(place), content(back)
    for path in after:
        assert after[path] == before[path], path
    gone = {path for path in before if path not in after}
    assert gone == {
        *(f"outputs/north/r000001-performance/{one}" for one in ("manifest.json", "report.html")),
        *("data/keys/north.key", "data/keys/south.key"),
    }, "only what nobody points at, and the keys"


def test_a_restored_workspace_reads_runs_and_goes_on(place, tmp_path):
    saved(place, tmp_path / "out")
    back = Workspace(tmp_path / "back")
    backup.restore(back.root, tmp_path / "out" / "b", into_empty=True)
    assert published.latest(back, Scope("north"), "performance").manifest.run_id == "r000002-performance"
    assert [len(versions.numbered(back, "north", number).paths("visits")) for number in (2, 3)] == [2, 2]
    assert journal.read(back) == journal.read(place)
    assert scheduled.add_run(back, "north", "2025-07-04T00:00") == "r000004-performance", "3 had failed"
    assert outputs.networks(back) == ["north", "south"]
    assert (back.outputs / "index.html").exists()


def test_keys_go_only_to_a_file_of_their_own_that_its_owner_alone_can_read(place, tmp_path):
    done = saved(place, tmp_path / "out", "b.tar", keys=tmp_path / "keys")
    assert done.keys == 2
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert b"k1 north" not in (tmp_path / "out" / "b.tar").read_bytes()
    back = Workspace(tmp_path / "back")
    backup.restore(back.root, tmp_path / "out" / "b.tar", keys=tmp_path / "keys", into_empty=True)
    assert back.key("north").read_text() == "k1 north"
    assert back.key("north").stat().st_mode & 0o777 == 0o400
    assert back.key("north").parent.stat().st_mode & 0o777 == 0o700


def test_a_backup_can_be_read_by_its_owner_alone(place, tmp_path):
    for name, mode in (("b", 0o700), ("b.tar", 0o600)):
        saved(place, tmp_path / "out", name)
        assert (tmp_path / "out" / name).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["b", "b.tar", "b.tar.gz"])
def test_one_flipped_bit_anywhere_is_refused_before_anything_is_in_place(place, tmp_path, name):
    """A tar file's padding holds nothing, so that a bit in it may pass; then all that comes back must be right."""
    saved(place, tmp_path / "out", name)
    source, draw = tmp_path / "out" / name, random.Random(3)
    paths = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source] * 12
    truth, refused = content(place), 0
    for path in paths:
        whole = path.read_bytes()
        at = draw.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :])
        back = Workspace(tmp_path / "back")
        try:
            backup.restore(back.root, source, into_empty=True)
        except (Damaged, BadInput):
            refused += 1
            assert content(back) == {}
        else:
            assert source.is_file()
            assert all(truth[one] == data for one, data in content(back).items())
        path.write_bytes(whole)
        shutil.rmtree(back.root, ignore_errors=True)
    assert refused == len(paths) if source.is_dir() else refused > len(paths) / 4


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_a_backup_that_was_cut_off_is_refused(place, tmp_path, name):
    saved(place, tmp_path / "out", name)
    source = tmp_path / "out" / name
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(Damaged, match=r"nothing was restored|not a whole one"):
        backup.restore(tmp_path / "back", source, into_empty=True)
    assert content(Workspace(tmp_path / "back")) == {}


@pytest.mark.parametrize("change", ["gone", "added"])
def test_a_file_that_is_gone_or_was_added_is_refused(place, tmp_path, change):
    saved(place, tmp_path / "out")
    path = tmp_path / "out" / "b" / "data" / "networks" / "north" / "versions" / "v000003.json"
    path.unlink() if change == "gone" else path.with_name("v000009.json").write_bytes(path.read_bytes())
    with pytest.raises(Damaged, match=r"v00000\d.json is "):
        backup.restore(tmp_path / "back", tmp_path / "out" / "b", into_empty=True)


def test_a_workspace_with_networks_or_runs_is_never_written_over(place, tmp_path):
    saved(place, tmp_path / "out")
    before = content(place)
    with pytest.raises(BadInput, match="holds networks or runs already"):
        backup.restore(place.root, tmp_path / "out" / "b")
    with pytest.raises(BadInput, match="takes a folder that is empty or not there yet"):
        backup.restore(place.root, tmp_path / "out" / "b", into_empty=True)
    assert content(place) == before


def test_into_a_fresh_checkout_it_goes_where_settings_agree(place, tmp_path):
    saved(place, tmp_path / "out", keys=tmp_path / "keys")
    fresh = tmp_path / "fresh"
    shutil.copytree(place.params, fresh / "params", ignore=shutil.ignore_patterns("networks"))
    (fresh / "data" / "networks" / "north").mkdir(parents=True)
    defaults = fresh / "params" / "defaults.yaml"
    committed = defaults.read_text()
    defaults.write_text(committed.replace("rebook: 0.85", "rebook: 0.80"))
    with pytest.raises(BadInput, match=r"params/defaults.yaml differs from the backup's; put it away first"):
        backup.restore(fresh, tmp_path / "out" / "b", keys=tmp_path / "keys")
    assert not (fresh / "params" / "networks").exists()
    defaults.write_text(committed)
    backup.restore(fresh, tmp_path / "out" / "b", keys=tmp_path / "keys")
    assert Workspace(fresh).networks() == ["north", "south"]
    assert not (fresh / ".restore").exists()


def test_a_key_that_differs_is_not_replaced(place, tmp_path):
    saved(place, tmp_path / "out", keys=tmp_path / "keys")
    fresh = Workspace(tmp_path / "fresh")
    shutil.copytree(place.params, fresh.params)
    fresh.key("north").parent.mkdir(parents=True)
    fresh.key("north").write_text("k1 another")
    with pytest.raises(BadInput, match=r"data/keys/north.key differs from the backup's"):
        backup.restore(fresh.root, tmp_path / "out" / "b", keys=tmp_path / "keys")
    assert fresh.networks() == []


def test_spoilt_keys_keep_everything_back(place, tmp_path):
    saved(place, tmp_path / "out", keys=tmp_path / "keys")
    (tmp_path / "keys").write_bytes((tmp_path / "keys").read_bytes().replace(b"k1 north", b"k1 mouth"))
    with pytest.raises(Damaged, match=r"data/keys/north.key is not what its listing says"):
        backup.restore(tmp_path / "back", tmp_path / "out" / "b", keys=tmp_path / "keys", into_empty=True)
    assert content(Workspace(tmp_path / "back")) == {}


@pytest.mark.parametrize(
    ("spoil", "left_out"),
    [
        ("data/networks/north/tables/visits/shared.parquet", "data of north"),
        ("data/networks/north/versions/v000002.json", "data of north"),
        ("outputs/north/r000002-performance/report.html", "runs of north"),
        ("outputs/north/latest.json", "runs of north"),
    ],
)
def test_what_is_damaged_is_left_out_and_named_and_the_rest_is_kept(place, tmp_path, spoil, left_out):
    path = place.root / spoil
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    done = saved(place, tmp_path / "out")
    assert list(done.left_out) == [left_out]
    kept = archive.read(tmp_path / "out" / "b").files
    owner = spoil.partition("north")[0]
    assert not [name for name in kept if name.startswith(f"{owner}north/")]
    assert [name for name in kept if name.startswith(f"{owner}south/")]


def test_what_changes_while_it_is_copied_leaves_no_backup_behind(place, tmp_path, monkeypatch):
    read = backup._File.read

    def altered(one):
        if one.place.endswith("own3.parquet"):
            one.path.write_bytes(b"PAR1")
        return read(one)

    monkeypatch.setattr(backup._File, "read", altered)
    for name in ("b", "b.tar"):
        with pytest.raises(Damaged, match=r"own3.parquet is not what it was"):
            saved(place, tmp_path / "out", name)
        path = place.network("north") / "tables" / "visits" / "own3.parquet"
        scheduled.pq.write_table(scheduled.pa.table({"name": ["own3"]}), path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_backup_replaces_nothing_and_lies_outside_the_workspace(place, tmp_path):
    saved(place, tmp_path / "out")
    with pytest.raises(BadInput, match="is there already"):
        saved(place, tmp_path / "out")
    with pytest.raises(BadInput, match="lies in the workspace"):
        backup.backup(place, place.root / "data" / "b", NOW)
    with pytest.raises(BadInput, match="its folder is not there"):
        backup.backup(place, tmp_path / "nowhere" / "b", NOW)
    with pytest.raises(BadInput, match="keys go into a file of their own"):
        saved(place, tmp_path / "out", "c.tar", keys=tmp_path / "out" / "c.tar")
    with pytest.raises(BadInput, match="is not there"):
        backup.restore(tmp_path / "back", tmp_path / "nothing", into_empty=True)
    with pytest.raises(Damaged, match=r"holds no backup.json"):
        backup.restore(tmp_path / "back", place.params, into_empty=True)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "params/../../x", "notebooks/x.ipynb", "data/keys/north.key"])
def test_a_listing_that_leads_elsewhere_is_refused(tmp_path, name):
    """Whoever makes an archive can seal it: the places in it are not to be believed."""
    path = tmp_path / "b.tar"
    with archive.writer(path) as sink:
        sink.add("params/defaults.yaml", b"")
        sink.add(name, b"x")
        sink.seal({"networks": [], "left_out": {}})
    with pytest.raises(BadInput, match=r"leads out of the workspace|which is no part of such a backup"):
        backup.restore(tmp_path / "back", path, into_empty=True)
    assert not (tmp_path / "x").exists()


def test_a_link_in_a_tar_file_is_not_followed(tmp_path):
    path = tmp_path / "b.tar"
    listing = {"schema": 1, "networks": [], "left_out": {}}
    listing["files"] = {"params/defaults.yaml": {"sha256": files.sha256_bytes(b"x"), "bytes": 1}}
    listing["seal"] = files.sha256_bytes(files.json_bytes(listing))
    with tarfile.open(path, "w") as made:
        link = tarfile.TarInfo("params/defaults.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        made.addfile(link)
        member = tarfile.TarInfo(archive.LISTING)
        member.size = len(json.dumps(listing))
        made.addfile(member, io.BytesIO(json.dumps(listing).encode()))
    with pytest.raises(Damaged, match=r"params/defaults.yaml is missing"):
        backup.restore(tmp_path / "back", path, into_empty=True)


def test_the_commands_say_that_keys_are_not_in_it(place, tmp_path, monkeypatch, capsys):
    target = tmp_path / "b.tar.gz"
    for words in (["backup", str(target), "--root", str(place.root)],
                  ["restore", str(target), "--into-empty", str(tmp_path / "back")]):  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["barberlab", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 0
    said = capsys.readouterr().out
    assert "pseudonym keys are not in it" in said
    assert said.count("networks north, south") == 2
