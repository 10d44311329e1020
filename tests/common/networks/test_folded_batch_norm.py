from __future__ import annotations

import pytest
import torch
from monai.networks.blocks import Convolution
from torch import nn

from common.networks import BottleneckEncoder, folded_batch_norms


def trained_encoder(spatial_dims: int = 3) -> BottleneckEncoder:
    """An encoder whose batch norms have statistics, scales and shifts that matter."""
    torch.manual_seed(0)
    encoder = BottleneckEncoder(spatial_dims, in_channels=2, channels=(4, 6, 8, 10))
    for name, value in encoder.state_dict().items():
        if "running_var" in name or name.endswith("N.weight"):
            value.uniform_(0.2, 3.0)
        elif "running_mean" in name or name.endswith("N.bias"):
            value.normal_()
    return encoder.eval()


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_features_are_those_of_evaluation_mode(spatial_dims):
    encoder = trained_encoder(spatial_dims)
    image = torch.randn(3, 2, *[20] * spatial_dims)
    with torch.no_grad():
        expected = encoder(image)
        with folded_batch_norms(encoder):
            found = encoder(image)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_no_batch_norm_of_a_convolution_runs_within_the_block():
    encoder, ran = trained_encoder(), []
    for name, module in encoder.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    with torch.no_grad(), folded_batch_norms(encoder):
        encoder(torch.randn(2, 2, 9, 9, 9))
    assert ran == ["hidden_norm"]


def test_modules_parameters_and_buffers_are_the_same_afterwards_even_when_the_block_fails():
    encoder = trained_encoder()
    modules = dict(encoder.named_modules())
    tensors = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
    values = {name: tensor.clone() for name, tensor in tensors.items()}
    with pytest.raises(RuntimeError, match="stop"), folded_batch_norms(encoder):
        raise RuntimeError("stop")
    assert list(modules) == [name for name, _ in encoder.named_modules()]
    assert all(module is modules[name] for name, module in encoder.named_modules())
    after = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
    assert all(after[name] is tensor and torch.equal(tensor, values[name]) for name, tensor in tensors.items())


def test_gradients_are_on_within_the_block_where_they_were_on():
    with folded_batch_norms(trained_encoder()):
        assert torch.is_grad_enabled()


def test_blocks_whose_batch_norm_does_not_follow_the_convolution_stay_as_they_are():
    network = nn.Sequential(
        Convolution(3, 2, 4, adn_ordering="AN", norm="batch"),
        Convolution(3, 4, 4, conv_only=True),
        Convolution(3, 4, 4, adn_ordering="NA", norm="instance"),
        nn.BatchNorm3d(4),
    ).eval()
    image = torch.randn(2, 2, 5, 5, 5)
    modules = list(network.modules())
    with torch.no_grad():
        expected = network(image)
        with folded_batch_norms(network):
            assert all(a is b for a, b in zip(modules, network.modules(), strict=True))
            assert torch.equal(network(image), expected)


def test_a_network_in_training_mode_is_refused():
    with pytest.raises(AssertionError, match="eval"), folded_batch_norms(trained_encoder().train()):
        pass
