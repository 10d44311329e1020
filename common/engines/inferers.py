"""Low precision on any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import SimpleInferer

__all__ = ["AutocastInferer"]


class AutocastInferer(SimpleInferer):
    """Run the network under autocast on any device; ``amp`` of MONAI's engines supports CUDA only.

    bfloat16 has float32's range, so it needs no gradient scaling; weights, gradients and optimizer stay in float32.

    Args:
        device: device of the network.
        enabled: whether to use the low precision; if not, this is :class:`monai.inferers.SimpleInferer`.
        dtype: data type of the low precision.
    """

    def __init__(self, device: torch.device, enabled: bool = True, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.device_type = torch.device(device).type
        self.enabled = enabled
        self.dtype = dtype

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """The network's output for ``inputs``; a single tensor is returned in float32, which NumPy supports."""
        with torch.autocast(self.device_type, self.dtype, enabled=self.enabled):
            output = super().__call__(inputs, network, *args, **kwargs)
        return output.float() if isinstance(output, torch.Tensor) else output
