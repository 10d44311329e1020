from __future__ import annotations

import ignite.distributed as idist
import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Orientationd, ResizeWithPadOrCrop, Spacingd
from monai.utils import set_determinism
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from scipy.ndimage import affine_transform

from common.errors import InputError
from common.transforms import RandSampleClipsd
from common.transforms.sample_clips import VIEWS, slice_starts


def coordinates(*shape: int) -> torch.Tensor:
    """Each voxel holds its own place as a number: 10000 x + 100 y + z."""
    x, y, z = torch.meshgrid(*(torch.arange(length) for length in shape), indexing="ij")
    return (10000 * x + 100 * y + z)[None].float()


def seed(number: int) -> None:
    torch.manual_seed(number)


def test_each_clip_has_its_slices_at_its_stride_along_its_axis():
    volume = coordinates(40, 42, 44)
    sample = RandSampleClipsd("image", num_slices=5, long_stride=6, short_stride=2, clip_size=(60, 60))
    for number in range(5):
        seed(number)
        row = sample({"image": volume, "subject": "a"})
        assert set(row) == {"subject", *VIEWS}
        for view, unit, stride in (("axial", 1, 6), ("coronal", 100, 6), ("sagittal", 10000, 6), ("short", 1, 2)):
            clip = row[view]
            assert clip.shape == (1, 5, 60, 60) and clip.is_contiguous()
            inner = clip[0, :, 12:48, 12:48]  # without the padding
            assert (inner.diff(dim=0) == stride * unit).all(), view


def test_the_slices_axes_are_the_two_others_in_their_order_and_nothing_is_resampled():
    volume = coordinates(30, 32, 34)
    sample = RandSampleClipsd("image", num_slices=2, long_stride=4, short_stride=1, clip_size=(30, 30))
    row = sample({"image": volume})
    steps = {"axial": (10000, 100), "short": (10000, 100), "coronal": (10000, 1), "sagittal": (100, 1)}
    for view, (down, across) in steps.items():
        clip = row[view][0]
        assert (clip.diff(dim=1) == down).all() and (clip.diff(dim=2) == across).all()
    # cut round the centre: 32 -> 30 leaves one voxel at each end, 34 -> 30 two
    assert row["axial"][0, 0, 0, 0] // 100 % 100 == 1
    assert row["coronal"][0, 0, 0, 0] % 100 == 2


def test_smaller_planes_are_padded_with_0_to_the_size():
    sample = RandSampleClipsd("image", num_slices=2, long_stride=4, short_stride=1, clip_size=(20, 24))
    row = sample({"image": torch.ones(2, 16, 18, 30)})
    for view, (down, across) in {"axial": (16, 18), "coronal": (16, 24), "sagittal": (18, 24)}.items():
        clip = row[view]
        assert clip.shape == (2, 2, 20, 24) and clip.sum() == 2 * 2 * down * across


