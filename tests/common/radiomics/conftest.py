"""PyRadiomics itself, called as in its documentation, on the whole image: the reference of the engine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

#: All filters that the engine knows; with the default features of a 3D image 14 + 17 * 93 columns.
ALL_FILTERS = {
    "Original": {},
    "LoG": {"sigma": [1.0, 3.0, 5.0]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
}


def wide(image: sitk.Image) -> sitk.Image:
    """The same integers in 32 bits: with NumPy 2, bin edges of 8 and 16 bits overflow in PyRadiomics."""
    return sitk.Cast(image, sitk.sitkInt32) if sitk.GetArrayViewFromImage(image).dtype.itemsize < 4 else image


@pytest.fixture(scope="session")
def by_pyradiomics():
    """Features by PyRadiomics' own extractor: ``(image, mask, parameters) -> {name: value}``."""
    pytest.importorskip("radiomics")
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    def extract(image: sitk.Image, mask: sitk.Image, parameters: dict | None = None) -> dict[str, float]:
        extractor = RadiomicsFeatureExtractor(parameters) if parameters else RadiomicsFeatureExtractor()
        if image.GetDimension() == 2 and "shape" in extractor.enabledFeatures:
            extractor.enabledFeatures.setdefault("shape2D", [])
            del extractor.enabledFeatures["shape"]
        extractor.settings["additionalInfo"] = False
        return {name: float(value) for name, value in extractor.execute(wide(image), mask).items()}

    return extract


@pytest.fixture(scope="session")
def read_case(shared_data):
    """One of PyRadiomics' test cases: ``(name) -> (image, mask)``.

    ``lung1`` and ``lung2`` have their images only in the source archive of PyRadiomics 3.0.1: unpack it and let the
    variable ``PYRADIOMICS_DATA`` name its folder ``data``.
    """

    def read(name: str) -> tuple[sitk.Image, sitk.Image]:
        names = {"prostate": ("prostate_phantom_subvolume.nrrd", "prostate_phantom_subvolume-label.nrrd")}
        files = names.get(name, (f"{name}_image.nrrd", f"{name}_label.nrrd"))
        folders = [shared_data / "pyradiomics", Path(os.environ.get("PYRADIOMICS_DATA", "/nonexistent"))]
        found = [next((folder / file for folder in folders if (folder / file).is_file()), None) for file in files]
        if None in found:
            pytest.skip(f"no {files[0]}: set PYRADIOMICS_DATA to the folder data of pyradiomics-3.0.1.tar.gz")
        return tuple(sitk.ReadImage(str(path)) for path in found)

    return read


def assert_same_features(found: dict[str, float], expected: dict[str, float]) -> None:
    """Same names in the same order, values within 1e-6 relative."""
    assert list(found) == list(expected)
    np.testing.assert_allclose(
        list(found.values()), list(expected.values()), rtol=1e-6, atol=1e-12, err_msg=str(list(expected)[:3])
    )
