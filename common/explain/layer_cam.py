"""LayerCAM: class activation maps by pixel and modality."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets.efficientnet import MBConvBlock
from monai.visualize import GradCAM
from torch import nn

from ..errors import InputError

__all__ = ["LayerCAM", "layer_name"]


class LayerCAM(GradCAM):
    """Layer class activation maps (Jiang et al. 2021, "LayerCAM", eq. 5 and 6), one for each modality of a patient.

    ``M = ReLU(sum_k ReLU(dY_c / dA_k) * A_k)`` with the activations ``A`` of one layer and the logit ``Y_c``: Grad-CAM
    with a weight at each pixel instead of one per channel, which separates small objects ("LayerCAM can generate more
    fine-grained object localization information", Chiang et al. 2023, section 4.4). The rest is MONAI's Grad-CAM.

    For an encoder that the modalities share, the ``B`` patients' ``M`` modalities are ``B * M`` rows, whose maps are
    returned as ``[B, M]``. Maps are not normalised, so that shares can be measured. The hooks stay on the network.

    Args:
        nn_module: network from ``[B, M, H, W]`` to logits ``[B, K]`` (a softmax would mix the classes' gradients).
            Its parameters may be frozen.
        target_layer: number of the MBConv block, counted from 1 (paper: "the 11th convolution block of the trained base
            encoder"), or a name out of ``nn_module.named_modules()`` for other networks.

    Raises:
        InputError: there is no such layer, or the network returns probabilities.

    Example:
        >>> from monai.networks.nets import EfficientNetBN
        >>> net = EfficientNetBN("efficientnet-b0", in_channels=1, num_classes=2, pretrained=False)
        >>> LayerCAM(net, 11)(torch.rand(2, 1, 64, 64), class_idx=1).shape
        torch.Size([2, 1, 64, 64])
    """

    def __init__(self, nn_module: nn.Module, target_layer: int | str = 11) -> None:
        if getattr(nn_module, "probabilities", None) is not None:
            raise InputError(
                f"{type(nn_module).__name__}: found probabilities; expected logits, whose gradients belong to "
                "one class; set probabilities to null"
            )
        super().__init__(nn_module, layer_name(nn_module, target_layer), postprocessing=lambda maps: maps)

    def compute_map(
        self,
        x: torch.Tensor,
        class_idx: int | None = None,
        retain_graph: bool = False,
        layer_idx: int = -1,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Maps at the layer's own size.

        Args:
            x: images, ``[B, M, H, W]``.
            class_idx: index of the class to explain, the same for all images.
            retain_graph: whether to keep the graph, see :class:`monai.visualize.GradCAM`.
            layer_idx: index of the layer, see :class:`monai.visualize.GradCAM`.
            kwargs: further arguments of the network.

        Returns:
            Maps of 0 and above, ``[B, M, h, w]``, or ``[B, 1, h, w]`` if the network does not separate the channels.

        Raises:
            ValueError: there is no ``class_idx``; for a batch MONAI would sum the logits of all predicted classes.
        """
        if class_idx is None:
            raise ValueError("class_idx: found none; expected the index of the class to explain")
        # The input requires gradients, so that a frozen encoder has some too.
        inputs = x.detach().requires_grad_()
        with torch.enable_grad():
            _, activations, gradients = self.nn_module(inputs, class_idx, retain_graph, **kwargs)
        maps = (gradients[layer_idx].relu() * activations[layer_idx].detach()).sum(1).relu()
        self.nn_module.model.zero_grad()
        return maps.unflatten(0, (len(x), -1))


def layer_name(network: nn.Module, layer: int | str) -> str:
    """Name of a layer within ``network``.

    Args:
        network: any network.
        layer: number of an MBConv block of MONAI's EfficientNet, counted from 1, or a name, which is checked.

    Raises:
        InputError: there is no such layer.
    """
    names = dict(network.named_modules())
    blocks = [name for name, module in names.items() if isinstance(module, MBConvBlock)]
    if isinstance(layer, int) and 1 <= layer <= len(blocks):
        return blocks[layer - 1]
    if isinstance(layer, str) and layer in names:
        return layer
    owner = type(network).__name__
    if isinstance(layer, int):
        raise InputError(f"target_layer: found {layer}; expected 1 to {len(blocks)}, the MBConv blocks of {owner}")
    shown = ", ".join(list(names)[-4:])
    raise InputError(f"target_layer: found {layer!r}; expected a name out of {owner}'s modules, such as {shown}")
