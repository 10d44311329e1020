from __future__ import annotations

import json
import re

import pytest

from common import InputError
from common.deploy.packaging.bundle_twins import eager_inference, with_known_sizes
from common.deploy.packaging.library import copy_library
from tests.common.deploy.alone import run_alone
from tests.common.deploy.tiny_bundles import SETTINGS, SOFTMAX, tiny_configs

# Every archive's network, in one process that has no repository, from another folder.
BUILD = """
import json, sys
from monai.bundle import ConfigWorkflow
found = {}
for folder in sys.argv[1:]:
    file = f"{folder}/configs/inference.json"
    workflow = ConfigWorkflow(file, logging_file=False, workflow_type="infer", device="cpu")
    workflow.initialize()
    network = workflow.network_def
    parts = {type(part).__module__.split(".")[0] for part in network.modules()}
    found[folder] = [sorted(parts), workflow.bundle_root]
print(json.dumps([found, sorted(name for name in sys.modules if name.split(".")[0] in ("common", "scripts"))]))
"""


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


def test_a_library_holds_what_its_configs_need_and_no_more(archives):
    of_siam, of_radiomics = archives["siam3d_imbalance"], archives["radiomics_deep_contrast"]
    files = {path.relative_to(of_siam / "siam3d_imbalance_lib").as_posix() for path in of_siam.rglob("*.py")}
    assert {"networks/encoder.py", "handlers/rebalance.py", "errors.py"} <= files
    assert not any(name.startswith(("deploy", "benchmark", "data/phantoms", "data/cohorts")) for name in files)
    assert "networks/efficientnet.py" not in files
    assert (of_radiomics / "radiomics_deep_contrast_lib/radiomics/scaling.py").is_file()


def test_no_config_names_the_package_any_more(archives):
    for folder in archives.values():
        for path in (folder / "configs").glob("*.json"):
            assert not re.search(r"\bcommon\b", path.read_text()), path


def test_what_configs_say_of_the_library_refers_to_it(tmp_path):
    config = {
        "imports": ["$import common", "$import os"],
        "bundle_root": "$common.bundle_root('some')",
        "flag": "$[common.flag('a', @a), 'in common.', other.common.flag]",
        "net": {"_target_": "common.networks.load_weights", "module": {"_target_": "torch.nn.Identity"}},
    }
    overlay = {
        "net#_target_": "common.networks.CalibratedSoftmax",
        "+handlers": [{"_target_": "common.handlers.KeepLoss"}],
    }
    found = copy_library(tmp_path, "some_lib", {"base": config, "overlay": overlay})
    base = found["base"]
    assert base["flag"] == "$[@library.flag('a', @a), 'in common.', other.common.flag]"
    assert base["net"] == {
        "_target_": "some_lib.networks.load_weights",
        "_requires_": "@library",
        "module": {"_target_": "torch.nn.Identity"},
    }
    assert found["overlay"] == {
        "net#_target_": "some_lib.networks.CalibratedSoftmax",
        "net#_requires_": "@library",
        "+handlers": [{"_target_": "some_lib.handlers.KeepLoss", "_requires_": "@library"}],
    }
    assert "$import os" in base["imports"] and "$import common" not in base["imports"]
    assert (tmp_path / "some_lib/networks/calibrated_softmax.py").is_file()


def test_without_a_workflow_the_library_itself_tells_where_it_is(tmp_path, monkeypatch):
    from monai.bundle import ConfigParser

    config = {
        "imports": ["$import common"],
        "bundle_root": "$common.bundle_root('some')",
        "a": "$common.flag('a', 'TRUE')",
    }
    found = copy_library(tmp_path, "lone_lib", {"base": config})["base"]
    monkeypatch.syspath_prepend(tmp_path)
    assert ConfigParser(found).get_parsed_content("bundle_root") == str(tmp_path)
    given = ConfigParser({**found, "bundle_root": str(tmp_path)})
    assert given.get_parsed_content("a") is True


def test_bad_names_are_told(tmp_path):
    with pytest.raises(InputError, match=r"a-b: no name of a Python module.*--name"):
        copy_library(tmp_path, "a-b", {})
    with pytest.raises(InputError, match=r"networks\.Nothing: no such name"):
        copy_library(tmp_path, "ab", {"a": {"x": {"_target_": "common.networks.Nothing"}}})
    assert not list(tmp_path.iterdir())
