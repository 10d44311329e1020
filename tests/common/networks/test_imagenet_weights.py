from __future__ import annotations

import logging

import pytest
import torch
from monai.networks.nets import EfficientNetBN

from common.errors import InputError
from common.networks import EfficientNetBackbone, load_imagenet_weights
from tests.common.networks.statistics import with_statistics
from tests.common.networks.torchvision_layout import EfficientNet as TorchvisionEfficientNet

SIZE = 65  # 65 -> 33 -> 17 -> 9 -> 5 -> 3: at odd sizes both paddings are the same


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def torchvision() -> TorchvisionEfficientNet:
    torch.manual_seed(0)
    network = TorchvisionEfficientNet(width=1.1, depth=1.2)
    with_statistics(network.features, images(8))
    return network


@pytest.fixture(scope="module")
def torchvision_file(torchvision, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "efficientnet_b2_rwightman.pth"
    torch.save(torchvision.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def monai_network() -> EfficientNetBN:
    network = EfficientNetBN("efficientnet-b2", pretrained=False)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape)) if tensor.is_floating_point() else tensor.fill_(7)
    return network


def encoder(**kwargs) -> EfficientNetBackbone:
    return EfficientNetBackbone(**kwargs).eval()


def test_the_layout_is_torchvision_s_own(torchvision):
    state = torchvision.state_dict()
    assert sum(p.numel() for p in torchvision.parameters()) == 9_109_994  # as torchvision tells of efficientnet_b2
    assert state["features.1.0.block.0.0.weight"].shape == (32, 1, 3, 3)
    assert state["features.3.1.block.1.0.weight"].shape == (288, 1, 5, 5)
    assert state["classifier.1.weight"].shape == (1000, 1408)


def test_with_torchvision_s_weights_the_network_computes_what_torchvision_s_does(torchvision, torchvision_file, caplog):
    with caplog.at_level(logging.INFO):
        network = load_imagenet_weights(encoder(), torchvision_file)
    expected = torchvision.features(images())
    assert expected.std() > 0.1
    torch.testing.assert_close(network(images()), expected, rtol=1e-3, atol=1e-3)
    assert "starts from ImageNet weights: 437 tensors in torchvision's layout" in caplog.text


def test_the_scale_for_the_other_epsilon_is_what_makes_it_so(torchvision, torchvision_file):
    network = load_imagenet_weights(encoder(), torchvision_file)
    norm, theirs = network.blocks[0]._bn1, torchvision.features[1][0].block[0][1]
    variance = theirs.running_var
    assert torch.equal(norm.running_var, variance)
    torch.testing.assert_close(norm.weight, theirs.weight * ((variance + 1e-3) / (variance + 1e-5)).sqrt())


def test_monai_s_state_dict_loads_without_the_classifier(monai_network, tmp_path):
    torch.save(monai_network.state_dict(), tmp_path / "w.pt")
    network = load_imagenet_weights(encoder(), tmp_path / "w.pt")
    for key, value in network.state_dict().items():
        if "num_batches" not in key:
            assert torch.equal(value, monai_network.state_dict()[key]), key


def test_the_files_that_monai_downloads_load_too(monai_network, tmp_path):
    """EfficientNet-PyTorch counts blocks in a row, without stages: the reverse of monai's ``_load_state_dict``."""
    flat, state = {}, monai_network.state_dict()
    for stage, blocks in monai_network._blocks.named_children():
        for block, _ in blocks.named_children():
            flat |= {
                key.replace(f"_blocks.{stage}.{block}.", f"_blocks.{block}."): value
                for key, value in state.items()
                if key.startswith(f"_blocks.{stage}.{block}.") and "num_batches" not in key
            }
    flat |= {key: value for key, value in state.items() if not key.startswith("_blocks.")}
    assert "_blocks.22._project_conv.weight" in flat
    torch.save(flat, tmp_path / "w.pt")
    network = load_imagenet_weights(encoder(), tmp_path / "w.pt")
    for key, value in network.state_dict().items():
        if "num_batches" not in key:
            assert torch.equal(value, state[key]), key


def test_another_size_of_network_is_one_line_that_lists_the_file_s_keys_and_changes_nothing(torchvision_file):
    network = EfficientNetBackbone("efficientnet-b0")
    before = network._conv_head.weight.clone()
    with pytest.raises(InputError, match=r"b2_rwightman\.pth: weights of another .*EfficientNetBackbone") as error:
        load_imagenet_weights(network, torchvision_file)
    assert "keys unexpected (features.1.1.block" in str(error.value)
    assert "keys of another shape (" in str(error.value) and "\n" not in str(error.value)
    assert torch.equal(network._conv_head.weight, before)


def test_a_file_that_lacks_a_block_names_its_keys(torchvision, tmp_path):
    state = {k: v for k, v in torchvision.state_dict().items() if not k.startswith("features.7.1.block.2")}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"4 keys missing \(features\.7\.1\.block\.2\.fc1\.weight, "):
        load_imagenet_weights(encoder(), tmp_path / "w.pt")


def test_without_a_file_the_log_says_that_weights_are_random(caplog):
    network = encoder()
    before = network._conv_stem.weight.clone()
    with caplog.at_level(logging.INFO):
        assert load_imagenet_weights(network, None) is network
    assert "starts from random weights" in caplog.text and torch.equal(network._conv_stem.weight, before)
