from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from common.benchmark import make_radiomics_phantoms, measure_radiomics, prepare_cases, radiomics, radiomics_table
from common.benchmark.radiomics import parameters_of
from common.errors import InputError
from common.radiomics import RadiomicsSettings, extract_features, feature_names

pytest.importorskip("radiomics")


@pytest.fixture
def rows(tmp_path):
    """A small volume and an 8-bit plane, whose masks have different labels."""
    found = []
    for number, (shape, dtype) in enumerate([((12, 24, 24), np.int16), ((40, 40), np.uint8)]):
        image = np.random.default_rng(number).integers(0, 256, shape).astype(dtype)
        mask = np.zeros(shape, dtype=np.uint8)
        mask[tuple(slice(length // 4, length // 2) for length in shape)] = 255 - number
        row = {name: str(tmp_path / f"{number}_{name}.nrrd") for name in ("image", "mask")}
        sitk.WriteImage(sitk.GetImageFromArray(image), row["image"])
        sitk.WriteImage(sitk.GetImageFromArray(mask), row["mask"])
        found.append(row)
    return found


def test_the_copies_have_label_1_and_8_bits_become_16(rows, tmp_path):
    cases = prepare_cases(rows, tmp_path)
    assert {dimension: len(files) for dimension, files in cases.items()} == {3: 1, 2: 1}
    for files, row in zip((cases[3][0], cases[2][0]), rows, strict=True):
        image, mask = (sitk.GetArrayFromImage(sitk.ReadImage(path)) for path in files)
        assert image.dtype.itemsize == 2 and (image == sitk.GetArrayFromImage(sitk.ReadImage(row["image"]))).all()
        assert (mask == (sitk.GetArrayFromImage(sitk.ReadImage(row["mask"])) > 0)).all()


def test_lesions_that_cannot_be_measured_are_reported_at_once(rows, tmp_path):
    for row in rows:
        sitk.WriteImage(sitk.ReadImage(row["mask"]) * 0, row["mask"])
    with pytest.raises(InputError, match=r"radiomics: 2 problems\n.*0_mask.nrrd: empty.*\n.*1_mask.nrrd: empty"):
        prepare_cases(rows, tmp_path)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("size", ["about 1000", "about 1600"])
def test_the_parameters_give_about_as_many_features_as_they_say(dimension, size):
    number = len(feature_names(RadiomicsSettings.load(parameters_of(size, dimension)), dimension))
    assert number == pytest.approx(int(size.split()[1]), rel=0.04)


@pytest.mark.slow
def test_all_four_variants_are_timed_and_give_the_same_features(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(radiomics, "SIGMAS", {2: {"about 1000": 6}})
    (row,) = measure_radiomics({2: prepare_cases(rows, tmp_path)[2]}, rounds=1)["rows"]
    assert row["features"] == 9 + 11 * 93 and row["largest_relative_difference"] < 1e-6
    assert list(row["variants"]) == ["stock", "stock, 2 processes", "ours", "ours, 2 processes"]
    for name, found in row["variants"].items():
        assert found["times_as_fast"] == pytest.approx(row["variants"]["stock"]["seconds"] / found["seconds"])
        assert found["part_of_peak"] == found["peak"] / row["variants"][name.replace("ours", "stock")]["peak"]
        assert found["peak"] > 5e7
    table = radiomics_table({"settings": {"rounds": 1}, "rows": [row]})
    assert "1 cases in 2D of 1.6e+03 voxels, 1032 features" in table


def test_phantoms_are_as_large_as_they_say_and_can_be_measured(tmp_path):
    volume, plane = make_radiomics_phantoms(tmp_path, 1, 1)
    assert sitk.ReadImage(volume["mask"]).GetSize() == (512, 512, 64)
    assert extract_features(plane["image"], plane["mask"])["original_shape2D_PixelSurface"] > 300
