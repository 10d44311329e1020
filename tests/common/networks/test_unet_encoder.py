from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet

from common.networks import UNetEncoder

CHANNELS = (4, 4, 8, 8, 16)


def test_it_is_the_first_half_of_monai_s_basic_unet():
    ours, theirs = UNetEncoder(2, CHANNELS).eval(), BasicUNet(3, 2, 2, (*CHANNELS, 4), norm="batch").eval()
    blocks = (theirs.conv_0, theirs.down_1.convs, theirs.down_2.convs, theirs.down_3.convs, theirs.down_4.convs)
    for stage, block in zip(ours.stages, blocks, strict=True):
        stage.load_state_dict(block.state_dict())
    x = torch.rand(2, 2, 16, 32, 48)
    with torch.no_grad():
        expected = [theirs.conv_0(x)]
        for down in (theirs.down_1, theirs.down_2, theirs.down_3, theirs.down_4):
            expected.append(down(expected[-1]))
        for found, wanted in zip(ours.feature_maps(x), expected, strict=True):
            torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(ours(x), expected[-1].mean((2, 3, 4)))


@pytest.mark.parametrize("shape", [(3, 32, 32), (8, 33, 40), (16, 16, 32)])
def test_axes_too_short_to_be_halved_at_each_stage_go_through(shape):
    net = UNetEncoder(1, CHANNELS)
    assert net(torch.rand(2, 1, *shape)).shape == (2, net.num_features) == (2, 16)
    assert [m.shape[1] for m in net.feature_maps(torch.rand(2, 1, *shape))] == list(net.feature_channels)


def test_norm_and_activation_come_from_a_config_s_lists():
    net = UNetEncoder(1, CHANNELS, norm=["batch", {"momentum": 0.2}], act="relu")
    assert sum(isinstance(m, torch.nn.BatchNorm3d) and m.momentum == 0.2 for m in net.modules()) == 10


def test_it_scripts():
    net = UNetEncoder(1, CHANNELS).eval()
    x = torch.rand(1, 1, 5, 32, 20)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(net)(x), net(x))
