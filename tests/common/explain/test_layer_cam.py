from __future__ import annotations

import pytest
import torch
from monai.networks.nets import EfficientNetBN
from torch import nn

from common.errors import InputError
from common.explain import LayerCAM, layer_name
from tests.common.explain.shared_encoder import SharedEncoder


@pytest.fixture(params=[1, 3])
def network(request) -> SharedEncoder:
    torch.manual_seed(0)
    network = SharedEncoder(request.param)
    network(torch.rand(8, request.param, 8, 8))  # batch norm has seen something
    network.modalities = request.param
    return network


def by_the_formula(network: SharedEncoder, patient: torch.Tensor, modality: int, class_idx: int) -> torch.Tensor:
    """One patient alone, one modality, place by place: ReLU(sum_k ReLU(dY_c/dA_k) A_k)."""
    network.eval()
    activations = network.layer(network.stem(patient[:, None]))  # [M, C, h, w]
    (gradients,) = torch.autograd.grad(network.rest(activations, 1)[0, class_idx], activations)
    found = torch.zeros(activations.shape[2:])
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            total = 0.0
            for k in range(activations.shape[1]):
                total += max(gradients[modality, k, i, j].item(), 0.0) * activations[modality, k, i, j].item()
            found[i, j] = max(total, 0.0)
    return found


def test_a_batch_has_the_formulas_map_for_every_patient_and_modality(network):
    x = torch.randn(2, network.modalities, 8, 10)
    expected = torch.stack(
        [torch.stack([by_the_formula(network, patient, m, 2) for m in range(network.modalities)]) for patient in x]
    )
    assert expected.max() > 0
    found = LayerCAM(network, "layer").compute_map(x, class_idx=2)
    assert found.shape == (2, network.modalities, 4, 5)
    torch.testing.assert_close(found, expected)


def test_maps_come_at_the_images_size_and_as_they_are(network):
    x = torch.randn(2, network.modalities, 8, 10)
    cam = LayerCAM(network, "layer")
    small, found = cam.compute_map(x, class_idx=1), cam(x, class_idx=1)
    torch.testing.assert_close(found, nn.functional.interpolate(small, (8, 10), mode="bilinear"))
    assert found.min() >= 0 and not found.requires_grad


def test_a_frozen_encoder_within_no_grad_has_the_same_maps_and_nothing_is_left_behind(network):
    x = torch.randn(2, network.modalities, 8, 8)
    cam = LayerCAM(network, "layer")
    expected = cam(x, class_idx=0)
    network.train().requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(cam(x, class_idx=0), expected)
    assert network.training and not x.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_that_takes_all_channels_at_once_has_one_map():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert LayerCAM(network, "0")(torch.rand(2, 3, 8, 8), class_idx=1).shape == (2, 1, 8, 8)


def test_blocks_are_counted_as_the_paper_counts_them():
    network = EfficientNetBN("efficientnet-b2", pretrained=False, in_channels=1, num_classes=2)
    sizes = [len(stack) for stack in network._blocks]
    assert sizes == [2, 3, 3, 4, 4, 5, 2]  # EfficientNet-B2: the 11th is the third of stack 3
    assert layer_name(network, 11) == "_blocks.3.10"
    assert layer_name(network, "_conv_head") == "_conv_head"
    wrapped = nn.ModuleDict({"encoder": network})
    assert layer_name(wrapped, 1) == "encoder._blocks.0.0" and layer_name(wrapped, 23) == "encoder._blocks.6.22"


def test_a_wrong_layer_a_missing_class_and_probabilities_are_reported():
    network = SharedEncoder(1)
    with pytest.raises(InputError, match="found 11; expected 1 to 0, the MBConv blocks of SharedEncoder"):
        LayerCAM(network, 11)
    with pytest.raises(InputError, match="found 'fc'; expected a name out of SharedEncoder's modules, such as"):
        LayerCAM(network, "fc")
    with pytest.raises(ValueError, match="class_idx: found none"):
        LayerCAM(network, "layer")(torch.rand(1, 1, 8, 8))
    with pytest.raises(InputError, match="found probabilities; expected logits"):
        LayerCAM(SharedEncoder(1, probabilities=nn.Softmax(dim=1)), "layer")
