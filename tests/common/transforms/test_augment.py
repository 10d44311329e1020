from __future__ import annotations

import pytest
import torch
from monai.bundle import ConfigParser

from common.transforms import BatchAugment, BatchOneOf, BatchRandAffine, BatchRandGaussianNoise, BatchRandGaussianSmooth

FOUR_GROUPS = """
augment:
  _target_: common.transforms.BatchAugment
  transforms:
    - _target_: common.transforms.BatchRandAffine
      prob: 0.8
      rotate_range: 20.0
      scale_range: [0.7, 1.3]
      shift_range: 0.05
      mode: bilinear
      padding_mode: zeros
    - _target_: common.transforms.BatchOneOf
      transforms:
        - {_target_: common.transforms.BatchRandGaussianSharpen, prob: 0.8, strength: [0.5, 2.0], sigma: [0.5, 1.0]}
        - {_target_: common.transforms.BatchRandGaussianSmooth, prob: 0.8, sigma: [0.25, 1.5]}
    - {_target_: common.transforms.BatchRandAdjustContrast, prob: 0.8, gamma: [0.7, 1.5], value_range: [0, 255]}
    - {_target_: common.transforms.BatchRandGaussianNoise, prob: 0.8, std: [0.0, 0.05]}
"""


@pytest.fixture
def augment(tmp_path):
    (tmp_path / "augment.yaml").write_text(FOUR_GROUPS)
    parser = ConfigParser()
    parser.read_config(tmp_path / "augment.yaml")
    return parser.get_parsed_content("augment")


def test_a_config_makes_two_different_views_and_leaves_the_batch(augment, images):
    original = images.clone()
    first, second = augment(images), augment(images)
    assert torch.equal(images, original)
    assert (first - second).abs().flatten(1).amax(1).min() > 1
    assert first.shape == images.shape and first.min() >= 0 and first.max() <= 255 + 1e-3


def test_the_same_seed_makes_the_same_views(augment, images):
    torch.manual_seed(8)
    first = augment(images), augment(images)
    torch.manual_seed(8)
    second = augment(images), augment(images)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_processes_together_make_the_views_of_one_process(augment, images, play_process):
    torch.manual_seed(8)
    joined = augment(images), augment(images)
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(8)
        for whole in joined:
            torch.testing.assert_close(augment(images[rank::2]), whole[rank::2], rtol=0, atol=2e-3)


def test_it_is_its_transforms_in_their_order(images):
    transforms = [BatchRandGaussianSmooth(0.7), BatchRandAffine(0.7), BatchRandGaussianNoise(0.7)]
    torch.manual_seed(8)
    expected = images
    for transform in transforms:
        expected = transform(expected)
    torch.manual_seed(8)
    assert torch.equal(BatchAugment(transforms)(images), expected)


def test_nothing_hit_returns_the_batch_itself(images):
    augment = BatchAugment([BatchRandAffine(0.0), BatchOneOf([BatchRandGaussianSmooth(0.0)])])
    assert augment(images) is images


def test_no_gradient_graph_is_built(augment, images):
    assert not augment(images.requires_grad_()).requires_grad
