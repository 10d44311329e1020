from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import ConvexHull

from common.errors import InputError
from common.radiomics import outline_numbers, write_outline_table
from common.radiomics.outline import OUTLINE_NUMBERS


def ball(radius: float, spacing: tuple[float, ...]) -> np.ndarray:
    """A ball or disk of a radius in mm."""
    reach = [int(radius / size) + 2 for size in spacing]
    axes = np.meshgrid(*(np.arange(-r, r + 1) * size for r, size in zip(reach, spacing, strict=True)), indexing="ij")
    return sum(axis**2 for axis in axes) <= radius**2


def saved(path, voxels: np.ndarray, spacing=(1.0, 1.0, 1.0)) -> str:
    nib.save(nib.Nifti1Image(voxels.astype(np.uint8), np.diag([*spacing, 1.0])), path)
    return str(path)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0), (1.0, 1.0, 1.0), (1.0, 0.5, 2.0)])
def test_a_ball_has_its_volume_diameter_and_radius_and_is_round(spacing):
    radius, found = 20.0, outline_numbers(ball(20.0, spacing), spacing)
    volume = np.pi * radius**2 if len(spacing) == 2 else 4 / 3 * np.pi * radius**3
    assert found["outline_LogVolume"] == pytest.approx(np.log(volume), abs=0.02)
    assert found["outline_LogDiameter"] == pytest.approx(np.log(2 * radius), abs=0.06)
    assert found["outline_LogInscribedRadius"] == pytest.approx(np.log(radius), abs=0.3)  # 1 % are deeper
    assert 0.9 < found["outline_Solidity"] <= 1 and found["outline_Elongation"] == pytest.approx(1, abs=0.02)
    assert ("outline_Flatness" in found) == (len(spacing) == 3) and found["outline_LogParts"] == 0


def test_the_numbers_that_a_row_may_name_are_those_that_are_measured():
    assert list(outline_numbers(np.ones((2, 3, 4)), (1, 1, 1))) == [f"outline_{name}" for name in OUTLINE_NUMBERS]
    assert {name.removeprefix("outline_") for name in outline_numbers(np.ones((2, 3)), (1, 1))} < {*OUTLINE_NUMBERS}


def test_a_box_has_its_edges_whatever_the_spacing_and_place():
    mask = np.zeros((20, 30, 12))
    mask[3:13, 5:25, 2:7] = 4
    found = outline_numbers(mask, (2.0, 1.0, 1.0))  # 20 x 20 x 5 mm
    expected = {
        "LogVolume": np.log(2000),
        "LogDiameter": np.log(np.sqrt(400 + 400 + 25)),
        "Solidity": 1,
        "Extent": 1,
        "Elongation": 1,
        "Flatness": 5 / 20,
        "LogAspect1": 0,
        "LogAspect2": np.log(5 / 20),
    }
    assert {name: found[f"outline_{name}"] for name in expected} == pytest.approx(expected)


def test_a_notch_lowers_solidity_and_a_second_part_counts_in_volume_and_parts_alone():
    notched = np.array([[1, 1, 0], [1, 0, 0]])  # three squares, in a hull of three and a half
    found = outline_numbers(notched, (1, 1))
    assert found["outline_Solidity"] == pytest.approx(3 / 3.5) and found["outline_Extent"] == pytest.approx(3 / 4)
    both = np.pad(notched, ((0, 0), (0, 3)))
    both[0, 5] = 1
    more = outline_numbers(both, (1, 1))
    assert more["outline_Solidity"] == found["outline_Solidity"] and more["outline_LogParts"] == np.log(2)
    assert more["outline_LogVolume"] == np.log(4)


@pytest.mark.parametrize("shape", [(9, 12), (7, 8, 9)])
def test_the_hull_is_that_of_all_corners_of_all_voxels(shape):
    mask = np.random.default_rng(0).random(shape) < 0.8  # one part
    corners = (np.argwhere(mask)[:, None] + list(itertools.product((0, 1), repeat=len(shape)))).reshape(-1, len(shape))
    found = outline_numbers(mask, np.ones(len(shape)))
    assert found["outline_LogParts"] == 0
    assert found["outline_Solidity"] == pytest.approx(mask.sum() / ConvexHull(corners).volume)


