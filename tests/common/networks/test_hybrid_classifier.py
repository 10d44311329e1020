from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from common.errors import InputError
from common.networks import HybridClassifier, HybridNetwork, RadiomicsEncoder, ResNetBackbone, convert_sync_batchnorm
from tests.common.networks.statistics import with_statistics

IMAGE, RADIOMICS, LABEL = torch.rand(6, 1, 32, 24), torch.randn(6, 11), torch.tensor([0, 1, 2, 0, 1, 2])
EVERYTHING = ["image_encoder", "image_projection", "radiomics_encoder"]


@pytest.fixture
def hybrid() -> HybridNetwork:
    torch.manual_seed(0)
    encoder = ResNetBackbone(18, 1, image_size=(32, 24), widen_factor=0.125)
    return with_statistics(HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5), IMAGE, RADIOMICS)


def changed(network: nn.Module, steps: int = 2) -> set[str]:
    """Names of the tensors, weights and statistics, that training moves."""
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(network.train()(IMAGE, RADIOMICS), LABEL)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def test_the_paper_s_list_freezes_the_last_convolutions_and_the_last_two_radiomics_layers_and_nothing_else(hybrid):
    network = HybridClassifier(hybrid, 3)
    every = set(network.state_dict())
    frozen = {
        name
        for name in every
        if name.startswith(
            ("hybrid.image_encoder.layer4.", "hybrid.radiomics_encoder.1.", "hybrid.radiomics_encoder.2.")
        )
    }
    assert changed(network) == every - frozen
    assert any(name.endswith("running_mean") for name in frozen)


def test_with_all_frozen_it_is_a_linear_probe_on_constant_features(hybrid):
    network = HybridClassifier(hybrid, 3, frozen=EVERYTHING)
    features = network.train().features(IMAGE, RADIOMICS)
    assert changed(network) == {"head.weight", "head.bias"}
    assert torch.equal(network.features(IMAGE, RADIOMICS), features) and not features.requires_grad
    assert torch.equal(network.eval().features(IMAGE, RADIOMICS), features)


def test_with_nothing_frozen_all_is_trained(hybrid):
    network = HybridClassifier(hybrid, 3, frozen=[])
    assert changed(network) == set(network.state_dict())


@pytest.mark.parametrize(
    ("view", "width", "unused"),
    [
        ("image", 5, ("radiomics_encoder",)),
        ("radiomics", 5, ("image_encoder", "image_projection")),
        ("pooled", 64, ("image_projection", "radiomics_encoder")),
    ],
)
def test_parts_that_the_view_does_not_use_are_frozen(view, width, unused, hybrid):
    network = HybridClassifier(hybrid, 3, view, frozen=[])
    assert network.head.in_features == width
    unused = tuple(f"hybrid.{name}." for name in unused)
    assert changed(network) == {name for name in network.state_dict() if not name.startswith(unused)}


def test_logits_are_one_layer_on_both_vectors_one_after_the_other(hybrid):
    network, output = HybridClassifier(hybrid, 3).eval(), hybrid(IMAGE, RADIOMICS)
    expected = torch.cat([output.image, output.radiomics], 1) @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(IMAGE, RADIOMICS), expected)
    single = HybridClassifier(hybrid, 3, "image").eval()
    torch.testing.assert_close(single(IMAGE), output.image @ single.head.weight.T + single.head.bias)
    single = HybridClassifier(hybrid, 3, "radiomics").eval()
    torch.testing.assert_close(single(IMAGE, RADIOMICS), output.radiomics @ single.head.weight.T + single.head.bias)
    pooled = HybridClassifier(hybrid, 3, "pooled").eval()
    expected = hybrid.image_encoder(IMAGE).mean((2, 3)) @ pooled.head.weight.T + pooled.head.bias
    torch.testing.assert_close(pooled(IMAGE), expected)


def test_without_classes_it_gives_the_features_themselves(hybrid):
    network = HybridClassifier(hybrid, 0).eval()
    assert torch.equal(network(IMAGE, RADIOMICS), network.features(IMAGE, RADIOMICS))
    assert all(name.startswith("hybrid.") for name in network.state_dict())


def test_vectors_can_keep_their_lengths(hybrid):
    network = HybridClassifier(hybrid, 3, normalize=False).eval()
    image = hybrid.image_projection(hybrid.pooled_features(IMAGE))
    expected = torch.cat([image, hybrid.radiomics_encoder(RADIOMICS)], dim=1)
    torch.testing.assert_close(network.features(IMAGE, RADIOMICS), expected)


def test_features_can_be_standardised_by_the_training_set_s_statistics(hybrid):
    network = HybridClassifier(hybrid, 3, frozen=EVERYTHING, batch_norm=True)
    network.norm.momentum = 1.0
    features = network.train().features(IMAGE, RADIOMICS)
    expected = (features - features.mean(0)) / (features.var(0, correction=0) + network.norm.eps).sqrt()
    torch.testing.assert_close(network(IMAGE, RADIOMICS), network.head(expected))
    seen = (features[:1] - features.mean(0)) / (features.var(0) + network.norm.eps).sqrt()
    torch.testing.assert_close(network.eval()(IMAGE[:1], RADIOMICS[:1]), network.head(seen))
    assert {name for name, p in network.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}


