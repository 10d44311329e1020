from __future__ import annotations

from collections import Counter

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, CropForegroundd, EnsureChannelFirstd, LabelToMaskd, LoadImaged, Orientationd

from common.errors import InputError
from common.transforms import SelectUniformSlicesd
from common.transforms.select_uniform_slices import uniform_slices

KEYS = ["image", "mask"]
AFFINE = torch.tensor([[0, -1.5, 0, 5], [2.0, 0, 0.3, -7], [0, 0.1, 6, 1], [0, 0, 0, 1]], dtype=torch.float64)


def make_row(shown: list[int], axis: int = 2, shape: tuple[int, int, int] = (7, 6, 30)) -> dict:
    """A volume whose mask shows in the slices named."""
    mask = torch.zeros(1, *shape)
    for index in shown:
        mask.select(1 + axis, index)[0, 2:4, 1 + index % 3] = 2
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))
    make = {"image": MetaTensor(image, affine=AFFINE, meta={"filename_or_obj": "ct.nii.gz"})}
    return {**make, "mask": MetaTensor(mask, affine=AFFINE), "subject": "p1"}


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [
        # as many as there are: each once
        (10, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        # more: the middles of ten equal parts, by hand
        (20, 10, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]),
        (30, 10, [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]),
        (11, 10, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]),
        (5, 1, [2]),
        # fewer: the middle is repeated first, then its neighbours
        (9, 10, [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]),
        (8, 10, [0, 1, 2, 3, 3, 4, 4, 5, 6, 7]),
        (7, 10, [0, 1, 2, 2, 3, 3, 4, 4, 5, 6]),
        (6, 10, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]),
        (5, 10, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        (4, 10, [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]),
        (3, 10, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]),
        (2, 10, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
        (1, 10, [0] * 10),
    ],
)
def test_positions_worked_out_by_hand(available, wanted, expected):
    assert uniform_slices(available, wanted) == expected


@pytest.mark.parametrize("available", range(1, 41))
def test_slices_are_in_order_symmetric_and_as_even_as_goes(available):
    chosen = uniform_slices(available, 10)
    assert len(chosen) == 10 and chosen == sorted(chosen) and 0 <= chosen[0] <= chosen[-1] < available
    if available >= 10:
        steps = np.diff(chosen)
        assert len(set(chosen)) == 10 and steps.max() - steps.min() <= 1
        assert abs(chosen[0] - (available - 1 - chosen[-1])) <= 1
    else:
        counts = Counter(chosen)
        assert len(counts) == available and max(counts.values()) - min(counts.values()) <= 1
        extra = [position for position, count in counts.items() if count > min(counts.values())]
        middle = (available - 1) / 2
        rest = [abs(position - middle) for position in counts if position not in extra]
        assert not extra or not rest or max(abs(position - middle) for position in extra) <= min(rest)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("key", KEYS)
def test_channels_are_the_slices_chosen_along_any_axis(axis, key):
    shape = [7, 6, 5]
    shape[axis] = 30
    row = make_row([4, 5, 6, 9, 20, 21], axis, tuple(shape))
    result = SelectUniformSlicesd(KEYS, num_slices=4, axis=axis)(row)
    assert result["slices"] == [4, 6, 9, 21]  # of six that show it: positions 0, 2, 3, 5
    for channel, index in enumerate(result["slices"]):
        assert torch.equal(result[key][channel].as_tensor(), row[key].select(1 + axis, index)[0].as_tensor())
    assert row[key].ndim == 4


def test_pixels_of_the_first_slice_keep_their_place_in_the_patient():
    result = SelectUniformSlicesd(KEYS, num_slices=3)(make_row([8, 9, 10, 11, 12, 13]))["image"]
    assert result.affine.shape == (4, 4) and result.shape == (3, 7, 6)
    for pixel in ((0, 0), (2, 3), (5, 1)):
        voxel = AFFINE @ torch.tensor([*pixel, 9.0, 1.0], dtype=torch.float64)
        assert torch.allclose(result.affine @ torch.tensor([*pixel, 0.0, 1.0], dtype=torch.float64), voxel)


