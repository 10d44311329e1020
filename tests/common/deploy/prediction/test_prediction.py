from __future__ import annotations

import pytest
import torch

from common.deploy.prediction.prediction import ModelIdentity, Prediction
from common.networks import CalibratedSoftmax

MODEL = ModelIdentity("toy", "0.1.0", "0" * 64)


@pytest.mark.parametrize(("threshold", "call"), [(0.0, "b"), (0.7, "b"), (0.75, "no call")])
def test_the_call_is_that_of_the_networks_last_channel(threshold, call):
    logits = torch.tensor([[0.0, 1.0]])  # 0.269 and 0.731
    output = CalibratedSoftmax(threshold=threshold)(logits)[0]
    found = Prediction.of_output(output, ("a", "b", "no call"), MODEL)
    assert found.call == call and found.most_likely == "b"
    assert found.probabilities == pytest.approx({"a": 0.26894, "b": 0.73106}, abs=1e-5)


def test_a_network_that_cannot_abstain_always_calls():
    found = Prediction.of_output(torch.tensor([0.4, 0.35, 0.25]), ("a", "b", "c"), MODEL)
    assert found.call == "a" and list(found.probabilities) == ["a", "b", "c"] and not found.abstains


def test_outputs_without_name_are_no_prediction():
    with pytest.raises(ValueError, match="zip"):
        Prediction.of_output(torch.tensor([0.5, 0.5]), ("a", "b", "no call"), MODEL)
