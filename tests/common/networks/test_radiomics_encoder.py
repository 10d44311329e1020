from __future__ import annotations

import torch
from torch import nn

from common.networks import RadiomicsEncoder


def test_three_fully_connected_layers_lead_to_128_features():
    encoder = RadiomicsEncoder(1015)
    layers = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(1015, 512), (512, 256), (256, 128)]
    assert [name for name, _ in encoder.named_children()] == ["0", "1", "2"]
    assert encoder(torch.rand(4, 1015)).shape == (4, encoder.out_features) == (4, 128)


def test_without_batch_norm_it_is_the_plain_formula():
    torch.manual_seed(0)
    encoder = RadiomicsEncoder(7, (5, 4), 3, batch_norm=False)
    (w1, b1), (w2, b2), (w3, b3) = (
        (layer.weight, layer.bias) for layer in encoder.modules() if isinstance(layer, nn.Linear)
    )
    x = torch.randn(6, 7)
    expected = torch.relu(torch.relu(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    torch.testing.assert_close(encoder(x), expected)
    assert (encoder(x) < 0).any()  # no ReLU at the output


def test_dropout_is_for_training_alone():
    encoder, x = RadiomicsEncoder(7, (64, 32), 3, dropout=0.5), torch.randn(6, 7)
    assert not torch.equal(encoder(x), encoder(x))
    assert torch.equal(encoder.eval()(x), encoder(x))