def test_cropping_to_the_mask_keeps_the_region_of_every_slice():
    steps = Compose([SelectUniformSlicesd(KEYS, num_slices=10), CropForegroundd(KEYS, source_key="mask")])
    result = steps(make_row([3, 4, 5]))
    assert result["image"].shape == result["mask"].shape == (10, 2, 3)
    assert (result["mask"].sum((1, 2)) == 4).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("mask"), "subject p1: no 'mask'; expected the region's mask"),
        (lambda row: row["mask"].zero_(), "mask of subject p1: found an empty mask"),
        (lambda row: row.update(image=row["image"].repeat(2, 1, 1, 1)), r"ct.nii.gz\): found shape \(2, 7, 6, 30\)"),
        (lambda row: row.update(image=row["image"][:, :5]), r"found shape \(1, 5, 6, 30\), expected \(1, 7, 6, 30\)"),
        (lambda row: row.update(mask=row["mask"][..., 4]), r"found shape \(1, 7, 6\), expected one channel and three"),
    ],
)
def test_bad_rows_are_reported(change, message):
    row = make_row([4, 5])
    change(row)
    with pytest.raises(InputError, match=message):
        SelectUniformSlicesd(KEYS)(row)


@pytest.mark.parametrize("options", [{"axis": 3}, {"num_slices": 0}, {"num_slices": 2.5}, {"num_slices": True}])
def test_options_that_make_no_sense_are_reported(options):
    with pytest.raises(InputError, match=r"SelectUniformSlicesd: (axis|num_slices) is"):
        SelectUniformSlicesd(KEYS, **options)


def test_real_tumours_give_ten_slices_that_show_them(shared_data):
    """At 3 mm many tumours have fewer than ten: their middle is repeated."""
    load = Compose([LoadImaged("mask", ensure_channel_first=True), Orientationd("mask", axcodes="RAS", labels=None)])
    take = Compose([LabelToMaskd("mask", select_labels=2), SelectUniformSlicesd("mask", num_slices=10)])
    available = []
    for path in sorted((shared_data / "kits19_masks_3mm").glob("*.nii.gz"))[:40]:
        volume = load({"mask": str(path), "subject": path.name})
        stored = np.asarray(nib.load(path).dataobj) == 2  # slices first, from head to feet
        shown = np.flatnonzero(stored.any((1, 2)))
        result = take(volume)
        assert result["mask"].shape == (10, *volume["mask"].shape[1:3])
        in_file = [len(stored) - 1 - index for index in result["slices"]]
        assert in_file == [shown[len(shown) - 1 - position] for position in uniform_slices(len(shown), 10)]
        areas = [int(stored[index].sum()) for index in in_file]
        assert result["mask"].sum((1, 2)).tolist() == areas and min(areas) > 0
        available.append(len(shown))
    assert min(available) < 10 < max(available)


def test_a_real_slice_lies_under_its_mask(shared_data):
    """A single slice is all ten channels; the mask, red on black, marks the tumour, whose greys are soft tissue's."""
    folder = shared_data / "kits19_slices"
    load = Compose([LoadImaged(KEYS), EnsureChannelFirstd(KEYS)])
    name = "case_00027_171.jpg"
    row = load({"image": str(folder / "images" / name), "mask": str(folder / "masks" / name), "subject": "case_00027"})
    mask = (row["mask"].amax(0, keepdim=True) > 127)[..., None]
    volume = {"image": row["image"][:1, ..., None], "mask": mask, "subject": "case_00027"}
    result = SelectUniformSlicesd(KEYS, num_slices=10)(volume)
    assert result["image"].shape == (10, 512, 512) and result["slices"] == [0] * 10
    inside = result["image"][0][result["mask"][0] > 0]
    assert inside.numel() > 100 and 60 < float(inside.mean()) < 240
