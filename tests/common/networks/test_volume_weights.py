from __future__ import annotations

import pytest
import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock
from torch import nn

from common.errors import InputError
from common.networks import ResidualUNetEncoder, UNetEncoder, VolumeResNet, load_volume_weights
from tests.common.networks.statistics import with_statistics

WIDTHS = (4, 6, 8, 10)
VOLUMES = torch.rand(2, 1, 16, 17, 18, generator=torch.Generator().manual_seed(0))


def resnet(shortcut_type: str, bias: bool = False) -> ResNet:
    """MONAI's 3D ResNet-10 of small widths, as MedicalNet's but for the dilation, with batch statistics."""
    torch.manual_seed(1)
    network = ResNet(
        ResNetBlock,
        [1, 1, 1, 1],
        list(WIDTHS),
        n_input_channels=1,
        conv1_t_stride=2,
        shortcut_type=shortcut_type,
        feed_forward=False,
        bias_downsample=bias,
    )
    return with_statistics(network, VOLUMES).eval()


def save_medicalnet(network: nn.Module, path) -> None:
    """As MedicalNet's training wrote it: DataParallel's names, and the head of the segmentation."""
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"module.conv_seg.0.weight": torch.zeros(2)}, "epoch": 1}, path)


@pytest.mark.parametrize(("shortcut_type", "bias"), [("A", False), ("B", False), ("B", True)])
def test_a_resnet_computes_what_the_pretrained_one_computes_with_any_shortcuts(shortcut_type, bias, tmp_path):
    network = resnet(shortcut_type, bias)
    save_medicalnet(network, tmp_path / "resnet_10.pth")
    own = load_volume_weights(VolumeResNet(10, 1, WIDTHS), tmp_path / "resnet_10.pth").eval()
    with torch.no_grad():
        torch.testing.assert_close(own(VOLUMES), network(VOLUMES), rtol=1e-4, atol=1e-4)


def test_modalities_that_are_equal_give_what_one_gave(tmp_path):
    network = resnet("B")
    save_medicalnet(network, tmp_path / "resnet_10.pth")
    own = load_volume_weights(VolumeResNet(10, 3, WIDTHS), tmp_path / "resnet_10.pth").eval()
    with torch.no_grad():
        torch.testing.assert_close(own(VOLUMES.repeat(1, 3, 1, 1, 1)), network(VOLUMES), rtol=1e-4, atol=1e-4)


def naive(state: dict[str, torch.Tensor], x: torch.Tensor, blocks: tuple[int, ...]) -> torch.Tensor:
    """The last map of a residual U-Net's encoder from its tensors, as nnU-Net's code computes it for even sizes."""
    f = nn.functional

    def layer(x, name, stride=1):
        weight = state[f"{name}.conv.weight"]
        x = f.conv3d(x, weight, state.get(f"{name}.conv.bias"), stride, weight.shape[-1] // 2)
        return f.instance_norm(x, weight=state[f"{name}.norm.weight"], bias=state[f"{name}.norm.bias"])

    x = f.leaky_relu(layer(x, "stem.convs.0"))
    for stage, number in enumerate(blocks):
        for block in range(number):
            name, stride = f"stages.{stage}.blocks.{block}", 2 if stage and not block else 1
            skip = f.avg_pool3d(x, 2) if stride == 2 else x
            place = int(stride == 2)  # of the projection, behind the pool
            if f"{name}.skip.{place}.conv.weight" in state:
                skip = layer(skip, f"{name}.skip.{place}")
            x = f.leaky_relu(layer(f.leaky_relu(layer(x, f"{name}.conv1", stride)), f"{name}.conv2") + skip)
    return x


@pytest.mark.parametrize("prefix", ["encoder.", "online_encoder.", ""])
def test_the_residual_unet_s_encoder_computes_what_nnssl_has_pretrained(prefix, tmp_path):
    torch.manual_seed(2)
    widths, blocks, x = (4, 6, 6), (1, 2, 1), torch.rand(2, 1, 8, 12, 16)
    state = ResidualUNetEncoder(1, widths, blocks).state_dict()
    twice = {name.replace(".conv.", ".all_modules.0."): value for name, value in state.items()}
    weights = {f"{prefix}{name}": value for name, value in (state | twice).items()} | {"decoder.x": torch.zeros(1)}
    torch.save({"network_weights": weights, "nnssl_adaptation_plan": {"key_to_stem": "s"}}, tmp_path / "nnssl.pth")
    own = load_volume_weights(ResidualUNetEncoder(1, widths, blocks), tmp_path / "nnssl.pth").eval()
    with torch.no_grad():
        torch.testing.assert_close(own.feature_maps(x)[-1], naive(state, x, blocks))
        torch.testing.assert_close(own(x), naive(state, x, blocks).mean((2, 3, 4)))
        torch.testing.assert_close(torch.jit.script(own)(x), own(x))


def test_odd_sizes_and_single_slices_are_rounded_up():
    encoder = ResidualUNetEncoder(1, (2, 3, 4), (1, 1, 1))
    assert [tuple(m.shape[1:]) for m in encoder.feature_maps(torch.rand(1, 1, 1, 9, 6))] == [
        (2, 1, 9, 6),
        (3, 1, 5, 3),
        (4, 1, 3, 2),
    ]


def test_without_a_file_random_weights_are_kept_for_any_encoder():
    encoder = UNetEncoder(1, (2, 4))
    before = [value.clone() for value in encoder.parameters()]
    assert load_volume_weights(encoder, None) is encoder
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (UNetEncoder(1, (2, 4)), "residual_unet.yaml"),
        (VolumeResNet(18, 1, WIDTHS), "weights of another architecture"),
        (VolumeResNet(10, 1, (4, 6, 8, 12)), "of another shape"),
        (ResidualUNetEncoder(1, (2, 3), (1, 1)), "keys missing"),
    ],
)
def test_weights_of_another_architecture_are_refused(encoder, message, tmp_path):
    save_medicalnet(resnet("B"), tmp_path / "resnet_10.pth")
    with pytest.raises(InputError, match=message):
        load_volume_weights(encoder, tmp_path / "resnet_10.pth")
