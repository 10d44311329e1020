from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from common.deploy.prediction.calibrated_network import CalibratedNetwork
from common.deploy.prediction.classifier import open_classifier
from common.networks import CalibratedSoftmax
from tests.bundles.bundle_files import BUNDLES

SIAM = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")


@pytest.mark.parametrize(("temperature", "threshold"), [(1.0, 0.0), (1.7, 0.6), (0.4, 0.9)])
def test_probabilities_are_calibrated_as_their_logits_are(temperature, threshold):
    logits = 4 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    found = CalibratedNetwork(nn.Softmax(1), temperature, threshold)(logits)
    torch.testing.assert_close(found, CalibratedSoftmax(temperature, threshold)(logits), rtol=0, atol=1e-5)


def test_a_certain_network_stays_finite():
    found = CalibratedNetwork(nn.Identity(), 2.0, 0.5)(torch.tensor([[1.0, 0.0]]))
    assert found.isfinite().all() and found[0, 0] == pytest.approx(1)


def test_a_bundle_s_own_weights_are_calibrated_as_in_its_archive():
    calibration = json.loads((SIAM / "models/calibration.json").read_text())
    image = 255 * torch.rand(1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = torch.jit.load(SIAM / "models/model.ts")(image[None])
    values = [calibration[name] for name in ("temperature", "threshold")]
    expected = CalibratedSoftmax(*values)(plain.log())[0]
    with open_classifier(SIAM, device="cpu") as classifier:
        assert classifier.channels == ("benign", "malignant", "no call")
        found = classifier(image).probabilities
    assert list(found.values()) == pytest.approx(expected[:2].tolist(), abs=1e-5)
    assert abs(plain[0, 0] - expected[0]) > 1e-4  # it makes a difference


def test_other_weights_of_a_bundle_are_left_as_they_are():
    with open_classifier(SIAM, weights=SIAM / "models/model.ts", device="cpu") as classifier:
        assert classifier.channels == ("benign", "malignant")


def test_a_bundle_s_own_weights_stay_in_evaluation_mode_after_a_heat_map():
    with open_classifier(SIAM, device="cpu") as classifier:
        assert not any(module.training for module in classifier.network.modules())
