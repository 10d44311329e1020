from __future__ import annotations

import pytest
import torch

from common.engines import PrepareJigsaw
from common.errors import InputError
from common.losses import JigsawLoss
from common.networks import JigsawNetwork, ResNetBackbone
from common.transforms import JigsawTiles


def network(**kwargs) -> JigsawNetwork:
    torch.manual_seed(0)
    encoder = ResNetBackbone(18, 1, small_stem=True, widen_factor=0.125)
    return JigsawNetwork(encoder, **{"num_permutations": 7, "tile_features": 8, "hidden_features": 16, **kwargs})


def test_each_tile_goes_through_the_encoder_alone():
    net, tiles = network().eval(), torch.rand(3, 9, 1, 12, 10)
    features = torch.stack([net.encoder(tiles[:, k]).mean((2, 3)) for k in range(9)], dim=1)
    expected = net.head(net.tile_head(features).flatten(1))
    found = net(tiles)
    torch.testing.assert_close(found.order, expected)
    torch.testing.assert_close(found.watched[0], features.mean(1))
    assert expected.shape == (3, 7)


def test_the_order_of_the_tiles_matters():
    net, tiles = network().eval(), torch.rand(3, 9, 1, 12, 10)
    assert not torch.allclose(net(tiles).order, net(tiles.flip(1)).order)


def test_it_learns_how_tiles_were_shuffled():
    torch.manual_seed(0)
    image = torch.linspace(0, 1, 16)[:, None] ** 2 + torch.linspace(0, 1, 16).sin()
    image = image + 0.5 * torch.rand(16, 1, 16, 16)
    prepare = PrepareJigsaw(JigsawTiles(grid=2, num_permutations=3, tile_share=0.9))
    net, loss, accuracies = network(grid=2, num_permutations=3), JigsawLoss(), []
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(60):
        tiles, target = prepare({"image": image})
        output = net(tiles)
        accuracies.append((output.order.argmax(1) == target).float().mean())
        optimizer.zero_grad()
        loss(output, target).backward()
        optimizer.step()
    assert torch.stack(accuracies[-10:]).mean() > 0.6


def test_other_tiles_are_one_line():
    with pytest.raises(InputError, match=r"grid: tiles of shape \[1, 4, 1, 8, 8\]; expected \[B, 9, C, h, w\]"):
        network()(torch.rand(1, 4, 1, 8, 8))


def test_equal_scores_have_the_loss_of_chance():
    output = network()(torch.rand(2, 9, 1, 8, 8))
    equal = output._replace(order=torch.zeros_like(output.order))
    assert JigsawLoss()(equal, torch.tensor([3, 5])) == pytest.approx(JigsawLoss().chance(output))