def test_every_place_that_fits_is_drawn_and_none_else():
    sample = RandSampleClipsd("image", num_slices=3, long_stride=4, short_stride=2, clip_size=(9, 9))
    volume = coordinates(9, 10, 11)
    seen: dict[str, set[int]] = {view: set() for view in VIEWS}
    seed(0)
    for _ in range(150):
        row = sample({"image": volume})
        seen["axial"].add(int(row["axial"][0, 0, 0, 0]) % 100)
        seen["short"].add(int(row["short"][0, 0, 0, 0]) % 100)
        seen["coronal"].add(int(row["coronal"][0, 0, 0, 0]) // 100 % 100)
        seen["sagittal"].add(int(row["sagittal"][0, 0, 0, 0]) // 10000)
    assert seen == {"axial": {0, 1, 2}, "coronal": {0, 1}, "sagittal": {0}, "short": set(range(7))}


def test_all_places_are_alike():
    strides, lengths = {"axial": 2}, {"axial": 8}
    uniform = torch.rand(4000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).tolist()
    starts = [slice_starts({"axial": u}, lengths, strides, 3)["axial"] for u in uniform]  # 8 - 5 + 1 = 4 places
    assert set(starts) == {0, 1, 2, 3}
    assert min(starts.count(start) for start in range(4)) > 900
    assert slice_starts({"axial": 1 - 2**-53}, lengths, strides, 3) == {"axial": 3}


def test_axes_that_are_too_short_are_named_all_at_once_with_their_length_and_what_is_needed():
    sample = RandSampleClipsd("image", num_slices=16, long_stride=8, short_stride=2)
    with pytest.raises(InputError) as error:
        sample({"image": torch.zeros(1, 91, 121, 120), "subject": "sub-07"})
    reported = str(error.value)
    assert reported.startswith("subject sub-07: axial: axis 2 (feet to head) has 120 slices, expected at least 121")
    assert "sagittal: axis 0 (left to right) has 91 slices, expected at least 121 = (16 - 1) * 8 + 1" in reported
    assert "coronal" not in reported and "short" not in reported and "\n" not in reported
    sample({"image": torch.zeros(1, 121, 121, 121)})  # just long enough


def test_a_size_can_be_checked_without_a_volume_and_without_drawing():
    sample = RandSampleClipsd("image", num_slices=16, long_stride=8, short_stride=2)
    before = torch.get_rng_state()
    with pytest.raises(InputError, match=r"image_size: axial: axis 2 .* has 120 slices"):
        sample.check_volume((121, 121, 120))
    sample.check_volume((121, 121, 121))
    assert torch.equal(torch.get_rng_state(), before)


def test_only_the_views_asked_for_are_sampled_and_need_their_axis_and_come_from_the_same_places():
    sizes = {"num_slices": 3, "long_stride": 5, "short_stride": 2, "clip_size": (12, 12)}
    volume = coordinates(30, 12, 14)
    seed(3)
    two = RandSampleClipsd("image", **sizes, views=["axial", "short"])({"image": volume[:, :8]})
    assert set(two) == {"axial", "short"}
    seed(3)
    four = RandSampleClipsd("image", **sizes)({"image": volume})
    for view in two:
        assert two[view][0, 0, 6, 0] % 100 == four[view][0, 0, 6, 0] % 100


@pytest.mark.parametrize("size", [(7, 8), (10, 11), (13, 14), (6, 15)])
def test_planes_are_cut_and_padded_as_monai_does_it(size):
    volume = coordinates(10, 11, 12)
    sample = RandSampleClipsd("image", num_slices=2, long_stride=9, short_stride=1, clip_size=size, views=["sagittal"])
    expected = ResizeWithPadOrCrop((2, *size))(volume[:, ::9])
    assert torch.equal(sample({"image": volume})["sagittal"], expected.as_tensor())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
def test_storage_type_stays_and_meta_data_go(dtype):
    sample = RandSampleClipsd("image", num_slices=2, long_stride=4, short_stride=1, clip_size=(12, 8))
    row = sample({"image": MetaTensor(torch.ones(1, 10, 10, 10).to(dtype))})
    for view in VIEWS:
        assert row[view].dtype == dtype and type(row[view]) is torch.Tensor


def test_the_same_seed_draws_the_same_and_the_state_of_torch_s_generator_is_all_there_is():
    sample = RandSampleClipsd("image", num_slices=2, long_stride=4, short_stride=1, clip_size=(8, 8))
    volume = torch.rand(1, 20, 20, 20)
    seed(1)
    sample({"image": volume})
    state = torch.get_rng_state()
    expected = sample({"image": volume})
    torch.set_rng_state(state)
    again = RandSampleClipsd("image", num_slices=2, long_stride=4, short_stride=1, clip_size=(8, 8))({"image": volume})
    assert all(torch.equal(again[view], expected[view]) for view in VIEWS)


def test_two_processes_draw_what_one_draws_for_the_joined_batch(monkeypatch):
    sample = RandSampleClipsd("image", num_slices=2, long_stride=3, short_stride=1, clip_size=(8, 8))
    volumes = [torch.rand(1, 20, 20, 20) for _ in range(4)]
    seed(5)
    alone = [sample({"image": volume}) for volume in volumes]
    for rank in range(2):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(idist, "get_world_size", lambda: 2)
        seed(5)
        for found, expected in zip([sample({"image": v}) for v in volumes[rank::2]], alone[rank::2], strict=True):
            assert all(torch.equal(found[view], expected[view]) for view in VIEWS)


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        ({"short_stride": 8}, "short_stride is 8 and long_stride 8; expected the short one below"),
        ({"num_slices": 0}, "num_slices is 0; expected a whole number from 1"),
        ({"long_stride": 2.5}, "long_stride is 2.5; expected a whole number"),
        ({"clip_size": (128,)}, "clip_size is"),
        ({"views": ["axial", "oblique"]}, "expected some of axial, coronal, sagittal, short, each once"),
        ({"keys": ["image", "mask"]}, "expected one, that of the volume"),
    ],
)
def test_impossible_arguments_are_one_line(arguments, reported):
    with pytest.raises(InputError, match=f"^RandSampleClipsd: .*{reported}"):
        RandSampleClipsd(**{"keys": "image", **arguments})


