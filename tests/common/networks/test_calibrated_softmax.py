from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from common.errors import InputError
from common.networks import CalibratedSoftmax

LOGITS = 4 * torch.randn(64, 5, generator=torch.Generator().manual_seed(0))


def by_hand(logits: list[float], temperature: float, threshold: float) -> list[float]:
    """One case in Python's own numbers."""
    powers = [math.exp(value / temperature) for value in logits]
    probabilities = [power / sum(powers) for power in powers]
    return [*probabilities, float(max(probabilities) < threshold)]


@pytest.mark.parametrize(("temperature", "threshold"), [(1.0, 0.0), (2.5, 0.6), (0.3, 0.97), (1.7, 1.0)])
def test_it_gives_what_is_worked_out_by_hand(temperature, threshold):
    expected = torch.tensor([by_hand(row, temperature, threshold) for row in LOGITS.double().tolist()])
    torch.testing.assert_close(CalibratedSoftmax(temperature, threshold)(LOGITS), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_largest_channel_is_no_call_exactly_where_the_confidence_is_below_the_threshold(threshold):
    result = CalibratedSoftmax(2.0, threshold)(LOGITS)
    confidence = (LOGITS / 2).softmax(1).amax(1)
    assert torch.equal(result.argmax(1) == 5, confidence < threshold)
    called = confidence >= threshold
    assert torch.equal(result.argmax(1)[called], LOGITS.argmax(1)[called])
    if threshold == 0:
        assert called.all()


def test_a_confidence_that_meets_the_threshold_is_called():
    confidence = torch.tensor([[0.0, 0.0]]).softmax(1)[0, 0].item()
    assert CalibratedSoftmax(1.0, confidence)(torch.zeros(1, 2)).tolist() == [[0.5, 0.5, 0.0]]


def test_it_has_no_state():
    assert not CalibratedSoftmax(2.0, 0.5).state_dict()


def test_torchscript_torch_export_and_onnx_give_the_same_for_any_batch_size(tmp_path):
    module = CalibratedSoftmax(1.7, 0.6)
    torch.jit.script(module).save(tmp_path / "model.ts")
    exported = torch.export.export(module, (LOGITS,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    torch.onnx.export(exported).save(tmp_path / "model.onnx")
    runner = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    for count in (1, 3, 64):
        some = LOGITS[:count]
        expected = module(some)
        for other in (torch.jit.load(tmp_path / "model.ts"), exported.module()):
            torch.testing.assert_close(other(some), expected)
        (found,) = runner.run(None, {runner.input_names[0]: some.numpy()})
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.5), "temperature: 0.0; expected a positive number"),
        ((math.nan, 0.5), "temperature: nan"),
        ((math.inf, 0.5), "temperature: inf"),
        ((1.0, 1.01), "threshold: 1.01; expected a probability from 0 to 1"),
        ((1.0, math.nan), "threshold: nan"),
    ],
)
def test_bad_numbers_are_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        CalibratedSoftmax(*arguments)
