"""The examples of CONTRIBUTING work in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.data.phantoms import BrainPhantoms


@pytest.fixture(scope="module")
def copy(project, tmp_path_factory) -> Path:
    """The project with the files of the examples, each under the path of its first comment."""
    folder = tmp_path_factory.mktemp("contributing")
    for name in ("common", "scripts", "bundles/siam3d_imbalance"):
        ignored = shutil.ignore_patterns("__pycache__", "outputs", "cache", "models")
        shutil.copytree(project / name, folder / name, ignore=ignored)
    blocks = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", (project / "CONTRIBUTING.md").read_text(), re.M | re.S)
    assert len(blocks) >= 2
    for path, text in blocks:
        assert not (folder / path).exists()
        (folder / path).write_text(text)
    init = folder / "common" / "losses" / "__init__.py"
    exports = init.read_text()
    imported = r"( *)from \.age_aware import AgeAwareLoss\n"
    assert re.search(imported, exports) and "__all__ = [\n" in exports
    exports = re.sub(imported, r"\g<0>\1from .barlow_twins import BarlowTwinsLoss\n", exports)
    exports = exports.replace("__all__ = [\n", '__all__ = [\n    "BarlowTwinsLoss",\n')
    init.write_text(exports)
    return folder


def run(copy: Path, *words: object) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)


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
