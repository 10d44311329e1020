from __future__ import annotations

import torch
from torch import nn

from common.networks import ProjectionHead


def test_projector_and_predictor_have_the_paper_s_widths_and_no_norm_at_the_output():
    for features in (1408, 256):
        head = ProjectionHead(features)
        assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.SiLU, nn.Linear]
        assert (head[0].in_features, head[0].out_features, head[3].out_features) == (features, 1792, 256)
        assert head.out_features == 256


def test_it_is_linear_norm_swish_linear():
    torch.manual_seed(0)
    head, x = ProjectionHead(5, 4, 3), torch.randn(6, 5)
    hidden = x @ head[0].weight.T
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt()
    expected = (hidden * hidden.sigmoid()) @ head[3].weight.T + head[3].bias
    torch.testing.assert_close(head(x), expected)
