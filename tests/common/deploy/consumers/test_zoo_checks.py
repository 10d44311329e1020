"""The model zoo's checks pass a good bundle and name what is wrong with a bad one."""

from __future__ import annotations

import json

import pytest

from common.deploy.consumers.zoo_checks import CHECKS, check_zoo, static_problems
from common.deploy.packaging.large_files import write_large_files
from tests.common.deploy.consumers.zoo_archive import PREPROCESSING, dataset, write_zoo_archive
from tests.python_commands import Forked


@pytest.fixture
def archive(tmp_path, project):
    return write_zoo_archive(tmp_path / "tiny_bundle", project)


def change(archive, name, **ids):
    path = archive / f"configs/{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | ids, indent=4) + "\n")


@pytest.mark.slow
def test_a_good_bundle_passes_all_checks_and_is_left_as_it_was(archive, monkeypatch):
    monkeypatch.setattr("common.deploy.consumers.zoo_checks.subprocess", Forked)
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    assert list(check_zoo(archive)) == [(name, None) for name in ("structure", *CHECKS)]
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_each_check_reports_its_own_problem_and_the_others_go_on(archive):
    """In processes as users have them, not forks."""
    change(archive, "train", run=["$1 / 0"])
    change(archive, "evaluate", initialize=["$__import__('common')"])
    unlinked = {**dataset("testing"), "transform": "@other"}
    change(archive, "inference", dataset=unlinked, other=PREPROCESSING, network_def="$torch.nn.Flatten()")
    change(archive, "metadata", task=5)
    checks = ("metadata_schema", "network", "export", "train", "evaluate", "inference")
    found = dict(check_zoo(archive, checks))
    assert found.pop("structure") is None and None not in found.values()
    assert "5 is not of type 'string'" in found["metadata_schema"]
    assert "output channel number `64` doesn't match: `3`" in found["network"]
    assert "1.weight" in found["export"] and "Unexpected key" in found["export"]
    assert found["train"].startswith("ZeroDivisionError: ") and "$1 / 0" in found["train"]
    assert "of the repository, which the archive's users do not have" in found["evaluate"]
    assert "missing or wrong properties: ['preprocessing']" in found["inference"]
    assert not any("\n" in problem for problem in found.values())


def test_structure_names_and_versions_of_a_good_bundle_are_right(archive):
    assert static_problems(archive) == []


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda archive: (archive / "LICENSE").unlink(), "LICENSE: no such file"),
        (lambda archive: (archive / "models/model.pt").unlink(), "models/model.pt: no such file"),
        (lambda archive: (archive / "configs/train.json").unlink(), "configs/train.json: no such file"),
        (lambda archive: (archive / "configs/train.json").write_text("{"), "configs: no readable JSON"),
        (lambda archive: change(archive, "train", train={}), "configs/train.json: no id train#dataset#data"),
        (
            lambda archive: change(archive, "train", more=["/home/me/weights.pt"]),
            "configs/train.json: /home/me/weights.pt: a folder of one machine",
        ),
        (lambda archive: change(archive, "metadata", version="9"), "metadata: the changelog does not list version 9"),
        (lambda archive: change(archive, "metadata", monai_version="1.0"), "metadata: monai 1.0, expected 1."),
        (
            lambda archive: change(archive, "metadata", required_packages_version={"nibabel": "0"}),
            "metadata: nibabel 0, expected 5.",
        ),
        (
            lambda archive: (archive / "configs/extra.json").write_text('{"a": 1}'),
            "configs/extra.json: not indented by 4",
        ),
    ],
)
def test_what_is_wrong_with_files_ids_and_versions_is_reported(damage, expected, archive):
    damage(archive)
    (problem,) = static_problems(archive)
    assert problem.startswith(expected)


def test_a_name_that_no_folder_of_the_zoo_has_is_reported(archive):
    (problem,) = static_problems(archive.rename(archive.with_name("Tiny-Bundle")))
    assert problem.startswith("Tiny-Bundle: a bundle's name is")


def test_a_large_file_must_be_listed_with_its_own_hash(archive, monkeypatch):
    limit = 20_000
    monkeypatch.setattr("common.deploy.consumers.zoo_checks.ZOO_LIMIT", limit)
    (archive / "models/model.pt").write_bytes(b"w" * (limit + 1))
    (problem,) = static_problems(archive)
    assert problem.startswith(f"models/model.pt: {limit + 1} bytes, more than {limit}")
    write_large_files(archive, "1.0", limit=limit)
    assert static_problems(archive) == []
    (archive / "models/model.pt").write_bytes(b"other")
    assert static_problems(archive) == ["models/model.pt: differs from the hash in large_files.yml"]
