from __future__ import annotations

import pytest

pytest.importorskip("radiomics")

import radiomics
from radiomics.featureextractor import RadiomicsFeatureExtractor

from common.radiomics.compiled import pyradiomics_module, pyradiomics_version
from common.radiomics.names import FEATURES, IMAGE_TYPES
from common.radiomics.settings import RadiomicsSettings


def test_features_and_image_types_are_those_of_pyradiomics_in_its_order():
    classes = radiomics.getFeatureClasses()
    expected = {
        name: tuple(feature for feature, deprecated in found.getFeatureNames().items() if not deprecated)
        for name, found in classes.items()
    }
    assert expected == FEATURES and list(classes) == list(FEATURES)
    assert radiomics.getImageTypes() == list(IMAGE_TYPES)


def test_compiled_code_and_version_are_those_of_the_package():
    assert pyradiomics_module("_cmatrices") is radiomics.cMatrices
    assert pyradiomics_version() == radiomics.__version__


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"setting": {"binWidth": 10, "interpolator": "sitkGaussian"}},
        {"imageType": {"Wavelet": {"wavelet": "db3"}}, "featureClass": {"glcm": ["Contrast", "SumVariance"]}},
        {"setting": {"weightingNorm": "manhattan"}, "featureClass": {"shape": None, "firstorder": []}},
    ],
)
def test_settings_are_those_of_pyradiomics_extractor(parameters):
    expected = RadiomicsFeatureExtractor(parameters) if parameters else RadiomicsFeatureExtractor()
    found = RadiomicsSettings.load(parameters)
    assert found.setting == {**expected.settings, "label": 1, "additionalInfo": False}
    assert found.image_types == expected.enabledImagetypes
    assert found.feature_classes == expected.enabledFeatures
    assert list(found.feature_classes) == list(expected.enabledFeatures)