def test_synchronised_batch_norms_stay_frozen_where_these_were(hybrid):
    network = convert_sync_batchnorm(HybridClassifier(hybrid, 3, batch_norm=True), torch.device("cpu"))
    every = set(network.state_dict())
    frozen = ("hybrid.image_encoder.layer4.", "hybrid.radiomics_encoder.1.", "hybrid.radiomics_encoder.2.")
    moved = changed(network)
    assert not [name for name in moved if name.startswith(frozen)]
    assert {"norm.running_mean", "hybrid.image_encoder.layer1.0.bn1.running_mean"} <= moved <= every
    assert network.norm.weight.unique().tolist() == [1]


@pytest.mark.slow
@pytest.mark.parametrize("view", ["both", "image"])
def test_torch_export_gives_the_same_for_any_batch_size(view, hybrid):
    network = HybridClassifier(hybrid, 3, view, probabilities=nn.Softmax(dim=1)).eval()
    inputs = (IMAGE, RADIOMICS) if view == "both" else (IMAGE,)
    dynamic = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    exported = torch.export.export(network, inputs, dynamic_shapes=dynamic).module()
    for count in (1, 4):
        some = [x[:count] for x in inputs]
        torch.testing.assert_close(exported(*some), network(*some))


def test_probabilities_are_the_softmax_with_the_same_weights(hybrid):
    network = HybridClassifier(hybrid, 3).eval()
    softmax = HybridClassifier(hybrid, 3, probabilities=nn.Softmax(dim=1)).eval()
    softmax.load_state_dict(network.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = softmax(IMAGE, RADIOMICS), network(IMAGE, RADIOMICS).softmax(1)
    assert torch.equal(found, expected) and found.dtype == torch.float32
    torch.testing.assert_close(found.sum(1), torch.ones(6))


@pytest.mark.parametrize("view", ["both", "image", "radiomics", "pooled"])
def test_torchscript_gives_the_same_and_a_view_of_the_image_takes_an_image_alone(view, hybrid, tmp_path):
    network = HybridClassifier(hybrid, 3, view, probabilities=nn.Softmax(dim=1)).eval()
    torch.jit.script(network).save(tmp_path / "model.ts")
    inputs = (IMAGE,) if view in ("image", "pooled") else (IMAGE, RADIOMICS)
    torch.testing.assert_close(torch.jit.load(tmp_path / "model.ts")(*inputs), network(*inputs))


def test_a_view_that_needs_radiomics_says_so(hybrid):
    with pytest.raises(InputError, match=r"^radiomics: none, and the view is both; give them"):
        HybridClassifier(hybrid, 3)(IMAGE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"view": "deep"}, "view: 'deep'; expected one of both, image, radiomics, pooled"),
        ({"frozen": ["layer4", "", "radiomics_encoder.1"]}, "frozen: no module 'layer4', '' in the hybrid network"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, hybrid):
    with pytest.raises(InputError, match=message) as error:
        HybridClassifier(hybrid, 3, **arguments)
    assert "\n" not in str(error.value)


def test_flips_average_the_probabilities_of_an_image_and_its_mirror_image_in_evaluation_alone(hybrid):
    network = HybridClassifier(hybrid, 3, test_flips=True).eval()
    plain = HybridClassifier(hybrid, 3).eval()
    plain.load_state_dict(network.state_dict())
    with torch.no_grad():
        mirrored = [plain(image, RADIOMICS).softmax(1) for image in (IMAGE, IMAGE.flip(2))]
        torch.testing.assert_close(network(IMAGE, RADIOMICS).softmax(1), sum(mirrored) / 2)
        assert torch.equal(torch.jit.script(network)(IMAGE, RADIOMICS), network(IMAGE, RADIOMICS))
        torch.manual_seed(0)
        trained = network.train()(IMAGE, RADIOMICS)
        torch.manual_seed(0)
        torch.testing.assert_close(trained, plain.train()(IMAGE, RADIOMICS))


@pytest.mark.parametrize(("view", "width"), [("both", 10), ("image", 5), ("pooled", 64)])
def test_radiomics_that_are_kept_follow_the_features(view, width, hybrid):
    network = HybridClassifier(hybrid, 3, view, keep_radiomics=True).eval()
    features = network.features(IMAGE, RADIOMICS)
    assert torch.equal(features[:, width:], RADIOMICS) and features.shape[1] == width + 11 == network.head.in_features
    assert torch.equal(features[:, :width], HybridClassifier(hybrid, 3, view).eval().features(IMAGE, RADIOMICS))
    with pytest.raises(InputError, match=r"radiomics: none, .*train a view of the image without keep_radiomics"):
        network(IMAGE)
