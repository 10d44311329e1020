"""Folding of batch norms into the preceding convolutions, for passes in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from monai.networks.blocks import ADN, Convolution
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["folded_batch_norms"]


@contextmanager
@torch.no_grad()
def folded_batch_norms(network: nn.Module) -> Iterator[None]:
    """Within the block, fold the batch norms of ``network`` into its convolutions.

    In evaluation mode a batch norm is a scale and a shift by channel, which can be part of the weights and the bias of
    the preceding convolution: this saves a pass over the activations. It is applied to MONAI's blocks of convolution
    and batch norm (``adn_ordering`` that starts with ``N``). Afterwards parameters and buffers are the same objects
    again.

    Args:
        network: network in evaluation mode.

    Raises:
        AssertionError: the network is in training mode.
    """
    blocks = [module for module in network.modules() if isinstance(module, Convolution) and _starts_with_norm(module)]
    before = [(block, block.conv, block.adn.N) for block in blocks]
    try:
        for block, conv, norm in before:
            block.conv, block.adn.N = fuse_conv_bn_eval(conv, norm), nn.Identity()
        yield
    finally:
        for block, conv, norm in before:
            block.conv, block.adn.N = conv, norm


def _starts_with_norm(block: Convolution) -> bool:
    adn = getattr(block, "adn", None)
    return isinstance(adn, ADN) and isinstance(next(adn.children(), None), _BatchNorm)
