from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

pytest.importorskip("radiomics")

from radiomics import cShape

from common.radiomics.mesh import measure_mesh


def blob(threshold: float) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(0).normal(size=(14, 20, 17)), 2) > threshold


@pytest.mark.parametrize(
    "lesion",
    [
        pytest.param(np.ones((1, 1, 1), dtype=bool), id="one voxel"),
        pytest.param(np.ones((1, 5, 3), dtype=bool), id="one slice"),
        pytest.param(np.random.default_rng(0).random((6, 7, 8)) > 0.6, id="scattered voxels, all kinds of cubes"),
        pytest.param(blob(0.02), id="large"),
        pytest.param(blob(0.15), id="several parts"),
    ],
)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.9)])
def test_area_volume_and_diameters_are_those_of_pyradiomics_mesh(lesion, spacing):
    mask = np.pad(lesion, 1)
    area, volume, diameters = cShape.calculate_coefficients(mask, np.array(spacing))
    found = measure_mesh(mask, np.array(spacing))
    assert found[:2] == pytest.approx((area, volume), rel=1e-11)
    assert found[2] == pytest.approx(diameters, rel=1e-14)
