from __future__ import annotations

import pytest
import torch
from monai.networks.nets import resnet18
from torch import nn

from common.errors import InputError
from common.networks import EncoderClassifier, VolumeResNet

CHANNELS = (4, 8, 16, 32)


def test_it_is_monai_s_resnet_18_without_the_classifier():
    ours = VolumeResNet(18, channels=CHANNELS).eval()
    with torch.device("meta"):
        plain = resnet18(spatial_dims=3, n_input_channels=1, feed_forward=False, bias_downsample=False)
        whole = VolumeResNet(18)
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (whole, plain)]
    assert shapes[0] == shapes[1] and whole.num_features == 512
    x = torch.rand(2, 1, 9, 20, 17)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), type(plain).forward(ours, x))
    assert ours(x).shape == (2, ours.num_features) == (2, ours.out_features) == (2, 32)


@pytest.mark.parametrize("shape", [(1, 3, 7), (4, 16, 16), (16, 33, 20), (32, 32, 32)])
def test_any_size_goes_through_and_the_maps_have_the_widths_reported(shape):
    net = VolumeResNet(10, in_channels=2, channels=CHANNELS).eval()
    x = torch.rand(2, 2, *shape)
    assert net(x).shape == (2, 32)
    assert [m.shape[1] for m in net.feature_maps(x)] == list(net.feature_channels) == [4, 4, 8, 16, 32]


def test_bottleneck_depths_report_their_features():
    net = VolumeResNet(50, channels=CHANNELS).eval()
    x = torch.rand(1, 1, 8, 16, 16)
    assert net.num_features == 128 and net(x).shape == (1, 128)
    assert [m.shape[1] for m in net.feature_maps(x)] == list(net.feature_channels)


def test_the_gradient_reaches_the_first_layer_through_every_shortcut():
    net = VolumeResNet(10, channels=CHANNELS)
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):  # only the shortcuts are left
        nn.init.zeros_(stage[0].conv2.weight)
        nn.init.zeros_(stage[0].bn2.bias)
    net(torch.rand(3, 1, 16, 32, 32)).square().sum().backward()
    assert net.conv1.weight.grad.abs().sum() > 0


def test_the_stem_s_stride_can_spare_the_slices():
    net = VolumeResNet(10, channels=CHANNELS, stem_stride=[1, 2, 2])
    assert net.feature_maps(torch.rand(2, 1, 16, 32, 32))[0].shape[2:] == (16, 16, 16)


def test_a_classifier_on_top_scripts_and_gives_the_same():
    net = EncoderClassifier(VolumeResNet(18, channels=CHANNELS), num_classes=2).eval()
    x = torch.rand(2, 1, 12, 20, 20)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(net)(x), net(x))


def test_another_number_of_widths_than_four_is_one_line():
    with pytest.raises(InputError, match=r"^channels: found \[8, 16, 32\]; expected four widths, one for each stage"):
        VolumeResNet(18, channels=[8, 16, 32])


def test_an_unknown_depth_is_one_line():
    with pytest.raises(InputError, match=r"^depth: 19; expected one of 10, 18, 34, 50"):
        VolumeResNet(19)
