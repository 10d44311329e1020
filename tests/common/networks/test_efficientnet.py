from __future__ import annotations

import pytest
import torch
from monai.networks.nets import EfficientNetBN

from common.errors import InputError
from common.networks import EfficientNetBackbone
from tests.common.networks.statistics import with_statistics


def small(**kwargs) -> EfficientNetBackbone:
    torch.manual_seed(0)
    return EfficientNetBackbone("efficientnet-b0", **kwargs)


def images(count: int = 4, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 64, 64, generator=torch.Generator().manual_seed(1))


def test_the_paper_s_encoder_gives_1408_maps_of_7x7_and_has_23_blocks():
    encoder = EfficientNetBackbone().eval().to("meta")
    assert encoder(torch.empty(2, 1, 200, 200, device="meta")).shape == (2, 1408, 7, 7)
    assert encoder.num_features == 1408 and len(encoder.blocks) == 23
    assert encoder.blocks[10] is encoder.get_submodule("_blocks.3.10")


def test_it_is_monai_s_network_without_the_classifier():
    monai, encoder = EfficientNetBN("efficientnet-b0", pretrained=False).eval(), small(drop_connect_rate=0.2)
    monai.load_state_dict(with_statistics(encoder, images(8, 3)).state_dict(), strict=False)
    encoder = EfficientNetBackbone("efficientnet-b0").eval()
    encoder.load_state_dict({key: value for key, value in monai.state_dict().items() if "_fc" not in key})
    x = torch.rand(2, 3, 224, 224)
    features = encoder(x)
    assert features.std() > 0.01
    assert torch.equal(monai._fc(features.mean((2, 3), keepdim=True).flatten(1)), monai(x))
    rates = [block.drop_connect_rate for block in encoder.blocks]
    assert rates == [block.drop_connect_rate for stage in monai._blocks for block in stage] and rates[-1] > 0.15


def test_one_channel_is_repeated_to_three():
    encoder = with_statistics(small(), images(8))
    assert torch.equal(encoder(images()), encoder(images().repeat(1, 3, 1, 1)))


def test_channels_last_changes_nothing_but_the_order_in_memory():
    encoder = with_statistics(small(), images(8))
    expected = encoder(images())
    found = encoder.to(memory_format=torch.channels_last)(images().to(memory_format=torch.channels_last))
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_scripts_and_gives_the_same():
    encoder = with_statistics(small(), images(8))
    torch.testing.assert_close(torch.jit.script(encoder)(images()), encoder(images()))


@pytest.mark.slow  # where bfloat16 is emulated
def test_low_precision_agrees_with_single():
    encoder = with_statistics(small(), images(8))
    with torch.autocast("cpu", torch.bfloat16):
        low = encoder(images())
    similarity = torch.nn.functional.cosine_similarity(low.float().flatten(1), encoder(images()).flatten(1))
    assert similarity.min() > 0.99  # bfloat16 has 8 bits


def test_without_drop_connect_training_is_the_same_every_time():
    with torch.no_grad():
        still, moving = small(drop_connect_rate=0.0).train(), small(drop_connect_rate=0.5).train()
        assert torch.equal(still(images()), still(images()))
        assert not torch.equal(moving(images()), moving(images()))


def test_every_parameter_gets_a_gradient():
    encoder = small().train()
    encoder(images()).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in encoder.parameters())


def test_an_untrained_network_in_evaluation_mode_distinguishes_images():
    with torch.no_grad():
        ours = small().eval()(images())
        monai = small()
        super(EfficientNetBackbone, monai)._initialize_weights()
        theirs = monai.eval()(images())
    assert ours.std(dim=0).mean() > 1e-6
    assert theirs.std(dim=0).mean() < 1e-12


def test_depthwise_convolutions_keep_the_variance_of_their_input():
    weights = [block._depthwise_conv.weight for block in EfficientNetBackbone().blocks]
    for weight in weights:  # variance 2 / fan-out, Tan & Le's code for dense ones
        error = (2 / weight.numel()) ** 0.5  # relative, of a variance estimated from so many weights
        assert weight.var().item() * weight[0].numel() == pytest.approx(2, rel=5 * error)


def test_running_statistics_follow_at_the_rate_that_is_set():
    assert {norm.momentum for norm in small(norm_momentum=0.3).modules() if hasattr(norm, "momentum")} == {0.3}


def test_an_unknown_network_is_one_line():
    with pytest.raises(
        InputError, match=r"^model_name: no network 'b2'; expected one of efficientnet-b0, .*; correct it$"
    ):
        EfficientNetBackbone("b2")


@pytest.mark.parametrize(("number", "maps", "weights"), [(0, 320, 3_371_008), (2, 352, 4_811_072)])
def test_a_lite_network_has_the_stem_and_head_of_b0_and_as_many_weights_as_published(number, maps, weights):
    """4.65 and 6.09 million with the classifier's 1,281,000, as timm's table of results has them."""
    encoder = EfficientNetBackbone(f"efficientnet-lite{number}")
    assert encoder._conv_stem.out_channels == 32 and encoder.num_features == 1280
    assert encoder._conv_head.in_channels == maps
    assert sum(parameter.numel() for parameter in encoder.parameters()) == weights
    assert not any("_se_" in name for name, _ in encoder.named_parameters())
    assert encoder.eval()(images()).max() <= 6.0  # ReLU6


def test_a_lite_network_scripts_and_gives_the_same():
    encoder = with_statistics(EfficientNetBackbone("efficientnet-lite0"), images(8))
    torch.testing.assert_close(torch.jit.script(encoder)(images()), encoder(images()))
