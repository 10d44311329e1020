from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.networks import HybridNetwork, HybridOutput, RadiomicsEncoder, ResNetBackbone
from tests.common.networks.statistics import with_statistics

IMAGE, RADIOMICS = torch.rand(6, 2, 32, 24), torch.randn(6, 11)


@pytest.fixture(scope="module")
def network() -> HybridNetwork:
    torch.manual_seed(0)
    encoder = ResNetBackbone(18, 2, image_size=(32, 24), widen_factor=0.125)
    return with_statistics(HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5), IMAGE, RADIOMICS)


def test_both_views_are_vectors_of_length_one_in_the_same_space(network):
    output = network(IMAGE, RADIOMICS)
    assert isinstance(output, HybridOutput) and output.image.shape == output.radiomics.shape == (6, 5)
    for view in output:
        torch.testing.assert_close(view.norm(dim=1), torch.ones(6))


def test_the_image_s_vector_is_the_projected_average_of_the_last_feature_map(network):
    pooled = network.image_encoder(IMAGE).mean(dim=(2, 3))
    projected = pooled @ network.image_projection.weight.T + network.image_projection.bias
    expected = projected / projected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(network(IMAGE, RADIOMICS).image, expected)
    torch.testing.assert_close(network.pooled_features(IMAGE), pooled)


def test_each_view_is_there_without_the_other(network):
    output = network(IMAGE, RADIOMICS)
    assert torch.equal(network.image_features(IMAGE), output.image)
    assert torch.equal(network.radiomics_features(RADIOMICS), output.radiomics)


def test_torchscript_gives_the_same_together_and_alone(network, tmp_path):
    torch.jit.script(network).save(tmp_path / "model.ts")
    loaded, expected = torch.jit.load(tmp_path / "model.ts"), network(IMAGE, RADIOMICS)
    torch.testing.assert_close(loaded(IMAGE, RADIOMICS).image, expected.image)
    torch.testing.assert_close(loaded.image_features(IMAGE), expected.image)
    torch.testing.assert_close(loaded.radiomics_features(RADIOMICS), expected.radiomics)


def test_under_autocast_the_vectors_are_of_length_one_in_single_precision(network):
    with torch.autocast("cpu", torch.bfloat16):
        output = network(IMAGE, RADIOMICS)
    for view in output:
        assert view.dtype == torch.float32
        torch.testing.assert_close(view.norm(dim=1), torch.ones(6))


def test_double_precision_stays_double(network):
    encoder = ResNetBackbone(18, 2, small_stem=True, widen_factor=0.125)
    double = HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5).double()
    assert all(view.dtype == torch.float64 for view in double(IMAGE.double(), RADIOMICS.double()))


def test_the_collapse_monitor_sees_both_vectors_without_gradient(network):
    output = network(IMAGE, RADIOMICS)
    image, radiomics = output.watched
    assert output.image.requires_grad and not image.requires_grad and not radiomics.requires_grad
    assert torch.equal(image, output.image) and torch.equal(radiomics, output.radiomics)


def test_encoders_into_different_spaces_are_one_line(network):
    with pytest.raises(InputError, match="out_features: 128 of the image and 5 of the radiomics encoder"):
        HybridNetwork(network.image_encoder, network.radiomics_encoder)


def test_a_locked_image_encoder_keeps_weights_and_statistics_while_the_rest_learns():
    torch.manual_seed(0)
    encoder = ResNetBackbone(18, 2, image_size=(32, 24), widen_factor=0.125)
    network = HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5, frozen=["image_encoder"]).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    output = network(IMAGE, RADIOMICS)
    (output.image * output.radiomics).sum().backward()
    torch.optim.SGD(trained, lr=1.0).step()
    changed = {
        name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"image_projection", "radiomics_encoder"}


def test_an_unknown_module_to_lock_is_refused():
    encoder = ResNetBackbone(18, 2, image_size=(32, 24), widen_factor=0.125)
    with pytest.raises(InputError, match=r"^frozen: no module 'image' in .*; expected names in image_encoder"):
        HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5, frozen=["image"])
