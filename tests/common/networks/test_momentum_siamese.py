from __future__ import annotations

import torch
from torch import nn

from common.losses import NormalizedMSELoss
from common.networks import MomentumSiameseNetwork, ProjectionHead


def network() -> MomentumSiameseNetwork:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.BatchNorm1d(6))
    return MomentumSiameseNetwork(encoder, ProjectionHead(6, 5, 6))


def views() -> list[torch.Tensor]:
    return [torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)]


def test_predictions_are_the_online_branch_s_and_targets_the_target_s():
    net, (x1, x2) = network().eval(), views()
    with torch.no_grad():
        for parameter in net.target.parameters():
            parameter.mul_(0.5)
    out = net([x1, x2])
    torch.testing.assert_close(out.t1, net.predictor(net.encoder(x1)))
    torch.testing.assert_close(out.t2, net.predictor(net.encoder(x2)))
    torch.testing.assert_close(out.r1, net.target(x1))
    torch.testing.assert_close(out.r2, net.target(x2))


def test_the_target_starts_equal_shares_no_memory_and_is_not_trained():
    net = network()
    pairs = list(zip(net.target.parameters(), net.encoder.parameters(), strict=True))
    assert all(torch.equal(a, b) and a.data_ptr() != b.data_ptr() for a, b in pairs)
    NormalizedMSELoss()(net.train()(views())).backward()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in net.target.parameters())
    assert all(parameter.grad is not None for parameter in net.encoder.parameters())


def test_the_target_normalises_by_the_batch_in_training_as_byol_s():
    net, (x1, x2) = network().train(), views()
    out = net([x1, x2])
    torch.testing.assert_close(out.r1, net.target(x1))
    torch.testing.assert_close(out.r1.mean(dim=0), torch.zeros(6), atol=1e-5, rtol=0)


def test_the_monitor_watches_the_online_network_and_not_the_target():
    torch.manual_seed(0)
    net = MomentumSiameseNetwork(nn.Linear(8, 6), nn.Linear(6, 6))
    out = net([torch.rand(4, 8), torch.rand(4, 8)])
    assert torch.equal(out.watched[0], out.t1.detach()) and torch.equal(out.watched[1], out.r2)
    assert not out.watched[0].requires_grad
