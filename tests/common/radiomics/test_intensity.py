from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("radiomics")

from radiomics.firstorder import RadiomicsFirstOrder

from common.radiomics.grey_levels import GreyLevels
from common.radiomics.neighbours import Neighbourhood
from common.radiomics.texture import texture_features


@pytest.mark.parametrize("voxels", [3, 4, 1001])
def test_percentiles_in_one_pass_and_moments_by_products_are_pyradiomics_values(voxels):
    values = np.random.default_rng(voxels).gamma(2, 100, voxels) - 50
    image = sitk.GetImageFromArray(values[None, None])
    mask = sitk.GetImageFromArray(np.ones((1, 1, voxels), dtype=np.uint8))
    levels = GreyLevels.of(values[None, None], Neighbourhood(np.ones((1, 1, voxels), dtype=bool)), 512, {})
    found = texture_features(
        values[None, None], mask.GetSpacing(), {"firstorder": []}, {"label": 1, "grey_levels": levels}
    )
    expected = {
        f"firstorder_{name}": float(value) for name, value in RadiomicsFirstOrder(image, mask).execute().items()
    }
    assert found == pytest.approx(expected, rel=1e-12) and len(found) == 18
    assert found["firstorder_Median"] == np.median(values)
