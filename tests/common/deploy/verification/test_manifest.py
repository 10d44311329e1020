"""A changed, missing or added file is found and named."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from common import InputError
from common.deploy.packaging.large_files import write_large_files
from common.deploy.verification.manifest import LARGE_FILES, MANIFEST, SIGNATURE, check_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    """Three files and their manifest."""
    for name, content in {"LICENSE": "free", "configs/metadata.json": "{}", "models/model.ts": "weights"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    write_manifest(tmp_path)
    return tmp_path


def test_the_manifest_lists_hash_and_size_of_every_file_but_itself_and_its_signature(folder):
    (folder / SIGNATURE).write_bytes(b"signed")
    write_manifest(folder)
    files = json.loads((folder / MANIFEST).read_text())["files"]
    assert list(files) == ["LICENSE", "configs/metadata.json", "models/model.ts"]
    assert files["models/model.ts"] == {"sha256": hashlib.sha256(b"weights").hexdigest(), "size": 7}
    assert check_manifest(folder) == 3


def test_it_has_the_same_bytes_each_time(folder):
    before = (folder / MANIFEST).read_bytes()
    assert write_manifest(folder).read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: (folder / "models/model.ts").write_text("weightz"), "models/model.ts: sha256"),
        (lambda folder: (folder / "LICENSE").unlink(), "LICENSE: missing"),
        (lambda folder: (folder / "models/run.py").write_text(""), "models/run.py: found, but"),
    ],
)
def test_a_changed_missing_or_added_file_is_named(folder, damage, expected):
    damage(folder)
    with pytest.raises(InputError) as refused:
        check_manifest(folder)
    assert str(refused.value).startswith(expected) and "\n" not in str(refused.value)


def test_of_several_the_first_by_name_is_reported(folder):
    (folder / "models/model.ts").write_text("other")
    (folder / "configs/a.json").write_text("added")
    (folder / "configs/metadata.json").unlink()
    with pytest.raises(InputError, match=r"^configs/a\.json"):
        check_manifest(folder)


WHOLE = '{"algorithm": "sha256", "files": {%s}}'
TWICE = ", ".join(2 * ['"LICENSE": {"sha256": "a", "size": 4}'])


@pytest.mark.parametrize(
    "content",
    [None, "{", "[]", "[" * 10**5, '{"files": []}', '{"files": {"LICENSE": "abc"}}', WHOLE % "", WHOLE % TWICE],
)
def test_a_manifest_that_is_none_or_empty_or_that_two_readers_may_read_differently_is_refused(folder, content):
    if content is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(content)
    with pytest.raises(InputError, match=r"^manifest\.json: "):
        check_manifest(folder)


def test_the_manifest_of_another_archive_is_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "LICENSE").write_text("free")
    (folder / MANIFEST).write_bytes(write_manifest(other).read_bytes())
    with pytest.raises(InputError, match=r"^configs/metadata\.json: found, but"):
        check_manifest(folder)


def test_large_files_are_not_listed_so_that_the_zoo_may_remove_them_but_name_no_other_weights(folder):
    before = (folder / MANIFEST).read_bytes()
    write_large_files(folder, "1.0", limit=3)
    assert write_manifest(folder).read_bytes() == before and check_manifest(folder) == 3
    path = folder / LARGE_FILES
    path.write_text(path.read_text().replace("hash_val: ", "hash_val: f", 1))
    with pytest.raises(InputError, match=r"^large_files\.yml: has LICENSE with another hash"):
        check_manifest(folder)
    path.write_text("large_files: [{path: ../../.bashrc, hash_val: a, hash_type: sha256, url: 'http://a.b'}]")
    with pytest.raises(InputError, match=r"^large_files\.yml: has \.\./\.\./\.bashrc"):
        check_manifest(folder)
    path.unlink()
    assert check_manifest(folder) == 3


def test_a_link_is_refused_though_what_it_leads_to_has_the_right_hash(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "weights"
    os.replace(folder / "models/model.ts", outside)
    (folder / "models/model.ts").symlink_to(outside)
    with pytest.raises(InputError, match=r"models/model\.ts: a link"):
        check_manifest(folder)
