from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from common.radiomics import extract_features
from tests.common.radiomics.test_engine import parameters

pytest.importorskip("radiomics")

MEASURE = """
import sys
sys.modules.update(dict.fromkeys(["SimpleITK", "scipy", "pandas", "torch"]))  # importing these fails
from common.radiomics import extract_features
print(sum(extract_features("image.png", "mask.png", {settings}).values()))
"""


def test_planes_are_measured_without_the_memory_of_simpleitk_and_scipy(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)
    mask = np.zeros((40, 50), dtype=np.uint8)
    mask[10:30, 12:33] = 1
    for name, values in (("image", image), ("mask", mask)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    settings = parameters(2)
    code = MEASURE.format(settings=settings)
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    expected = sum(extract_features(tmp_path / "image.png", tmp_path / "mask.png", settings).values())
    assert float(found.stdout) == pytest.approx(expected, rel=1e-12)
