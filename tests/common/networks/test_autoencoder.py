from __future__ import annotations

import pytest
import torch

from common.engines import PrepareRestoration
from common.losses import RestorationLoss
from common.networks import DenoisingAutoencoder, ResNetBackbone
from common.transforms import BatchRandMaskingNoise


def network(channels: int = 1, small_stem: bool = True) -> DenoisingAutoencoder:
    torch.manual_seed(0)
    return DenoisingAutoencoder(ResNetBackbone(18, channels, small_stem, widen_factor=0.125), (16, 8, 8))


@pytest.mark.parametrize("small_stem", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (49, 40)])
def test_the_image_comes_back_in_its_size_and_range(small_stem, size):
    net, x = network(3, small_stem).eval(), torch.rand(2, 3, *size)
    image, _ = net(x)
    assert image.shape == (2, 3, *size) and image.min() >= 0 and image.max() <= 1
    torch.testing.assert_close(net(x).watched[0], net.encoder(x).mean((2, 3)))


def test_it_learns_to_distinguish_the_clean_image_from_the_corrupted():
    torch.manual_seed(0)
    rows, columns = torch.arange(16)[:, None], torch.arange(16)
    clean = torch.stack([((rows * i + columns * (3 - i)) / 45) for i in range(4)])[:, None]
    net, loss, errors = network(), RestorationLoss(), []
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    prepare = PrepareRestoration(BatchRandMaskingNoise(fraction=[0.5, 0.5]))
    for _ in range(60):
        corrupted, target = prepare({"image": clean})
        errors.append(loss(net(corrupted), target))
        optimizer.zero_grad()
        errors[-1].backward()
        optimizer.step()
    assert errors[-1] < 0.2 * (corrupted - target).square().mean()
    assert net.encoder.conv1.weight.grad.abs().sum() > 0


def test_it_scripts_and_gives_single_precision_under_autocast():
    net, x = network().eval(), torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(torch.jit.script(net)(x), net(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert net(x).image.dtype == torch.float32
