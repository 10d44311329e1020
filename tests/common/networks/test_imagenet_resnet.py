from __future__ import annotations

import logging

import pytest
import torch
from monai.networks.nets.resnet import resnet50

from common.errors import InputError
from common.networks import ResNetBackbone, load_imagenet_weights
from tests.common.networks.statistics import with_statistics
from tests.common.networks.torchvision_resnet import ResNet50


def images(count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def torchvision() -> ResNet50:
    torch.manual_seed(0)
    network = ResNet50()
    network.forward = network.features
    with_statistics(network, images(6))
    return network


@pytest.fixture(scope="module")
def torchvision_file(torchvision, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(torchvision.state_dict(), path)
    return path


def encoder(channels: int = 3, small_stem: bool = False) -> ResNetBackbone:
    return ResNetBackbone(50, channels, small_stem).eval()


def test_the_layout_is_torchvision_s_own(torchvision):
    assert sum(p.numel() for p in torchvision.parameters()) == 25_557_032  # as torchvision documents for resnet50


@torch.no_grad()
def test_with_torchvision_s_weights_the_network_computes_what_torchvision_s_does(torchvision, torchvision_file, caplog):
    with caplog.at_level(logging.INFO):
        network = load_imagenet_weights(encoder(), torchvision_file)
    expected = torchvision.features(images())
    assert expected.std() > 0.1
    torch.testing.assert_close(network(images()), expected, rtol=1e-3, atol=1e-3)
    assert "starts from ImageNet weights: 265 tensors in torchvision's layout" in caplog.text


@torch.no_grad()
def test_one_channel_is_the_image_repeated_to_rgb_and_ten_equal_slices_too(torchvision, torchvision_file):
    grey = images(channels=1)
    expected = torchvision.conv1(grey.expand(-1, 3, -1, -1))
    for channels in (1, 10):
        network = load_imagenet_weights(encoder(channels), torchvision_file)
        torch.testing.assert_close(network.conv1(grey.expand(-1, channels, -1, -1)), expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(network.bn1.running_var, torchvision.bn1.running_var)


@torch.no_grad()
def test_monai_s_own_with_biases_in_its_shortcuts_computes_the_same(tmp_path, caplog):
    torch.manual_seed(0)
    theirs = resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, num_classes=7)
    for name, parameter in theirs.named_parameters():
        if name.endswith("downsample.0.bias"):
            parameter.uniform_(-1, 1)
    with_statistics(theirs, images(6))
    torch.save(theirs.state_dict(), tmp_path / "w.pt")
    with caplog.at_level(logging.INFO):
        network = load_imagenet_weights(encoder(), tmp_path / "w.pt")
    pooled = network(images()).mean((2, 3))
    torch.testing.assert_close(theirs.fc(pooled), theirs(images()), rtol=1e-3, atol=1e-3)
    assert "in MONAI's layout" in caplog.text


def test_a_small_stem_stays_as_it_is_and_the_log_says_so(torchvision, torchvision_file, caplog):
    network = encoder(1, small_stem=True)
    before = network.conv1.weight.clone()
    with caplog.at_level(logging.INFO):
        load_imagenet_weights(network, torchvision_file)
    assert torch.equal(network.conv1.weight, before)
    assert torch.equal(network.layer4[2].conv3.weight, torchvision.layer4[2].conv3.weight)
    assert "small one starts from random weights" in caplog.text


def test_another_depth_is_one_line_that_lists_keys_and_changes_nothing(torchvision_file):
    network = ResNetBackbone(18, 3, small_stem=False)
    before = network.conv1.weight.clone()
    with pytest.raises(InputError, match=r"resnet50\.pth: weights of another .*ResNetBackbone") as error:
        load_imagenet_weights(network, torchvision_file)
    assert "keys unexpected (layer1.0.conv3.weight" in str(error.value) and "\n" not in str(error.value)
    assert torch.equal(network.conv1.weight, before)


def test_a_file_that_lacks_a_tensor_names_it(torchvision, tmp_path):
    state = torchvision.state_dict()
    del state["layer1.0.downsample.1.running_mean"]
    torch.save(state | {"layer1.0.downsample.0.bias": torch.zeros(256)}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"1 keys missing \(layer1\.0\.downsample\.1\.running_mean\)"):
        load_imagenet_weights(encoder(), tmp_path / "w.pt")
