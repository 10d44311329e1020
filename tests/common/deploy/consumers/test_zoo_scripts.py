"""The zoo's scripts are run as they are, from a checkout that stays as it was."""

from __future__ import annotations

import os
import shutil
from itertools import chain
from pathlib import Path

import pytest

from common.data.phantoms import LiverPhantoms
from common.deploy.consumers import zoo_scripts
from common.deploy.consumers.zoo_checks import CHECKS, check_zoo
from common.deploy.consumers.zoo_scripts import REPEATED, check_with_zoo
from common.deploy.package import package_bundle
from common.deploy.verification.archive import open_archive
from common.deploy.verification.manifest import write_manifest
from common.errors import InputError
from tests.bundles.commands import run_bundle
from tests.common.deploy.consumers.zoo_archive import write_zoo_archive
from tests.common.deploy.tiny_bundles import FOLDERS, SETTINGS

# Stand-ins that fail where a script of the zoo would.
VERIFY = """
import json, os, sys
name = sys.argv[sys.argv.index("--b") + 1]
assert os.path.isfile("models/model_info.json") and os.path.isfile(f"models/{name}/eval/schema.json")
try:
    import common
except ModuleNotFoundError:
    sys.exit(json.load(open(f"models/{name}/configs/metadata.json"))["version"] == "0")
"""
RELEASE = """
import subprocess
def download_large_files(bundle_path, large_file_name):
    pass
def compress_bundle(root_path, bundle_name, bundle_zip_name):
    subprocess.check_call(["zip", "-rq", "-D", "-X", "-9", "-A", bundle_zip_name, bundle_name], cwd=root_path)
"""
FILES = {
    "ci/verify_bundle.py": VERIFY,
    "ci/get_bundle_requirements.py": "",
    "ci/utils.py": RELEASE,
    "models/model_info.json": "{}",
    "runtests.sh": 'test "$*" = "--isort --black --flake8" && echo "would reformat"; exit 1',
    "pyproject.toml": "",
    "setup.cfg": "",
}
SCRIPTS = ("requirements", "verify_bundle", "code_format", "hooks", "release")
needs_zip = pytest.mark.skipif(shutil.which("zip") is None, reason="found no program zip, with which the zoo releases")


@pytest.fixture
def checkout(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "zoo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "zoo" / name).write_text(content)
    return tmp_path / "zoo"


@pytest.fixture
def archive(tmp_path, project):
    folder = write_zoo_archive(tmp_path / "tiny_bundle", project)
    write_manifest(folder)
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@needs_zip
def test_each_script_runs_without_this_repository_and_leaves_checkout_and_archive_as_they_were(
    archive, checkout, monkeypatch
):
    monkeypatch.setattr(zoo_scripts, "find_spec", lambda name: name != "pre_commit_hooks" or None)
    before = contents(checkout), contents(archive)
    found = dict(check_with_zoo(archive, checkout))
    assert found.pop("code_format") == "would reformat"
    assert found.pop("hooks") == "not installed; run: pip install pre-commit-hooks"
    assert found == dict.fromkeys(("requirements", "verify_bundle", "release"))
    assert (contents(checkout), contents(archive)) == before


@needs_zip
def test_a_script_that_fails_and_a_release_that_is_not_the_archive_are_reported(archive, checkout, monkeypatch):
    monkeypatch.setattr(zoo_scripts, "find_spec", lambda name: None)
    (archive / "configs/metadata.json").write_text('{"version": "0"}')
    found = dict(check_with_zoo(archive, checkout))
    assert found["verify_bundle"] == "ended with 1" and found["release"].startswith("configs/metadata.json: ")
    assert found["code_format"] == "not installed; run: pip install isort black flake8"


def test_a_folder_that_is_no_checkout_is_refused_in_one_line(archive, tmp_path):
    with pytest.raises(InputError, match="expected a checkout of the model zoo; run: git clone") as refused:
        next(check_with_zoo(archive, tmp_path))
    assert "\n" not in str(refused.value)


def trained_liver(folder: Path) -> Path:
    """``model.pt`` of liver_cgc, which ships none, after an epoch on phantoms."""
    counts = {"num_subjects": 12, "stage_counts": (1, 1), "num_folds": 2}
    LiverPhantoms(sizes=(24, 40), **counts).make(folder / "data", num_workers=1)
    options = {
        "dataset_dir": folder / "data",
        "cache_dir": folder / "cache",
        "output_dir": folder / "run",
        "quiet": True,
    }
    options |= {**SETTINGS["liver_cgc"], "max_epochs": 1, "batch_size": 4, "all_subjects": True, "device": "cpu"}
    done = run_bundle("training", [FOLDERS["liver_cgc"] / "configs/train.yaml"], **options)
    assert done.returncode == 0, done.stderr
    return folder / "run/model.pt"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("bundle", SETTINGS)
def test_the_zoo_itself_accepts_the_archive_of_each_bundle(bundle, tmp_path):
    """Of the weights that ship, or were trained here; the variable MODEL_ZOO names the checkout."""
    if "MODEL_ZOO" not in os.environ:
        pytest.skip("MODEL_ZOO names no checkout of the model zoo")
    weights = trained_liver(tmp_path) if bundle == "liver_cgc" else None
    own = [name for name in CHECKS if name not in REPEATED]
    with open_archive(package_bundle(bundle, "zoo", tmp_path / "out", weights)) as folder:
        found = dict(chain(check_zoo(folder, own), check_with_zoo(folder, os.environ["MODEL_ZOO"])))
    assert found.keys() == {"structure", *own, *SCRIPTS}
    assert {name: problem for name, problem in found.items() if problem and "not installed" not in problem} == {}
