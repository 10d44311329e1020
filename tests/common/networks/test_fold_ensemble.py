"""The networks of several folds as one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from common.networks import CalibratedSoftmax, FoldEnsemble


@pytest.mark.parametrize("number", [1, 3])
def test_softmax_of_the_output_is_the_mean_probability_of_the_members(number):
    torch.manual_seed(0)
    networks = [nn.Linear(4, 3) for _ in range(number)]
    ensemble = FoldEnsemble(nn.Linear(4, 3), number)
    ensemble.load_state_dict(
        {
            f"members.{k}.{name}": value
            for k, network in enumerate(networks)
            for name, value in network.state_dict().items()
        }
    )
    x = torch.randn(5, 4)
    expected = torch.stack([torch.softmax(network(x), 1) for network in networks]).mean(0)
    torch.testing.assert_close(torch.softmax(ensemble(x), 1), expected)


def test_it_takes_the_place_of_a_classifier_for_calibration_and_export():
    ensemble = FoldEnsemble(nn.Linear(4, 2), 2, probabilities=CalibratedSoftmax(2.0, 0.6)).eval()
    x = torch.randn(3, 4)
    found = ensemble(x)
    assert found.shape == (3, 3)
    torch.testing.assert_close(torch.jit.trace(ensemble, x)(x), found)
    assert not ({id(p) for p in ensemble.members[0].parameters()} & {id(p) for p in ensemble.members[1].parameters()})
