from __future__ import annotations

import pytest

from common.networks import (
    EfficientNetBackbone,
    HybridClassifier,
    HybridNetwork,
    RadiomicsEncoder,
    ResNetBackbone,
    layer_groups,
)

#: Number of layers to the classifier, by how a parameter's name begins: counted by hand.
RESNET = {
    "hybrid.image_projection.": 1,
    **{f"hybrid.image_encoder.layer{number}.": 6 - number for number in (4, 3, 2, 1)},
    **dict.fromkeys(("hybrid.image_encoder.conv1.", "hybrid.image_encoder.bn1."), 6),
    **{f"hybrid.radiomics_encoder.{number}.": 3 - number for number in (2, 1, 0)},
}
EFFICIENTNET = {
    "hybrid.image_projection.": 1,
    **dict.fromkeys(("hybrid.image_encoder._conv_head.", "hybrid.image_encoder._bn1."), 2),
    **{f"hybrid.image_encoder._blocks.{number}.": 9 - number for number in range(7)},
    **dict.fromkeys(("hybrid.image_encoder._conv_stem.", "hybrid.image_encoder._bn0."), 10),
    **{f"hybrid.radiomics_encoder.{number}.": 3 - number for number in (2, 1, 0)},
}


def classifier(encoder, **options) -> HybridClassifier:
    return HybridClassifier(HybridNetwork(encoder, RadiomicsEncoder(11, (9, 8), 5), 5), 3, **{"frozen": [], **options})


def rates(network: HybridClassifier, *values: float) -> dict[str, float]:
    """The rate of each parameter by its name; each has one."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    pairs = [(names[id(each)], group["lr"]) for group in layer_groups(network, *values) for each in group["params"]]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize(
    ("encoder", "depths"),
    [
        (ResNetBackbone(18, small_stem=True, widen_factor=0.125), RESNET),
        (EfficientNetBackbone("efficientnet-lite0"), EFFICIENTNET),
    ],
    ids=["resnet", "efficientnet"],
)
@pytest.mark.parametrize(("encoder_rate", "decay"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.8), (0.5, 0.3)])
def test_the_rate_of_each_parameter_is_that_of_its_distance_to_the_classifier(encoder, depths, encoder_rate, decay):
    network = classifier(encoder)
    found = rates(network, 0.01, encoder_rate, decay)
    assert found.keys() == {name for name, _ in network.named_parameters()}
    for name, rate in found.items():
        expected = 0.01
        for _ in range(0 if name.startswith("head.") else next(n for key, n in depths.items() if name.startswith(key))):
            expected *= decay
        assert rate == pytest.approx(expected * (1 if name.startswith("head.") else encoder_rate)), name


def test_the_distance_is_that_in_the_classifier_s_view_and_what_is_frozen_has_no_rate():
    encoder = ResNetBackbone(18, small_stem=True, widen_factor=0.125)
    pooled = rates(classifier(encoder, view="pooled"), 1.0, 1.0, 0.5)
    assert pooled["hybrid.image_encoder.layer4.0.conv1.weight"] == 0.5
    assert not any(name.startswith(("hybrid.image_projection.", "hybrid.radiomics_encoder.")) for name in pooled)
    frozen = classifier(ResNetBackbone(18, small_stem=True, widen_factor=0.125), frozen=["image_encoder.layer4"])
    found = rates(frozen, 1.0, 1.0, 0.5)
    assert not any("layer4" in name for name in found)
    assert found["hybrid.image_encoder.layer3.0.conv1.weight"] == 0.125
    assert len(layer_groups(frozen, 1.0)) == 2  # without decay one rate for all encoders
