from __future__ import annotations

import pytest

from common.deploy.package import package_bundle
from tests.common.deploy.tiny_bundles import SETTINGS, random_weights
from tests.python_commands import run_python

SIAM = "siam3d_imbalance"


@pytest.mark.slow
def test_the_command_line_packages_the_same_bytes_as_another_process(project, tmp_path):
    weights = random_weights(SIAM, tmp_path / "weights")
    here = package_bundle(SIAM, "monailabel", tmp_path / "here", weights, **SETTINGS[SIAM])
    words = [project / "scripts/package.py", SIAM, "--target", "monailabel", "--weights", "weights/model.pt"]
    words += ["--in_channels", "1", "--box_size", "[27,27,27]", "--channels", "[4,4,4,4]"]
    result = run_python(words, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"dist/{SIAM}_classification.zip (")
    assert "model.ts" in result.stderr and "writing configs and documents" in result.stderr  # progress
    assert (tmp_path / f"dist/{SIAM}_classification.zip").read_bytes() == here.read_bytes()
    words[words.index("weights/model.pt")] = "nothing.pt"
    failed = run_python(words, tmp_path)
    assert failed.returncode == 1 and failed.stderr.splitlines()[-1].startswith("error: nothing.pt: no such file")
