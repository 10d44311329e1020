from __future__ import annotations

import pytest
import torch
from torch import nn

from common.errors import InputError
from common.networks import (
    CrossModalityConv,
    CrossModalityGroupConv,
    EfficientNetBackbone,
    FusionClassifier,
    ProjectionHead,
)
from tests.common.networks.statistics import with_statistics


def images(count: int = 6, modalities: int = 3) -> torch.Tensor:
    return torch.rand(count, modalities, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network() -> FusionClassifier:
    torch.manual_seed(0)
    encoder = EfficientNetBackbone("efficientnet-b0")
    net = FusionClassifier(encoder, CrossModalityGroupConv(1280, 3, groups=8), 2, probabilities=nn.Softmax(dim=1))
    return with_statistics(net, images())


class Encoder(nn.Sequential):
    """A few channels are enough to see which goes where."""

    num_features = 4

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 4, 3, stride=2), nn.SiLU())


def by_hand(net: FusionClassifier, x: torch.Tensor) -> torch.Tensor:
    """Each modality of each patient encoded by itself."""
    rows = []
    for patient in x:
        maps = [net.encoder(modality[None, None])[0] for modality in patient]
        stacked = torch.stack([torch.stack([m[c] for m in maps]) for c in range(4)])  # "the same channels" together
        rows.append(net.head(net.fusion(stacked[None]).mean((2, 3)))[0])
    return torch.stack(rows)


@pytest.mark.parametrize("modalities", [1, 2, 3, 5])
def test_one_pass_of_all_modalities_equals_each_patient_and_modality_by_itself(modalities):
    torch.manual_seed(0)
    net = FusionClassifier(Encoder(), CrossModalityGroupConv(4, modalities, groups=2), num_classes=3).eval()
    x = images(5, modalities)
    torch.testing.assert_close(net(x), by_hand(net, x))


def test_cmc_fits_in_the_same_place():
    net = FusionClassifier(Encoder(), CrossModalityConv(4, 3), num_classes=2).eval()
    torch.testing.assert_close(net(images()), by_hand(net, images()))


def test_the_encoder_is_called_once():
    net, sizes = FusionClassifier(Encoder(), CrossModalityConv(4, 3), num_classes=2), []
    net.encoder.register_forward_hook(lambda module, inputs, output: sizes.append(tuple(inputs[0].shape)))
    net(images())
    assert sizes == [(18, 1, 32, 32)]


def test_probabilities_are_the_softmax_of_the_logits(network):
    probabilities = network(images())
    softmax, network.probabilities = network.probabilities, None
    logits = network(images())
    network.probabilities = softmax
    torch.testing.assert_close(probabilities, logits.softmax(dim=1))
    assert probabilities[:, 0].std() > 1e-3  # the network distinguishes the images


def test_without_fusion_one_modality_is_encoded_pooled_and_projected():
    net = FusionClassifier(Encoder(), None, num_classes=2, projector=ProjectionHead(4, 6, 5)).eval()
    x = images(4, 1)
    torch.testing.assert_close(net(x), net.head(net.projector(net.encoder(x).mean((2, 3)))))
    assert net.head.in_features == 5
    plain = FusionClassifier(Encoder(), None, num_classes=2).eval()
    torch.testing.assert_close(plain(x), plain.head(plain.encoder(x).mean((2, 3))))


def test_several_modalities_without_fusion_are_one_line():
    with pytest.raises(InputError, match=r"^image: 3 modalities and no fusion; expected one modality; "):
        FusionClassifier(Encoder(), None, num_classes=2)(images(2, 3))


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_trains_the_linear_classifier_alone_and_keeps_batch_statistics(frozen):
    torch.manual_seed(0)
    fusion, projector = CrossModalityGroupConv(4, 3, groups=2), ProjectionHead(4, 6, 5)
    net = FusionClassifier(Encoder(), fusion, num_classes=2, projector=projector, frozen=frozen).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = torch.optim.SGD((p for p in net.parameters() if p.requires_grad), lr=0.1)
    net(images()).square().sum().backward()
    optimizer.step()
    changed = {name.split(".")[0] for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == ({"head"} if frozen else {"encoder", "fusion", "projector", "head"})


def test_a_hidden_layer_of_the_classifier_is_an_mlp_of_the_pooled_features():
    torch.manual_seed(0)
    net = FusionClassifier(Encoder(), CrossModalityConv(4, 3), num_classes=2, hidden_features=5).eval()
    linear = FusionClassifier(net.encoder, net.fusion, num_classes=2).eval()
    linear.head = torch.nn.Identity()
    first, last, pooled = net.head[0], net.head[-1], linear(images())
    hidden = torch.nn.functional.silu(pooled @ first.weight.T + first.bias)  # Bx5
    assert torch.allclose(net(images()), hidden @ last.weight.T + last.bias, atol=1e-6)
    assert sum(p.numel() for p in net.head.parameters()) == (4 + 1) * 5 + (5 + 1) * 2


def test_frozen_keeps_dropout_in_training():
    net = FusionClassifier(Encoder(), CrossModalityConv(4, 3), num_classes=2, dropout=0.5, frozen=True).train()
    assert net.dropout.training and not net.encoder.training
    assert not net.eval().dropout.training


def test_encoder_and_fusion_of_different_widths_are_one_line():
    with pytest.raises(InputError, match=r"^fusion: built for 8 channels; expected the encoder's 4; set"):
        FusionClassifier(Encoder(), CrossModalityConv(8, 3), num_classes=2)


def test_images_of_another_number_of_modalities_are_one_line(network):
    with pytest.raises(InputError, match=r"^num_modalities: .*expected \[B, C, 3, H, W\]; set num_modalities to"):
        network(images(2, 4))
