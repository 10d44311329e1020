"""Running statistics that fit, so that an untrained network in evaluation mode distinguishes its inputs."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def with_statistics(network: nn.Module, *inputs: torch.Tensor) -> nn.Module:
    """The network in evaluation mode, its batch norms holding the statistics of these inputs."""
    norms = [norm for norm in network.modules() if isinstance(norm, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.2, 0.2)
        norm.momentum = 1.0
    network.train()(*inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()
