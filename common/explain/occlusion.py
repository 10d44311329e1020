"""Occlusion sensitivity: the decrease of a probability when a part of the image is hidden."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from monai.transforms import Compose, Transposed
from monai.visualize import OcclusionSensitivity

__all__ = ["occlusion_map", "upright"]

# Parts of each axis, one of which is hidden at a time, by the number of axes: in steps of half a part, 15^2 or 5^3
# passes of the network.
PARTS = {2: 8, 3: 3}
BATCH = 4


def occlusion_map(network: torch.nn.Module, image: torch.Tensor, channel: int) -> np.ndarray:
    """Occlusion sensitivity (Zeiler and Fergus 2014, section 4.2), which needs no gradients: it works on TorchScript.

    A box with soft edges fades a part of all channels at a time to 0: an eighth of each axis of a slice, a third of a
    volume's, in steps of half a box.

    Args:
        network: network that returns probabilities.
        image: input of the network, ``[C, ...]``.
        channel: output channel to explain.

    Returns:
        For each pixel or voxel, decrease of the probability when it is hidden; negative where it increases.
    """
    steps = [math.ceil(size / PARTS[image.ndim - 1] / 2) for size in image.shape[1:]]  # rounded down, there is one more
    sizes = [min(2 * step, size) for step, size in zip(steps, image.shape[1:], strict=True)]  # of an axis of one: one
    occlusion = OcclusionSensitivity(
        network, mask_size=sizes, n_batch=BATCH, overlap=0.5, activate=False, verbose=False
    )
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's index is a list, which torch will not accept one day
        whole = float(network(image[None])[0, channel])
        hidden, _ = occlusion(image[None])
    return whole - hidden[0, channel].float().cpu().numpy()


def upright(array: np.ndarray, preprocessing: Compose) -> np.ndarray:
    """Undo the transposition of axes at the end of preprocessing, if there is one.

    Args:
        array: array with the axes of the network's input, ``[C, ...]``.
        preprocessing: transforms that made the input.
    """
    orders = [
        transform.transform.indices for transform in preprocessing.transforms if isinstance(transform, Transposed)
    ]
    for order in orders[::-1]:
        array = array.transpose(np.argsort(order))
    return array
