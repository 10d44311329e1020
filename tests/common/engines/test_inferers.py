from __future__ import annotations

import torch
from torch import nn

from common.engines import AutocastInferer


class Spy(nn.Linear):
    def forward(self, x):
        result = super().forward(x)
        self.computed_in = result.dtype
        return result


def test_the_network_computes_in_bfloat16_and_its_output_is_single():
    network = Spy(2, 3)
    output = AutocastInferer(torch.device("cpu"))(torch.rand(1, 2), network)
    assert network.computed_in == torch.bfloat16 and output.dtype == torch.float32


def test_switched_off_it_is_the_plain_network():
    network, x = Spy(2, 3), torch.rand(1, 2)
    output = AutocastInferer("cpu", enabled=False)(x, network)
    assert network.computed_in == torch.float32 and torch.equal(output, network(x))
