"""A manifest says exactly what a run was made of."""

import dataclasses
import re
import subprocess

import pytest

from barberlab import files
from barberlab.errors import Damaged
from barberlab.runs import manifest

LIB_SHA256 = manifest._lib_sha256


def example(**changed):
    values = {
        field.name: "" for field in dataclasses.fields(manifest.Manifest) if field.name not in ("files", "schema")
    }
    return manifest.Manifest(**values | {"run_id": "r000001-performance"} | changed)


def test_what_is_written_is_what_is_read(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("abc")
    sha256 = manifest.write(tmp_path, example(seed=7, parameters={"weeks": 6}))
    found = manifest.read(tmp_path, sha256)
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found.files == {"tables/a.csv": {"sha256": published, "bytes": 3}}
    assert (found.seed, found.parameters, found.schema) == (7, {"weeks": 6}, 1)


def test_a_manifest_is_written_last(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(files, "_rename", lambda path, to: steps.append(to.name))
    monkeypatch.setattr(files, "_flush", lambda path: None)
    (tmp_path / "page.html").write_text("x")
    manifest.write(tmp_path, example())
    assert steps == ["manifest.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run_id": "x"}'])
def test_a_folder_without_its_manifest_is_no_run(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(Damaged, match=r"its manifest is missing or unreadable; run the report again"):
        manifest.read(tmp_path)
    with pytest.raises(Damaged, match=r"run nowhere: its manifest is missing"):
        manifest.read(tmp_path / "nowhere")


def test_a_manifest_that_was_replaced_is_not_the_published_one(tmp_path):
    sha256 = manifest.write(tmp_path, example())
    manifest.write(tmp_path, example(reason="other"))
    with pytest.raises(Damaged, match="its manifest was altered after publication"):
        manifest.read(tmp_path, sha256)


def test_a_manifest_knows_that_it_was_altered_where_no_pointer_names_it(tmp_path):
    manifest.write(tmp_path, example(seed=7))
    path = tmp_path / "manifest.json"
    content = path.read_bytes()
    assert manifest.read_alone(tmp_path).seed == 7
    for altered in (content.replace(b'"seed": 7', b'"seed": 5'), re.sub(rb'"seal": "\w+"', b'"seal": ""', content)):
        assert altered != content
        path.write_bytes(altered)
        with pytest.raises(Damaged, match="its manifest was altered after publication"):
            manifest.read_alone(tmp_path)
    path.write_bytes(re.sub(rb',\s+"seed": 7', b"", re.sub(rb'"seal": "\w+",', b"", content)))
    with pytest.raises(Damaged, match="its manifest is missing or unreadable"):
        manifest.read_alone(tmp_path)


def test_a_manifest_of_a_later_version_is_not_read_by_this_one(tmp_path):
    said = dataclasses.asdict(example()) | {"mood": "good"}
    files.write_json(tmp_path / "manifest.json", said | {"seal": manifest.seal(said)})
    with pytest.raises(Damaged, match="its manifest is missing or unreadable"):
        manifest.read(tmp_path)


def test_the_sum_of_the_code_follows_its_content_and_not_its_caches(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "LIB", tmp_path)
    (tmp_path / "churn.py").write_text("1")
    before = LIB_SHA256()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "churn.cpython-313.pyc").write_text("x")
    assert LIB_SHA256() == before
    (tmp_path / "churn.py").write_text("2")
    changed = LIB_SHA256()
    (tmp_path / "churn.py").rename(tmp_path / "price.py")
    assert len({before, changed, LIB_SHA256()}) == 3


def test_the_commit_is_named_and_whether_it_was_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "LIB", tmp_path)
    assert manifest._commit() == {"commit": None, "dirty": None}
    who = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    (tmp_path / "churn.py").write_text("1")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    assert len(manifest._commit()["commit"]) == 40
    assert manifest._commit()["dirty"] is False
    (tmp_path / "churn.py").write_text("2")
    assert manifest._commit()["dirty"] is True


def test_facts_about_the_code_name_the_lock_and_the_packages(tmp_path):
    (tmp_path / "requirements.lock").write_text("abc")
    found = manifest.code_facts(tmp_path)
    assert found["lock_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert set(found["packages"]) >= {"pandas", "papermill", "pymc", "duckdb"}
    assert all(found["packages"].values())
    assert manifest.code_facts(tmp_path / "nowhere")["lock_sha256"] is None


def test_facts_about_the_code_name_the_populations(tmp_path):
    (tmp_path / "params" / "populations").mkdir(parents=True)
    (tmp_path / "params" / "populations" / "revenue.json").write_text("abc")
    assert manifest.code_sums(tmp_path)["populations"] == {
        "revenue": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
    assert manifest.code_sums(tmp_path / "nowhere")["populations"] == {}
