"""Learning rates that fall from the classifier to the first layers."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from .hybrid_classifier import HybridClassifier

__all__ = ["layer_groups"]


def layer_groups(
    network: HybridClassifier, learning_rate: float, encoder_rate: float = 1.0, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer, each with the rate of its layers (Clark et al. 2020, "ELECTRA", section 3.1).

    The first layers, whose features are general, change less than the last ones. In each branch the layer next to the
    classifier has ``layer_decay`` times the encoder's rate, and each earlier one that share of the rate of the next.

    Args:
        network: classifier of image and radiomics.
        learning_rate: rate of the classifier.
        encoder_rate: rate of all else, as a share of it.
        layer_decay: rate of a layer, as a share of the next one's; 1 for one rate.

    Returns:
        Groups with ``params`` and ``lr``: the classifier, then the rest, a group for each rate. What is frozen is in
        none.
    """
    head = list(network.head.parameters())
    depths = {} if layer_decay == 1 else _depths(network)
    rates: dict[float, list[Any]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad and not any(parameter is each for each in head):
            rate = encoder_rate * learning_rate * layer_decay ** depths.get(id(parameter), 1)
            rates.setdefault(rate, []).append(parameter)
    return [{"params": head, "lr": learning_rate}, *({"params": found, "lr": rate} for rate, found in rates.items())]


def _depths(network: HybridClassifier) -> dict[int, int]:
    """Number of layers from each parameter to the classifier, by its id."""
    branches = [reversed(layers) for layers in network.branches()]
    levels = enumerate(zip_longest(*branches, fillvalue=()), start=1)
    modules = ((depth, module) for depth, layers in levels for layer in layers for module in layer)
    return {id(parameter): depth for depth, module in modules for parameter in module.parameters()}
