"""Whatever is not on the allow-lists is refused, and nothing of it runs."""

from __future__ import annotations

import json

import pytest
from monai.bundle import ConfigParser

from common.deploy.verification.scan import scan_folder
from common.deploy.verification.scan.configs import scan_config, scan_metadata
from common.exported_inference import OWN_FOLDERS
from tests.common.deploy.verification.scan.conftest import change_json


@pytest.mark.parametrize("bundle", ["liver_cgc", "mlsscl_3d", "radiomics_deep_contrast", "siam3d_imbalance"])
def test_the_bundles_own_configs_pass(bundle, project):
    configs = project / "bundles" / bundle / "configs"
    inference = json.loads((configs / "inference.json").read_text()) | OWN_FOLDERS  # as packaged
    assert scan_config(json.dumps(inference).encode()) == []
    assert scan_metadata((configs / "metadata.json").read_bytes()) == []


def planted(sentinel):
    """Ids of a config that make MONAI run code, each with what the scanner says of it."""
    touch = f"__import__('pathlib').Path('{sentinel}').touch()"
    call = {"_target_": "builtins.exec", "source": "1", "globals": f"${touch}"}
    return {
        "an expression": ({"initialize": [f"${touch}"]}, "initialize#0: the expression"),
        "a lambda": ({"section": f"$lambda: {touch}"}, "section: the expression"),
        "an expression that only begins well": (
            {"dataset_dir": f"$@bundle_root + '/data' + {touch}"},
            "dataset_dir: the expression",
        ),
        "an import": ({"imports": ["$import os", "$import antigravity"]}, "imports: '$import antigravity'"),
        "an import that is no list": ({"imports": f"${touch}"}, "imports: "),
        "torch.hub": (
            {"network": {"_target_": "torch.hub.load", "repo_or_dir": "a/b", "model": "c"}},
            "network: the component 'torch.hub.load'",
        ),
        "another bundle": (
            {"more": {"_target_": "monai.bundle.run", "config_file": "other.json"}},
            "more: the component 'monai.bundle.run'",
        ),
        "exec": ({"more": call}, "more: the component 'builtins.exec'"),
        "a component in an argument": (
            {"dataset": {"_target_": "Dataset", "data": [], "transform": call}},
            "dataset#transform: the component 'builtins.exec'",
        ),
        "a component that is an expression": ({"more": {"_target_": f"${touch}"}}, "more: the component"),
        "a component that is no text": ({"more": {"_target_": ["os.system"]}}, "more: the component"),
        "a reader, which MONAI imports": (
            {"more": {"_target_": "LoadImaged", "keys": "image", "reader": "os.system"}},
            "more: LoadImaged: the argument 'reader'",
        ),
        "a debugger": (
            {"more": {"_target_": "Dataset", "data": [], "_mode_": "debug"}},
            "more: Dataset: the argument '_mode_'",
        ),
        "a requirement": (
            {"more": {"_target_": "Dataset", "data": [], "_requires_": f"${touch}"}},
            "more: Dataset: the argument '_requires_'",
        ),
        "a condition": (
            {"more": {"_target_": "Dataset", "data": [], "_disabled_": f"${touch}"}},
            "more#_disabled_: the expression",
        ),
        "a macro": ({"run": "%elsewhere.json#run"}, "run: the macro '%elsewhere.json#run'"),
        "a reference that is more": ({"section": "@run; 1"}, "section: '@run; 1' is no plain reference"),
        "a merge": ({"+run": [f"${touch}"]}, "+run: the key '+run' is not allowed"),
        "a nested id": ({"network_def#f": "other.ts"}, "network_def#f: the key 'network_def#f'"),
        "other weights": ({"checkpoint": "other.ts"}, "checkpoint: 'other.ts'; only"),
        "other weights, directly": (
            {"network_def": {"_target_": "torch.jit.load", "f": "other.ts", "map_location": "@device"}},
            "network_def: torch.jit.load: f is 'other.ts'; only '@checkpoint'",
        ),
        "other weights, of another id": (
            {"more": {"_target_": "torch.jit.load", "f": "@section"}},
            "more: torch.jit.load: f is '@section'",
        ),
        "a file of the receiver": ({"predictions": ".ssh/id_rsa"}, "predictions: '.ssh/id_rsa'; only"),
        "a table of the receiver": (
            {"table": {"_target_": "monai.data.CSVDataset", "src": ".ssh/id_rsa"}},
            "table: monai.data.CSVDataset: src is '.ssh/id_rsa'; only",
        ),
        "a file of the receiver's cohort": ({"predictions": "@datalist"}, "predictions: '@datalist'; only"),
        "another root": ({"bundle_root": "elsewhere"}, "bundle_root: 'elsewhere'; only '.'"),
        "a place of the machine": ({"output_dir": "/etc"}, "output_dir: '/etc' is a place outside"),
        "a place above": ({"output_dir": "a/../../b"}, "output_dir: 'a/../../b' is a place outside"),
        "a place in the network": ({"datalist": "https://a.b/c.json"}, "datalist: 'https://a.b/c.json' is a place"),
    }


@pytest.mark.parametrize("case", list(planted("")))
def test_planted_code_is_refused_in_one_line_and_did_not_run(case, archive, sentinel):
    ids, expected = planted(sentinel)[case]
    change_json(archive / "configs/inference.json", lambda config: config.update(ids))
    problems = scan_folder(archive)
    assert any(problem.startswith(f"configs/inference.json: {expected}") for problem in problems), problems
    assert not any("\n" in problem for problem in problems)
    assert not sentinel.exists()


def test_what_is_planted_would_run_if_monai_read_it(sentinel):
    """Else the test above could not fail."""
    ids, _ = planted(sentinel)["an expression"]
    parser = ConfigParser({**ids})
    parser.get_parsed_content("initialize")
    assert sentinel.exists()


def test_a_key_that_is_given_twice_is_refused_as_readers_differ_on_it(archive):
    path = archive / "configs/inference.json"
    path.write_text(path.read_text().replace("{", '{"run": ["$exit()"],', 1))
    assert scan_folder(archive) == ["configs/inference.json: the key 'run' is given twice"]


@pytest.mark.parametrize("content", [b"[]", b"\xff", b"$exit()", b'"run"', b"[" * 100_000])
def test_a_config_that_is_no_dictionary_is_refused(content):
    assert len(scan_config(content)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"name": "$exit()"},
        {"changelog": {"0.1.0": "@run"}},
        {"references": ["%inference.json#run"]},
        {"task": {"_target_": "os.system"}},
        {"network_data_format": {"inputs": {"image": {"channel_def": {"0": "$exit()"}}}}},
    ],
)
def test_metadata_with_what_a_config_would_evaluate_are_refused(damage):
    (problem,) = scan_metadata(json.dumps(damage).encode())
    assert "would be evaluated" in problem or "has a meaning" in problem