# one body in several frames

SHAPE = (36, 40, 44)
RAS = np.diag([2.0, 2.0, 2.0, 1.0])


def body() -> np.ndarray:
    """Smooth and without any symmetry."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    blobs = ((0.3, -0.2, 0.1, 1.0), (-0.4, 0.3, 0.35, 0.7), (0.1, 0.35, -0.4, 0.4))
    return sum(w * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 0.08) for a, b, c, w in blobs)


def reoriented(array: np.ndarray, codes: str) -> MetaTensor:
    """The same body, its axes in another order and direction, with the affine that says so."""
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    turned = nib.orientations.apply_orientation(array, turn)
    affine = RAS @ inv_ornt_aff(turn, array.shape)
    assert "".join(nib.aff2axcodes(affine)) == codes
    return MetaTensor(torch.from_numpy(turned.copy())[None].float(), affine=torch.from_numpy(affine))


def oblique(array: np.ndarray, degrees: float) -> MetaTensor:
    """The same body, scanned on a grid turned about two axes round its centre, large enough for all of it."""
    a = np.radians(degrees)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn, grid = about_z @ about_x, np.array([56, 60, 60])
    affine = np.eye(4)
    affine[:3, :3] = 2 * turn
    affine[:3, 3] = (np.array(SHAPE) - 1) - affine[:3, :3] @ ((grid - 1) / 2)
    to_voxels = np.linalg.inv(RAS) @ affine
    scanned = affine_transform(array, to_voxels[:3, :3], to_voxels[:3, 3], tuple(grid), order=3)
    return MetaTensor(torch.from_numpy(scanned)[None].float(), affine=torch.from_numpy(affine))


def clips_of(image: MetaTensor, *before) -> dict[str, torch.Tensor]:
    sample = RandSampleClipsd("image", num_slices=4, long_stride=8, short_stride=3, clip_size=(30, 30))
    set_determinism(seed=7)
    row = Compose([*before, Orientationd("image", axcodes="RAS", labels=None), sample])({"image": image})
    set_determinism(seed=None)
    return row


@pytest.mark.parametrize("codes", ["LPS", "SAR", "PIR", "ASL"])
def test_a_volume_stored_in_another_order_gives_the_same_anatomical_views(codes):
    expected, found = clips_of(reoriented(body(), "RAS")), clips_of(reoriented(body(), codes))
    for view in VIEWS:
        assert torch.equal(found[view], expected[view]), view
    assert not torch.allclose(expected["axial"], expected["coronal"], atol=0.1)


def test_an_oblique_scan_resampled_to_the_axes_gives_the_same_anatomical_views():
    """Spacing resamples to a grid without obliqueness; the field of view is then cut to the same box by centring."""
    straight, tilted = reoriented(body(), "RAS"), oblique(body(), 12.0)
    resample = Spacingd("image", pixdim=(2.0, 2.0, 2.0), diagonal=True, mode=3, padding_mode="zeros")
    whole = Compose([resample, Orientationd("image", axcodes="RAS", labels=None)])({"image": tilted})["image"]
    start = torch.linalg.solve(whole.affine, torch.tensor([0.0, 0, 0, 1], dtype=whole.affine.dtype))[:3]
    first = start.round().int().tolist()
    assert torch.allclose(whole.affine[:3, :3], torch.eye(3, dtype=whole.affine.dtype) * 2, atol=1e-4)
    box = tuple(slice(f, f + n) for f, n in zip(first, SHAPE, strict=True))
    cut = whole[(slice(None), *box)]
    assert cut.shape[1:] == SHAPE
    expected, found = clips_of(straight), clips_of(cut)
    part = (start - start.round()).abs().max().item()  # of a voxel: what the two grids are apart
    for view in VIEWS:
        difference = (found[view] - expected[view]).abs()
        assert difference.max() < 0.1 + 0.2 * part, view
        joined = torch.stack([found[view].flatten(), expected[view].flatten()])
        assert torch.corrcoef(joined)[0, 1] > 0.98, view
    mixed = torch.stack([found["axial"].flatten(), expected["coronal"].flatten()])
    assert torch.corrcoef(mixed)[0, 1] < 0.9
