from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from common.losses import NormalizedMSELoss
from common.networks import (
    MomentumContrastNetwork,
    MomentumSiameseNetwork,
    ProjectedEncoder,
    ProjectionHead,
    VolumeResNet,
)


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return ProjectedEncoder(VolumeResNet(10, 1, (4, 8, 8, 16)), ProjectionHead(16, 12, 8))


def views() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, 1, 8, 16, 16, generator=generator) for _ in range(2)]


def test_queries_are_of_the_first_view_and_keys_of_the_second_through_the_target():
    net = MomentumContrastNetwork(encoder())
    x_q, x_k = views()
    nn.init.normal_(net.target.projector[3].weight)
    found = net([x_q, x_k])
    torch.testing.assert_close(found.q, normalize(net.encoder(x_q), dim=1))
    torch.testing.assert_close(found.k, normalize(net.target(x_k), dim=1))
    assert found.q.requires_grad and not found.k.requires_grad
    assert found.queue_keys == {"image": found.k} and found.watched == (found.q, found.k)


def test_the_target_starts_equal_and_gets_no_gradient():
    net = MomentumContrastNetwork(encoder())
    for ours, target in zip(net.encoder.parameters(), net.target.parameters(), strict=True):
        assert torch.equal(ours, target) and not target.requires_grad and ours.data_ptr() != target.data_ptr()


def test_byol_learns_on_3d_clips():
    net = MomentumSiameseNetwork(encoder(), ProjectionHead(8, 12, 8))
    loss, optimizer = NormalizedMSELoss(), torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.05)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        losses.append(loss(net(views())))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] and all(p.grad is None for p in net.target.parameters())


def test_a_projected_encoder_takes_backbones_that_pool_by_themselves_and_those_that_do_not():
    backbone, projector = VolumeResNet(10, 1, (4, 8, 8, 16)), ProjectionHead(16, 12, 8)
    net, x = ProjectedEncoder(backbone, projector).eval(), views()[0]
    torch.testing.assert_close(net(x), projector(backbone(x)))
    torch.testing.assert_close(torch.jit.script(net)(x), net(x))
