"""Workaround for a defect of torch's CPU kernels in low precision."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["in_float_where_small"]

_SMALL = 4  # voxels of the first axis before a stride of 2 leaves 2


def in_float_where_small(stage: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Run a stage of 3D convolutions, in float32 if bfloat16's gradient would be wrong.

    On CPUs, torch 2.13's (oneDNN's) bfloat16 gradient of 3D weights reads uninitialised memory, which sometimes
    contains NaN, when the first axis of a map has at most two voxels, as in clips of few slices. Such small maps cost
    next to nothing in float32.

    Args:
        stage: layers, with strides of at most 2.
        x: input of the stage, ``B[C]HWD``.

    TorchScript can't compile it: modules call the stage themselves when scripted.
    """
    if x.ndim == 5 and x.shape[2] <= _SMALL and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            return stage(x.float())
    return stage(x)
