"""Matrices of the lesion's voxels alone give the values of PyRadiomics' C code on lesions of all kinds."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("radiomics")

from radiomics import getFeatureClasses

from common.radiomics import matrices
from common.radiomics.grey_levels import GreyLevels
from common.radiomics.neighbours import Neighbourhood
from common.radiomics.texture import class_features

CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")


def scattered_lesion(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxels that may be alone, in one plane or in several parts, with few or many levels and gaps between them."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(2, 7, 3) if seed % 3 else rng.integers(2, 9, 2)
    mask = rng.random(shape) < rng.choice([0.1, 0.3, 0.6, 0.9])
    mask.ravel()[:2] = True
    levels = rng.integers(0, rng.choice([2, 4, 40]), shape) + 200.0 * (rng.random(shape) < 0.1)
    return levels, mask


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"force2D": True, "force2Ddimension": 1},
        {"distances": [1, 2], "symmetricalGLCM": False},
        {"gldm_a": 1},
        {"weightingNorm": "manhattan"},
    ],
    ids=lambda setting: " ".join(setting) or "default",
)
@pytest.mark.parametrize("limit", [100_000, 0], ids=["listed", "large"])
def test_features_of_scattered_voxels_are_those_of_pyradiomics(setting, limit, monkeypatch, caplog):
    monkeypatch.setattr(matrices, "MAX_VOXELS", limit)
    caplog.set_level(logging.CRITICAL, "radiomics")
    for seed in range(12):
        levels, mask = scattered_lesion(seed)
        args = {"binWidth": 1, "label": 1, **(setting if mask.ndim == 3 or "force2D" not in setting else {})}
        image, lesion = sitk.GetImageFromArray(levels), sitk.GetImageFromArray(mask.astype(np.uint8))
        found = GreyLevels.of(levels, Neighbourhood(mask), 512, args)
        for name in CLASSES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # means of no angle
                expected = getFeatureClasses()[name](image, lesion, **args).execute()
                values = class_features(name, levels, image.GetSpacing(), [], {**args, "grey_levels": found})
            assert list(values) == list(expected)
            np.testing.assert_allclose(
                list(values.values()),
                [float(value) for value in expected.values()],
                rtol=1e-9,
                atol=1e-12,
                err_msg=f"{name} {seed}",
            )


def test_deprecated_features_have_no_value_as_in_pyradiomics():
    levels, mask = scattered_lesion(1)
    args = {"binWidth": 1, "label": 1}
    found = GreyLevels.of(levels, Neighbourhood(mask), 512, args)
    wanted = ["DependencePercentage", "DependenceEntropy", "GrayLevelNonUniformityNormalized"]
    values = class_features("gldm", levels, (1.0, 1.0, 1.0), wanted, {**args, "grey_levels": found})
    assert list(values) == ["DependenceEntropy"]
