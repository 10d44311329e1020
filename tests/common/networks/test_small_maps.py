from __future__ import annotations

import pytest
import torch
from torch import nn

from common.networks import RestorationNetwork, UNetEncoder, VolumeResNet
from common.networks.small_maps import in_float_where_small


@pytest.mark.parametrize(("slices", "dtype"), [(2, torch.float32), (4, torch.float32), (6, torch.bfloat16)])
def test_maps_of_few_slices_are_convolved_in_single_precision(slices, dtype):
    stage = nn.Conv3d(2, 3, 3, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        assert in_float_where_small(stage, torch.rand(1, 2, slices, 8, 8)).dtype == dtype
    assert in_float_where_small(stage, torch.rand(1, 2, slices, 8, 8)).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_of_small_maps_under_autocast_is_that_of_single_precision(dtype):
    torch.manual_seed(0)
    stage, x = nn.Conv3d(16, 16, 3, stride=2, padding=1), torch.rand(2, 16, 4, 8, 8).to(dtype)
    gradients = []
    for enabled in (True, False):
        stage.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            in_float_where_small(stage, x if enabled else x.float()).square().sum().backward()
        gradients.append(stage.weight.grad.clone())
    torch.testing.assert_close(*gradients)


NETWORKS = {
    "resnet": lambda: VolumeResNet(18, 1, (4, 8, 8, 16)),
    "unet": lambda: UNetEncoder(1, (4, 4, 8, 8, 16)),
    "restoration": lambda: RestorationNetwork(UNetEncoder(1, (4, 4, 8, 8, 16))),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("slices", [4, 16])
def test_no_network_of_clips_has_a_3d_convolution_of_small_maps_in_low_precision(name, slices):
    net, low = NETWORKS[name](), []

    def check(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        if min(inputs[0].shape[2], output.shape[2]) <= 2:
            assert output.dtype == torch.float32
        else:
            low.append(output.dtype == torch.bfloat16)

    for module in net.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(check)
    with torch.autocast("cpu", torch.bfloat16):
        found = net(torch.rand(2, 1, slices, 32, 32))
        (found.image if name == "restoration" else found).square().sum().backward()
    assert slices == 4 or any(low)
    assert all(p.grad.isfinite().all() for p in net.parameters())