def test_the_smallest_lesions_are_measured():
    for shape in ((1, 1), (1, 3), (1, 1, 1), (1, 4, 2)):
        assert np.isfinite(list(outline_numbers(np.ones(shape), np.ones(len(shape))).values())).all()


def test_the_table_has_a_line_for_each_row_and_measures_all_labels_or_one(tmp_path):
    volume = np.zeros((4, 4, 4))
    volume[1:3, 1:3, 1:3] = 1
    one = saved(tmp_path / "one.nii.gz", volume)
    volume[1, 1, 1] = 4
    two = saved(tmp_path / "two.nii.gz", volume)
    rows = [{"subject": "a", "fold": 0, "label": 0, "mask": one}, {"subject": "b", "fold": 1, "label": 1, "mask": two}]
    found = pd.read_csv(write_outline_table(rows, tmp_path / "outline.csv"))
    assert found["subject"].tolist() == ["a", "b"] and found["outline_LogVolume"].tolist() == [np.log(8)] * 2
    part = pd.read_csv(write_outline_table(rows[1:], tmp_path / "outline.csv", mask_label=4))
    assert part["outline_LogVolume"].tolist() == [0]


def test_shapes_are_their_own_masks_and_all_unusable_rows_are_listed(tmp_path):
    shape = saved(tmp_path / "shape.nii.gz", np.pad(np.full((2, 2, 2), 255), 1))
    grey = saved(tmp_path / "grey.nii.gz", np.arange(27).reshape(3, 3, 3))
    empty = saved(tmp_path / "empty.nii.gz", np.zeros((3, 3, 3)))
    good = {"subject": "a", "fold": 0, "label": 0, "image": shape}
    found = pd.read_csv(write_outline_table([good, {**good, "image": [shape]}], tmp_path / "outline.csv", key="image"))
    assert found["outline_LogVolume"].tolist() == [np.log(8)] * 2
    with pytest.raises(InputError) as raised:
        bad = [{"subject": "b", "image": grey}, {"subject": "c", "image": empty}, {"subject": "d"}]
        write_outline_table([good, *bad], tmp_path / "outline.csv", key="image")
    text = str(raised.value)
    assert f"b: {grey}: found 27 values, expected a shape" in text and "d: None: found none, expected a file" in text
    assert f"c: {empty}: found no voxel of the lesion" in text and "a: " not in text


def test_masks_of_other_axes_than_most_and_of_several_channels_are_refused(tmp_path):
    volume = np.pad(np.ones((2, 3, 4)), 1)
    paths = [saved(tmp_path / f"{n}.nii.gz", v) for n, v in enumerate((volume, volume, volume[:, :, 2:3]))]
    both = saved(tmp_path / "both.nii.gz", np.stack([volume, volume], -1))
    rows = [{"subject": f"s{n}", "label": 0, "mask": path} for n, path in enumerate([*paths, both, []])]
    with pytest.raises(InputError) as raised:
        write_outline_table(rows, tmp_path / "o.csv")
    lines = str(raised.value).splitlines()[1:]
    assert [line.split(": ")[2].split(";")[0] for line in lines] == [
        "found 2 channels, expected one",
        "found none, expected a file",
        "found 2 axes, expected 3 as most masks have",
    ]


@pytest.mark.parametrize("shape", [(5, 1, 1), (1, 5, 1), (1, 1, 5), (1, 1, 1)])
def test_volumes_of_one_row_are_measured_as_planes(shape, tmp_path):
    row = {"subject": "a", "label": 0, "mask": saved(tmp_path / "a.nii.gz", np.ones(shape))}
    found = pd.read_csv(write_outline_table([row], tmp_path / "o.csv"))
    assert found["outline_LogVolume"][0] == np.log(np.prod(shape)) and "outline_Flatness" not in found


def test_the_order_of_a_files_axes_changes_nothing(tmp_path):
    volume = np.pad(np.ones((2, 3, 4)), 1)
    axial = saved(tmp_path / "axial.nii.gz", volume, (1.0, 2.0, 3.0))
    image = nib.load(axial).as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    nib.save(image, tmp_path / "sagittal.nii.gz")
    rows = [{"subject": str(path), "label": 0, "mask": path} for path in (axial, str(tmp_path / "sagittal.nii.gz"))]
    found = pd.read_csv(write_outline_table(rows, tmp_path / "o.csv")).filter(like="outline_")
    np.testing.assert_allclose(found.loc[0], found.loc[1])
