from __future__ import annotations

import pytest
import torch
from torch import nn

from common.engines import PrepareViews
from common.errors import InputError
from common.losses import NTXentLoss
from common.networks import ProjectedEncoder, ProjectionHead, ResNetBackbone, SiameseNetwork
from common.transforms import BatchRandFlip


@pytest.mark.parametrize(
    ("channels", "size", "stem", "shape"),
    [
        (1, (196, 160), (7, 7), (7, 5)),  # thyroid
        (10, (64, 64), (3, 3), (8, 8)),  # kidney
        (1, (300, 143), (3, 3), (38, 18)),
        (1, (144, 144), (7, 7), (5, 5)),
    ],
)
def test_images_narrower_than_144_pixels_get_the_small_stem(channels, size, stem, shape):
    network = ResNetBackbone(18, channels, image_size=size, widen_factor=0.125)
    assert network.conv1.weight.shape[1:] == (channels, *stem)
    assert network(torch.rand(2, channels, *size)).shape == (2, network.num_features, *shape)


def test_the_choice_of_the_stem_can_be_overruled():
    assert ResNetBackbone(18, small_stem=False, image_size=(64, 64)).conv1.kernel_size == (7, 7)
    assert ResNetBackbone(18, small_stem=True, image_size=(196, 160)).conv1.kernel_size == (3, 3)


@pytest.mark.parametrize(("depth", "features", "millions"), [(18, 512, 11.170), (50, 2048, 23.502)])
def test_it_is_resnet_without_its_classifier(depth, features, millions):
    network = ResNetBackbone(depth, 1, small_stem=False)
    assert network.num_features == features
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=1e-3)


@pytest.mark.parametrize("small_stem", [False, True])
def test_torchscript_gives_the_same(small_stem, tmp_path):
    network = ResNetBackbone(50, 3, small_stem, widen_factor=0.125).eval()
    torch.jit.script(network).save(tmp_path / "model.ts")
    x = torch.rand(2, 3, 64, 48)
    torch.testing.assert_close(torch.jit.load(tmp_path / "model.ts")(x), network(x))


def test_simclr_learns_with_it_from_the_parts_that_are_there():
    torch.manual_seed(0)
    encoder = ProjectedEncoder(ResNetBackbone(18, 1, small_stem=True, widen_factor=0.125), ProjectionHead(64, 8, 6))
    network = SiameseNetwork(encoder, nn.Identity())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    prepare, loss, losses = PrepareViews(BatchRandFlip(0.5)), NTXentLoss(0.5), []
    batch = {"image": torch.rand(8, 1, 16, 16)}
    for _ in range(8):
        views, weights = prepare(batch)
        losses.append(loss(network(views), weights))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 49, "small_stem": True}, "depth: no ResNet-49; expected one of 10, 18, 34, 50, 101, 152, 200"),
        ({}, "small_stem: null without image_size"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        ResNetBackbone(**arguments)
