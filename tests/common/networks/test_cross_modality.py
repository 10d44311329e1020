from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from common.errors import InputError
from common.networks import CrossModalityConv, CrossModalityGroupConv


def fusion(**kwargs) -> CrossModalityGroupConv:
    torch.manual_seed(0)
    return CrossModalityGroupConv(**{"channels": 8, "num_modalities": 3, "groups": 4, **kwargs})


def features(modalities: int = 3) -> torch.Tensor:
    return torch.randn(2, 8, modalities, 3, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("network", "parameters", "macs"),
    [
        (lambda: CrossModalityGroupConv(), 1.498e6, 72.9e6),
        (lambda: CrossModalityConv(), 5.947e6, 291.4e6),
        (lambda: CrossModalityGroupConv(groups=1), 11.906e6, 582.8e6),
    ],
    ids=["CGC", "CMC", "dense"],
)
def test_parameters_and_multiplications_at_the_paper_s_size(network, parameters, macs):
    """METHODS.md, in place of the paper's lost Table 4: 1408 channels, three modalities, 7x7."""
    network = network().eval().to("meta")
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 1408, 3, 7, 7, device="meta"))
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, abs=500)
    assert counter.get_total_flops() / 2 == pytest.approx(macs, abs=0.05e6)


def test_the_shuffle_is_the_paper_s_and_its_inverse_returns_the_input():
    """ "Reshaping the channel dimension to g x n [...] transposed and flattened"."""
    shuffle = fusion().cross[-1]
    x = torch.randn(2, 8, 3, 2)
    expected = torch.empty_like(x)
    for group in range(4):
        for place in range(2):
            expected[:, place * 4 + group] = x[:, group * 2 + place]
    assert torch.equal(shuffle(x), expected)
    assert torch.equal(nn.ChannelShuffle(8 // 4)(shuffle(x)), x)


def test_after_two_shuffled_convolutions_every_output_sees_every_input_and_without_shuffle_only_its_group():
    def seen(network) -> int:
        x = features().requires_grad_()
        (gradient,) = torch.autograd.grad(network(x)[:, 0].sum(), x)
        return int((gradient.abs().sum((0, 2, 3, 4)) > 0).sum())

    network = fusion(groups=2, num_pointwise=2, shortcut="none").eval()
    assert seen(network) == 8
    for block in [network.cross, *network.pointwise]:
        block[-1] = nn.Identity()
    assert seen(network) == 4


def naive_block(x, weight, norm, groups):
    """One block of section 3.2 in loops: grouped convolution over ``BCMHW``, BN, Swish, shuffle, to ``BC1HW``."""
    batch, channels, modalities, height, width = x.shape
    size = channels // groups
    out = torch.zeros(batch, channels, 1, height, width)
    for c in range(channels):
        group = c // size
        for k in range(size):
            for m in range(modalities):
                out[:, c, 0] += weight[c, k, m].item() * x[:, group * size + k, m]
        scale = norm.weight[c] / math.sqrt(norm.running_var[c] + norm.eps)
        out[:, c] = (out[:, c] - norm.running_mean[c]) * scale + norm.bias[c]
        out[:, c] = out[:, c] / (1 + torch.exp(-out[:, c]))
    shuffled = torch.zeros_like(out)
    for group in range(groups):
        for place in range(size):
            shuffled[:, place * groups + group] = out[:, group * size + place]
    return shuffled


@pytest.mark.parametrize("shortcut", ["each", "pairs", "none"])
@pytest.mark.parametrize(("groups", "modalities"), [(1, 2), (4, 3), (8, 4), (2, 1)])
@torch.no_grad()
def test_it_equals_the_paper_s_section_3_2_in_loops(shortcut, groups, modalities):
    network, x = fusion(groups=groups, num_modalities=modalities, shortcut=shortcut).eval(), features(modalities)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.uniform_(0.5, 1.5)
    y = [naive_block(x, network.cross[0].weight.view(8, 8 // groups, modalities), network.cross[1], groups)]
    for conv, norm, *_ in network.pointwise:
        y.append(naive_block(y[-1], conv.weight[..., 0], norm, groups))
        if shortcut == "each":
            y[-1] = y[-1] + y[-2]
        elif shortcut == "pairs" and len(y) == 3:  # after the first two 1x1 blocks; the third is left over
            y[-1] = y[-1] + y[0]
    torch.testing.assert_close(network(x), y[-1].squeeze(2), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_hand_made_case():
    """Two groups of one channel, mean 0 and variance 1: SiLU of the sum over modalities, which the shortcut keeps."""
    network = CrossModalityGroupConv(channels=2, num_modalities=2, groups=2, num_pointwise=1).eval()
    network.cross[0].weight.fill_(1.0)
    network.pointwise[0][0].weight.fill_(0.0)
    x = torch.tensor([[1.0, 2.0], [3.0, -4.0]]).view(1, 2, 2, 1, 1)
    expected = torch.tensor([3 / (1 + math.exp(-3)), -1 / (1 + math.exp(1))])
    torch.testing.assert_close(network(x).flatten(), expected, rtol=1e-4, atol=1e-4)


def test_cmc_is_one_dense_convolution_over_the_modalities():
    network, x = CrossModalityConv(8, 3), features()
    weight = network.conv.weight.view(8, 8, 3, 1, 1)
    torch.testing.assert_close(network(x), nn.functional.conv3d(x, weight).squeeze(2))


def test_the_first_layer_is_a_grouped_convolution_over_the_modalities():
    """ "3x1x1 group convolution" of "C x 3 x H x W", as torch's."""
    network, x = fusion(groups=4), features()
    weight = network.cross[0].weight.view(8, 2, 3, 1, 1)
    expected = nn.functional.conv3d(x, weight, groups=4).squeeze(2)
    torch.testing.assert_close(network.cross[0](x.flatten(1, 2)), expected)


@pytest.mark.parametrize("network", [fusion(), CrossModalityConv(8, 3)], ids=["CGC", "CMC"])
def test_channels_last_changes_nothing_but_the_order_in_memory(network):
    network, x = network.eval(), features()
    expected = network(x)
    torch.testing.assert_close(network.to(memory_format=torch.channels_last)(x), expected)


@pytest.mark.parametrize("groups", [3, 16, 0, -4])
def test_groups_that_do_not_divide_the_channels_are_one_line(groups):
    with pytest.raises(InputError, match=rf"^groups: {groups} does not divide the 8 channels; choose"):
        fusion(groups=groups)


def test_an_unknown_shortcut_is_one_line():
    with pytest.raises(InputError, match=r"^shortcut: 'every'; expected one of each, pairs, none; correct it$"):
        fusion(shortcut="every")


@pytest.mark.parametrize("network", [fusion(), CrossModalityConv(8, 3)], ids=["CGC", "CMC"])
@pytest.mark.parametrize("modalities", [1, 2, 4])
def test_another_number_of_modalities_is_one_line(network, modalities):
    with pytest.raises(
        InputError, match=rf"^num_modalities: feature maps of shape \[2, 8, {modalities}, 3, 2\]; expected"
    ):
        network(features(modalities))
    with pytest.raises(torch.jit.Error, match="num_modalities: feature maps of shape"):
        torch.jit.script(network)(features(modalities))


def test_every_parameter_gets_a_gradient():
    network = fusion().train()
    network(features()).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
