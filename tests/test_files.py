"""A file or folder is there whole, or as it was before."""

import errno
import multiprocessing

import pytest

from barberlab import files
from barberlab.errors import Busy


def failing(monkeypatch, step):
    """From now on the step fails as on a full disk."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, step, full)


@pytest.mark.parametrize("step", ["_store", "_flush", "_rename"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step):
    files.write(tmp_path / "latest.json", b"old")
    failing(monkeypatch, step)
    with pytest.raises(OSError, match="No space"):
        files.write(tmp_path / "latest.json", b"new")
    assert (tmp_path / "latest.json").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_appears_under_its_name_only_when_all_of_it_is_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "staging" / "tables").mkdir(parents=True)
    (tmp_path / "staging" / "tables" / "a.csv").write_bytes(b"a")
    (tmp_path / "staging" / "page.html").write_bytes(b"b")
    steps = []
    monkeypatch.setattr(files, "_flush", lambda path: steps.append(path.relative_to(tmp_path).as_posix()))
    rename = files._rename
    monkeypatch.setattr(files, "_rename", lambda path, to: (steps.append("rename"), rename(path, to)))
    files.publish_folder(tmp_path / "staging", tmp_path / "final")
    flushed = {"staging/tables/a.csv", "staging/tables", "staging/page.html", "staging"}
    assert set(steps[: steps.index("rename")]) == flushed
    assert steps[-1] == "."
    assert (tmp_path / "final" / "tables" / "a.csv").read_bytes() == b"a"


def test_a_folder_is_never_put_over_another(tmp_path):
    for name in ("staging", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(name.encode())
    with pytest.raises(OSError, match="not empty"):
        files.publish_folder(tmp_path / "staging", tmp_path / "final")
    assert (tmp_path / "final" / "x").read_bytes() == b"final"


def test_equal_values_are_equal_bytes():
    assert (
        files.json_bytes({"b": 1, "a": "é"})
        == files.json_bytes({"a": "é", "b": 1})
        == b'{\n "a": "\xc3\xa9",\n "b": 1\n}\n'
    )


def test_the_sum_of_a_file_is_the_sum_of_its_content(tmp_path):
    """FIPS 180-2, B.1: SHA-256 of "abc"."""
    (tmp_path / "x").write_bytes(b"abc")
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(tmp_path / "x") == files.sha256_bytes(b"abc") == published


def _hold(path, held, release):
    with files.locked(path, "north"):
        held.set()
        release.wait(20)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path):
    fork = multiprocessing.get_context("fork")
    held, release = fork.Event(), fork.Event()
    other = fork.Process(target=_hold, args=(tmp_path / ".lock", held, release))
    other.start()
    assert held.wait(20)
    with pytest.raises(Busy, match="north: another run is at work"), files.locked(tmp_path / ".lock", "north"):
        pass
    other.kill()
    other.join()
    with files.locked(tmp_path / ".lock", "north"):
        pass
