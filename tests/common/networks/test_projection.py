from __future__ import annotations

import torch
from torch import nn

from common.networks import EncoderClassifier, ProjectedEncoder, ProjectionHead


def test_it_projects_the_mean_of_the_feature_map():
    net = ProjectedEncoder(nn.Conv2d(1, 5, 3), ProjectionHead(5, 4, 2)).eval()
    x = torch.rand(3, 1, 6, 7)
    torch.testing.assert_close(net(x), net.projector(net.encoder(x).mean((2, 3))))
    assert net(x).shape == (3, net.out_features)


def test_a_classifier_on_top_scripts_and_gives_the_same():
    net = EncoderClassifier(ProjectedEncoder(nn.Conv2d(1, 5, 3), ProjectionHead(5, 4, 3)), num_classes=2).eval()
    x = torch.rand(3, 1, 6, 7)
    torch.testing.assert_close(torch.jit.script(net)(x), net(x))
