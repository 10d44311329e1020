from __future__ import annotations

import pytest
import torch
from monai.networks.blocks import Convolution
from torch import nn

from common.networks import BottleneckEncoder


def small(**kwargs) -> BottleneckEncoder:
    torch.manual_seed(0)
    return BottleneckEncoder(3, 2, channels=(4, 6, 8, 10), hidden_features=12, out_features=7, **kwargs)


def test_it_has_the_parameters_of_table_3():
    assert sum(p.numel() for p in BottleneckEncoder(3, in_channels=4).parameters()) == 1_392_200  # METHODS.md: 1.392 M


def test_its_multiplications_at_the_paper_s_size_are_57_7_giga():
    encoder, counts = BottleneckEncoder(3, in_channels=4).eval().to("meta"), []

    def count(module, inputs, output):
        weights = module.weight[0].numel()
        counts.append(weights * output.numel())

    for module in encoder.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            module.register_forward_hook(count)
    encoder(torch.empty(1, 4, 96, 96, 96, device="meta"))
    assert sum(counts) / 1e9 == pytest.approx(57.7, abs=0.05)


def test_feature_maps_have_the_sizes_of_table_3():
    encoder, sizes = BottleneckEncoder(3, in_channels=4).eval().to("meta"), []
    for module in [*encoder.stem, *encoder.stages]:
        module.register_forward_hook(lambda module, inputs, output: sizes.append(tuple(output.shape[1:3])))
    encoder(torch.empty(1, 4, 96, 96, 96, device="meta"))
    assert sizes == [(32, 96), (32, 96), (32, 96), (64, 32), (128, 10), (256, 3)]


@pytest.mark.parametrize("size", [(96, 96, 96), (27, 27, 27), (20, 33, 5), (1, 1, 1), (112, 40, 8)])
@pytest.mark.parametrize("in_channels", [1, 4])
def test_any_size_and_number_of_channels_goes_through(size, in_channels):
    encoder = BottleneckEncoder(3, in_channels, channels=(2, 2, 2, 2)).eval()
    assert encoder(torch.rand(2, in_channels, *size)).shape == (2, 256)


def test_two_dimensions_work_too():
    assert BottleneckEncoder(2, 3).eval()(torch.rand(2, 3, 50, 40)).shape == (2, 256)


def test_every_convolution_is_followed_by_a_batch_norm():
    for module in BottleneckEncoder().modules():
        if isinstance(module, Convolution):
            assert isinstance(module.adn.N, nn.BatchNorm3d) and module.conv.bias is None


def test_a_bottleneck_adds_its_input():
    block = small().stem[1].eval()
    nn.init.zeros_(block.expand.conv.weight)
    x = torch.rand(1, 4, 5, 5, 5)
    assert torch.equal(block(x), x)


def test_checkpointing_changes_neither_output_nor_gradients_nor_running_statistics():
    x = torch.rand(3, 2, 9, 9, 9)
    plain, saving = small().train(), small(checkpointing=True).train()
    for network in (plain, saving):
        network(x).square().sum().backward()
    for (name, expected), found in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, msg=name)
    for (name, expected), found in zip(plain.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(found, expected), name


def test_checkpointing_keeps_fewer_activations():
    def kept(network) -> int:
        total = 0

        def pack(tensor):
            nonlocal total
            total += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            network(torch.rand(3, 2, 27, 27, 27))
        return total

    assert kept(small(checkpointing=True).train()) < 0.4 * kept(small().train())


def test_low_precision_agrees_with_single():
    network, x = BottleneckEncoder(3, 2).train(), torch.rand(6, 2, 27, 27, 27) * torch.rand(6, 2, 1, 1, 1)
    single = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        low = network(x)
    assert torch.nn.functional.cosine_similarity(single, low.float()).min() > 0.99  # bfloat16 has 8 bits


def test_it_scripts_and_gives_the_same():
    network, x = small().eval(), torch.rand(2, 2, 9, 12, 9)
    torch.testing.assert_close(torch.jit.script(network)(x), network(x))


def test_every_parameter_gets_a_gradient():
    network = small().train()
    network(torch.rand(4, 2, 27, 27, 27)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_bfloat16_gradients_on_cpu_do_not_depend_on_what_memory_held_before():
    torch.manual_seed(0)
    encoder = BottleneckEncoder(spatial_dims=3, in_channels=1, channels=(8, 32, 64, 64))
    x = torch.rand(6, 1, 18, 18, 18)  # 18 -> 6 -> 2: a size at which oneDNN reads what it never wrote
    gradients = []
    for _ in range(6):
        dirt = [torch.full((size,), torch.nan) for size in (1_000, 50_000, 400_000, 3_000_000) for _ in range(4)]
        del dirt
        encoder.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            features = encoder(x)
        features.float().square().sum().backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in encoder.parameters()]))
    assert gradients[0].isfinite().all()
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
