from __future__ import annotations

import torch
from torch import nn

from common.losses import NegativeCosineLoss
from common.networks import PredictionHead, SiameseNetwork, SimSiamProjector


def network() -> SiameseNetwork:
    torch.manual_seed(0)
    return SiameseNetwork(nn.Sequential(nn.Flatten(), nn.Linear(8, 6)), PredictionHead(6, 3))


def test_outputs_are_predictions_and_features_of_the_two_views():
    net, x1, x2 = network().eval(), torch.rand(4, 1, 2, 2, 2), torch.rand(4, 1, 2, 2, 2)
    out = net([x1, x2])
    torch.testing.assert_close(out.r1, net.encoder(x1))
    torch.testing.assert_close(out.t1, net.predictor(net.encoder(x1)))
    torch.testing.assert_close(out.r2, net.encoder(x2))
    torch.testing.assert_close(out.t2, net.predictor(net.encoder(x2)))


def test_targets_carry_no_gradient_and_predictions_do():
    out = network()([torch.rand(4, 1, 2, 2, 2), torch.rand(4, 1, 2, 2, 2)])
    assert not out.r1.requires_grad and not out.r2.requires_grad
    assert out.t1.requires_grad and out.t2.requires_grad


def test_gradients_equal_those_of_a_second_frozen_encoder():
    """E_f written out: a copy of E_a with frozen weights gives the targets (paper, section 2)."""
    views = [torch.rand(4, 1, 2, 2, 2), torch.rand(4, 1, 2, 2, 2)]
    ours, active, frozen = network(), network(), network().requires_grad_(False)
    loss = NegativeCosineLoss()
    loss(ours(views)).backward()
    t1, t2 = (active.predictor(active.encoder(x)) for x in views)
    r1, r2 = (frozen.encoder(x) for x in views)
    loss((t1, t2, r1, r2)).backward()
    for found, expected in zip(ours.parameters(), active.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


def test_the_predictor_is_two_layers_without_norm_at_its_output():
    assert [type(layer) for layer in PredictionHead(256, 64)] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]


def test_with_a_projector_the_loss_sees_projections_and_downstream_features_come_before_it():
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(8, 6))
    net = SiameseNetwork(encoder, PredictionHead(6, 3), SimSiamProjector(6, 5, 6)).eval()
    x1, x2 = torch.rand(4, 1, 2, 2, 2), torch.rand(4, 1, 2, 2, 2)
    out = net([x1, x2])
    torch.testing.assert_close(out.features[0], net.encoder(x1))
    torch.testing.assert_close(out.watched[1], net.encoder(x2))
    torch.testing.assert_close(out.r1, net.projector(net.encoder(x1)))
    torch.testing.assert_close(out.t2, net.predictor(net.projector(net.encoder(x2))))
    assert NegativeCosineLoss()(out) == NegativeCosineLoss()(out[:4])


def test_the_projector_leaves_each_dimension_with_unit_variance_and_no_scale_of_its_own():
    torch.manual_seed(0)
    projector = SimSiamProjector(6, 5, 4)
    found = projector(torch.randn(64, 6))
    torch.testing.assert_close(found.var(dim=0, correction=0), torch.ones(4), atol=1e-2, rtol=0)
    assert not list(projector[-1].parameters())
