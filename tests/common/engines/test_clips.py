from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from common.engines import PrepareClipPair, PrepareClips, PrepareRestoration
from common.errors import InputError
from common.transforms import BatchAugment, BatchModelsGenesis, BatchNormalize, BatchRandFlip, BatchRandGaussianNoise


def batch(dtype: torch.dtype = torch.float32) -> dict:
    generator = torch.Generator().manual_seed(0)
    views = ("axial", "coronal", "sagittal", "short")
    clips = {view: (torch.rand(2, 1, 4, 8, 8, generator=generator) * 200).to(dtype) for view in views}
    return {**clips, "subject_index": torch.tensor([3, 0]), "age": torch.tensor([61.5, 70.0]), "subject": ["b", "a"]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
def test_the_clips_asked_for_come_as_floats_by_name_with_the_subjects(dtype):
    data = batch(dtype)
    data["axial"] = MetaTensor(data["axial"])
    clips, subjects = PrepareClips(["axial", "short"], memory_format=torch.channels_last_3d)(data, "cpu")
    assert list(clips) == ["axial", "short"] and torch.equal(subjects, torch.tensor([3, 0]))
    for view, clip in clips.items():
        assert type(clip) is torch.Tensor and clip.dtype == torch.float32
        assert torch.equal(clip, torch.as_tensor(data[view]).float())
        assert clip.is_contiguous(memory_format=torch.channels_last_3d)


def test_bytes_come_back_to_0_to_1_by_a_stock_normalisation_and_each_clip_is_augmented_on_its_own():
    scale = BatchNormalize(mean=[0.0], std=[255.0])
    clips, _ = PrepareClips(augment=scale)(batch(torch.uint8), "cpu")
    assert all(clip.max() <= 1 and clip.max() > 0.5 for clip in clips.values())
    data = batch() | {"coronal": batch()["axial"]}
    clips, _ = PrepareClips(augment=BatchRandGaussianNoise(1.0, std=[0.1, 0.1]))(data, "cpu")
    assert not torch.equal(clips["axial"], clips["coronal"])
    assert torch.equal(data["axial"], batch()["axial"])


@pytest.mark.parametrize("target", [None, "subject_index", "age"])
def test_a_pair_is_two_variants_of_one_clip_with_the_target_of_the_loss(target):
    augment = BatchAugment([BatchRandFlip(0.5, spatial_axis=1), BatchRandGaussianNoise(1.0, std=[0.1, 0.1])])
    data = batch()
    (x1, x2), found = PrepareClipPair(augment=augment, target=target)(data, "cpu")
    assert x1.shape == x2.shape == (2, 1, 4, 8, 8) and not torch.equal(x1, x2)
    assert found is None if target is None else torch.equal(found, data[target])


def test_a_pair_may_be_two_clips():
    (x1, x2), _ = PrepareClipPair(["axial", "coronal"])(batch(), "cpu")
    assert torch.equal(x1, batch()["axial"]) and torch.equal(x2, batch()["coronal"])
    with pytest.raises(InputError, match=r"^PrepareClipPair: views is \['axial'\]; expected two"):
        PrepareClipPair(["axial"])


def test_restoration_gives_the_distorted_clip_and_its_augmented_original():
    data = {"short": torch.rand(3, 1, 12, 24, 24)}
    flip = BatchRandFlip(1.0, spatial_axis=2)
    distorted, original = PrepareRestoration(BatchModelsGenesis(num_windows=50), "short", flip)(data, "cpu")
    assert torch.equal(original, data["short"].flip(4))
    assert distorted.shape == original.shape and not torch.equal(distorted, original)


@pytest.mark.parametrize(
    ("missing", "value", "reported"),
    [
        ("coronal", None, "no 'coronal' among .*add it to .*views of RandSampleClipsd"),
        ("subject_index", None, "'subject_index' is missing; expected a number from 0"),
        ("subject_index", ["a", "b"], "'subject_index' is no number in some rows"),
        ("subject_index", torch.tensor([0, -1]), "'subject_index' is negative in some rows"),
    ],
)
def test_what_the_rows_lack_is_one_line(missing, value, reported):
    data = batch()
    del data[missing]
    with pytest.raises(InputError, match=f"^batch: {reported}"):
        PrepareClips()(data | ({} if value is None else {missing: value}), "cpu")


def test_an_age_that_is_unknown_is_one_line():
    with pytest.raises(InputError, match=r"^batch: 'age' is no number in some rows"):
        PrepareClipPair(target="age")(batch() | {"age": torch.tensor([61.0, float("nan")])}, "cpu")
