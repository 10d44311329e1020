"""The classifiers of the multi-modality learner in the formats in which networks are exported."""

from __future__ import annotations

import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from common.networks import CrossModalityGroupConv, EfficientNetBackbone, FusionClassifier, ProjectionHead
from tests.common.networks.statistics import with_statistics

MODALITIES = {"fusion": 3, "single": 1}


@pytest.fixture(scope="module", params=list(MODALITIES))
def kind(request) -> str:
    return request.param


def images(kind: str, count: int) -> torch.Tensor:
    return torch.rand(count, MODALITIES[kind], 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network(kind) -> nn.Module:
    torch.manual_seed(0)
    encoder = EfficientNetBackbone("efficientnet-b0")
    if kind == "fusion":
        net = FusionClassifier(
            encoder, CrossModalityGroupConv(1280, 3, groups=8), num_classes=2, probabilities=nn.Softmax(dim=1)
        )
    else:
        net = FusionClassifier(encoder, None, 2, projector=ProjectionHead(1280, 24, 8), probabilities=nn.Softmax(dim=1))
    return with_statistics(net, images(kind, 6))


@pytest.fixture(scope="module")
def exported(kind, network) -> torch.export.ExportedProgram:
    return torch.export.export(network, (images(kind, 6),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))


def test_the_network_distinguishes_the_images(kind, network):
    assert network(images(kind, 4))[:, 0].std() > 1e-3


def test_torchscript_gives_the_same(kind, network, tmp_path):
    torch.jit.script(network).save(tmp_path / "model.ts")
    loaded = torch.jit.load(tmp_path / "model.ts")
    torch.testing.assert_close(loaded(images(kind, 4)), network(images(kind, 4)))


@pytest.mark.slow
def test_torch_export_gives_the_same_for_any_batch_size(kind, network, exported, tmp_path):
    torch.export.save(exported, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    for count in (1, 4):
        torch.testing.assert_close(loaded(images(kind, count)), network(images(kind, count)))


@pytest.mark.slow
def test_onnx_gives_the_same_for_any_batch_size(kind, network, exported, tmp_path):
    torch.onnx.export(exported).save(tmp_path / "model.onnx")
    runner = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    for count in (1, 4):
        (found,) = runner.run(None, {runner.input_names[0]: images(kind, count).numpy()})
        torch.testing.assert_close(torch.from_numpy(found), network(images(kind, count)), rtol=1e-3, atol=1e-4)
