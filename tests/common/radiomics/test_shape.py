from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("radiomics")

from radiomics import getFeatureClasses

from common.radiomics.shape import shape_features


@pytest.mark.parametrize(("name", "shape"), [("shape", (7, 9, 8)), ("shape", (1, 9, 8)), ("shape2D", (9, 8))])
def test_all_shape_features_including_deprecated_ones_are_pyradiomics_values(name, shape):
    lesion = np.random.default_rng(0).random(shape) > 0.4
    mask = sitk.GetImageFromArray(lesion.astype(np.uint8))
    mask.SetSpacing((0.7, 0.9, 2.5)[: lesion.ndim])
    stock = getFeatureClasses()[name](mask, mask, label=1)
    expected = {feature: getattr(stock, f"get{feature}FeatureValue")() for feature in stock.getFeatureNames()}
    found = shape_features(lesion, mask.GetSpacing()[::-1])
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-7)
