"""Archives in Python as their users have it: with the packages that the metadata declare, or with TensorRT's name."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from common.deploy import package
from common.deploy.package import TARGETS, package_bundle
from common.deploy.verification.archive import open_archive
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.alone import run_alone
from tests.common.deploy.tiny_bundles import OVERLAYS, SETTINGS, random_weights

pytestmark = pytest.mark.slow
SIAM = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")
RADIOMICS = "radiomics_deep_contrast"
# Finds no module of the packages that an environment made from the metadata would not have.
BLOCK = """
import os, sys
REFUSED = set(os.environ["REFUSED"].split())
class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}, which the metadata do not declare", name=name)
sys.meta_path.insert(0, NotHere())
"""
# With the archive's folder first on the path, as the zoo's tests put it. The name of TensorRT's package suffices here.
USE = """
import shutil, sys, types
root, with_radiomics = sys.argv[1:]
sys.path.insert(0, root)
if with_radiomics == "True":
    import radiomics.featureextractor
    assert not radiomics.__file__.startswith(root), radiomics.__file__
sys.modules["torch_tensorrt"] = types.ModuleType("torch_tensorrt")
shutil.copy(f"{root}/models/model.ts", f"{root}/models/model_trt.ts")
import torch
from monai.bundle import ConfigParser
found = []
for overlays in ([], ["inference_trt"]):
    parser = ConfigParser()
    parser.read_meta(f"{root}/configs/metadata.json")
    parser.read_config([f"{root}/configs/{name}.json" for name in ("inference", *overlays)])
    parser.update({"bundle_root": root, "device": "cpu"})
    network = parser.get_parsed_content("network").eval()
    found.append(network(torch.ones(2, 1, 32, 32)))
assert isinstance(network, torch.jit.ScriptModule)
torch.testing.assert_close(*found)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Archives without the two formats that take long to write."""
    for name, target in TARGETS.items():
        few = tuple(file for file in target.formats if file not in ("model.pt2", "model.onnx"))
        monkeypatch.setitem(package.TARGETS, name, dataclasses.replace(target, formats=few))


def needed(names: set[str]) -> set[str]:
    """The packages with all that they need, by canonical name."""
    found: set[str] = set()
    queue = [canonicalize_name(name) for name in names]
    while queue:
        if (name := queue.pop()) in found:
            continue
        found.add(name)
        try:
            parsed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        queue += [
            canonicalize_name(each.name) for each in parsed if not each.marker or each.marker.evaluate({"extra": ""})
        ]
    return found


def test_an_inference_archive_predicts_with_the_packages_that_it_declares_and_no_other(tmp_path):
    with open_archive(package_bundle(SIAM, "inference", tmp_path)) as folder:
        declared = json.loads((folder / "configs/metadata.json").read_text())["required_packages_version"]
        present = needed({"monai", "torch", "numpy", "setuptools", *declared})
        refused = [
            module
            for module, owners in packages_distributions().items()
            if not {canonicalize_name(owner) for owner in owners} & present
        ]
        assert {"pydicom", "sklearn", "matplotlib"} <= {*refused}
        (tmp_path / "sitecustomize.py").write_text(BLOCK)
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "REFUSED": " ".join(["common", *refused])}
        command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/inference.json"]
        places = ["--dataset_dir", str(SIAM / "samples"), "--output_dir", str(tmp_path / "results"), "--device", "cpu"]
        done = subprocess.run([*command, *places], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    assert len(json.loads((tmp_path / "results/predictions.json").read_text())) == 3


def test_a_zoo_archive_hides_no_pyradiomics_and_runs_what_tensorrt_would_give(tmp_path):
    weights = random_weights(RADIOMICS, tmp_path / "weights")
    path = package_bundle(RADIOMICS, "zoo", tmp_path, weights, overlays=OVERLAYS[RADIOMICS], **SETTINGS[RADIOMICS])
    with open_archive(path) as folder:
        assert not {entry.name for entry in folder.iterdir()} & {"radiomics", "scripts", "common", "tests"}
        run_alone(USE, tmp_path, folder, find_spec("radiomics") is not None)
