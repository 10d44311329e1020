"""The examples of CONTRIBUTING work in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from importlib import import_module
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.phantoms import BrainPhantoms
from tests.common.deploy.tiny_bundles import SETTINGS, random_weights
from tests.python_commands import run_python


@pytest.fixture(scope="module")
def copy(project, tmp_path_factory) -> Path:
    """The project with the files of the examples, each under the path of its first comment."""
    folder = tmp_path_factory.mktemp("contributing")
    for name in ("common", "scripts", "bundles/siam3d_imbalance"):
        ignored = shutil.ignore_patterns("__pycache__", "outputs", "cache", "models")
        shutil.copytree(project / name, folder / name, ignore=ignored)
    shutil.copy(project / "constraints.txt", folder)
    text = (project / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 4
    for path, content in blocks:
        assert not (folder / path).exists()
        (folder / path).write_text(content)
    export(folder / "common/losses/__init__.py", "barlow_twins", "BarlowTwinsLoss")
    export(folder / "common/data/cohorts/__init__.py", "ixi", "ixi_datalist")
    (entry,) = re.findall(r"^# common/deploy/package\.py: in TARGETS\n(.*?)^```", text, re.M | re.S)
    package = folder / "common/deploy/package.py"
    source = replaced(package.read_text(), "TARGETS = {\n", f"TARGETS = {{\n{entry}")
    first = "from .consumers.monai_label import"
    package.write_text(replaced(source, first, f"from .consumers.mlflow_model import write_mlflow\n{first}"))
    return folder


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def export(init: Path, module: str, name: str) -> None:
    """Add an export to a package's ``__init__.py``."""
    text = replaced(init.read_text(), "__all__ = [\n", f'__all__ = [\n    "{name}",\n')
    first, indent = re.search(r"^( *)from \.\w+ import .*\n", text, re.M).group(0, 1)
    init.write_text(text.replace(first, f"{first}{indent}from .{module} import {name}\n", 1))


def run(copy: Path, *words: object) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    return run_python(words, copy, env)


@pytest.mark.slow
def test_the_method_of_the_example_trains_and_its_loss_falls(copy, tmp_path):
    BrainPhantoms(num_subjects=20, shape=(32, 32, 32), num_folds=4).make(tmp_path / "brain", num_workers=1)
    configs = copy / "bundles" / "siam3d_imbalance" / "configs"
    result = run(
        copy,
        *("-m", "monai.bundle", "run", "training", "--config_file"),
        f"['{configs}/pretrain.yaml','{configs}/barlow_twins.yaml']",
        *("--dataset_dir", tmp_path / "brain", "--output_dir", tmp_path / "out", "--device", "cpu", "--quiet", "true"),
        *("--box_size", "[16,16,16]", "--channels", "[4,4,8,8]", "--max_epochs", 10, "--batch_size", 15),
    )
    assert result.returncode == 0, result.stderr
    losses = [row["loss"] for row in json.loads((tmp_path / "out" / "metrics.json").read_text())]
    assert sum(losses[-3:]) < sum(losses[:3])


def test_the_cohort_reader_of_the_example_is_a_command_that_writes_and_refuses(copy, tmp_path):
    for name in ("IXI002-Guys-0828-T1", "IXI012-HH-1211-T1", "IXI013-HH-1212-T1"):
        image = nib.Nifti1Image(np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.eye(4))
        nib.save(image, tmp_path / f"{name}.nii.gz")
    (tmp_path / "IXI.csv").write_text("IXI_ID,SEX_ID,AGE\n2,2,35.8\n12,1,38.78\n13,1,\n14,2,old\n")
    words = ["scripts/make_datalist.py", "ixi", tmp_path, tmp_path / "out.json", "--num_folds", 3]
    refused = run(copy, *words)
    assert refused.returncode == 1 and not (tmp_path / "out.json").exists()
    assert "IXI014: AGE is old, expected a number of years; found 0 files IXI014-*-T1.nii.gz" in refused.stderr
    done = run(copy, *words, "--incomplete", "drop")
    assert done.returncode == 0, done.stderr
    rows = sorted(load_datalist(tmp_path / "out.json", label="optional"), key=lambda row: row["subject"])
    assert [(row["subject"], row["site"], row.get("age")) for row in rows] == [
        ("IXI002", "Guys", 35.8),
        ("IXI012", "HH", 38.78),
        ("IXI013", "HH", None),
    ]
    assert sorted(row["fold"] for row in rows) == [0, 1, 2]


@pytest.mark.slow
def test_the_archive_of_the_example_of_a_consumer_is_one_that_the_consumer_loads(copy, tmp_path):
    bundle = "siam3d_imbalance"
    weights = random_weights(bundle, tmp_path / "weights")
    settings = [word for key, value in SETTINGS[bundle].items() for word in (f"--{key}", json.dumps(value))]
    words = ["scripts/package.py", bundle, "--target", "mlflow", "--weights", weights, "--output", tmp_path, *settings]
    done = run(copy, *words)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / f"{bundle}_mlflow.zip") as archive:
        archive.extractall(tmp_path)
    model = import_module("mlflow.pyfunc").load_model(str(tmp_path / f"{bundle}_mlflow/models"))
    images = np.random.default_rng(0).random((3, 1, 27, 27, 27), np.float32)
    (probabilities,) = model.predict(images).values()
    assert np.allclose(probabilities[:, :2].sum(1), 1, atol=1e-5) and len(probabilities) == len(images)
