from __future__ import annotations

import torch
from monai.data import MetaTensor

from common.engines import PrepareImage, PrepareViews


def test_views_are_two_draws_of_the_augmentation_on_the_same_images():
    draws = []

    def augment(image):
        draws.append(image)
        return image + len(draws)

    image = torch.zeros(2, 1, 3, 3, 3)
    (x1, x2), weights = PrepareViews(augment)({"image": image}, "cpu")
    assert torch.equal(x1, image + 1) and torch.equal(x2, image + 2)
    assert draws[0] is draws[1] and weights is None


def test_weights_of_re_reach_the_loss():
    weight = torch.tensor([1.0, 2.0])
    _, weights = PrepareViews()({"image": torch.zeros(2, 1, 3, 3, 3), "weight": weight}, "cpu")
    assert torch.equal(weights, weight)


def test_stored_half_precision_comes_out_as_single_without_metadata():
    image, label = PrepareImage()({"image": MetaTensor(torch.ones(2, 1, 3, 3, 3, dtype=torch.float16))}, "cpu")
    assert image.dtype == torch.float32 and not isinstance(image, MetaTensor) and label is None


def test_the_image_comes_out_in_the_memory_format_asked_for():
    image, label = PrepareImage(memory_format=torch.channels_last_3d)(
        {"image": torch.rand(2, 4, 3, 3, 3), "label": torch.tensor([0, 1])}, "cpu"
    )
    assert image.is_contiguous(memory_format=torch.channels_last_3d) and label.tolist() == [0, 1]
