from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from common.errors import InputError
from common.networks import (
    LongShortNetwork,
    PretrainedUNet,
    ProjectedEncoder,
    ProjectionHead,
    RestorationNetwork,
    UNetEncoder,
    VolumeResNet,
    load_encoder_weights,
    load_unet_weights,
)

CHANNELS = (4, 8, 16)


def encoders() -> list[torch.nn.Module]:
    return [UNetEncoder(2, CHANNELS), VolumeResNet(10, 2, (4, 8, 16, 32))]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("shape", [(16, 32, 32), (9, 33, 26)])
def test_the_result_has_the_image_s_size_and_every_weight_gets_a_gradient(number, shape):
    net = PretrainedUNet(encoders()[number], out_channels=3)
    x = torch.rand(2, 2, *shape)
    found = net(x)
    assert found.shape == (2, 3, *shape)
    found.square().mean().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None]
    assert not without


def test_each_map_of_the_encoder_is_joined_on_the_way_up():
    net = PretrainedUNet(UNetEncoder(1, CHANNELS), out_channels=2).eval()
    x = torch.rand(1, 1, 8, 16, 16)
    with torch.no_grad():
        full, half, quarter = net.encoder.feature_maps(x)
        up = interpolate(quarter, half.shape[2:], mode="trilinear")
        up = net.decoder.stages[0](torch.cat([half, up], 1))
        up = net.decoder.stages[1](torch.cat([full, interpolate(up, full.shape[2:], mode="trilinear")], 1))
        torch.testing.assert_close(net(x), net.decoder.out(up))


@pytest.mark.parametrize("number", [0, 1])
def test_it_scripts_and_gives_the_same(number):
    net = PretrainedUNet(encoders()[number], out_channels=2).eval()
    scripted = torch.jit.script(net)
    for shape in ((16, 32, 32), (9, 17, 20)):
        x = torch.rand(1, 2, *shape)
        with torch.no_grad():
            torch.testing.assert_close(scripted(x), net(x))


def test_the_pre_trained_encoder_loads_into_the_unet_from_each_pretext(tmp_path):
    encoder = UNetEncoder(1, CHANNELS)
    contrastive = LongShortNetwork(ProjectedEncoder(encoder, ProjectionHead(16, 8, 4)), ProjectionHead(4, 8, 4))
    restoration = RestorationNetwork(encoder)
    for network, prefix in ((contrastive, "encoder.encoder."), (restoration, "encoder.")):
        torch.save(network.state_dict(), tmp_path / "model.pt")
        unet = PretrainedUNet(load_encoder_weights(UNetEncoder(1, CHANNELS), tmp_path / "model.pt", prefix), 2)
        for name, value in unet.encoder.state_dict().items():
            assert torch.equal(value, encoder.state_dict()[name]), name


@pytest.mark.parametrize("build", [lambda n: UNetEncoder(n, CHANNELS), lambda n: VolumeResNet(10, n, (4, 8, 16, 32))])
@pytest.mark.parametrize(("before", "after"), [(1, 4), (3, 2), (2, 1)])
def test_more_or_fewer_modalities_give_the_same_where_all_are_equal(tmp_path, build, before, after):
    old, new = build(before).eval(), build(after).eval()
    torch.save({"network": {f"encoder.encoder.{name}": v for name, v in old.state_dict().items()}}, tmp_path / "c.pt")
    load_encoder_weights(new, tmp_path / "c.pt")
    one = torch.rand(1, 1, 16, 32, 32)
    with torch.no_grad():
        found, expected = new(one.repeat(1, after, 1, 1, 1)), old(one.repeat(1, before, 1, 1, 1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_without_a_path_the_encoder_stays_as_it_is():
    encoder = UNetEncoder(1, CHANNELS)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert load_encoder_weights(encoder, None) is encoder
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_weights_of_another_architecture_are_one_line(tmp_path):
    torch.save({f"encoder.{k}": v for k, v in UNetEncoder(1, (4, 8)).state_dict().items()}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"weights of another architecture than UNetEncoder: .*missing \(stages\.2"):
        load_encoder_weights(UNetEncoder(3, CHANNELS), tmp_path / "model.pt", "encoder.")
    with pytest.raises(InputError, match=r"weights of another architecture than UNetEncoder"):
        load_encoder_weights(UNetEncoder(3, CHANNELS), tmp_path / "model.pt", "backbone.")


def test_restored_images_are_in_0_to_1_in_single_precision():
    net = RestorationNetwork(VolumeResNet(10, 1, (4, 8, 16, 32)))
    x = torch.rand(2, 1, 16, 32, 24)
    with torch.autocast("cpu", torch.bfloat16):
        found, feature = net(x)
        pooled = net.encoder(x)
    torch.testing.assert_close(feature, pooled.float(), atol=0.02, rtol=0.02)
    assert feature.dtype == torch.float32 and not feature.requires_grad
    assert found.dtype == torch.float32 and found.shape == x.shape and found.min() >= 0 and found.max() <= 1


def test_models_genesis_hands_its_decoder_on_to_the_segmenter_and_contrast_its_encoder_alone(tmp_path):
    torch.manual_seed(0)
    genesis = RestorationNetwork(UNetEncoder(1, CHANNELS), 1)
    torch.save({"network": torch.nn.ModuleDict({"encoder": genesis}).state_dict()}, tmp_path / "genesis.pt")
    unet = PretrainedUNet(UNetEncoder(1, CHANNELS), out_channels=3)
    last = unet.decoder.out.weight.clone()
    assert load_unet_weights(unet, tmp_path / "genesis.pt") is unet
    for name, tensor in genesis.decoder.stages.state_dict().items():
        assert torch.equal(unet.decoder.stages.state_dict()[name], tensor)
    assert torch.equal(unet.encoder.stages[0].conv_0.conv.weight, genesis.encoder.stages[0].conv_0.conv.weight)
    assert torch.equal(unet.decoder.out.weight, last)

    contrast = ProjectedEncoder(UNetEncoder(1, CHANNELS), ProjectionHead(16, 8, 8))
    torch.save({"network": torch.nn.ModuleDict({"encoder": contrast}).state_dict()}, tmp_path / "contrast.pt")
    before = {name: tensor.clone() for name, tensor in unet.decoder.state_dict().items()}
    load_unet_weights(unet, tmp_path / "contrast.pt")
    assert torch.equal(unet.encoder.stages[0].conv_0.conv.weight, contrast.encoder.stages[0].conv_0.conv.weight)
    assert all(torch.equal(unet.decoder.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_decoder_of_other_widths_is_one_line(tmp_path):
    genesis = RestorationNetwork(UNetEncoder(1, CHANNELS), 1)
    genesis.decoder = torch.nn.Sequential()
    genesis.decoder.add_module("stages", torch.nn.ModuleList([torch.nn.Linear(2, 2)]))
    torch.save(torch.nn.ModuleDict({"encoder": genesis}).state_dict(), tmp_path / "other.pt")
    with pytest.raises(InputError, match="weights of another architecture than SkipDecoder"):
        load_unet_weights(PretrainedUNet(UNetEncoder(1, CHANNELS), 3), tmp_path / "other.pt")
