from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

import common
from common import InputError
from common.deploy.packaging.library import copy_library
from common.deploy.packaging.trained_configs import eager_inference, with_known_sizes
from tests.common.deploy.alone import run_alone
from tests.common.deploy.tiny_bundles import SETTINGS, SOFTMAX, tiny_configs
from tests.python_commands import run_python

# Every archive's network, in one process that has no repository, from another folder.
BUILD = """
import json, sys
from monai.bundle import ConfigWorkflow
found = {}
for folder in sys.argv[1:]:
    sys.path.insert(0, folder)
    file = f"{folder}/configs/inference.json"
    workflow = ConfigWorkflow(file, logging_file=False, workflow_type="infer", device="cpu")
    workflow.initialize()
    network = workflow.network_def
    parts = {type(part).__module__.split(".")[0] for part in network.modules()}
    found[folder] = [sorted(parts), workflow.bundle_root]
    sys.path.remove(folder)
print(json.dumps([found, sorted(name for name in sys.modules if name.split(".")[0] in ("common", "scripts"))]))
"""
PACKAGE = Path(common.__file__).parent
LEFT_OUT = ("benchmark", "deploy", "doctor", "reproduce", "study")
# Parts of the standard library that Python 3.10 does not have, which the model zoo's workflows use.
LATER = (
    r"hashlib\.file_digest\(|import .*\bUTC\b|datetime\.UTC|import tomllib|StrEnum|ExceptionGroup\("
    r"|itertools import .*batched|typing import .*\bSelf\b"
)


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Configs and libraries of all four bundles, of one of them twice."""
    folders = {}
    for name, bundle in [*((bundle, bundle) for bundle in SETTINGS), ("another", "siam3d_imbalance")]:
        folder = folders[name] = tmp_path_factory.mktemp("archives") / name
        configs = tiny_configs(bundle)
        configs["inference"] = eager_inference(configs, SOFTMAX, folder / "models/model.pt")
        configs["train"] = with_known_sizes(configs["train"], configs["inference"])
        (folder / "configs").mkdir(parents=True)
        (folder / "configs/metadata.json").write_text("{}")
        for key, config in copy_library(folder, f"{name}_lib", configs).items():
            (folder / f"configs/{key}.json").write_text(json.dumps(config))
    return folders


@pytest.mark.slow
def test_the_libraries_of_all_bundles_work_in_one_process_each_with_its_own_code(archives, tmp_path):
    *_, line = run_alone(BUILD, tmp_path, *archives.values()).splitlines()
    found, of_repository = json.loads(line)
    assert not of_repository
    for name, folder in archives.items():
        parts, root = found[str(folder)]
        assert [part for part in parts if part.endswith("_lib")] == [f"{name}_lib"]
        assert root == str(folder)


def test_a_library_is_the_package_without_what_no_config_names(archives):
    library = archives["siam3d_imbalance"] / "siam3d_imbalance_lib"
    files = {path.relative_to(library): path.read_bytes() for path in library.rglob("*") if path.suffix}
    own = {path.relative_to(PACKAGE): path.read_bytes() for path in PACKAGE.rglob("*.py")}
    assert files == {path: content for path, content in own.items() if path.parts[0] not in LEFT_OUT}


def test_the_code_of_a_library_is_for_python_3_10_too():
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version=py310", "--select=F821", "."]
    left_out = [f"--exclude={name}" for name in LEFT_OUT]  # syntax errors are reported whatever is selected
    result = subprocess.run([*ruff, *left_out], cwd=PACKAGE, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT]
    assert [path for path in files if re.search(LATER, path.read_text())] == []


def test_importing_the_library_writes_nothing_into_the_archive(archives, tmp_path):
    """Else an archive in use would no longer be what its manifest lists."""
    folder = archives["siam3d_imbalance"]
    before = {path: path.is_dir() for path in folder.rglob("*")}
    (tmp_path / "other.py").touch()
    code = (
        f"import sys; sys.dont_write_bytecode, sys.pycache_prefix = False, None; sys.path.insert(0, {str(folder)!r}); "
        "import other, siam3d_imbalance_lib.networks as n; print(n.resnet.__file__)"
    )
    found = run_python(["-c", code], tmp_path)
    assert list((tmp_path / "__pycache__").iterdir())  # of another module
    assert found.stdout.startswith(str(folder)), found.stderr
    assert {path: path.is_dir() for path in folder.rglob("*")} == before


def test_no_config_names_the_package_any_more(archives):
    for folder in archives.values():
        for path in (folder / "configs").glob("*.json"):
            assert not re.search(r"\bcommon\b", path.read_text()), path


def test_configs_name_the_copy_where_they_named_the_package_and_nowhere_else(tmp_path):
    config = {
        "imports": ["$import common", "$import os"],
        "bundle_root": "$common.bundle_root('some')",
        "flag": "$[common.flag('a', @a), 'in common.', other.common.flag]",
        "text": "what they have in common.",
        "net": {"_target_": "common.networks.load_weights", "module": {"_target_": "torch.nn.Identity"}},
    }
    overlay = {
        "net#_target_": "common.networks.CalibratedSoftmax",
        "+handlers": [{"_target_": "common.handlers.KeepLoss"}],
        "load": "$common.radiomics.scaling.FittedScaling.load('a')",
    }
    found = copy_library(tmp_path, "some_lib", {"base": config, "overlay": overlay})
    assert found["base"] == {
        "imports": ["$import some_lib", "$import os"],
        "bundle_root": "$some_lib.bundle_root('some')",
        "flag": "$[some_lib.flag('a', @a), 'in common.', other.common.flag]",
        "text": "what they have in common.",
        "net": {"_target_": "some_lib.networks.load_weights", "module": {"_target_": "torch.nn.Identity"}},
    }
    assert found["overlay"] == {
        "net#_target_": "some_lib.networks.CalibratedSoftmax",
        "+handlers": [{"_target_": "some_lib.handlers.KeepLoss"}],
        "load": "$some_lib.radiomics.scaling.FittedScaling.load('a')",
    }


def test_a_config_finds_the_archive_by_its_library(tmp_path, monkeypatch):
    config = {"imports": ["$import common"], "bundle_root": "$common.bundle_root('some')"}
    found = copy_library(tmp_path, "lone_lib", {"base": config})["base"]
    monkeypatch.syspath_prepend(tmp_path)
    assert ConfigParser(found).get_parsed_content("bundle_root") == str(tmp_path)


@pytest.mark.parametrize("name", ["networks.Nothing", "nothing", "nothing.at.all", "deploy.package.package_bundle"])
def test_a_config_that_names_what_the_copy_does_not_have_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=f"^{name}: no such name in common; expected"):
        copy_library(tmp_path, "ab", {"a": {"x": {"_target_": f"common.{name}"}}})
    assert not list(tmp_path.iterdir())


def test_a_name_that_python_can_t_import_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a-b: no name of a Python module.*--name"):
        copy_library(tmp_path, "a-b", {})
    assert not list(tmp_path.iterdir())
